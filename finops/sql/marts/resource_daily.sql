-- resource_daily: what each resource cost each day, by meter.
-- reads: charges
-- grain: x_source, x_billing_period, charge_date, provider, billing_account_id, account_id, region, service, resource_id,
--   sku_id, sku_price_id, sku_meter, pricing_unit, charge_category, charge_class, pricing_category, commitment_id,
--   commitment_status, invoice_issuer, publisher, currency, tags_id
-- incremental: x_source, x_billing_period
-- slices: lower(ResourceId), 5000000
-- portable: yes
-- audits: conserves(billed_cost, BilledCost), conserves(effective_cost, EffectiveCost), conserves(list_cost, ListCost)
with charges as (

    select * from charges

),

renamed as (

    select
        x_source,
        x_billing_period,
        cast(ChargePeriodStart as date) as charge_date,
        ProviderName as provider,
        BillingAccountId as billing_account_id,
        SubAccountId as account_id,
        SubAccountName as account_name,
        RegionId as region,
        ServiceName as service,
        ServiceCategory as service_category,
        ServiceSubcategory as service_subcategory,
        ResourceId as resource_id,
        ResourceName as resource_name,
        ResourceType as resource_type,
        SkuId as sku_id,
        SkuPriceId as sku_price_id,
        SkuMeter as sku_meter,
        PricingUnit as pricing_unit,
        ChargeCategory as charge_category,
        -- a line that takes back what was used is one, whether its export says so or not
        case
            when ChargeClass is null and ChargeCategory = 'Usage' and EffectiveCost < 0 and PricingQuantity < 0
                then 'Correction'
            else ChargeClass
        end as charge_class,
        PricingCategory as pricing_category,
        CommitmentDiscountId as commitment_id,
        CommitmentDiscountStatus as commitment_status,
        CommitmentDiscountType as commitment_type,
        case when CapacityReservationStatus = 'Used' then CapacityReservationId end as capacity_reservation_id,
        x_instance_type as instance_type,
        x_operating_system as operating_system,
        x_ml_workload as ml_workload,
        InvoiceIssuerName as invoice_issuer,
        PublisherName as publisher,
        BillingCurrency as currency,
        x_tags_id as tags_id,
        BilledCost as billed_cost,
        EffectiveCost as effective_cost,
        ListCost as list_cost,
        ContractedCost as contracted_cost,
        x_promotional_credit as promotional_credit,
        PricingQuantity as pricing_quantity,
        ConsumedQuantity as consumed_quantity,
        CommitmentDiscountQuantity as commitment_quantity
    from charges

),

final as (

    select
        x_source,
        x_billing_period,
        charge_date,
        provider,
        billing_account_id,
        account_id,
        max(account_name) as account_name,
        region,
        service,
        max(service_category) as service_category,
        max(service_subcategory) as service_subcategory,
        resource_id,
        max(resource_name) as resource_name,
        max(resource_type) as resource_type,
        sku_id,
        sku_price_id,
        sku_meter,
        pricing_unit,
        charge_category,
        charge_class,
        pricing_category,
        commitment_id,
        commitment_status,
        max(commitment_type) as commitment_type,
        max(capacity_reservation_id) as capacity_reservation_id,
        max(instance_type) as instance_type,
        max(operating_system) as operating_system,
        max(ml_workload) as ml_workload,
        invoice_issuer,
        publisher,
        currency,
        tags_id,
        cast(sum(billed_cost) as decimal(38, 12)) as billed_cost,
        cast(sum(effective_cost) as decimal(38, 12)) as effective_cost,
        cast(sum(list_cost) as decimal(38, 12)) as list_cost,
        cast(sum(contracted_cost) as decimal(38, 12)) as contracted_cost,
        cast(sum(promotional_credit) as decimal(38, 12)) as promotional_credit,
        cast(sum(pricing_quantity) as decimal(38, 12)) as pricing_quantity,
        cast(sum(consumed_quantity) as decimal(38, 12)) as consumed_quantity,
        cast(sum(commitment_quantity) as decimal(38, 12)) as commitment_quantity,
        cast(count(*) as bigint) as charge_count
    from renamed
    group by
        x_source,
        x_billing_period,
        charge_date,
        provider,
        billing_account_id,
        account_id,
        region,
        service,
        resource_id,
        sku_id,
        sku_price_id,
        sku_meter,
        pricing_unit,
        charge_category,
        charge_class,
        pricing_category,
        commitment_id,
        commitment_status,
        invoice_issuer,
        publisher,
        currency,
        tags_id

)

select * from final
