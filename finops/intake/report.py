"""What `finops load` says: one line a source and table, and what was passed over."""

from __future__ import annotations

from dataclasses import dataclass

from finops.money import Money


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


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A delivery that was loaded. `passed_over`: file and reason."""

    lines: tuple[SourceLine, ...]
    passed_over: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    changed: bool = True

    def __add__(self, other: LoadReport) -> LoadReport:
        return LoadReport(
            self.lines + other.lines,
            self.passed_over + other.passed_over,
            self.notes + other.notes,
            self.changed or other.changed,
        )
