-- object_listing: the stored objects of each bucket as the listing that counts shows them.
-- reads: objects
-- grain: bucket, prefix, storage_class, state, age_days_from, bytes
-- macro: object_listing(as_of)
-- A bucket's listings are states of it, never parts: of several sources the one that knows reads counts, then the newest;
-- of several days of that source the newest. One without a day counts where no other is.
with listed as (

    select
        *,
        lower(bucket) as bucket_key,
        coalesce(cast(observed_at as date), date '0001-01-01') as listed_on
    from objects
    where observed_at is null or observed_at < as_of + 4 -- known when the bill up to `as_of` is

),

days as (

    select
        bucket_key,
        x_source,
        listed_on,
        bool_or(reads_per_month is not null) as knows_reads
    from listed
    group by bucket_key, x_source, listed_on

),

newest as (

    select *
    from days
    qualify row_number() over (partition by bucket_key, x_source order by listed_on desc) = 1

),

counting as (

    select *
    from newest
    qualify row_number() over (partition by bucket_key order by knows_reads desc, listed_on desc, x_source asc) = 1

),

final as (

    select listed.* exclude (bucket_key, listed_on)
    from listed
    inner join counting
        on
            listed.bucket_key = counting.bucket_key
            and listed.x_source is not distinct from counting.x_source
            and listed.listed_on = counting.listed_on

)

select * from final
