"""Days that cost more than their past explains: weekday by weekday, with a robust interval and without known monthly fees.

A day is compared with the same weekday of the eight weeks before it. Medians, so that last month's anomaly does not hide this
month's. Unusual days in a row are compared with what was before them, until they have lasted four weeks: the new level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from finops.commitment.levels import Floats
from finops.forecast import MAD_TO_SIGMA, SEASON, fees, without_fees

WINDOW = 56
"""Days that a day is compared with: eight of each weekday."""

LEAST_DAYS = 28
"""Four of each weekday: with fewer there is no expectation, and nothing is unusual."""

SIGMAS = 4.0
"""How far above its expectation a day is unusual. Under a normal error one day in 30,000; heavy tails are why not three."""

LEAST_SIGMA = 0.03
"""Of the expected amount: a series that never moved is not alarmed about by cents."""

NORMAL_95 = 1.645
"""The 95 % quantile of a normal error. What runs on one day in four has a median of nothing; its use is in the tail."""

MOST_FEES = 3
"""What stands out on more days of the month than that is use now and then, and no monthly fee."""

GAP_DAYS = 3
"""Unusual days that lie no further apart are one span: a weekend does not part them."""

NEW_LEVEL_DAYS = 28
"""What lasts for four weeks is the new level."""


@dataclass(frozen=True, slots=True)
class Span:
    """Unusual days in a row (up to two quiet ones between two do not part them). Amounts are sums over them.

    low … high  what their past explains
    """

    first: date
    last: date
    days: int
    actual: float
    expected: float
    low: float
    high: float

    @property
    def above(self) -> float:
        return self.actual - self.expected


@dataclass(frozen=True, slots=True)
class _Judged:
    """One day with its expectation."""

    day: date
    actual: float
    expected: float
    margin: float

    @property
    def is_unusual(self) -> bool:
        return self.actual > self.expected + self.margin


def unusual(first: date, history: Floats, *, since: date) -> list[Span]:
    """The spans that reach into the days from `since` on, oldest first.

    first, history  currency a day of complete days, oldest first
    """
    known = fees(first, history)
    plain = without_fees(first, history, known) if len(known) <= MOST_FEES else history
    judged: list[_Judged] = []
    floor, began, last = 0, None, None  # the days compared with, the span at hand, its last unusual day
    for index in range(LEAST_DAYS, plain.size):
        if began is not None and last is not None and index - last > GAP_DAYS:
            began = None
        if began is not None and index - began >= NEW_LEVEL_DAYS:
            floor, began = began, None
        day = _judge(
            first + timedelta(days=index), plain[floor : index if began is None else began], plain[index], index - floor
        )
        if day is not None and day.is_unusual:
            began, last = index if began is None else began, index
            judged.append(day)
    return [span for span in _spans(judged) if span.last >= since]


def _judge(day: date, before: Floats, actual: float, distance: int) -> _Judged | None:
    """A day against those before it; None where they are too few. `distance` is its number, counted from the first of them."""
    start = max(0, before.size - WINDOW)
    past = before[start:]
    if past.size < LEAST_DAYS:
        return None
    weekdays = np.arange(start, before.size) % SEASON
    of_weekday = np.array([np.median(past[weekdays == weekday]) for weekday in range(SEASON)])
    pattern = of_weekday[weekdays]
    expected = float(of_weekday[distance % SEASON])
    # an error is in proportion to what the weekday costs; where it usually costs nothing there is no proportion
    errors = (past - pattern) * np.where((pattern > 0) & (expected > 0), expected / np.maximum(pattern, 1e-12), 1.0)
    middle = MAD_TO_SIGMA * float(np.median(np.abs(errors)))
    tail = float(np.quantile(errors, 0.95)) / NORMAL_95
    return _Judged(day, float(actual), expected, SIGMAS * max(middle, tail, LEAST_SIGMA * expected))


def _spans(days: Sequence[_Judged]) -> list[Span]:
    groups: list[list[_Judged]] = []
    for day in days:
        if groups and (day.day - groups[-1][-1].day).days <= GAP_DAYS:
            groups[-1].append(day)
        else:
            groups.append([day])
    return [
        Span(
            group[0].day,
            group[-1].day,
            len(group),
            sum(day.actual for day in group),
            sum(day.expected for day in group),
            sum(max(0.0, day.expected - day.margin) for day in group),
            sum(day.expected + day.margin for day in group),
        )
        for group in groups
    ]
