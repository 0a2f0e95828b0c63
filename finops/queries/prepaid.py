"""What was paid ahead for commitments, rolled forward: opening + bought − amortised = closing, a commitment and month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.queries.reads import Reads

ROLLED = """
    with lines as (
        select
            x_billing_period as period,
            lower(CommitmentDiscountId) as key,
            BillingCurrency as currency,
            min(CommitmentDiscountId) as commitment,
            min(ProviderName) as provider,
            min(BillingAccountId) as account,
            coalesce(sum(BilledCost) filter (where ChargeCategory = 'Purchase' and ChargeFrequency = 'One-Time'), 0) as bought,
            sum(EffectiveCost) - sum(BilledCost) as consumed
        from charges
        where CommitmentDiscountId is not null and ChargeCategory in ('Purchase', 'Usage')
        group by all
    ),
    rolled as (
        select
            *,
            bought + consumed as amortised,
            bool_or(bought != 0) over (partition by key, currency) as is_bought_here,
            sum(consumed) over (partition by key, currency) as consumed_ever,
            -sum(consumed) over (partition by key, currency order by period rows unbounded preceding) as closing
        from lines
    )
    select
        period,
        provider,
        account,
        commitment,
        currency,
        cast(case when is_bought_here then closing + consumed end as decimal(38, 12)) as opening,
        cast(bought as decimal(38, 12)) as bought,
        cast(amortised as decimal(38, 12)) as amortised,
        cast(case when is_bought_here then closing end as decimal(38, 12)) as closing
    from rolled
    where period between $first and $last and (is_bought_here or consumed_ever > 0)
    order by period, currency, provider, account, commitment
"""
"""What is paid as it goes costs effectively what is billed. A commitment bought before the bill begins is only amortised."""


@dataclass(frozen=True, slots=True)
class PrepaidRow:
    """One commitment in one billing period (YYYY-MM). `opening` and `closing` are None where its purchase is not loaded."""

    period: str
    provider: str
    account: str
    commitment: str
    currency: str
    opening: Decimal | None
    bought: Decimal
    amortised: Decimal
    closing: Decimal | None


def prepaid(reads: Reads, first: date, last: date) -> list[PrepaidRow]:
    """The months from that of `first` to that of `last`."""
    months = {"first": first.strftime("%Y-%m"), "last": last.strftime("%Y-%m")}
    return [PrepaidRow(**row) for row in reads.rows(ROLLED, months)]
