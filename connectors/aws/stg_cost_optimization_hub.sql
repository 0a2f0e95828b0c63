-- stg_cost_optimization_hub: recommendations of Cost Optimization Hub, which Compute Optimizer's are part of.
-- grain: one row a recommendation
with raw as (

    select * from raw

),

final as (

    select
        last_refresh_timestamp as observed_at,
        'AWS ' || coalesce(recommendation_source, 'CostOptimizationHub') as vendor,
        recommendation_id,
        'AWS' as provider,
        account_id,
        region,
        nullif(resource_arn, '') as resource_id,
        hub.kind,
        coalesce(hub.action, action_type) as action,
        current_resource_summary as current_setting,
        recommended_resource_summary as target_setting,
        coalesce(estimated_monthly_savings_after_discount, estimated_monthly_savings_before_discount) as saving_monthly,
        currency_code as currency,
        cast(to_json(struct_pack(
            recommendation_id := recommendation_id, action_type := action_type, resource_type := current_resource_type,
            source := recommendation_source
        )) as varchar) as raw
    from raw
    left join aws_hub_actions as hub using (action_type)

)

select * from final
