-- effective_cost_missing: every charge has an effective cost.
-- reads: charges
-- severity: error
with charges as (

    select * from charges

),

final as (

    select
        x_source,
        x_billing_period,
        BillingAccountId,
        count(*) as rows
    from charges
    where EffectiveCost is null
    group by all

)

select * from final
