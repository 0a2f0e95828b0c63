-- bill_month: the last 30 complete days as the simulated bill sees them, one line a meter of a resource.
-- reads: resource_daily, resource_end, resources, used_days
-- grain: currency, provider, account_id, billing_account_id, region, service, resource_id, meter, pricing_unit,
--   instance_type, operating_system, commitment_id, charge_category, charge_class, commitment_status
-- macro: bill_month(as_of)
-- kept: yes
-- `as_of` is the last complete day. Costs are effective, gross of promotional credits, of 30 days: times 730/720 for a month.
-- `run_rate` is what a recurring line is multiplied by for a whole month: where its resource began, ended or became another
-- machine within the 30 days, where its newest days are not all delivered, where its meter counts months, which providers
-- charge by calendar days, and where a discount for use is that of another part of the month than of all of it; else 1.
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

    select * from used_days(as_of)

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
        arg_max(lower(coalesce(state, '')), observed_at) as state,
        max(observed_at) as observed_at
    from resources
    where observed_at < as_of + 4 -- known when the bill up to `as_of` is
    group by lower(resource_id)

),

present as (

    -- listed since the last final day, and neither off nor gone
    select key
    from known
    where
        observed_at >= as_of - 2
        and state not in ('stopped', 'stopping', 'terminated', 'deallocated', 'deleted', 'deleting', 'completed', 'failed')

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

ended as (

    -- it goes on in nobody's place: what has taken its own is on the bill already
    select key
    from resource_end(as_of)
    where was_standing and not is_replaced

),

weighed as (

    -- a day of a GB-month is a 28th to a 31st of it; 730 hours a month are 1/30.4 a day, which the factor 730/720 counts on
    select
        *,
        -- a promotional credit ends; what something costs does not end with it
        coalesce(effective_cost, 0) - coalesce(promotional_credit, 0) as gross,
        -- what a commitment covers is paid in any case; corrections, purchases, taxes and credits do not recur
        charge_category = 'Usage' and coalesce(charge_class, '') = '' and coalesce(commitment_id, '') = '' as recurs,
        case
            when regexp_matches(lower(coalesce(pricing_unit, '')), 'months?$')
                then date_part('day', last_day(charge_date)) * 24 / 730.0
            else 1.0
        end as share
    from recent

),

meters as (

    -- a fee that is charged once in the window is a month's as it is
    select
        currency,
        provider,
        account_id,
        billing_account_id,
        service,
        lower(resource_id) as key,
        coalesce(sku_meter, sku_id, '') as meter,
        coalesce(pricing_unit, '') as pricing_unit,
        case
            when count(distinct charge_date) = 1 and min(share) != 1 then 720 / 730.0
            else coalesce(sum(gross * share) / nullif(sum(gross), 0), 1)
        end as calendar
    from weighed
    where recurs and gross > 0
    group by all

),

uses as (

    select
        currency,
        lower(resource_id) as key,
        coalesce(sku_meter, sku_id, '') as meter,
        coalesce(pricing_unit, '') as pricing_unit,
        charge_date,
        charge_date > as_of - 30 as in_window,
        cast(date_trunc('month', as_of + 1) - interval 1 month as date) as first_day,
        cast(date_trunc('month', as_of + 1) as date) - 1 as last_day,
        coalesce(effective_cost, 0) - coalesce(promotional_credit, 0) as paid,
        coalesce(contracted_cost, effective_cost, 0) as full_price,
        cast(pricing_quantity as double) as quantity
    from daily
    where
        charge_date > as_of - 61 and charge_date <= as_of
        and charge_category = 'Usage' and coalesce(charge_class, '') = '' and coalesce(commitment_id, '') = ''
        and resource_id is not null

),

shares as (

    -- what was paid of the price in the window, in the last whole calendar month, on its first and last days and the one before
    select
        currency,
        key,
        meter,
        pricing_unit,
        sum(paid) filter (where in_window) / sum(full_price) filter (where in_window) as window_share,
        sum(paid) filter (where charge_date between first_day and last_day)
        / sum(full_price) filter (where charge_date between first_day and last_day) as month_share,
        sum(paid) filter (where charge_date = first_day)
        / sum(full_price) filter (where charge_date = first_day) as first_share,
        greatest(
            sum(paid) filter (where charge_date = last_day) / sum(full_price) filter (where charge_date = last_day),
            sum(paid) filter (where charge_date = first_day - 1) / sum(full_price) filter (where charge_date = first_day - 1)
        ) as end_share,
        30 * sum(quantity) filter (where charge_date between first_day and last_day)
        / (max(last_day - first_day + 1) * sum(quantity) filter (where in_window)) as as_much
    from uses
    group by currency, key, meter, pricing_unit
    having sum(paid) filter (where in_window) < 0.9999 * sum(full_price) filter (where in_window)

),

discounts as (

    -- discounts for use grow within a month and begin anew: where as much runs, they are those of the last whole one
    select
        currency,
        key,
        meter,
        pricing_unit,
        month_share / window_share as rate
    from shares
    where window_share > 0 and month_share > 0 and first_share > 1.001 * end_share and abs(as_much - 1) < 0.01

),

amounts as (

    select
        lower(resource_id) as key,
        coalesce(sku_meter, sku_id, '') as meter,
        coalesce(pricing_unit, '') as pricing_unit,
        charge_date,
        sum(cast(pricing_quantity as double) * share) as amount
    from weighed
    where recurs and resource_id is not null
    group by all

),

late as (

    -- the same on each final day, less on the last three, which are provisional, and the inventory says that it is still there
    select
        amounts.key,
        amounts.meter,
        amounts.pricing_unit,
        30 * max(amounts.amount) / sum(amounts.amount) as rate
    from amounts
    inner join present on amounts.key = present.key
    group by amounts.key, amounts.meter, amounts.pricing_unit
    having
        count(*) filter (where amounts.charge_date <= as_of - 3) = 27
        and min(amounts.amount) filter (where amounts.charge_date <= as_of - 3) > 0
        and max(amounts.amount) <= 1.000001 * min(amounts.amount) filter (where amounts.charge_date <= as_of - 3)
        and coalesce(sum(amounts.amount) filter (where amounts.charge_date > as_of - 3), 0)
        < 2.999 * min(amounts.amount) filter (where amounts.charge_date <= as_of - 3)

),

machines as (

    -- what a resource that nothing covers ran as, size by size
    select
        key,
        instance_type,
        min(charge_date) as first_day,
        max(charge_date) as last_day,
        count(distinct charge_date) as days
    from (
        select
            lower(resource_id) as key,
            instance_type,
            charge_date,
            bool_or(coalesce(commitment_id, '') != '') over (partition by lower(resource_id)) as is_covered
        from weighed
        where charge_category = 'Usage' and resource_id is not null and coalesce(instance_type, '') != ''
    ) as ran
    where not is_covered
    group by key, instance_type

),

present_sizes as (

    -- the newest began when all others had ended, and has run on every day since, for at least a week
    select
        newest.key,
        newest.instance_type,
        newest.first_day
    from machines as newest
    inner join machines as earlier on newest.key = earlier.key and newest.instance_type != earlier.instance_type
    where
        newest.days >= 7
        and newest.days = newest.last_day - newest.first_day + 1
        and newest.last_day >= as_of - 3
    group by newest.key, newest.instance_type, newest.first_day
    having newest.first_day >= max(earlier.last_day) and newest.first_day <= max(earlier.last_day) + 1

),

sizes as (

    select
        lower(weighed.resource_id) as key,
        weighed.instance_type,
        coalesce(weighed.sku_meter, weighed.sku_id, '') as meter,
        coalesce(weighed.pricing_unit, '') as pricing_unit,
        weighed.instance_type = present_sizes.instance_type as is_present,
        as_of - 3 - present_sizes.first_day as whole_days,
        sum(cast(weighed.pricing_quantity as double)) as amount,
        sum(cast(weighed.pricing_quantity as double)) filter (
            where weighed.charge_date > present_sizes.first_day and weighed.charge_date <= as_of - 3
        ) as amount_of_whole_days
    from weighed
    inner join present_sizes on lower(weighed.resource_id) = present_sizes.key
    where weighed.recurs and coalesce(weighed.instance_type, '') != ''
    group by all

),

resized as (

    -- what it was counts for nothing from now on, what it is for a whole month: by the days that are whole and final
    select
        key,
        instance_type,
        meter,
        pricing_unit,
        case when is_present then 30 * amount_of_whole_days / (whole_days * amount) else 0 end as rate
    from sizes
    where not is_present or amount > 0

),

lines as (

    select
        weighed.*,
        case
            when weighed.recurs and ended.key is not null then 0
            when weighed.recurs
                then
                    coalesce(meters.calendar, 1)
                    * coalesce(resized.rate, rates.run_rate, late.rate, 1)
                    * coalesce(discounts.rate, 1)
            else 1
        end as run_rate
    from weighed
    left join ended on lower(weighed.resource_id) = ended.key
    left join resized
        on
            lower(weighed.resource_id) = resized.key
            and weighed.instance_type = resized.instance_type
            and coalesce(weighed.sku_meter, weighed.sku_id, '') = resized.meter
            and coalesce(weighed.pricing_unit, '') = resized.pricing_unit
    left join rates on lower(weighed.resource_id) = rates.key
    left join late
        on
            lower(weighed.resource_id) = late.key
            and coalesce(weighed.sku_meter, weighed.sku_id, '') = late.meter
            and coalesce(weighed.pricing_unit, '') = late.pricing_unit
    left join discounts
        on
            weighed.currency = discounts.currency
            and lower(weighed.resource_id) = discounts.key
            and coalesce(weighed.sku_meter, weighed.sku_id, '') = discounts.meter
            and coalesce(weighed.pricing_unit, '') = discounts.pricing_unit
    left join meters
        on
            weighed.share != 1
            and weighed.currency = meters.currency
            and weighed.provider is not distinct from meters.provider
            and weighed.account_id is not distinct from meters.account_id
            and weighed.billing_account_id is not distinct from meters.billing_account_id
            and weighed.service is not distinct from meters.service
            and lower(weighed.resource_id) is not distinct from meters.key
            and coalesce(weighed.sku_meter, weighed.sku_id, '') = meters.meter
            and coalesce(weighed.pricing_unit, '') = meters.pricing_unit

),

final as (

    select
        currency,
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(billing_account_id, '') as billing_account_id,
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
        max(capacity_reservation_id) filter (where charge_date > as_of - 7) as capacity_reservation_id,
        cast(sum(coalesce(pricing_quantity, 0)) as decimal(38, 12)) as quantity,
        cast(sum(gross) as decimal(38, 12)) as cost,
        cast(sum(coalesce(contracted_cost, list_cost, effective_cost, 0)) as decimal(38, 12)) as on_demand_cost,
        cast(sum(coalesce(list_cost, 0)) as decimal(38, 12)) as list_cost,
        cast(max(run_rate) as decimal(18, 12)) as run_rate
    from lines
    group by all

)

select * from final
