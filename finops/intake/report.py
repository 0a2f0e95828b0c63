"""What `finops load` says: one line a source and table, and what was passed over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from finops.money import Money, total


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source's part of a delivery. `totals`: BilledCost, one amount a currency; empty for tables without money."""

    source: str
    table: str
    format: str
    version: str
    periods: tuple[str, ...]
    files: int
    rows: int
    totals: tuple[Money, ...] = ()
    reconciled: str = ""
    status: str = ""
    notes: tuple[str, ...] = ()

    @property
    def period(self) -> str:
        """`2026-09`, or `2026-07 to 2026-09`."""
        if not self.periods:
            return ""
        first, last = min(self.periods), max(self.periods)
        return first if first == last else f"{first} to {last}"


def summed(notes: Iterable[str]) -> list[str]:
    """Notes that begin with a count (one a month, say) as one note with the sum of them all; any other once."""
    counts: dict[str, int] = {}
    for note in notes:
        match = re.fullmatch(r"([\d,]+) (.*)", note, re.DOTALL)
        said, count = (match[2], int(match[1].replace(",", ""))) if match else (note, 0)
        counts[said] = counts.get(said, 0) + count
    return [f"{count:,} {said}" if count else said for said, count in counts.items()]


@dataclass(frozen=True, slots=True)
class ApiCalls:
    """Calls of providers' APIs by operation, and what they cost at list price: as estimated before, and as counted."""

    calls: tuple[tuple[str, int], ...] = ()
    estimated: tuple[Money, ...] = ()
    spent: tuple[Money, ...] = ()

    def __add__(self, other: ApiCalls) -> ApiCalls:
        return other if not self.calls else self if not other.calls else _both(self, other)


def _both(one: ApiCalls, other: ApiCalls) -> ApiCalls:
    calls = Counter(dict(one.calls)) + Counter(dict(other.calls))
    return ApiCalls(tuple(sorted(calls.items())), _summed(one.estimated, other.estimated), _summed(one.spent, other.spent))


def _summed(*amounts: tuple[Money, ...]) -> tuple[Money, ...]:
    every = [money for several in amounts for money in several]
    return tuple(total((m for m in every if m.currency == c), c) for c in sorted({m.currency for m in every}))


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A delivery that was loaded. `passed_over`: file and reason; `failures`: what brought nothing, and why."""

    lines: tuple[SourceLine, ...]
    passed_over: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    changed: bool = True
    failures: tuple[str, ...] = ()
    api: ApiCalls = ApiCalls()

    def __add__(self, other: LoadReport) -> LoadReport:
        return LoadReport(
            self.lines + other.lines,
            self.passed_over + other.passed_over,
            self.notes + other.notes,
            self.changed or other.changed,
            self.failures + other.failures,
            self.api + other.api,
        )
