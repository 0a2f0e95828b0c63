-- stg_ri_recommendations: Cost Explorer's file of reservations to buy.
-- grain: one row an instance type, place and operating system
with raw as (

    select * from raw

),

regions as (

    select * from aws_regions

),

final as (

    select
        raw.recommendation_date as observed_at,
        'AWS Cost Explorer reservations' as vendor,
        'AWS' as provider,
        raw.owner_account as account_id,
        coalesce(regions.region_id, raw.location) as region,
        'commitments' as kind,
        'Commit' as action,
        raw.instance_type as current_setting,
        concat_ws(
            ' ', raw.recommended_instance_quantity_purchase, '×', raw.instance_type, raw.os, raw.offering_class,
            raw.term || 'y', raw.payment_option
        ) as target_setting,
        raw.estimated_monthly_savings as saving_monthly,
        'USD' as currency,
        cast(to_json(struct_pack(
            tenancy := raw.tenancy, projected_utilization := raw.projected_ri_utilization
        )) as varchar) as raw
    from raw
    left join regions on raw.location in (regions.region_name, regions.old_name)

)

select * from final
