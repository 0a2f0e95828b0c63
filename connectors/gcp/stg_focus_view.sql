-- stg_focus_view: the output of Google's published FOCUS view as charges, its known defects repaired.
-- grain: one row a row of the view.
with raw as (

    select * from raw

),

services as (

    select * from gcp_services

),

repaired as (

    select
        raw.*,
        upper("ChargeCategory"[1]) || lower("ChargeCategory"[2:]) as category,
        "BillingPeriodStart" at time zone 'America/Los_Angeles' as pacific_start,
        services.category as known_category,
        services.subcategory as known_subcategory,
        services.ml_workload = 'true' as is_ml,
        list_transform(
            coalesce(json_extract("Tags", '$[*]'), []), lambda t: coalesce(json_extract(t, '$.element'), t)
        ) as tag_items,
        list_sum(list_transform(
            list_filter(
                coalesce(json_extract("x_Credits", '$[*]'), []),
                lambda c: coalesce(json_extract_string(c, '$.Type'), json_extract_string(c, '$.element.Type')) = 'PROMOTION'
            ),
            lambda c: coalesce(json_extract_string(c, '$.Amount'), json_extract_string(c, '$.element.Amount'))::decimal(38, 12)
        )) as promotional
    from raw
    left join services
        on
            regexp_replace(regexp_replace(lower("ServiceName"), '^(google )?(cloud )?', ''), ' api$', '')
            = services.service_key

),

tagged as (

    select
        *,
        list_transform(
            list_filter(tag_items, lambda t: json_extract_string(t, '$.key') is not null),
            lambda t: struct_pack(
                k := case when json_extract_string(t, '$.x_type') = 'system_label' then 'x_system/' else '' end
                || json_extract_string(t, '$.key'),
                v := coalesce(json_extract_string(t, '$.value'), ''),
                rank := list_position(['label', 'tag', 'project_label', 'system_label'], json_extract_string(t, '$.x_type'))
            )
        ) as unsorted
    from repaired

),

sorted as (

    select
        *,
        list_concat(
            list_filter(unsorted, lambda p: p.rank = 1),
            list_filter(unsorted, lambda p: p.rank = 2),
            list_filter(unsorted, lambda p: p.rank is null or p.rank > 2)
        ) as pairs
    from tagged

),

final as (

    select
        * exclude (
            "Tags", "ChargeCategory", "ChargeClass", "ChargeFrequency", "PricingCategory", "BillingPeriodEnd", "SubAccountId",
            "SubAccountName", "ServiceCategory", "ServiceSubcategory", "ListCost", "ContractedCost", "EffectiveCost",
            "RegionName", "PricingUnit", "ConsumedQuantity", "ConsumedUnit", "InvoiceIssuerName", "PublisherName",
            "ProviderName", "BillingAccountType", "x_Credits", "x_CostType", "x_CurrencyConversionRate", "x_ServiceId",
            "x_Project.id", "x_Project.name", category, pacific_start, known_category, known_subcategory, is_ml, tag_items,
            promotional, unsorted, pairs, x_file
        ),
        case when category in ('Usage', 'Tax', 'Adjustment', 'Credit', 'Purchase') then category else 'Adjustment' end
            as "ChargeCategory",
        case when lower("ChargeClass") = 'correction' and "ChargePeriodStart" < "BillingPeriodStart" then 'Correction' end
            as "ChargeClass",
        coalesce("ChargeFrequency", case when category = 'Usage' then 'Usage-Based' else 'One-Time' end) as "ChargeFrequency",
        upper("PricingCategory"[1]) || lower("PricingCategory"[2:]) as "PricingCategory",
        (pacific_start + interval 1 month) at time zone 'America/Los_Angeles' as "BillingPeriodEnd",
        coalesce("x_Project.id", nullif("SubAccountId", "BillingAccountId")) as "SubAccountId",
        case when coalesce("x_Project.id", nullif("SubAccountId", "BillingAccountId")) is not null
            then coalesce("x_Project.name", "SubAccountName", "x_Project.id", "SubAccountId") end as "SubAccountName",
        coalesce(known_category, 'Other') as "ServiceCategory",
        coalesce(known_subcategory, 'Other (Other)') as "ServiceSubcategory",
        coalesce("ListCost", "ContractedCost", "BilledCost") as "ListCost",
        coalesce("ContractedCost", "BilledCost") as "ContractedCost",
        coalesce("EffectiveCost", "BilledCost") as "EffectiveCost",
        case when "RegionId" is not null then coalesce("RegionName", "RegionId") end as "RegionName",
        case when "PricingQuantity" is not null then "PricingUnit" end as "PricingUnit",
        case when category = 'Usage' then "ConsumedQuantity" end as "ConsumedQuantity",
        case when category = 'Usage' and "ConsumedQuantity" is not null then "ConsumedUnit" end as "ConsumedUnit",
        coalesce("InvoiceIssuerName", 'Google Cloud') as "InvoiceIssuerName",
        coalesce("PublisherName", 'Google Cloud') as "PublisherName",
        coalesce("ProviderName", 'Google Cloud') as "ProviderName",
        coalesce("BillingAccountType", 'Billing Account') as "BillingAccountType",
        case when len(pairs) > 0 then map_from_entries(list_transform(
            list_filter(pairs, lambda p, i: list_position(list_transform(pairs, lambda q: q.k), p.k) = i),
            lambda p: struct_pack(k := p.k, v := p.v)
        )) end as "Tags",
        "x_CostType" as x_charge_type,
        "x_ServiceId" as x_service_code,
        coalesce(is_ml, false) as x_ml_workload,
        coalesce(promotional, 0) as x_promotional_credit
    from sorted

)

select * from final
