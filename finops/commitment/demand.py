"""Uncovered usage by the hour as commitments see it: the SQL that candidates and evidence share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date

from finops.commitment.estate import Term
from finops.evidence import quoted

METER = "currency, provider, account_id, region, service, instance_type, operating_system"
"""What a commitment's price depends on, in `demand` as in `history`."""

DEMAND = """spans as (

    select * from commitment_spans($as_of::date)
    where begun is not null or ended

),

usage as (

    select
        charge_hour,
        period_end,
        currency,
        sku_id,
        sku_meter,
        instance_type,
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(region, '') as region,
        coalesce(service, '') as service,
        coalesce(operating_system, '') as operating_system,
        nullif(consumed_quantity, 0) as quantity,
        case when spans.commitment_id is null then effective_cost else coalesce(contracted_cost, list_cost) end as effective,
        coalesce(contracted_cost, effective_cost) as contracted,
        coalesce(list_cost, effective_cost) as listed,
        assumed,
        spans.begun,
        spans.commitment_id as held,
        x_billing_period = strftime(date_trunc('month', $as_of::date + 1) - interval 1 day, '%Y-%m') as in_month,
        period_end > $as_of::date - 29 as in_window
    from demand_placed($as_of::date) as placed
    left join spans on lower(placed.commitment_id) = spans.commitment_id
    where
        x_billing_period >= strftime($as_of::date - 61, '%Y-%m')
        and (placed.commitment_id is null or spans.commitment_id is not null)
        and coalesce(pricing_category, 'Standard') in ('Standard', if(spans.commitment_id is null, 'Standard', 'Committed'))
        and effective_cost > 0
        and charge_hour < $as_of::date + 1 and (in_month or in_window)

),

priced as (

    select
        *,
        cast(sum(effective) filter (where in_month and held is null) over meter as double)
        / cast(sum(quantity) filter (where in_month and held is null) over meter as double) as month_price,
        cast(sum(effective) filter (where in_window and held is null) over meter as double)
        / cast(sum(quantity) filter (where in_window and held is null) over meter as double) as window_price
    from usage
    window meter as (
        partition by
            currency, provider, account_id, region, service, instance_type, operating_system, sku_id, sku_meter
    )

),

valued as (

    select
        *,
        coalesce(cast(quantity as double) * coalesce(month_price, window_price), cast(effective as double)) as cost
    from priced
    where in_window

),

relieved as (

    select
        *,
        -- hours before it began, over those in which it has covered
        date_diff('hour', $as_of::date - 29, begun)
        / greatest(1, date_diff('hour', begun, max(period_end) over (partition by held))) as times
    from valued
    where begun > $as_of::date - 29

),

demand as (

    select * exclude (held, begun)
    from valued
    where begun is null
    union all by name
    select
        * exclude (held, begun, times, charge_hour, period_end)
        replace (
            -cost * times as cost,
            cast(-contracted * times as decimal(38, 12)) as contracted,
            cast(-listed * times as decimal(38, 12)) as listed
        ),
        cast($as_of::date - 29 as timestamptz) as charge_hour,
        date_trunc('hour', begun) as period_end
    from relieved

),"""
"""Usage that today's commitments leave, in every hour at its average price of the last complete billing month (of the window,
where it is newer): discounts that grow with a month's use make its first days look dearer than the month is.

What covered it and has ended covers it no more. What began within the window is taken off the hours before it, as much as it
has covered on average since."""

HISTORY = """history as (

    select
        epoch(date_trunc('day', charge_hour)) // 3600 as hour,
        greatest(24, date_diff('hour', charge_hour, period_end)) as hours,
        currency,
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(region, '') as region,
        coalesce(service, '') as service,
        coalesce(instance_type, '') as instance_type,
        coalesce(operating_system, '') as operating_system,
        sum(coalesce(list_cost, contracted_cost, effective_cost)) as listed
    from demand_hourly
    where
        charge_hour < $as_of::date + 1 and coalesce(pricing_category, 'Standard') in ('Standard', 'Committed')
    group by all

),"""
"""What ran on each day so far, covered or not, at list price: spot capacity, which no commitment covers, is left out."""


BEGUN = """begun as (

    select
        currency,
        lower(resource_id) as resource_id,
        min(charge_date) as first_day
    from resource_daily
    where charge_date <= $as_of and charge_category = 'Usage' and instance_type is not null and resource_id is not null
    group by currency, lower(resource_id)
    having max(charge_date) > $as_of::date - 30

),"""
"""The first day of what runs now."""


HOMES = """homes as (

    select
        currency,
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(max_by(billing_account_id, (charge_hour, billing_account_id)), '') as payer
    from demand_hourly
    where charge_hour < $as_of::date + 1
    group by all

),"""
"""The billing account that pays for an account: of its newest usage, where it has moved from one to another."""


METERS = f"""
with {DEMAND}

{HISTORY}

{BEGUN}

{HOMES}

hourly as (

    select
        {METER},
        false as past,
        epoch(charge_hour) // 3600 as hour,
        greatest(1, date_diff('hour', charge_hour, period_end)) as hours,
        sum(cost order by cost) as cost, -- a sum of doubles depends on their order
        sum(contracted) as contracted,
        sum(listed) as listed,
        sum(cost * assumed order by cost * assumed) as assumed
    from demand
    group by all
    union all
    select
        {METER},
        true as past,
        hour,
        hours,
        0 as cost,
        0 as contracted,
        listed,
        0 as assumed
    from history

),

final as (

    select
        {METER},
        payer,
        past,
        list(cast(hour as bigint) order by hour, hours) as starts,
        list(hours order by hour, hours) as hours,
        list(cost order by hour, hours) as costs,
        cast(sum(contracted) as double) as contracted,
        list(cast(listed as double) order by hour, hours) as listed,
        sum(assumed order by hour, hours) as assumed,
        null::varchar [] as resources
    from hourly
    left join homes using (currency, provider, account_id)
    group by all
    union all
    select
        currency,
        '' as provider,
        '' as account_id,
        '' as region,
        '' as service,
        '' as instance_type,
        '' as operating_system,
        '' as payer,
        true as past,
        list(cast(epoch(first_day) // 3600 as bigint) order by resource_id) as starts,
        list(cast(0 as bigint) order by resource_id) as hours,
        null::double [] as costs,
        0.0 as contracted,
        null::double [] as listed,
        0.0 as assumed,
        list(resource_id order by resource_id) as resources
    from begun
    group by currency

)

select * from final
order by all
"""
"""One row a meter of the last 30 days, and one of its past: in which hour since 1970 it began, how many it lasted, its cost,
how much of that is placed in hours by assumption, and who pays for it.
One more row holds `resources`: what runs now, and in `starts` when it first ran."""


SAVING = """with terms (
    provider, account_id, region, service, instance_type, operating_system, constant, whole, peak, base, term, {columns}
) as (
    values
{rows}
),
{demand}
hours as (
    select unnest(generate_series({day} - 29, {day} + interval 23 hour, interval 1 hour)) as hour
),
metered as (
    select hours.hour, term, sum(cost / greatest(1, date_diff('hour', charge_hour, period_end))) as cost
    from demand
    inner join terms
        on (demand.provider, demand.account_id, demand.region, demand.service)
        = (terms.provider, terms.account_id, terms.region, terms.service)
        and demand.instance_type = terms.instance_type
        and demand.operating_system = terms.operating_system
    inner join hours on hours.hour >= charge_hour and hours.hour < greatest(period_end, charge_hour + interval 1 hour)
    where currency = {currency}
    group by hours.hour, term
),
left_0 as (
    select hours.hour, terms.*, greatest(
        0, constant + whole * greatest(0, coalesce(cost, 0)) + peak * greatest(0, coalesce(cost, 0) - base)) as cost
    from hours
    cross join terms
    left join metered on hours.hour = metered.hour and terms.term = metered.term
),
{stages}
select cast((sum(taken) / 720 - {commitment}) * 730 as decimal(38, 2)) as monthly_saving from taken_{last}"""
"""What the last of several purchases saves on the last 30 days; the fields are filled with literals."""

TAKEN = """paid_{n} as (
    select *, greatest(0, least(cost * (1 - discount_{n}), {commitment} - coalesce(sum(cost * (1 - discount_{n})) over (
        partition by hour order by rank_{n} rows between unbounded preceding and 1 preceding), 0))) as paid
    from left_{before}
),
taken_{n} as (
    select * exclude (paid), coalesce(paid / (1 - discount_{n}), 0) as taken from paid_{n}
)"""
"""What purchase n takes in each hour: meters in the order of its discount until it is used up."""

LEFT = """left_{n} as (
    select * exclude (taken) replace (cost - taken as cost) from taken_{n}
)"""
"""What it leaves to the next."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One purchase: its discount on each term (None: not covered), and spend per hour, at what the account pays."""

    discounts: tuple[float | None, ...]
    commitment: float


def commitment_sql(terms: Sequence[Term], stages: Sequence[Stage], as_of: date, currency: str) -> str:
    """The saving of the last purchase from `demand_hourly`, on what those before it leave.

    terms  what the other actions leave of each meter (provider, account, region, service, instance type, operating system)
    """
    day = f"date {quoted(as_of.isoformat())}"
    order = [sorted(range(len(terms)), key=lambda t: -(stage.discounts[t] or -1.0)) for stage in stages]
    rows = []
    for place, term in enumerate(terms):
        fields = [*(quoted(part) for part in astuple(term.source)), repr(term.constant), repr(term.whole)]
        fields += [repr(term.peak), repr(term.base), str(place)]
        for stage, ranks in zip(stages, order, strict=True):
            discount = stage.discounts[place]
            fields += ["null::double" if discount is None else repr(discount), str(ranks.index(place))]
        rows.append(f"    ({', '.join(fields)})")
    parts = []
    for n, stage in enumerate(stages, 1):
        parts.append(TAKEN.format(n=n, before=n - 1, commitment=repr(stage.commitment)))
        if n < len(stages):
            parts.append(LEFT.format(n=n))
    return SAVING.format(
        columns=", ".join(f"discount_{n}, rank_{n}" for n in range(1, len(stages) + 1)),
        rows=",\n".join(rows),
        demand=DEMAND.replace("$as_of::date", day),
        day=day,
        currency=quoted(currency),
        stages=",\n".join(parts),
        commitment=repr(stages[-1].commitment),
        last=len(stages),
    )
