"""Savings: what was found, decided, done, and what the bill shows of it; and what waiting costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from finops.agreements import PACE, Floor, agreements_of
from finops.ledger import kept
from finops.ledger.entries import Entry, Standing, Status
from finops.ledger.realised import Realised, realised, realised_commitment
from finops.money import cents
from finops.queries.reads import Reads, as_of
from finops.window import PROVISIONAL_DAYS

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class SavingRow:
    """One finding. Amounts are a month unless they say otherwise.

    promised  as the last plan that held it said, with its range; `stands_since` the plan that put it on record as it stands
    waiting   what leaving it open has cost since it was first seen, in total
    applied   the first day on which the bill shows it
    realised  measured on the bill since, a month; `saved` in total. None where nothing could be measured yet
    cash      of it, what is not invoiced any more; nothing of what is paid all the same below a negotiated floor
    """

    id: str
    currency: str
    kind: str
    provider: str
    account: str
    resource: str
    owner: str
    do: str
    status: Status
    approved: bool
    first_seen: date
    stands_since: date
    streak: int
    low: Decimal
    promised: Decimal
    high: Decimal
    waiting: Decimal
    applied: date | None
    realised: Decimal | None
    cash: Decimal | None
    saved: Decimal | None
    saved_cash: Decimal | None
    measured: str
    why: str


@dataclass(frozen=True, slots=True)
class SavingTotal:
    """One currency: each finding is in one of identified, dismissed, approved, applied. A month, but for the totals named so.

    realised_promised  what was promised of those applied findings that could be measured
    """

    currency: str
    identified: Decimal
    findings: int
    new: int
    dismissed: Decimal
    approved: Decimal
    applied: Decimal
    realised: Decimal
    realised_promised: Decimal
    cash: Decimal
    saved_total: Decimal
    cash_total: Decimal
    waiting_total: Decimal


@dataclass(frozen=True, slots=True)
class SavingsReport:
    """The ledger as of a day. `plans` are the days of the recorded plans; `settled` the last day that is measured."""

    as_of: date
    settled: date
    plans: tuple[date, ...]
    totals: tuple[SavingTotal, ...]
    rows: tuple[SavingRow, ...]
    notes: tuple[str, ...] = ()

    def of_status(self, *wanted: str) -> list[SavingRow]:
        return [row for row in self.rows if row.status in wanted]


def savings(reads: Reads, day: date | None = None) -> SavingsReport:
    """The ledger as of a day, by default the last complete loaded one."""
    asked = day or as_of(reads) or date.min
    settled = asked - timedelta(days=PROVISIONAL_DAYS) if asked > date.min else asked
    known = kept.history(reads, asked)
    standings = known.standings()
    measured = _measured(reads, [s.entry for s in standings if s.entry.state == "applied"], settled)
    floors = _below_floor(reads, asked)
    known_savings = [(s.entry, measured[s.entry.finding_id]) for s in standings if s.entry.finding_id in measured]
    shares = _cash_shares(known_savings, floors)
    rows = tuple(_row(standing, measured.get(standing.entry.finding_id), shares) for standing in standings)
    plans = known.plan_days
    currencies = dict.fromkeys(row.currency for row in rows)
    totals = tuple(_total(currency, [row for row in rows if row.currency == currency]) for currency in currencies)
    return SavingsReport(asked, settled, tuple(plans), totals, rows, _notes(plans, floors))


def _measured(reads: Reads, applied: Sequence[Entry], settled: date) -> dict[str, Realised]:
    if not applied:
        return {}
    first, last = kept.window(applied, settled)
    resources = [entry for entry in applied if entry.action != "Commit"]
    lines = kept.usage(reads, resources, first, last)
    found = realised(resources, lines, kept.unused(reads, first, last), settled)
    purchases = [entry for entry in applied if entry.commitment]
    covered = kept.covered(reads, [entry.commitment for entry in purchases], first, last)
    renewed = kept.renewals(reads, purchases)
    bought = [
        realised_commitment(entry, covered.get(entry.commitment, []), settled, renewed.get(entry.commitment))
        for entry in purchases
    ]
    found += [row for row in bought if row is not None]
    return {row.finding_id: row for row in found}


def _below_floor(reads: Reads, day: date) -> list[Floor]:
    """The floors in force that the provider's spend at its run rate stays below."""
    agreed = agreements_of(reads.rows("select * from contracts"), reads.rows(PACE, {"as_of": day}), day)
    return [floor for floor in agreed.floors if floor.deficit > 0]


def _cash_shares(measured: Iterable[tuple[Entry, Realised]], floors: Iterable[Floor]) -> dict[tuple[str, str], Decimal]:
    """By provider and currency the share of what has been saved that leaves the bank less: what has brought spend below a floor
    is paid all the same. It is divided over findings in proportion, as the plan divides it."""
    years: dict[tuple[str, str], Decimal] = {}
    for entry, one in measured:
        key = (entry.provider, entry.currency)
        years[key] = years.get(key, ZERO) + 12 * one.monthly_cash
    shares = {}
    for floor in floors:
        year = years.get((floor.provider, floor.currency), ZERO)
        shares[floor.provider, floor.currency] = max(ZERO, year - floor.deficit) / year if year > 0 else ZERO
    return shares


def _row(standing: Standing, measured: Realised | None, shares: Mapping[tuple[str, str], Decimal]) -> SavingRow:
    entry = standing.entry
    share = shares.get((entry.provider, entry.currency), Decimal(1))
    return SavingRow(
        id=entry.finding_id,
        currency=entry.currency,
        kind=entry.kind,
        provider=entry.provider,
        account=entry.account_id,
        resource=entry.resource_id,
        owner=entry.owner,
        do=entry.words,
        status=standing.status,
        approved=standing.approved,
        first_seen=standing.first_seen,
        stands_since=entry.as_of,
        streak=standing.streak,
        low=entry.low,
        promised=entry.expected,
        high=entry.high,
        waiting=cents(standing.waiting),
        applied=entry.applied_on,
        realised=measured.monthly if measured else None,
        cash=cents(measured.monthly_cash * share) if measured else None,
        saved=measured.saved if measured else None,
        saved_cash=cents(measured.cash * share) if measured else None,
        measured=measured.measured if measured else "",
        why=standing.reason,
    )


def _total(currency: str, rows: Sequence[SavingRow]) -> SavingTotal:
    """Findings that are gone without having been done count nowhere but in what waiting cost."""
    opened = [row for row in rows if row.status in ("new", "open") and not row.approved]
    approved = [row for row in rows if row.approved and row.applied is None and row.status in ("new", "open", "applied")]
    applied = [row for row in rows if row.applied is not None and row.status == "applied"]
    return SavingTotal(
        currency=currency,
        identified=_sum(row.promised for row in opened),
        findings=len(opened),
        new=sum(1 for row in opened if row.status == "new"),
        dismissed=_sum(row.promised for row in rows if row.status == "dismissed"),
        approved=_sum(row.promised for row in approved),
        applied=_sum(row.promised for row in applied),
        realised=_sum(row.realised for row in applied),
        realised_promised=_sum(row.promised for row in applied if row.realised is not None),
        cash=_sum(row.cash for row in applied),
        saved_total=_sum(row.saved for row in applied),
        cash_total=_sum(row.saved_cash for row in applied),
        waiting_total=_sum(row.waiting for row in rows),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), ZERO)


def _notes(plans: Sequence[date], floors: Iterable[Floor]) -> tuple[str, ...]:
    notes = [
        f"{floor.provider} at its run rate is {floor.deficit} {floor.currency} a year below the floor of contract"
        f" {floor.contract}: so much of what is saved there leaves no cash"
        for floor in floors
    ]
    if not plans:
        notes.append("no plan is on record yet: finops recommend records one")
    return tuple(notes)
