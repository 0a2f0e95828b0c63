"""When spot capacity is there: a Markov chain of each zone from what was seen of it, and of several zones together.

A zone's chain tells runs of availability, and of its absence, apart by their age, because a run that has lasted is likely
to last: capacity that came back a moment ago goes again soon. Probabilities are Beta posteriors, so that little history
leaves them close to their prior and none is ever zero or one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from finops.spot.deadline import Flags, Floats, Market, Mode, Policy, Terms, solve

PRIOR_CHANGES = 0.5
"""Weight of the prior: half a change, as Jeffreys' prior has."""

PRIOR_STEPS = 10.0
"""… in ten steps: before anything is seen a step changes with 5 %. One day of history outweighs it."""

AGE_WEIGHT = 30.0
"""An age's own frequency counts as much as that of all ages after so many steps at that age."""

AGES = (1, 3, 9)
"""First step of each class of age, threefold each."""


@dataclass(frozen=True, slots=True)
class ZoneChain:
    """The chain of one zone: states are first the ages of absence, then those of availability."""

    ages: tuple[int, ...]
    transition: Floats

    def state(self, available: bool, age: int) -> int:
        """The state of a run that has lasted `age` steps, this one among them."""
        return int(available) * len(self.ages) + _class(self.ages, age)


def _class(ages: tuple[int, ...], age: int) -> int:
    return int(np.searchsorted(ages, age, side="right")) - 1


def run_ages(seen: Flags) -> Floats:
    """How many steps the run at each step has lasted, the step itself among them."""
    change = np.concatenate([[True], seen[1:] != seen[:-1]])
    first = np.maximum.accumulate(np.where(change, np.arange(len(seen)), 0))
    return np.asarray(np.arange(len(seen)) - first + 1, dtype=np.float64)


def zone_chain(seen: Flags, ages: tuple[int, ...] = AGES) -> ZoneChain:
    """The posterior chain of one zone from its steps, oldest first; an empty history gives the prior."""
    kinds = len(ages)
    widths = np.diff([*ages, ages[-1] * 3])
    transition = np.zeros((2 * kinds, 2 * kinds))
    classes = np.searchsorted(ages, run_ages(seen), side="right") - 1 if len(seen) else np.zeros(0, dtype=int)
    changed = seen[1:] != seen[:-1]
    for available in (0, 1):
        mine = seen[:-1] == bool(available)
        overall = (float((changed & mine).sum()) + PRIOR_CHANGES) / (float(mine.sum()) + PRIOR_STEPS)
        for age in range(kinds):
            here = mine & (classes[:-1] == age)
            change = overall
            if kinds > 1:
                change = (float((changed & here).sum()) + AGE_WEIGHT * overall) / (float(here.sum()) + AGE_WEIGHT)
            older = 0.0 if age == kinds - 1 else 1.0 / widths[age]
            state = available * kinds + age
            transition[state, (1 - available) * kinds] = change
            transition[state, state] += (1 - change) * (1 - older)
            if older:
                transition[state, state + 1] += (1 - change) * older
    return ZoneChain(ages, transition)


@dataclass(frozen=True, slots=True)
class Zones:
    """The chains of zones as one market. Zones are taken as independent: their outages rarely coincide."""

    chains: tuple[ZoneChain, ...]

    @property
    def market(self) -> Market:
        """Joint states in row-major order of the zones' states."""
        transition = reduce(_joint, [chain.transition for chain in self.chains])
        own = [[False] * len(chain.ages) + [True] * len(chain.ages) for chain in self.chains]
        return Market(transition, np.array(list(itertools.product(*own)), dtype=bool))

    def state(self, seen: Flags, now: Sequence[bool]) -> int:
        """The joint state after the steps in `seen` (steps × zones) if `now` is what this step has."""
        index = 0
        for zone, chain in enumerate(self.chains):
            age = 1
            longest = chain.ages[-1]
            while age < longest and age <= len(seen) and bool(seen[-age, zone]) == bool(now[zone]):
                age += 1
            index = index * 2 * len(chain.ages) + chain.state(bool(now[zone]), age)
        return index


def _joint(one: Floats, two: Floats) -> Floats:
    return np.asarray(np.kron(one, two), dtype=np.float64)


def zones_of(seen: Flags, ages: tuple[int, ...] | None = None) -> Zones:
    """The zones of a history (steps × zones). Several zones are told by availability alone, as states multiply."""
    count = seen.shape[1]
    chosen = ages if ages is not None else AGES if count == 1 else (1,)
    return Zones(tuple(zone_chain(np.ascontiguousarray(seen[:, zone]), chosen) for zone in range(count)))


REFRESH = 36
"""Steps until the plan is made again from what was seen meanwhile: six hours of ten minutes."""


class Planner:
    """Decides step by step, from what was seen before the step; plans anew every `refresh` steps.

    A decision is made for each case of what this step may have to offer, so that nothing of the step itself is used.
    """

    def __init__(self, terms: Terms, *, refresh: int = REFRESH) -> None:
        self.terms = terms
        self.refresh = refresh
        self._zones: Zones | None = None
        self._policy: Policy | None = None

    def decide(self, seen: Flags, to_go: int, mode: Mode, work: int) -> dict[tuple[bool, ...], int]:
        """What is available in this step → action. `seen` (steps × zones), the trailing window that
        counts, ends with the step before this one."""
        zones, policy = self._plan(seen, to_go, mode, work)
        slack = to_go * self.terms.step - work
        decisions = {}
        for now in itertools.product((False, True), repeat=seen.shape[1]):
            lost = 1 <= mode.action <= len(now) and not now[mode.action - 1]
            decisions[now] = policy.action(to_go, zones.state(seen, now), Mode() if lost else mode, slack)
        return decisions

    def _plan(self, seen: Flags, to_go: int, mode: Mode, work: int) -> tuple[Zones, Policy]:
        if self._policy is None or self._zones is None or self._policy.steps - to_go >= self.refresh:
            self._zones = zones_of(seen)
            self._policy = solve(self.terms, to_go, work, [self._zones.market], mode=mode, keep=self.refresh)
        return self._zones, self._policy
