-- stg_cur_tags: tag sets and cost categories of a Cost and Usage Report, once a distinct pair.
-- grain: payer, period, and tag_key, the hash of both maps
-- User-defined keys lose their prefix, the provider's own are 'aws:…'. Of keys that then are one the first counts.
with pairs as (

    select
        bill_payer_account_id as payer,
        coalesce(bill_billing_period_start_date, date_trunc('month', line_item_usage_start_date)) as period,
        hash(resource_tags, cost_category) as tag_key,
        any_value(resource_tags) as resource_tags,
        any_value(cost_category) as cost_category
    from raw
    where resource_tags is not null or cost_category is not null
    group by payer, period, tag_key

),

renamed as (

    select
        payer,
        period,
        tag_key,
        cost_category,
        list_transform(
            list_filter(map_entries(resource_tags), lambda e: e.value is not null and e.value <> ''),
            lambda e: { 'k': regexp_replace(regexp_replace(e.key, '^user[:_]', ''), '^aws[:_]', 'aws:'), 'v': e.value }
        ) as entries
    from pairs

),

cleaned as (

    select
        payer,
        period,
        tag_key,
        cost_category,
        map_from_entries(
            list_transform(
                list_distinct(list_transform(entries, lambda e: e.k)),
                lambda name: list_filter(entries, lambda e: e.k = name)[1]
            )
        ) as tags
    from renamed

),

final as (

    select
        payer as BillingAccountId,
        strftime(period, '%Y-%m') as x_billing_period,
        tag_key,
        tags as Tags,
        case when cardinality(tags) > 0 then tags_id(tags) end as x_tags_id,
        coalesce(tags['Name'], tags['name']) as resource_name,
        case when cardinality(cost_category) > 0 then cast(to_json(cost_category) as varchar) end as cost_categories
    from cleaned

)

select * from final
