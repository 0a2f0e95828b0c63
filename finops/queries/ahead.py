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
from finops.queries.late import COMPLETE_SERVICES
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

KNOWN = f"""
    daily as ({DAILY_WITH_TAGS}),
    complete as ({COMPLETE_SERVICES}),
    known as (
        select
            *,
            $as_of::date - case
                when (x_source, coalesce(service, '')) in (select (x_source, coalesce(service, '')) from complete) then 0
                else {PROVISIONAL_DAYS}
            end as upto
        from daily
        where charge_date > $as_of::date - 30 and charge_date <= $as_of::date
    )
"""
"""The last 30 days, each line with the last day that is counted: no provisional one where lines of its service may be late."""

COMMITTED = f"""
    with {KNOWN},
    latest as (
        select
            lower(commitment_id) as commitment_id,
            arg_max(term_start, observed_at) as term_start,
            arg_max(term_end, observed_at) as term_end,
            arg_max(instrument, observed_at) as instrument
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
        from known
        where
            commitment_id is null and charge_category = 'Usage' and pricing_category = 'Standard' and list_cost > 0
        group by all
    ),
    used as (
        select
            latest.*,
            known.provider,
            known.currency,
            -- of one that began on a provisional day, these are all there is
            case when cast(term_start as date) > upto then $as_of::date else upto end as last_day,
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
        from known
        inner join latest on lower(known.commitment_id) = latest.commitment_id
        left join negotiated using (provider, service, currency)
        where
            charge_category = 'Usage' and coalesce(commitment_status, 'Used') = 'Used'
            and charge_date <= case when cast(term_start as date) > upto then $as_of::date else upto end and {{where}}
        group by all
    ),
    paced as (
        select
            commitment_id,
            provider,
            currency,
            instrument,
            cast(term_end as date) as ends,
            kept * 30 / (last_day - greatest($as_of::date - 29, least(cast(term_start as date), first_day)) + 1) as month
        from used
    )
    select commitment_id, provider, currency, instrument, ends, cast(sum(month) as decimal(38, 12)) as kept
    from paced
    where ends between $as_of::date + 1 and $until::date
    group by all
    having kept > 0
    order by ends, commitment_id
"""


CREDITS_PAID = f"""
    with {KNOWN}
    select {CREDITED}, 30 - ($as_of::date - upto) as days
    from known
    where charge_category = 'Usage' and coalesce(charge_class, '') = '' and charge_date <= upto and {{where}}
    group by all
"""
"""What promotional credits have paid of so many days, of the lines asked about."""


def endings(reads: Reads, as_of: date, *, where: Sequence[Condition] = (), days: int = 365) -> list[Ending]:
    """What ends within so many days, soonest first; what ends on no known day comes last. `monthly` is of the last 30 days and
    of the lines that `where` leaves, and where lines of the provisional days may be late, of those before; what holds nothing
    off is left out. Raises ConfigError for an unknown column."""
    agreed = agreements_of(reads.rows("select * from contracts"), reads.rows(PACE, {"as_of": as_of}), as_of)
    params: dict[str, object] = {"as_of": as_of}
    tests = " and ".join(["true", *(condition_test(condition, True, params) for condition in where)])
    found = list(_credits(agreed, reads.rows(CREDITS_PAID.format(where=tests), params)))
    params["until"] = as_of + timedelta(days=days)
    for row in reads.rows(COMMITTED.format(where=tests), params):
        monthly = cents(row["kept"] * MONTH_PER_WINDOW)
        name, last = row["commitment_id"], row["ends"] - timedelta(days=1)
        found.append(Ending(row["instrument"], name, row["provider"], row["currency"], last, monthly))
    return sorted(found, key=lambda e: (e.last is None, e.last or date.max, e.name))


def _credits(agreed: Agreements, credited: Iterable[Mapping[str, Any]]) -> Iterable[Ending]:
    """One row for each promotion that has a name and an end of its own."""
    paid: dict[tuple[str, Place, str], Decimal] = {}
    for row in credited:
        at = (row["billing_account"], Place(*(row[c] for c in PLACE)), row["currency"])
        paid[at] = paid.get(at, Decimal(0)) + row["credits"] * 30 / row["days"]
    sums: dict[tuple[str, str, str, date | None], Decimal] = {}
    for p in agreed.promotions:
        key = (p.name, p.place.provider, p.currency, p.ends)
        sums[key] = sums.get(key, Decimal(0)) + paid.get((p.billing_account, p.place, p.currency), Decimal(0))
    for (name, provider, currency, ends), amount in sums.items():
        last = None if ends is None else ends - timedelta(days=1)
        if monthly := cents(amount * MONTH_PER_WINDOW):
            yield Ending(CREDITS, name, provider, currency, last, monthly)
