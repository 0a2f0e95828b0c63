-- stg_cur_netted: lines of a Cost and Usage Report that are no charge (plan negations, discounts beside net columns), and what
-- its unblended costs have more than its net ones say, where these count.
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
        negations as lines,
        0 as amount
    from plan_hours
    union all
    select
        payer,
        period,
        currency,
        discounts as lines,
        case when discounts = 0 then untold else 0 end as amount
    from net_units

),

final as (

    select
        coalesce(payer, '') as BillingAccountId,
        strftime(period, '%Y-%m') as x_billing_period,
        currency as BillingCurrency,
        cast(sum(lines) as bigint) as lines,
        cast(sum(amount) as decimal(38, 12)) as amount
    from counted
    group by all
    having sum(lines) > 0 or sum(amount) != 0

)

select * from final
