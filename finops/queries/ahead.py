"""What is known to change after today: promotional credits and commitments that end, and what they hold off the bill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from finops.agreements import CREDITED, PACE, Agreements, Place, agreements_of
from finops.money import MONTH_PER_WINDOW, cents
from finops.queries.costs import Condition, condition_test
from finops.queries.reads import Reads
from finops.queries.teams import DAILY_WITH_TAGS
from finops.window import PROVISIONAL_DAYS


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that holds money off the bill and ends.

    what     the commitment's instrument, or `CREDITS`
    last     its last day; None where nobody says
    monthly  what the bill (after credits) is higher from then on, a month of 730 hours
    """

    what: str
    name: str
    provider: str
    currency: str
    last: date | None
    monthly: Decimal


CREDITS = "promotional credits"
PLACE = ("provider", "account", "service")

BILLS = "select provider, currency, min(charge_date) as begins from resource_daily group by all"
"""The first day of each provider's bill: what was before it, nobody knows."""

COMMITTED = f"""
    with daily as ({{daily}}),
    bills as ({BILLS}),
    latest as (
        select
            lower(commitment_id) as commitment_id,
            arg_max(term_start, observed_at) as term_start,
            arg_max(term_end, observed_at) as term_end,
            arg_max(instrument, observed_at) as instrument,
            -- of one that began on a provisional day, these are all there is
            case when arg_max(term_start, observed_at)::date > $settled::date then $as_of::date else $settled::date end as until
        from commitments
        where observed_at < $as_of::date + 4
        group by lower(commitment_id)
    ),
    negotiated as (
        select
            provider,
            service,
            currency,
            least(1, cast(sum(contracted_cost) as double) / cast(sum(list_cost) as double)) as share
        from daily
        where
            commitment_id is null and charge_category = 'Usage' and pricing_category = 'Standard' and list_cost > 0
            and charge_date > $as_of::date - 30 and charge_date <= $as_of::date
        group by all
    ),
    used as (
        select
            latest.*,
            daily.provider,
            daily.currency,
            cast(
                sum(
                    case
                        -- exports state list prices beside a reservation, whatever the account has negotiated
                        when contracted_cost < list_cost then contracted_cost
                        else coalesce(list_cost * share, contracted_cost, list_cost, effective_cost)
                    end - effective_cost
                ) as decimal(38, 12)
            ) as kept,
            min(charge_date) as first_day
        from daily
        inner join latest on lower(daily.commitment_id) = latest.commitment_id
        left join negotiated using (provider, service, currency)
        where
            charge_category = 'Usage' and coalesce(commitment_status, 'Used') = 'Used'
            and charge_date > latest.until - 30 and charge_date <= latest.until and {{where}}
        group by all
    )
    select
        *,
        cast(term_end as date) as ends,
        least(30, until - greatest(begins, least(cast(term_start as date), first_day)) + 1) as days
    from used
    inner join bills using (provider, currency)
    where cast(term_end as date) between $as_of::date + 1 and $until::date and kept > 0
    order by ends, commitment_id
"""


CREDITS_PAID = f"""
    with daily as ({{daily}}),
    bills as ({BILLS})
    select {CREDITED}, least(30, $settled::date - min(begins) + 1) as days
    from daily
    inner join bills using (provider, currency)
    where
        charge_category = 'Usage' and coalesce(charge_class, '') = '' and charge_date > $settled::date - 30
        and charge_date <= $settled::date and {{where}}
    group by all
"""
"""What promotional credits have paid of the last 30 days that are not provisional, of the lines asked about."""


def endings(reads: Reads, as_of: date, *, where: Sequence[Condition] = (), days: int = 365) -> list[Ending]:
    """What ends within so many days, soonest first; what ends on no known day comes last. `monthly` is of the 30 days
    before the provisional ones, whose lines may be late, and of the lines that `where` leaves; what holds nothing off them is
    left out. Raises ConfigError for an unknown column."""
    agreed = agreements_of(reads.rows("select * from contracts"), reads.rows(PACE, {"as_of": as_of}), as_of)
    params: dict[str, object] = {"settled": as_of - timedelta(days=PROVISIONAL_DAYS)}
    tests = " and ".join(["true", *(condition_test(condition, True, params) for condition in where)])
    found = list(_credits(agreed, reads.rows(CREDITS_PAID.format(daily=DAILY_WITH_TAGS, where=tests), params)))
    params |= {"as_of": as_of, "until": as_of + timedelta(days=days)}
    for row in reads.rows(COMMITTED.format(daily=DAILY_WITH_TAGS, where=tests), params):
        monthly = cents(row["kept"] * 30 / row["days"] * MONTH_PER_WINDOW)
        name, last = row["commitment_id"], row["ends"] - timedelta(days=1)
        found.append(Ending(row["instrument"], name, row["provider"], row["currency"], last, monthly))
    return sorted(found, key=lambda e: (e.last is None, e.last or date.max, e.name))


def _credits(agreed: Agreements, credited: Iterable[Mapping[str, Any]]) -> Iterable[Ending]:
    """One row for each promotion that has a name and an end of its own."""
    paid = {
        (row["billing_account"], Place(*(row[c] for c in PLACE)), row["currency"]): row["credits"] * 30 / row["days"]
        for row in credited
    }
    sums: dict[tuple[str, str, str, date | None], Decimal] = {}
    for p in agreed.promotions:
        key = (p.name, p.place.provider, p.currency, p.ends)
        sums[key] = sums.get(key, Decimal(0)) + paid.get((p.billing_account, p.place, p.currency), Decimal(0))
    for (name, provider, currency, ends), amount in sums.items():
        last = None if ends is None else ends - timedelta(days=1)
        if monthly := cents(amount * MONTH_PER_WINDOW):
            yield Ending(CREDITS, name, provider, currency, last, monthly)
