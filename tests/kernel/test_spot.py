"""Interruption rates, checkpoint economics and the bursts that show checkpoints."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.spot.interruptions import (
    Checkpoints,
    band_hours,
    band_share,
    band_words,
    bursts,
    daly,
    gang_rate,
    overhead,
    rate_of_share,
    without_checkpoints,
    young,
)


@pytest.mark.parametrize(
    ("band", "share"),
    [
        ("<5%", 0.025),
        ("5-10%", 0.075),
        ("15–20 %", 0.175),
        (">20%", 0.25),
        ("20+", 0.25),
        ("12.5", 0.125),
        ("", None),
        ("low", None),
        ("20-15%", None),
        ("130%", None),
        ("1-2-3", None),
    ],
)
def test_bands_of_advisors(band: str, share: float | None) -> None:
    assert band_share(band) == (None if share is None else pytest.approx(share))


@pytest.mark.parametrize(("band", "hours"), [("5-10%/h", 1), ("> 20 % per hour", 1), ("20+/h", 1), ("5-10%", 730), ("", 730)])
def test_a_band_says_whether_it_is_an_hours(band: str, hours: float) -> None:
    assert band_hours(band) == hours
    assert band_words(band).endswith("an hour" if hours == 1 else "a month")
    assert "/h" not in band_words(band)


def test_the_same_share_of_an_hour_is_730_times_a_months() -> None:
    assert rate_of_share(0.075, band_hours("5-10%/h")).mean == pytest.approx(
        730 * rate_of_share(band_share("5-10%/h") or 0).mean
    )


def test_a_rate_is_its_prior_until_something_is_seen() -> None:
    prior = rate_of_share(0.175)
    assert prior.mean == pytest.approx(-math.log(1 - 0.175) / 730)
    after = prior.seen(10, 1000.0)
    assert prior.mean < after.mean < 10 / 1000
    assert after.quantile(0.05) < after.mean < after.quantile(0.95)


def test_more_history_narrows_the_interval() -> None:
    few, many = rate_of_share(0.1).seen(2, 200), rate_of_share(0.1).seen(200, 20_000)
    assert many.quantile(0.95) / many.quantile(0.05) < few.quantile(0.95) / few.quantile(0.05)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="no share"):
        rate_of_share(share)


@given(st.floats(1e-4, 0.2), st.floats(1e-5, 0.1), st.floats(0.1, 10))
def test_no_interval_has_less_overhead_than_youngs(write: float, rate: float, other: float) -> None:
    best = young(write, rate)
    costs = Checkpoints(write, 0.1)
    assert overhead(best, costs, rate) <= overhead(best * other, costs, rate) + 1e-12
    assert overhead(best, costs, rate) == pytest.approx(math.sqrt(2 * write * rate) + 0.1 * rate)


def test_daly_tends_to_young_and_ends_at_the_mean_time_between_interruptions() -> None:
    assert daly(0.001, 1e-4) == pytest.approx(young(0.001, 1e-4), rel=0.001)
    assert daly(25.0, 0.1) == 10.0


@given(st.floats(0.1, 200), st.floats(0, 0.5), st.floats(0, 1))
def test_without_checkpoints_time_only_grows(length: float, rate: float, restart: float) -> None:
    share = without_checkpoints(length, rate, restart)
    assert share >= 1
    assert without_checkpoints(length * 2, rate, restart) >= share - 1e-9


def test_a_gang_without_checkpoints_loses() -> None:
    # 16 nodes × a monthly share of 17.5 %, 60 h: e^(λL) with λL = 16 · 60 · 0.1924 / 730 = 0.253
    rate = gang_rate(rate_of_share(0.175).mean, 16)
    assert without_checkpoints(60, rate) == pytest.approx(math.expm1(rate * 60) / (rate * 60))
    assert gang_rate(0.1, 0) == 0.1


def written(minutes: int, *, every: int, long: int = 1, background: float = 1e6) -> list[tuple[float, float]]:
    return [(m / 60, 5e9 if m % every < long else background) for m in range(minutes)]


def test_bursts_show_interval_and_length() -> None:
    seen = bursts(written(300, every=12, long=2), 1 / 60)
    assert seen is not None
    assert (seen.interval, seen.length, seen.count) == (pytest.approx(0.2), pytest.approx(2 / 60), 25)


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [(m / 60, 1e9) for m in range(300)],  # a steady stream
        [(m / 60, 0.0) for m in range(300)],
        [(m / 60, 5e9 if m in (3, 50, 60, 190, 200, 280) else 1e6) for m in range(300)],  # no period
        written(20, every=12),  # two are no period
    ],
)
def test_no_period_is_no_checkpoint(samples: list[tuple[float, float]]) -> None:
    assert bursts(samples, 1 / 60) is None
