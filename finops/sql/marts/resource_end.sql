-- resource_end: what no longer runs: its last day, how that is known, and whether something has taken its place.
-- reads: resources, used_days
-- grain: key
-- macro: resource_end(as_of)
-- kept: yes
-- `as_of` is the last complete day; the last three days are provisional and prove nothing. Keys are ids in lower case.
with resources as (

    select * from resources

),

used as (

    select * from used_days(as_of)
    where charge_date > as_of - 120

),

accounts as (

    select
        provider,
        account_id,
        max(charge_date) as last_day
    from used
    group by provider, account_id

),

gaps as (

    select
        key,
        charge_date,
        charge_date - lag(charge_date) over (partition by key order by charge_date) - 1 as gap
    from (
        select distinct
            key,
            charge_date
        from used
    ) as days

),

lives as (

    select
        key,
        max(charge_date) as last_day,
        max(gap) as longest_gap,
        max(charge_date) - coalesce(max(charge_date) filter (where gap > 0), min(charge_date)) + 1 as run_days
    from gaps
    group by key

),

places as (

    select
        key,
        provider,
        account_id,
        service,
        min(charge_date) as first_day,
        max(charge_date) as last_day
    from used
    group by key, provider, account_id, service

),

listings as (

    select
        lower(resource_id) as key,
        lower(coalesce(state, '')) as state,
        cast(observed_at as date) as listed_on,
        row_number() over (partition by lower(resource_id) order by observed_at desc) as recency,
        -- the newest listing of things of its kind in its account, by whoever lists it
        cast(max(observed_at) over (partition by x_source, provider, account_id, resource_type) as date) as kind_listed_on
    from resources
    where observed_at < as_of + 4 -- known when the bill up to `as_of` is

),

silent as (

    -- final days of its account's bill without a line of it: what runs is billed by the hour or the day
    select
        lives.key,
        lives.last_day,
        lives.longest_gap,
        lives.run_days,
        as_of - 3 - lives.last_day as quiet_days
    from lives
    inner join places on lives.key = places.key and lives.last_day = places.last_day
    inner join accounts on places.provider = accounts.provider and places.account_id = accounts.account_id
    where lives.last_day < as_of - 3
    group by all
    having max(accounts.last_day) >= as_of - 3

),

known as (

    select
        silent.key,
        silent.last_day,
        case
            when
                listings.listed_on >= silent.last_day
                and listings.state in ('terminated', 'terminating', 'deleted', 'deleting')
                then 'state'
            when silent.quiet_days >= 3 and listings.kind_listed_on > listings.listed_on then 'listing'
            -- as never before, after as long a run: what comes and goes is not over
            when
                silent.quiet_days >= 3
                and silent.quiet_days > coalesce(silent.longest_gap, 0)
                and silent.run_days >= greatest(14, 2 * silent.quiet_days)
                then 'bill'
        end as known_by,
        coalesce(listings.state, '') as state,
        silent.run_days
    from silent
    left join listings on silent.key = listings.key and listings.recency = 1

),

final as (

    select
        known.key,
        known.last_day,
        known.known_by,
        known.state,
        -- what ran for less is work, of which there may be more
        known.run_days >= 14 as was_standing,
        exists(
            select 1
            from places
            inner join places as successor
                on
                    places.provider = successor.provider
                    and places.account_id = successor.account_id
                    and places.service = successor.service
            where
                places.key = known.key
                and successor.first_day > as_of - 29
                and abs(successor.first_day - known.last_day) <= 1
        ) as is_replaced
    from known
    where known.known_by is not null

)

select * from final
