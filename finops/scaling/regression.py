"""One regression over all forecasters: what a group must hold, and how far off that may be.

Each forecaster of `foresight` is right in its own weather. A ridge regression on all of them says where the load goes, a second
one on the same inputs how large its error will be; what remains, errors in units of their scale, is one histogram for all
sizes and hours, so that rare ones are seen often enough. All forget as `foresight` does, and know at step t what is known then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from finops.scaling.foresight import LEAST, MEMORY_STEPS, WORTHS, forecasts, must_hold, rolling
from finops.scaling.group import Floats, Group, Integers, lagged

LEARNING = 100
"""Steps whose outcome is known before a coefficient is believed."""

EVERY = 10
"""Steps between two solutions."""

_PENALTY = 1.0  # of one step's weight
_SCALES = (0.005, 1.5)  # of an error's log: half a percent to four and a half times
_Z_EDGES = np.arange(-6.0, 20.01, 0.05)
_PARTS = 4  # of a unit, over which the chance that it serves is averaged


@dataclass(slots=True)
class Ridge:
    """Least squares with a penalty; a step counts half after MEMORY_STEPS. `start` is said before there is experience."""

    inputs: int
    start: float
    _square: Floats = field(init=False)
    _product: Floats = field(init=False)

    def __post_init__(self) -> None:
        self._square = _PENALTY * np.eye(self.inputs)
        self._product = np.zeros(self.inputs)

    def learn(self, x: Floats, y: Floats) -> None:
        """Further steps: inputs, (steps, inputs), of which the first is 1, and outcomes, (steps,)."""
        fade = 0.5 ** (len(y) / MEMORY_STEPS)
        self._square = fade * self._square + x.T @ x + (1 - fade) * _PENALTY * np.eye(self.inputs)
        self._product = fade * self._product + x.T @ (y - self.start)

    def says(self, x: Floats) -> Floats:
        said: Floats = self.start + x @ np.linalg.solve(self._square, self._product)
        return said


def foreseen(load: Floats, group: Group, day: int) -> tuple[Floats, Floats]:
    """Logs of what each step must hold and of its error's scale, (steps,) each."""
    x, level = _inputs(load, group, day)
    truth = np.log(np.maximum(must_hold(load, group.boot), LEAST)) - level
    where, spread = Ridge(x.shape[1], 0.0), Ridge(x.shape[1], math.log(0.2))
    above, scale = np.zeros(len(load)), np.full(len(load), math.log(0.2))
    known = 0
    for t in range(0, len(load), EVERY):
        newest = max(0, t - group.lag - group.boot + 1)  # all that they had to hold is known
        where.learn(x[known:newest], truth[known:newest])
        if known >= LEARNING:
            error = np.abs(truth[known:newest] - above[known:newest])
            spread.learn(x[known:newest], np.log(np.maximum(error, _SCALES[0])))
        known = newest
        if known >= LEARNING:
            above[t : t + EVERY] = np.clip(where.says(x[t : t + EVERY]), -1.0, 1.5)
        if known >= 2 * LEARNING:
            scale[t : t + EVERY] = np.clip(spread.says(x[t : t + EVERY]), *np.log(_SCALES))
    return level + above, scale


def _inputs(load: Floats, group: Group, day: int) -> tuple[Floats, Floats]:
    """(steps, inputs) and the log of the level: every forecast over the level, how restless the load is, and its size."""
    made = {name: np.log(forecast) for name, forecast in forecasts(load, group, day).items()}
    level = made.pop("mean of 10")
    known = np.log(np.maximum(lagged(load, group.lag), LEAST))
    restless = [np.log(np.maximum(rolling(known, steps, "spread"), 0.01)) for steps in (8, 30)]
    columns = [np.ones(len(load)), *(forecast - level for forecast in made.values()), *restless, level]
    return np.stack(columns, axis=1), level


def learned_by_worth(load: Floats, group: Group, day: int) -> Integers:
    """Units to want, (WORTHS, steps): those that pay by the regression, its errors' scale and the errors seen so far."""
    where, log_scale = foreseen(load, group, day)
    scale, truth = np.exp(log_scale), np.log(np.maximum(must_hold(load, group.boot), LEAST))
    bins = np.digitize((truth - where) / scale, _Z_EDGES)
    counts, known = np.zeros(len(_Z_EDGES) + 1), 0
    counts[np.digitize(1.0, _Z_EDGES)] = 1e-9  # before there is experience an error is of its scale
    wanted = np.empty((len(WORTHS), len(load)), dtype=np.int64)
    for t in range(0, len(load), EVERY):
        newest = max(0, t - group.lag - group.boot + 1)
        fading = 0.5 ** (np.arange(newest - known - 1, -1, -1.0) / MEMORY_STEPS)
        counts *= 0.5 ** ((newest - known) / MEMORY_STEPS)
        counts += np.bincount(bins[known:newest], fading, len(counts))
        known = newest
        above = 1.0 - np.cumsum(counts) / counts.sum()
        wanted[:, t : t + EVERY] = _units_that_pay(where[t : t + EVERY], scale[t : t + EVERY], above)
    return group.bounded(wanted)


def _units_that_pay(where: Floats, scale: Floats, above: Floats) -> Integers:
    """The number of units, (WORTHS, steps), of which the last is still expected to serve 1 / worth of a unit.

    `above` is how often an error was beyond each edge of the histogram, in scales. At most four times the forecast and nine.
    """
    units = np.arange(math.ceil(4.0 * math.exp(float(where.max()))) + 9)
    parts = (units[:, None] + (np.arange(_PARTS) + 0.5) / _PARTS).ravel()
    edge = (np.log(parts)[None, :] - where[:, None]) / scale[:, None]
    at = np.clip(np.searchsorted(_Z_EDGES, edge, side="right") - 1, 0, len(_Z_EDGES) - 1)
    serves = above[at].reshape(len(where), len(units), _PARTS).mean(-1)
    pay: Integers = (serves[None, :, :] > 1 / np.array(WORTHS)[:, None, None]).sum(-1)
    return pay
