-- stg_advisor: Azure Advisor's recommendations of category Cost; what it would do is said in a sentence.
-- grain: one row a recommendation
with raw as (

    select * from raw
    where lower(category) = 'cost'

),

read as (

    select
        *,
        lower(recommendation) as words,
        try_cast(regexp_replace(potentialannualcostsavings, '[^0-9.]', '', 'g') as decimal(38, 12)) as yearly
    from raw

),

judged as (

    select
        *,
        case
            when words like '%reserved%' or words like '%reservation%' or words like '%savings plan%' then 'Commit'
            when words like '%delete%' or words like '%unattached%' or words like '%not been attached%' then 'Delete'
            when words like '%shut%down%' and words not like '%right%size%' then 'Stop'
            when words like '%right%size%' or words like '%resize%' then 'Resize'
            else recommendation
        end as action
    from read

),

final as (

    select
        updateddate as observed_at,
        'Azure Advisor' as vendor,
        'Microsoft Azure' as provider,
        subscriptionid as account_id,
        case
            when nullif(resourcename, '') is not null and action != 'Commit'
                then concat_ws(
                    '/', '/subscriptions', subscriptionid, 'resourceGroups', resourcegroup, 'providers', "type", resourcename
                )
        end as resource_id,
        case action
            when 'Commit' then 'commitments'
            when 'Resize' then 'rightsizing'
            when 'Delete' then 'idle'
            when 'Stop' then 'idle'
        end as kind,
        action,
        "type" as current_setting,
        recommendation as target_setting,
        cast(yearly / 12 as decimal(38, 12)) as saving_monthly,
        potentialcostsavingscurrency as currency,
        cast(to_json(struct_pack(impact := businessimpact, recommendation := recommendation)) as varchar) as raw
    from judged

)

select * from final
