-- Azure cost details as FOCUS charges. Grain: one row a line of the amortized file, and one a commitment purchase or
-- refund of the actual file; where a billing period has one of the two files alone, one row a line of it.
with
raw_lines as (select * from raw),

units as (select * from stg_cost_details_units),

services as (select * from azure_services),

regions as (select * from stg_cost_details_regions),

resource_types as (select * from azure_resource_types),

-- the provider's words, brought to one spelling; a currency that is no ISO 4217 code is booked as none (XXX)
worded as (
    select
        *,
        coalesce(
            case when contains(billingaccountid, ':') then billingprofileid end, billingaccountid, lower(subscriptionid)
        ) as account_id,
        coalesce(billingperiodstartdate, date_trunc('month', date)::date) as period_start,
        coalesce(regexp_extract(upper(billingcurrency), '^([A-Z]{3})$', 1), '') as billing_code,
        coalesce(regexp_extract(upper(pricingcurrency), '^([A-Z]{3})$', 1), '') as pricing_code,
        regexp_replace(lower(coalesce(chargetype, 'usage')), '[^a-z]', '', 'g') as kind,
        lower(coalesce(resourceid, '')) as resource_key,
        lower(coalesce(
            benefitid, case when resourceid ilike '%/microsoft.capacity/reservationorders/%' then resourceid end
        )) as benefit_path,
        case when json_valid(additionalinfo) and json_type(additionalinfo) = 'OBJECT' then additionalinfo end as info,
        case
            when starts_with(trim(tags), '{') then tags
            when tags is not null then '{' || tags || '}'
        end as tags_json,
        md5(to_json([
            billingaccountid, billingprofileid, subscriptionid, invoiceid, billingperiodstartdate::varchar, date::varchar,
            chargetype, pricingmodel, frequency, resourceid, resourcelocation, productname, partnumber, productid, skuid,
            meterid, metercategory, metersubcategory, metername, unitofmeasure, reservationid, benefitid, publishername,
            quantity::varchar, unitprice::varchar, effectiveprice::varchar, costinbillingcurrency::varchar, billingcurrency,
            additionalinfo, tags
        ])::varchar) as content_id
    from raw_lines
),

-- of a reservation an old file names the id on usage and the order on fees; together they are one path
modelled as (
    select
        *,
        case
            when pricingmodel is not null then regexp_replace(lower(pricingmodel), '[^a-z]', '', 'g')
            when kind = 'unusedreservation' or reservationid is not null then 'reservation'
            when kind = 'unusedsavingsplan' or benefitid ilike '%/savingsplans/%' then 'savingsplan'
            else 'ondemand'
        end as model,
        lower(coalesce(
            nullif(regexp_extract(benefit_path, 'orders/([^/]+)', 1), ''),
            json_extract_string(info, '$.ReservationOrderId'),
            productorderid,
            case when kind in ('purchase', 'refund') then reservationid end
        )) as order_id,
        nullif(regexp_extract(benefit_path, '/(?:reservations|savingsplans)/([^/]+)', 1), '') as path_item,
        lower(reservationid) as reservation
    from worded
),

months as (
    select
        account_id,
        period_start,
        bool_or(x_role = 'amortized') as has_amortized,
        bool_or(x_role = 'either') as has_either
    from modelled
    group by account_id, period_start
),

-- a file without commitments ('either') beside the other of a pair is what that other one is not
kept as (
    select
        modelled.*,
        modelled.model in ('reservation', 'savingsplan') as is_committed,
        modelled.kind in ('unusedreservation', 'unusedsavingsplan') as is_unused,
        modelled.kind in ('usage', 'unusedreservation', 'unusedsavingsplan') as is_usage,
        modelled.kind in ('purchase', 'refund') and modelled.model in ('reservation', 'savingsplan') as is_fee,
        lower(coalesce(modelled.publishertype, '')) = 'marketplace' as is_marketplace,
        row_number() over (partition by modelled.content_id) as copy_number,
        coalesce(
            modelled.path_item,
            case
                when modelled.kind not in ('purchase', 'refund') or modelled.reservation <> modelled.order_id
                    then modelled.reservation
            end
        ) as item_id
    from modelled
    inner join months
        on
            modelled.account_id is not distinct from months.account_id
            and modelled.period_start is not distinct from months.period_start
    where
        modelled.x_role = 'amortized'
        or (modelled.x_role = 'either' and not months.has_amortized)
        or (modelled.x_role = 'actual' and not months.has_amortized and not months.has_either)
        or (
            modelled.x_role = 'actual'
            and modelled.kind in ('purchase', 'refund')
            and modelled.model in ('reservation', 'savingsplan')
        )
),

-- an order that the lines show with one reservation only is that reservation; one with several stays the order
orders as (
    select
        order_id,
        model,
        case when count(distinct item_id) = 1 then any_value(item_id) end as only_item
    from kept
    where is_committed and order_id is not null
    group by order_id, model
),

committed as (
    select
        kept.*,
        case
            when not kept.is_committed then null
            when kept.order_id is null then coalesce(kept.item_id, nullif(rtrim(kept.benefit_path, '/'), ''))
            else concat(
                if(
                    kept.model = 'savingsplan',
                    '/providers/microsoft.billingbenefits/savingsplanorders/',
                    '/providers/microsoft.capacity/reservationorders/'
                ),
                kept.order_id,
                if(kept.model = 'savingsplan', '/savingsplans/', '/reservations/')
                || coalesce(kept.item_id, orders.only_item)
            )
        end as benefit_key,
        coalesce(kept.order_id, kept.resource_key || ':' || coalesce(kept.partnumber, kept.meterid, kept.productname))
            as purchase_key
    from kept
    left join orders on kept.order_id = orders.order_id and kept.model = orders.model
),

-- purchases of a month: a refund of one of them is part of the same, still open bill
purchases as (
    select distinct
        account_id,
        period_start,
        purchase_key
    from committed
    where kind = 'purchase'
),

matched as (
    select
        measured.*,
        units.in_blocks,
        units.block,
        units.unit,
        coalesce(types.resource_type_name, nullif(measured.native_type, '')) as resource_type_name,
        coalesce(
            case when contains(lower(measured.metersubcategory), 'openai') then 'Azure OpenAI Service' end,
            case when by_meter.wins = 'true' then by_meter.service_name end,
            by_type.service_name,
            by_meter.service_name,
            measured.metercategory,
            'Unassigned'
        ) as service_name,
        regions.region_id,
        regions.region_name
    from (
        select
            *,
            lower(regexp_extract(resource_key, '.*/providers/([^/]+/[^/]+)', 1)) as native_type
        from committed
    ) as measured
    left join units on measured.unitofmeasure is not distinct from units.unitofmeasure
    left join services as by_type on by_type.match = 'type' and measured.native_type = by_type.key
    left join services as by_meter on by_meter.match = 'meter' and by_meter.key = lower(measured.metercategory)
    left join resource_types as types on measured.native_type = types.resource_type
    left join regions on measured.resourcelocation = regions.resourcelocation
),

service_categories as (
    select
        service_name,
        any_value(service_category) as service_category,
        any_value(service_subcategory) as service_subcategory,
        bool_or(ml_workload = 'true') as ml_workload
    from services
    group by service_name
),

costed as (
    select
        matched.*,
        coalesce(service_categories.service_category, 'Other') as service_category,
        coalesce(service_categories.service_subcategory, 'Other (Other)') as service_subcategory,
        coalesce(service_categories.ml_workload, false) as is_ml_service,
        case
            when matched.is_unused or (matched.kind = 'usage' and matched.is_committed) then 0
            else matched.costinbillingcurrency
        end as billed,
        case when matched.is_fee then 0 else matched.costinbillingcurrency end as effective,
        case
            when matched.pricing_code in ('', matched.billing_code) then 1
            else matched.exchangeratepricingtobilling
        end as rate,
        case
            when json_extract_string(matched.info, '$.ServiceType') similar to '(?i)(standard|basic)_.*'
                then json_extract_string(matched.info, '$.ServiceType')
        end as machine,
        -- reservations of provisioned throughput hold for one deployment type (Microsoft Learn, "Provisioned throughput unit
        -- (PTU) costs and billing")
        case
            when matched.metername ilike 'provisioned managed global unit%' then 'ptu:GlobalProvisionedManaged'
            when matched.metername ilike 'provisioned managed data zone unit%' then 'ptu:DataZoneProvisionedManaged'
            when matched.metername ilike 'provisioned managed%unit%' then 'ptu:ProvisionedManaged'
        end as capacity,
        lower(coalesce(json_extract_string(matched.info, '$.ImageType'), matched.serviceinfo2)) as image,
        try_cast(json_extract_string(matched.info, '$.VCPUs') as integer) as cores,
        try_cast(json_extract_string(matched.info, '$.RINormalizationRatio') as decimal(38, 12)) as flex_ratio,
        -- in whatever currency it is meant, it is the price where it gives the cost
        not matched.is_committed and matched.effectiveprice > 0
        and abs(matched.effectiveprice * matched.quantity - matched.costinbillingcurrency) <= 0.000001 as is_own_price,
        matched.kind = 'refund' and purchases.purchase_key is null as is_correction
    from matched
    left join service_categories on matched.service_name = service_categories.service_name
    left join purchases
        on
            matched.account_id is not distinct from purchases.account_id
            and matched.period_start = purchases.period_start
            and matched.purchase_key = purchases.purchase_key
            and matched.date >= matched.period_start
),

-- a price of zero on a line that costs something is a missing price: contracted falls back to the pay-as-you-go price where a
-- commitment covers the usage, else to the line's own cost; list to contracted
priced as (
    select
        *,
        (case
            when kind = 'tax' then null
            when unitprice > 0 then round(unitprice * rate, 12)
            when is_usage and is_committed and paygprice > 0 then round(paygprice * rate, 12)
            when is_own_price then effectiveprice
        end)::decimal(38, 12) as contracted_price,
        (case
            when kind = 'tax' then null
            when paygprice > 0 then round(paygprice * rate, 12)
            when unitprice > 0 then round(unitprice * rate, 12)
            when is_own_price then effectiveprice
        end)::decimal(38, 12) as list_price,
        case
            when machine is null then null
            when lower(coalesce(metersubcategory, '') || ' ' || coalesce(productname, '')) like '%windows%' then 'Windows'
            when image is null then null
            when contains(image, 'windows') or contains(image, 'microsoft') then 'Windows'
            else 'Linux'
        end as operating_system
    from costed
),

-- what FOCUS has a key for, then the provider's own with x_
detailed as (
    select
        *,
        case
            when info is not null or machine is not null then to_json(try(map_from_entries(list_concat(
                list_filter([
                    { 'k': 'CoreCount', 'v': case when machine is not null and cores > 0 then to_json(cores) end },
                    { 'k': 'InstanceSeries', 'v': case
                        when machine is not null
                            then to_json(nullif(regexp_extract(metersubcategory, '^([A-Za-z0-9/]+) Series', 1), ''))
                    end },
                    { 'k': 'InstanceType', 'v': to_json(machine) },
                    { 'k': 'OperatingSystem', 'v': to_json(operating_system) }
                ], lambda pair: pair.v is not null),
                list_transform(
                    list_filter(
                        map_entries(try_cast(info::json as map (varchar, json))),
                        lambda pair: pair.value is not null
                        and not (machine is not null and (pair.key = 'ServiceType' or (pair.key = 'VCPUs' and cores > 0)))
                    ),
                    lambda pair: { 'k': 'x_' || pair.key, 'v': pair.value }
                )
            ))))::varchar
        end as details
    from priced
),

final as (
    select
        availabilityzone as AvailabilityZone,
        billed as BilledCost,
        account_id as BillingAccountId,
        case
            when contains(coalesce(billingaccountid, ''), ':') then billingprofilename
            when billingaccountid is not null then billingaccountname else subscriptionname
        end as BillingAccountName,
        case
            when contains(coalesce(billingaccountid, ''), ':') then 'Billing Profile'
            when billingaccountid is not null then 'Billing Account' else 'Subscription'
        end as BillingAccountType,
        coalesce(nullif(billing_code, ''), 'XXX') as BillingCurrency,
        period_start::timestamptz as BillingPeriodStart,
        coalesce((billingperiodenddate + 1), (period_start + interval 1 month)::date)::timestamptz as BillingPeriodEnd,
        case
            when is_usage then 'Usage'
            when kind in ('purchase', 'refund') then 'Purchase'
            when kind = 'tax' then 'Tax'
            when kind = 'credit' then 'Credit'
            else 'Adjustment'
        end as ChargeCategory,
        case when is_correction then 'Correction' end as ChargeClass,
        coalesce(productname, productordername, metername) as ChargeDescription,
        case regexp_replace(lower(coalesce(frequency, '')), '[^a-z]', '', 'g')
            when 'onetime' then 'One-Time' when 'recurring' then 'Recurring' when 'usagebased' then 'Usage-Based'
            else case when is_usage then 'Usage-Based' else 'One-Time' end
        end as ChargeFrequency,
        date::timestamptz as ChargePeriodStart,
        (date + 1)::timestamptz as ChargePeriodEnd,
        case when benefit_key is not null then if(model = 'savingsplan', 'Spend', 'Usage') end as CommitmentDiscountCategory,
        benefit_key as CommitmentDiscountId,
        case when benefit_key is not null then coalesce(benefitname, reservationname) end as CommitmentDiscountName,
        case
            when benefit_key is null or is_correction then null
            when model = 'savingsplan' then (if(is_fee, billed, effective) / nullif(rate, 0))::decimal(38, 12)
            else (quantity * coalesce(flex_ratio, 1))::decimal(38, 12)
        end as CommitmentDiscountQuantity,
        case
            when benefit_key is null then null
            when is_unused then 'Unused'
            when is_usage then 'Used'
        end as CommitmentDiscountStatus,
        case when benefit_key is not null then if(model = 'savingsplan', 'Savings Plan', 'Reservation') end
            as CommitmentDiscountType,
        case
            when CommitmentDiscountQuantity is null then null
            when model = 'savingsplan' then coalesce(nullif(pricing_code, ''), nullif(billing_code, ''), 'XXX')
            when flex_ratio is not null then 'Normalized ' || unit
            else unit
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
            if(kind = 'tax', null, nullif(paygcostinbillingcurrency, 0)),
            (quantity * list_price)::decimal(38, 12),
            (quantity * contracted_price)::decimal(38, 12),
            costinbillingcurrency
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
        nullif(pricing_code, '') as PricingCurrency,
        if(pricing_code = '' or kind = 'tax' or unitprice <= 0, null, unitprice) as PricingCurrencyContractedUnitPrice,
        case
            when pricing_code = '' then null
            when is_fee then 0
            else coalesce(costinpricingcurrency, (costinbillingcurrency / nullif(rate, 0))::decimal(38, 12))
        end as PricingCurrencyEffectiveCost,
        if(pricing_code = '' or kind = 'tax' or paygprice <= 0, null, paygprice) as PricingCurrencyListUnitPrice,
        if(kind = 'tax', null, quantity) as PricingQuantity,
        if(kind = 'tax' or quantity is null, null, if(in_blocks and block > 1, block::bigint || ' ' || unit, unit))
            as PricingUnit,
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
        if(kind = 'tax' or SkuPriceId is null, null, details) as SkuPriceDetails,
        lower(subscriptionid) as SubAccountId,
        subscriptionname as SubAccountName,
        if(subscriptionid is null, null, 'Subscription') as SubAccountType,
        -- what is no JSON object is kept under one key
        case
            when tags_json is not null
                then coalesce(try_cast(try_cast(tags_json as json) as map (varchar, varchar)), map(['tags'], [tags]))
        end as Tags,
        'Microsoft Azure' as ServiceProviderName,
        'Microsoft Azure' as HostProviderName,
        chargetype as x_charge_type,
        coalesce(consumedservice, metercategory) as x_service_code,
        coalesce(machine, capacity) as x_instance_type,
        operating_system as x_operating_system,
        coalesce(is_ml_service or regexp_matches(lower(machine), '^standard_n[cdgv]'), is_ml_service) as x_ml_workload,
        coalesce(partnername, resellername, if(is_marketplace, publishername, 'Microsoft')) as x_invoicing_entity,
        content_id || if(copy_number > 1, '-' || copy_number, '') as x_line_id
    from detailed
)

select * from final
