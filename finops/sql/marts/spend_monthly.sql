-- spend_monthly: spend by billing period, account, service and category.
-- reads: resource_daily
-- grain: x_source, x_billing_period, provider, billing_account_id, account_id, region, service, charge_category,
--   pricing_category, invoice_issuer, currency
-- incremental: x_source, x_billing_period
-- audits: conserves(billed_cost, BilledCost), conserves(effective_cost, EffectiveCost)
with daily as (

    select * from resource_daily

),

final as (

    select
        x_source,
        x_billing_period,
        provider,
        billing_account_id,
        account_id,
        max(account_name) as account_name,
        region,
        service,
        max(service_category) as service_category,
        max(service_subcategory) as service_subcategory,
        charge_category,
        pricing_category,
        invoice_issuer,
        currency,
        cast(sum(billed_cost) as decimal(38, 12)) as billed_cost,
        cast(sum(effective_cost) as decimal(38, 12)) as effective_cost,
        cast(sum(list_cost) as decimal(38, 12)) as list_cost,
        cast(sum(contracted_cost) as decimal(38, 12)) as contracted_cost,
        cast(sum(charge_count) as bigint) as charge_count
    from daily
    group by
        x_source,
        x_billing_period,
        provider,
        billing_account_id,
        account_id,
        region,
        service,
        charge_category,
        pricing_category,
        invoice_issuer,
        currency

)

select * from final
