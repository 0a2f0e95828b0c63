-- stg_cur_plan_hours: what each savings plan covered each hour, and what negation rows leave of its on-demand cost.
-- grain: payer, period, currency, plan, starts_at
with lines as (

    select
        *,
        coalesce(line_item_currency_code, 'USD') as currency,
        coalesce(bill_billing_period_start_date, date_trunc('month', line_item_usage_start_date)) as period_start
    from raw
    where line_item_line_item_type in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'SavingsPlanRecurringFee')

),

typed as (

    select
        l.bill_payer_account_id as payer,
        l.period_start as period,
        l.currency,
        l.line_item_line_item_type as kind,
        coalesce(l.savings_plan_savings_plan_a_r_n, '') as plan,
        l.line_item_usage_start_date as starts_at,
        l.line_item_usage_end_date as ends_at,
        l.bill_invoice_id as invoice_id,
        case
            when n.payer is not null then coalesce(l.line_item_net_unblended_cost, l.line_item_unblended_cost)
            else l.line_item_unblended_cost
        end as cost,
        case
            when n.payer is not null
                then coalesce(l.savings_plan_net_savings_plan_effective_cost, l.savings_plan_savings_plan_effective_cost)
            else l.savings_plan_savings_plan_effective_cost
        end as effective
    from lines as l
    left join stg_cur_net as n
        on l.bill_payer_account_id = n.payer and l.period_start = n.period and l.currency = n.currency

),

final as (

    select
        payer,
        period,
        currency,
        plan,
        starts_at,
        max(ends_at) as ends_at,
        any_value(invoice_id) as invoice_id,
        count(*) filter (where kind = 'SavingsPlanNegation') as negations,
        cast(coalesce(sum(cost) filter (where kind <> 'SavingsPlanRecurringFee'), 0) as decimal(38, 12)) as residual,
        cast(coalesce(sum(effective) filter (where kind = 'SavingsPlanCoveredUsage'), 0) as decimal(38, 12)) as covered,
        cast(sum(cost) filter (where kind = 'SavingsPlanRecurringFee') as decimal(38, 12)) as fee
    from typed
    group by all

)

select * from final
