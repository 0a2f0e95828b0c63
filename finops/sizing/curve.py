"""How large a size must be: what was seen becomes a load curve, and a risk picks the size that is cheapest in expectation.

A unit of capacity too many costs its price, a unit of load that finds no capacity costs `price / risk`: the newsvendor's
problem, whose answer is the (1 − risk)-quantile of the load to come. `risk` is the one knob. What is to come is taken from what
was seen (`docs/decisions/0019-sizes-by-risk.md`):

memory   quantiles under a short, a middling and an endless memory are averaged, so that a new level counts and an old
         peak is not forgotten; how much the two shorter ones say is a second knob
level    where the daily medians shifted once, only the days since count (Pettitt's test); rhythms within a day are no shift
beyond   past the quantile that history can show, each tenth of the risk adds a few points of the present capacity, and
         further out also a share of how far the machine's own highest twentieth reaches
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]

RISKS: FloatArray = np.logspace(0, -9, 901)
"""Where a curve is known: risks from certain to 10⁻⁹, a hundred a decade."""

MEMORIES = (0.1, 0.5, math.inf)
"""Half-lives of the three memories, as shares of the history's length."""

RECENT = 2 / 3
"""Say of the two shorter memories together: each as much as the endless one."""

BEYOND_RISK = 0.02
"""Below this risk a history's own quantiles understate what comes: margins begin here."""

BEYOND_POINTS = 3.0
"""Points of the present capacity that each tenth of the risk adds; half as many at full load, which nothing exceeds."""

TAIL_RISK, TAIL_SHARE = 0.002, 0.2
"""Below this risk each tenth also adds this share of the distance from the p95 to the highest: who leaps, leaps higher."""

SHIFT_SIGNIFICANCE = 0.02
LEAST_DAYS = 14
"""Two weekly cycles: fewer days show no shift of level."""

LEAST_SINCE = 7
"""A weekly cycle: days that must have passed since a shift."""


@dataclass(frozen=True, slots=True)
class LoadCurve:
    """The load to come, as its (1 − risk)-quantiles at `RISKS`: percent of the present capacity.

    since    days that count: all, or those since the level shifted
    shifted  whether it did
    """

    levels: FloatArray
    since: float
    shifted: bool

    def size(self, risk: float) -> float:
        """The continuous size that is cheapest at this risk, percent of the present capacity."""
        return float(np.interp(-math.log(risk), -np.log(RISKS), self.levels))

    def unserved(self, size: float) -> float:
        """Expected load above `size`, percent of the present capacity: the curve's area above it."""
        above = np.maximum(np.minimum(self.levels, 100.0) - size, 0.0)
        return float(np.sum((above[1:] + above[:-1]) / 2 * -np.diff(RISKS)) + above[-1] * RISKS[-1])

    def choice(self, risk: float, sizes: Sequence[float], prices: Sequence[float] | None = None) -> int:
        """The place of the purchasable size that is cheapest: price + unserved / risk, at a price of 1 a point of capacity
        where none are given. Of equals, the smallest."""
        paid = sizes if prices is None else prices
        totals = [price + self.unserved(size) / risk for price, size in zip(paid, sizes, strict=True)]
        return int(np.argmin(totals))


def load_curve(age_days: ArrayLike, load: ArrayLike, shares: ArrayLike | None = None, recent: float = RECENT) -> LoadCurve:
    """The curve of a history: samples of load (percent of the present capacity), each `age_days` before the decision.

    `shares` are what samples stand for, in any unit of time; without them all stand for the same. `recent` is the say of the
    two shorter memories, 0 … 1. Raises ValueError where there is no sample.
    """
    age, seen = np.asarray(age_days, dtype=np.float64), np.asarray(load, dtype=np.float64)
    lasting = np.ones(len(seen)) if shares is None else np.asarray(shares, dtype=np.float64)
    known = ~np.isnan(seen)
    age, seen, lasting = age[known], seen[known], lasting[known]
    if not seen.size:
        raise ValueError("a curve of nothing")
    span = float(age.max()) + 1e-9
    since = level_since(age, seen)
    kept = age < since
    age, seen, lasting = age[kept], seen[kept], lasting[kept]
    order = np.argsort(seen, kind="stable")
    memories = [lasting[order] * 0.5 ** (age[order] / (memory * span)) for memory in MEMORIES]
    by_memory = [_quantiles(seen[order], weights) for weights in memories]
    quantiles = np.average(by_memory, axis=0, weights=(recent / 2, recent / 2, 1 - recent))
    leap = float(seen.max() - np.interp(-math.log(0.05), -np.log(RISKS), by_memory[-1]))
    margin = BEYOND_POINTS * _decades(BEYOND_RISK) + TAIL_SHARE * leap * _decades(TAIL_RISK)
    levels = quantiles + margin * np.maximum(0.0, 1 - quantiles / 200)
    return LoadCurve(np.maximum.accumulate(levels), min(since, span), math.isfinite(since))


def _decades(risk: float) -> FloatArray:
    """How many tenths each of `RISKS` is below a risk; 0 above it."""
    return np.maximum(0.0, np.log10(risk / RISKS))


def _quantiles(ordered: FloatArray, weights: FloatArray) -> FloatArray:
    """(1 − risk)-quantiles of ordered samples under weights, at `RISKS`, between the middles of the samples' weights."""
    reached = np.cumsum(weights)
    middles = (reached - weights / 2) / reached[-1]
    return np.interp(1 - RISKS, middles, ordered)


def level_since(age_days: ArrayLike, load: ArrayLike) -> float:
    """How many days ago the level of a load shifted for good: infinity where it did not.

    Pettitt's rank test (Applied Statistics 28, 1979) on the medians of whole days before the decision.
    """
    age, seen = np.asarray(age_days, dtype=np.float64), np.asarray(load, dtype=np.float64)
    days = np.floor(age).astype(int)
    order = np.lexsort((seen, days))
    present, first, count = np.unique(days[order], return_index=True, return_counts=True)
    if len(present) < LEAST_DAYS:
        return math.inf
    ranked = seen[order]
    medians = (ranked[first + (count - 1) // 2] + ranked[first + count // 2]) / 2  # the latest day first
    place, chance = pettitt(medians)
    since = float(present[place])
    return since if chance < SHIFT_SIGNIFICANCE and since >= LEAST_SINCE else math.inf


def pettitt(values: ArrayLike) -> tuple[int, float]:
    """(where the second part begins, chance that no shift is there) of the likeliest single shift of a series' level."""
    series = np.asarray(values, dtype=np.float64)
    count = len(series)
    signs = np.sign(series[:, None] - series[None, :])
    statistic = np.array([abs(signs[:k, k:].sum()) for k in range(1, count)])
    place = int(np.argmax(statistic)) + 1
    chance = 2 * math.exp(-6 * float(statistic[place - 1]) ** 2 / (count**3 + count**2))
    return place, min(1.0, chance)


@dataclass(frozen=True, slots=True)
class Trend:
    """A monotone trend of daily values: slope a day (Theil–Sen), and the chance that there is none (Mann–Kendall)."""

    slope: float
    chance: float

    @property
    def rises(self) -> bool:
        return self.slope > 0 and self.chance < SHIFT_SIGNIFICANCE


def trend(values: ArrayLike) -> Trend:
    """The trend of a series of days in their order, without correction for ties."""
    series = np.asarray(values, dtype=np.float64)
    count = len(series)
    if count < LEAST_DAYS:
        return Trend(0.0, 1.0)
    first, second = np.triu_indices(count, 1)
    steps = series[second] - series[first]
    score = float(np.sign(steps).sum())
    variance = count * (count - 1) * (2 * count + 5) / 18
    z = (abs(score) - 1) / math.sqrt(variance) if score else 0.0
    return Trend(float(np.median(steps / (second - first))), math.erfc(max(z, 0.0) / math.sqrt(2)))


def conformal_bound(peaks: Sequence[float], risk: float) -> float | None:
    """What the next peak exceeds with a chance of at most `risk`, if peaks are exchangeable: the ⌈(n + 1)(1 − risk)⌉-th
    smallest of n. None where n are too few to say so."""
    rank = math.ceil((len(peaks) + 1) * (1 - risk) - 1e-9)
    return sorted(peaks)[max(rank, 1) - 1] if rank <= len(peaks) else None


PEAK_BUMP = 1.2
"""What nobody may run out of is sized above its highest: the Kubernetes VPA's bump after an out-of-memory kill, beforehand."""

PEAK_BLOCKS = 12


def peak_bound(age_days: ArrayLike, used: ArrayLike) -> float:
    """A size that memory must not exceed: the highest seen, times 1.2 or, where more, times what the records of the history
    itself ever rose by: at each twelfth of it, the highest until then against the highest since.

    Raises ValueError where there is no sample. A quantile has no place here: above it the process is killed.
    """
    age, seen = np.asarray(age_days, dtype=np.float64), np.asarray(used, dtype=np.float64)
    known = ~np.isnan(seen)
    age, seen = age[known], seen[known]
    if not seen.size:
        raise ValueError("a bound of nothing")
    ordered = seen[np.argsort(-age, kind="stable")]
    highest = np.maximum.accumulate(ordered)
    cuts = [len(ordered) * k // PEAK_BLOCKS for k in range(PEAK_BLOCKS // 2, PEAK_BLOCKS)]
    rises = [float(highest[-1] / highest[cut - 1]) for cut in cuts if cut and highest[cut - 1] > 0]
    return float(highest[-1]) * max([PEAK_BUMP, *rises])
