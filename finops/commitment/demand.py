"""Uncovered usage by the hour as commitments see it: the SQL that candidates and evidence share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from finops.evidence import quoted

DEMAND = """usage as (

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
        nullif(cast(consumed_quantity as double), 0) as quantity,
        cast(effective_cost as double) as effective,
        cast(coalesce(contracted_cost, effective_cost) as double) as contracted,
        cast(coalesce(list_cost, effective_cost) as double) as listed,
        x_billing_period = strftime(date_trunc('month', $as_of::date + 1) - interval 1 day, '%Y-%m') as in_month,
        period_end > $as_of::date - 29 as in_window
    from demand_hourly
    where
        commitment_id is null and coalesce(pricing_category, 'Standard') = 'Standard' and effective_cost > 0
        and charge_hour < $as_of::date + 1

),

priced as (

    select
        *,
        sum(effective) filter (where in_month) over meter / sum(quantity) filter (where in_month) over meter
            as month_price,
        sum(effective) filter (where in_window) over meter / sum(quantity) filter (where in_window) over meter
            as window_price
    from usage
    window meter as (
        partition by
            currency, provider, account_id, region, service, instance_type, operating_system, sku_id, sku_meter
    )

),

demand as (

    select
        *,
        coalesce(quantity * coalesce(month_price, window_price), effective) as cost
    from priced
    where in_window

),"""
"""Usage that nothing covers, in every hour at its average price of the last complete billing month (of the window, where it is
newer): discounts that grow with a month's use make its first days look dearer than the month is."""

HISTORY = """history as (

    select
        true as past,
        date_trunc('day', charge_hour) as charge_hour,
        greatest(24, date_diff('hour', charge_hour, period_end)) as hours,
        currency,
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(region, '') as region,
        coalesce(service, '') as service,
        coalesce(instance_type, '') as instance_type,
        coalesce(operating_system, '') as operating_system,
        0.0::double as cost,
        0.0::double as contracted,
        sum(cast(coalesce(list_cost, contracted_cost, effective_cost) as double)) as listed
    from demand_hourly
    where
        charge_hour < $as_of::date + 1 and coalesce(pricing_category, 'Standard') in ('Standard', 'Committed')
    group by all

),"""
"""What ran on each day so far, covered or not, at list price: spot capacity, which no commitment covers, is left out."""


def commitment_sql(terms: Sequence[tuple[tuple[str, ...], float, float]], commitment: float, as_of: date, currency: str) -> str:
    """The saving from `demand_hourly`: in each hour the plan covers meters in order of discount until it is used up.

    terms       a meter (provider, account, region, service, instance type, operating system), its discount, and the share of
                its usage that the other actions leave
    commitment  spend per hour, at what the account pays
    """
    day = f"date {quoted(as_of.isoformat())}"
    rows = ",\n".join(
        f"    ({', '.join(quoted(part) for part in meter)}, {discount!r}, {share!r}, {rank})"
        for rank, (meter, discount, share) in enumerate(sorted(terms, key=lambda term: -term[1]))
    )
    return f"""with terms (provider, account_id, region, service, instance_type, operating_system, discount, share, rank) as (
    values
{rows}
),
{DEMAND.replace("$as_of::date", day)}
hours as (
    select unnest(generate_series({day} - 29, {day} + interval 23 hour, interval 1 hour)) as hour
),
usual as (
    select hours.hour, rank, any_value(discount) as discount,
        sum(cost / greatest(1, date_diff('hour', charge_hour, period_end)) * share * (1 - discount)) as cost
    from demand
    inner join terms
        on (demand.provider, demand.account_id, demand.region, demand.service)
        = (terms.provider, terms.account_id, terms.region, terms.service)
        and demand.instance_type = terms.instance_type
        and demand.operating_system = terms.operating_system
    inner join hours on hours.hour >= charge_hour and hours.hour < greatest(period_end, charge_hour + interval 1 hour)
    where currency = {quoted(currency)}
    group by hours.hour, rank
),
covered as (
    select discount, greatest(0, least(cost, {commitment!r} - coalesce(sum(cost) over (
        partition by hour order by rank rows between unbounded preceding and 1 preceding), 0))) as paid
    from usual
)
select cast((sum(paid / (1 - discount)) / 720 - {commitment!r}) * 730 as decimal(38, 2)) as monthly_saving from covered"""
