"""Sizes by risk: the newsvendor's answer, levels that shifted, trends, and what may never be exceeded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.sizing.curve import RISKS, conformal_bound, level_since, load_curve, peak_bound, pettitt, trend

LADDER = [100 * 2.0**k for k in range(-6, 1)]


def days(*levels: float, noise: float = 0.0, an_hour: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Ages in days and loads, one level a day, the last day last."""
    load = np.repeat(np.array(levels, float), 24 * an_hour)
    wave = noise * np.sin(np.arange(len(load)) * 2 * math.pi / 11)
    return np.arange(len(load))[::-1] / (24 * an_hour), load + wave


def test_a_steady_load_needs_itself_and_more_only_beyond_what_was_seen() -> None:
    curve = load_curve(*days(*[20.0] * 14))
    assert curve.size(0.5) == 20.0
    assert curve.size(0.02) == pytest.approx(20.0, abs=0.01)
    # three points a tenth of the risk, less a tenth of them at 20 % load: 20 + 3 × 2 × 0.9
    assert curve.size(0.0002) == pytest.approx(25.4, abs=0.01)


def test_who_leaps_higher_is_expected_to_leap_higher_still() -> None:
    age, calm = days(*[20.0] * 14)
    leaping = calm.copy()
    leaping[::100] = 60.0  # one sample in a hundred: above its p95, seen many times
    quiet, restless = load_curve(age, calm), load_curve(age, leaping)
    assert restless.size(0.05) == quiet.size(0.05)
    # below a risk of 0.002 each tenth adds a fifth of 60 − 20 to the three points: both less 30 % at a load of 60 %
    assert restless.size(0.0002) - restless.size(0.002) == pytest.approx((3 + 0.2 * 40) * 0.7, abs=0.05)
    assert quiet.size(0.0002) - quiet.size(0.002) == pytest.approx(3 * 0.9, abs=0.05)


def test_the_size_is_a_quantile_of_what_was_seen() -> None:
    age, _ = days(*[0.0] * 14)
    load = np.random.default_rng(1).permutation(len(age)) * 100 / len(age)
    assert load_curve(age, load).size(0.05) == pytest.approx(95, abs=2)
    assert load_curve(age, load).unserved(0.0) == pytest.approx(50, abs=2)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.floats(1e-8, 0.9))
def test_the_ladder_takes_what_costs_least(loads: list[float], risk: float) -> None:
    curve = load_curve(np.arange(len(loads))[::-1] / 2, loads)
    chosen = LADDER[curve.choice(risk, LADDER)]
    totals = {size: size + curve.unserved(size) / risk for size in LADDER}
    assert totals[chosen] == min(totals.values())
    smaller_risk = LADDER[curve.choice(risk / 10, LADDER)]
    assert smaller_risk >= chosen
    assert curve.size(risk / 10) >= curve.size(risk)


def test_prices_move_the_choice() -> None:
    curve = load_curve(*days(*[20.0] * 14, noise=15.0))
    assert LADDER[curve.choice(0.05, LADDER)] == 50.0
    assert LADDER[curve.choice(0.05, LADDER, [1e-9 * size for size in LADDER])] == 100.0


def test_recent_days_weigh_more() -> None:
    rising = load_curve(*days(10, 10, 10, 10, 30, 30)).size(0.3)
    falling = load_curve(*days(30, 30, 10, 10, 10, 10)).size(0.3)
    assert falling < rising


def test_how_much_the_latest_says_is_a_knob() -> None:
    age, load = days(10, 10, 10, 10, 30, 30)
    calm, even, eager = (load_curve(age, load, recent=say).size(0.4) for say in (0.0, 2 / 3, 1.0))
    assert calm < even < eager
    assert (calm, eager) == pytest.approx((10, 30), abs=1)


def test_after_a_shift_only_the_new_level_counts() -> None:
    shifted = load_curve(*days(*[60.0] * 8, *[20.0] * 8, noise=2.0))
    assert shifted.shifted
    assert shifted.since == 8.0
    assert shifted.size(0.02) <= 22.1
    assert not load_curve(*days(*[20.0, 60.0] * 8, noise=2.0)).shifted


@pytest.mark.parametrize(
    ("levels", "since"),
    [
        ([60] * 10 + [20] * 4, math.inf),  # less than a weekly cycle ago
        ([60] * 6 + [20] * 7, math.inf),  # 13 days
        ([60] * 7 + [20] * 7, 7.0),
        ([20] * 20, math.inf),
    ],
)
def test_when_a_level_shifted(levels: list[float], since: float) -> None:
    assert level_since(*days(*levels, noise=0.5)) == since


def test_pettitt_finds_the_break() -> None:
    place, chance = pettitt([1, 2, 1, 2, 1, 2, 1, 2, 8, 9, 8, 9, 8, 9, 8, 9])
    assert place == 8
    # U = 64: 2·exp(−6·64² / (16³ + 16²))
    assert chance == pytest.approx(2 * math.exp(-6 * 64**2 / (16**3 + 16**2)))


def test_trends() -> None:
    rising = trend([10 + 0.5 * day + (day % 3) for day in range(30)])
    assert rising.rises
    assert rising.slope == pytest.approx(0.5, abs=0.05)
    assert not trend([10 - day for day in range(30)]).rises
    assert not trend([day % 2 for day in range(30)]).rises
    assert not trend([1, 2, 3]).rises


@pytest.mark.parametrize(("risk", "bound"), [(0.1, 9), (0.2, 8), (0.05, None)])
def test_a_conformal_bound_needs_enough_peaks(risk: float, bound: float | None) -> None:
    assert conformal_bound([5, 1, 9, 2, 4, 3, 8, 7, 6], risk) == bound


def test_memory_is_sized_above_its_highest_and_above_what_its_records_rose_by() -> None:
    age = np.arange(24)[::-1] / 24
    assert peak_bound(age, [10.0] * 24) == pytest.approx(12.0)
    assert peak_bound(age, [5.0] * 18 + [10.0] * 6) == pytest.approx(20.0)  # it doubled once: it may again
    with pytest.raises(ValueError, match="nothing"):
        peak_bound([], [])


def test_a_curve_needs_samples() -> None:
    with pytest.raises(ValueError, match="nothing"):
        load_curve([1.0], [math.nan])
    assert (np.diff(load_curve([1.0], [3.0]).levels) >= 0).all()
    assert RISKS[0] == 1.0
