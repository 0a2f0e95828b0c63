-- demand_hourly: machine usage by the hour, as commitments see it: what runs, at which price, covered or not.
-- reads: charges
-- grain: x_source, x_billing_period, charge_hour, period_end, provider, billing_account_id, account_id, region,
--   availability_zone, service, resource_id, instance_type, operating_system, sku_id, sku_price_id, sku_meter,
--   pricing_category, commitment_id, currency
-- incremental: x_source, x_billing_period
-- slices: epoch_us(ChargePeriodStart) // 3600000000, 2000000
-- portable: yes
-- `resource_id` is kept where a line is longer than an hour and is not of one machine all that time: `demand_placed` says when
-- within the period such a machine ran. `machine_hours` is null where the bill does not count hours.
with charges as (

    select * from charges

),

lines as (

    select
        *,
        case
            when ChargePeriodEnd >= ChargePeriodStart + interval '2' hour then ChargePeriodEnd
        end as longer_end,
        case
            when lower(coalesce(ConsumedUnit, PricingUnit)) like 'hour%' then ConsumedQuantity
            when lower(coalesce(ConsumedUnit, PricingUnit)) like 'hrs%' then ConsumedQuantity
            when lower(coalesce(ConsumedUnit, PricingUnit)) like 'second%' then ConsumedQuantity / 3600
        end as machine_hours
    from charges
    where
        ChargeCategory = 'Usage'
        and x_instance_type is not null
        and coalesce(CommitmentDiscountStatus, 'Used') = 'Used'

),

told as (

    select
        *,
        case
            when
                longer_end is not null
                and machine_hours != cast(extract(epoch from ChargePeriodEnd) - extract(epoch from ChargePeriodStart) as bigint)
                / 3600
                then coalesce(ResourceId, '')
        end as part_of
    from lines

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
        part_of as resource_id,
        x_instance_type as instance_type,
        x_operating_system as operating_system,
        SkuId as sku_id,
        SkuPriceId as sku_price_id,
        SkuMeter as sku_meter,
        PricingCategory as pricing_category,
        CommitmentDiscountId as commitment_id,
        BillingCurrency as currency,
        coalesce(longer_end, min(ChargePeriodEnd)) as period_end,
        cast(sum(machine_hours) as decimal(38, 12)) as machine_hours,
        cast(sum(ConsumedQuantity) as decimal(38, 12)) as consumed_quantity,
        cast(sum(ContractedCost) as decimal(38, 12)) as contracted_cost,
        cast(sum(ListCost) as decimal(38, 12)) as list_cost,
        -- gross of promotional credits, as everything that is compared with a price
        cast(sum(EffectiveCost - coalesce(x_promotional_credit, 0)) as decimal(38, 12)) as effective_cost
    from told
    group by
        x_source,
        x_billing_period,
        date_trunc('hour', ChargePeriodStart),
        longer_end,
        part_of,
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
