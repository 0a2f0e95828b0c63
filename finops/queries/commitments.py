"""Commitments: which are about to expire, and how far they are used by the bill and by the provider's own account of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.queries.reads import Reads

EXPIRY_DAYS = 60
"""How far ahead the weekly report looks: two billing months to decide on a renewal."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """A commitment whose term ends soon, as last seen; `days` from the day asked about."""

    commitment: str
    provider: str
    account: str
    instrument: str
    term_end: date
    days: int
    hourly_commitment: Decimal | None
    quantity: float | None
    currency: str | None


def expiring(reads: Reads, as_of: date, *, days: int = EXPIRY_DAYS) -> list[Expiring]:
    """What ends within `days` after `as_of`, soonest first, of what was known on that day."""
    rows = reads.rows(
        """
        with known as (
            select * from commitments where observed_at < $as_of::date + 4
        ),
        last_seen as (
            select * from known qualify row_number() over (partition by commitment_id order by observed_at desc) = 1
        )
        select
            commitment_id as commitment,
            provider,
            coalesce(account_id, '') as account,
            instrument,
            cast(term_end as date) as term_end,
            date_diff('day', $as_of::date, cast(term_end as date)) as days,
            hourly_commitment,
            quantity,
            currency
        from last_seen
        where cast(term_end as date) between $as_of::date + 1 and $as_of::date + $days::integer
        order by term_end, commitment
        """,
        {"as_of": as_of, "days": days},
    )
    return [Expiring(**row) for row in rows]


UTILIZATION_POINTS = 1.0
"""Percentage points by which the bill's and the provider's utilization may differ: they round, and restate late usage apart."""


@dataclass(frozen=True, slots=True)
class Utilization:
    """A commitment and month: per cent used, as the provider states it and as the bill's used and unused cost make it.

    `billed` is None where the bill does not reach the end of the days that the provider speaks of. `status`: equal, differs,
    unknown.
    """

    commitment: str
    month: date
    stated: float
    billed: float | None
    status: str


def utilization(reads: Reads) -> list[Utilization]:
    """Every commitment and month of which the provider states a utilization, newest first."""
    rows = reads.rows(BOTH_UTILIZATIONS)
    return [Utilization(**row, status=_status(row["stated"], row["billed"])) for row in rows]


BOTH_UTILIZATIONS = """
    with stated as (
        select
            lower(resource_id) as key,
            min(resource_id) as commitment,
            cast(date_trunc('month', cast(timestamp as date)) as date) as month,
            sum(value * period_s) / sum(period_s) as stated,
            min(cast(timestamp as date)) as first_day,
            max(cast(timestamp + to_seconds(period_s) as date)) as end_day
        from metrics
        where metric = 'commitment_utilization' and statistic = 'avg'
        group by 1, 3
    ),
    billed as (
        select
            stated.key,
            stated.month,
            sum(effective_cost) filter (where commitment_status = 'Used') as used,
            sum(effective_cost) filter (where commitment_status in ('Used', 'Unused')) as whole
        from stated
        inner join resource_daily
            on lower(commitment_id) = stated.key
            and charge_date >= stated.first_day
            and charge_date < stated.end_day
        where charge_category = 'Usage'
        group by stated.key, stated.month, stated.end_day
        having max(charge_date) >= stated.end_day - 1
    )
    select
        commitment,
        month,
        stated,
        cast(100 * coalesce(used, 0) / nullif(whole, 0) as double) as billed
    from stated
    left join billed using (key, month)
    order by month desc, commitment
"""
"""Used and unused cost of exactly the days that the provider speaks of."""


def _status(stated: float, billed: float | None) -> str:
    if billed is None:
        return "unknown"
    return "equal" if abs(stated - billed) <= UTILIZATION_POINTS else "differs"
