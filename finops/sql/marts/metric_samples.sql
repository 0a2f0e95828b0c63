-- metric_samples: the samples of the last 90 days at the resolution in which they were loaded.
-- reads: metrics
-- grain: resource_id, metric, statistic, dimensions, timestamp
-- macro: metric_samples(as_of)
-- `as_of` is the last complete day. Name the metrics wanted in a condition: the rows of all are as many as the raw table's.
with metrics as (

    select * from metrics

),

final as (

    select
        lower(resource_id) as resource_id,
        metric,
        statistic,
        coalesce(dimensions, '') as dimensions,
        timestamp,
        max(period_s) as period_s,
        arg_max(value, x_source) as value
    from metrics
    where timestamp >= as_of - 89 and timestamp < as_of + 1 and not isnan(value)
    group by all

)

select * from final
