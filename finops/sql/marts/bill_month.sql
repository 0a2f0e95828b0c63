-- bill_month: the last 30 complete days as the simulated bill sees them, one line a meter of a resource.
-- grain: currency, provider, account_id, region, service, resource_id, meter, pricing_unit, instance_type, operating_system,
--   commitment_id, charge_category, commitment_status
-- macro: bill_month(as_of)
-- `as_of` is the last complete day. Costs are effective, gross of promotional credits, of 30 days: times 730/720 for a month.
with daily as (

    select * from resource_daily

),

recent as (

    select * from daily
    where charge_date > as_of - 30 and charge_date <= as_of

),

final as (

    select
        currency,
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(region, '') as region,
        coalesce(service, '') as service,
        lower(coalesce(resource_id, '')) as resource_id,
        coalesce(sku_meter, sku_id, '') as meter,
        coalesce(pricing_unit, '') as pricing_unit,
        coalesce(instance_type, '') as instance_type,
        coalesce(operating_system, '') as operating_system,
        coalesce(commitment_id, '') as commitment_id,
        coalesce(charge_category, '') as charge_category,
        coalesce(commitment_status, '') as commitment_status,
        max(resource_id) as resource,
        max(resource_name) as resource_name,
        max(resource_type) as resource_type,
        max(service_category) as service_category,
        bool_or(coalesce(ml_workload, false)) as ml_workload,
        max(tags_id) as tags_id,
        count(distinct charge_date) as days,
        max(charge_date) as last_day,
        cast(sum(coalesce(pricing_quantity, 0)) as decimal(38, 12)) as quantity,
        cast(sum(coalesce(effective_cost, 0) - coalesce(promotional_credit, 0)) as decimal(38, 12)) as cost,
        cast(sum(coalesce(contracted_cost, list_cost, effective_cost, 0)) as decimal(38, 12)) as on_demand_cost,
        cast(sum(coalesce(list_cost, 0)) as decimal(38, 12)) as list_cost
    from recent
    group by all

)

select * from final
