"""Lifecycle schedules of a prefix: what every age schedule costs over a horizon, and the exact cheapest one.

Objects are cohorts: those written on one day. A schedule sends objects to cooler classes at fixed ages, as the providers'
lifecycle rules do; on its first day it also moves what is older. Everything is priced: storage of what small objects are
charged as, overhead, monitoring, requests, retrieval, transitions, and early deletion, also of what moves on too soon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from finops.storage.tiering import DAYS_PER_MONTH, Tariff

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Steps: TypeAlias = tuple[tuple[int, str], ...]
"""(age in days, class), youngest first."""

OBJECTS, GB, PADDED_GB = range(3)
"""Measures of a cohort; padded: objects below the least charged size count with that size."""


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The objects of one prefix over a horizon, by cohort c and age a in days.

    start  (c)        age on the horizon's first day; 0 for what is written within it
    alive  (3, c, a)  present at age a, within the horizon: objects, GB, padded GB
    ends   (3, c, a)  of those, deleted on that day (they are charged for it)
    reads  (2, a)     reads and GB read at age a
    """

    start: Ints
    alive: Floats
    ends: Floats
    reads: Floats

    @property
    def ages(self) -> int:
        return int(self.alive.shape[2])


@dataclass(frozen=True, slots=True)
class Schedule:
    """(age in days, class) from which objects lie in a class, youngest first; the first age is 0."""

    steps: Steps
    cost: float

    def __str__(self) -> str:
        return ", ".join(f"{name} {age} d" for age, name in self.steps)


def cheapest_schedule(cohorts: Cohorts, tariffs: Sequence[Tariff], ages: Sequence[int]) -> Schedule:
    """The exact cheapest schedule with transitions at `ages`: the shortest path over (age, class).

    `tariffs` are in order of falling storage price; objects are written to the first and only move down the list. An edge is
    a stay in one class from one age to another, with everything that the stay costs, so the path's length is the cost.
    O(ages² × classes²) beside the pricing of the stays.
    """
    grid = sorted({0, cohorts.ages, *(age for age in ages if 0 < age < cohorts.ages)})
    stays = [stay_costs(cohorts, tariff, grid, written=rank == 0) for rank, tariff in enumerate(tariffs)]
    last = len(grid) - 1
    best: dict[tuple[int, int], tuple[float, Steps]] = {}  # (grid index, rank that ended there)
    for end in range(1, last + 1):
        for rank, tariff in enumerate(tariffs):
            options: list[tuple[float, Steps]] = []
            if rank == 0 or tariff.rule.earliest_days == 0:
                options.append((float(stays[rank][0, end]), ((0, tariff.name),)))
            options += [
                (cost + float(stays[rank][at, end]), (*steps, (grid[at], tariff.name)))
                for (at, before), (cost, steps) in best.items()
                if before < rank and at < end and grid[at] >= tariff.rule.earliest_days
            ]
            if options:
                best[end, rank] = min(options, key=lambda option: option[0])
    cost, steps = min((found for (at, _), found in best.items() if at == last), key=lambda found: found[0])
    return Schedule(steps, float(cost))


def schedule_cost(cohorts: Cohorts, tariffs: Sequence[Tariff], steps: Sequence[tuple[int, str]]) -> float:
    """What one schedule costs over the horizon. Steps beyond the oldest age never happen."""
    rank = {tariff.name: index for index, tariff in enumerate(tariffs)}
    edges = [*(step for step in steps if step[0] < cohorts.ages), (cohorts.ages, "")]
    total = 0.0
    for (start, name), (end, _) in pairwise(edges):
        grid = sorted({start, end, cohorts.ages})
        tariff = tariffs[rank[name]]
        total += float(stay_costs(cohorts, tariff, grid, written=rank[name] == 0)[0, 1])
    return total


def stay_costs(cohorts: Cohorts, tariff: Tariff, grid: Sequence[int], *, written: bool) -> Floats:
    """(from, to) in indices of `grid`: what a stay in the class costs. The last grid age is the end of all ages.

    written: objects are written to this class, so that nothing enters it by transition and nothing leaves it too early.
    """
    size = len(grid)
    charged = charged_gb(cohorts.alive, tariff)
    daily = charged.sum(axis=0) * tariff.storage / DAYS_PER_MONTH
    daily = daily + cohorts.alive[OBJECTS].sum(axis=0) * tariff.monitoring / 1000 / DAYS_PER_MONTH
    daily = daily + cohorts.reads[0] * tariff.reads / 1000 + cohorts.reads[1] * tariff.retrieval
    rolled = np.concatenate([[0.0], np.cumsum(daily)])[list(grid)]
    costs = np.full((size, size), np.inf)
    for start in range(size - 1):
        costs[start, start + 1 :] = rolled[start + 1 :] - rolled[start]
    if written:
        return costs
    gone = _Gone.of(charged_gb(cohorts.ends, tariff)) if tariff.rule.min_days else None
    for start in range(size - 1):
        tos = np.array(grid[start + 1 :], dtype=np.int64)
        costs[start, start + 1 :] += _entered(cohorts, grid[start], tos) * tariff.transition / 1000
        if gone:
            early = _early_days(cohorts.start, charged, gone, grid[start], tos, tariff.rule.min_days)
            costs[start, start + 1 :] += early * tariff.storage / DAYS_PER_MONTH
    return costs


def charged_gb(measures: Floats, tariff: Tariff) -> Floats:
    """(c, a) GB as the class charges them: padded, and with the overhead of each object at this class's price."""
    held: Floats = measures[PADDED_GB] if tariff.rule.min_kib else measures[GB]
    charged: Floats = held + measures[OBJECTS] * tariff.overhead_gb
    return charged


def _entered(cohorts: Cohorts, start: int, tos: Ints) -> Floats:
    """Objects that enter at age `start`, or on the first day where they are older, before each of the ages `tos`."""
    index = np.arange(len(cohorts.start))
    entry = np.maximum(cohorts.start, start)
    inside = entry < cohorts.ages
    found = np.where(inside, cohorts.alive[OBJECTS][index, np.minimum(entry, cohorts.ages - 1)], 0.0)
    by_age = np.bincount(entry[inside], weights=found[inside], minlength=cohorts.ages + 1)
    counted: Floats = np.concatenate([[0.0], np.cumsum(by_age)])[tos]
    return counted


@dataclass(frozen=True, slots=True)
class _Gone:
    """(c, a + 1) what was deleted before an age, and the same times the age at which it was."""

    amount: Floats
    times_age: Floats

    @classmethod
    def of(cls, ended: Floats) -> _Gone:
        zero = np.zeros((len(ended), 1))
        age = np.arange(1, ended.shape[1] + 1)
        return cls(
            np.concatenate([zero, np.cumsum(ended, axis=1)], axis=1),
            np.concatenate([zero, np.cumsum(ended * age, axis=1)], axis=1),
        )


def _early_days(starts: Ints, charged: Floats, gone: _Gone, start: int, tos: Ints, min_days: int) -> Floats:
    """GB-days that are charged though nothing lies there: deleted, or moved on, before the minimum duration."""
    entry = np.maximum(starts, start)
    ages = charged.shape[1]
    rows = np.arange(len(entry))
    due = entry + min_days
    floor = np.minimum(entry, ages)
    until = np.maximum(np.minimum(np.minimum(tos[:, None], due[None, :]), ages), floor[None, :])
    deleted = due * (gone.amount[rows, until] - gone.amount[rows, floor])
    deleted -= gone.times_age[rows, until] - gone.times_age[rows, floor]
    onward = np.where(tos[:, None] < ages, charged[rows, np.minimum(tos, ages - 1)[:, None]], 0.0)
    moved = onward * np.maximum(due[None, :] - tos[:, None], 0)
    fee: Floats = np.where(entry[None, :] < tos[:, None], deleted + moved, 0.0).sum(axis=1)
    return fee


@dataclass(frozen=True, slots=True)
class Batches:
    """What was written and read: objects of one day and one fate together.

    born, dies        (b)  days; `dies` is the first day without them
    weights           (3, b)  objects, GB, padded GB
    read_of, read_day (r)  which batch was read on which day
    reads             (2, r)  reads and GB read
    """

    born: Ints
    dies: Ints
    weights: Floats
    read_of: Ints
    read_day: Ints
    reads: Floats


def observed(batches: Batches, first: int, days: int) -> Cohorts:
    """The cohorts of the days [first, first + days)."""
    last = first + days
    born, dies = batches.born, batches.dies
    here = (born < last) & (dies > np.maximum(first, born))
    leave = np.minimum(dies, last) - born
    oldest = int(np.max(np.where(here, leave, 1), initial=1))
    cohort = np.where(born >= first, born - first, days + (first - born))
    number = int(np.max(np.where(here, cohort, 0), initial=0)) + 1
    entry = np.maximum(first - born, 0)
    alive, ends = np.zeros((3, number, oldest + 1)), np.zeros((3, number, oldest))
    gone = here & (dies <= last)
    for m in range(3):
        np.add.at(alive[m], (cohort[here], entry[here]), batches.weights[m][here])
        np.add.at(alive[m], (cohort[here], leave[here]), -batches.weights[m][here])
        np.add.at(ends[m], (cohort[gone], leave[gone] - 1), batches.weights[m][gone])
    alive = np.maximum(np.cumsum(alive, axis=2)[:, :, :-1], 0.0)
    day, of = batches.read_day, batches.read_of
    seen = (day >= first) & (day < last) & here[of]
    age = (day - born[of])[seen]
    reads = np.stack([np.bincount(age, weights=row[seen], minlength=oldest)[:oldest] for row in batches.reads]).astype(
        np.float64
    )
    start = np.maximum(np.arange(number) - days, 0).astype(np.int64)
    return Cohorts(start, alive, ends, reads)
