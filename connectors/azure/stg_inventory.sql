-- stg_inventory: Blob inventory rows as listed objects (finops/sql/listing/objects.sql reduces them).
-- grain: one row a blob, version or snapshot
-- The bucket is the storage account, as bills and inventories name it; a lifecycle rule's prefix begins with the container.
-- Page and append blobs have no tier: their type stands for it. Folders of a hierarchical namespace store nothing.
with raw as (

    select * from raw

),

final as (

    select
        manifest_account as bucket,
        "name" as key,
        coalesce(contentlength, 0) as bytes,
        lower(coalesce(accesstier, blobtype, 'unknown')) as storage_class,
        case
            when deleted then 'deleted'
            when snapshot is not null or not coalesce(iscurrentversion, true) then 'noncurrent'
            else 'current'
        end as state,
        lastmodified as modified_at,
        manifest_taken_at as observed_at,
        lastaccesstime as read_at
    from raw
    where not coalesce(hdiisfolder, false)

)

select * from final
