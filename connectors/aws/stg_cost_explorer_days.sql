-- stg_cost_explorer_days: Cost Explorer by service, day and kind of charge as FOCUS charges; coarse: costs alone.
-- grain: one row a service, day and kind of charge. Negations of savings plans stay too: they cancel what is covered.
with lines as (

    select
        *,
        lower(regexp_replace(record_type, '[^A-Za-z]', '', 'g')) as kind
    from raw

),

services as (

    select distinct
        service_name,
        service_category,
        service_subcategory,
        ml_workload
    from aws_services

),

kinds as (

    select
        *,
        case
            when kind = 'tax' then 'Tax'
            when kind in ('credit', 'refund') or kind like '%discount' then 'Credit'
            when kind in ('upfront', 'fee', 'recurring', 'rifee') or kind like 'savingsplan%fee' then 'Purchase'
            when kind = 'savingsplannegation' then 'Adjustment'
            else 'Usage'
        end as category
    from lines

),

final as (

    select
        cast(k.unblended_cost as decimal(38, 12)) as BilledCost,
        cast(k.net_amortized_cost as decimal(38, 12)) as EffectiveCost,
        cast(k.unblended_cost as decimal(38, 12)) as ListCost,
        cast(k.unblended_cost as decimal(38, 12)) as ContractedCost,
        k.account_id as BillingAccountId,
        'Management Account' as BillingAccountType,
        k.currency as BillingCurrency,
        cast(date_trunc('month', k.charge_date) as timestamptz) as BillingPeriodStart,
        cast(date_trunc('month', k.charge_date) + interval 1 month as timestamptz) as BillingPeriodEnd,
        cast(k.charge_date as timestamptz) as ChargePeriodStart,
        cast(k.charge_date + interval 1 day as timestamptz) as ChargePeriodEnd,
        k.category as ChargeCategory,
        'Cost Explorer: ' || k.service || ', ' || k.record_type as ChargeDescription,
        case
            when k.category = 'Usage' then 'Usage-Based'
            when k.kind in ('recurring', 'rifee', 'savingsplanrecurringfee') then 'Recurring'
            else 'One-Time'
        end as ChargeFrequency,
        'AWS' as InvoiceIssuerName,
        'AWS' as ProviderName,
        'AWS' as PublisherName,
        'AWS' as ServiceProviderName,
        'AWS' as HostProviderName,
        coalesce(s.service_name, k.service) as ServiceName,
        coalesce(s.service_category, 'Other') as ServiceCategory,
        coalesce(s.service_subcategory, 'Other (Other)') as ServiceSubcategory,
        case when k.category in ('Usage', 'Purchase') then 'Standard' end as PricingCategory,
        k.record_type as x_charge_type,
        k.service as x_service_code,
        coalesce(s.ml_workload = 'true', false) as x_ml_workload,
        concat_ws(':', k.account_id, cast(k.charge_date as varchar), k.service, k.record_type) as x_line_id
    from kinds as k
    left join services as s
        on s.service_name = case
            when k.service like 'Amazon Elastic Compute Cloud%' then 'Amazon Elastic Compute Cloud'
            when k.service = 'EC2 - Other' then 'Amazon Elastic Block Store'
            when s.service_name in ('Amazon ' || k.service, 'AWS ' || k.service) then s.service_name
            else k.service
        end

)

select * from final
