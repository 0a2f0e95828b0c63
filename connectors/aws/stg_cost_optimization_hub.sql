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
        case action_type
            when 'Delete' then 'idle'
            when 'Stop' then 'idle'
            when 'Rightsize' then 'rightsizing'
            when 'ScaleIn' then 'autoscaling'
            when 'Upgrade' then 'modernize'
            when 'MigrateToGraviton' then 'modernize'
            when 'PurchaseSavingsPlans' then 'commitments'
            when 'PurchaseReservedInstances' then 'commitments'
        end as kind,
        case action_type
            when 'Rightsize' then 'Resize'
            when 'Upgrade' then 'Resize'
            when 'MigrateToGraviton' then 'Resize'
            when 'ScaleIn' then 'Scale'
            when 'PurchaseSavingsPlans' then 'Commit'
            when 'PurchaseReservedInstances' then 'Commit'
            else action_type
        end as action,
        current_resource_summary as current_setting,
        recommended_resource_summary as target_setting,
        coalesce(estimated_monthly_savings_after_discount, estimated_monthly_savings_before_discount) as saving_monthly,
        currency_code as currency,
        cast(to_json(struct_pack(
            recommendation_id := recommendation_id, action_type := action_type, resource_type := current_resource_type,
            source := recommendation_source
        )) as varchar) as raw
    from raw

)

select * from final
