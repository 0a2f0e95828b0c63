-- stg_cur_skus: what the lines of a Cost and Usage Report say of what was bought, once a distinct key.
-- grain: sku_key, the hash of product code, SKU, usage type, operation, region and pricing unit
with firsts as (

    select
        hash(
            line_item_product_code,
            product_sku,
            line_item_usage_type,
            line_item_operation,
            coalesce(product_region_code, product_region),
            pricing_unit
        ) as sku_key,
        -- lines of usage say the most of what was bought
        coalesce(min(x_row) filter (where line_item_line_item_type like '%Usage'), min(x_row)) as x_row,
        coalesce(
            arg_min(x_file, x_row) filter (where line_item_line_item_type like '%Usage'), arg_min(x_file, x_row)
        ) as x_file
    from raw
    group by sku_key

),

keys as (

    select
        f.sku_key,
        r.line_item_product_code as code,
        r.product_sku as sku,
        r.line_item_usage_type as usage_type,
        r.line_item_operation as operation,
        coalesce(r.product_region_code, r.product_region) as region,
        r.pricing_unit as unit,
        r.product as product,
        r.product_product_name as product_name,
        r.product_servicename as servicename,
        r.product_product_family as family,
        r.product_location as location,
        r.product_from_location as from_location,
        r.product_from_region_code as from_region,
        r.product_instance_type as instance_type,
        r.product_instance_family as instance_family,
        r.product_vcpu as vcpu,
        r.product_memory as memory,
        r.product_operating_system as operating_system,
        r.product_pre_installed_sw as pre_installed_sw,
        r.product_license_model as license_model,
        r.product_tenancy as tenancy,
        r.product_capacitystatus as capacitystatus,
        r.product_physical_processor as physical_processor,
        r.product_processor_architecture as processor_architecture,
        r.product_network_performance as network_performance,
        r.product_storage as storage,
        r.product_gpu as gpu,
        r.product_gpu_memory as gpu_memory,
        r.product_database_engine as database_engine,
        r.product_deployment_option as deployment_option,
        r.product_storage_class as storage_class,
        r.product_volume_api_name as volume_api_name,
        r.product_volume_type as volume_type,
        r.product_max_iopsvolume as max_iopsvolume,
        r.product_max_throughputvolume as max_throughputvolume,
        r.product_transfer_type as transfer_type,
        r.product_group as product_group,
        r.product_normalization_size_factor as normalization_size_factor
    from firsts as f
    inner join raw as r
        on f.x_row = r.x_row and f.x_file = r.x_file

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

attributed as (

    select
        sku_key,
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
        -- models of marketplace sellers are products of their own, metered by tokens that go in and come out
        coalesce(regexp_matches(usage_type, '(?i)(input|output|read|write)[a-z]*[-_]?tokens?'), false) as by_tokens,
        coalesce(operating_system, product['operating_system']) as operating_system,
        nullif(regexp_extract(usage_type, ':((?:[a-z]+\.)?[a-z][a-z0-9-]*\.[a-z0-9-]+)(?:-[A-Z][A-Za-z]*)?$', 1), '')
            as metered_type,
        nullif(regexp_replace(coalesce(instance_type, product['instance_type']), '-[A-Z].*$', ''), '') as listed_type,
        map_concat(
            map_from_entries(
                list_filter(
                    [
                        { 'k': 'instance_type', 'v': instance_type },
                        { 'k': 'instance_family', 'v': instance_family },
                        { 'k': 'vcpu', 'v': vcpu },
                        { 'k': 'memory', 'v': memory },
                        { 'k': 'operating_system', 'v': operating_system },
                        { 'k': 'pre_installed_sw', 'v': pre_installed_sw },
                        { 'k': 'license_model', 'v': license_model },
                        { 'k': 'tenancy', 'v': tenancy },
                        { 'k': 'capacitystatus', 'v': capacitystatus },
                        { 'k': 'physical_processor', 'v': physical_processor },
                        { 'k': 'processor_architecture', 'v': processor_architecture },
                        { 'k': 'network_performance', 'v': network_performance },
                        { 'k': 'storage', 'v': storage },
                        { 'k': 'gpu', 'v': gpu },
                        { 'k': 'gpu_memory', 'v': gpu_memory },
                        { 'k': 'database_engine', 'v': database_engine },
                        { 'k': 'deployment_option', 'v': deployment_option },
                        { 'k': 'storage_class', 'v': storage_class },
                        { 'k': 'volume_api_name', 'v': volume_api_name },
                        { 'k': 'volume_type', 'v': volume_type },
                        { 'k': 'max_iopsvolume', 'v': max_iopsvolume },
                        { 'k': 'max_throughputvolume', 'v': max_throughputvolume },
                        { 'k': 'transfer_type', 'v': transfer_type },
                        { 'k': 'group', 'v': product_group },
                        { 'k': 'normalization_size_factor', 'v': normalization_size_factor }
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
        -- a product has one category, whichever of its lines is metered by tokens
        bool_or(by_tokens) over (partition by code, product_name) as sells_tokens,
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
                    'v': case
                        when e.key in ('vcpu', 'gpu', 'memory', 'max_iopsvolume')
                            then to_json(try_cast(replace(replace(e.value, ' GiB', ''), ',', '') as double))
                        else to_json(e.value)
                    end
                }
            ),
            lambda p: p.v is not null and p.v <> 'null' and p.v <> '""'
        ) as entries
    from attributed

),

names as (

    select distinct
        service_name,
        service_category,
        service_subcategory,
        ml_workload
    from services

),

-- A service that the list does not know has one category, that of its first product family which tells one.
guesses as (

    select
        coalesce(d.product_name, d.code, 'Unknown') as service_name,
        arg_min(f.service_category, f.product_family) as service_category,
        arg_min(f.service_subcategory, f.product_family) as service_subcategory
    from details as d
    inner join aws_families as f
        on d.family = f.product_family
    group by all

),

final as (

    select
        d.sku_key,
        coalesce(exact.service_name, whole.service_name, named.service_name, d.product_name, d.code, 'Unknown') as service_name,
        coalesce(
            exact.service_category,
            whole.service_category,
            named.service_category,
            guessed.service_category,
            case when d.sells_tokens then 'AI and Machine Learning' end,
            'Other'
        ) as service_category,
        coalesce(
            exact.service_subcategory,
            whole.service_subcategory,
            named.service_subcategory,
            guessed.service_subcategory,
            case when d.sells_tokens then 'Generative AI' end,
            'Other (Other)'
        ) as service_subcategory,
        coalesce(regions.region_id, d.region_id) as region_id,
        coalesce(regions.region_name, d.location, d.region_id) as region_name,
        case when d.operating_system = 'NA' then null else d.operating_system end as operating_system,
        case
            when not regexp_matches(coalesce(d.usage_type, ''), 'EBSOptimized|CPUCredits|DataTransfer|-Bytes')
                then coalesce(d.metered_type, case when d.listed_type like '%.%' then d.listed_type end)
        end as machine,
        coalesce(coalesce(exact.ml_workload, whole.ml_workload, named.ml_workload) = 'true', false)
        or coalesce(
            regexp_matches(coalesce(d.metered_type, d.listed_type), '^(ml\..*|(p|g|gr|inf|trn|dl)[0-9][a-z0-9-]*\..*)$'), false
        )
        or d.by_tokens as ml_workload,
        coalesce(
            units.focus_unit,
            case when regexp_full_match(
                d.unit,
                '([0-9]+ )?[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*'
                || '|[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*'
                || '(-(Months|Days|Hours|Minutes|Seconds)|/(Month|Day|Hour|Minute|Second))'
            ) then d.unit end,
            nullif(trim(regexp_replace(regexp_replace(d.unit, '^([0-9]+)([A-Za-z])', '\1 \2'), '[^A-Za-z0-9]+', ' ', 'g')), '')
        ) as unit_name,
        case when len(d.entries) > 0 then (to_json(map_from_entries(d.entries)))::varchar end as price_details
    from details as d
    left join services as exact
        on lower(d.code) = lower(exact.service_code) and d.family = exact.product_family and exact.product_family is not null
    left join services as whole
        on lower(d.code) = lower(whole.service_code) and coalesce(whole.product_family, '') = ''
    left join names as named
        on d.product_name = named.service_name
    left join guesses as guessed
        on coalesce(d.product_name, d.code, 'Unknown') = guessed.service_name
    left join regions
        on regions.region_id = coalesce(
            d.region_id,
            (
                select min(r.region_id) from regions as r
                where r.region_name = d.location or r.old_name = d.location
            ),
            (
                select min(r.region_id) from regions as r
                where r.usage_prefix = split_part(d.usage_type, '-', 1)
            )
        )
    left join units
        on d.unit = units.pricing_unit

)

select * from final
