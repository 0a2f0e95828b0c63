-- Azure cost details as FOCUS charges. Grain: one row a line of the amortized file, and one a commitment purchase or
-- refund of the actual file; where a billing period has one of the two files alone, one row a line of it.
with
raw_lines as (select * from raw),

services as (select * from azure_services),

regions as (select * from azure_regions),

resource_types as (select * from azure_resource_types),

regions_by_alias as (
    select
        lower(replace(alias, ' ', '')) as alias_key,
        any_value(region_id) as region_id,
        any_value(region_name) as region_name
    from (
        select region_id, region_name, region_id as alias from regions
        union all
        select region_id, region_name, region_name as alias from regions
        union all
        select region_id, region_name, unnest(string_split(aliases, '|')) as alias from regions
    )
    where alias <> ''
    group by 1
),

-- the provider's words, brought to one spelling
worded as (
    select
        *,
        row_number() over () as line_number,
        coalesce(
            case when contains(billingaccountid, ':') then billingprofileid end, billingaccountid, lower(subscriptionid)
        ) as account_id,
        coalesce(billingperiodstartdate, date_trunc('month', date)::date) as period_start,
        regexp_replace(lower(coalesce(chargetype, 'usage')), '[^a-z]', '', 'g') as kind,
        lower(coalesce(resourceid, '')) as resource_key,
        -- the purchase names its order alone: '…/reservationOrders/<order>/reservations/' without the last id
        lower(rtrim(coalesce(benefitid, reservationid), '/')) as benefit_key,
        case when json_valid(additionalinfo) then additionalinfo end as info,
        case when tags is null then null when starts_with(trim(tags), '{') then tags else '{' || tags || '}' end as tags_json,
        regexp_extract(
            trim(regexp_replace(coalesce(unitofmeasure, ''), '([0-9][KkMm])/', '\1 /')), '^(?i)(?:per\s+)?([0-9]+(?:\.[0-9]+)?)?\s*([km](?:\s|s?$))?\s*(.*)$',
            ['block', 'scale', 'rest']
        ) as measure
    from raw_lines
),

modelled as (
    select
        *,
        case
            when pricingmodel is not null then regexp_replace(lower(pricingmodel), '[^a-z]', '', 'g')
            when kind = 'unusedreservation' or reservationid is not null then 'reservation'
            when kind = 'unusedsavingsplan' or benefit_key like '%/savingsplans/%' then 'savingsplan'
            else 'ondemand'
        end as model,
        bool_or(x_role = 'amortized') over of_month as has_amortized,
        bool_or(x_role = 'either') over of_month as has_either
    from worded
    window of_month as (partition by account_id, period_start)
),

-- a file without commitments ('either') beside the other of a pair is what that other one is not
kept as (
    select
        *,
        model in ('reservation', 'savingsplan') as is_committed,
        kind in ('unusedreservation', 'unusedsavingsplan') as is_unused,
        kind in ('usage', 'unusedreservation', 'unusedsavingsplan') as is_usage,
        kind in ('purchase', 'refund') and model in ('reservation', 'savingsplan') as is_fee,
        lower(coalesce(publishertype, '')) = 'marketplace' as is_marketplace
    from modelled
    where
        x_role = 'amortized'
        or (x_role = 'either' and not has_amortized)
        or (x_role = 'actual' and not has_amortized and not has_either)
        or (x_role = 'actual' and kind in ('purchase', 'refund') and model in ('reservation', 'savingsplan'))
),

-- a block of '100 Hours' is counted in hours and priced by the hour; one of '10K' is counted and priced by the block
measured as (
    select
        *,
        coalesce(nullif(measure.block, '')::decimal(38, 12), 1)
        * case upper(left(measure.scale, 1)) when 'K' then 1000 when 'M' then 1000000 else 1 end as block,
        case
            when measure.rest = '' or lower(measure.rest) in ('unassigned', 'unit', 'units') then 'Units'
            when starts_with(measure.rest, '/') then 'Units/' || trim(measure.rest[2:])
            when lower(measure.rest) in ('hour', 'hours', 'hr', 'hrs', 'stunden', '小时') then 'Hours'
            when lower(replace(measure.rest, ' ', '')) = 'gb/month' then 'GB-Months'
            when lower(replace(measure.rest, ' ', '')) = 'gb/hour' then 'GB-Hours'
            when lower(measure.rest) in ('gb second', 'gb seconds') then 'GB-Seconds'
            when lower(measure.rest) = 'gb' then 'GB'
            when contains(measure.rest, '/') or regexp_matches(measure.rest, '(?i)(^|[^a-z])[kmgtp]i?b$|s$')
                then measure.rest
            else measure.rest || 's'
        end as unit
    from kept
),

matched as (
    select
        measured.*,
        coalesce(types.resource_type_name, nullif(measured.native_type, '')) as resource_type_name,
        coalesce(
            case when contains(lower(measured.metersubcategory), 'openai') then 'Azure OpenAI Service' end,
            case when by_meter.wins = 'true' then by_meter.service_name end,
            by_type.service_name,
            by_meter.service_name,
            measured.metercategory,
            'Unassigned'
        ) as service_name,
        regions_by_alias.region_id,
        regions_by_alias.region_name
    from (
        select *, lower(regexp_extract(resource_key, '.*/providers/([^/]+/[^/]+)', 1)) as native_type from measured
    ) as measured
    left join services as by_type on by_type.match = 'type' and by_type.key = measured.native_type
    left join services as by_meter on by_meter.match = 'meter' and by_meter.key = lower(measured.metercategory)
    left join resource_types as types on types.resource_type = measured.native_type
    left join regions_by_alias on regions_by_alias.alias_key = lower(replace(measured.resourcelocation, ' ', ''))
),

service_categories as (
    select
        service_name,
        any_value(service_category) as service_category,
        any_value(service_subcategory) as service_subcategory,
        bool_or(ml_workload = 'true') as ml_workload
    from services
    group by 1
),

costed as (
    select
        matched.*,
        coalesce(service_categories.service_category, 'Other') as service_category,
        coalesce(service_categories.service_subcategory, 'Other (Other)') as service_subcategory,
        coalesce(service_categories.ml_workload, false) as is_ml_service,
        case when is_unused or (kind = 'usage' and is_committed) then 0 else costinbillingcurrency end as billed,
        case when is_fee then 0 else costinbillingcurrency end as effective,
        case when pricingcurrency is null or pricingcurrency = billingcurrency then 1
            else exchangeratepricingtobilling end as rate,
        -- counted by the block when the measure says 10K or 1M, by the single unit otherwise
        measure.scale <> '' as in_blocks,
        case
            when json_extract_string(info, '$.ServiceType') ilike 'standard\_%' escape '\' then
                json_extract_string(info, '$.ServiceType')
            when json_extract_string(info, '$.ServiceType') ilike 'basic\_%' escape '\' then
                json_extract_string(info, '$.ServiceType')
        end as machine,
        lower(coalesce(json_extract_string(info, '$.ImageType'), serviceinfo2)) as image,
        try_cast(json_extract_string(info, '$.RINormalizationRatio') as decimal(38, 12)) as flex_ratio
    from matched
    left join service_categories using (service_name)
),

-- a price of zero on a line that costs something is a missing price: contracted falls back to the line's own cost,
-- list to contracted
priced as (
    select
        *,
        if(kind = 'tax', null, nullif(round(unitprice * rate, 12), 0))::decimal(38, 12) as contracted_price,
        if(kind = 'tax', null, round(coalesce(nullif(paygprice, 0), nullif(unitprice, 0)) * rate, 12))::decimal(38, 12)
            as list_price
    from costed
),

final as (
    select
        nullif(availabilityzone, '') as AvailabilityZone,
        billed as BilledCost,
        account_id as BillingAccountId,
        case when contains(coalesce(billingaccountid, ''), ':') then billingprofilename
            when billingaccountid is not null then billingaccountname else subscriptionname end as BillingAccountName,
        case when contains(coalesce(billingaccountid, ''), ':') then 'Billing Profile'
            when billingaccountid is not null then 'Billing Account' else 'Subscription' end as BillingAccountType,
        coalesce(upper(billingcurrency), 'XXX') as BillingCurrency,
        period_start::timestamptz as BillingPeriodStart,
        coalesce((billingperiodenddate + 1), (period_start + interval 1 month)::date)::timestamptz as BillingPeriodEnd,
        case
            when is_usage then 'Usage'
            when kind in ('purchase', 'refund') then 'Purchase'
            when kind = 'tax' then 'Tax'
            when kind = 'credit' then 'Credit'
            else 'Adjustment'
        end as ChargeCategory,
        case when kind = 'refund' then 'Correction' end as ChargeClass,
        coalesce(productname, productordername, metername) as ChargeDescription,
        case regexp_replace(lower(coalesce(frequency, '')), '[^a-z]', '', 'g')
            when 'onetime' then 'One-Time' when 'recurring' then 'Recurring' when 'usagebased' then 'Usage-Based'
            else case when is_usage then 'Usage-Based' else 'One-Time' end
        end as ChargeFrequency,
        date::timestamptz as ChargePeriodStart,
        (date + 1)::timestamptz as ChargePeriodEnd,
        case when is_committed then if(model = 'savingsplan', 'Spend', 'Usage') end as CommitmentDiscountCategory,
        case when is_committed then benefit_key end as CommitmentDiscountId,
        case when is_committed and benefit_key is not null then coalesce(benefitname, reservationname) end as CommitmentDiscountName,
        case when is_committed and benefit_key is not null then
            case when model = 'savingsplan' then (if(is_fee, billed, effective) / nullif(rate, 0))::decimal(38, 12)
                else (quantity * coalesce(flex_ratio, 1))::decimal(38, 12) end
        end as CommitmentDiscountQuantity,
        case when is_unused then 'Unused' when is_usage and is_committed and benefit_key is not null then 'Used' end
            as CommitmentDiscountStatus,
        case when is_committed and benefit_key is not null then if(model = 'savingsplan', 'Savings Plan', 'Reservation') end
            as CommitmentDiscountType,
        case when CommitmentDiscountQuantity is not null then
            case when model = 'savingsplan' then coalesce(upper(pricingcurrency), upper(billingcurrency), 'XXX')
                when flex_ratio is not null then 'Normalized ' || unit else unit end
        end as CommitmentDiscountUnit,
        case when kind = 'usage' then (quantity * if(in_blocks, block, 1))::decimal(38, 12) end as ConsumedQuantity,
        if(ConsumedQuantity is null, null, unit) as ConsumedUnit,
        coalesce((quantity * contracted_price)::decimal(38, 12), costinbillingcurrency) as ContractedCost,
        contracted_price as ContractedUnitPrice,
        effective as EffectiveCost,
        invoiceid as InvoiceId,
        case when is_marketplace then coalesce(publishername, 'Microsoft Marketplace') else 'Microsoft Azure' end
            as InvoiceIssuerName,
        coalesce(
            if(kind = 'tax', null, nullif(paygcostinbillingcurrency, 0)), (quantity * list_price)::decimal(38, 12), costinbillingcurrency
        ) as ListCost,
        list_price as ListUnitPrice,
        case
            when kind = 'tax' then null
            when kind in ('purchase', 'refund') then 'Standard'
            when is_committed then 'Committed'
            when model = 'spot' then 'Dynamic'
            when model = 'ondemand' then 'Standard'
            else 'Other'
        end as PricingCategory,
        upper(pricingcurrency) as PricingCurrency,
        if(pricingcurrency is null, null, unitprice) as PricingCurrencyContractedUnitPrice,
        case when pricingcurrency is null then null when is_fee then 0
            else coalesce(costinpricingcurrency, (costinbillingcurrency / nullif(rate, 0))::decimal(38, 12)) end
            as PricingCurrencyEffectiveCost,
        if(pricingcurrency is null, null, nullif(paygprice, 0)) as PricingCurrencyListUnitPrice,
        if(kind = 'tax', null, quantity) as PricingQuantity,
        if(kind = 'tax' or quantity is null, null, if(in_blocks and block > 1, block::bigint || ' ' || unit, unit)) as PricingUnit,
        'Microsoft Azure' as ProviderName,
        if(is_marketplace, coalesce(publishername, 'Microsoft Marketplace'), 'Microsoft') as PublisherName,
        region_id as RegionId,
        region_name as RegionName,
        nullif(resource_key, '') as ResourceId,
        if(resource_key = '', null, coalesce(resourcename, nullif(regexp_extract(resourceid, '([^/]+)/?$', 1), '')))
            as ResourceName,
        if(resource_key = '', null, resource_type_name) as ResourceType,
        service_category as ServiceCategory,
        service_name as ServiceName,
        service_subcategory as ServiceSubcategory,
        if(kind = 'tax', null, coalesce(productid, partnumber, meterid)) as SkuId,
        if(kind = 'tax', null, coalesce(productid || '_' || skuid || '_' || meterid, partnumber, meterid)) as SkuPriceId,
        if(kind = 'tax', null, metername) as SkuMeter,
        if(kind = 'tax' or SkuPriceId is null or json_type(info) <> 'OBJECT', null, 
            to_json(map_from_entries(list_transform(
                json_keys(info::json), lambda name: {'k': 'x_' || name, 'v': info::json -> name}
            )))::varchar
        ) as SkuPriceDetails,
        lower(subscriptionid) as SubAccountId,
        subscriptionname as SubAccountName,
        if(subscriptionid is null, null, 'Subscription') as SubAccountType,
        if(json_type(try_cast(tags_json as json)) = 'OBJECT', try_cast(try_cast(tags_json as json) as map(varchar, varchar)), null) as Tags,
        'Microsoft Azure' as ServiceProviderName,
        'Microsoft Azure' as HostProviderName,
        chargetype as x_charge_type,
        coalesce(consumedservice, metercategory) as x_service_code,
        machine as x_instance_type,
        case
            when machine is null then null
            when lower(coalesce(metersubcategory, '') || ' ' || coalesce(productname, '')) like '%windows%' then 'Windows'
            when image is null then null
            when contains(image, 'windows') or contains(image, 'microsoft') then 'Windows'
            else 'Linux'
        end as x_operating_system,
        coalesce(is_ml_service or regexp_matches(lower(machine), '^standard_n[cdgv]'), is_ml_service) as x_ml_workload,
        coalesce(partnername, resellername, if(is_marketplace, publishername, 'Microsoft')) as x_invoicing_entity,
        x_file || ':' || line_number as x_line_id
    from priced
)

select * from final
