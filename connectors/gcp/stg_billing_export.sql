-- stg_billing_export: the Cloud Billing export (standard and detailed) as FOCUS charges.
-- grain: one row a line of the export; a line that a commitment covers in part becomes two (covered, on demand); one more
--   row a commitment and UTC day for the part of its fee that nothing used.
-- identities: sum(BilledCost) = sum(cost) + sum(credits); per fee pool, EffectiveCost of covered + unused = fee.
with raw as (

    select * from raw

),

services as (

    select * from gcp_services

),

regions as (

    select * from gcp_regions

),

-- Repeated fields are JSON, or the Python literal that pandas writes: its tokens are rewritten to JSON one by one.
texts as (

    select
        raw.*,
        list_transform(
            [credits, labels, system_labels, "project.labels", tags],
            lambda t: case
                when t is null or t in ('[]', '{}', 'null', 'None', 'nan') then null
                when json_valid(t) then t
                else array_to_string(
                    list_transform(
                        regexp_extract_all(
                            t, '''(?:[^''\\]|\\.)*''|"(?:[^"\\]|\\.)*"|None|True|False|nan|[-+0-9.eE]+|[\[\]{}:,]'
                        ),
                        lambda token: case
                            when token in ('None', 'nan') then 'null'
                            when token in ('True', 'False') then lower(token)
                            when left(token, 1) in ('''', '"') then '"' || regexp_replace(
                                replace(replace(token[2:-2], '\''', ''''), '"', '\"'),
                                '(^|[^\\])((?:\\\\)*)\\x([0-9a-fA-F]{2})', '\1\2\\u00\3', 'g'
                            ) || '"'
                            else token
                        end
                    ),
                    ''
                )
            end
        ) as documents
    from raw

),

-- The Parquet that `bq extract` writes can wrap list items in {"element": …}.
lists as (

    select
        * exclude (documents),
        list_transform(
            documents,
            lambda d: case
                when json_extract(d, '$[0].element') is not null then json_extract(d, '$[*].element')
                else json_extract(d, '$[*]')
            end
        ) as items
    from texts

),

parsed as (

    select
        *,
        list_transform(
            coalesce(items[1], []),
            lambda c: struct_pack(
                kind := coalesce(json_extract_string(c, '$.type'), ''),
                title := coalesce(
                    json_extract_string(c, '$.full_name'), json_extract_string(c, '$.name'), json_extract_string(c, '$.id')
                ),
                amount := coalesce(json_extract_string(c, '$.amount')::decimal(38, 12), 0)
            )
        ) as credit_list,
        list_transform(
            items[2:5],
            lambda pairs: list_transform(
                list_filter(coalesce(pairs, []), lambda p: nullif(json_extract_string(p, '$.key'), '') is not null),
                lambda p: struct_pack(
                    k := json_extract_string(p, '$.key'), v := coalesce(json_extract_string(p, '$.value'), '')
                )
            )
        ) as pair_lists
    from lists

),

labelled as (

    select
        *,
        list_filter(credit_list, lambda c: c.kind in ('COMMITTED_USAGE_DISCOUNT', 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE'))
            as commitment_credits,
        coalesce(list_sum(list_transform(credit_list, lambda c: c.amount)), 0)::decimal(38, 12) as credit_total,
        coalesce(list_sum(list_transform(
            list_filter(credit_list, lambda c: c.kind = 'PROMOTION'), lambda c: c.amount
        )), 0)::decimal(38, 12) as promotional_total,
        list_filter(pair_lists[2], lambda p: p.k = 'compute.googleapis.com/machine_spec')[1].v as machine_spec,
        list_filter(pair_lists[2], lambda p: p.k = 'compute.googleapis.com/is_unused_reservation')[1].v as unused_reservation,
        list_filter(pair_lists[2], lambda p: p.k = 'compute.googleapis.com/reservation_name')[1].v as reservation_name,
        -- the nearest to the resource wins: label, tag, project label; system labels under `x_system/`, so they never clash
        list_concat(
            pair_lists[1],
            pair_lists[4],
            pair_lists[3],
            list_transform(pair_lists[2], lambda p: struct_pack(k := 'x_system/' || p.k, v := p.v))
        ) as pairs
    from parsed

),

typed as (

    select
        *,
        row_number() over () as line,
        lower(coalesce(cost_type, 'regular')) as kind,
        strptime("invoice.month", '%Y%m') as month_start,
        (strptime("invoice.month", '%Y%m') at time zone 'America/Los_Angeles') as period_start,
        ((strptime("invoice.month", '%Y%m') + interval 1 month) at time zone 'America/Los_Angeles') as period_end,
        coalesce(list_sum(list_transform(commitment_credits, lambda c: c.amount)), 0)::decimal(38, 12) as commitment_credit,
        commitment_credits[1].kind as commitment_credit_kind,
        commitment_credits[1].title as commitment_credit_title,
        list_bool_or(list_transform(credit_list, lambda c: c.kind = 'FEE_UTILIZATION_OFFSET')) as is_offset,
        coalesce(list_sum(list_transform(
            list_filter(credit_list, lambda c: c.kind = 'FEE_UTILIZATION_OFFSET'), lambda c: c.amount
        )), 0)::decimal(38, 12) as offset_total,
        case when len(pairs) > 0 then map_from_entries(list_filter(
            pairs, lambda p, i: list_position(list_transform(pairs, lambda q: q.k), p.k) = i
        )) end as tag_map,
        coalesce("sku.description", '') as sku_text,
        try_cast(cost / nullif("usage.amount_in_pricing_units", 0) as decimal(38, 12)) as unit_cost
    from labelled

),

-- A fee belongs to the pool of what it can cover: dollars of one commitment product, or cores (memory, …) of one machine
-- family in one region. A pool, and not the commitment, because credits do not name the commitment they come from.
classed as (

    select
        *,
        kind = 'regular' and (sku_text ilike 'commitment%' or coalesce(is_offset, false)) as is_fee,
        coalesce(is_offset, false) or "consumption_model.id" is not null or "consumption_model.description" is not null
            as is_new_model,
        sku_text ilike '%dollar based%' or commitment_credit_kind = 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE' as is_dollar,
        coalesce("consumption_model.description", 'Default') not ilike 'default%' and "subscription.instance_id" is not null
            and not sku_text ilike 'commitment%' as is_discounted,
        case
            when sku_text ilike '%gpu%' or sku_text ilike '%nvidia%' then 'gpu ' || lower(regexp_extract(sku_text, '(?i)(t4|v100|p100|p4|l4|a100|h100|h200|b200)', 1))
            when sku_text ilike '%local ssd%' or sku_text ilike '%ssd backed local%' then 'local ssd'
            when sku_text ilike '% ram%' or sku_text ilike '%memory%' then 'ram'
            else 'cpu'
        end as part,
        coalesce(nullif(regexp_extract(sku_text, '\b([ACEGHMNTXZ][0-9][A-Z]?)\b', 1), ''), 'N1') as family
    from typed

),

pooled as (

    select
        *,
        case
            when is_dollar then 'spend ' || "service.id"
            else concat_ws(' ', 'usage', "location.region", family, part)
        end as pool,
        usage_start_time::date as usage_day,
        -- what one unit of the commitment covers at on-demand prices: a cent in spend commitments, one core-hour in others
        case when is_dollar then 0.01::decimal(38, 12) else unit_cost end as covered_unit_cost
    from classed

),

fees as (

    select
        billing_account_id,
        "invoice.month" as fee_month,
        currency,
        pool,
        usage_day,
        sum(cost) as fee,
        sum("usage.amount_in_pricing_units") as fee_units,
        count(distinct "subscription.instance_id") as commitments,
        max("subscription.instance_id") as commitment_id
    from pooled
    where is_fee and not is_new_model and cost > 0
    group by all

),

usage as (

    select
        pooled.*,
        fees.fee,
        fees.commitments,
        fees.commitment_id as pool_commitment,
        case
            when fees.fee is null or pooled.commitment_credit >= 0 then 0
            when fees.fee_units > 0 and pooled.covered_unit_cost > 0
                then -pooled.commitment_credit::double * (fees.fee / fees.fee_units)::double / pooled.covered_unit_cost::double
            else fees.fee::double * pooled.commitment_credit::double / sum(pooled.commitment_credit) over pool_day
        end as fee_share
    from pooled
    left join fees
        on
            pooled.billing_account_id = fees.billing_account_id
            and pooled."invoice.month" = fees.fee_month
            and pooled.currency = fees.currency
            and pooled.pool = fees.pool
            and pooled.usage_day = fees.usage_day
            and pooled.commitment_credit <> 0
    window pool_day as (
        partition by pooled.billing_account_id, pooled."invoice.month", pooled.currency, pooled.pool, pooled.usage_day
    )

),

-- Rounded shares never exceed the fee: a pool that is used up is scaled to it.
shared as (

    select
        *,
        (fee_share * least(1, fee::double / nullif(sum(fee_share) over pool_day, 0)))::decimal(38, 12) as used_fee
    from usage
    window pool_day as (partition by billing_account_id, "invoice.month", currency, pool, usage_day)

),

used as (

    select
        billing_account_id,
        "invoice.month" as used_month,
        currency,
        pool,
        usage_day,
        sum(used_fee) as used_fee
    from shared
    where used_fee > 0
    group by all

),

-- Lines, those covered in part twice: `part_ratio` is the covered share of quantity and price, money is split exactly.
lines as (

    select
        *,
        commitment_credit < 0 and cost > 0 and not is_fee as is_covered,
        least(1, greatest(0, (-commitment_credit)::double / nullif(cost, 0)::double)) as covered_ratio
    from shared

),

sides as (

    select
        *,
        unnest(
            case when is_covered and covered_ratio < 0.999999 then ['covered', 'rest'] else ['whole'] end
        ) as side
    from lines

),

split as (

    select
        *,
        case side when 'covered' then covered_ratio when 'rest' then 1 - covered_ratio else 1 end as ratio,
        (case side when 'covered' then -commitment_credit when 'rest' then cost + commitment_credit else cost end)::decimal(38, 12)
            as part_cost,
        (case side when 'covered' then commitment_credit when 'rest' then credit_total - commitment_credit else credit_total end)
        ::decimal(38, 12) as part_credit,
        (case side when 'covered' then 0 else promotional_total end)::decimal(38, 12) as part_promotion,
        (is_covered and side <> 'rest') or is_discounted as is_committed
    from sides

),

charges as (

    select
        *,
        (part_cost + part_credit)::decimal(38, 12) as billed,
        case
            when is_fee then 0
            when is_committed and not is_discounted then part_cost + part_credit + coalesce(used_fee, 0)
            else part_cost + part_credit
        end::decimal(38, 12) as effective,
        (coalesce(cost_at_list, cost)::double * ratio)::decimal(38, 12) as list_cost,
        (coalesce(cost_at_effective_price_default, cost)::double * ratio)::decimal(38, 12) as contracted_cost,
        case
            when is_fee then 'Purchase'
            when kind = 'regular' then 'Usage'
            when kind = 'tax' then 'Tax'
            else 'Adjustment'
        end as category,
        false as is_unused
    from split

),

-- What is left of a fee on a day: fee less what was used (credit model), fee less its offsets (consumption model).
unused_credit_model as (

    select
        fee_lines.*,
        (fee_lines.cost * (1 - coalesce(used.used_fee, 0)::double / fees.fee::double))::decimal(38, 12) as left_over,
        (fees.fee - coalesce(used.used_fee, 0))::decimal(38, 12) as pool_left_over
    from pooled as fee_lines
    inner join fees
        on
            fee_lines.billing_account_id = fees.billing_account_id
            and fee_lines."invoice.month" = fees.fee_month
            and fee_lines.currency = fees.currency
            and fee_lines.pool = fees.pool
            and fee_lines.usage_day = fees.usage_day
    left join used
        on
            fees.billing_account_id = used.billing_account_id
            and fees.fee_month = used.used_month
            and fees.currency = used.currency
            and fees.pool = used.pool
            and fees.usage_day = used.usage_day
    where fee_lines.is_fee and not fee_lines.is_new_model and fee_lines.cost > 0

),

-- The rounding of shares is put on the pool's first fee line, so that the identity holds to the last digit.
unused_lines as (

    select
        * exclude (left_over, pool_left_over),
        (left_over + case
            when row_number() over pool_day = 1 then pool_left_over - sum(left_over) over pool_day_all else 0
        end)::decimal(38, 12) as left_over
    from unused_credit_model
    window
        pool_day as (
            partition by billing_account_id, "invoice.month", currency, pool, usage_day order by line
        ),
        pool_day_all as (partition by billing_account_id, "invoice.month", currency, pool, usage_day)
    union all by name
    select
        *,
        (cost + offset_total)::decimal(38, 12) as left_over
    from pooled
    where is_fee and is_new_model and cost + offset_total <> 0

),

unused as (

    select
        billing_account_id,
        "invoice.month",
        period_start,
        period_end,
        currency,
        "service.id",
        "service.description",
        "sku.id",
        "sku.description",
        "subscription.instance_id",
        "location.location",
        "location.region",
        sku_text,
        is_dollar,
        kind,
        usage_day,
        any_value(month_start) as month_start,
        any_value(currency_conversion_rate) as currency_conversion_rate,
        any_value("project.id") as "project.id",
        any_value("project.name") as "project.name",
        min(usage_start_time) as usage_start_time,
        max(usage_end_time) as usage_end_time,
        'Usage' as category,
        true as is_unused,
        false as is_fee,
        false as is_covered,
        true as is_committed,
        0::decimal(38, 12) as billed,
        sum(left_over)::decimal(38, 12) as effective,
        0::decimal(38, 12) as list_cost,
        0::decimal(38, 12) as contracted_cost
    from unused_lines
    group by all
    having sum(left_over) <> 0

),

all_charges as (

    select * from charges
    union all by name
    select * from unused

),

named as (

    select
        all_charges.*,
        coalesce(services.category, 'Other') as service_category,
        coalesce(services.subcategory, 'Other (Other)') as service_subcategory,
        coalesce(services.ml_workload = 'true', false)
        or regexp_matches(sku_text, '(?i)\b(gpu|tpu|nvidia|gemini|vertex)\b') as is_ml,
        coalesce(regions.region_name, all_charges."location.region") as region_name,
        all_charges.category in ('Usage', 'Purchase') and not is_unused as is_priced,
        -- FOCUS units: 'gibibyte month' → 'GiB-Months', 'byte-seconds' → 'B-Seconds', 'hour' → 'Hours'
        list_transform(
            ["usage.pricing_unit", "usage.unit"],
            lambda unit: array_to_string(list_transform(
                string_split_regex(lower(trim(unit)), '[ -]+'),
                lambda word, i: coalesce(map {
                    'byte': 'B', 'bytes': 'B', 'kibibyte': 'KiB', 'mebibyte': 'MiB', 'gibibyte': 'GiB', 'tebibyte': 'TiB',
                    'pebibyte': 'PiB', 'gigabyte': 'GB', 'megabyte': 'MB', 'terabyte': 'TB', 'gib': 'GiB', 'mib': 'MiB',
                    'tib': 'TiB', 'gigibit': 'Gib', 'gibibit': 'Gib',
                    'second': 'Seconds', 'seconds': 'Seconds', 'minute': 'Minutes', 'minutes': 'Minutes', 'hour': 'Hours',
                    'hours': 'Hours', 'day': 'Days', 'days': 'Days', 'month': 'Months', 'months': 'Months', 'year': 'Years',
                    'years': 'Years', 'request': 'Requests', 'requests': 'Requests', 'count': 'Count', 'vcpu': 'vCPU'
                }[word], upper(word[1]) || word[2:])
            ), '-')
        ) as units
    from all_charges
    left join services
        on
            regexp_replace(regexp_replace(lower(all_charges."service.description"), '^(google )?(cloud )?', ''), ' api$', '')
            = services.service_key
    left join regions on all_charges."location.region" = regions.region_id

),

measured as (

    select
        *,
        case
            when is_unused or is_fee then coalesce("subscription.instance_id", billing_account_id || '/' || "sku.id")
            when is_discounted then "subscription.instance_id"
            when is_committed then coalesce(
                "subscription.instance_id",
                case when commitments = 1 then pool_commitment end,
                billing_account_id || '/' || commitment_credit_title
            )
        end as commitment_key,
        case when category = 'Usage' and not is_unused and units[2] is not null
            then ("usage.amount"::double * ratio)::decimal(38, 12) end as consumed,
        case when is_priced and units[1] is not null
            then ("usage.amount_in_pricing_units"::double * ratio)::decimal(38, 12) end as priced
    from named

),

final as (

    select
        nullif("location.zone", '') as "AvailabilityZone",
        billed as "BilledCost",
        billing_account_id as "BillingAccountId",
        null::varchar as "BillingAccountName",
        'Billing Account' as "BillingAccountType",
        currency as "BillingCurrency",
        period_end as "BillingPeriodEnd",
        period_start as "BillingPeriodStart",
        case when unused_reservation = 'true' or reservation_name is not null then reservation_name end
            as "CapacityReservationId",
        case
            when reservation_name is null or category <> 'Usage' then null
            when unused_reservation = 'true' then 'Unused'
            else 'Used'
        end as "CapacityReservationStatus",
        category as "ChargeCategory",
        case
            when coalesce("adjustment_info.id", "adjustment_info.description", "adjustment_info.type", "adjustment_info.mode")
                is not null and usage_start_time < period_start then 'Correction'
        end as "ChargeClass",
        coalesce("sku.description", "adjustment_info.description", "service.description")
        || case when is_unused then ' (unused)' else '' end as "ChargeDescription",
        case when category = 'Purchase' then 'Recurring' when category = 'Usage' then 'Usage-Based' else 'One-Time' end
            as "ChargeFrequency",
        usage_end_time as "ChargePeriodEnd",
        usage_start_time as "ChargePeriodStart",
        case when commitment_key is not null then case when is_dollar or is_discounted or is_offset then 'Spend' else 'Usage' end end
            as "CommitmentDiscountCategory",
        commitment_key as "CommitmentDiscountId",
        case
            when is_unused or is_fee then "sku.description"
            when is_discounted then "consumption_model.description"
            when is_committed then commitment_credit_title
        end as "CommitmentDiscountName",
        case
            when commitment_key is null or category <> 'Usage' then null
            when is_unused then 'Unused'
            else 'Used'
        end as "CommitmentDiscountStatus",
        case when commitment_key is not null then 'Committed Use Discount' end as "CommitmentDiscountType",
        consumed as "ConsumedQuantity",
        case when consumed is not null then units[2] end as "ConsumedUnit",
        contracted_cost as "ContractedCost",
        case when is_priced and priced is not null
            then coalesce("price.effective_price_default", "price.effective_price") end as "ContractedUnitPrice",
        effective as "EffectiveCost",
        coalesce(case when transaction_type = 'THIRD_PARTY_AGENCY' then seller_name end, 'Google Cloud') as "InvoiceIssuerName",
        list_cost as "ListCost",
        case when is_priced and priced is not null then "price.list_price" end as "ListUnitPrice",
        case
            when category <> 'Usage' then case when category = 'Purchase' then 'Standard' end
            when is_committed then 'Committed'
            when regexp_matches(sku_text, '(?i)\b(spot|preemptible)\b') then 'Dynamic'
            else 'Standard'
        end as "PricingCategory",
        case when coalesce(currency_conversion_rate, 1) <> 1 then 'USD' else currency end as "PricingCurrency",
        (effective::double / coalesce(nullif(currency_conversion_rate, 0), 1)::double)::decimal(38, 12)
            as "PricingCurrencyEffectiveCost",
        priced as "PricingQuantity",
        case when priced is not null then units[1] end as "PricingUnit",
        'Google Cloud' as "ProviderName",
        coalesce(case when transaction_type <> 'GOOGLE' then seller_name end, 'Google Cloud') as "PublisherName",
        "location.region" as "RegionId",
        region_name as "RegionName",
        case when is_unused then null else "resource.global_name" end as "ResourceId",
        case when is_unused then null else "resource.name" end as "ResourceName",
        case when is_unused then null else nullif(regexp_replace(
            regexp_extract("resource.global_name", '^/*([a-z0-9.-]+\.googleapis\.com)/', 1) || '/'
            || regexp_extract("resource.global_name", '/([^/]+)/[^/]+$', 1),
            '^/$', ''
        ), '') end as "ResourceType",
        service_category as "ServiceCategory",
        "service.description" as "ServiceName",
        service_subcategory as "ServiceSubcategory",
        case when category in ('Usage', 'Purchase') then "sku.id" end as "SkuId",
        case when category in ('Usage', 'Purchase') then "sku.description" end as "SkuMeter",
        case when category in ('Usage', 'Purchase')
            then concat_ws('/', billing_account_id, "sku.id", "price.tier_start_amount"::varchar, "consumption_model.id")
        end as "SkuPriceId",
        nullif("project.id", '') as "SubAccountId",
        case when nullif("project.id", '') is not null then coalesce("project.name", "project.id") end as "SubAccountName",
        case when nullif("project.id", '') is not null then 'Project' end as "SubAccountType",
        tag_map as "Tags",
        coalesce(cost_type, 'regular') as x_charge_type,
        "service.id" as x_service_code,
        coalesce(
            machine_spec,
            case when sku_text ilike '% core%' or sku_text ilike '% ram%' then lower(
                nullif(regexp_extract(sku_text, '\b([ACEGHMNTXZ][0-9][A-Z]?)\b', 1), '')
            ) end
        ) as x_instance_type,
        is_ml as x_ml_workload,
        case when is_unused then 0 else coalesce(part_promotion, 0) end as x_promotional_credit,
        case when is_unused then 'unused' when side = 'covered' then 'covered' end as x_line_id
    from measured

)

select * from final
