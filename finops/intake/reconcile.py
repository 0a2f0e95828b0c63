"""How far the bill is tied: complete, then to the invoice; and the one status that stands on every report.

*Complete* (amber): rows and Σ BilledCost of a unit equal the delivered files' own, summed apart from the staging.

*Matches the provider* (amber): its own totals by day (`finops/intake/provider.py`).

*Tied to the invoice* (green): for each invoice, issuer and currency, invoice − bridge − Σ BilledCost = 0 to the cent. The
charges of an invoice are those that bear its InvoiceId; where a period's charges bear none, those of its issuer or legal
entity, else those of its billing account. Invoices that claim the same charges are compared together. A
category of the invoice (tax, support, credit) of which the export has no line at all is a bridge line: it is named, with its
amount, and explains its part. A category that the export does have is compared, never bridged. What is left is the residual;
above one cent it is red. A unit is green when its invoices tie *and* account for all of its charges; else it stays amber.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from finops.money import CENT
from finops.queries.missing import missing, missing_notes
from finops.queries.reads import as_of as last_complete
from finops.window import PROVISIONAL_DAYS

if TYPE_CHECKING:
    from finops.queries import Reads

BRIDGES = ("tax", "support", "credit")
CLOSING_DAY = 5
"""A billing period counts as closed on the fifth of the next month where the provider does not say."""

ORDER = ("green", "amber", "red")


@dataclass(frozen=True, slots=True)
class Unit:
    """One billing period of one account of one source."""

    source: str
    account: str
    period: str


@dataclass(frozen=True, slots=True)
class Billed:
    """Σ BilledCost of one unit by invoice, issuer, legal entity, currency and category (usage, tax, support, credit)."""

    unit: Unit
    invoice: str
    issuer: str
    entity: str
    currency: str
    category: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of an invoice; `account` may be empty."""

    invoice: str
    issuer: str
    account: str
    period: str
    category: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `reconciliation`."""

    unit: Unit
    currency: str
    level: str
    against: str
    rows_expected: int | None
    rows_loaded: int | None
    total_expected: Decimal
    total_loaded: Decimal
    residual: Decimal
    status: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tie:
    """Invoices and the charges that they bill together; mostly one invoice."""

    invoices: tuple[InvoiceLine, ...]
    charges: tuple[Billed, ...]

    @property
    def against(self) -> str:
        """The invoices by number and issuer."""
        return ", ".join(dict.fromkeys(f"invoice {line.invoice} of {line.issuer}" for line in self.invoices))

    @property
    def rows(self) -> list[Row]:
        """One row for each unit that is billed; none where no charge is loaded."""
        bridge = self._bridge()
        invoiced = sum((line.amount for line in self.invoices), Decimal(0))
        residual = invoiced - sum(bridge.values()) - sum(charge.amount for charge in self.charges)
        status = "green" if abs(residual) <= CENT else "red"
        named = ", ".join(f"{name} {amount:,.2f}" for name, amount in sorted(bridge.items()))
        note = f"on the invoice, not in the export: {named}" if named else ""
        parts: dict[Unit, Decimal] = defaultdict(Decimal)
        for charge in self.charges:
            parts[charge.unit] += charge.amount
        currency = self.invoices[0].currency
        return [
            Row(unit, currency, "invoice", self.against, None, None, part + residual, part, residual, status, note)
            for unit, part in sorted(parts.items(), key=lambda p: (p[0].source, p[0].account, p[0].period))
        ]

    def _bridge(self) -> dict[str, Decimal]:
        present = {charge.category for charge in self.charges}
        bridge: dict[str, Decimal] = defaultdict(Decimal)
        for line in self.invoices:
            if line.category.casefold() in BRIDGES and line.category.casefold() not in present:
                bridge[line.category.casefold()] += line.amount
        return bridge


def unmatched(bills: Iterable[Tie]) -> list[str]:
    """Invoices of which no charge is loaded."""
    return [f"{bill.against} ({bill.invoices[0].currency}): no charge of it is loaded" for bill in bills if not bill.charges]


def ties(billed: Sequence[Billed], invoices: Sequence[InvoiceLine]) -> list[Tie]:
    """Each invoice with its charges. A charge belongs to one invoice, or to several that only together can be compared.

    The surest sign decides first: the InvoiceId; then, of charges without one, issuer or legal entity with the period; then
    billing account and period. What one sign has assigned is no longer free for the next.
    """
    waiting: dict[tuple[str, str, str, str], tuple[InvoiceLine, ...]] = {}
    for line in invoices:
        key = (line.invoice, line.issuer, line.period, line.currency)
        waiting[key] = (*waiting.get(key, ()), line)
    free = list(billed)
    found: list[Tie] = []
    for sign in (_by_id, _by_name, _by_account):
        together: dict[tuple[int, ...], list[InvoiceLine]] = defaultdict(list)
        for key, lines in list(waiting.items()):
            if mine := tuple(i for i, charge in enumerate(free) if sign(lines[0], charge)):
                together[_of_issuer(lines[0], mine, free) if sign is _by_id else mine] += waiting.pop(key)
        found += [Tie(tuple(lines), tuple(free[i] for i in mine)) for mine, lines in together.items()]
        taken = {i for mine in together for i in mine}
        free = [charge for i, charge in enumerate(free) if i not in taken]
    return [*found, *(Tie(lines, ()) for lines in waiting.values())]


def _by_id(invoice: InvoiceLine, charge: Billed) -> bool:
    return bool(charge.invoice) and charge.invoice == invoice.invoice and charge.currency == invoice.currency


def _by_name(invoice: InvoiceLine, charge: Billed) -> bool:
    names = {charge.issuer.casefold(), charge.entity.casefold()} - {""}
    return _open(invoice, charge) and invoice.issuer.casefold() in names and invoice.account in ("", charge.unit.account)


def _by_account(invoice: InvoiceLine, charge: Billed) -> bool:
    return _open(invoice, charge) and bool(invoice.account) and invoice.account == charge.unit.account


def _open(invoice: InvoiceLine, charge: Billed) -> bool:
    """Of the invoice's period and currency, and of no invoice that the export names."""
    return not charge.invoice and charge.unit.period == invoice.period and charge.currency == invoice.currency


def _of_issuer(invoice: InvoiceLine, mine: tuple[int, ...], free: Sequence[Billed]) -> tuple[int, ...]:
    """Two issuers may use one number: then only the charges of this one."""
    same = tuple(i for i in mine if invoice.issuer.casefold() in (free[i].issuer.casefold(), free[i].entity.casefold()))
    return same or mine


@dataclass(frozen=True, slots=True)
class Trust:
    """The first line of every report. `reconciled` is the largest residual, of one invoice or period in its own currency."""

    status: str
    reconciled: Decimal
    notes: tuple[str, ...] = ()


def trust(reader: Reads, as_of: date | None = None, *, sources: Iterable[str] = ()) -> Trust:
    """The worst of the scope (all sources where none is named), up to `as_of` (default: all that is loaded)."""
    chosen = list(sources)
    rows = reader.rows(
        "select x_source, billing_account_id, x_billing_period, currency, level, against, total_loaded, residual, status, note"
        " from reconciliation where $every or list_contains($sources, x_source) order by all",
        {"every": not chosen, "sources": chosen},
    )
    if as_of is not None:
        rows = [row for row in rows if row["x_billing_period"] <= f"{as_of:%Y-%m}"]
    if not rows:
        return Trust("amber", Decimal(0), ("no bill is loaded",))
    units: dict[tuple[str, str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        units[(row["x_source"], row["billing_account_id"], row["x_billing_period"], row["currency"])].append(row)
    statuses = [_unit_status(group) for group in units.values()]
    status = max(statuses, key=ORDER.index)
    settled = [row for row in rows if row["level"] != "provider" or row["status"] == "red"]  # of an open month it may move
    largest = max((abs(row["residual"] or Decimal(0)) for row in settled), default=Decimal(0))
    notes = [
        *_reds(rows),
        *_untied(status, statuses, units.values()),
        *_gaps(units),
        *_notes(rows),
        *_missing(reader, as_of, chosen, units),
        *provisional(reader, as_of, chosen),
    ]
    return Trust(status, largest, tuple(dict.fromkeys(notes)))


def _missing(
    reader: Reads, as_of: date | None, sources: Sequence[str], units: Mapping[tuple[str, str, str, str], list[dict[str, Any]]]
) -> list[str]:
    """Days that the bill lacks; what is tied to the invoice lacks none."""
    day = as_of or last_complete(reader)
    if day is None:
        return []
    tied = {(source, period) for (source, _, period, _), rows in units.items() if _unit_status(rows) == "green"}
    found = [each for each in missing(reader, day) if (each.source, f"{each.first:%Y-%m}") not in tied]
    return missing_notes(found, sources)


def red_sources(reader: Reads, as_of: date) -> dict[str, tuple[str, ...]]:
    """Each source of which something is red up to `as_of`, and what."""
    rows = reader.rows(
        "select x_source, x_billing_period, against, residual, currency, status from reconciliation"
        " where status = 'red' and x_billing_period <= strftime($day::date, '%Y-%m') order by all",
        {"day": as_of},
    )
    return {source: tuple(_reds([r for r in rows if r["x_source"] == source])) for source in {r["x_source"] for r in rows}}


def _unit_status(rows: list[dict[str, Any]]) -> str:
    if any(row["status"] == "red" for row in rows):
        return "red"
    complete = sum((row["total_loaded"] for row in rows if row["level"] == "complete"), Decimal(0))
    tied = [row["total_loaded"] for row in rows if row["level"] == "invoice"]
    return "green" if tied and abs(complete - sum(tied)) <= CENT else "amber"


def _reds(rows: list[dict[str, Any]]) -> list[str]:
    return [
        f"{r['x_source']} {r['x_billing_period']}: {r['against']} differs by {r['residual']:,.2f} {r['currency']}"
        for r in rows
        if r["status"] == "red"
    ]


def _untied(status: str, statuses: list[str], units: Iterable[list[dict[str, Any]]]) -> list[str]:
    open_units = sum(s == "amber" for s in statuses)
    if status != "amber":
        return []
    matching = sum(any(row["level"] == "provider" and abs(row["residual"]) <= CENT for row in rows) for rows in units)
    also = f"; {matching} match the provider's own total" if matching else ""
    return [f"{open_units} of {len(statuses)} billing periods are not tied to an invoice (finops load --invoice FILE){also}"]


def _gaps(units: Iterable[tuple[str, str, str, str]]) -> list[str]:
    periods: dict[tuple[str, str], set[str]] = defaultdict(set)
    for source, account, period, _ in units:
        periods[(source, account)].add(period)
    notes = []
    for (source, account), known in sorted(periods.items()):
        months = [int(p[:4]) * 12 + int(p[5:7]) - 1 for p in known]
        missing = sorted(set(range(min(months), max(months) + 1)) - set(months))
        if missing:
            named = ", ".join(f"{m // 12:04d}-{m % 12 + 1:02d}" for m in missing)
            notes.append(f"{source} {account}: no bill of {named}")
    return notes


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{r['x_source']} {r['x_billing_period']}: {r['note']}" for r in rows if r["note"]]


def provisional(reader: Reads, as_of: date | None = None, sources: Sequence[str] = ()) -> list[str]:
    """What may still change: the billing period that is not closed at `as_of` (default: the last complete loaded day), and
    the last three days. Fees and taxes are charged to the end of their month: their days are no usage, and not asked."""
    day = as_of or last_complete(reader)
    if day is None:
        return []
    chosen = list(sources)
    rows = reader.rows(
        "select x_source, max(unit) as period from coverage where stream = 'charges' and unit <= strftime($day::date, '%Y-%m')"
        " and ($every or list_contains($sources, x_source)) group by x_source order by x_source",
        {"day": day, "every": not chosen, "sources": chosen},
    )
    end = day + timedelta(days=1)
    notes = []
    for row in rows:
        year, month = int(row["period"][:4]), int(row["period"][5:7])
        closing = date(year + month // 12, month % 12 + 1, CLOSING_DAY)
        if end < closing:
            first = end - timedelta(days=PROVISIONAL_DAYS)
            notes.append(f"{row['x_source']}: {row['period']} is open until {closing}; the days from {first} are provisional")
    return notes
