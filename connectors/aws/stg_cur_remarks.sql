-- stg_cur_remarks: what a reader must know of one unit of a Cost and Usage Report; `limits`: it limits how far to trust it.
-- grain: BillingAccountId, x_billing_period, remark
with plan_hours as (

    select * from stg_cur_plan_hours

),

net_units as (

    select * from stg_cur_net

),

-- Half a cent: what no total shows is not worth a sentence.
residuals as (

    select
        payer,
        period,
        currency,
        sum(residual) as residual
    from plan_hours
    group by all
    having abs(sum(residual)) >= 0.005

),

negated as (

    select
        payer,
        period,
        sum(negations) as negations
    from plan_hours
    group by all
    having sum(negations) > 0

),

final as (

    select
        payer as BillingAccountId,
        strftime(period, '%Y-%m') as x_billing_period,
        format(
            'savings plans: {} {} of covered usage is not cancelled by negation lines; it stays billed, as Adjustment',
            cast(residual as decimal(38, 2)),
            currency
        ) as remark,
        false as limits
    from residuals
    union all
    select
        payer as BillingAccountId,
        strftime(period, '%Y-%m') as x_billing_period,
        format('{:,} savings plan negation lines are netted with what they cancel', cast(negations as bigint)) as remark,
        false as limits
    from negated
    union all
    select
        payer as BillingAccountId,
        strftime(period, '%Y-%m') as x_billing_period,
        case
            when abs(untold) <= 0.005 then format('{}: costs are the net columns, which contain the discount lines', currency)
            when is_net
                then format(
                    'net costs of {} are {:,.2f} {} lower than unblended ones, and no line is a discount: costs are net',
                    strftime(period, '%Y-%m'),
                    abs(cast(untold as double)),
                    currency
                )
            else format(
                'net costs of {} are {:,.2f} {} {} than unblended ones, and no discount line says why: costs are unblended',
                strftime(period, '%Y-%m'),
                abs(cast(untold as double)),
                currency,
                case when untold < 0 then 'lower' else 'higher' end
            )
        end as remark,
        abs(untold) > 0.005 as limits
    from net_units

)

select * from final
