-- commitment_purchase_effective: the purchase of a commitment costs nothing effectively, its use carries the cost.
-- reads: charges
-- severity: warning
with charges as (

    select * from charges

),

final as (

    select
        x_source,
        x_billing_period,
        CommitmentDiscountId,
        cast(sum(EffectiveCost) as decimal(38, 12)) as effective_cost
    from charges
    where ChargeCategory = 'Purchase' and CommitmentDiscountId is not null and EffectiveCost <> 0
    group by all

)

select * from final
