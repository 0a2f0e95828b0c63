"""What the parts of a shared machine cost: the pods of a cluster's nodes, and what no pod asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.queries.reads import Reads

IDLE = "(idle)"

SHARES = """
    with lines as (
        select
            ResourceId as node,
            cast(ChargePeriodStart as date) as day,
            BillingCurrency as currency,
            AllocatedResourceId as part,
            coalesce(
                cast(json_extract_string(AllocatedMethodDetails, '$.Elements[0].AllocatedRatio') as decimal(38, 12)), 0
            ) as ratio,
            EffectiveCost as cost
        from charges
        where
            cast(ChargePeriodStart as date) between $first and $last and ChargeCategory = 'Usage' and ResourceId in (
                select ResourceId from charges
                where AllocatedMethodId is not null and cast(ChargePeriodStart as date) between $first and $last
            )
    ),
    nodes as (
        select node, day, currency, cast(sum(cost) as decimal(38, 12)) as cost from lines where part is null group by all
    ),
    parts as (
        select node, day, part, cast(sum(ratio) as decimal(38, 12)) as ratio from lines where part is not null group by all
    ),
    shares as (
        select
            nodes.*,
            parts.part,
            -- more than the whole was asked for: everybody's part shrinks
            parts.ratio / greatest(1, sum(parts.ratio) over (partition by nodes.node, nodes.day, nodes.currency)) as share
        from nodes
        inner join parts on nodes.node = parts.node and nodes.day = parts.day
    )
    select currency, part, cast(sum(cost * share) as decimal(38, 12)) as cost from shares group by all
"""

NODES = """
    select currency, cast(sum(cost) as decimal(38, 12)) as cost from (
        select
            BillingCurrency as currency,
            EffectiveCost as cost
        from charges
        where
            cast(ChargePeriodStart as date) between $first and $last and ChargeCategory = 'Usage'
            and AllocatedMethodId is null and ResourceId in (
                select ResourceId from charges
                where AllocatedMethodId is not null and cast(ChargePeriodStart as date) between $first and $last
            )
    )
    group by currency
"""


@dataclass(frozen=True, slots=True)
class PodRow:
    """One part's cost; `(idle)` is what of the nodes nobody asked for. The rows of a currency sum to its nodes, exactly."""

    part: str
    currency: str
    cost: Decimal


def pods(reads: Reads, first: date, last: date) -> list[PodRow]:
    """Each pod's part of the nodes that the bill splits, largest first, and what is left of them."""
    asked = {"first": first, "last": last}
    nodes = {row["currency"]: row["cost"] for row in reads.rows(NODES, asked)}
    rows: list[PodRow] = []
    spare = dict(nodes)
    for row in reads.rows(SHARES, asked):
        unasked = row["part"].rpartition("/")[2].lower() in UNASKED
        if not unasked:
            rows.append(PodRow(row["part"], row["currency"], row["cost"]))
            spare[row["currency"]] -= row["cost"]
    rows.sort(key=lambda row: (row.currency, -row.cost, row.part))
    return [*rows, *(PodRow(IDLE, currency, cost) for currency, cost in sorted(spare.items()))]


UNASKED: Sequence[str] = ("unallocated", "unused", "idle")
"""Names under which bills split what no pod asked for."""
