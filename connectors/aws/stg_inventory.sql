-- stg_inventory: S3 Inventory rows as listed objects (finops/sql/listing/objects.sql reduces them).
-- grain: one row an object version
-- A delete marker stores nothing and has no class. Objects in Intelligent-Tiering keep that class whatever their access tier.
with raw as (

    select * from raw

),

final as (

    select
        bucket,
        case when upper(manifest_format) = 'CSV' then url_decode(replace("key", '+', ' ')) else "key" end as key,
        coalesce(size, 0) as bytes,
        case when is_delete_marker then 'NONE' else coalesce(storage_class, 'STANDARD') end as storage_class,
        case
            when is_delete_marker then 'delete_marker'
            when coalesce(is_latest, true) then 'current'
            else 'noncurrent'
        end as state,
        last_modified_date as modified_at,
        manifest_taken_at as observed_at,
        null::timestamptz as read_at
    from raw

)

select * from final
