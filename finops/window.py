"""Half-open windows of time, always aware and in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

PROVISIONAL_DAYS = 3
"""Providers restate the last three days as usage arrives late (their documentation says 24 to 72 hours)."""

KNOWN_DAYS = PROVISIONAL_DAYS + 1
"""A bill trails what happened by three days, and its replay acts three days after `as_of`: who decides on the bill up to
`as_of` knows what was observed, and which prices were in force, before `as_of` + 4.
Live inventory is always newer than the bill."""


def last_known(as_of: date) -> datetime:
    """The last moment that is known when the bill up to `as_of` is: its prices are asked."""
    return datetime.combine(as_of + timedelta(days=KNOWN_DAYS - 1), time.max, UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """`start` ≤ t < `end`. Both are aware; they are stored in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window's ends carry a time zone")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end < self.start:
            raise ValueError(f"the window ends ({self.end}) before it starts ({self.start})")

    @classmethod
    def of_days(cls, first: date, last: date) -> Window:
        """Whole UTC days, `last` included."""
        return cls(midnight(first), midnight(last) + timedelta(days=1))

    @classmethod
    def of_month(cls, period: str) -> Window:
        """The calendar month `YYYY-MM`."""
        first = date.fromisoformat(f"{period}-01")
        return cls(midnight(first), midnight(next_month(first)))

    @property
    def hours(self) -> float:
        return (self.end - self.start) / timedelta(hours=1)

    @property
    def days(self) -> float:
        return self.hours / 24

    def contains(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def split(self, step: timedelta) -> Iterator[Window]:
        """Consecutive windows of at most `step`, covering this one exactly."""
        at = self.start
        while at < self.end:
            following = min(at + step, self.end)
            yield Window(at, following)
            at = following


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
