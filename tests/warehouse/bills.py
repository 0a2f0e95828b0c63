"""Small bills as SQL: the charges of one unit, without files."""

from __future__ import annotations


def charges(source: str, account: str, period: str, rows: int, cost: str = "1.5", extra: str = "") -> str:
    """`rows` hourly charges of `cost` USD each, one after the other, on three machines."""
    return f"""
        select
            '{source}' as x_source, '{account}' as BillingAccountId, '{period}' as x_billing_period,
            '{period}-01'::timestamptz as BillingPeriodStart,
            '{period}-01'::timestamptz + i * interval 1 hour as ChargePeriodStart,
            '{period}-01'::timestamptz + (i + 1) * interval 1 hour as ChargePeriodEnd,
            'USD' as BillingCurrency, {cost}::decimal(38, 12) as BilledCost, {cost}::decimal(38, 12) as EffectiveCost,
            {cost}::decimal(38, 12) as ListCost, 'Usage' as ChargeCategory, 'Compute' as ServiceName,
            'i-' || (i % 3) as ResourceId, 'large' as x_instance_type, 't1' as x_tags_id{extra}
        from range({rows}) as hours (i)
    """
