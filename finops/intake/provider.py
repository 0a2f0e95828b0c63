"""How far the bill matches the provider's own totals (`provider_totals`), account by account and month by month.

Σ BilledCost of a month that the provider calls final equals its own total to the cent, or the unit is red. Of an open month the
days that neither side still changes are compared, and the row says so. Effective cost is compared in words alone: each side
spreads fees by rules of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from finops.intake.reconcile import Row, Unit
from finops.money import CENT
from finops.tables import CHARGES, PROVIDER_TOTALS
from finops.warehouse.checks import own_totals, spent_by_day
from finops.window import PROVISIONAL_DAYS

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Writer


@dataclass(frozen=True, slots=True)
class Own:
    """The provider's total of one account and day."""

    provider: str
    account: str
    day: date
    metric: str
    currency: str
    amount: Decimal
    final: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """The bill of one unit and day."""

    unit: Unit
    day: date
    currency: str
    billed: Decimal
    effective: Decimal


def provider_rows(writer: Writer, units: Iterable[Unit]) -> list[Row]:
    """A row for each unit and currency of which the provider's totals are loaded; charges as this writer leaves them."""
    own = [Own(*row) for row in own_totals(writer.connection, writer.current(PROVIDER_TOTALS))]
    known = {(o.account, f"{o.day:%Y-%m}") for o in own}
    wanted = sorted({u for u in units if (u.account, u.period) in known}, key=lambda u: (u.source, u.account, u.period))
    if not wanted:
        return []
    written = writer.written(CHARGES, [(unit.source, unit.account, unit.period) for unit in wanted])
    spent = [Spent(Unit(*row[:3]), *row[3:]) for row in spent_by_day(writer.connection, written)]
    return [row for unit in wanted for row in compared(unit, [s for s in spent if s.unit == unit], own)]


def compared(unit: Unit, spent: Sequence[Spent], own: Sequence[Own]) -> list[Row]:
    """One row a currency that both sides have."""
    theirs: dict[str, list[Own]] = defaultdict(list)
    ours: dict[str, list[Spent]] = defaultdict(list)
    for total in own:
        if (total.account, f"{total.day:%Y-%m}") == (unit.account, unit.period):
            theirs[total.currency].append(total)
    for part in spent:
        ours[part.currency].append(part)
    return [_row(unit, currency, ours[currency], theirs[currency]) for currency in sorted(ours.keys() & theirs.keys())]


def _row(unit: Unit, currency: str, ours: Sequence[Spent], theirs: Sequence[Own]) -> Row:
    final = all(total.final for total in theirs)
    end = date.max if final else _settled(ours, theirs)
    billed = sum((s.billed for s in ours if s.day < end), Decimal(0))
    expected = sum((o.amount for o in theirs if o.metric == "billed" and o.day < end), Decimal(0))
    residual = expected - billed
    notes = [] if final else [f"the month is open: the days before {end} are compared"]
    notes += _days(ours, theirs, end) if abs(residual) > CENT else []
    notes += _effective(ours, theirs) if final else []
    return Row(
        unit=unit,
        currency=currency,
        level="provider",
        against=f"{theirs[0].provider}'s own total of the account",
        rows_expected=None,
        rows_loaded=None,
        total_expected=expected,
        total_loaded=billed,
        residual=residual,
        status="red" if final and abs(residual) > CENT else "amber",
        note="; ".join(notes),
    )


def _settled(ours: Sequence[Spent], theirs: Sequence[Own]) -> date:
    """The first day that one side may still change, or lacks."""
    last = min(max(s.day for s in ours), max(o.day for o in theirs))
    return last + timedelta(days=1) - timedelta(days=PROVISIONAL_DAYS)


def _days(ours: Sequence[Spent], theirs: Sequence[Own], end: date) -> list[str]:
    """The days that differ, the first of them by name."""
    sums: dict[date, Decimal] = defaultdict(Decimal)
    for own in theirs:
        sums[own.day] += own.amount if own.metric == "billed" and own.day < end else 0
    for part in ours:
        sums[part.day] -= part.billed if part.day < end else 0
    wrong = sorted(day for day, amount in sums.items() if abs(amount) > CENT)
    return [f"{len(wrong)} days differ, the first {wrong[0]} by {sums[wrong[0]]:,.2f}"] if wrong else []


def _effective(ours: Sequence[Spent], theirs: Sequence[Own]) -> list[str]:
    own = [o.amount for o in theirs if o.metric == "effective"]
    difference = sum(own, Decimal(0)) - sum((s.effective for s in ours), Decimal(0))
    return [f"its effective cost is {difference:+,.2f} of ours"] if own and abs(difference) > CENT else []
