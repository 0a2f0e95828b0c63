-- stg_rightsizing: Cost Explorer's rightsizing file; of up to three targets the first, which it names first.
-- grain: one row an instance
with raw as (

    select * from raw

),

regions as (

    select * from aws_regions

),

final as (

    select
        cast(null as timestamptz) as observed_at,
        'AWS Cost Explorer' as vendor,
        'AWS' as provider,
        raw.account_id,
        coalesce(regions.region_id, raw.region) as region,
        raw.instance_id as resource_id,
        if(lower(raw.recommended_action) like 'terminate%', 'idle', 'rightsizing') as kind,
        if(lower(raw.recommended_action) like 'terminate%', 'Delete', 'Resize') as action,
        raw.instance_type as current_setting,
        nullif(trim(raw.recommended_instance_type_1), '') as target_setting,
        try_cast(regexp_replace(raw.recommended_instance_type_1_estimated_savings, '[^0-9.]', '', 'g') as decimal(38, 12))
            as saving_monthly,
        'USD' as currency,
        cast(to_json(struct_pack(
            action := raw.recommended_action, cpu_utilization := trim(raw.cpu_utilization), os := raw.os,
            second := nullif(trim(raw.recommended_instance_type_2), ''),
            third := nullif(trim(raw.recommended_instance_type_3), '')
        )) as varchar) as raw
    from raw
    left join regions on raw.region in (regions.region_name, regions.old_name)

)

select * from final
