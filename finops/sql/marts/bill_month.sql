-- bill_month: the last 30 complete days as the simulated bill sees them, one line a meter of a resource.
-- reads: resource_daily, resources
-- grain: currency, provider, account_id, region, service, resource_id, meter, pricing_unit, instance_type, operating_system,
--   commitment_id, charge_category, charge_class, commitment_status
-- macro: bill_month(as_of)
-- kept: yes
-- `as_of` is the last complete day. Costs are effective, gross of promotional credits, of 30 days: times 730/720 for a month.
-- `run_rate` is what a line of a resource that began within the 30 days is to be multiplied by for a whole 30 days; else 1.
with daily as (

    select * from resource_daily

),

resources as (

    select * from resources

),

recent as (

    select * from daily
    where charge_date > as_of - 30 and charge_date <= as_of

),

used as (

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

),

accounts as (

    -- a bill that begins within the window says nothing of what was there before
    select
        provider,
        account_id,
        min(charge_date) as first_day
    from used
    group by provider, account_id

),

lives as (

    select
        provider,
        account_id,
        service,
        key,
        min(charge_date) as first_day,
        max(charge_date) as last_day,
        count(*) as days
    from used
    group by provider, account_id, service, key

),

known as (

    select
        lower(resource_id) as key,
        min(created_at) as created_at,
        arg_max(lower(coalesce(state, '')), observed_at) as state
    from resources
    where observed_at < as_of + 4 -- known when the bill up to `as_of` is
    group by lower(resource_id)

),

started as (

    -- on every day since its first, there at the end, and in the place of nothing that ended when it began
    select
        lives.key,
        greatest(
            cast(lives.first_day as timestamptz),
            case when cast(known.created_at as date) = lives.first_day then known.created_at end
        ) as since
    from lives
    inner join accounts on lives.provider = accounts.provider and lives.account_id = accounts.account_id
    left join known on lives.key = known.key
    where
        lives.first_day > as_of - 29
        and lives.last_day = as_of
        and lives.days = lives.last_day - lives.first_day + 1
        and lives.days >= 7
        and case
            when known.created_at is null then accounts.first_day < lives.first_day
            else cast(known.created_at as date) > as_of - 30
        end
        and coalesce(known.state, '') not in (
            'stopped', 'stopping', 'terminated', 'deallocated', 'deleted', 'deleting', 'completed', 'failed', 'succeeded'
        )
        and not exists (
            select 1
            from lives as ended
            where
                ended.provider = lives.provider
                and ended.account_id = lives.account_id
                and ended.service = lives.service
                and ended.last_day < as_of
                and abs(ended.last_day - lives.first_day) <= 1
        )

),

rates as (

    select
        key,
        cast(720.0 / min(date_diff('second', since, cast(as_of + 1 as timestamptz)) / 3600.0) as decimal(18, 12)) as run_rate
    from started
    group by key
    having count(*) = 1

),

lines as (

    select
        recent.*,
        -- what a commitment covers is paid in any case; corrections, purchases, taxes and credits do not recur
        case
            when
                recent.charge_category = 'Usage' and coalesce(recent.charge_class, '') = ''
                and coalesce(recent.commitment_id, '') = ''
                then coalesce(rates.run_rate, 1)
            else 1
        end as run_rate
    from recent
    left join rates on lower(recent.resource_id) = rates.key

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
        lower(coalesce(commitment_id, '')) as commitment_id,
        coalesce(charge_category, '') as charge_category,
        coalesce(charge_class, '') as charge_class,
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
        cast(sum(coalesce(list_cost, 0)) as decimal(38, 12)) as list_cost,
        cast(max(run_rate) as decimal(18, 12)) as run_rate
    from lines
    group by all

)

select * from final
