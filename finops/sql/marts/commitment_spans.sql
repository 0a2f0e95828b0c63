-- commitment_spans: since when today's commitments are in force, and which of the last two months' have ended.
-- reads: resource_daily, commitments
-- grain: commitment_id
-- macro: commitment_spans(as_of)
-- portable: yes
-- `begun` is the hour of a first day within the last 30: null where it is older, or where the bill is no older than it and no
-- inventory tells its term. `ended` is true where it covers nothing any more: by its term, else because it is not on the bill.
with resource_daily as (

    select * from resource_daily

),

commitments as (

    select * from commitments

),

bills as (

    select
        provider,
        min(charge_date) as first_day
    from resource_daily
    where charge_category = 'Usage' and charge_date <= as_of
    group by provider

),

seen as (

    -- one that is in force has usage or unused hours on every day
    select
        provider,
        lower(commitment_id) as commitment_id,
        min(charge_date) as first_day,
        max(charge_date) as last_day
    from resource_daily
    where charge_category = 'Usage' and commitment_id is not null and charge_date > as_of - 61 and charge_date <= as_of
    group by provider, lower(commitment_id)

),

known as (

    select
        lower(commitment_id) as commitment_id,
        max(term_start) as term_start,
        max(term_end) as term_end
    from commitments
    where observed_at < as_of + 4
    group by lower(commitment_id)

),

final as (

    select
        seen.commitment_id,
        case
            when coalesce(cast(known.term_start as date) > seen.first_day, true)
                then case
                    when seen.first_day > greatest(bills.first_day, as_of - 30) then cast(seen.first_day as timestamptz)
                end
            when cast(known.term_start as date) > as_of - 30 then known.term_start
        end as begun,
        case
            when known.term_end is null then seen.last_day < as_of - 2 -- the last three days are provisional
            else cast(known.term_end as date) <= as_of and seen.last_day < as_of
        end as ended
    from seen
    inner join bills on seen.provider is not distinct from bills.provider
    left join known on seen.commitment_id = known.commitment_id

)

select * from final
