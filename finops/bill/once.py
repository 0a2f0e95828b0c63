"""What the bill's last 30 days hold that was bought once: it is spend, and no month's spend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from finops.money import cents

LEAST_SHARE = Decimal("0.01")
"""Of a month's bill: less is not worth a sentence."""

NAMED = 3

BOUGHT_ONCE = """
    with bought as (
        select
            currency,
            service,
            concat_ws(chr(30), x_source, account_id, service, sku_id, commitment_id) as bought_for,
            charge_date as day,
            sum(effective_cost) as amount
        from resource_daily
        where
            charge_category = 'Purchase' and charge_date > $as_of::date - 65 and charge_date <= $as_of::date
        group by all
    ),
    counted as (
        select
            *,
            count(*) over (partition by currency, bought_for) as days
        from bought
    )
    select currency, service, day, cast(sum(amount) as decimal(38, 12)) as amount
    from counted
    where
        day > $as_of::date - 30 and amount > 0 and days < 7 -- more is a fee by the day
        and not exists (
            select 1
            from bought as before
            where
                before.currency = counted.currency
                and before.bought_for = counted.bought_for
                and before.day between counted.day - 34 and counted.day - 25
                and before.amount >= counted.amount / 2
        )
    group by currency, service, day
    order by currency, sum(amount) desc, day, service
"""
"""A purchase of which nothing half as large was made for the same thing about a month before."""


def once_notes(rows: Iterable[Mapping[str, Any]], currency: str, current: Decimal) -> tuple[str, ...]:
    """What of `current` was bought once; empty where that is little."""
    mine = [row for row in rows if row["currency"] == currency]
    total = cents(sum((row["amount"] for row in mine), Decimal(0)))
    if not mine or total < LEAST_SHARE * current:
        return ()
    named = ", ".join(_named(row["service"], row["day"], row["amount"]) for row in mine[:NAMED])
    more = f" and {len(mine) - NAMED} more" if len(mine) > NAMED else ""
    return (f"current holds {total:,} {currency} that was bought once, which is no month's spend: {named}{more}",)


def _named(service: str | None, day: date, amount: Decimal) -> str:
    return f"{service or 'no service'} {cents(amount):,} on {day}"
