-- objects: listed objects as bands: one prefix, storage class, state, age and size.
-- in: listed(bucket, key, bytes, storage_class, state, modified_at, observed_at, read_at): read_at is the last read where the
--   provider tracks it, else null.
-- grain: one row a bucket, prefix, storage class, state, age band and size band
-- A prefix is at most two folders deep, ends above the first folder that is one of a series, and is folded upwards where a
-- bucket has too many of them or where objects lie beside folders (a rule for the outer one takes the inner along).
-- Reads are known only where no object of a row was read in the 30 days before the listing: then there are none.
with listed as (

    select * from listed

),

keyed as (

    select
        *,
        date_sub('day', modified_at, observed_at) as age_days,
        key_prefix(key, 1) as outer_prefix,
        key_prefix(key, 2) as inner_prefix
    from listed

),

counted as (

    select
        bucket,
        count(distinct outer_prefix) as outer_count,
        count(distinct inner_prefix) as inner_count
    from keyed
    group by bucket

),

beside as (

    select distinct
        bucket,
        outer_prefix
    from keyed
    where inner_prefix = outer_prefix and outer_prefix != ''

),

placed as (

    select
        keyed.*,
        case
            when counted.outer_count > max_prefixes() then ''
            when counted.inner_count > max_prefixes() or beside.bucket is not null then keyed.outer_prefix
            else keyed.inner_prefix
        end as prefix
    from keyed
    inner join counted on keyed.bucket = counted.bucket
    left join beside on keyed.bucket = beside.bucket and keyed.outer_prefix = beside.outer_prefix

),

final as (

    select
        bucket,
        prefix,
        storage_class,
        state,
        age_edge(age_days) as age_days_from,
        next_age_edge(age_days) as age_days_to,
        count(*) as object_count,
        sum(bytes) as bytes,
        case when bool_and(coalesce(read_at < observed_at - interval 30 day, false)) then 0 end as reads_per_month,
        case when bool_and(coalesce(read_at < observed_at - interval 30 day, false)) then 0 end as read_bytes_per_month,
        max(observed_at) as observed_at
    from placed
    group by bucket, prefix, storage_class, state, age_edge(age_days), next_age_edge(age_days), size_edge(bytes)

)

select * from final
