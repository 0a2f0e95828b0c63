-- commitment_fee_not_carried: the effective cost of a commitment is at least its recurring fees of the same hours.
-- reads: charges
-- severity: warning
--
-- Over the same hours, used and unused effective cost = recurring fees + amortized upfront payment. The payment may be in an
-- earlier bill, so an excess proves nothing; a shortfall does. Judged only where a recurring purchase spans all use of the
-- commitment, and use of the source reaches the purchase's end: a fee for a month that runs over two billing periods, or is
-- not over, has part of its use elsewhere; a fee of one day may be a month's, booked on that day, and is not
-- judged.
-- Tolerance: a cent, or a thousandth of the fees, for rates that exports round.
with charges as (

    select * from charges

),

reach as (

    select
        x_source,
        x_billing_period,
        max(ChargePeriodEnd) as reached
    from charges
    where ChargeCategory = 'Usage'
    group by x_source, x_billing_period

),

commitments as (

    select
        x_source,
        x_billing_period,
        CommitmentDiscountId,
        BillingCurrency,
        cast(coalesce(sum(BilledCost) filter (where fee), 0) as decimal(38, 12)) as recurring_fees,
        cast(sum(EffectiveCost) as decimal(38, 12)) as effective_cost,
        bool_or(ChargePeriodEnd - ChargePeriodStart = interval 1 day) filter (where fee) as booked_on_a_day,
        min(ChargePeriodStart) filter (where fee) as fee_start,
        max(ChargePeriodEnd) filter (where fee) as fee_end,
        min(ChargePeriodStart) filter (where ChargeCategory = 'Usage') as use_start,
        max(ChargePeriodEnd) filter (where ChargeCategory = 'Usage') as use_end
    from (
        select
            *,
            ChargeCategory = 'Purchase' and coalesce(ChargeFrequency, '') = 'Recurring' as fee
        from charges
        where CommitmentDiscountId is not null
    ) as lines
    group by x_source, x_billing_period, CommitmentDiscountId, BillingCurrency

),

final as (

    select
        commitments.x_source,
        commitments.x_billing_period,
        commitments.CommitmentDiscountId,
        commitments.BillingCurrency,
        commitments.recurring_fees,
        commitments.effective_cost
    from commitments
    inner join reach
        on
            commitments.x_source = reach.x_source
            and commitments.x_billing_period = reach.x_billing_period
    where
        not commitments.booked_on_a_day
        and commitments.fee_start <= coalesce(commitments.use_start, commitments.fee_start)
        and commitments.fee_end >= coalesce(commitments.use_end, commitments.fee_end)
        and commitments.fee_end <= reach.reached
        and commitments.effective_cost
        < commitments.recurring_fees - greatest(0.01, commitments.recurring_fees * 0.001)

)

select * from final
