"""A provider's policy for a group, found by replaying its own traffic minute by minute."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from finops.scaling.foresight import must_hold
from finops.scaling.group import Floats, Group, Scheduled, Score, TargetTracking, scored

DAY = 1440  # minutes
LOWEST_TARGET = 0.3
STEP = 0.05
BUSY_DAY = 0.9
"""A scheduled minimum holds the hour's highest load of nine days in ten."""


@dataclass(frozen=True, slots=True)
class Found:
    """A policy, the group's bounds, and the replay that chose them."""

    policy: TargetTracking | Scheduled
    tracking: TargetTracking
    group: Group
    fit: Score


def found_policy(load: Floats, group: Group, *, budget: float, highest: float, minute: int = 0) -> Found | None:
    """The policy whose replay is cheapest with at most `budget` of the load unserved; None where no target holds that.

    `load` is by the minute, in replicas, and begins at `minute` of a day. Target tracking at the highest target that holds,
    `highest` at most, with the minimum that is cheapest for it; or, where cheaper by a fiftieth, a higher target with a
    minimum by hour. The cooldown before a scale-in lasts until the last scale-out has shown its effect, 5 minutes at least.
    """
    best: Found | None = None
    for target in np.arange(highest, LOWEST_TARGET - 1e-9, -STEP):
        tracking = TargetTracking(round(float(target), 2), max(5, group.boot + 1))
        plain = Found(tracking, tracking, group, scored(tracking.wanted(load, group), load, group))
        if best is None:
            timed = _scheduled(load, plain, minute)
            best = timed if timed.fit.unserved <= budget else None
        if plain.fit.unserved <= budget:
            plain = _with_minimum(load, plain, budget)
            return best if best is not None and best.fit.unit_steps < 0.98 * plain.fit.unit_steps else plain
    return best


def _with_minimum(load: Floats, found: Found, budget: float) -> Found:
    """The same policy with the cheapest minimum of its own and two more: a floor may save the start of a replica."""
    best = found
    for minimum in range(found.group.minimum + 1, found.group.minimum + 3):
        if found.group.maximum is not None and minimum > found.group.maximum:
            break
        group = replace(found.group, minimum=minimum)
        fit = scored(found.tracking.wanted(load, group), load, group)
        if fit.unserved <= budget and fit.unit_steps < best.fit.unit_steps:
            best = replace(found, group=group, fit=fit)
    return best


def _scheduled(load: Floats, found: Found, minute: int) -> Found:
    """The same target with a minimum by hour of the day, learned from the first half and replayed on the whole."""
    half = load[: len(load) // 2]
    held = must_hold(half, found.group.boot) / found.tracking.target
    hours = (minute + np.arange(len(half))) // 60
    least = []
    for hour in range(24):
        days = [held[hours == one].max() for one in range(int(hours[0]), int(hours[-1]) + 1) if one % 24 == hour]
        days = [day for day in days if not math.isnan(day)]
        least.append(math.ceil(float(np.quantile(days, BUSY_DAY))) if days else found.group.minimum)
    minimum = tuple(max(found.group.minimum, least[at // 60]) for at in range(DAY))
    policy = Scheduled(found.tracking, minimum, start=minute)
    return replace(found, policy=policy, fit=scored(policy.wanted(load, found.group), load, found.group))
