"""The level to commit to for a year: what it must do whatever the demand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.commitment.policy import (
    BROAD,
    NARROW,
    LevelPolicy,
    Siblings,
    Step,
    largest_step,
    outlook,
    siblings,
    times_smaller,
)

DAYS = 400


def noisy(path: np.ndarray, seed: int = 0) -> np.ndarray:
    """Daily levels with 5 % noise."""
    return np.asarray(path * np.random.default_rng(seed).normal(1, 0.05, len(path)).clip(0.5))


@given(st.floats(1e-3, 1e6), st.sampled_from([BROAD, NARROW]), st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_the_unit_does_not_matter(scale: float, policy: LevelPolicy, seed: int) -> None:
    demand = noisy(np.linspace(50, 100, DAYS), seed)
    once, scaled = (outlook(d, 1, policy).level(0.3) for d in (demand, demand * scale))
    assert scaled == pytest.approx(once * scale, rel=1e-6)


@given(st.integers(0, 50), st.sampled_from([BROAD, NARROW]))
@settings(max_examples=20, deadline=None)
def test_a_larger_discount_never_buys_less(seed: int, policy: LevelPolicy) -> None:
    view = outlook(noisy(np.cumsum(np.random.default_rng(seed).normal(0, 1, DAYS)).clip(-20) + 60, seed), 1, policy)
    levels = [view.level(d) for d in np.linspace(0.05, 0.6, 8)]
    assert levels == sorted(levels)


def test_growth_buys_more_than_decline_and_steady_demand_less_than_itself() -> None:
    up, flat, down = (outlook(noisy(np.linspace(a, 100, DAYS)), 1, BROAD).level(0.3) for a in (50, 100, 180))
    assert up > flat > down
    assert 75 < flat < 100
    assert down < 70


def test_a_family_that_is_being_left_is_not_locked_into() -> None:
    path = np.concatenate([np.full(DAYS - 90, 100.0), np.linspace(100, 35, 90)])
    left, calm = (outlook(noisy(p), 1, NARROW) for p in (path, np.full(DAYS, 100.0)))
    assert left.level(0.27) < 10
    assert calm.level(0.27) > 60


def test_restless_families_make_a_lock_smaller() -> None:
    demand = noisy(np.full(120, 100.0))
    levels = [outlook(demand, 1, NARROW, Siblings(s, None)).level(0.3) for s in (None, 0.3, 0.8)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 0.6 * levels[0]


@pytest.mark.parametrize("demand", [np.ones(59), np.zeros(DAYS), np.concatenate([np.ones(DAYS), np.zeros(8)])])
def test_too_little_or_nothing_that_runs_is_not_committed_to(demand: np.ndarray) -> None:
    view = outlook(demand, 1, BROAD)
    assert (view.scenarios, view.level(0.4)) == ((), 0.0)


def test_what_leaves_before_it_pays_is_not_committed_to() -> None:
    policy = replace(BROAD, leaving=1.0)
    assert outlook(np.full(DAYS, 100.0), 1, policy).level(0.27) == 0


@given(st.integers(0, 30), st.sampled_from([0.2, 0.27, 0.4]))
@settings(max_examples=15, deadline=None)
def test_the_level_of_one_lookback_maximizes_the_expected_saving(seed: int, discount: float) -> None:
    policy = replace(BROAD, lookbacks=(28,))
    view = outlook(noisy(np.linspace(80, 100, DAYS), seed), 1, policy)
    best = view.level(discount)

    def expected(level: float) -> float:
        return (
            float(sum(np.minimum(s, level).mean(axis=(1, 2)) @ view.stays for s in view.scenarios) / len(view.stays))
            - (1 - discount) * level
        )

    assert expected(best) >= max(expected(best * share) for share in (0.9, 0.97, 1.03, 1.1)) - 1e-3 * best


def test_savings_by_scenario_are_probabilities() -> None:
    amounts, weights = outlook(noisy(np.full(DAYS, 100.0)), 1, NARROW).savings(80.0, 0.3)
    assert weights.sum() == pytest.approx(1)
    assert amounts.max() == pytest.approx(80 * 0.3, rel=1e-6)
    assert 0 < float(weights[amounts < 0].sum()) < 0.5


def test_families_show_their_volatility_and_how_often_they_are_left() -> None:
    months = np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.2, (40, 24)), axis=1)).clip(0.4)
    steady = [np.repeat(m, 30) for m in months]
    seen = siblings(steady, NARROW)
    assert seen.monthly == pytest.approx(0.2, rel=0.2)
    dying = [np.concatenate([np.full(360, 10.0), np.full(90, 0.5)]) for _ in range(20)]
    lived, late = 360 / 365, 360 / 365 - NARROW.mature
    lived += late**2 / NARROW.mature + late**3 / 3 / NARROW.mature**2
    assert siblings(dying, NARROW).leaving == pytest.approx((20 + 3) / (20 * lived + 20), rel=0.01)
    assert seen.monthly < np.sqrt(np.median(np.square(np.diff(np.log(months)))) / 0.455), "beside a year of the policy's"
    assert siblings([np.ones(60)], NARROW) == Siblings(NARROW.monthly, NARROW.leaving, NARROW.ending)
    assert siblings([np.ones(480)] * 22, NARROW).leaving == NARROW.leaving, "they would be left together"


def test_a_small_family_leaves_sooner_than_a_large_one() -> None:
    large, small, none = np.full(DAYS, 60.0), np.full(DAYS, 20.0), np.zeros(DAYS)
    assert times_smaller(small, [large, small, none]) == pytest.approx((60**2 + 20**2) / 80 / 20)
    assert times_smaller(large, [large, small, none]) == 1, "the policy's rate is the least"
    assert times_smaller(small, [small] * 20) == 1, "equal families are no smaller than the usual one"
    assert times_smaller(none, [large, small, none]) == times_smaller(small, []) == 1
    stays = [outlook(small[:200], 1, NARROW, smaller=times).stays[-1] for times in (1.0, 3.0)]
    assert stays[1] == pytest.approx(stays[0] ** 3)
    assert outlook(small, 1, NARROW, smaller=30.0).level(0.4) == 0


def test_once_mature_a_family_leaves_sooner_with_every_year() -> None:
    young, old = (outlook(np.full(days, 10.0), 1, NARROW).stays for days in (91, 730))
    late = 15 / 16
    assert old[-1] == pytest.approx(np.exp(-NARROW.leaving * ((2 + late) ** 3 - 2**3) / 3 / NARROW.mature**2))
    assert young[0] == pytest.approx(np.exp(-NARROW.leaving / 16)), "not before"
    ages = [outlook(np.full(days, 10.0), 1, BROAD).stays[-1] for days in (91, 730)]
    assert ages[0] == ages[1], "a company's whole demand does not age"


def test_a_step_stands_above_the_fortnight_before_it() -> None:
    block = np.concatenate([np.full(40, 5.0), np.full(60, 25.0), np.full(30, 6.0)])
    assert largest_step(block[:90]) == Step(20.0, 40, None)
    assert largest_step(block) == Step(20.0, 40, 100)
    sawtooth = np.tile([0.0, 80.0, 120.0], 40)
    assert largest_step(sawtooth) is None
    assert largest_step(np.full(30, 9.0)) is None
    assert largest_step(block[20:50]) is None, "ten days are no fortnight"


def test_where_projects_end_what_came_at_once_is_not_locked_into() -> None:
    young = np.concatenate([np.zeros(100), np.full(100, 50.0)])
    grown = np.concatenate([np.linspace(1, 50, 100), np.full(100, 50.0)])
    ended = [np.concatenate([np.zeros(20 + 5 * n), np.full(60, 40.0), np.zeros(120 - 5 * n)]) for n in range(8)]
    stayed = [np.concatenate([np.zeros(20 + 5 * n), np.full(180 - 5 * n, 40.0)]) for n in range(8)]
    restless, steady = siblings(ended, NARROW), siblings(stayed, NARROW)
    assert restless.ending == pytest.approx((8 + 0.3) / (8 * 60 / 365 + 1))
    assert steady.ending == pytest.approx(0.3 / (sum(180 - 5 * n for n in range(8)) / 365 + 1))

    def bought(path: np.ndarray, ending: float | None) -> float:
        return outlook(path, 1, NARROW, Siblings(None, 0.05, ending)).level(0.27)

    assert bought(young, restless.ending) == 0
    assert bought(young, steady.ending) > 20
    by_day = bought(grown, restless.ending)
    assert by_day == pytest.approx(bought(grown, steady.ending), rel=0.05), "what grew day by day is no step"
    assert outlook(young, 1, BROAD, Siblings(None, 0.05, 9.0)).level(0.27) > 20, "a plan across machines looks for none"
