-- billed_cost_missing: every charge has a billed cost and a currency.
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
    where BilledCost is null or BillingCurrency is null
    group by all

)

select * from final
