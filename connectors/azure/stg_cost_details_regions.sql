-- Azure's places in FOCUS words. Grain: one row a ResourceLocation of the files that is a known region under any of its names.
with
places as (select distinct resourcelocation from raw),

regions as (select * from azure_regions),

names as (
    select
        region_id,
        region_name,
        unnest([region_id, region_name] || string_split(coalesce(aliases, ''), '|')) as alias
    from regions
),

regions_by_alias as (
    select
        lower(replace(alias, ' ', '')) as alias_key,
        any_value(region_id) as region_id,
        any_value(region_name) as region_name
    from names
    where alias <> ''
    group by 1
),

final as (
    select
        places.resourcelocation,
        regions_by_alias.region_id,
        regions_by_alias.region_name
    from places
    inner join regions_by_alias on lower(replace(places.resourcelocation, ' ', '')) = regions_by_alias.alias_key
)

select * from final
