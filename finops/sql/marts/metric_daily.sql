-- metric_daily: each metric of each resource by day, small enough to keep when raw samples are dropped.
-- reads: metrics
-- grain: x_source, metric_date, resource_id, metric, statistic, dimensions
-- incremental: x_source, metric_date
-- slices: lower(resource_id), 500000
-- `buckets` counts samples in logarithmic buckets 5 % wide (finops.estimate.bucket_of): counts merge over days, percentiles
-- do not.
-- Rates are per second: what a counter's sum over its period amounts to.
with metrics as (

    select * from metrics

),

bucketed as (

    select
        x_source,
        cast(timestamp as date) as metric_date,
        lower(resource_id) as resource_id,
        metric,
        statistic,
        coalesce(dimensions, '') as dimensions,
        period_s,
        value,
        case
            when value <= 0 then -1000
            else greatest(-999, cast(floor(ln(value) / ln(1.05)) as integer))
        end as bucket
    from metrics
    where not isnan(value)

),

final as (

    select
        x_source,
        metric_date,
        resource_id,
        metric,
        statistic,
        dimensions,
        cast(count(*) as bigint) as samples,
        cast(sum(period_s) as bigint) as seconds,
        sum(value) as total,
        max(value) as highest,
        min(value) as lowest,
        max(value / period_s) as highest_rate,
        cast(histogram(bucket) as map (integer, bigint)) as buckets
    from bucketed
    group by x_source, metric_date, resource_id, metric, statistic, dimensions

)

select * from final
