-- stg_cur_netted: lines of a Cost and Usage Report that are no charge: plan negations, and discounts beside net columns.
-- grain: BillingAccountId, x_billing_period, BillingCurrency
with plan_hours as (

    select * from stg_cur_plan_hours

),

net_units as (

    select * from stg_cur_net
    where is_net

),

counted as (

    select
        payer,
        period,
        currency,
        negations as lines
    from plan_hours
    union all
    select
        payer,
        period,
        currency,
        discounts as lines
    from net_units

),

final as (

    select
        coalesce(payer, '') as BillingAccountId,
        strftime(period, '%Y-%m') as x_billing_period,
        currency as BillingCurrency,
        cast(sum(lines) as bigint) as lines
    from counted
    group by all
    having sum(lines) > 0

)

select * from final
