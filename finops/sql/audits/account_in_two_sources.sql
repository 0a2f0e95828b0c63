-- account_in_two_sources: no billing account and period is held by two sources, which would double the bill.
-- reads: charges
-- severity: error
with charges as (

    select * from charges

),

final as (

    select
        BillingAccountId,
        x_billing_period,
        list(distinct x_source order by x_source) as sources
    from charges
    group by BillingAccountId, x_billing_period
    having count(distinct x_source) > 1

)

select * from final
