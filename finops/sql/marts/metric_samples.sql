-- metric_samples: the samples of the last 90 days at the resolution in which they were loaded.
-- reads: metrics, metric_daily
-- grain: resource_id, metric, statistic, dimensions, timestamp
-- macro: metric_samples(as_of)
-- `as_of` is the last complete day. Name the metrics wanted in a condition: the rows of all are as many as the raw table's.
with metrics as not materialized (

    select * from metrics

),

metric_daily as (

    select * from metric_daily

),

told_twice as (

    -- a day's samples that cover more than a day were delivered twice
    select resource_id
    from metric_daily
    where metric_date > as_of - 90 and metric_date <= as_of
    group by resource_id
    having min(x_source) != max(x_source) or max(seconds) > 86400

),

samples as not materialized (

    select
        x_source,
        lower(resource_id) as resource_id,
        metric,
        statistic,
        coalesce(dimensions, '') as dimensions,
        timestamp,
        period_s,
        value
    from metrics
    where timestamp >= as_of - 89 and timestamp < as_of + 1 and not isnan(value)

),

told_once as (

    select * exclude (x_source)
    from samples
    where resource_id not in (select several.resource_id from told_twice as several)

),

chosen as (

    select
        resource_id,
        metric,
        statistic,
        dimensions,
        timestamp,
        max(period_s) as period_s,
        arg_max(value, x_source) as value
    from samples
    where resource_id in (select several.resource_id from told_twice as several)
    group by all

),

final as (

    select * from told_once
    union all
    select * from chosen

)

select * from final
