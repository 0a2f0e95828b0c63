-- demand_hourly: machine usage by the hour, as commitments see it: what runs, at which price, covered or not.
-- reads: charges
-- grain: x_source, x_billing_period, charge_hour, provider, billing_account_id, account_id, region, availability_zone,
--   service, instance_type, operating_system, sku_id, sku_price_id, sku_meter, pricing_category, commitment_id, currency
-- incremental: x_source, x_billing_period
-- portable: yes
with charges as (

    select * from charges

),

final as (

    select
        x_source,
        x_billing_period,
        date_trunc('hour', ChargePeriodStart) as charge_hour,
        ProviderName as provider,
        BillingAccountId as billing_account_id,
        SubAccountId as account_id,
        RegionId as region,
        AvailabilityZone as availability_zone,
        ServiceName as service,
        x_instance_type as instance_type,
        x_operating_system as operating_system,
        SkuId as sku_id,
        SkuPriceId as sku_price_id,
        SkuMeter as sku_meter,
        PricingCategory as pricing_category,
        CommitmentDiscountId as commitment_id,
        BillingCurrency as currency,
        min(ChargePeriodEnd) as period_end,
        cast(sum(ConsumedQuantity) as decimal(38, 12)) as consumed_quantity,
        cast(sum(ContractedCost) as decimal(38, 12)) as contracted_cost,
        cast(sum(ListCost) as decimal(38, 12)) as list_cost,
        -- gross of promotional credits, as everything that is compared with a price
        cast(sum(EffectiveCost - coalesce(x_promotional_credit, 0)) as decimal(38, 12)) as effective_cost
    from charges
    where
        ChargeCategory = 'Usage'
        and x_instance_type is not null
        and coalesce(CommitmentDiscountStatus, 'Used') = 'Used'
    group by
        x_source,
        x_billing_period,
        date_trunc('hour', ChargePeriodStart),
        ProviderName,
        BillingAccountId,
        SubAccountId,
        RegionId,
        AvailabilityZone,
        ServiceName,
        x_instance_type,
        x_operating_system,
        SkuId,
        SkuPriceId,
        SkuMeter,
        PricingCategory,
        CommitmentDiscountId,
        BillingCurrency

)

select * from final
