-- stg_cur: AWS Cost and Usage Report, legacy and 2.0, as FOCUS charges.
-- grain: one row a line item, except: SavingsPlanNegation rows and (where net columns are used) discount rows are gone;
--   fees with an unused part have a second row (x_line_id ends in ':unused'); what negation leaves over is an Adjustment row.
-- invariant: sum(BilledCost) = sum(line_item_unblended_cost) per account, month and currency, to half a cent.
with lines as not materialized (

    select
        *,
        coalesce(line_item_line_item_type, 'Usage') as kind,
        coalesce(line_item_currency_code, 'USD') as currency,
        coalesce(bill_billing_period_start_date, date_trunc('month', line_item_usage_start_date)) as period_start,
        coalesce(product_region_code, product_region) as region_code,
        kind like '%Discount' as is_discount
    from raw

),

services as (

    select * from aws_services

),

regions as (

    select * from aws_regions

),

units as (

    select * from aws_units

),

resource_types as (

    select * from aws_resource_types

),

-- Net columns or discount rows, never both: net ones only where they say the same total as the bill (half a cent).
bases as (

    select
        bill_payer_account_id as payer,
        period_start as period,
        currency,
        count(line_item_net_unblended_cost) > 0
        and abs(
            coalesce(sum(coalesce(line_item_net_unblended_cost, line_item_unblended_cost)) filter (not is_discount), 0)
            - sum(line_item_unblended_cost)
        ) <= 0.005 as is_net
    from lines
    group by all

),

typed as not materialized (

    select
        lines.*,
        bases.is_net,
        case when bases.is_net then coalesce(lines.line_item_net_unblended_cost, lines.line_item_unblended_cost)
            else lines.line_item_unblended_cost
        end as cost,
        case when bases.is_net
            then coalesce(lines.savings_plan_net_savings_plan_effective_cost, lines.savings_plan_savings_plan_effective_cost)
            else lines.savings_plan_savings_plan_effective_cost
        end as plan_effective
    from lines
    inner join bases
        on lines.bill_payer_account_id = bases.payer and lines.period_start = bases.period and lines.currency = bases.currency

),

-- What each savings plan covered each hour, and whether its negation rows cancel the on-demand cost of that.
plan_hours as (

    select
        bill_payer_account_id as payer,
        period_start as period,
        currency,
        coalesce(savings_plan_savings_plan_a_r_n, '') as plan,
        line_item_usage_start_date as starts_at,
        max(line_item_usage_end_date) as ends_at,
        any_value(bill_invoice_id) as invoice_id,
        coalesce(sum(cost) filter (kind <> 'SavingsPlanRecurringFee'), 0) as residual,
        coalesce(sum(plan_effective) filter (kind = 'SavingsPlanCoveredUsage'), 0) as covered,
        sum(cost) filter (kind = 'SavingsPlanRecurringFee') as fee
    from typed
    where kind in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'SavingsPlanRecurringFee')
    group by all

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

-- Everything that a line says about what was bought, once a distinct key.
keys as (

    select
        line_item_product_code as code,
        product_sku as sku,
        line_item_usage_type as usage_type,
        line_item_operation as operation,
        region_code as region,
        pricing_unit as unit,
        any_value(product) as product,
        any_value(product_product_name) as product_name,
        any_value(product_servicename) as servicename,
        any_value(product_product_family) as family,
        any_value(product_location) as location,
        any_value(product_from_location) as from_location,
        any_value(product_from_region_code) as from_region,
        any_value(product_instance_type) as instance_type,
        any_value(product_instance_family) as instance_family,
        any_value(product_vcpu) as vcpu,
        any_value(product_memory) as memory,
        any_value(product_operating_system) as operating_system,
        any_value(product_pre_installed_sw) as pre_installed_sw,
        any_value(product_license_model) as license_model,
        any_value(product_tenancy) as tenancy,
        any_value(product_capacitystatus) as capacitystatus,
        any_value(product_physical_processor) as physical_processor,
        any_value(product_processor_architecture) as processor_architecture,
        any_value(product_network_performance) as network_performance,
        any_value(product_storage) as storage,
        any_value(product_gpu) as gpu,
        any_value(product_gpu_memory) as gpu_memory,
        any_value(product_database_engine) as database_engine,
        any_value(product_deployment_option) as deployment_option,
        any_value(product_storage_class) as storage_class,
        any_value(product_volume_api_name) as volume_api_name,
        any_value(product_volume_type) as volume_type,
        any_value(product_max_iopsvolume) as max_iopsvolume,
        any_value(product_max_throughputvolume) as max_throughputvolume,
        any_value(product_transfer_type) as transfer_type,
        any_value(product_group) as product_group,
        any_value(product_normalization_size_factor) as normalization_size_factor
    from lines
    group by all

),

attributed as (

    select
        code,
        sku,
        usage_type,
        operation,
        region,
        unit,
        coalesce(product_name, product['product_name'], servicename, product['servicename']) as product_name,
        coalesce(family, product['product_family'], '') as family,
        coalesce(
            region, product['region_code'], product['region'], from_region, product['from_region_code']
        ) as region_id,
        coalesce(location, product['location'], from_location, product['from_location']) as location,
        coalesce(operating_system, product['operating_system']) as operating_system,
        nullif(regexp_extract(usage_type, ':((?:[a-z]+\.)?[a-z][a-z0-9-]*\.[a-z0-9-]+)(?:-[A-Z][A-Za-z]*)?$', 1), '') as metered_type,
        nullif(regexp_replace(coalesce(instance_type, product['instance_type']), '-[A-Z].*$', ''), '') as listed_type,
        map_concat(
            map_from_entries(
                list_filter(
                    [
                        {'k': 'instance_type', 'v': instance_type},
                        {'k': 'instance_family', 'v': instance_family},
                        {'k': 'vcpu', 'v': vcpu},
                        {'k': 'memory', 'v': memory},
                        {'k': 'operating_system', 'v': operating_system},
                        {'k': 'pre_installed_sw', 'v': pre_installed_sw},
                        {'k': 'license_model', 'v': license_model},
                        {'k': 'tenancy', 'v': tenancy},
                        {'k': 'capacitystatus', 'v': capacitystatus},
                        {'k': 'physical_processor', 'v': physical_processor},
                        {'k': 'processor_architecture', 'v': processor_architecture},
                        {'k': 'network_performance', 'v': network_performance},
                        {'k': 'storage', 'v': storage},
                        {'k': 'gpu', 'v': gpu},
                        {'k': 'gpu_memory', 'v': gpu_memory},
                        {'k': 'database_engine', 'v': database_engine},
                        {'k': 'deployment_option', 'v': deployment_option},
                        {'k': 'storage_class', 'v': storage_class},
                        {'k': 'volume_api_name', 'v': volume_api_name},
                        {'k': 'volume_type', 'v': volume_type},
                        {'k': 'max_iopsvolume', 'v': max_iopsvolume},
                        {'k': 'max_throughputvolume', 'v': max_throughputvolume},
                        {'k': 'transfer_type', 'v': transfer_type},
                        {'k': 'group', 'v': product_group},
                        {'k': 'normalization_size_factor', 'v': normalization_size_factor}
                    ],
                    lambda p: p.v is not null
                )
            ),
            coalesce(product, map([]::varchar[], []::varchar[]))
        ) as attributes
    from keys

),

details as (

    select
        *,
        list_filter(
            list_transform(
                map_entries(attributes),
                lambda e: {
                    'k': case e.key
                        when 'instance_type' then 'InstanceType'
                        when 'instance_family' then 'InstanceSeries'
                        when 'vcpu' then 'CoreCount'
                        when 'memory' then 'MemorySize'
                        when 'operating_system' then 'OperatingSystem'
                        when 'storage_class' then 'StorageClass'
                        when 'volume_api_name' then 'DiskType'
                        when 'max_iopsvolume' then 'DiskMaxIops'
                        when 'gpu' then 'GpuCount'
                        else 'x_' || e.key
                    end,
                    'v': case when e.key in ('vcpu', 'gpu', 'memory', 'max_iopsvolume')
                        then to_json(try_cast(replace(replace(e.value, ' GiB', ''), ',', '') as double))
                        else to_json(e.value)
                    end
                }
            ),
            lambda p: p.v is not null and p.v <> 'null' and p.v <> '""'
        ) as entries
    from attributed

),

skus as (

    select
        d.code,
        d.sku,
        d.usage_type,
        d.operation,
        d.region,
        d.unit,
        coalesce(exact.service_name, whole.service_name, named.service_name, d.product_name, d.code, 'Unknown') as service_name,
        coalesce(exact.service_category, whole.service_category, named.service_category, 'Other') as service_category,
        coalesce(exact.service_subcategory, whole.service_subcategory, named.service_subcategory, 'Other (Other)')
            as service_subcategory,
        coalesce(regions.region_id, d.region_id) as region_id,
        coalesce(regions.region_name, d.location, d.region_id) as region_name,
        case when d.operating_system = 'NA' then null else d.operating_system end as operating_system,
        case when not regexp_matches(coalesce(d.usage_type, ''), 'EBSOptimized|CPUCredits|DataTransfer|-Bytes')
            then coalesce(d.metered_type, case when d.listed_type like '%.%' then d.listed_type end)
        end as machine,
        coalesce(coalesce(exact.ml_workload, whole.ml_workload, named.ml_workload) = 'true', false)
        or coalesce(
            regexp_matches(coalesce(d.metered_type, d.listed_type), '^(ml\..*|(p|g|gr|inf|trn|dl)[0-9][a-z0-9-]*\..*)$'), false
        ) as ml_workload,
        coalesce(
            units.focus_unit,
            case when regexp_full_match(
                d.unit,
                '([0-9]+ )?[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*'
                || '|[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*(-(Months|Days|Hours|Minutes|Seconds)|/(Month|Day|Hour|Minute|Second))'
            ) then d.unit end,
            nullif(trim(regexp_replace(regexp_replace(d.unit, '^([0-9]+)([A-Za-z])', '\1 \2'), '[^A-Za-z0-9]+', ' ', 'g')), '')
        ) as unit_name,
        case when len(d.entries) > 0 then cast(to_json(map_from_entries(d.entries)) as varchar) end as price_details
    from details as d
    left join services as exact
        on lower(d.code) = lower(exact.service_code) and d.family = exact.product_family and exact.product_family is not null
    left join services as whole
        on lower(d.code) = lower(whole.service_code) and coalesce(whole.product_family, '') = ''
    left join (select distinct service_name, service_category, service_subcategory, ml_workload from services) as named
        on d.product_name = named.service_name
    left join regions
        on regions.region_id = coalesce(
            d.region_id,
            (select min(r.region_id) from regions as r where r.region_name = d.location or r.old_name = d.location),
            (select min(r.region_id) from regions as r where r.usage_prefix = split_part(d.usage_type, '-', 1))
        )
    left join units
        on d.unit = units.pricing_unit

),

-- User-defined keys without prefix, the provider's own as 'aws:…', once a distinct set.
tag_sets as (

    select
        resource_tags,
        cost_category,
        map_from_entries(
            list_distinct(
                list_transform(
                    list_filter(map_entries(resource_tags), lambda e: e.value is not null and e.value <> ''),
                    lambda e: {
                        'k': regexp_replace(regexp_replace(e.key, '^user[:_]', ''), '^aws[:_]', 'aws:'),
                        'v': e.value
                    }
                )
            )
        ) as tags,
        case when cardinality(cost_category) > 0 then cast(to_json(cost_category) as varchar) end as cost_categories
    from (select distinct resource_tags, cost_category from lines)

),

classed as not materialized (

    select
        t.*,
        t.kind in ('DiscountedUsage', 'SavingsPlanCoveredUsage') as is_covered,
        t.kind like 'SavingsPlan%' as is_plan,
        coalesce(
            t.savings_plan_savings_plan_a_r_n,
            t.reservation_reservation_a_r_n,
            case when t.kind in ('DiscountedUsage', 'RIFee') or t.kind like 'SavingsPlan%'
                then t.bill_payer_account_id || '/unidentified'
            end
        ) as commitment,
        case
            when t.kind in ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') then 'Usage'
            when t.kind like '%Fee' then 'Purchase'
            when t.kind = 'Tax' then 'Tax'
            when t.kind = 'Refund' and t.line_item_usage_start_date < t.period_start
                then case when t.reservation_reservation_a_r_n is null and t.savings_plan_savings_plan_a_r_n is null
                    then 'Usage' else 'Purchase' end
            when t.kind in ('Credit', 'Refund') or t.is_discount then 'Credit'
            else 'Adjustment'
        end as category,
        t.kind = 'Refund' and t.line_item_usage_start_date < t.period_start as is_correction,
        coalesce(t.bill_billing_entity = 'AWS Marketplace', false) as is_marketplace,
        t.split_line_item_parent_resource_id is not null as is_split,
        case
            when t.kind = 'RIFee' and t.is_net
                then coalesce(t.reservation_net_unused_recurring_fee, t.reservation_unused_recurring_fee, 0)
                + coalesce(
                    t.reservation_net_unused_amortized_upfront_fee_for_billing_period,
                    t.reservation_unused_amortized_upfront_fee_for_billing_period,
                    0
                )
            when t.kind = 'RIFee'
                then coalesce(t.reservation_unused_recurring_fee, 0)
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
                ) * case when t.is_net and t.line_item_unblended_cost <> 0
                    then cast(t.cost as double) / cast(t.line_item_unblended_cost as double) else 1 end
            else 0
        end as unused
    from typed as t
    left join plan_fees as f
        on f.fee_key = case when t.kind = 'SavingsPlanRecurringFee'
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

    select * from (values (false, false), (true, false), (true, true)) as p (has_unused, is_unused)

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
        case when date_part('second', l.line_item_usage_end_date) = 59 then l.line_item_usage_end_date + interval 1 second
            else l.line_item_usage_end_date
        end as ChargePeriodEnd,
        case when l.is_unused then 'Usage' else l.category end as ChargeCategory,
        case when l.is_correction then 'Correction' end as ChargeClass,
        l.line_item_line_item_description as ChargeDescription,
        case
            when l.is_unused or (l.category = 'Usage' and not l.is_correction) then 'Usage-Based'
            when l.kind in ('RIFee', 'SavingsPlanRecurringFee') then 'Recurring'
            when l.kind = 'Fee' and l.bill_bill_type = 'Anniversary' and l.commitment is null
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
            tag_sets.tags['Name'],
            tag_sets.tags['name'],
            case when starts_with(l.line_item_resource_id, 'arn:')
                then nullif(split_part(split_part(l.line_item_resource_id, ':', -1), '/', -1), '')
            end
        ) as resource_label,
        case when ResourceId is not null and not l.is_split then resource_label end as ResourceName,
        case
            when l.line_item_resource_id is null then null
            when l.line_item_product_code = 'AmazonS3' then 'AWS::S3::Bucket'
            when starts_with(l.line_item_resource_id, 'arn:')
                then split_part(l.line_item_resource_id, ':', 3) || ':'
                || split_part(split_part(l.line_item_resource_id, ':', 6), '/', 1)
            else split_part(l.line_item_resource_id, '-', 1)
        end as resource_key,
        case when l.category in ('Usage', 'Purchase') then coalesce(l.product_sku, l.line_item_product_code) end as SkuId,
        case when l.category in ('Usage', 'Purchase')
            -- a rate id alone is shared by several SKUs
            then coalesce(
                l.pricing_rate_code, l.product_sku || '.' || l.pricing_rate_id, l.product_sku, l.pricing_rate_id, l.line_item_product_code
            )
        end as SkuPriceId,
        case when l.category in ('Usage', 'Purchase') then coalesce(l.line_item_usage_type, l.line_item_product_code) end as SkuMeter,
        case when l.category in ('Usage', 'Purchase') then s.price_details end as SkuPriceDetails,
        case when l.is_priced then l.quantity end as PricingQuantity,
        case when l.is_priced
            then coalesce(s.unit_name, case when l.kind in ('RIFee', 'SavingsPlanRecurringFee') or s.machine is not null
                then 'Hours' else 'Units' end)
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
        case when CommitmentDiscountId is not null
            then case when l.is_plan or l.savings_plan_savings_plan_a_r_n is not null then 'Spend' else 'Usage' end
        end as CommitmentDiscountCategory,
        case when CommitmentDiscountCategory = 'Spend' then 'Savings Plan'
            when CommitmentDiscountCategory = 'Usage' then 'Reserved Instance'
        end as CommitmentDiscountType,
        case when CommitmentDiscountId is null then null when l.is_unused then 'Unused' when l.is_covered then 'Used'
        end as CommitmentDiscountStatus,
        case
            when CommitmentDiscountId is null or l.is_correction then null
            when CommitmentDiscountCategory = 'Spend' then
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
        case when CapacityReservationId is null or l.category <> 'Usage' then null
            when lower(l.capacity_reservation_capacity_reservation_status) like 'unused%' then 'Unused'
            else 'Used'
        end as CapacityReservationStatus,
        tag_sets.tags as Tags,
        case when l.is_split then 'AWS split cost allocation data' end as AllocatedMethodId,
        case when l.is_split then l.line_item_resource_id end as AllocatedResourceId,
        case when l.is_split then resource_label end as AllocatedResourceName,
        case when l.is_split
            then cast(to_json({
                'Elements': [{
                    'AllocatedRatio': l.split_line_item_split_usage_ratio, 'UsageUnit': s.unit_name,
                    'UsageQuantity': l.split_line_item_split_usage
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
        case when l.is_unused then l.identity_line_item_id || ':unused' else l.identity_line_item_id end as x_line_id,
        l.is_unused
    from priced as l
    left join skus as s
        on l.line_item_product_code is not distinct from s.code
        and l.product_sku is not distinct from s.sku
        and l.line_item_usage_type is not distinct from s.usage_type
        and l.line_item_operation is not distinct from s.operation
        and l.region_code is not distinct from s.region
        and l.pricing_unit is not distinct from s.unit
    left join tag_sets
        on l.resource_tags is not distinct from tag_sets.resource_tags
        and l.cost_category is not distinct from tag_sets.cost_category

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
    from (select * from plan_hours where residual <> 0)
    group by payer, period, currency, plan, starts
    having sum(residual) <> 0

),

adjustments as (

    select
        residual as BilledCost,
        residual as EffectiveCost,
        residual as ListCost,
        residual as ContractedCost,
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
