-- demand_placed: demand_hourly with the machines of lines longer than an hour in hours of those lines.
-- reads: demand_hourly, metrics, runs
-- macro: demand_placed(as_of)
-- portable: yes
-- Where a resource's runs or hourly metrics say when it ran, it is placed there. Else a day's line of q machine-hours is of
-- floor(q / 24) machines all day, which is certain of single machines, and a rest that is taken to be in the same first hours
-- as everyone's: of all arrangements that leaves a constant level the least to cover. `assumed` is the share of a row's usage
-- that is so placed, `line_start` and `line_end` are what the bill says. The sums of each line stay as they are.
with demand_hourly as (

    select * from demand_hourly

),

metrics as not materialized (

    select * from metrics

),

runs as (

    select * from runs

),

parts as (

    select
        *,
        -- what commitments cover of a machine and what they do not are lines of their own
        concat_ws(
            chr(31), x_source, lower(resource_id), instance_type, operating_system, coalesce(sku_meter, sku_id)
        ) as machine,
        lower(resource_id) as key,
        cast(machine_hours as double) as quantity
    from demand_hourly
    where resource_id is not null and machine_hours > 0 and charge_hour < as_of + 1

),

machines as (

    select
        machine,
        key,
        charge_hour,
        period_end,
        sum(quantity order by quantity) as quantity,
        date_diff('hour', charge_hour, period_end) as hours
    from parts
    group by machine, key, charge_hour, period_end

),

run_hours as (

    select
        lower(resource_id) as key,
        coalesce("count", 1) as machines,
        started_at,
        coalesce(ended_at, as_of + 1) as ended_at,
        unnest(generate_series(date_trunc('hour', started_at), coalesce(ended_at, as_of + 1), interval 1 hour)) as hour
    from runs
    where lower(resource_id) in (select listed.key from machines as listed)

),

ran as (

    select
        key,
        hour,
        sum(machines * greatest(0, epoch(least(ended_at, hour + interval 1 hour)) - epoch(greatest(started_at, hour))) / 3600)
            as machines
    from run_hours
    group by key, hour

),

seen as (

    select distinct
        lower(resource_id) as key,
        date_trunc('hour', timestamp) as hour
    from metrics
    where
        metric in ('cpu_utilization', 'gpu_utilization') and value > 0 and period_s <= 3600
        and timestamp >= as_of - 92 and timestamp < as_of + 1
        and lower(resource_id) in (select listed.key from machines as listed)

),

slots as (

    select
        *,
        unnest(generate_series(charge_hour, period_end - interval 1 hour, interval 1 hour)) as hour
    from machines

),

told as (

    select
        slots.*,
        seen.hour is not null as is_seen,
        coalesce(ran.machines, 0) as running,
        sum(coalesce(ran.machines, 0)) over machine as run_hours,
        count(seen.hour) over machine as seen_hours
    from slots
    left join ran on slots.key = ran.key and slots.hour = ran.hour
    left join seen on slots.key = seen.key and slots.hour = seen.hour
    window machine as (partition by slots.machine, slots.charge_hour, slots.period_end)

),

judged as (

    select
        *,
        -- runs that do not account for what was billed, and metrics of more hours than that, do not say when it ran; nor does
        -- a gap in the metrics of machines that ran all the time
        run_hours >= 0.9 * quantity as by_runs,
        seen_hours between 1 and least(hours - 1, quantity + 1) and quantity % hours between 1e-6 and 0.98 * hours as by_metrics
    from told

),

ranked as (

    select
        *,
        case when by_metrics then seen_hours else hours end as open_hours,
        floor(quantity / open_hours) as always,
        quantity - open_hours * always as rest,
        row_number() over (
            partition by machine, charge_hour, period_end
            order by by_metrics and not is_seen, hour
        ) - 1 as place
    from judged

),

placed as (

    select
        machine,
        charge_hour,
        period_end,
        hour,
        case
            when by_runs then running / run_hours
            when place < open_hours then (always + greatest(0, least(1, rest - place))) / quantity
            else 0
        end as share,
        -- a machine that lacks some minutes of its period is one that ran all the time
        case
            when by_runs or by_metrics or place >= rest or rest >= 0.98 * hours then 0
            else least(1, rest - place) / (always + least(1, rest - place))
        end as assumed
    from ranked

),

final as (

    select
        parts.* exclude (machine, key, quantity)
        replace (
            placed.hour as charge_hour,
            placed.hour + interval 1 hour as period_end,
            cast(parts.machine_hours * placed.share as decimal(38, 12)) as machine_hours,
            cast(parts.consumed_quantity * placed.share as decimal(38, 12)) as consumed_quantity,
            cast(parts.contracted_cost * placed.share as decimal(38, 12)) as contracted_cost,
            cast(parts.list_cost * placed.share as decimal(38, 12)) as list_cost,
            cast(parts.effective_cost * placed.share as decimal(38, 12)) as effective_cost
        ),
        parts.charge_hour as line_start,
        parts.period_end as line_end,
        placed.assumed
    from parts
    inner join placed
        on parts.machine = placed.machine and parts.charge_hour = placed.charge_hour and parts.period_end = placed.period_end
    where placed.share > 0
    union all by name
    select
        *,
        charge_hour as line_start,
        period_end as line_end,
        0.0 as assumed
    from demand_hourly
    where (resource_id is null or coalesce(machine_hours, 0) <= 0) and charge_hour < as_of + 1

)

select * from final
