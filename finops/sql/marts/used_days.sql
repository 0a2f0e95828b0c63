-- used_days: the days on which the bill shows that a resource was used, by where its lines stand.
-- reads: resource_daily
-- grain: provider, account_id, service, key, charge_date
-- macro: used_days(as_of)
-- `as_of` is the last complete day. Keys are ids in lower case.
with daily as (

    select * from resource_daily

),

final as (

    select distinct
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(service, '') as service,
        lower(resource_id) as key,
        charge_date
    from daily
    where
        charge_date <= as_of and charge_category = 'Usage' and resource_id is not null
        and (coalesce(effective_cost, 0) > 0 or coalesce(pricing_quantity, 0) > 0)

)

select * from final
