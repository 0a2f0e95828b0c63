"""Scaled groups: replay, vendors' rules, hindsight, and policies that know only what was known."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.scaling.foresight import forecasts, must_hold, wanted_by_worth
from finops.scaling.group import (
    Group,
    HorizontalPodAutoscaler,
    Scheduled,
    StepThresholds,
    TargetTracking,
    clairvoyant,
    clairvoyant_within,
    replayed,
    scored,
)
from finops.scaling.policies import BURST_STEPS, KNOWN_STEPS, CheaperThan, Replays, WithinBudget, leaping, safest
from finops.scaling.regression import Ridge, foreseen, learned_by_worth
from finops.scaling.search import found_policy
from finops.scaling.traffic import Samples, from_zero, peak_hours, per_minute, spans, work_of

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


def test_nothing_after_a_decision_changes_the_regression() -> None:
    """With history enough for it to be followed."""
    start, changed = 2 * KNOWN_STEPS, 2 * KNOWN_STEPS + 150
    load, group = noisy(changed + 100), Group(boot=3)
    other = np.concatenate([load[:changed], 5 * load[changed:]])
    mine, others = (np.stack(foreseen(x, group, 200)) for x in (load, other))
    assert np.array_equal(mine[:, : changed + 1], others[:, : changed + 1])
    learned, anew = (learned_by_worth(x, group, 200) for x in (load, other))
    assert np.array_equal(learned[:, : changed + 1], anew[:, : changed + 1])
    assert not np.array_equal(learned, anew)
    one, two = (WithinBudget().wanted(x, group, start, 200) for x in (load, other))
    assert np.array_equal(one[:151], two[:151])
    rule = TargetTracking(0.6, 5)
    one, two = (CheaperThan().wanted(x, group, start, rule.wanted(x, group), 200) for x in (load, other))
    assert np.array_equal(one[:151], two[:151])
    assert not np.array_equal(one, two)


def test_a_ridge_finds_a_line_and_forgets_an_old_one() -> None:
    rng = np.random.default_rng(1)
    x = np.stack([np.ones(20_000), rng.normal(size=20_000)], axis=1)
    ridge = Ridge(2, start=0.7)
    assert ridge.says(x[:1]) == pytest.approx([0.7])
    ridge.learn(x[:4000], x[:4000] @ [1.0, 2.0])
    assert ridge.says(x[:5]) == pytest.approx(x[:5] @ [1.0, 2.0], abs=0.01)
    for at in range(4000, 20_000, 100):  # four half-lives
        ridge.learn(x[at : at + 100], x[at : at + 100] @ [0.0, -1.0])
    assert ridge.says(np.array([[1.0, 0.0]])) == pytest.approx([1 / 16], abs=0.02)


def test_the_regression_knows_when_errors_are_large() -> None:
    """Half of each day is calm, half is restless about the same level: the scale says which, and units follow."""
    rng = np.random.default_rng(2)
    restless = np.arange(6000) % 400 >= 200
    load = 10 * rng.lognormal(0, np.where(restless, 0.3, 0.03))
    group = Group(boot=1)
    _, scale = foreseen(load, group, 0)
    settled = (np.arange(6000) > 3000) & (np.arange(6000) % 200 > 40)
    assert np.exp(scale[settled & restless]).mean() > 3 * np.exp(scale[settled & ~restless]).mean()
    units = learned_by_worth(load, group, 0)[6]
    assert units[settled & restless].mean() > 1.3 * units[settled & ~restless].mean()


def test_what_pays_serves_its_worth() -> None:
    """Of a load without memory: the last unit wanted is needed at least once in `worth` steps, the next one is not."""
    rng = np.random.default_rng(3)
    load = rng.lognormal(2, 0.3, 20_000)
    units = learned_by_worth(load, Group(boot=0), 0)[2, 10_000:]  # worth 8
    for least, most, extra in ((1 / 8, 1 / 5, 0), (1 / 12, 1 / 8, 1)):
        served = np.clip(load[10_000:] - units + 1 - extra, 0, 1).mean()
        assert 0.85 * least < served < 1.15 * most


def test_a_budget_is_not_held_beyond_the_cost_allowed() -> None:
    """A load of leaps: 1, for a minute 20. Holding 20 at all times would cost tens of times the load."""
    rng = np.random.default_rng(4)
    load = np.where(rng.random(3000) < 0.05, 20.0, 1.0)
    group, half = Group(boot=3), 1500
    costs = [scored(WithinBudget(most=most).wanted(load, group, half), load[half:], group) for most in (1.6, 3.0)]
    assert costs[0].cost <= 1.6 * 1.03 < costs[1].cost <= 3.0 * 1.03
    assert costs[1].unserved < costs[0].unserved


def test_the_worst_burst_so_far_is_known() -> None:
    """Of 4 units for three steps, and of one unit after it."""
    load = np.ones(300)
    load[100:103], load[102 + BURST_STEPS] = 5.0, 2.0
    worst = Replays.of(np.ones((1, 1, 300), dtype=np.int64), load, Group(boot=1)).worst_burst(0)
    assert worst[[99, 100, 102, 299]].tolist() == [0.0, 4.0, 12.0, 12.0]


def test_a_rise_is_squared_until_units_could_have_been_ordered_for_it() -> None:
    """From 2 to 4 and back: known two steps later, as a mean of three."""
    load = np.concatenate([np.full(10, 2.0), np.full(10, 4.0), np.full(10, 2.0)])
    higher = leaping(load, Group(boot=1))
    assert higher[:10].tolist() == [2.0] * 10
    assert higher[10:15] == pytest.approx([8, 8, 4 * 4 / (8 / 3), 4 * 4 / (10 / 3), 4])
    assert higher[15:].tolist() == load[15:].tolist()


def test_what_cost_allows_is_held_against_a_leap_never_seen() -> None:
    """A calm wave, and after its half two fifths more out of nothing, at 85 % of what tracking at 60 % costs."""
    wave, group, half = 20 - 14 * np.cos(2 * np.pi * np.arange(4000) / 400), Group(boot=3), 2000
    load = wave * np.where(np.arange(4000) // 100 == 35, 1.4, 1.0)
    rule = TargetTracking(0.6, 5).wanted(load, group)
    tracking = scored(rule[half:], load[half:], group)
    cheaper = scored(CheaperThan().wanted(load, group, half, rule, 400), load[half:], group)
    assert cheaper.cost <= 0.85 * tracking.cost
    assert cheaper.unserved == 0


def test_the_safest_within_a_cost_decide_together() -> None:
    unserved = np.array([0.0, 7.0, 1.0, 6.0, 5.0, 4.0, 3.0, 2.0])
    billed = np.array([9.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    assert safest(billed, unserved, 3.0).tolist() == [2, 7, 6, 5, 4]
    assert safest(billed, unserved, 1.5).tolist() == [1]
    assert safest(billed, unserved, 0.5).tolist() == [1]


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
    load, group = noisy(14 * 1440, day=1440), Group(boot=7)
    found = found_policy(load, group, budget=0.001, highest=0.75)
    assert found is not None
    assert found.fit.unserved <= 0.001
    assert found.rule.cooldown == 8
    assert scored(found.policy.wanted(load, found.group), load, found.group) == found.fit
    assert found_policy(10 * load, Group(boot=7, maximum=5), budget=0.001, highest=0.75) is None


def test_a_steep_morning_gets_a_scheduled_minimum() -> None:
    day = np.concatenate([np.full(480, 1.0), np.full(600, 20.0), np.full(360, 1.0)])
    load = np.tile(day, 14)
    found = found_policy(load, Group(boot=15), budget=0.001, highest=0.75, minute=0)
    assert found is not None
    assert isinstance(found.policy, Scheduled)
    assert found.policy.minimum[7 * 60] == 27  # ordered in the hour before
    assert spans(found.policy.minimum) == ((0, 7, 2), (7, 18, 27), (18, 24, 2))
    assert found.fit.unserved <= 0.001


def at(hour: int) -> datetime:
    return datetime(2026, 10, 1, tzinfo=UTC) + timedelta(hours=hour)


def test_work_is_counted_by_period_over_all_metrics() -> None:
    jobs = Samples(tuple(at(h) for h in range(10)), (0, 0, 1, 1, 0, 0, 0, 0, 0, 0), 3600)
    gpus = Samples(tuple(at(h) for h in range(10)), (0, 0, 0, 1, 1, 0, 1, 0, 0, 0), 3600)
    work = work_of((jobs, gpus), at(10))
    assert (work.hours, work.busy_hours, work.starts) == (10, 4, 2)
    assert (work.quiet_hours, work.pause_hours) == (3, 2)
    assert work_of((Samples((at(0), at(1)), (0, 0), 3600),), at(2)).quiet_hours == 2


def test_load_by_the_minute_joins_the_middles_of_periods() -> None:
    level = per_minute(Samples((at(0), at(1)), (3600.0, 7200.0), 3600), counter=True)
    assert len(level) == 120
    assert level[:30].tolist() == [1.0] * 30
    assert level[60] == pytest.approx(1.5 + 0.5 / 60)
    assert level[-30:].tolist() == [2.0] * 30


def test_peaks_and_starts_are_said_in_words() -> None:
    load = np.tile(np.concatenate([np.zeros(480), np.full(600, 2.0), np.zeros(360)]), 2)
    assert peak_hours(load, at(0)).startswith("peak hours (UTC): 08–18; a load of 2.0")
    assert from_zero(load, 7).startswith("min 0: 30 times a month the first requests would wait 7 minutes")
    assert from_zero(load + 1, 7) == "min 0: there is no minute without requests"
