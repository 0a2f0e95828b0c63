"""What a prefix's history says of its objects: arrivals, survival and reads by age, the cohorts to expect, and the schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from finops.storage.lifecycle import GB, OBJECTS, Cohorts, Floats, Schedule, cheapest_schedule, schedule_cost
from finops.storage.tiering import Tariff

READ_EDGES = (0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365, 545, 730, 1095)
"""Ages between which reads of an object and day are taken as equal: finer where objects are young and reads change fast."""

RISK_EDGES = (0, 7, 30, 90, 180, 365)
"""Ages between which the reads of different months are compared: wide, since reads of old objects are few."""

FEW = 30.0
"""Object-days at one age below which its own deletions say nothing: the tail's rate is taken."""

DOUBTS = (0.0, 0.5, 1.0)
"""Shares of the doubt about reads that candidate schedules are made for."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """How much more may be read than was: `z` standard errors of the months' mean, and a floor in full reads a month.

    The floor is what months without a read cannot exclude. `least_gain`: a share of the cost below which nothing is changed.
    """

    z: float = 3.0
    floor: float = 0.02
    least_gain: float = 0.03


@dataclass(frozen=True, slots=True)
class History:
    """A prefix as it was seen: cohorts of the months before the decision, newest last, and what lies there now, (3, age)."""

    months: tuple[Cohorts, ...]
    days: tuple[int, ...]
    stock: Floats

    @property
    def ages(self) -> int:
        return max(cohorts.ages for cohorts in self.months)


def expected(history: History, days: int) -> Cohorts:
    """The cohorts of the next `days`: today's objects, and as many new ones a day as before, living and read as before."""
    ages = max(history.stock.shape[1], history.ages) + days
    hazard = _hazard(history, ages)
    kept = np.concatenate([np.zeros((3, 1)), np.cumsum(np.log1p(-hazard), axis=1)], axis=1)  # log survival to each age
    arrivals = _arrivals(history)
    aged = np.nonzero(history.stock[OBJECTS])[0]
    start = np.concatenate([np.zeros(days, dtype=np.int64), aged])
    weights = np.concatenate([np.repeat(arrivals[:, None], days, axis=1), history.stock[:, aged]], axis=1)
    until = np.concatenate([days - np.arange(days), aged + days])  # the age at which the horizon ends
    age = np.arange(ages)
    inside = (age[None, :] >= start[:, None]) & (age[None, :] < until[:, None])
    alive = np.where(inside, weights[:, :, None] * np.exp(kept[:, None, :-1] - kept[:, start][:, :, None]), 0.0)
    per_object, per_gb = read_rates(history, ages)
    reads = np.stack([alive[OBJECTS].sum(axis=0) * per_object, alive[GB].sum(axis=0) * per_gb])
    return Cohorts(start, alive, alive * hazard[:, None, :], reads)


def _hazard(history: History, ages: int) -> Floats:
    """(3, a) share of what reaches an age that is deleted there; from where few objects get, the rate of the oldest quarter."""
    lived, ended = _by_age(history, "alive", ages), _by_age(history, "ends", ages)
    seen = int(np.count_nonzero(lived[OBJECTS] >= FEW))
    enough = lived[OBJECTS] >= FEW
    tail = slice(int(seen * 0.75), max(seen, 1))
    rate = ended[:, tail].sum(axis=1) / np.maximum(lived[:, tail].sum(axis=1), 1e-30)
    own = ended / np.maximum(lived, 1e-30)
    return np.minimum(np.where(enough[None, :], own, rate[:, None]), 1 - 1e-12)


def _arrivals(history: History) -> Floats:
    """(3) what is written a day: objects, GB, padded GB."""
    born = [cohorts.alive[:, cohorts.start == 0, 0].sum(axis=1) for cohorts in history.months]
    total: Floats = np.sum(born, axis=0) / sum(history.days)
    return total


def _by_age(history: History, name: str, ages: int) -> Floats:
    total = np.zeros((3, ages))
    for cohorts in history.months:
        total[:, : cohorts.ages] += getattr(cohorts, name).sum(axis=1)
    return total


def read_rates(history: History, ages: int) -> tuple[Floats, Floats]:
    """By age: reads of an object and day, GB read of a GB and day; beyond the oldest age seen, those of the last band."""
    lived = _by_age(history, "alive", ages)
    reads = np.zeros((2, ages))
    for cohorts in history.months:
        reads[:, : cohorts.ages] += cohorts.reads
    edges = [edge for edge in READ_EDGES if edge < ages]
    sums = [np.add.reduceat(row, edges) for row in (lived[OBJECTS], lived[GB], reads[0], reads[1])]
    rates = []
    for held, read in ((sums[0], sums[2]), (sums[1], sums[3])):
        rate = read / np.maximum(held, 1e-30)
        known = np.nonzero(held > 0)[0]
        rate[known[-1] + 1 :] = rate[known[-1]]
        rates.append(np.repeat(rate, np.diff([*edges, ages])))
    return rates[0], rates[1]


def doubtful(history: History, cohorts: Cohorts, doubt: Doubt, share: float) -> Cohorts:
    """The same cohorts with more reads: the months' own scatter says how much more is to be feared. `share` of it, 0 … 1."""
    ages = cohorts.ages
    edges = [edge for edge in RISK_EDGES if edge < ages]
    alive = cohorts.alive.sum(axis=1)
    extra = np.zeros((2, ages))
    for row, measure in ((0, OBJECTS), (1, GB)):
        held, read = np.zeros((2, len(history.months), ages))
        for index, month in enumerate(history.months):
            held[index, : month.ages] = month.alive[measure].sum(axis=0)
            read[index, : month.ages] = month.reads[row]
        fear = _fear(np.add.reduceat(held, edges, axis=1), np.add.reduceat(read, edges, axis=1), doubt)
        extra[row] = alive[measure] * np.repeat(share * fear, np.diff([*edges, ages]))
    return replace(cohorts, reads=cohorts.reads + extra)


def _fear(held: Floats, read: Floats, doubt: Doubt) -> Floats:
    """(band) reads of an object (or GB) and day above the mean of the months; `held` and `read` are (month, band)."""
    seen = held > 0
    number = seen.sum(axis=0)
    rate = np.where(seen, read / np.where(seen, held, 1.0), 0.0)
    mean = rate.sum(axis=0) / np.maximum(number, 1)
    square = np.where(seen, (rate - mean) ** 2, 0.0).sum(axis=0) / np.maximum(number - 1, 1)
    scatter = np.where(number > 1, np.sqrt(square), mean)
    error = scatter * np.sqrt(1 / np.maximum(number, 1) + 1 / 6)  # of the past mean, and of the mean of six months to come
    fear: Floats = np.hypot(doubt.z * error, doubt.floor / 30)
    return fear


def choose(history: History, tariffs: Sequence[Tariff], ages: Sequence[int], days: int, doubt: Doubt) -> Schedule:
    """The schedule with the least expected cost among those that do not lose even if reads are as many as is to be feared.

    Doing nothing is always among them. `days` is how long the decision stands: fees must be earned back within it.
    """
    likely = expected(history, days)
    worst = doubtful(history, likely, doubt, 1.0)
    nothing = ((0, tariffs[0].name),)
    limit = schedule_cost(worst, tariffs, nothing)
    idle = schedule_cost(likely, tariffs, nothing)
    chosen = Schedule(nothing, idle)
    for share in DOUBTS:
        found = cheapest_schedule(doubtful(history, likely, doubt, share) if share else likely, tariffs, ages)
        cost = schedule_cost(likely, tariffs, found.steps)
        if cost < min(chosen.cost, idle * (1 - doubt.least_gain)) and schedule_cost(worst, tariffs, found.steps) <= limit:
            chosen = Schedule(found.steps, cost)
    return chosen
