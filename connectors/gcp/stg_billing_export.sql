-- stg_billing_export: Google's charges as FOCUS: billing export (standard, detailed), FOCUS export and FOCUS view.
-- grain: one row a line of the source, and derived rows, whose x_line_id ends in ':covered' (the part of a line that a
--   commitment pays; the line itself keeps the rest) or ':unused' (what nothing used of a fee: commitment, SKU and UTC day).
-- identities: BilledCost, ListCost and ContractedCost of a line and its ':covered' rows are the line's own; sum(BilledCost) =
--   sum(cost) + sum(credits); per fee pool and day, EffectiveCost of covered + unused = BilledCost of the fees.
with raw as (

    select * from raw

),

services as (

    select * from gcp_services

),

regions as (

    select * from gcp_regions

),

resource_types as (

    select * from gcp_resource_types

),

-- Repeated fields are JSON, or the Python literal that pandas writes: its tokens are rewritten to JSON one by one.
texts as (

    select
        *,
        list_transform(
            [credits, labels, system_labels, "project.labels", tags, focus_tags],
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
                            when left(token, 1) in ('''', '"')
                                then
                                    '"' || regexp_replace(
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
                kind := upper(coalesce(json_extract_string(c, '$.type'), json_extract_string(c, '$.Type'), '')),
                title := coalesce(
                    json_extract_string(c, '$.full_name'), json_extract_string(c, '$.FullName'),
                    json_extract_string(c, '$.name'), json_extract_string(c, '$.Name'),
                    json_extract_string(c, '$.id'), json_extract_string(c, '$.Id'), ''
                ),
                amount := coalesce(
                    json_extract_string(c, '$.amount')::decimal(38, 12), json_extract_string(c, '$.Amount')::decimal(38, 12), 0
                )
            )
        ) as credit_list,
        -- the FOCUS view has one list of all kinds (x_type), the exports one list a kind
        flatten(list_transform(
            [
                struct_pack(origin := 'label', pairs := items[2]),
                struct_pack(origin := 'system_label', pairs := items[3]),
                struct_pack(origin := 'project_label', pairs := items[4]),
                struct_pack(origin := 'tag', pairs := items[5]),
                struct_pack(origin := 'label', pairs := items[6])
            ],
            lambda source: list_transform(
                coalesce(source.pairs, []),
                lambda p: struct_pack(
                    k := nullif(coalesce(json_extract_string(p, '$.key'), json_extract_string(p, '$.Key')), ''),
                    v := coalesce(json_extract_string(p, '$.value'), json_extract_string(p, '$.Value'), ''),
                    origin := coalesce(json_extract_string(p, '$.x_type'), source.origin)
                )
            )
        )) as pairs
    from lists

),

labelled as (

    select
        * exclude (cost),
        coalesce(list_sum(list_transform(credit_list, lambda c: c.amount)), 0)::decimal(38, 12) as credit_total,
        coalesce(list_sum(list_transform(
            list_filter(credit_list, lambda c: c.kind = 'PROMOTION'), lambda c: c.amount
        )), 0)::decimal(38, 12) as promotional_total,
        coalesce(list_sum(list_transform(
            list_filter(credit_list, lambda c: c.kind = 'FEE_UTILIZATION_OFFSET'), lambda c: c.amount
        )), 0)::decimal(38, 12) as offset_total,
        coalesce(cost, "BilledCost" - coalesce(list_sum(list_transform(credit_list, lambda c: c.amount)), 0))::decimal(38, 12)
            as cost,
        list_filter(pairs, lambda p: p.k = 'compute.googleapis.com/machine_spec')[1].v as machine_spec,
        list_filter(pairs, lambda p: p.k = 'compute.googleapis.com/is_unused_reservation')[1].v = 'true'
            as is_unused_reservation,
        nullif(list_filter(pairs, lambda p: p.k = 'compute.googleapis.com/reservation_name')[1].v, '') as reservation_name,
        nullif(list_filter(pairs, lambda p: p.k = 'goog-originating-sku-id')[1].v, '') as originating_sku,
        -- the nearest to the resource wins: label, tag, project label; system labels under `x_system/`, so they never clash
        list_concat(
            list_filter(pairs, lambda p: p.k is not null and p.origin not in ('tag', 'project_label', 'system_label')),
            list_filter(pairs, lambda p: p.k is not null and p.origin = 'tag'),
            list_filter(pairs, lambda p: p.k is not null and p.origin = 'project_label'),
            list_transform(
                list_filter(pairs, lambda p: p.k is not null and p.origin = 'system_label'),
                lambda p: struct_pack(k := 'x_system/' || p.k, v := p.v, origin := p.origin)
            )
        ) as tag_pairs
    from parsed

),

typed as (

    select
        *,
        lower(coalesce(cost_type, 'regular')) as kind,
        -- FOCUS has an instant: midnight Pacific, or midnight UTC in copies; twelve hours on, both are in the month's first day
        coalesce(
            strptime("invoice.month", '%Y%m'),
            date_trunc('month', ("BillingPeriodStart" + interval 12 hours) at time zone 'UTC')
        ) as month_start,
        usage_start_time::date as usage_day,
        coalesce("sku.description", '') as sku_text,
        regexp_extract(coalesce("sku.description", ''), '(?i)^commitment\b|\bcommitted use discount') <> '' or offset_total <> 0
            as is_commitment_sku,
        coalesce("consumption_model.description", 'Default') not ilike 'default%' as has_model_price,
        coalesce(
            nullif("subscription.instance_id", ''),
            -- the view writes the credit's name here where the export has no subscription
            nullif(regexp_extract(
                "CommitmentDiscountId", '^(subscriptions/.+|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{22})$', 1
            ), '')
        ) as instance_id,
        -- prices are for `pricing_unit_quantity` units; the view has no amount in pricing units, but cost and price
        "price.effective_price" / coalesce(nullif("price.pricing_unit_quantity", 0), 1) as unit_price,
        case when len(tag_pairs) > 0 then map_from_entries(list_transform(
            list_distinct(list_transform(tag_pairs, lambda p: p.k)),
            lambda key: struct_pack(k := key, v := list_filter(tag_pairs, lambda p: p.k = key)[1].v)
        )) end as tag_map
    from labelled

),

-- A fee belongs to the pool of what it can cover: dollars of one commitment product, or cores (memory, …) of one machine
-- family in one region. A pool, and not the commitment, because credits do not name the commitment they come from.
classed as (

    select
        *,
        month_start at time zone 'America/Los_Angeles' as period_start,
        (month_start + interval 1 month) at time zone 'America/Los_Angeles' as period_end,
        kind = 'regular' and is_commitment_sku as is_fee,
        kind = 'regular' and has_model_price and not is_commitment_sku as is_discounted,
        -- FOCUS tables: the quantity that cost and price agree on, where the given one is none of the units used
        case
            when "BilledCost" is null or (
                abs("usage.amount_in_pricing_units"::double * unit_price::double - cost::double)
                <= greatest(0.00001, 0.01 * abs(cost::double))
            ) then "usage.amount_in_pricing_units"
            when unit_price > 0 then (cost::double / unit_price::double)::decimal(38, 12)
            when lower("usage.unit") = lower("usage.pricing_unit") then "usage.amount"
            else "usage.amount_in_pricing_units"
        end as pricing_amount,
        'usage ' || coalesce("location.region", '') || ' ' || case
            when sku_text ilike '%compute optimized%' then 'C2'
            when sku_text ilike '%memory%optimized%' then 'M1'
            else coalesce(nullif(regexp_extract(sku_text, '\b([ACEGHMNTXZ][0-9][A-Z]?)\b', 1), ''), 'N1')
        end || ' ' || case
            when regexp_matches(sku_text, '(?i)gpu|nvidia')
                then 'gpu ' || lower(regexp_extract(sku_text, '(?i)(t4|v100|p100|p4|l4|a100|h100|h200|b200)', 1))
            when regexp_matches(sku_text, '(?i)local ssd|ssd backed local') then 'local ssd'
            when regexp_matches(regexp_replace(sku_text, '(?i)memory.optimized', ''), '(?i)\b(ram|memory)\b') then 'ram'
            else 'cpu'
        end as resource_hint,
        sku_text ilike '%dollar based%' or offset_total <> 0 or not regexp_matches(sku_text, '(?i)^commitment v[0-9]')
            as is_dollar_fee,
        'spend ' || lower(regexp_extract(
            sku_text, '(?i)(?:.*dollar based v?[0-9]*:? *)?(.*?)(?: commitments?)?(?: in [^:]*?)?(?: for [0-9]+ years?)?$', 1
        )) as fee_hint
    from typed

),

-- Credits of one line by what they come from; a fee is one such part itself.
grouped as (

    select
        *,
        list_transform(
            list_filter(
                credit_list, lambda c: c.kind in ('COMMITTED_USAGE_DISCOUNT', 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE')
            ),
            lambda c: struct_pack(
                hint := case
                    when c.kind = 'COMMITTED_USAGE_DISCOUNT' then resource_hint
                    else 'spend ' || lower(regexp_extract(
                        c.title,
                        '(?i)(?:.*dollar based v?[0-9]*:? *)?(.*?)(?: commitments?)?(?: in [^:]*?)?(?: for [0-9]+ years?)?$',
                        1
                    ))
                end,
                is_dollar := c.kind <> 'COMMITTED_USAGE_DISCOUNT',
                title := c.title,
                amount := (-c.amount)::decimal(38, 12)
            )
        ) as commitment_credits
    from classed

),

covering as (

    select
        *,
        case when cost > 0 and not is_fee then list_filter(
            list_transform(
                list_sort(list_distinct(list_transform(commitment_credits, lambda c: c.hint))),
                lambda h: struct_pack(
                    hint := h,
                    is_dollar := list_filter(commitment_credits, lambda c: c.hint = h)[1].is_dollar,
                    title := list_filter(commitment_credits, lambda c: c.hint = h)[1].title,
                    amount := coalesce(list_sum(list_transform(
                        list_filter(commitment_credits, lambda c: c.hint = h), lambda c: c.amount
                    )), 0)::decimal(38, 12)
                )
            ),
            lambda g: g.amount > 0
        ) else [] end as covers
    from grouped

),

-- A line is as many rows as commitments pay for it, and one more for what they leave. The last is the line itself.
numbered as (

    select
        *,
        coalesce(list_sum(list_transform(covers, lambda g: g.amount)), 0)::decimal(38, 12) as covered_cost,
        len(covers) + (case when len(covers) = 0 or coalesce(
            list_sum(list_transform(covers, lambda g: g.amount)), 0
        ) < cost * 0.999999 then 1 else 0 end) as row_count
    from covering

),

sides as (

    select
        *,
        unnest(range(1, row_count + 1)) as row_no
    from numbered

),

-- All rows but the last take their ratio, rounded; the last takes what remains, so that the parts sum exactly.
split as (

    select
        *,
        covers[row_no] as cover,
        covers[row_no].is_dollar as covers_dollars,
        covers[row_no].amount as covered_amount,
        row_no < row_count as is_derived,
        case
            when is_fee then 'fee'
            when covers[row_no] is not null then 'covered'
            else 'plain'
        end as part_role,
        case when row_no < row_count then covers[row_no].amount else cost - coalesce(
            list_sum(list_transform(covers[1:row_count - 1], lambda g: g.amount)), 0
        ) end::decimal(38, 12) as part_cost,
        case when row_no < row_count then -covers[row_no].amount else credit_total + coalesce(
            list_sum(list_transform(covers[1:row_count - 1], lambda g: g.amount)), 0
        ) end::decimal(38, 12) as part_credit,
        list_transform(
            [
                coalesce(cost_at_list, cost),
                coalesce(cost_at_effective_price_default, cost),
                "usage.amount",
                pricing_amount
            ],
            lambda total: case
                when row_no < row_count
                    then (total::double * covers[row_no].amount::double / cost::double)::decimal(38, 12)
                else total - coalesce(list_sum(list_transform(
                    covers[1:row_count - 1],
                    lambda g: (total::double * g.amount::double / cost::double)::decimal(38, 12)
                )), 0)
            end::decimal(38, 12)
        ) as parts
    from sides

),

fees as (

    select
        *,
        case when is_dollar_fee then fee_hint else resource_hint end as hint,
        (cost + credit_total)::decimal(38, 12) as fee,
        coalesce(instance_id, billing_account_id || '/' || "sku.id") as fee_commitment
    from split
    where part_role = 'fee'

),

-- Which fees a spend credit comes from: the product of its name, the SKU that a fee was charged for, its service, or the
-- account's only commitment product.
fee_keys as (

    select distinct
        billing_account_id,
        month_start,
        currency,
        hint,
        "service.id" as fee_service,
        originating_sku as fee_sku
    from fees
    where is_dollar_fee

),

credit_keys as (

    select distinct
        billing_account_id,
        month_start,
        currency,
        cover.hint as credit_hint,
        "service.id" as credit_service,
        "sku.id" as credit_sku
    from split
    where part_role = 'covered' and covers_dollars

),

matches as (

    select
        credit_keys.*,
        case
            when bool_or(fee_keys.hint = credit_hint) then max(credit_hint)
            when count(distinct fee_keys.hint) filter (where fee_sku = credit_sku) = 1
                then max(fee_keys.hint) filter (where fee_sku = credit_sku)
            when count(distinct fee_keys.hint) filter (where fee_service = credit_service) = 1
                then max(fee_keys.hint) filter (where fee_service = credit_service)
            when count(distinct fee_keys.hint) = 1 then max(fee_keys.hint)
        end as fee_hint
    from credit_keys
    inner join fee_keys
        on
            credit_keys.billing_account_id = fee_keys.billing_account_id
            and credit_keys.month_start = fee_keys.month_start
            and credit_keys.currency = fee_keys.currency
    group by all

),

-- Where a credit could come from several products, all of the account's spend fees are one pool.
merged as (

    select distinct
        billing_account_id,
        month_start,
        currency
    from matches
    where fee_hint is null

),

pooled_fees as (

    select
        fees.*,
        case when fees.is_dollar_fee and merged.currency is not null then 'spend' else fees.hint end as pool
    from fees
    left join merged
        on
            fees.billing_account_id = merged.billing_account_id
            and fees.month_start = merged.month_start
            and fees.currency = merged.currency

),

pool_days as (

    select
        billing_account_id,
        month_start,
        currency,
        pool,
        usage_day,
        sum(fee)::decimal(38, 12) as pool_fee,
        sum(cost) filter (where offset_total = 0 and pricing_amount > 0)::decimal(38, 12) as rated_fee,
        sum(pricing_amount) filter (where offset_total = 0 and pricing_amount > 0)::decimal(38, 12) as fee_units,
        count(distinct fee_commitment) as commitments,
        max(fee_commitment) as only_commitment
    from pooled_fees
    group by all

),

-- Where Google attributes fees to the SKUs that used them, that is their share.
attributed as (

    select
        billing_account_id,
        month_start,
        currency,
        pool,
        usage_day,
        originating_sku,
        sum(fee)::decimal(38, 12) as sku_fee
    from pooled_fees
    where originating_sku is not null and offset_total = 0
    group by all

),

pooled_covered as (

    select
        split.*,
        case
            when not split.covers_dollars then split.cover.hint
            when merged.currency is not null then 'spend'
            else coalesce(matches.fee_hint, split.cover.hint)
        end as pool
    from split
    left join matches
        on
            split.billing_account_id = matches.billing_account_id
            and split.month_start = matches.month_start
            and split.currency = matches.currency
            and split.cover.hint = matches.credit_hint
            and split."service.id" is not distinct from matches.credit_service
            and split."sku.id" = matches.credit_sku
    left join merged
        on
            split.billing_account_id = merged.billing_account_id
            and split.month_start = merged.month_start
            and split.currency = merged.currency
    where split.part_role = 'covered'

),

-- What one unit of the commitment covers at on-demand prices: a US cent in spend commitments, one core-hour (…) in others.
-- Without a fee's units, or with other units (hours, say: a fee is never twice what it covers), its discount is unknown: then
-- a credit stands for as much fee, which is the most it can be.
weighed as (

    select
        pooled_covered.*,
        pool_days.pool_fee,
        pool_days.commitments,
        pool_days.only_commitment,
        attributed.sku_fee,
        pool_days.rated_fee::double / nullif(pool_days.fee_units, 0)::double / case
            when covers_dollars then 0.01 * coalesce(nullif(currency_conversion_rate, 0), 1)
            else cost::double / nullif(pricing_amount, 0)::double
        end as fee_rate,
        sum(covered_amount) over (
            partition by
                pooled_covered.billing_account_id, pooled_covered.month_start, pooled_covered.currency,
                pooled_covered.pool, pooled_covered.usage_day, pooled_covered."sku.id"
        ) as sku_credit
    from pooled_covered
    left join pool_days
        on
            pooled_covered.billing_account_id = pool_days.billing_account_id
            and pooled_covered.month_start = pool_days.month_start
            and pooled_covered.currency = pool_days.currency
            and pooled_covered.pool = pool_days.pool
            and pooled_covered.usage_day = pool_days.usage_day
    left join attributed
        on
            pooled_covered.billing_account_id = attributed.billing_account_id
            and pooled_covered.month_start = attributed.month_start
            and pooled_covered.currency = attributed.currency
            and pooled_covered.pool = attributed.pool
            and pooled_covered.usage_day = attributed.usage_day
            and pooled_covered."sku.id" = attributed.originating_sku

),

shares as (

    select
        *,
        case
            when coalesce(pool_fee, 0) <= 0 then 'no fee'
            when sku_fee is not null then 'attributed'
            when fee_rate > 0 and fee_rate < 2 then 'unit price'
            else 'credit'
        end as basis,
        case
            when coalesce(pool_fee, 0) <= 0 then 0
            when sku_fee is not null then sku_fee::double * covered_amount::double / sku_credit::double
            when fee_rate > 0 and fee_rate < 2 then covered_amount::double * fee_rate
            else covered_amount::double
        end as fee_share
    from weighed

),

scaled as (

    select
        *,
        (fee_share * least(1, pool_fee::double / nullif(sum(fee_share) over pool_day, 0)))::decimal(38, 12) as rounded_fee
    from shares
    window pool_day as (partition by billing_account_id, month_start, currency, pool, usage_day)

),

-- Google rounds each line to a millionth: less than a few of those is no unused fee, and goes to the largest share.
used as (

    select
        *,
        coalesce(
            rounded_fee + case
                when
                    abs(pool_fee - sum(rounded_fee) over pool_day) < 0.000005
                    and row_number() over (pool_day order by rounded_fee desc) = 1
                    then pool_fee - sum(rounded_fee) over pool_day
                else 0
            end,
            0
        )::decimal(38, 12) as used_fee
    from scaled
    window pool_day as (partition by billing_account_id, month_start, currency, pool, usage_day)

),

used_days as (

    select
        billing_account_id,
        month_start,
        currency,
        pool,
        usage_day,
        sum(used_fee)::decimal(38, 12) as used_fee,
        max(basis) filter (where basis <> 'no fee') as basis
    from used
    group by all

),

fee_days as (

    select
        billing_account_id,
        month_start,
        period_start,
        period_end,
        currency,
        pool,
        usage_day,
        fee_commitment,
        is_dollar_fee,
        "service.id",
        "service.description",
        "sku.id",
        "sku.description",
        sku_text,
        "location.region",
        any_value(kind) as kind,
        any_value(cost_type) as cost_type,
        any_value("usage.pricing_unit") as "usage.pricing_unit",
        any_value(currency_conversion_rate) as currency_conversion_rate,
        any_value("project.id") as "project.id",
        any_value("project.name") as "project.name",
        min(usage_start_time) as usage_start_time,
        max(usage_end_time) as usage_end_time,
        any_value("price.pricing_unit_quantity") as "price.pricing_unit_quantity",
        coalesce(any_value(unit_price), sum(cost)::double / nullif(sum(pricing_amount), 0)::double) as unit_price,
        coalesce(any_value("price.list_price"), sum(cost)::double / nullif(sum(pricing_amount), 0)::double)
            as "price.list_price",
        sum(fee)::decimal(38, 12) as fee,
        sum(pricing_amount) filter (where offset_total = 0)::decimal(38, 12) as fee_units
    from pooled_fees
    group by all

),

-- What is left of a pool's fee goes to its commitments by their fees; the largest takes the rounding.
left_over as (

    select
        fee_days.*,
        used_days.basis,
        coalesce(used_days.used_fee, 0) as pool_used,
        case
            when coalesce(used_days.used_fee, 0) = 0 then fee_days.fee
            else (
                (sum(fee_days.fee) over pool_day - used_days.used_fee)::double * fee_days.fee::double
                / sum(fee_days.fee) over pool_day::double
            )::decimal(38, 12)
        end as rounded_unused,
        sum(fee_days.fee) over pool_day as pool_fee,
        row_number() over (pool_day order by fee_days.fee desc, fee_days.fee_commitment asc, fee_days."sku.id" asc)
            as fee_rank
    from fee_days
    left join used_days
        on
            fee_days.billing_account_id = used_days.billing_account_id
            and fee_days.month_start = used_days.month_start
            and fee_days.currency = used_days.currency
            and fee_days.pool = used_days.pool
            and fee_days.usage_day = used_days.usage_day
    window pool_day as (
        partition by fee_days.billing_account_id, fee_days.month_start, fee_days.currency, fee_days.pool, fee_days.usage_day
    )

),

unused as (

    select
        * exclude (fee),
        'unused' as part_role,
        -- nothing was used: list, contracted, consumed and priced are none
        [0, 0, null, case when fee_units is not null then 0 end]::decimal(38, 12)[] as parts,
        true as is_derived,
        false as is_fee,
        false as is_discounted,
        (rounded_unused + case
            when fee_rank = 1
                then
                    pool_fee - pool_used - sum(rounded_unused)
                        over (
                            partition by billing_account_id, month_start, currency, pool, usage_day
                        )
            else 0
        end)::decimal(38, 12) as left_fee,
        (fee_units::double * rounded_unused::double / nullif(fee, 0)::double)::decimal(38, 12) as left_units
    from left_over

),

allocated as (

    select * from split
    where part_role <> 'covered'
    union all by name
    select * from used
    union all by name
    select * from unused
    where left_fee <> 0

),

charges as (

    select
        *,
        case
            when part_role = 'fee' then 'Purchase'
            when kind = 'regular' then 'Usage'
            when kind = 'tax' then 'Tax'
            else 'Adjustment'
        end as category,
        part_role = 'unused' as is_unused,
        part_role in ('covered', 'unused') or is_discounted as is_committed,
        coalesce(part_cost + part_credit, 0)::decimal(38, 12) as billed,
        case part_role
            when 'fee' then 0
            when 'covered' then part_cost + part_credit + used_fee
            when 'unused' then left_fee
            else part_cost + part_credit
        end::decimal(38, 12) as effective,
        case
            when part_role = 'unused' then fee_commitment
            when part_role = 'fee' then coalesce(instance_id, billing_account_id || '/' || "sku.id")
            when part_role = 'covered' and commitments = 1 then only_commitment
            when part_role = 'covered' then billing_account_id || '/' || pool
            when is_discounted then coalesce(instance_id, billing_account_id || '/' || "consumption_model.description")
        end as commitment_key,
        case part_role
            when 'covered' then covers_dollars
            when 'plain' then true
            else is_dollar_fee
        end as is_dollar,
        case
            when usage_start_time < period_start and coalesce(
                "adjustment_info.id", "adjustment_info.description", "adjustment_info.type", "adjustment_info.mode"
            ) is not null then 'Correction'
        end as charge_class,
        regexp_extract("resource.global_name", '^/*([a-z0-9.-]+\.googleapis\.com)/', 1)
        || '/' || regexp_extract("resource.global_name", '/([^/]+)/[^/]+$', 1) as collection
    from allocated

),

named as (

    select
        charges.*,
        coalesce(services.category, 'Other') as service_category,
        coalesce(services.subcategory, 'Other (Other)') as service_subcategory,
        coalesce(services.ml_workload = 'true', false)
        or regexp_matches(
            sku_text, '(?i)\b(gpu|nvidia|gemini|vertex)\b|\btpu|\b[ag][2-9](plus| \w+)? (instance )?(core|ram|cpu)\b'
        )
        -- machines that are sold with accelerators alone
        or regexp_matches(coalesce(machine_spec, ''), '^([ag][2-9]|ct[0-9]+[a-z]*)-') as is_ml,
        -- the line's own prices where the source has none, if twelve digits are enough for cost ÷ quantity
        list_transform(
            [parts[1], parts[2]],
            lambda total: case
                when
                    abs(round(total::double / nullif(parts[4], 0)::double, 12) * parts[4]::double - total::double)
                    <= 1e-7 * greatest(1, abs(total::double)) then total::double / parts[4]::double
            end
        ) as own_prices,
        coalesce(regions.region_name, charges."location.region") as region_name,
        coalesce(resource_types.resource_type, nullif(charges.collection, '/')) as resource_type,
        charges.category in ('Usage', 'Purchase') as is_priced,
        -- FOCUS units: 'gibibyte month' → 'GiB-Months', 'byte-seconds' → 'B-Seconds', 'hour' → 'Hours'
        list_transform(
            ["usage.pricing_unit", "usage.unit"],
            lambda unit: array_to_string(list_transform(
                string_split_regex(lower(trim(unit)), '[ -]+'),
                lambda word: coalesce(map {
                    'byte': 'B', 'bytes': 'B', 'kibibyte': 'KiB', 'mebibyte': 'MiB', 'gibibyte': 'GiB', 'tebibyte': 'TiB',
                    'pebibyte': 'PiB', 'gigabyte': 'GB', 'megabyte': 'MB', 'terabyte': 'TB', 'gib': 'GiB', 'mib': 'MiB',
                    'tib': 'TiB', 'gigibit': 'Gib', 'gibibit': 'Gib',
                    'second': 'Seconds', 'seconds': 'Seconds', 'minute': 'Minutes', 'minutes': 'Minutes', 'hour': 'Hours',
                    'hours': 'Hours', 'day': 'Days', 'days': 'Days', 'month': 'Months', 'months': 'Months', 'year': 'Years',
                    'years': 'Years', 'request': 'Requests', 'requests': 'Requests', 'count': 'Count', 'vcpu': 'vCPU'
                }[word], upper(word[1]) || word[2:])
            ), '-')
        ) as units
    from charges
    left join services
        on
            regexp_replace(regexp_replace(lower(charges."service.description"), '^(google )?(cloud )?', ''), ' api$', '')
            = services.service_key
    left join regions on charges."location.region" = regions.region_id
    left join resource_types on charges.collection = resource_types.collection

),

measured as (

    select
        *,
        -- the FOCUS view writes the billing account here where a charge has no project
        nullif(nullif("project.id", ''), billing_account_id) as project_id,
        -- bills name projects, machines and disks by numbers, inventory and metrics by names (docs/decisions/0105)
        coalesce(
            case
                when
                    regexp_matches(
                        "resource.global_name",
                        '^/*compute\.googleapis\.com/projects/[^/]+/.*(instance|disk|snapshot)s?/[0-9]+$'
                    )
                    and regexp_full_match("resource.name", '(.*/(instance|disk|snapshot)s/)?[a-z]([-a-z0-9]*[a-z0-9])?')
                    and nullif("project.id", '') is not null
                    then
                        '//compute.googleapis.com/projects/' || "project.id" || '/'
                        || regexp_extract("resource.global_name", '/projects/[^/]+/(.*(instance|disk|snapshot))s?/[0-9]+$', 1)
                        || 's/' || regexp_extract("resource.name", '[^/]+$')
            end,
            case
                when
                    "resource.global_name" not like '%aiplatform.googleapis.com/%' and nullif("project.id", '') is not null
                    and nullif("project.number", '') is not null
                    then
                        replace(
                            "resource.global_name",
                            '/projects/' || "project.number" || '/',
                            '/projects/' || "project.id" || '/'
                        )
            end,
            "resource.global_name",
            "resource.name"
        ) as resource_id,
        case when category = 'Usage' and not is_unused and units[2] is not null then parts[3] end as consumed,
        case when is_priced and units[1] is not null then parts[4] end as priced,
        -- the bill's own price where none is given
        case when is_priced and parts[4] is not null and units[1] is not null then coalesce(
            case
                when cost_at_effective_price_default is null then unit_price
                else
                    coalesce(
                        "price.effective_price_default" / coalesce(nullif("price.pricing_unit_quantity", 0), 1), unit_price
                    )
            end,
            own_prices[2]
        ) end::decimal(38, 12) as contracted_unit_price,
        case when is_priced and parts[4] is not null and units[1] is not null then coalesce(
            "price.list_price" / coalesce(nullif("price.pricing_unit_quantity", 0), 1),
            own_prices[1]
        ) end::decimal(38, 12) as list_unit_price,
        case
            when commitment_key is null or charge_class is not null or category not in ('Usage', 'Purchase') then null
            when is_dollar and part_role = 'fee' then part_cost + part_credit
            when is_dollar and part_role = 'covered' then used_fee
            when is_dollar then effective
            when part_role = 'unused' then left_units
            when units[1] is not null then parts[4]
        end::decimal(38, 12) as commitment_quantity,
        case
            when category <> 'Usage' then null
            when is_unused_reservation then coalesce(reservation_name, "resource.global_name", "resource.name")
            else reservation_name
        end as reservation_id,
        case when category in ('Usage', 'Purchase') then coalesce(
            "SkuPriceId",
            concat_ws('/', billing_account_id, "sku.id", "price.tier_start_amount"::varchar, "consumption_model.id")
        ) end as price_id,
        list_filter(
            [
                struct_pack(k := 'InstanceSeries', v := nullif(regexp_extract(
                    sku_text, '(?i)\b([ACEGHMNTXZ][0-9][A-Z]?)\b.*\b(?:core|ram|cpu|memory)\b', 1
                ), '')),
                struct_pack(k := 'StorageClass', v := case when "service.description" = 'Cloud Storage' then nullif(
                    regexp_extract(sku_text, '(?i)\b(standard|nearline|coldline|archive)\b', 1), ''
                ) end),
                struct_pack(k := 'DiskType', v := nullif(
                    regexp_extract(sku_text, '(?i)\b(balanced pd|ssd backed pd|extreme pd|storage pd|hyperdisk \w+)\b', 1), ''
                )),
                struct_pack(k := 'x_TierStartAmount', v := "price.tier_start_amount"::double::varchar),
                struct_pack(k := 'x_ConsumptionModel', v := "consumption_model.description")
            ],
            lambda p: p.v is not null
        ) as details
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
        reservation_id as "CapacityReservationId",
        case when reservation_id is not null then if(is_unused_reservation, 'Unused', 'Used') end
            as "CapacityReservationStatus",
        category as "ChargeCategory",
        charge_class as "ChargeClass",
        coalesce("sku.description", "adjustment_info.description", "service.description")
        || case when not is_unused then '' when basis = 'credit' then ' (unused, at least)' else ' (unused)' end
            as "ChargeDescription",
        case category when 'Purchase' then 'Recurring' when 'Usage' then 'Usage-Based' else 'One-Time' end as "ChargeFrequency",
        usage_end_time as "ChargePeriodEnd",
        usage_start_time as "ChargePeriodStart",
        case when commitment_key is not null then if(is_dollar, 'Spend', 'Usage') end as "CommitmentDiscountCategory",
        commitment_key as "CommitmentDiscountId",
        case
            when commitment_key is null then null
            when part_role = 'covered' then nullif(cover.title, '')
            when part_role = 'plain' then "consumption_model.description"
            else "sku.description"
        end as "CommitmentDiscountName",
        commitment_quantity as "CommitmentDiscountQuantity",
        case
            when commitment_key is null or category <> 'Usage' then null
            when is_unused then 'Unused'
            else 'Used'
        end as "CommitmentDiscountStatus",
        case when commitment_key is not null then 'Committed Use Discount' end as "CommitmentDiscountType",
        case when commitment_quantity is not null then if(is_dollar, currency, units[1]) end as "CommitmentDiscountUnit",
        consumed as "ConsumedQuantity",
        case when consumed is not null then units[2] end as "ConsumedUnit",
        coalesce(parts[2], 0) as "ContractedCost",
        case when contracted_unit_price >= 0 then contracted_unit_price end as "ContractedUnitPrice",
        effective as "EffectiveCost",
        coalesce(
            case when transaction_type = 'THIRD_PARTY_AGENCY' then seller_name end,
            case when "InvoiceIssuerName" not ilike 'google%' then "InvoiceIssuerName" end,
            'Google Cloud'
        ) as "InvoiceIssuerName",
        coalesce(parts[1], 0) as "ListCost",
        case when list_unit_price >= 0 then list_unit_price end as "ListUnitPrice",
        case
            when category = 'Purchase' then 'Standard'
            when category <> 'Usage' then null
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
        coalesce(
            case when coalesce(transaction_type, '') <> 'GOOGLE' and seller_name not ilike 'google%' then seller_name end,
            'Google Cloud'
        ) as "PublisherName",
        "location.region" as "RegionId",
        region_name as "RegionName",
        resource_id as "ResourceId",
        coalesce("resource.name", regexp_extract("resource.global_name", '([^/]+)$', 1)) as "ResourceName",
        resource_type as "ResourceType",
        service_category as "ServiceCategory",
        "service.description" as "ServiceName",
        service_subcategory as "ServiceSubcategory",
        case when category in ('Usage', 'Purchase') then "sku.id" end as "SkuId",
        case when category in ('Usage', 'Purchase') then "sku.description" end as "SkuMeter",
        case when price_id is not null and len(details) > 0 then to_json(map_from_entries(list_transform(
            details, lambda p: struct_pack(k := p.k, v := p.v)
        )))::varchar end as "SkuPriceDetails",
        price_id as "SkuPriceId",
        project_id as "SubAccountId",
        case when project_id is not null then coalesce("project.name", project_id) end as "SubAccountName",
        case when project_id is not null then 'Project' end as "SubAccountType",
        tag_map as "Tags",
        coalesce(cost_type, 'regular') as x_charge_type,
        "service.id" as x_service_code,
        coalesce(
            machine_spec,
            case when regexp_matches(sku_text, '(?i)\b(core|ram)\b') then lower(
                nullif(regexp_extract(sku_text, '\b([ACEGHMNTXZ][0-9][A-Z]?)\b', 1), '')
            ) end
        ) as x_instance_type,
        is_ml as x_ml_workload,
        case when is_derived then 0 else coalesce(promotional_total, 0) end as x_promotional_credit,
        case when part_role in ('covered', 'unused') then basis end as x_commitment_basis,
        case
            when is_unused then concat_ws(':', commitment_key, "sku.id", usage_day::varchar, 'unused')
            when is_derived then concat_ws(
                ':', coalesce("resource.global_name", "resource.name", "project.id"), "sku.id",
                strftime(usage_start_time, '%Y-%m-%dT%H:%M:%SZ'), cover.hint, 'covered'
            )
        end as x_line_id
    from measured

)

select * from final
