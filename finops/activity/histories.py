"""The candidates query of who judges activity: a resource's days by metric, the history of its inventory and of its bill."""

from __future__ import annotations

from collections.abc import Iterable

from finops.activity.returns import DISKS, LAST_MACHINES, RECURRING_MACHINES, RECURRING_TAGS
from finops.activity.streaks import Signal

HISTORY_DAYS = 550
"""Eighteen months and a bit: what recurs once a quarter is seen five times."""


LEAST_CROWD = 8
"""Machines that work on working days, of which a day's quiet says something: fewer are quiet together by chance."""

CLOSED_SHARE = 0.8
"""A day is closed where so many of them are quiet: where each is away on every third day, 7 of 8 are on one day in 400."""

FORGOTTEN_DAYS = 28
"""What has not worked for so long is gone, not at home, and no longer counts among them."""


QUERY = """
with unnamed as (

    -- accounts whose bill names no resource at all (an export without them): what each costs nobody knows
    select
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        currency
    from resource_daily
    where charge_category = 'Usage' and charge_date <= $as_of and charge_date > $as_of::date - 30
    group by all
    having count(nullif(resource_id, '')) = 0

),

profiles as materialized (

    select
        *,
        false as unnamed
    from resource_profile($as_of)
    union all by name
    select
        resources.resource_id,
        resources.provider,
        resources.account_id,
        resources.region,
        resources.resource_type,
        resources.sku,
        resources.state,
        unnamed.currency,
        true as unnamed
    from resources
    inner join unnamed on resources.provider = unnamed.provider and resources.account_id = unnamed.account_id
    where resources.observed_at < $as_of::date + 4
    qualify row_number() over (
        partition by lower(resources.resource_id), unnamed.currency order by resources.observed_at desc
    ) = 1

),

limits as (

    select * from (values <limits>) as listed (metric, low, far, per_second)

),

bounds as (

    -- of a level's statistics the average; a limit per second is one per period, as the samples are
    select
        daily.*,
        coalesce(limits.low, 0) * if(coalesce(limits.per_second, false), seconds / samples, 1) as low_bound,
        coalesce(limits.far, 1e300) as far_bound,
        case statistic when 'avg' then 0 when 'sum' then 1 when 'max' then 2 else 3 end as choice,
        min(case statistic when 'avg' then 0 when 'sum' then 1 when 'max' then 2 else 3 end)
            over (partition by resource_id, daily.metric) as best
    from metric_daily as daily
    left join limits on daily.metric = limits.metric
    where
        metric_date <= $as_of and metric_date > $as_of::date - <history>
        and daily.metric in (<metrics>)

),

hours as (

    -- a day's histogram counts samples in buckets 5 % wide, so that a sample up to 5 % above a limit is not above it
    select
        resource_id,
        metric,
        metric_date,
        seconds / 3600 as hours,
        total,
        highest,
        lowest,
        highest_rate,
        coalesce(list_sum([
            entry.value for entry in map_entries(buckets) if entry.key > floor(ln(greatest(low_bound, 1e-9)) / ln(1.05))
        ]), 0) * (seconds / samples) / 3600 as above,
        coalesce(list_sum([
            entry.value for entry in map_entries(buckets) if entry.key > floor(ln(far_bound) / ln(1.05))
        ]), 0) * (seconds / samples) / 3600 as far
    from bounds
    where choice = best

),

days as (

    select
        resource_id as key,
        metric,
        metric_date,
        max(hours) as hours,
        sum(total) as total,
        max(highest) as highest,
        -- of several nodes, each has a level of its own: what counts is how far one of them goes
        max(highest) - max(highest - lowest) as lowest,
        max(above) as above,
        max(far) as far,
        max(highest_rate) as rate
    from hours
    group by resource_id, metric, metric_date

),

activities as (

    select
        key,
        list(
            {
                metric: metric, day: metric_date, hours: hours, total: total, highest: highest, lowest: lowest,
                above: above, far: far, rate: rate
            }
            order by metric, metric_date
        ) as activity
    from days
    group by key

),

office_days as (

    -- upkeep takes at most three hours of a day
    select
        key,
        metric_date as day,
        above > 3 as worked
    from days
    where metric = 'cpu_utilization'

),

office_machines as (

    select
        key,
        min(day) filter (where worked) as first_day,
        max(day) filter (where worked) as last_day
    from office_days
    group by key
    having
        count(*) filter (where worked) >= 10
        and count(*) filter (where worked and isodow(day) > 5) <= 0.1 * count(*) filter (where worked)

),

owners as (

    select distinct
        lower(resource_id) as key,
        provider,
        account_id
    from profiles

),

crowds as (

    select
        owners.provider,
        owners.account_id,
        office_days.day,
        grouping(owners.account_id) = 1 as whole,
        count(*) as crowd,
        count(*) filter (where not office_days.worked) as quiet
    from office_machines
    inner join owners on office_machines.key = owners.key
    inner join office_days
        on
            office_machines.key = office_days.key
            and office_days.day > office_machines.first_day
            and office_days.day <= office_machines.last_day + <forgotten>
    where isodow(office_days.day) <= 5
    group by grouping sets ((owners.provider, owners.account_id, office_days.day), (office_days.day))

),

closings as (

    -- an account with few such machines closes when the whole company does
    select
        owners.provider,
        owners.account_id,
        list(distinct whole.day order by whole.day) as closings
    from (select distinct provider, account_id from owners) as owners
    cross join (select * from crowds where whole) as whole
    left join (select * from crowds where not whole) as own
        on
            owners.provider is not distinct from own.provider
            and owners.account_id is not distinct from own.account_id
            and whole.day = own.day
    where
        if(
            coalesce(own.crowd, 0) >= <crowd>,
            own.quiet >= <share> * own.crowd,
            whole.crowd >= <crowd> and whole.quiet >= <share> * whole.crowd
        )
    group by owners.provider, owners.account_id

),

usage as (

    select
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        lower(resource_id) as key,
        instance_type,
        tags_id,
        coalesce(pricing_unit, '') as unit,
        charge_date
    from resource_daily
    where
        charge_category = 'Usage' and charge_date <= $as_of and charge_date > $as_of::date - <history>
        and resource_id is not null and coalesce(pricing_quantity, consumed_quantity, 0) > 0

),

<returns>

spans as (

    select
        key,
        max(charge_date) - min(charge_date) as span
    from usage
    group by key

),

bursts as (

    select
        usage.key,
        list(distinct charge_date order by charge_date) as billed_use
    from usage
    inner join spans on usage.key = spans.key
    where unit not ilike '%hour%' and unit not ilike '%month%'
    group by usage.key
    having count(distinct charge_date) <= 0.3 * max(span)

),

tellers as (

    -- an inventory that says of some what they are attached to says of the others that they are attached to nothing
    select distinct
        x_source,
        resource_type
    from resources
    where observed_at < $as_of::date + 4 and coalesce(attached_to, '') != ''

),

observed as (

    select
        lower(resource_id) as key,
        (x_source, resource_type) in (select (tellers.x_source, tellers.resource_type) from tellers) as told,
        lower(attached_to) as attached_to,
        observed_at,
        coalesce(state, '') || coalesce(attached_to, '') as condition,
        lag(observed_at) over (partition by lower(resource_id) order by observed_at) as observed_before,
        lag(coalesce(state, '') || coalesce(attached_to, '')) over (
            partition by lower(resource_id) order by observed_at
        ) as condition_before
    from resources
    where observed_at < $as_of::date + 4

),

histories as (

    select
        key,
        coalesce(bool_or(condition != condition_before), false) as changed,
        cast(arg_max(observed_before, observed_at) filter (where condition != condition_before) as date) as changed_after,
        list(distinct attached_to order by attached_to) filter (where attached_to != '') as attachments,
        coalesce(arg_max(told, observed_at), false) as attachments_told,
        arg_max(regexp_replace(attached_to, '^.*/', ''), observed_at) filter (where attached_to != '') as last_attached,
        list(distinct cast(observed_at as date) order by cast(observed_at as date))
            filter (where coalesce(attached_to, '') = '') as loose_days,
        list(distinct cast(observed_at as date) order by cast(observed_at as date))
            filter (where attached_to != '') as held_days
    from observed
    group by key

),

<last_machines>,

<recurring_tags>

select
    profiles.* exclude (metrics),
    activities.activity,
    histories.changed,
    histories.changed_after,
    histories.attachments,
    histories.attachments_told,
    histories.loose_days,
    histories.held_days,
    last_machines.last_machine,
    bursts.billed_use,
    closings.closings,
    case
        when <disks> then recurring_machines.recurring
    end as recurring,
    recurring_tags.recurring_tags
from profiles
left join activities on lower(profiles.resource_id) = activities.key
left join histories on lower(profiles.resource_id) = histories.key
left join last_machines
    on
        histories.last_attached = last_machines.name
        and profiles.provider = last_machines.provider
        and profiles.account_id = last_machines.account_id
left join recurring_tags on lower(profiles.resource_id) = recurring_tags.key
left join bursts on lower(profiles.billed_as) = bursts.key
left join recurring_machines
    on profiles.provider = recurring_machines.provider and profiles.account_id = recurring_machines.account_id
left join closings
    on profiles.provider is not distinct from closings.provider and profiles.account_id is not distinct from closings.account_id
where profiles.resource_type is not null or profiles.instance_type is not null
order by profiles.provider, profiles.account_id, profiles.resource_id, profiles.currency
"""


def activity_query(signals: Iterable[Signal], also: Iterable[str] = ()) -> str:
    """One row a resource of `resource_profile`, without its metrics but with

    activity     the structs of `finops.activity.streaks.Measured`, by metric and day
    changed      whether its state or attachment changed between two inventories; null where none lists it
    changed_after  the day of the last inventory before that change
    attachments  what it was ever attached to
    attachments_told  whether its inventory says of others of its type what they are attached to
    loose_days   days on which an inventory saw it attached to nothing; `held_days` those on which one saw it attached
    last_machine `{machine, tags}` of what it was attached to last, where a bill has that
    billed_use   days on which the bill shows traffic or requests, where those are few
    closings     working days on which nearly all machines of its account that keep to working days were quiet at once
    recurring    for disks and snapshots: machines that its account runs now and then, `{machine, resources, days, jobs}`;
                 jobs are the days by tags, `{tags, days}`
    recurring_tags  for those attached to nothing: their tags that machines of their account bear, all of which run now and
                 then, `{machine, resources, days}`, the rarest first; machine is `name=value`

    `also` names metrics without limits. Where two signals share a metric, the one with limits counts.
    """
    limited = {s.metric: s for s in signals if s.measure in ("level", "rate")}
    names = sorted({s.metric for s in signals} | set(also))
    listed = ", ".join(f"'{name}'" for name in names)
    values = ", ".join(
        f"('{s.metric}', {s.limit}, {min(s.far, 1e300)}, {str(s.measure == 'rate').lower()})" for s in limited.values()
    )
    filled = {
        "limits": values, "metrics": listed, "history": HISTORY_DAYS,
        "forgotten": FORGOTTEN_DAYS, "crowd": LEAST_CROWD, "share": CLOSED_SHARE,
    }  # fmt: skip
    parts = {"returns": RECURRING_MACHINES, "last_machines": LAST_MACHINES, "recurring_tags": RECURRING_TAGS, "disks": DISKS}
    query = QUERY
    for name, part in parts.items():
        query = query.replace(f"<{name}>", part)
    for name, value in filled.items():
        query = query.replace(f"<{name}>", str(value))
    return query
