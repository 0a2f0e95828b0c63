-- stg_cost_explorer_netted: lines of the console's CSV that are no charge: the one of totals, and dates without any cost.
-- grain: BillingAccountId, x_billing_period, BillingCurrency
with lines as (

    select * from raw

),

dated as (

    select
        *,
        min(start_date) over () as first_date
    from lines

),

final as (

    select
        'unknown' as BillingAccountId,
        strftime(coalesce(start_date, first_date), '%Y-%m') as x_billing_period,
        'USD' as BillingCurrency,
        count(*) as lines,
        cast(0 as decimal(38, 12)) as amount
    from dated
    where start_date is null or coalesce(cardinality(costs), 0) = 0
    group by all

)

select * from final
