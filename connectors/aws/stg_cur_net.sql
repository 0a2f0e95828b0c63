-- stg_cur_net: the units of a Cost and Usage Report whose net columns say the same total as the bill.
-- grain: payer, period, currency
-- Net columns or discount rows, never both: net ones only where sum(net) without the discount rows is sum(unblended) with
-- them, to half a cent. Lines with neither a net cost nor a discount add nothing to the difference and are not read.
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

final as (

    select
        payer,
        period,
        currency,
        count(*) filter (where is_discount) as discounts
    from lines
    group by all
    having
        count(net) > 0
        and abs(
            coalesce(sum(net - unblended) filter (where not is_discount), 0)
            - coalesce(sum(unblended) filter (where is_discount), 0)
        ) <= 0.005

)

select * from final
