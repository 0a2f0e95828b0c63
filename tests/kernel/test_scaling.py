"""Scaled groups: replay, vendors' rules, hindsight, and policies that know only what was known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.autoscaler import CheaperThan, WithinBudget
from finops.foresight import forecasts, must_hold, wanted_by_worth
from finops.scaling import (
    Group,
    HorizontalPodAutoscaler,
    Scheduled,
    StepThresholds,
    TargetTracking,
    clairvoyant,
    clairvoyant_within,
    found_minimum,
    found_policy,
    replayed,
    scored,
)

LOADS = st.lists(st.floats(0.0, 5.0), min_size=6, max_size=6).map(np.array)


def noisy(steps: int, seed: int = 1, day: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wave = 10 - 7 * np.cos(2 * np.pi * np.arange(steps) / day)
    return wave * rng.lognormal(0, 0.08, steps)


def test_a_unit_serves_after_its_boot_and_is_billed_until_drained() -> None:
    wanted = np.array([1, 1, 3, 3, 3, 3, 1, 1, 1])
    capacity = replayed(wanted, Group(boot=2, drain=1))
    assert capacity.ready.tolist() == [1, 1, 1, 1, 3, 3, 1, 1, 1]
    assert capacity.billed.tolist() == [1, 1, 3, 3, 3, 3, 3, 1, 1]


def test_a_score_counts_booting_units_and_what_is_short() -> None:
    score = scored(np.array([1, 2, 2, 2]), np.array([1.0, 1.5, 1.5, 2.0]), Group(boot=1, drain=0))
    assert score.cost == pytest.approx(7 / 7)
    assert score.ready_cost == pytest.approx(6 / 7)
    assert score.unserved == pytest.approx(0.5 / 6)
    assert score.short_steps == 0.25


@pytest.mark.parametrize("wrong", [{"boot": -1}, {"boot": 1, "lag": 0}, {"boot": 1, "minimum": 3, "maximum": 2}])
def test_what_is_no_group_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"steps|exclude"):
        Group(**wrong)


def test_target_tracking_waits_to_scale_in() -> None:
    load = np.array([6.0, 6.0, 3.0, 3.0, 3.0, 3.0, 6.0, 6.0])
    wanted = TargetTracking(0.6, cooldown=3).wanted(load, Group(boot=1))
    assert wanted.tolist() == [10, 10, 10, 5, 5, 5, 5, 10]
    load = np.array([3.0, 3.0, 6.0, 3.0, 3.0, 3.0, 3.0])
    assert TargetTracking(0.6, cooldown=3).wanted(load, Group(boot=1)).tolist() == [5, 5, 5, 10, 10, 10, 5]
    assert TargetTracking(0.6, 3).wanted(load, Group(boot=1, maximum=7)).tolist() == [5, 5, 5, 7, 7, 7, 5]


def test_step_scaling_does_not_flap() -> None:
    load = np.full(20, 1.9)  # 63 % of three units, 95 % of two
    wanted = StepThresholds(high=0.7, low=0.65, cooldown=1).wanted(load, Group(boot=1))
    assert set(wanted.tolist()) == {3}
    with pytest.raises(ValueError, match="flap"):
        StepThresholds(high=0.5, low=0.5, cooldown=1)


def test_the_pod_autoscaler_tolerates_a_tenth_and_remembers_the_highest() -> None:
    load = np.array([7.0, 7.0, 7.5, 10.0, 5.0, 5.0, 5.0, 5.0])
    wanted = HorizontalPodAutoscaler(0.7, stabilization=2).wanted(load, Group(boot=1))
    assert wanted.tolist() == [10, 10, 10, 10, 15, 15, 15, 8]


def test_a_schedule_holds_a_minimum_by_position() -> None:
    load = np.full(6, 1.0)
    wanted = Scheduled(TargetTracking(0.5, 1), (0, 4, 0)).wanted(load, Group(boot=1))
    assert wanted.tolist() == [2, 4, 2, 2, 4, 2]


@settings(max_examples=40, deadline=None)
@given(LOADS, st.integers(0, 2), st.integers(0, 1), st.sampled_from([1.5, 4.0, 30.0]))
def test_hindsight_is_the_best_of_all_plans(load: np.ndarray, boot: int, drain: int, worth: float) -> None:
    """Of all runs of service of a single unit, by brute force: units are independent, so one is enough."""
    one, group = np.minimum(load, 1.0), Group(boot=boot, drain=drain, minimum=0, maximum=1)

    def cost(serving: tuple[int, ...]) -> float:
        total = 0.0
        for t, serves in enumerate(serving):
            starts = serves and (t == 0 or not serving[t - 1])
            ends = serves and (t == len(serving) - 1 or not serving[t + 1])
            total += (1.0 if serves else worth * one[t]) + (boot if starts else 0) + (drain if ends else 0)
        return total

    least = min(cost(serving) for serving in itertools.product((0, 1), repeat=len(one)))
    before = np.concatenate([np.zeros(boot + 1), one, np.zeros(drain + 1)])  # room to order ahead and to drain
    wanted = clairvoyant(before, group, worth)
    capacity = replayed(wanted, group)
    paid = capacity.billed.sum() + worth * np.maximum(before - capacity.ready, 0.0).sum()
    assert paid <= least + 1e-9


def test_hindsight_within_a_budget_is_cheaper_than_any_rule() -> None:
    load, group = noisy(600), Group(boot=3)
    best = scored(clairvoyant_within(load, group, 0.001), load, group)
    assert best.unserved <= 0.001
    for target in (0.5, 0.6, 0.7, 0.8, 0.9):
        rule = scored(TargetTracking(target, 5).wanted(load, group), load, group)
        assert best.cost < rule.cost or rule.unserved > 0.001


def test_what_must_be_held_is_the_highest_until_a_unit_could_come() -> None:
    assert must_hold(np.array([1.0, 3.0, 2.0, 5.0]), 1).tolist() == [3.0, 3.0, 5.0, 5.0]


@pytest.mark.parametrize("boot", [1, 3])
def test_nothing_after_a_decision_changes_it(boot: int) -> None:
    """A load that turns out otherwise from step 500 on: decisions up to step 500 are the same."""
    load, group = noisy(700), Group(boot=boot)
    other = np.concatenate([load[:500], 5 * load[500:]])
    for one, two in zip(forecasts(load, group, 200).values(), forecasts(other, group, 200).values(), strict=True):
        assert np.array_equal(one[:501], two[:501])
    assert np.array_equal(wanted_by_worth(load, group, 200)[:, :, :501], wanted_by_worth(other, group, 200)[:, :, :501])
    policy = WithinBudget()
    assert np.array_equal(policy.wanted(load, group, 400, 200)[:101], policy.wanted(other, group, 400, 200)[:101])
    rule = TargetTracking(0.6, 5)
    mine, others = (CheaperThan().wanted(x, group, 400, rule.wanted(x, group), 200)[:101] for x in (load, other))
    assert np.array_equal(mine, others)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_within_the_budget_and_cheaper_than_target_tracking(seed: int) -> None:
    load, group, half = noisy(3000, seed), Group(boot=3), 1500
    rule = TargetTracking(0.6, 5).wanted(load, group)
    tracking = scored(rule[half:], load[half:], group)
    within = scored(WithinBudget().wanted(load, group, half, 200), load[half:], group)
    assert within.unserved <= 0.001
    assert within.cost < 0.85 * tracking.cost
    cheaper = scored(CheaperThan().wanted(load, group, half, rule, 200), load[half:], group)
    assert cheaper.unserved <= 0.0001  # target tracking leaves nothing here
    assert cheaper.cost <= 0.85 * tracking.cost


def test_the_found_policy_holds_its_budget_on_what_it_was_found_on() -> None:
    load, group = noisy(1000), Group(boot=7)
    found = found_policy(load, group, budget=0.001, targets=(0.5, 0.6, 0.7, 0.8), cooldowns=(5, 15))
    assert found is not None
    assert found.fit.unserved <= 0.001
    assert found_minimum(load, found, budget=0.001, highest=4).fit.unit_steps <= found.fit.unit_steps
    assert found_policy(10 * load, Group(boot=7, maximum=5), budget=0.001, targets=(0.5,), cooldowns=(5,)) is None
