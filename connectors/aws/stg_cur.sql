-- stg_cur: AWS Cost and Usage Report, legacy and 2.0, as FOCUS charges.
-- grain: one row a line item, except: SavingsPlanNegation rows and (where net columns are used) discount rows are gone;
--   fees with an unused part have a second row (x_line_id ends in ':unused'); what negation leaves over is an Adjustment row
--   (':residual').
-- invariant: sum(BilledCost) = sum(line_item_unblended_cost) per account, month and currency, to half a cent.
-- lookups: stg_cur_net (units of net columns), stg_cur_plan_hours, stg_cur_skus and stg_cur_tags (once a distinct key).
with lines as not materialized (

    select
        r.*,
        coalesce(r.line_item_line_item_type, 'Usage') as kind,
        coalesce(r.line_item_currency_code, 'USD') as currency,
        coalesce(r.bill_billing_period_start_date, date_trunc('month', r.line_item_usage_start_date)) as period_start,
        coalesce(r.line_item_line_item_type, '') like '%Discount' as is_discount,
        hash(
            r.line_item_product_code,
            r.product_sku,
            r.line_item_usage_type,
            r.line_item_operation,
            coalesce(r.product_region_code, r.product_region),
            r.pricing_unit
        ) as sku_key,
        hash(r.resource_tags, r.cost_category) as tag_key
    from raw as r

),

net_units as (

    select * from stg_cur_net
    where is_net

),

plan_hours as (

    select * from stg_cur_plan_hours

),

skus as (

    select * from stg_cur_skus

),

tag_sets as (

    select distinct on (tag_key) * from stg_cur_tags

),

resource_types as (

    select * from aws_resource_types

),

typed as not materialized (

    select
        l.*,
        n.payer is not null as is_net,
        case
            when n.payer is not null then coalesce(l.line_item_net_unblended_cost, l.line_item_unblended_cost)
            else l.line_item_unblended_cost
        end as cost,
        case
            when n.payer is not null
                then coalesce(l.savings_plan_net_savings_plan_effective_cost, l.savings_plan_savings_plan_effective_cost)
            else l.savings_plan_savings_plan_effective_cost
        end as plan_effective
    from lines as l
    left join net_units as n
        on l.bill_payer_account_id = n.payer and l.period_start = n.period and l.currency = n.currency

),

plan_fees as (

    select
        concat_ws('|', payer, plan, cast(starts_at as varchar)) as fee_key,
        sum(covered) as covered,
        sum(fee) as fee
    from plan_hours
    where fee is not null
    group by all

),

classed as not materialized (

    select
        t.*,
        t.kind in ('DiscountedUsage', 'SavingsPlanCoveredUsage') as is_covered,
        t.kind like 'SavingsPlan%' as is_plan,
        coalesce(
            t.savings_plan_savings_plan_a_r_n,
            t.reservation_reservation_a_r_n,
            case
                when t.kind in ('DiscountedUsage', 'RIFee') or t.kind like 'SavingsPlan%'
                    then t.bill_payer_account_id || '/unidentified'
            end
        ) as commitment,
        case
            when t.kind in ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') then 'Usage'
            when t.kind like '%Fee' then 'Purchase'
            when t.kind = 'Tax' then 'Tax'
            when t.kind = 'Refund' and t.line_item_usage_start_date < t.period_start
                then case
                    when t.reservation_reservation_a_r_n is null and t.savings_plan_savings_plan_a_r_n is null
                        then 'Usage'
                    else 'Purchase'
                end
            when t.kind in ('Credit', 'Refund') or t.is_discount then 'Credit'
            else 'Adjustment'
        end as category,
        t.kind = 'Refund' and t.line_item_usage_start_date < t.period_start as is_correction,
        coalesce(t.bill_billing_entity = 'AWS Marketplace', false) as is_marketplace,
        t.split_line_item_parent_resource_id is not null as is_split,
        case
            when t.kind = 'RIFee' and t.is_net
                then
                    coalesce(t.reservation_net_unused_recurring_fee, t.reservation_unused_recurring_fee, 0)
                    + coalesce(
                        t.reservation_net_unused_amortized_upfront_fee_for_billing_period,
                        t.reservation_unused_amortized_upfront_fee_for_billing_period,
                        0
                    )
            when t.kind = 'RIFee'
                then
                    coalesce(t.reservation_unused_recurring_fee, 0)
                    + coalesce(t.reservation_unused_amortized_upfront_fee_for_billing_period, 0)
            when t.kind = 'SavingsPlanRecurringFee'
                then greatest(
                    coalesce(
                        t.savings_plan_total_commitment_to_date,
                        t.savings_plan_amortized_upfront_commitment_for_billing_period
                        + t.savings_plan_recurring_commitment_for_billing_period,
                        t.line_item_unblended_cost
                    )
                    - coalesce(t.savings_plan_used_commitment, f.covered * t.cost / nullif(f.fee, 0), 0),
                    0
                ) * case
                    when t.is_net and t.line_item_unblended_cost <> 0
                        then cast(t.cost as double) / cast(t.line_item_unblended_cost as double)
                    else 1
                end
            else 0
        end as unused
    from typed as t
    left join plan_fees as f
        on f.fee_key = case
            when t.kind = 'SavingsPlanRecurringFee'
                then concat_ws(
                    '|',
                    t.bill_payer_account_id,
                    coalesce(t.savings_plan_savings_plan_a_r_n, ''),
                    cast(t.line_item_usage_start_date as varchar)
                )
        end
    where t.kind <> 'SavingsPlanNegation' and not (t.is_net and t.is_discount)

),

parts as (

    select
        false as has_unused,
        false as is_unused
    union all
    select
        true as has_unused,
        false as is_unused
    union all
    select
        true as has_unused,
        true as is_unused

),

priced as not materialized (

    select
        c.*,
        p.is_unused,
        c.category in ('Usage', 'Purchase') and not c.is_correction as is_priced,
        case
            when c.is_split then 0
            when p.is_unused and c.is_plan then 0
            when p.is_unused then coalesce(c.reservation_unused_quantity, 0)
            when c.category = 'Purchase' then coalesce(nullif(c.line_item_usage_amount, 0), 1)
            else coalesce(c.line_item_usage_amount, 0)
        end as quantity,
        case
            when p.is_unused or c.is_split then 0
            when not c.category = 'Usage' or c.is_correction then c.cost
            when coalesce(c.pricing_public_on_demand_cost, 0) <> 0 then c.pricing_public_on_demand_cost
            when c.pricing_public_on_demand_rate is not null
                then c.pricing_public_on_demand_rate * coalesce(c.line_item_usage_amount, 0)
            else c.cost
        end as list_cost,
        case
            when p.is_unused or c.is_split then 0
            when c.kind = 'DiscountedUsage' then coalesce(c.pricing_public_on_demand_cost, 0)
            else c.cost
        end as contracted_cost,
        case
            when p.is_unused then c.unused
            when c.is_split then 0
            when c.kind = 'SavingsPlanCoveredUsage' then coalesce(c.plan_effective, 0)
            when c.kind = 'DiscountedUsage' and c.is_net
                then coalesce(c.reservation_net_effective_cost, c.reservation_effective_cost, 0)
            when c.kind = 'DiscountedUsage' then coalesce(c.reservation_effective_cost, 0)
            when c.category = 'Purchase' and c.commitment is not null then 0
            else c.cost
        end as effective_cost,
        case when p.is_unused or c.kind = 'SavingsPlanCoveredUsage' then 0 else c.cost end as billed_cost
    from classed as c
    inner join parts as p
        on (c.unused > 0) = p.has_unused

),

charges as not materialized (

    select
        l.billed_cost as BilledCost,
        l.effective_cost as EffectiveCost,
        l.list_cost as ListCost,
        l.contracted_cost as ContractedCost,
        l.bill_payer_account_id as BillingAccountId,
        l.bill_payer_account_name as BillingAccountName,
        'Management Account' as BillingAccountType,
        l.currency as BillingCurrency,
        l.period_start as BillingPeriodStart,
        coalesce(l.bill_billing_period_end_date, l.period_start + interval 1 month) as BillingPeriodEnd,
        l.line_item_usage_start_date as ChargePeriodStart,
        -- fees end at 23:59:59, usage at the next full hour: FOCUS ends are exclusive
        case
            when date_part('second', l.line_item_usage_end_date) = 59 then l.line_item_usage_end_date + interval 1 second
            else l.line_item_usage_end_date
        end as ChargePeriodEnd,
        case when l.is_unused then 'Usage' else l.category end as ChargeCategory,
        case when l.is_correction then 'Correction' end as ChargeClass,
        l.line_item_line_item_description as ChargeDescription,
        case
            when l.is_unused or (l.category = 'Usage' and not l.is_correction) then 'Usage-Based'
            when l.kind in ('RIFee', 'SavingsPlanRecurringFee') then 'Recurring'
            when
                l.kind = 'Fee' and l.bill_bill_type = 'Anniversary' and l.commitment is null
                and l.line_item_usage_end_date >= l.line_item_usage_start_date + interval 27 days then 'Recurring'
            else 'One-Time'
        end as ChargeFrequency,
        l.bill_invoice_id as InvoiceId,
        case when l.is_marketplace then coalesce(l.bill_invoicing_entity, 'AWS') else 'AWS' end as InvoiceIssuerName,
        case when l.is_marketplace then coalesce(l.line_item_legal_entity, 'AWS Marketplace') else 'AWS' end as ProviderName,
        ProviderName as PublisherName,
        ProviderName as ServiceProviderName,
        'AWS' as HostProviderName,
        l.line_item_usage_account_id as SubAccountId,
        coalesce(l.line_item_usage_account_name, l.line_item_usage_account_id) as SubAccountName,
        case when l.line_item_usage_account_id is not null then 'Account' end as SubAccountType,
        s.service_name as ServiceName,
        s.service_category as ServiceCategory,
        s.service_subcategory as ServiceSubcategory,
        s.region_id as RegionId,
        s.region_name as RegionName,
        l.line_item_availability_zone as AvailabilityZone,
        coalesce(l.split_line_item_parent_resource_id, l.line_item_resource_id) as ResourceId,
        coalesce(
            tag_sets.resource_name,
            case
                when starts_with(l.line_item_resource_id, 'arn:')
                    then nullif(split_part(split_part(l.line_item_resource_id, ':', -1), '/', -1), '')
            end
        ) as resource_label,
        case when ResourceId is not null and not l.is_split then resource_label end as ResourceName,
        case
            when l.line_item_resource_id is null then null
            when l.line_item_product_code = 'AmazonS3' then 'AWS::S3::Bucket'
            when starts_with(l.line_item_resource_id, 'arn:')
                then
                    split_part(l.line_item_resource_id, ':', 3) || ':'
                    || split_part(split_part(l.line_item_resource_id, ':', 6), '/', 1)
            else split_part(l.line_item_resource_id, '-', 1)
        end as resource_key,
        case when l.category in ('Usage', 'Purchase') then coalesce(l.product_sku, l.line_item_product_code) end as SkuId,
        case
            when l.category in ('Usage', 'Purchase')
                -- a rate id alone is shared by several SKUs
                then coalesce(
                    l.pricing_rate_code,
                    l.product_sku || '.' || l.pricing_rate_id,
                    l.product_sku,
                    l.pricing_rate_id,
                    l.line_item_product_code
                )
        end as SkuPriceId,
        case when l.category in ('Usage', 'Purchase') then coalesce(l.line_item_usage_type, l.line_item_product_code) end
            as SkuMeter,
        case when l.category in ('Usage', 'Purchase') then s.price_details end as SkuPriceDetails,
        case when l.is_priced then l.quantity end as PricingQuantity,
        case
            when l.is_priced
                then coalesce(s.unit_name, case
                    when l.kind in ('RIFee', 'SavingsPlanRecurringFee') or s.machine is not null
                        then 'Hours'
                    else 'Units'
                end)
        end as PricingUnit,
        case
            when not l.is_priced then null
            when l.quantity <> 0 then cast(l.list_cost as double) / l.quantity
            else coalesce(l.pricing_public_on_demand_rate, 0)
        end as ListUnitPrice,
        case
            when not l.is_priced then null
            when l.quantity <> 0 then cast(l.contracted_cost as double) / l.quantity
            else coalesce(l.pricing_public_on_demand_rate, 0)
        end as ContractedUnitPrice,
        case
            when not l.is_priced then null
            when l.is_covered or l.is_unused then 'Committed'
            when l.line_item_usage_type like '%SpotUsage%' or l.pricing_purchase_option = 'Spot' then 'Dynamic'
            else 'Standard'
        end as PricingCategory,
        case when l.category = 'Usage' and not l.is_correction then l.quantity end as ConsumedQuantity,
        case when l.category = 'Usage' and not l.is_correction then PricingUnit end as ConsumedUnit,
        case when l.category in ('Usage', 'Purchase') then l.commitment end as CommitmentDiscountId,
        case
            when CommitmentDiscountId is not null
                then case when l.is_plan or l.savings_plan_savings_plan_a_r_n is not null then 'Spend' else 'Usage' end
        end as CommitmentDiscountCategory,
        case
            when CommitmentDiscountCategory = 'Spend' then 'Savings Plan'
            when CommitmentDiscountCategory = 'Usage' then 'Reserved Instance'
        end as CommitmentDiscountType,
        case when CommitmentDiscountId is null then null when l.is_unused then 'Unused' when l.is_covered then 'Used'
        end as CommitmentDiscountStatus,
        case
            when CommitmentDiscountId is null or l.is_correction then null
            when CommitmentDiscountCategory = 'Spend'
                then
                    case when l.is_unused then l.unused when l.category = 'Purchase' then l.cost else l.effective_cost end
            when l.is_unused then coalesce(l.reservation_unused_normalized_unit_quantity, l.reservation_unused_quantity, 0)
            else coalesce(l.line_item_normalized_usage_amount, l.quantity)
        end as CommitmentDiscountQuantity,
        case
            when CommitmentDiscountQuantity is null then null
            when CommitmentDiscountCategory = 'Spend' then l.currency
            when l.line_item_normalized_usage_amount is not null then 'Normalized Hours'
            else 'Hours'
        end as CommitmentDiscountUnit,
        l.capacity_reservation_capacity_reservation_arn as CapacityReservationId,
        case
            when CapacityReservationId is null or l.category <> 'Usage' then null
            when lower(l.capacity_reservation_capacity_reservation_status) like 'unused%' then 'Unused'
            else 'Used'
        end as CapacityReservationStatus,
        tag_sets.tags as Tags,
        tag_sets.x_tags_id,
        case when l.is_split then 'AWS split cost allocation data' end as AllocatedMethodId,
        case when l.is_split then l.line_item_resource_id end as AllocatedResourceId,
        case when l.is_split then resource_label end as AllocatedResourceName,
        case
            when l.is_split
                then cast(to_json({
                    'Elements': [{
                        'AllocatedRatio': l.split_line_item_split_usage_ratio, 'UsageUnit': s.unit_name,
                        'UsageQuantity': l.split_line_item_split_usage,
                        -- the pod's part of the machine's amortised cost, and of what no pod asked for
                        'x_SplitCost': case
                            when l.is_net then coalesce(l.split_line_item_net_split_cost, l.split_line_item_split_cost)
                            else l.split_line_item_split_cost
                        end,
                        'x_UnusedCost': case
                            when l.is_net then coalesce(l.split_line_item_net_unused_cost, l.split_line_item_unused_cost)
                            else l.split_line_item_unused_cost
                        end
                    }]
                }) as varchar)
        end as AllocatedMethodDetails,
        l.kind as x_charge_type,
        l.line_item_product_code as x_service_code,
        l.line_item_operation as x_operation,
        case when not l.is_split then s.machine end as x_instance_type,
        s.operating_system as x_operating_system,
        s.ml_workload as x_ml_workload,
        case when l.kind = 'Credit' then least(l.cost, 0) end as x_promotional_credit,
        coalesce(l.bill_invoicing_entity, l.line_item_legal_entity) as x_invoicing_entity,
        tag_sets.cost_categories as x_cost_categories,
        case when l.is_unused then coalesce(l.identity_line_item_id, '') || ':unused' else l.identity_line_item_id end
            as x_line_id,
        l.is_unused
    from priced as l
    left join skus as s
        on l.sku_key = s.sku_key
    left join tag_sets
        on l.tag_key = tag_sets.tag_key

),

identified as not materialized (

    select
        c.* exclude (resource_label, resource_key, is_unused)
        replace (
            case when not c.is_unused then c.ConsumedQuantity end as ConsumedQuantity,
            case when not c.is_unused then c.ConsumedUnit end as ConsumedUnit
        ),
        coalesce(resource_types.resource_type, case when c.resource_key like '%:%' then c.resource_key end) as ResourceType
    from charges as c
    left join resource_types
        on c.resource_key = resource_types.key

),

-- Rounding (below a millionth) is one row a month; a real difference is shown in its hour.
residuals as (

    select
        payer,
        period,
        currency,
        plan,
        any_value(invoice_id) as invoice_id,
        sum(residual) as residual,
        case when abs(residual) >= 0.000001 then starts_at else period end as starts,
        max(case when abs(residual) >= 0.000001 then ends_at else period + interval 1 month end) as ends
    from (
        select * from plan_hours
        where residual <> 0
    ) as hours
    group by payer, period, currency, plan, starts
    having sum(residual) <> 0

),

adjustments as (

    select
        residual as BilledCost,
        -- the covered lines carry the effective, list and contracted cost of this usage already
        0 as EffectiveCost,
        0 as ListCost,
        0 as ContractedCost,
        payer as BillingAccountId,
        'Management Account' as BillingAccountType,
        currency as BillingCurrency,
        period as BillingPeriodStart,
        period + interval 1 month as BillingPeriodEnd,
        starts as ChargePeriodStart,
        ends as ChargePeriodEnd,
        'Adjustment' as ChargeCategory,
        'Savings plan: on-demand cost of covered usage that no negation line cancels' as ChargeDescription,
        'One-Time' as ChargeFrequency,
        invoice_id as InvoiceId,
        'AWS' as InvoiceIssuerName,
        'AWS' as ProviderName,
        'AWS' as PublisherName,
        'AWS' as ServiceProviderName,
        'AWS' as HostProviderName,
        'Savings Plans' as ServiceName,
        'Compute' as ServiceCategory,
        'Other (Compute)' as ServiceSubcategory,
        'SavingsPlanNegation' as x_charge_type,
        false as x_ml_workload,
        concat_ws(':', payer, plan, strftime(starts, '%Y-%m-%dT%H'), 'residual') as x_line_id
    from residuals

),

final as (

    select * from identified
    union all by name
    select * from adjustments

)

select * from final
