-- stg_focus_invoice_detail: FOCUS 1.4 Invoice Detail → invoices. Voided lines are owed by nobody and left out.
-- grain: one row a line of an invoice
with raw as (

    select * from raw

),

final as (

    select
        InvoiceId as invoice_id,
        InvoiceIssuerName as issuer,
        BillingAccountId as billing_account_id,
        strftime(BillingPeriodStart + interval 1 day, '%Y-%m') as period,
        lower(ChargeCategory) as category,
        coalesce(InvoiceDetailDescription, InvoiceDetailId) as description,
        BilledCost as amount,
        upper(BillingCurrency) as currency
    from raw
    where coalesce(InvoiceIssueStatus, 'Issued') != 'Voided'

)

select * from final
