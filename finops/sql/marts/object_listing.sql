-- object_listing: the stored objects of each bucket as the listing that counts shows them.
-- reads: objects
-- grain: bucket, prefix, storage_class, state, age_days_from, bytes
-- macro: object_listing(as_of)
-- A bucket's listings are states of it, never parts: of several sources the one that knows reads counts, then the newest;
-- of several days of that source the newest. One without a day counts where no other is.
-- A folder that is one of a series (a date, a number, a hash, `key=value`) is no prefix of its own: a rule is written for what
-- is above it, as for listed objects (finops.warehouse.staging.VARYING), where nothing but the series lies there.
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

counted as (

    select
        listed.* exclude (listed_on),
        coalesce(listed.prefix, '') as own_prefix,
        -- above the first folder of a series; null where there is none
        if(
            regexp_matches(rtrim(listed.prefix, '/') || '/', varying),
            regexp_extract(rtrim(listed.prefix, '/') || '/', varying, 1),
            null
        ) as series
    from listed
    inner join counting
        on
            listed.bucket_key = counting.bucket_key
            and listed.x_source is not distinct from counting.x_source
            and listed.listed_on = counting.listed_on
    cross join (
        select '^((?:[^/]*/)*?)(?:[^/]*=[^/]*|[0-9._:-]+|[^/]*[0-9]{4}[^/]*|[0-9a-fA-F-]{16,})/' as varying
    ) as patterns

),

prefixes as (

    select distinct
        bucket_key,
        own_prefix,
        series
    from counted

),

folders as (

    select distinct
        bucket_key,
        series
    from prefixes
    where series is not null

),

alone as (

    select
        folders.bucket_key,
        folders.series
    from folders
    inner join prefixes on folders.bucket_key = prefixes.bucket_key and starts_with(prefixes.own_prefix, folders.series)
    group by folders.bucket_key, folders.series
    having count(*) > 1 and bool_and(prefixes.series is not distinct from folders.series)

),

final as (

    select counted.* exclude (bucket_key, own_prefix, series) replace (coalesce(alone.series, counted.prefix) as prefix)
    from counted
    left join alone on counted.bucket_key = alone.bucket_key and counted.series = alone.series

)

select * from final
