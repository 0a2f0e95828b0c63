-- stg_inventory: inventory report rows as listed objects (finops/sql/listing/objects.sql reduces them).
-- grain: one row an object generation
-- Lifecycle rules count age from creation. A generation with a deletion time is noncurrent: soft-deleted ones are not listed.
with raw as (

    select * from raw

),

final as (

    select
        bucket,
        "name" as key,
        coalesce(size, 0) as bytes,
        storageclass as storage_class,
        case when timedeleted is null then 'current' else 'noncurrent' end as state,
        timecreated as modified_at,
        manifest_taken_at as observed_at,
        null::timestamptz as read_at
    from raw

)

select * from final
