-- resource_profile: one row a resource and currency: what it is, what it costs, what its metrics show over 90 days.
-- reads: bill_month, metric_daily, resources, tag_sets
-- grain: resource_id, currency
-- macro: resource_profile(as_of)
-- kept: yes
-- `as_of` is the last complete day; nothing after it is read, so that any past date can be replayed.
with resources as (

    select * from resources

),

metric_daily as (

    select * from metric_daily

),

tag_sets as (

    select * from tag_sets

),

tag_texts as (

    select
        x_tags_id,
        any_value(Tags) as tags
    from tag_sets
    group by x_tags_id

),

lines as (

    select * from bill_month(as_of)

),

seen as (

    select
        *,
        lower(resource_id) as key,
        row_number() over (partition by lower(resource_id) order by observed_at desc) as recency,
        lag(state || coalesce(attached_to, '')) over (partition by lower(resource_id) order by observed_at) as state_before
    from resources
    where observed_at < as_of + 4 -- known when the bill up to `as_of` is

),

unchanged as (

    select
        key,
        max(observed_at) filter (where state_before is not null and state_before != state || coalesce(attached_to, ''))
            as changed_at,
        min(observed_at) as first_seen_at
    from seen
    group by key

),

latest as (

    select
        seen.*,
        greatest(date_diff('day', cast(coalesce(unchanged.changed_at, unchanged.first_seen_at) as date), as_of), 0)
            as unchanged_days
    from seen
    inner join unchanged using (key)
    where recency = 1

),

billed as (

    select
        resource_id as key,
        currency,
        max(resource) as resource_id,
        max(provider) as provider,
        max(account_id) as account_id,
        max(region) as region,
        arg_max(service, cost) as service,
        arg_max(service_category, cost) as service_category,
        max(resource_name) as resource_name,
        max(resource_type) as resource_type,
        -- the one that it is now
        nullif(arg_max(instance_type, struct_pack(last_day := last_day, instance_type := instance_type)), '') as instance_type,
        nullif(max(operating_system), '') as operating_system,
        max(tags_id) as tags_id,
        max(capacity_reservation_id) as capacity_reservation_id,
        max(days) as billed_days,
        max(last_day) filter (where charge_category = 'Usage' and cost > 0) as last_day,
        -- of what has ended nothing recurs: it has cost what was billed; a correction is of what was, not of what is
        cast(
            coalesce(
                nullif(sum(cast(cost * run_rate as decimal(38, 12))) filter (where charge_class = ''), 0),
                sum(cost)
            ) as decimal(38, 12)
        ) as cost
    from lines
    where resource_id != '' and charge_category in ('Usage', 'Purchase')
    group by resource_id, currency

),

daily as (

    select
        resource_id as key,
        metric,
        statistic,
        dimensions,
        metric_date,
        sum(samples) as samples,
        sum(seconds) as seconds,
        sum(total) as total,
        max(highest) as highest,
        min(lowest) as lowest,
        max(highest_rate) as highest_rate
    from metric_daily
    where metric_date > as_of - 90 and metric_date <= as_of
    group by resource_id, metric, statistic, dimensions, metric_date

),

bucket_entries as (

    select
        resource_id as key,
        metric,
        statistic,
        dimensions,
        unnest(map_entries(buckets)) as entry
    from metric_daily
    where metric_date > as_of - 90 and metric_date <= as_of

),

bucket_counts as (

    select
        key,
        metric,
        statistic,
        dimensions,
        entry.key as bucket,
        sum(entry.value) as samples
    from bucket_entries
    group by all

),

histograms as (

    select
        key,
        metric,
        statistic,
        dimensions,
        list(struct_pack(bucket := bucket, samples := cast(samples as bigint)) order by bucket) as buckets
    from bucket_counts
    group by key, metric, statistic, dimensions

),

series as (

    select
        key,
        metric,
        statistic,
        dimensions,
        list(
            {
                day: metric_date,
                hours: seconds / 3600,
                mean: total / samples,
                total: total,
                highest: highest,
                lowest: lowest,
                rate: highest_rate
            }
            order by metric_date
        ) as days
    from daily
    group by key, metric, statistic, dimensions

),

metrics_of as (

    select
        series.key,
        list(
            {
                metric: series.metric,
                statistic: series.statistic,
                dimensions: series.dimensions,
                days: series.days,
                buckets: histograms.buckets
            }
            order by series.metric, series.statistic, series.dimensions
        ) as metrics
    from series
    inner join histograms using (key, metric, statistic, dimensions)
    group by series.key

),

computes as (

    -- a workspace's compute that nobody ties to a machine: its own name, the workspace's, and its size tell it from all others
    select
        latest.key,
        lower(latest.sku) as sku,
        regexp_extract(latest.key, '^/subscriptions/[^/]+/') as subscription,
        regexp_extract(latest.key, '/workspaces/([^/]+)/computes/([^/]+)$', 1) as workspace,
        regexp_extract(latest.key, '/workspaces/([^/]+)/computes/([^/]+)$', 2) as name
    from latest
    where latest.key like '%/workspaces/%/computes/%' and latest.sku is not null

),

managed as (

    -- the machines on the bill that no inventory lists, by the group in which the provider keeps them
    select distinct
        billed.key,
        lower(billed.instance_type) as sku,
        regexp_extract(billed.key, '^/subscriptions/[^/]+/') as subscription,
        regexp_extract(billed.key, '/resourcegroups/([^/]+)/.*/virtualmachines/([^/]+)$', 1) as resource_group,
        regexp_extract(billed.key, '/resourcegroups/([^/]+)/.*/virtualmachines/([^/]+)$', 2) as name
    from billed
    where billed.key like '%/virtualmachines/%' and billed.key not in (select listed.key from latest as listed)

),

buckets as (

    -- a bucket's name is unique with its provider: an inventory may list it with more or less around the name than the bill
    select
        latest.key,
        min(billed.key) as bill_key
    from latest
    inner join billed
        on
            latest.provider = billed.provider
            and regexp_extract(latest.key, '[^/:]+$') = regexp_extract(billed.key, '[^/:]+$')
    where
        latest.resource_type ilike '%bucket'
        and regexp_matches(billed.key, '^[^/:]+$|:s3:::|storage[.]googleapis[.]com/')
        and latest.key not in (select own.key from billed as own)
        and billed.key not in (select listed.key from latest as listed)
    group by latest.key
    having count(distinct billed.key) = 1

),

links as (

    -- a managed machine's bill names the machine underneath: what is attached to it, or what it is attached to and nobody lists
    select
        owner.key,
        billed.key as bill_key
    from latest as owner
    inner join latest as part on lower(part.attached_to) = owner.key
    inner join billed on part.key = billed.key
    where part.resource_type not ilike '%disk%' and part.resource_type not ilike '%volume%'
    union all
    select
        part.key,
        billed.key as bill_key
    from latest as part
    inner join billed on lower(part.attached_to) = billed.key
    where billed.key not in (select listed.key from latest as listed)
    union all
    select
        computes.key,
        min(managed.key) as bill_key
    from computes
    inner join managed
        on
            computes.name = managed.name
            and computes.sku = managed.sku
            and computes.subscription = managed.subscription
            and contains(concat('-', managed.resource_group, '-'), concat('-', computes.workspace, '-'))
    group by computes.key
    having count(*) = 1

),

bill_keys as (

    select
        latest.key,
        coalesce(billed.key, min(buckets.bill_key), min(links.bill_key)) as bill_key,
        min(buckets.bill_key) is not null as by_name
    from latest
    left join (select distinct key from billed) as billed on latest.key = billed.key
    left join buckets on latest.key = buckets.key
    left join links on latest.key = links.key
    group by latest.key, billed.key

),

pools as (

    -- a pool has no bill of its own: that of all its machines together, keys in order, is its bill
    select
        owner.key,
        billed.currency,
        string_agg(billed.key, chr(30) order by billed.key) as billed_as,
        sum(billed.cost) as cost
    from latest as owner
    inner join latest as part on lower(part.attached_to) = owner.key
    inner join billed on part.key = billed.key
    where
        (part.resource_type ilike '%instance%' or part.resource_type ilike '%virtualmachine%')
        and owner.key not in (select own.key from billed as own)
    group by owner.key, billed.currency
    having count(*) > 1

),

inventory as (

    select
        latest.*,
        bill_keys.bill_key,
        bill_keys.by_name
    from latest
    inner join bill_keys using (key)

),

joined as (

    select
        case when inventory.by_name then billed.resource_id else coalesce(inventory.resource_id, billed.resource_id) end
            as resource_id,
        case
            when inventory.key = billed.key then inventory.resource_id
            else coalesce(pools.billed_as, billed.resource_id)
        end as billed_as,
        coalesce(inventory.provider, billed.provider) as provider,
        coalesce(nullif(billed.account_id, ''), inventory.account_id) as account_id,
        coalesce(nullif(billed.region, ''), inventory.region) as region,
        billed.service,
        billed.service_category,
        billed.resource_name,
        coalesce(inventory.resource_type, billed.resource_type) as resource_type,
        inventory.resource_id is not null as in_inventory,
        coalesce(inventory.sku, billed.instance_type) as sku,
        billed.instance_type,
        coalesce(billed.operating_system, json_extract_string(inventory.properties, '$.operating_system')) as operating_system,
        inventory.state,
        inventory.created_at,
        inventory.unchanged_days,
        inventory.attached_to,
        coalesce(inventory.tags, tag_texts.tags) as tags,
        inventory.properties,
        billed.currency,
        coalesce(billed.billed_days, 0) as billed_days,
        billed.capacity_reservation_id,
        billed.last_day as last_billed,
        cast(coalesce(pools.cost, billed.cost, 0) as decimal(38, 12)) as cost,
        metrics_of.metrics
    from inventory
    full outer join billed on inventory.bill_key = billed.key
    left join pools on inventory.key = pools.key and billed.currency = pools.currency
    left join tag_texts
        on billed.tags_id = tag_texts.x_tags_id
    left join metrics_of on coalesce(inventory.key, billed.key) = metrics_of.key

),

final as (

    select * from joined
    where currency is not null

)

select * from final
