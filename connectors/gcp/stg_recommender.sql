-- stg_recommender: Google's recommendations about cost; a negative projection is a saving, over 30 days.
-- grain: one row a recommendation and refresh; the last of each counts
with raw as (

    select * from raw

),

latest as (

    select *
    from raw
    where
        coalesce("primary_impact.category", 'COST') = 'COST' and coalesce("state", 'ACTIVE') = 'ACTIVE'
    qualify row_number() over (partition by name order by last_refresh_time desc) = 1

),

read as (

    select
        *,
        coalesce(
            json_extract_string(target_resources, '$[0].element'), json_extract_string(target_resources, '$[0]')
        ) as target,
        coalesce("primary_impact.cost_projection.cost.units", 0) as units,
        coalesce("primary_impact.cost_projection.cost.nanos", 0) as nanos,
        upper(recommender_subtype) as subtype
    from latest

),

judged as (

    select
        *,
        case
            when recommender ilike '%commitment%' then 'Commit'
            when subtype like 'STOP%' then 'Stop'
            when subtype like '%DELETE%' then 'Delete'
            when recommender ilike '%idle%' then 'Delete'
            when subtype like '%CHANGE_MACHINE_TYPE%' or subtype like '%OVERPROVISIONED%' then 'Resize'
            else recommender_subtype
        end as action
    from read

),

final as (

    select
        last_refresh_time as observed_at,
        'Google Recommender' as vendor,
        name as recommendation_id,
        'Google Cloud' as provider,
        coalesce(nullif(regexp_extract(target, 'projects/([^/]+)', 1), ''), cloud_entity_id) as account_id,
        "location" as region,
        case when action != 'Commit' then target end as resource_id,
        case action
            when 'Commit' then 'commitments'
            when 'Resize' then 'rightsizing'
            when 'Delete' then 'idle'
            when 'Stop' then 'idle'
        end as kind,
        action,
        recommender_subtype as current_setting,
        coalesce(nullif(regexp_extract(description, ' to ([a-z0-9-]+)\.?$', 1), ''), description) as target_setting,
        cast(-units - nanos / 1000000000 as decimal(38, 12)) as saving_monthly,
        "primary_impact.cost_projection.cost.currency_code" as currency,
        cast(to_json(struct_pack(recommender := recommender, description := description)) as varchar) as raw
    from judged

)

select * from final
