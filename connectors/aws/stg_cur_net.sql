-- stg_cur_net: the units of a Cost and Usage Report that has net columns, and whether these say the same total as the bill.
-- grain: payer, period, currency
-- Net columns or discount rows, never both: net ones (`is_net`) where sum(net) without the discount rows is sum(unblended) with
-- them, to half a cent, or where there are no discount rows and net costs are lower: the export was made without discounts.
-- `untold` is the difference. Lines with neither a net cost nor a discount add nothing to it and are not read.
with lines as (

    select
        bill_payer_account_id as payer,
        coalesce(bill_billing_period_start_date, date_trunc('month', line_item_usage_start_date)) as period,
        coalesce(line_item_currency_code, 'USD') as currency,
        coalesce(line_item_line_item_type, '') like '%Discount' as is_discount,
        line_item_net_unblended_cost as net,
        line_item_unblended_cost as unblended
    from raw
    where line_item_net_unblended_cost is not null or line_item_line_item_type like '%Discount'

),

summed as (

    select
        payer,
        period,
        currency,
        count(*) filter (where is_discount) as discounts,
        coalesce(sum(net - unblended) filter (where not is_discount), 0)
        - coalesce(sum(unblended) filter (where is_discount), 0) as untold
    from lines
    group by all
    having count(net) > 0

),

final as (

    select
        *,
        abs(untold) <= 0.005 or (discounts = 0 and untold < 0) as is_net
    from summed

)

select * from final
