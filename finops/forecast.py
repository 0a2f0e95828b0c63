"""Daily spend ahead: three simple forecasters weighted by how well each did, and the errors that they made as the interval.

Sources: Holt's damped trend (Gardner & McKenzie 1985), Theta (Assimakopoulos & Nikolopoulos 2000), split conformal intervals
(Vovk et al.). No model is fitted to more than eight weeks of days: an account's level changes faster than that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from finops.commitment.levels import Floats

SEASON = 7
LEAST_DAYS = 14
"""Two weekly cycles: with fewer days there is no forecast."""

WINDOW = 56
"""Days that a forecaster looks back: eight weekly cycles."""

ORIGINS = 60
"""How many past days the forecast is repeated on, for its weights and for its interval."""

NEW_LEVEL = 2.0
"""A level that is so many times the one before, or that part of it, is a new one: what was before tells nothing of it."""

MAD_TO_SIGMA = 1.4826
FEE_SIGMAS = 6.0
"""A day is a fee's when it stands out by that much, on the same day of the month at least twice."""

AROUND_DAYS = 7
"""Days before and after that it stands out of: both weekends, and no more of a month than half."""

SPIKE_DAYS = 2
"""Most days in a row of a spike; three are a level that lasts."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The days ahead. `errors` are past errors of the sum over this many days: actual − forecast, in currency.

    weights  of each forecaster, summing to 1
    """

    daily: Floats
    errors: Floats
    weights: tuple[float, float, float]

    @property
    def total(self) -> float:
        return float(self.daily.sum())

    def interval(self, coverage: float = 0.8) -> tuple[float, float] | None:
        """Between which amounts the sum lies with this probability; None with fewer than ten past errors."""
        if self.errors.size < 10:
            return None
        ordered = np.sort(self.errors)
        count = ordered.size
        tail = (1 - coverage) / 2
        low = max(0, int(np.floor((count + 1) * tail)) - 1)
        high = min(count - 1, int(np.ceil((count + 1) * (1 - tail))) - 1)
        return max(0.0, self.total + float(ordered[low])), max(0.0, self.total + float(ordered[high]))

    def exceeds(self, amount: float) -> float | None:
        """How often the past errors would have carried the sum above an amount: 0 … 1; None with fewer than ten."""
        if self.errors.size < 10:
            return None
        return float(np.mean(self.total + self.errors > amount))


def forecast(history: Floats, days: int) -> Forecast | None:
    """The next `days` days after a history of complete days; None with less than two weeks of it.

    history  currency per day, oldest first
    """
    if history.size < LEAST_DAYS or days <= 0:
        return None
    origins = range(max(LEAST_DAYS, history.size - days - ORIGINS), history.size - days + 1)
    past = np.array([[model(history[:n], days).sum() for model in MODELS] for n in origins]).reshape(-1, len(MODELS))
    actual = np.array([history[n : n + days].sum() for n in origins])
    weights = _weights(past, actual)
    begun = _level_began(history)
    daily = np.asarray(sum(w * model(history[begun:], days) for w, model in zip(weights, MODELS, strict=True)))
    errors = actual - past @ np.array(weights) if origins else np.zeros(0)
    middle = float(np.median(errors)) if errors.size else 0.0
    # what forecasts missed before the level is no bias of one made from it
    since = errors[np.array(origins) >= begun + LEAST_DAYS] if begun else errors
    bias = float(np.median(since)) if since.size else 0.0
    widened = (errors - middle) * _widening(max(1.0, len(origins) / days))
    return Forecast(np.maximum(0.0, daily + bias / days), widened, weights)


def _level_began(history: Floats) -> int:
    """The index at which the last level began that two weeks bear out, of at least `NEW_LEVEL` times or part of the one
    before; 0 where there is none."""
    count = history.size - 2 * LEAST_DAYS + 1
    if count <= 0:
        return 0
    medians = np.median(np.lib.stride_tricks.sliding_window_view(history, LEAST_DAYS), axis=1)
    before, after = medians[:count], medians[LEAST_DAYS:]
    apart = np.abs(np.log(np.maximum(after, 1e-9) / np.maximum(before, 1e-9)))
    far = np.flatnonzero(apart >= np.log(NEW_LEVEL))
    if not far.size:
        return 0
    last = far[far > far[-1] - LEAST_DAYS]
    # a step looks the same to medians as long as most days of each window are on its side: it is in the middle of those
    best = last[apart[last] >= 0.9 * apart[last].max()]
    return LEAST_DAYS + int(best[best.size // 2])


def _widening(windows: float) -> float:
    """What few independent windows make an interval wider by: Student's quantile against the normal's (to first order, at
    80 %), and the error of the median itself. Windows that overlap are no independent errors."""
    return float(np.sqrt(1 + 1 / windows) * (1 + 0.66 / windows))


def seasonal(history: Floats, days: int) -> Floats:
    """Each weekday as its mean of the last four."""
    recent = history[-4 * SEASON :]
    recent = recent[recent.size % SEASON :] if recent.size >= SEASON else recent
    week = recent.reshape(-1, SEASON).mean(axis=0)
    return np.resize(week, days)


def damped(history: Floats, days: int, level: float = 0.3, trend: float = 0.1, damping: float = 0.9) -> Floats:
    """Holt's linear trend, damped, on the history without its weekly pattern; the pattern is put back."""
    flat, pattern = _deseasonalised(history[-WINDOW:])
    base, slope = float(flat[0]), 0.0
    for value in flat[1:]:
        before = base
        base = level * float(value) + (1 - level) * (base + damping * slope)
        slope = trend * (base - before) + (1 - trend) * damping * slope
    steps = np.cumsum(damping ** np.arange(1, days + 1))
    return np.asarray(base + slope * steps + np.resize(pattern, days), dtype=np.float64)


def theta(history: Floats, days: int, smoothing: float = 0.3) -> Floats:
    """Exponential smoothing plus half of the straight line's slope, on the history without its weekly pattern."""
    flat, pattern = _deseasonalised(history[-WINDOW:])
    level = float(flat[0])
    for value in flat[1:]:
        level = smoothing * float(value) + (1 - smoothing) * level
    slope = float(np.polyfit(np.arange(flat.size), flat, 1)[0])
    return np.asarray(level + slope / 2 * np.arange(1, days + 1) + np.resize(pattern, days), dtype=np.float64)


MODELS: tuple[Callable[[Floats, int], Floats], ...] = (seasonal, damped, theta)


def _deseasonalised(history: Floats) -> tuple[Floats, Floats]:
    """The history less its weekday pattern, and the pattern of the days that follow."""
    whole = history[history.size % SEASON :]
    weeks = whole.reshape(-1, SEASON)
    pattern = np.median(weeks - weeks.mean(axis=1, keepdims=True), axis=0)
    return whole - np.tile(pattern, weeks.shape[0]), np.asarray(pattern, dtype=np.float64)


def _weights(past: Floats, actual: Floats) -> tuple[float, float, float]:
    """Inverse of each forecaster's mean absolute error over the origins; equal without origins."""
    if actual.size == 0:
        return (1 / 3, 1 / 3, 1 / 3)
    misses = np.abs(past - actual[:, None]).mean(axis=0)
    inverse = 1 / np.maximum(misses, 1e-9 * max(1.0, float(np.abs(actual).mean())))
    share = inverse / inverse.sum()
    return float(share[0]), float(share[1]), float(share[2])


@dataclass(frozen=True, slots=True)
class Fee:
    """What is charged on one day of each month."""

    day: int
    amount: float


def fees(first: date, history: Floats) -> tuple[Fee, ...]:
    """Days of the month that stand out of the days around them at least twice, and the last time that they came, with their
    excess that time. A new level is no fee: its days are like the days around them.

    first  the day of history[0]
    """
    if history.size < LEAST_DAYS:
        return ()
    above, least = _above(history)
    seen: dict[int, list[float]] = {}
    for index, excess in enumerate(above):
        seen.setdefault((first + timedelta(days=index)).day, []).append(float(excess))
    return tuple(
        Fee(day, amounts[-1])
        for day, amounts in sorted(seen.items())
        if amounts[-1] > least and sum(1 for amount in amounts if amount > least) >= 2
    )


def without_fees(first: date, history: Floats, known: Sequence[Fee]) -> Floats:
    """The history with each fee's day, where it stands out, brought down to the days around it."""
    if not known:
        return history.copy()
    above, least = _above(history)
    days = {fee.day for fee in known}
    paid = [excess > least and (first + timedelta(days=n)).day in days for n, excess in enumerate(above)]
    return np.where(paid, history - above, history)


def repeated(charges: Mapping[date, float], first: date, last: date) -> tuple[Fee, ...]:
    """Days of the month that had one of these charges both of the last times that they came due, with the lesser amount: the
    rest of the other was charged once.

    first, last  the days that are known
    """
    due: dict[int, list[date]] = {}
    for step in range((last - first).days + 1):
        day = first + timedelta(days=step)
        due.setdefault(day.day, []).append(day)
    twice = [(day, [charges[d] for d in days[-2:] if d in charges]) for day, days in sorted(due.items())]
    return tuple(Fee(day, min(amounts, key=abs)) for day, amounts in twice if len(amounts) == 2)


def without_spikes(history: Floats) -> tuple[Floats, float]:
    """The history with each single spike, up or down, at the level around it; and by how much the newest days stand out a day.

    A spike is of two days at most, stands out of the week before and of the week after, and nothing half as large stands out
    within eight weeks of it. Nobody knows of the newest days whether they are a spike or a level that has begun.
    """
    plain, newest = history.copy(), 0.0
    if history.size < LEAST_DAYS:
        return plain, newest
    above, least = _above(history)
    apart = np.flatnonzero(np.abs(above) > least)
    for run in np.split(apart, np.flatnonzero(np.diff(apart) > 1) + 1):
        if not 0 < run.size <= SPIKE_DAYS:
            continue
        begin, end = int(run[0]), int(run[-1]) + 1
        excess = float(above[run].mean())
        sides = [side for side in (history[max(0, begin - AROUND_DAYS) : begin], history[end : end + AROUND_DAYS]) if side.size]
        others = above[np.setdiff1d(apart[np.abs(apart - begin) <= WINDOW], run)]
        if any(float((history[run] - np.median(side)).min() * np.sign(excess)) <= least for side in sides):
            continue
        if (others * np.sign(excess) < abs(excess) / 2).all():
            plain[run] -= above[run]
            newest = excess if end == history.size else newest
    return plain, newest


def _above(history: Floats) -> tuple[Floats, float]:
    """By how much each day is above the median of the days around it, and the least that stands out."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(history, AROUND_DAYS, mode="reflect"), 2 * AROUND_DAYS + 1)
    around = np.median(windows, axis=1)
    above = history - around
    spread = MAD_TO_SIGMA * float(np.median(np.abs(above)))
    return above, FEE_SIGMAS * max(spread, 0.02 * abs(float(np.median(around))))


def fees_ahead(after: date, days: int, known: Sequence[Fee]) -> Floats:
    """What fees add to each of the next days."""
    amounts = {fee.day: fee.amount for fee in known}
    return np.array([amounts.get((after + timedelta(days=step)).day, 0.0) for step in range(1, days + 1)])
