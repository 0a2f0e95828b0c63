"""What the bill shows after an action: the resource's cost now against the old unit cost at today's usage."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from finops.bill.lines import keys_of
from finops.ledger.entries import MONTH_DAYS, ZERO, Entry

BASELINE_DAYS = 30
"""The old cost is that of the 30 days before: the window that the plan itself stands on."""

LEAST_DAYS = 3
"""Fewer days after a change prove nothing: one quiet day is not a deletion."""

HALF = Decimal("0.5")
"""A change is on the bill where at least half of what was promised of the cost is gone, on every day since."""

NOTHING = (ZERO, ZERO, ZERO)

LEAST_SHARE = Decimal("0.1")
"""Of a resource's cost: what would change less use by less than that cannot be told from one week beside another."""

OF_MONTHS = ("month", "months")
"""How units end that providers charge by calendar days: a day of `GB-Months` is a 28th to a 31st of a month."""

AT_UNIT_COST = ("Resize", "Move", "UseSpot")
"""Actions that change what a unit costs: they are measured at today's hours or gigabytes. All others change how much is used,
and are measured against the usage before them, since today's is their own doing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One meter of one resource on one day. Costs in the bill's currency, gross of promotional credits.

    on_demand  what the same usage costs without the commitment that covers it
    """

    key: str
    day: date
    meter: str
    unit: str
    instance_type: str
    pricing: str
    commitment: str
    quantity: Decimal
    cost: Decimal
    billed: Decimal
    on_demand: Decimal

    @property
    def is_of_months(self) -> bool:
        return self.unit.lower().endswith(OF_MONTHS)

    @property
    def even(self) -> Decimal:
        """Makes its costs those of a day of an even month (365/12 days), whatever this month's length."""
        return _even(self.day) if self.is_of_months else Decimal(1)


def _even(day: date) -> Decimal:
    return monthrange(day.year, day.month)[1] / MONTH_DAYS


@dataclass(frozen=True, slots=True)
class Day:
    """One day after an action: what it would have cost, what it cost, and the same as billed (fees of commitments apart).

    even_saved, even_cash  saved and cash of such a day in an even month (365/12 days), as plans count months
    """

    day: date
    expected: Decimal
    actual: Decimal
    billed_expected: Decimal
    billed_actual: Decimal
    even_saved: Decimal
    even_cash: Decimal
    covered: Mapping[str, Decimal]

    @property
    def saved(self) -> Decimal:
        return self.expected - self.actual

    @property
    def cash(self) -> Decimal:
        return self.billed_expected - self.billed_actual


@dataclass(slots=True)
class Before:
    """The resource before its actions: what it cost, and a unit of it, of the lines that they change.

    costs  by whether the meter counts months: cost and billed of all days, each as in an even month
    """

    entries: Sequence[Entry]
    days: int = 0
    costs: dict[bool, tuple[Decimal, Decimal]] = field(default_factory=dict)
    by_unit: dict[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)  # quantity, cost, billed
    meters: set[tuple[str, str]] = field(default_factory=set)
    machines: set[str] = field(default_factory=set)
    commitments: dict[str, Decimal] = field(default_factory=dict)  # what each covered a day

    @property
    def at_unit_cost(self) -> bool:
        return all(entry.action in AT_UNIT_COST for entry in self.entries)

    @property
    def daily(self) -> Decimal:
        """Cost of a day of an even month."""
        return sum((cost for cost, _ in self.costs.values()), ZERO) / self.days

    def selects(self, line: Usage) -> bool:
        """Whether one of the actions changes such a line; those without a change (an amount off the bill) change all."""
        for entry in self.entries:
            changes = entry.effect.changes
            if not changes:
                return True
            for change in changes:
                of_meter = (not change.unit or change.unit == line.unit) and (not change.meter or change.meter == line.meter)
                if of_meter and (change.covered or not line.commitment):
                    return True
        return False

    def day(self, day: date, lines: Sequence[Usage]) -> Day:
        """What the lines of one later day would have cost before, and cost."""
        expected = self._expected(day, lines)
        mine = [line for line in lines if (line.unit in self.by_unit if self.at_unit_cost else self.selects(line))]
        anew = [line for line in lines if line not in mine and (line.meter, line.unit) not in self.meters]
        actual = [
            (self._known(line), line.on_demand if self._is_new(line) else line.billed, line.even) for line in (*mine, *anew)
        ]
        added = sum((entry.effect.adds for entry in self.entries), ZERO) / MONTH_DAYS
        covered: dict[str, Decimal] = {}
        for line in lines:
            if line.commitment:
                covered[line.commitment] = covered.get(line.commitment, ZERO) + line.cost
        return Day(
            day,
            expected=sum((cost for cost, _, _ in expected), ZERO),
            actual=sum((cost for cost, _, _ in actual), added),
            billed_expected=sum((paid for _, paid, _ in expected), ZERO),
            billed_actual=sum((paid for _, paid, _ in actual), added),
            even_saved=sum((c * even for c, _, even in expected), ZERO) - sum((c * even for c, _, even in actual), added),
            even_cash=sum((p * even for _, p, even in expected), ZERO) - sum((p * even for _, p, even in actual), added),
            covered=covered,
        )

    def _expected(self, day: date, lines: Sequence[Usage]) -> list[tuple[Decimal, Decimal, Decimal]]:
        """Cost and billed of that day without the actions, in parts, each with what makes it one of an even month."""
        if self.at_unit_cost:
            return [
                (line.quantity * cost / quantity, line.quantity * paid / quantity, line.even)
                for line in lines
                for quantity, cost, paid in [self.by_unit.get(line.unit, NOTHING)]
                if quantity
            ]
        evens = {is_of_months: _even(day) if is_of_months else Decimal(1) for is_of_months in self.costs}
        return [
            (cost / self.days / evens[of], paid / self.days / evens[of], evens[of]) for of, (cost, paid) in self.costs.items()
        ]

    def _is_new(self, line: Usage) -> bool:
        return bool(line.commitment) and line.commitment not in self.commitments

    def _known(self, line: Usage) -> Decimal:
        """Its cost; at on-demand prices where a commitment covers it that was bought since, whose saving is its own."""
        return line.on_demand if self._is_new(line) else line.cost


def before(lines: Iterable[Usage], entries: Sequence[Entry], last: date) -> Before | None:
    """The 30 days up to `last`, from the resource's first one; None where it cost nothing then."""
    window = [line for line in lines if last - timedelta(days=BASELINE_DAYS) < line.day <= last]
    found = Before(entries)
    chosen = [line for line in window if found.selects(line)]
    if not chosen:
        return None
    found.days = (last - min(line.day for line in window)).days + 1
    found.meters = {(line.meter, line.unit) for line in window}
    found.machines = {line.instance_type for line in window if line.instance_type}
    for line in window:
        if line.commitment:
            found.commitments[line.commitment] = found.commitments.get(line.commitment, ZERO) + line.cost / found.days
    units = {line.unit for line in chosen}
    for line in window:
        if line.unit in units and line.quantity > 0:
            quantity, cost, billed = found.by_unit.get(line.unit, NOTHING)
            found.by_unit[line.unit] = (quantity + line.quantity, cost + line.cost, billed + line.billed)
    billed_on: dict[tuple[str, str], set[date]] = {}
    for line in chosen:
        billed_on.setdefault((line.meter, line.unit), set()).add(line.day)
    for line in chosen:
        # a fee that is charged once is a month's as it is
        is_once = line.is_of_months and len(billed_on[line.meter, line.unit]) == 1
        even = found.days / MONTH_DAYS if is_once else line.even
        cost, billed = found.costs.get(line.is_of_months, (ZERO, ZERO))
        found.costs[line.is_of_months] = (cost + line.cost * even, billed + line.billed * even)
    return found if found.daily > 0 else None


def days_after(known: Before, lines: Iterable[Usage], first: date, last: date) -> list[Day]:
    """Each day from `first` to `last`; of actions on the unit cost the days without usage say nothing."""
    of_day: dict[date, list[Usage]] = {}
    for line in lines:
        if first <= line.day <= last:
            of_day.setdefault(line.day, []).append(line)
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    days = [known.day(day, of_day.get(day, [])) for day in every]
    return [day for day in days if day.expected > 0]


@dataclass(frozen=True, slots=True)
class Seen:
    """An action that the bill shows: since when, and how."""

    since: date
    how: str


def seen_on_bill(lines: Sequence[Usage], entry: Entry, first_seen: date, settled: date, *, is_planned: bool) -> Seen | None:
    """Since when the bill shows the action of a finding, after it was first seen; None where it does not.

    settled     the last day that is not provisional: later ones may look cheaper than they are
    is_planned  the plan still recommends it: then only what costs nothing any more is taken for done
    """
    known = before(lines, [entry], first_seen)
    if known is None:
        return None
    promised = min(Decimal(1), entry.alone / MONTH_DAYS / known.daily)
    if promised < LEAST_SHARE and not known.at_unit_cost:
        return None
    most = ZERO if is_planned or entry.action in ("Delete", "Stop") else 1 - promised * HALF
    days = days_after(known, lines, first_seen + timedelta(days=1), settled)
    since = None
    for day in reversed(days):
        if day.actual - sum((e.effect.adds for e in known.entries), ZERO) / MONTH_DAYS > day.expected * most:
            break
        since = day.day
    if since is None or sum(1 for day in days if day.day >= since) < LEAST_DAYS:
        return None
    return _how(known, [line for line in lines if line.day >= since], since)


def _how(known: Before, after: Sequence[Usage], since: date) -> Seen | None:
    """In words. A unit that merely became cheaper (a price cut, a commitment) is nobody's action."""
    if not known.at_unit_cost:
        rest = [line for line in after if known.selects(line)]
        return Seen(since, f"at least half of what was promised is off since {since}" if rest else f"not billed since {since}")
    machines = {line.instance_type for line in after if line.instance_type}
    if machines - known.machines:
        return Seen(since, f"runs as {', '.join(sorted(machines - known.machines))} since {since}")
    if {(line.meter, line.unit) for line in after} - known.meters:
        return Seen(since, f"billed by other meters since {since}")
    return None


def lines_of(lines: Mapping[str, Sequence[Usage]], entry: Entry) -> list[Usage]:
    """The lines of everything that a finding's bill key names."""
    return [line for key in keys_of(entry.billed_as) for line in lines.get(key, ())]
