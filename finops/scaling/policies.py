"""Two causal policies for a scaled group: the cheapest within an error budget, and the safest that costs less than today's.

Both choose, every few minutes, among the answers of `foresight` by replaying all of them on what has happened so far: what
each would have cost and left unserved, older steps weighing less. Nothing after the decision is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from finops.scaling.foresight import MEMORY_STEPS, WORTHS, rolling, wanted_by_worth
from finops.scaling.group import Floats, Group, Integers, lagged, replayed
from finops.scaling.regression import learned_by_worth

BUDGET = 0.001
"""Share of the load that may go unserved."""

MARGIN = 0.98
"""Of a cost allowed, what choices may come to: the rest is what they cost more than their replays did."""

LOST = 5.0
"""Times the allowance, beyond which an error budget cannot be earned back."""

FEW_STEPS = 100
"""History with which no forecast's errors are known well."""

BURST_STEPS = 60
"""The worst that went unserved within so many steps is kept back of an error budget, for the next of its kind."""

KNOWN_STEPS = 500
"""History with which the regression over all forecasters is followed; replays compare it for as long before it is."""

STRESS = (2.0, 0.02)
"""Where nothing went unserved yet, the safer of two policies is the one that serves more of a load whose every rise is squared;
what it leaves of that counts so much of what it leaves of the load itself."""

TOGETHER = 5
"""So many of the safest choices decide together. What goes unserved is convex in the units: their mean leaves no more than they
leave on average, and does not depend on which of them was luckiest so far."""

LARGER = (1.0, 1.2, 1.4)
"""Times the answers: where cost allows for more than any error seen so far calls for."""


@dataclass(frozen=True, slots=True)
class WithinBudget:
    """The cheapest units for what a unit served is worth; the worth rises as the error budget is used up."""

    budget: Annotated[float, Field(gt=0, lt=1, description="Share of the load that may go unserved.")] = BUDGET
    aim: Annotated[float, Field(gt=0, le=1, description="Share of the budget aimed at: the rest is for surprises.")] = 0.9
    worth: Annotated[float, Field(gt=1, description="What a unit served is worth before there is experience, unit-steps.")] = (
        50.0
    )
    most: Annotated[
        float,
        Field(gt=1, description="Cost allowed, as a multiple of the load in whole units: beyond it the budget is not held."),
    ] = 1.6
    period: Annotated[int, Field(ge=1, description="Steps between two choices.")] = 10

    def wanted(self, load: Floats, group: Group, start: int, day: int = 0) -> Integers:
        """Units to want from step `start` on, (steps − start,). `load` before it is history; `day` is a day in steps.

        The worth is `worth` × (spent / allowed)², between a tenth and eight times of it. Spent is what went unserved since
        `start`, allowed `aim` × `budget` of the load since, less the worst burst that the first choice has seen at `worth`, and
        at least half; both begin with half a day on budget, or a quarter of the history. A budget overspent LOST times, by an
        event that nobody could foresee, is lost: a new one begins, and none is chased.
        """
        plain = wanted_by_worth(load, group, day, self.period)
        choices = Replays.of(_by_regression(plain, load, group, day) if start >= 2 * KNOWN_STEPS else plain, load, group)
        worst = choices.worst_burst(_level(self.worth))
        wanted = np.empty(len(load) - start, dtype=np.int64)
        before = float(load[:start].mean()) * min(day / 2 if day else start, start / 4)
        needed = np.maximum(np.ceil(load), 1.0)
        needs = Faded.of(needed[None, :], start)
        worth, since, most = self.worth, start, MARGIN * self.most
        for t, end in choices.periods(start, self.period):
            best, level = _cheapest(choices, worth, most * float(needs.sums[0]))
            wanted[t - start : end - start] = choices.wanted[best, level, t:end]
            kept = float(worst[max(end - 2, 0)])
            ratio = self._used(wanted[: end - start - 1], load[start : end - 1], group, (before, kept), since - start)
            since = end if ratio > LOST else since
            worth = self.worth * min(max(ratio**2, 0.1), 8.0) if ratio <= LOST else self.worth
            needs.forward(end)
            billed = float(replayed(wanted[: end - start], group).billed.sum())
            most = self.most * made_up(MARGIN, billed / self.most, needed[:end], start)
        return wanted

    def _used(self, wanted: Integers, load: Floats, group: Group, start: tuple[float, float], since: int) -> float:
        """Spent of the error budget since a step, over what was allowed until now. `start`: load taken for served on budget
        before it, and what is kept back."""
        before, kept = start
        if not len(wanted) or not before:
            return 1.0
        total = before + float(load[since:].sum())
        allowed = self.aim * self.budget * total
        short = np.maximum(load - replayed(wanted, group).ready, 0.0)[since:].sum()
        return float(short) / max(allowed - kept, allowed / 2) + before / total


@dataclass(frozen=True, slots=True)
class CheaperThan:
    """The least unserved for at most `share` of what the present policy costs on the same load."""

    share: Annotated[float, Field(gt=0, le=1, description="Cost allowed, as a share of the present policy's.")] = 0.835
    period: Annotated[int, Field(ge=1, description="Steps between two choices.")] = 10

    def wanted(self, load: Floats, group: Group, start: int, present: Integers, day: int = 0) -> Integers:
        """Units to want from `start` on; `present` is what today's policy wants at each step of `load`, decided at that step.

        Of the choices whose replay is within the share, the mean of those TOGETHER that left least unserved under STRESS is
        taken. What is spared may be spent later.
        """
        choices = Replays.of(self._answers(load, group, start, present, day), load, group, leaping(load, group))
        billed_now = replayed(present, group).billed
        bills = Faded.of(billed_now[None, :].astype(np.float64), start)
        wanted = np.empty(len(load) - start, dtype=np.int64)
        share = self.share - 0.01
        for t, end in choices.periods(start, self.period):
            best = safest(choices.billed, choices.unserved, share * float(bills.sums[0]))
            wanted[t - start : end - start] = np.floor(choices.wanted[best, t:end].mean(0) + 0.5)
            bills.forward(end)
            share = made_up(self.share, float(replayed(wanted[: end - start], group).billed.sum()), billed_now[:end], start)
        return wanted

    def _answers(self, load: Floats, group: Group, start: int, present: Integers, day: int) -> Integers:
        """The choices, (choices, steps), at every second of WORTHS: each forecaster's answers, their five highest and, with
        history enough, the regression's, the latter two also LARGER times; with little history, shares of the present units.
        """
        each = wanted_by_worth(load, group, day, self.period)
        safe = [np.sort(each, axis=0)[-5:]]
        if start >= 2 * KNOWN_STEPS:
            safe.append(_by_regression(each, load, group, day))
        larger = [group.bounded(np.ceil(times * answers[:, 1::2] - 1e-9)) for times in LARGER for answers in safe]
        every = np.concatenate([each[:, 1::2], *larger]).reshape(-1, len(load))
        if start >= FEW_STEPS:
            return every
        less = np.array([0.7, 0.75, 0.8, self.share])[:, None] * present
        return np.concatenate([every, group.bounded(np.floor(less + 0.5))])


def leaping(load: Floats, group: Group) -> Floats:
    """The load if each rise above what was known when units for it had to be ordered (mean of 3 steps) were a power of it."""
    known = np.maximum(lagged(rolling(load, 3, "mean"), group.lag + group.boot), 0.5)
    higher: Floats = load * np.maximum(load / known, 1.0) ** (STRESS[0] - 1)
    return higher


def _by_regression(plain: Integers, load: Floats, group: Group, day: int) -> Integers:
    """The regression's answers, never more than the most careful forecaster wants, then those halfway from each forecaster to
    them, (1 + forecasters, WORTHS, steps); before the regression is known the forecasters' own."""
    highest = plain.max(0)
    learned = np.minimum(learned_by_worth(load, group, day), highest)
    halfway = -(-(plain + learned) // 2)
    learned[:, :KNOWN_STEPS], halfway[..., :KNOWN_STEPS] = highest[:, :KNOWN_STEPS], plain[..., :KNOWN_STEPS]
    return np.concatenate([learned[None], halfway])


def made_up(share: float, mine: float, base: NDArray[np.generic], start: int) -> float:
    """The share of `base` allowed for the next choice: what `mine` was too much or too little since `start` is made up for.

    Before it, for 300 steps at most, the share itself is taken for spent.
    """
    known = min(start, 300)
    so_far = (mine + share * float(base[start - known : start].sum())) / float(base[start - known :].sum())
    return float(np.clip(share + 2.5 * (share - so_far), 0.85 * share, 1.15 * share))


def _cheapest(choices: Replays, worth: float, allowed: float) -> tuple[int, int]:
    """The choice and the level of WORTHS nearest to `worth`, or the next below it at which one was billed what is allowed."""
    level = _level(worth)
    while level and not (choices.billed[:, level] <= allowed).any():
        level -= 1
    value = choices.billed[:, level] + worth * choices.unserved[:, level]
    within = choices.billed[:, level] <= allowed
    return int((np.where(within, value, np.inf) if within.any() else value).argmin()), level


def _level(worth: float) -> int:
    """The place of the nearest of WORTHS."""
    return int(np.abs(np.log(np.array(WORTHS)) - np.log(worth)).argmin())


def safest(billed: Floats, unserved: Floats, allowed: float) -> NDArray[np.intp]:
    """The choices that left least unserved for what is allowed; the cheapest where all are dearer."""
    within = np.flatnonzero(billed <= allowed)
    if not len(within):
        within = np.array([billed.argmin()])
    best: NDArray[np.intp] = within[np.argsort(unserved[within], kind="stable")[:TOGETHER]]
    return best


@dataclass(slots=True)
class Faded:
    """Sums over the past in which a step counts half after MEMORY_STEPS; the last axis of `values` is time."""

    values: Floats
    sums: Floats
    until: int

    @classmethod
    def of(cls, values: Floats, start: int) -> Faded:
        """What is known at `start`: everything before the step before it."""
        made = cls(values, np.zeros(values.shape[:-1]), 0)
        made.forward(start)
        return made

    def forward(self, step: int) -> None:
        """Add what became known up to a decision of `step`: all steps before the one before it."""
        new = max(step - 1, 0)
        fading = 0.5 ** (1 / MEMORY_STEPS)
        weights = fading ** np.arange(new - self.until - 1, -1, -1.0)
        self.sums = self.sums * fading ** (new - self.until) + self.values[..., self.until : new] @ weights
        self.until = new


@dataclass(slots=True)
class Replays:
    """Every choice replayed on the load: faded sums of what it was billed and left unserved, by choice."""

    wanted: NDArray[np.int64]
    _billed: Floats
    _unserved: Floats
    billed: Floats
    unserved: Floats

    @classmethod
    def of(cls, wanted: NDArray[np.int64], load: Floats, group: Group, stress: Floats | None = None) -> Replays:
        """`stress`, another load, adds STRESS's share of what of it would be unserved."""
        capacity = replayed(wanted, group)
        short = np.maximum(load - capacity.ready, 0.0)
        if stress is not None:
            short += STRESS[1] * np.maximum(stress - capacity.ready, 0.0)
        none = np.zeros(wanted.shape[:-1])
        return cls(wanted, capacity.billed.astype(np.float64), short, none, none)

    def worst_burst(self, level: int) -> Floats:
        """The most that went unserved within BURST_STEPS until each step, of the first choice at a level of WORTHS."""
        within = np.convolve(self._unserved[0, level], np.ones(BURST_STEPS))[: self._unserved.shape[-1]]
        worst: Floats = np.maximum.accumulate(within)
        return worst

    def periods(self, start: int, length: int) -> Iterator[tuple[int, int]]:
        """(first step, end) of each period, with the sums brought to what is known at its first step."""
        billed, unserved = Faded.of(self._billed, start), Faded.of(self._unserved, start)
        for t in range(start, self.wanted.shape[-1], length):
            billed.forward(t)
            unserved.forward(t)
            self.billed, self.unserved = billed.sums, unserved.sums
            yield t, min(t + length, self.wanted.shape[-1])
