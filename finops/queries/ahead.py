"""What is known to change after today: promotional credits and commitments that end, and what they hold off the bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from finops.agreements import SPENT, agreements_of
from finops.money import MONTH_PER_WINDOW, cents
from finops.queries.reads import Reads


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that holds money off the bill and ends.

    last     its last day; None where nobody says
    monthly  what the bill (after credits) is higher from then on, a month of 730 hours
    """

    what: str
    name: str
    provider: str
    currency: str
    last: date | None
    monthly: Decimal


COMMITTED = """
    with latest as (
        select
            lower(commitment_id) as commitment_id,
            arg_max(term_start, observed_at) as term_start,
            arg_max(term_end, observed_at) as term_end
        from commitments
        where observed_at < $as_of::date + 4
        group by lower(commitment_id)
    ),
    used as (
        select
            lower(commitment_id) as commitment_id,
            provider,
            currency,
            cast(sum(coalesce(contracted_cost, list_cost, effective_cost) - effective_cost) as decimal(38, 12)) as kept,
            count(distinct charge_date) as days
        from resource_daily
        where
            commitment_id is not null and charge_category = 'Usage' and coalesce(commitment_status, 'Used') = 'Used'
            and charge_date > $as_of::date - 30 and charge_date <= $as_of::date
        group by all
    )
    select used.*, cast(term_end as date) as ends
    from used
    inner join latest on used.commitment_id = latest.commitment_id
    where cast(term_end as date) between $as_of::date + 1 and $until::date and kept > 0
    order by ends, used.commitment_id
"""


def endings(reads: Reads, as_of: date, *, days: int = 365) -> list[Ending]:
    """What ends within so many days, soonest first; what ends on no known day comes last."""
    asked = {"as_of": as_of}
    agreed = agreements_of(reads.rows("select * from contracts"), reads.rows(SPENT, asked), as_of)
    paid = {(row["provider"], row["currency"]): row["credits"] for row in reads.rows(SPENT, asked)}
    found = [
        Ending(
            "promotional credits",
            p.name,
            p.provider,
            p.currency,
            None if p.ends is None else p.ends - timedelta(days=1),
            cents(paid[p.provider, p.currency] * MONTH_PER_WINDOW),
        )
        for p in agreed.promotions
    ]
    for row in reads.rows(COMMITTED, asked | {"until": as_of + timedelta(days=days)}):
        monthly = cents(row["kept"] * 30 / row["days"] * MONTH_PER_WINDOW)
        name, last = row["commitment_id"], row["ends"] - timedelta(days=1)
        found.append(Ending("commitment", name, row["provider"], row["currency"], last, monthly))
    return sorted(found, key=lambda e: (e.last is None, e.last or date.max, e.name))
