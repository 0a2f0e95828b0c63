"""Commitments that are about to expire: what they committed to is billed on demand from then on."""

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
