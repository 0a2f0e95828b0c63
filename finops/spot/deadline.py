"""Work with a deadline on spot capacity: when to take it, when to wait, when to pay on demand so that it is never late.

A finite-horizon Markov decision process, solved exactly by backward induction. Time runs in steps of `Terms.step` units;
with n steps to go and w units of work left, the state is the slack s = n · step − w, the state of the market, and the mode:
nothing runs, spot of one zone, or on demand, each with what is left of its changeover. On demand is always to be had, so
an action after which on demand could not finish in time is forbidden: the deadline is hard, whatever the market does.
The setting (changeover paid without progress, one job, one instance) is that of Wu et al., "Can't Be Late: Optimizing Spot
Instance Savings under Deadlines", NSDI 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Actions: TypeAlias = NDArray[np.int8]

FORBIDDEN = 1e12
"""The cost of what must not be done; above any real cost."""

IDLE = 0
"""Action 0 waits, 1 … zones take spot there, zones + 1 runs on demand."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the choices cost.

    step        units of time in a step; all times are whole units
    changeover  units from the start of an instance until it works again, paid without progress
    spot        price of a step on spot, one a zone
    on_demand   price of a step on demand
    """

    step: int
    changeover: int
    spot: tuple[float, ...]
    on_demand: float

    @property
    def left_over(self) -> tuple[int, ...]:
        """What can be left of a changeover after a step, none first."""
        left = [0]
        rest = self.changeover - self.step
        while rest > 0:
            left.append(rest)
            rest -= self.step
        return tuple(sorted(left))


@dataclass(frozen=True, slots=True)
class Market:
    """A Markov chain over what is available: `transition` (states × states) a step, `available` (states × zones)."""

    transition: Floats
    available: Flags


@dataclass(frozen=True, slots=True)
class Mode:
    """What runs now: the action that started it, and the units of changeover that are left."""

    action: int = IDLE
    left: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """The best action of the first steps of a plan: `actions[i][state, mode, slack]` with `steps − i` steps to go.

    by_state  the expected cost of the plan by the state of the market in its first step; `value` is that of the state given
    """

    terms: Terms
    steps: int
    value: float
    by_state: tuple[float, ...]
    actions: tuple[Actions, ...]

    def action(self, steps: int, state: int, mode: Mode, slack: int) -> int:
        """What to do with `steps` to go. Raises IndexError where the plan was not kept that far."""
        layer = self.actions[self.steps - steps]
        return int(layer[state, _index(self.terms, mode), slack])


def _index(terms: Terms, mode: Mode) -> int:
    """Modes in order: nothing; spot by zone and what is left; on demand by what is left."""
    if mode.action == IDLE:
        return 0
    left = terms.left_over
    return 1 + (mode.action - 1) * len(left) + left.index(mode.left)


def advance(terms: Terms, mode: Mode, action: int, work: int) -> tuple[Mode, int, float]:
    """(mode, work left, cost) after a step of an action; an instance that ends within the step is paid to its end."""
    if action == IDLE:
        return Mode(), work, 0.0
    left = mode.left if action == mode.action else terms.changeover
    progress = max(0, terms.step - left)
    price = terms.on_demand if action == len(terms.spot) + 1 else terms.spot[action - 1]
    used = min(terms.step, left + work)
    return Mode(action, max(0, left - terms.step)), max(0, work - progress), price * used / terms.step


def solve(
    terms: Terms,
    steps: int,
    work: int,
    markets: Sequence[Market],
    now: int = 0,
    mode: Mode | None = None,
    keep: int = 1,
) -> Policy:
    """The policy of least expected cost for `work` units in `steps` steps.

    markets  one for each step, the first step first; the last serves all later ones. All have as many states.
    now      the state of the market in the first step; `value` is the expected cost from there and from `mode`
    keep     of how many first steps the actions are kept

    Raises ValueError: not even on demand finishes in time.
    """
    mode = mode or Mode()
    slack = steps * terms.step - work
    on_demand = mode.action == len(terms.spot) + 1
    if slack < 0 or (work > 0 and slack < (mode.left if on_demand else terms.changeover)):
        raise ValueError(f"{work} units of work do not fit into {steps} steps, not even on demand")
    solver = _Solver(terms, slack, len(markets[-1].available))
    layers: list[Actions] = []
    for to_go in range(1, steps + 1):
        market = markets[min(steps - to_go, len(markets) - 1)]
        actions = solver.step(to_go, market, wanted=to_go > steps - keep)
        if actions is not None:
            layers.append(actions)
    by_state = tuple(float(value) for value in solver.values[:, _index(terms, mode), solver.pad + slack])
    return Policy(terms, steps, by_state[now], by_state, tuple(reversed(layers)))


class _Solver:
    """One backward step at a time over arrays of (state, mode, slack).

    The slack axis begins with `pad` entries that stay forbidden, so that what a step loses of the slack is a plain offset.
    """

    def __init__(self, terms: Terms, slack: int, states: int) -> None:
        self.terms = terms
        self.left = terms.left_over
        self.places = len(terms.spot) + 1
        self.pad = terms.step
        self.slack = slack
        self.units = np.arange(slack + 1)
        self.prices = np.array([*terms.spot, terms.on_demand])
        modes = 1 + self.places * len(self.left)
        self.floors = [terms.changeover] * (modes - len(self.left)) + list(self.left)
        self.values = np.full((states, modes, self.pad + slack + 1), FORBIDDEN)
        self.values[:, :, self.pad :] = 0.0

    def step(self, to_go: int, market: Market, *, wanted: bool) -> Actions | None:
        """From the values with `to_go − 1` steps left to those with `to_go`; the actions where they are wanted."""
        after = self._expected(market.transition)
        unfinished = min(self.slack + 1, (to_go - 1) * self.terms.step)
        for mode, floor in enumerate(self.floors):  # what on demand could not finish any more
            after[:, mode, self.pad : self.pad + min(floor, unfinished)] = FORBIDDEN
        blocked = np.zeros((len(after), self.places), dtype=bool)
        blocked[:, :-1] = ~market.available
        fresh = self._run(to_go, after, self.terms.changeover)
        fresh[blocked] = FORBIDDEN
        waiting = after[:, 0, : self.slack + 1]  # the pad is one step wide
        base = np.minimum(fresh.min(axis=1), waiting)
        self.values[:, 0, self.pad :] = base
        going = []
        for i, left in enumerate(self.left):
            run = self._run(to_go, after, left)
            run[blocked] = FORBIDDEN
            np.minimum(run, base[:, None], out=self.values[:, 1 + i :: len(self.left), self.pad :])
            going.append(run)
        self.values[:, :, self.pad + to_go * self.terms.step :] = 0.0
        return self._actions(waiting, fresh, base, np.stack(going, axis=2)) if wanted else None

    def _expected(self, transition: Floats) -> Floats:
        if len(transition) == 1:
            return self.values.copy()
        after: Floats = transition @ self.values.reshape(len(transition), -1)
        return after.reshape(self.values.shape)

    def _run(self, to_go: int, after: Floats, left: int) -> Floats:
        """(state, place, slack): a step on each place with `left` of its changeover to go."""
        step = self.terms.step
        start = self.pad - min(left, step)
        target = 1 + self.left.index(max(0, left - step))
        there = after[:, target :: len(self.left), start : start + self.slack + 1]
        if left + to_go * step - self.slack >= step:
            used: Floats | float = 1.0
        else:
            used = np.clip((left + to_go * step - self.units) / step, 0.0, 1.0)
        run: Floats = there + self.prices[:, None] * used
        return run

    def _actions(self, waiting: Floats, fresh: Floats, base: Floats, going: Floats) -> Actions:
        """What is running goes on where nothing is better."""
        best = np.concatenate([waiting[:, None], fresh], axis=1).argmin(axis=1).astype(np.int8)
        own = np.arange(1, self.places + 1, dtype=np.int8)[None, :, None, None]
        running = np.where(going <= base[:, None, None], own, best[:, None, None])
        return np.concatenate([best[:, None], running.reshape(len(best), -1, self.slack + 1)], axis=1)
