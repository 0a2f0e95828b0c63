-- stg_pricing_export: list prices, and the account's own where they are negotiated (instrument 'contract').
-- grain: one row a SKU, region, tier and basis; of several exports of one day the last counts.
with raw as (

    select * from raw

),

latest as (

    select *
    from raw
    qualify row_number() over (partition by "sku.id", pricing_as_of_time order by export_time desc) = 1

),

bases as (

    select
        *,
        unnest([
            struct_pack(instrument := null, rates := "list_price.tiered_rates"),
            struct_pack(instrument := 'contract', rates := "billing_account_price.tiered_rates")
        ]) as basis
    from latest

),

tiers as (

    select
        *,
        basis.instrument as instrument,
        unnest(coalesce(json_extract(basis.rates, '$[*]'), [])) as wrapped
    from bases

),

rates as (

    select
        *,
        coalesce(json_extract(wrapped, '$.element'), wrapped) as rate,
        coalesce(nullif(list_transform(
            coalesce(json_extract("geo_taxonomy.regions", '$[*]'), []),
            lambda r: coalesce(json_extract_string(r, '$.element'), json_extract_string(r, '$'))
        ), []), ['global']) as regions
    from tiers

),

placed as (

    select
        *,
        unnest(regions) as region
    from rates

),

final as (

    select
        'Google Cloud' as provider,
        region,
        case
            when regexp_matches("sku.description", '(?i)\btpu\b') then 'tpu'
            when regexp_matches("sku.description", '(?i)\bgpu\b') then 'gpu'
            when "service.description" = 'Compute Engine' and regexp_matches("sku.description", '(?i)snapshot') then 'snapshot'
            when "service.description" = 'Compute Engine' and regexp_matches("sku.description", '(?i)PD capacity|hyperdisk')
                then 'disk'
            when "service.description" = 'Compute Engine' and regexp_matches("sku.description", '(?i)\b(core|ram)\b') then 'vm'
            when "service.description" = 'Cloud Storage' then 'object_storage'
            when "service.description" in ('Cloud SQL', 'Cloud Spanner', 'AlloyDB') then 'database'
            else lower("service.description")
        end as product,
        "sku.id" as sku,
        try_cast(json_extract_string(rate, '$.start_usage_amount') as double) as tier_start,
        case when regexp_matches("sku.description", '(?i)\b(spot|preemptible)\b') then 'spot' else 'on_demand' end as term,
        instrument,
        coalesce(map {
            'h': 'Hours', 'hour': 'Hours', 's': 'Seconds', 'mo': 'Months', 'month': 'Months', 'd': 'Days', 'By': 'B',
            'GiBy': 'GiB', 'gibibyte': 'GiB', 'TiBy': 'TiB', 'GiBy.mo': 'GiB-Months', 'gibibyte month': 'GiB-Months',
            'GiBy.h': 'GiB-Hours', 'gibibyte hour': 'GiB-Hours', 'count': 'Count'
        }[pricing_unit], pricing_unit) as unit,
        json_extract_string(rate, '$.account_currency_amount')::decimal(38, 12)
        / coalesce(nullif(json_extract_string(rate, '$.pricing_unit_quantity')::decimal(38, 12), 0), 1) as price,
        coalesce(account_currency_code, 'USD') as currency,
        pricing_as_of_time as effective_from,
        json_object('description', "sku.description") as specs
    from placed
    where not "sku.description" ilike 'commitment%'

)

select * from final
