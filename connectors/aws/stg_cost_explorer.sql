-- stg_cost_explorer: the console's CSV (service × day or month) as FOCUS charges; coarse: costs alone.
-- grain: one row a service and day, or month where every date is a first of a month.
with lines as (

    select * from raw
    where start_date is not null

),

services as (

    select distinct
        service_name,
        service_category,
        service_subcategory,
        ml_workload
    from aws_services

),

grain as (

    select count(*) filter (day(start_date) <> 1) = 0 as is_monthly from lines

),

cells as (

    select
        start_date,
        unnest(map_entries(costs)) as cell
    from lines

),

priced as (

    select
        start_date,
        cell.key as label,
        cast(cell.value as decimal(38, 12)) as cost,
        row_number() over (partition by start_date order by cell.key) > 1 as is_further
    from cells

),

final as (

    select
        p.cost as BilledCost,
        p.cost as EffectiveCost,
        p.cost as ListCost,
        p.cost as ContractedCost,
        'unknown' as BillingAccountId,
        'Management Account' as BillingAccountType,
        'USD' as BillingCurrency,
        cast(date_trunc('month', p.start_date) as timestamptz) as BillingPeriodStart,
        cast(date_trunc('month', p.start_date) + interval 1 month as timestamptz) as BillingPeriodEnd,
        cast(p.start_date as timestamptz) as ChargePeriodStart,
        cast(p.start_date + case when grain.is_monthly then interval 1 month else interval 1 day end as timestamptz)
            as ChargePeriodEnd,
        case when p.label = 'Tax' then 'Tax' else 'Usage' end as ChargeCategory,
        'Cost Explorer: ' || p.label as ChargeDescription,
        case when p.label = 'Tax' then 'One-Time' else 'Usage-Based' end as ChargeFrequency,
        'AWS' as InvoiceIssuerName,
        'AWS' as ProviderName,
        'AWS' as PublisherName,
        'AWS' as ServiceProviderName,
        'AWS' as HostProviderName,
        coalesce(s.service_name, p.label) as ServiceName,
        coalesce(s.service_category, 'Other') as ServiceCategory,
        coalesce(s.service_subcategory, 'Other (Other)') as ServiceSubcategory,
        case when p.label <> 'Tax' then 'Standard' end as PricingCategory,
        p.label as x_service_code,
        coalesce(s.ml_workload = 'true', false) as x_ml_workload,
        concat_ws(':', cast(p.start_date as varchar), p.label, case when p.is_further then 'further' end) as x_line_id
    from priced as p
    cross join grain
    left join services as s
        on s.service_name = case
            when p.label like 'EC2-Instances%' then 'Amazon Elastic Compute Cloud'
            when p.label in ('EC2-Other', 'EC2 - Other') then 'Amazon Elastic Block Store'
            when p.label like 'EC2-ELB%' then 'Elastic Load Balancing'
            when p.label = 'Key Management Service' then 'AWS Key Management Service'
            when p.label in ('S3', 'Simple Storage Service') then 'Amazon Simple Storage Service'
            when p.label = 'Relational Database Service' then 'Amazon Relational Database Service'
            when p.label = 'VPC' then 'Amazon Virtual Private Cloud'
            when s.service_name in ('Amazon ' || p.label, 'AWS ' || p.label) then s.service_name
            else p.label
        end

)

select * from final
