-- stg_focus_contract_commitment: FOCUS 1.4 Contract Commitment → commitments.
-- grain: one row a commitment and date of observation
-- The cost of a commitment is that of its whole term: an even hourly amount, a share of it paid at the start.
with raw as (

    select * from raw

),

timed as (

    select
        *,
        cast(date_diff('hour', ContractCommitmentPeriodStart, ContractCommitmentPeriodEnd) as double) as hours,
        case ContractCommitmentPaymentModel
            when 'No Upfront' then 0
            when 'All Upfront' then 1
            else ContractCommitmentPaymentUpfrontPercentage
        end as upfront_share
    from raw

),

final as (

    select
        ContractCommitmentLastUpdated as observed_at,
        ContractCommitmentId as commitment_id,
        ServiceProviderName as provider,
        lower(replace(ContractCommitmentType, ' ', '_')) as instrument,
        ContractCommitmentApplicability as scope,
        ContractCommitmentQuantity as quantity,
        case
            when ContractCommitmentCategory = 'Spend'
                then cast(cast(ContractCommitmentCost as double) / nullif(hours, 0) as decimal(38, 12))
        end as hourly_commitment,
        coalesce(ContractCommitmentUnit, upper(BillingCurrency)) as unit,
        ContractCommitmentPeriodStart as term_start,
        ContractCommitmentPeriodEnd as term_end,
        case ContractCommitmentPaymentModel
            when 'No Upfront' then 'none'
            when 'Partial Upfront' then 'partial'
            when 'All Upfront' then 'all'
        end as payment,
        cast(cast(ContractCommitmentCost as double) * cast(upfront_share as double) as decimal(38, 12)) as upfront,
        cast(
            cast(ContractCommitmentCost as double) * (1 - cast(upfront_share as double)) / nullif(hours, 0) as decimal(38, 12)
        ) as recurring,
        upper(BillingCurrency) as currency
    from timed

)

select * from final
