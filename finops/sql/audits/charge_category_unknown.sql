-- charge_category_unknown: every charge has one of FOCUS's charge categories.
-- reads: charges
-- severity: error
with charges as (

    select * from charges

),

final as (

    select
        x_source,
        x_billing_period,
        ChargeCategory,
        count(*) as rows
    from charges
    where ChargeCategory is null or ChargeCategory not in ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')
    group by all

)

select * from final
