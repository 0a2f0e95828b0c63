"""A provider's policy for a group, found by replaying its own traffic minute by minute."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from finops.scaling.foresight import must_hold
from finops.scaling.group import (
    Floats,
    Group,
    HorizontalPodAutoscaler,
    Rule,
    Scheduled,
    Score,
    StepThresholds,
    TargetTracking,
    scored,
)

DAY = 1440  # minutes
LOWEST_TARGET = 0.3
STEP = 0.05
BUSY_DAY = 0.9
"""A scheduled minimum holds the hour's highest load of nine days in ten."""

WINDOW = 5  # minutes that a threshold's metric is averaged over: what the policies of the patches say
STEPS = (1, 2, 4)  # units at once
SCALE_IN = (0.6, 0.8)  # of the threshold for scaling out

Rules = Callable[[float, int], Sequence[Rule]]
"""The rules that a scaler offers at a target, with so many minutes before a scale-in."""


def tracking(target: float, cooldown: int) -> Sequence[Rule]:
    """As many units as keep each at the target."""
    return (TargetTracking(target, cooldown),)


def thresholds(target: float, cooldown: int) -> Sequence[Rule]:
    """Some units more above the target, some fewer below a second threshold, then a pause."""
    return [StepThresholds(target, low * target, cooldown, step, WINDOW) for step in STEPS for low in SCALE_IN]


def pods(target: float, cooldown: int) -> Sequence[Rule]:
    """As many pods as keep each at the target, down to the highest number of the last minutes."""
    return (HorizontalPodAutoscaler(target, cooldown),)


@dataclass(frozen=True, slots=True)
class Found:
    """A policy, the rule in it, the group's bounds, and the replay that chose them."""

    policy: Rule | Scheduled
    rule: Rule
    group: Group
    fit: Score

    @property
    def scale_in(self) -> float:
        """Use of a unit below which one goes: a threshold of its own, or where one fewer would still be within the target."""
        least = max(2, self.group.minimum)
        return self.rule.low if isinstance(self.rule, StepThresholds) else self.rule.target * (least - 1) / least


def found_policy(
    load: Floats, group: Group, *, budget: float, highest: float, minute: int = 0, rules: Rules = tracking
) -> Found | None:
    """The policy whose replay is cheapest with at most `budget` of the load unserved; None where no target holds that.

    `load` is by the minute, in replicas, and begins at `minute` of a day. The cheapest of the rules at the highest target that
    holds, `highest` at most, with the minimum that is cheapest for it; or, where cheaper by a fiftieth, a higher target with
    a minimum by hour. The cooldown before a scale-in lasts until the last scale-out has shown its effect, 5 minutes at least.
    """
    best: Found | None = None
    for target in np.arange(highest, LOWEST_TARGET - 1e-9, -STEP):
        each = [_replayed(load, rule, group) for rule in rules(round(float(target), 2), max(5, group.boot + 1))]
        plain = min(each, key=lambda found: (found.fit.unserved > budget, found.fit.unit_steps))
        if best is None:
            timed = [_scheduled(load, found, minute) for found in each]
            held = [found for found in timed if found.fit.unserved <= budget]
            best = min(held, key=lambda found: found.fit.unit_steps, default=None)
        if plain.fit.unserved <= budget:
            plain = _with_minimum(load, plain, budget)
            return best if best is not None and best.fit.unit_steps < 0.98 * plain.fit.unit_steps else plain
    return best


def _replayed(load: Floats, rule: Rule, group: Group) -> Found:
    return Found(rule, rule, group, scored(rule.wanted(load, group), load, group))


def _with_minimum(load: Floats, found: Found, budget: float) -> Found:
    """The same policy with the cheapest minimum of its own and two more: a floor may save the start of a replica."""
    best = found
    for minimum in range(found.group.minimum + 1, found.group.minimum + 3):
        if found.group.maximum is not None and minimum > found.group.maximum:
            break
        other = _replayed(load, found.rule, replace(found.group, minimum=minimum))
        if other.fit.unserved <= budget and other.fit.unit_steps < best.fit.unit_steps:
            best = other
    return best


def _scheduled(load: Floats, found: Found, minute: int) -> Found:
    """The same target with a minimum by hour of the day, learned from the first half and replayed on the whole."""
    half = load[: len(load) // 2]
    held = must_hold(half, found.group.boot) / found.rule.target
    hours = (minute + np.arange(len(half))) // 60
    least = []
    for hour in range(24):
        days = [held[hours == one].max() for one in range(int(hours[0]), int(hours[-1]) + 1) if one % 24 == hour]
        days = [day for day in days if not math.isnan(day)]
        least.append(math.ceil(float(np.quantile(days, BUSY_DAY))) if days else found.group.minimum)
    minimum = tuple(max(found.group.minimum, least[at // 60]) for at in range(DAY))
    policy = Scheduled(found.rule, minimum, start=minute)
    return replace(found, policy=policy, fit=scored(policy.wanted(load, found.group), load, found.group))
