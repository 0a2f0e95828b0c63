"""Savings: what was found, decided, done, and what the bill shows of it; and what waiting costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from finops.ledger import kept
from finops.ledger.entries import Entry, Standing, Status
from finops.ledger.realised import Realised, realised, realised_commitment
from finops.money import cents
from finops.queries.month_end import PROVISIONAL_DAYS
from finops.queries.reads import Reads, as_of

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class SavingRow:
    """One finding. Amounts are a month unless they say otherwise.

    promised  as the last plan that held it said, with its range; `stands_since` the plan that put it on record as it stands
    waiting   what leaving it open has cost since it was first seen, in total
    applied   the first day on which the bill shows it
    realised  measured on the bill since, a month; `saved` in total. None where nothing could be measured yet
    cash      of it, what is not invoiced any more; nothing below a negotiated floor
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
    rows = tuple(_row(standing, measured.get(standing.entry.finding_id), floors) for standing in standings)
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


def _below_floor(reads: Reads, day: date) -> dict[tuple[str, str], str]:
    """Providers and currencies whose spend, at its pace, stays below the negotiated floor of the contract in force: what is
    saved there is paid all the same. All of the provider's spend is compared: what counts towards the floor is less."""
    rows = reads.rows(
        """
        with contracts as (
            select
                contract_id, provider, currency, floor,
                cast(period_start as date) as first_day, cast(period_end as date) as last_day
            from contracts
            where cast(period_start as date) <= $day and cast(period_end as date) > $day
        )
        select
            contract_id, contracts.provider, contracts.currency, floor,
            coalesce(sum(billed_cost), 0)::decimal(38, 12) as billed,
            ($day - first_day) + 1 as elapsed, last_day - first_day as days
        from contracts
        left join resource_daily
            on contracts.provider = resource_daily.provider and contracts.currency = resource_daily.currency
            and charge_date between first_day and $day
        group by all order by all
        """,
        {"day": day},
    )
    return {
        (row["provider"], row["currency"]): row["contract_id"]
        for row in rows
        if row["billed"] * row["days"] / row["elapsed"] < row["floor"]
    }


def _row(standing: Standing, measured: Realised | None, floors: dict[tuple[str, str], str]) -> SavingRow:
    entry = standing.entry
    is_floored = (entry.provider, entry.currency) in floors
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
        cash=(ZERO if is_floored else measured.monthly_cash) if measured else None,
        saved=measured.saved if measured else None,
        saved_cash=(ZERO if is_floored else measured.cash) if measured else None,
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


def _notes(plans: Sequence[date], floors: dict[tuple[str, str], str]) -> tuple[str, ...]:
    notes = [
        f"{provider} in {currency} stays below the floor of contract {contract}: what is saved there leaves no cash"
        for (provider, currency), contract in floors.items()
    ]
    if not plans:
        notes.append("no plan is on record yet: finops recommend records one")
    return tuple(notes)
