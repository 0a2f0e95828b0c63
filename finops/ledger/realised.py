"""What applied actions really saved: measured on the bill, shared where several changed one resource, less what is stranded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from finops.bill.lines import keys_of
from finops.ledger.bill import BASELINE_DAYS, Before, Day, Usage, before, days_after, lines_of
from finops.ledger.entries import MONTH_DAYS, ZERO, Entry
from finops.money import cents

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Realised:
    """One applied action on the bill, from the day it shows to the last settled one.

    expected   what the resource would have cost: old unit cost at today's usage, or the old usage where the action changed that
    saved      expected − actual − stranded, its share of it where several actions changed the resource
    cash       the same as billed: what a commitment pays for leaves no cash
    monthly    `saved` of the last 30 of these days, a month: meters of months by calendar days, as the plan counts them
    """

    finding_id: str
    since: date
    days: int
    expected: Decimal
    actual: Decimal
    stranded: Decimal
    saved: Decimal
    cash: Decimal
    monthly: Decimal
    monthly_cash: Decimal
    measured: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Actions on one resource, oldest first, and what the bill shows of them together."""

    entries: tuple[Entry, ...]
    known: Before
    days: tuple[Day, ...]

    def freed(self, commitment: str) -> Decimal:
        """What the commitment covered a day and does not cover any more."""
        if not self.days:
            return ZERO
        now = sum((day.covered.get(commitment, ZERO) for day in self.days), ZERO) / len(self.days)
        return max(ZERO, self.known.commitments.get(commitment, ZERO) - now)


def realised(
    applied: Sequence[Entry],
    lines: Mapping[str, Sequence[Usage]],
    unused: Mapping[str, Mapping[date, Decimal]],
    settled: date,
) -> list[Realised]:
    """One row for each applied entry that the bill can be asked about.

    lines   by bill key, from 30 days before the first action
    unused  by commitment and day: what it cost without covering anything
    """
    groups = [group for entries in _grouped(applied) if (group := _group(entries, lines, settled)) is not None]
    total: dict[str, Decimal] = {}
    for group in groups:
        for commitment in group.known.commitments:
            total[commitment] = total.get(commitment, ZERO) + group.freed(commitment)
    rows = []
    for group in groups:
        stranded = sum((_stranded(group, c, unused.get(c, {}), total[c]) for c in group.known.commitments), ZERO)
        rows += _rows(group, stranded)
    return rows


def _grouped(applied: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that share a key of the bill belong together: one resource saves once."""
    groups: list[tuple[set[str], list[Entry]]] = []
    for entry in sorted(applied, key=lambda e: (e.applied_on or e.as_of, e.finding_id)):
        keys = set(keys_of(entry.billed_as)) - {""}
        if not keys or entry.applied_on is None:
            continue
        touching = [group for group in groups if group[0] & keys]
        groups = [group for group in groups if not group[0] & keys]
        groups.append((keys.union(*(g[0] for g in touching)), [*(e for g in touching for e in g[1]), entry]))
    return [entries for _, entries in groups]


def _group(entries: Sequence[Entry], lines: Mapping[str, Sequence[Usage]], settled: date) -> _Group | None:
    mine = list({id(line): line for entry in entries for line in lines_of(lines, entry)}.values())
    first = min(_since(entry) for entry in entries)
    known = before(mine, entries, first - timedelta(days=1))
    if known is None:
        return None
    return _Group(tuple(entries), known, tuple(days_after(known, mine, first, settled)))


def _since(entry: Entry) -> date:
    return entry.applied_on or entry.as_of


def _stranded(group: _Group, commitment: str, unused: Mapping[date, Decimal], freed_by_all: Decimal) -> Decimal:
    """A day, of what the actions freed of a commitment, that part which now lies unused."""
    freed = group.freed(commitment)
    if not freed or not group.days:
        return ZERO
    first, last = group.days[0].day, group.days[-1].day
    now = _mean(unused, first, last)
    then = _mean(unused, first - timedelta(days=BASELINE_DAYS), first - timedelta(days=1))
    return min(freed, max(ZERO, now - then) * freed / freed_by_all)


def _mean(series: Mapping[date, Decimal], first: date, last: date) -> Decimal:
    days = (last - first).days + 1
    return sum((amount for day, amount in series.items() if first <= day <= last), ZERO) / days


def _rows(group: _Group, stranded: Decimal) -> list[Realised]:
    """The group's saving of each day, shared among the actions that were on the bill by then, by what each promised."""
    rows = {
        entry.finding_id: Realised(
            entry.finding_id, _since(entry), 0, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, _measured(group.known)
        )
        for entry in group.entries
    }
    recent = dict.fromkeys(rows, (ZERO, ZERO, 0))
    for day in group.days:
        active = [entry for entry in group.entries if _since(entry) <= day.day]
        promised = sum((max(entry.alone, ZERO) for entry in active), ZERO)
        for entry in active:
            share = max(entry.alone, ZERO) / promised if promised else Decimal(1) / len(active)
            row = rows[entry.finding_id]
            rows[entry.finding_id] = replace(
                row,
                days=row.days + 1,
                expected=row.expected + day.expected * share,
                actual=row.actual + day.actual * share,
                stranded=row.stranded + stranded * share,
                saved=row.saved + (day.saved - stranded) * share,
                cash=row.cash + day.cash * share,
            )
            if (group.days[-1].day - day.day).days < BASELINE_DAYS:
                saved, cash, days = recent[entry.finding_id]
                saved, cash = saved + (day.even_saved - stranded) * share, cash + day.even_cash * share
                recent[entry.finding_id] = (saved, cash, days + 1)
    return [_monthly(row, *recent[finding_id]) for finding_id, row in rows.items() if row.days]


def _monthly(row: Realised, saved: Decimal, cash: Decimal, days: int) -> Realised:
    month = MONTH_DAYS / days
    return replace(
        row,
        expected=cents(row.expected),
        actual=cents(row.actual),
        stranded=cents(row.stranded),
        saved=cents(row.saved),
        cash=cents(row.cash),
        monthly=cents(saved * month),
        monthly_cash=cents(cash * month),
    )


def _measured(known: Before) -> str:
    if known.at_unit_cost:
        return f"old cost a unit at today's {', '.join(sorted(unit for unit in known.by_unit if unit)) or 'usage'}"
    return f"usage of the {known.days} days before"


@dataclass(frozen=True, slots=True)
class Covered:
    """A commitment on the bill of one day.

    on_demand  what the usage that it covers costs without it
    effective  what it costs by accrual, unused hours included; `billed` what is invoiced for it, of it `purchased` as fees
    """

    commitment: str
    day: date
    on_demand: Decimal
    effective: Decimal
    billed: Decimal
    purchased: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Renewed:
    """A day of what ended commitments covered before a purchase that covers it now: on demand, and what it cost by accrual."""

    on_demand: Decimal
    cost: Decimal


def realised_commitment(
    entry: Entry, covered: Sequence[Covered], settled: date, renewed: Renewed | None = None
) -> Realised | None:
    """What a commitment saved: its usage at the price paid before, less all that it costs. None before its first settled day.

    renewed  that part was paid for at the price of the commitments that ended: renewing the same saves nothing
    """
    mine = [row for row in covered if _since(entry) <= row.day <= settled]
    if not mine:
        return None
    days = (settled - _since(entry)).days + 1
    paid_before = _paid_before(renewed, sum((row.on_demand for row in mine), ZERO) / days)
    mine = [replace(row, on_demand=row.on_demand * paid_before) for row in mine]
    expected, actual, billed = (sum((getattr(r, name) for r in mine), ZERO) for name in ("on_demand", "effective", "billed"))
    was = "on demand" if paid_before == ONE else f"at {paid_before:.0%} of on demand, as before it"
    said = f"what it covers {was}, less all that it costs"
    saved, cash = expected - actual, expected - billed
    row = Realised(entry.finding_id, _since(entry), days, expected, actual, ZERO, saved, cash, ZERO, ZERO, said)
    late = [one for one in mine if (settled - one.day).days < BASELINE_DAYS]
    span = min(days, BASELINE_DAYS)
    saved = sum((one.on_demand - one.effective for one in late), ZERO)
    return _monthly(row, saved, _paid_less(mine, days) * span / days, span)


def _paid_before(renewed: Renewed | None, on_demand: Decimal) -> Decimal:
    """Which share of its on-demand price the usage that a purchase covers cost before; `on_demand` is a day of that usage."""
    if renewed is None or on_demand <= 0 or renewed.on_demand <= 0:
        return ONE
    part = min(ONE, renewed.on_demand / on_demand)
    return ONE - part * (1 - renewed.cost / renewed.on_demand)


def _paid_less(mine: Sequence[Covered], days: int) -> Decimal:
    """What was not invoiced of these days since the purchase. A fee that is not billed daily pays for a month at least, and for
    as long as no other was billed: it counts for that part of its time that has passed."""
    fees = sum((one.purchased for one in mine), ZERO)
    others = sum((one.on_demand - one.billed + one.purchased for one in mine), ZERO)
    count = sum(1 for one in mine if one.purchased)
    is_daily = count * 2 > days
    return others - (fees if is_daily else fees * days / max(Decimal(days), count * MONTH_DAYS))
