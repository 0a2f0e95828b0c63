-- object_listing: the stored objects of each bucket as the listing that counts shows them.
-- reads: objects
-- grain: bucket, prefix, storage_class, state, age_days_from, bytes
-- macro: object_listing(as_of)
-- portable: yes
-- A bucket's listings are states of it, never parts: of several sources the one that knows reads counts, then the newest;
-- of several days of that source the newest. One without a day counts where no other is.
-- A folder that is one of a series (a date, a number, a hash, `key=value`) is no prefix of its own: a rule is written for what
-- is above it, as for listed objects (finops.warehouse.staging.VARYING), where nothing but the series lies there; beside
-- others, for the letters that all names of the series begin with (`dt=`, `step-`), where no other name begins so.
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
        bool_or(coalesce(reads_per_month, read_bytes_per_month) is not null) as knows_reads
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
        ) as series,
        regexp_extract(rtrim(listed.prefix, '/') || '/', varying, 2) as member
    from listed
    inner join counting
        on
            listed.bucket_key = counting.bucket_key
            and listed.x_source is not distinct from counting.x_source
            and listed.listed_on = counting.listed_on
    cross join (
        select '^((?:[^/]*/)*?)([^/]*=[^/]*|[0-9._:-]+|[^/]*[0-9]{4}[^/]*|[0-9a-fA-F-]{16,})/' as varying
    ) as patterns

),

stemmed as (

    -- the key with its sign, or what is before the first digit; a hash begins with nothing that the next one does
    select
        *,
        series || nullif(case
            when member like '%=%' then regexp_extract(member, '^[^=]*=')
            when not regexp_matches(member, '^[0-9a-fA-F-]{16,}$') then regexp_extract(member, '^[^0-9]*')
        end, '') as stem
    from counted

),

prefixes as (

    select distinct
        bucket_key,
        own_prefix,
        series,
        stem
    from stemmed

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

stems as (

    select distinct
        bucket_key,
        stem
    from prefixes
    where stem is not null

),

beside as (

    select
        stems.bucket_key,
        stems.stem
    from stems
    inner join prefixes on stems.bucket_key = prefixes.bucket_key and starts_with(prefixes.own_prefix, stems.stem)
    group by stems.bucket_key, stems.stem
    having count(*) > 1 and bool_and(prefixes.stem is not distinct from stems.stem)

),

final as (

    select
        stemmed.* exclude (bucket_key, own_prefix, series, member, stem)
        replace (coalesce(alone.series, beside.stem, stemmed.prefix) as prefix)
    from stemmed
    left join alone on stemmed.bucket_key = alone.bucket_key and stemmed.series = alone.series
    left join beside on stemmed.bucket_key = beside.bucket_key and stemmed.stem = beside.stem

)

select * from final
