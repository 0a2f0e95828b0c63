"""What load a scaled group must be ready for: forecasts over its boot time, their errors seen so far, and the units that pay.

A decision of step t wants units that serve from t + boot on, and lets go what serves until then: it must hold the highest load
of t … t + boot. Each forecaster says a number; how far the truth was from it, as a ratio, is kept in a histogram by the size of
the forecast. A further unit is wanted while what it is expected to serve is worth its cost: the newsvendor's rule, for whole
units. Everything of step t is known at step t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from finops.scaling.group import Floats, Group, Integers, lagged

WORTHS = (3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0, 60.0, 90.0, 135.0, 200.0, 300.0, 450.0, 700.0)
"""What a unit of load served is worth in unit-steps: the choices between cheap and safe, about half as much again each."""

MEMORY_STEPS = 4000
"""Half-life of what is remembered of forecast errors and of replays, steps: three days of minutes, two weeks of 5 minutes."""

SIZES = (1.5, 3.0, 6.0, 12.0)
"""Bounds, in units, of the classes in which errors are told apart: small loads vary relatively more."""

OWN_SHARE = 0.8
"""Weight of a forecast's own class; the rest is of all classes, so that a class never seen before has errors too."""

LEAST = 0.05
"""Units below which a load counts as this: ratios of smaller ones say nothing."""

_LOG_EDGES = np.arange(-1.2, 2.5, 0.02)
_RATIOS = np.exp(np.concatenate([[_LOG_EDGES[0] - 0.01], _LOG_EDGES + 0.01]))
"""Histogram of truth / forecast: 2 % wide, from 0.3 to 12."""


def must_hold(load: Floats, boot: int) -> Floats:
    """The highest load of each step and the `boot` that follow it."""
    padded = np.concatenate([load, np.full(boot, load[-1])])
    highest: Floats = sliding_window_view(padded, boot + 1).max(-1)
    return highest


def rolling(known: Floats, steps: int, how: Literal["highest", "mean", "spread"]) -> Floats:
    """Of each step and those before it, `steps` in all: the highest, the mean or the standard deviation."""
    window = sliding_window_view(np.concatenate([np.full(steps - 1, known[0]), known]), steps)
    result: Floats = window.max(-1) if how == "highest" else window.mean(-1) if how == "mean" else window.std(-1)
    return result


def forecasts(load: Floats, group: Group, day: int) -> Mapping[str, Floats]:
    """Forecasts of the highest load of t … t + boot, by what is known at t. `day` is a day in steps; 0: no daily pattern."""
    known = lagged(load, group.lag)
    highest = {w: rolling(known, w, "highest") for w in (3, 5, 8, 12, 20, 60)}
    mean = {w: rolling(known, w, "mean") for w in (3, 5, 10, 12, 30)}
    made = {f"highest of {w}": highest[w] for w in (3, 8, 20, 60)}
    made |= {f"mean of {w}": mean[w] for w in (3, 10, 30)}
    for w in (5, 12):
        slope = np.maximum((mean[w] - lagged(mean[w], w)) / w, 0.0)
        made[f"highest of {w}, rising"] = highest[w] + slope * (group.boot + w / 2)
    made["half highest of 3, half mean of 30"] = (highest[3] + mean[30]) / 2
    if day and len(load) > 1.5 * day:
        made["half highest of 8, half yesterday"] = (_yesterday(load, known, highest[8], group, day) + highest[8]) / 2
    return {name: np.maximum(forecast, LEAST) for name, forecast in made.items()}


def _yesterday(load: Floats, known: Floats, until_then: Floats, group: Group, day: int) -> Floats:
    """The highest load that followed a day ago, times how much higher the load is now than then."""
    followed = must_hold(load, group.boot + 3)
    level = rolling(known, 20, "mean")
    ratio = np.clip(level[day:] / np.maximum(level[:-day], LEAST), 0.5, 2.0)
    scaled: Floats = np.concatenate([until_then[:day], followed[:-day] * ratio])
    return scaled


def wanted_by_worth(load: Floats, group: Group, day: int, every: int = 1) -> Integers:
    """Units to want, (forecasters, WORTHS, steps): each forecaster's answer for each worth of a unit served.

    What its errors were is looked at anew every so many steps.
    """
    made = np.array(list(forecasts(load, group, day).values()))
    truth = must_hold(load, group.boot)
    errors = np.digitize(np.log(np.maximum(truth[None, :] / made, 1e-6)), _LOG_EDGES)
    sizes = np.digitize(made, SIZES)
    forecasters, steps = made.shape
    rows = np.arange(forecasters)
    counts = np.zeros((forecasters, len(SIZES) + 1, len(_RATIOS)))
    known, fading = 0, 0.5 ** (1 / MEMORY_STEPS)
    wanted = np.empty((forecasters, len(WORTHS), steps), dtype=np.int64)
    for t in range(0, steps, every):
        newest = max(0, t - group.lag - group.boot + 1)  # all that the steps before it had to hold is known
        counts *= fading ** (newest - known)
        for step in range(known, newest):
            counts[rows, sizes[:, step], errors[:, step]] += fading ** (newest - 1 - step)
        known = newest
        now = slice(t, t + every)
        wanted[:, :, now] = _units_that_pay(made[:, now], _shares(counts), sizes[:, now])
    return group.bounded(wanted)


def _shares(counts: Floats) -> Floats:
    """How often each ratio was seen, (forecasters, sizes, ratios): its own class before all; nothing seen: 30 % too low."""
    every = counts.sum(1, keepdims=True)
    total, total_own = every.sum(2, keepdims=True), counts.sum(2, keepdims=True)
    if not total.any():
        prior: Floats = np.zeros(counts.shape)
        prior[..., np.digitize(math.log(1.3), _LOG_EDGES)] = 1.0
        return prior
    weight = np.where(total_own > 0, OWN_SHARE, 0.0)
    shares: Floats = weight * counts / np.maximum(total_own, 1e-300) + (1 - weight) * every / total
    return shares


def _units_that_pay(forecast: Floats, shares: Floats, sizes: Integers) -> NDArray[np.int64]:
    """The number of units, (forecasters, WORTHS, steps), of which the last is still expected to serve 1 / worth of a unit.

    At most four times the highest forecast and eight: beyond that no worth here buys ahead.
    """
    units = np.arange(math.ceil(4.0 * float(forecast.max())) + 9, dtype=np.float64)
    above = np.zeros((*shares.shape[:2], shares.shape[2] + 1))
    value = np.zeros_like(above)
    above[..., :-1] = np.cumsum(shares[..., ::-1], axis=-1)[..., ::-1]
    value[..., :-1] = np.cumsum((shares * _RATIOS)[..., ::-1], axis=-1)[..., ::-1]
    bins = np.searchsorted(_RATIOS, units / forecast[..., None], side="right")
    at = np.arange(len(forecast))[:, None, None], sizes[..., None], bins
    excess = forecast[..., None] * value[at] - units * above[at]
    serves = excess[..., :-1] - excess[..., 1:]
    pay: NDArray[np.int64] = (serves[:, None] > 1 / np.array(WORTHS)[:, None, None]).sum(-1)
    return pay
