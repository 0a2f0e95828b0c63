"""What the parts of a shared machine cost: the pods of a cluster's nodes, and what no pod asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.queries.reads import Reads

IDLE = "(idle)"

LINES = """
    with split as (
        select distinct lower(ResourceId) as node from charges
        where AllocatedMethodId is not null and cast(ChargePeriodStart as date) between $first and $last
    ),
    told as (
        select
            lower(resource_id) as node,
            cast(timestamp as date) as day,
            coalesce(json_extract_string(dimensions, '$.node'), '') as member,
            json_extract_string(dimensions, '$.namespace') || '/' || json_extract_string(dimensions, '$.pod') as part,
            avg(value) as ratio
        from metrics
        where metric = 'node_share' and cast(timestamp as date) between $first and $last
        group by all
    ),
    members as (select node, day, count(distinct member) as number from told group by all),
    measured as (
        select told.node, told.day, told.part, cast(sum(told.ratio / members.number) as decimal(38, 12)) as ratio
        from told
        inner join members on told.node = members.node and told.day = members.day
        where told.node not in (select node from split)
        group by all
    ),
    lines as (
        select
            lower(ResourceId) as node,
            cast(ChargePeriodStart as date) as day,
            BillingCurrency as currency,
            AllocatedMethodId as method,
            AllocatedResourceId as part,
            coalesce(
                cast(json_extract_string(AllocatedMethodDetails, '$.Elements[0].AllocatedRatio') as decimal(38, 12)), 0
            ) as ratio,
            cast(cast(json_extract_string(AllocatedMethodDetails, '$.Elements[0].x_SplitCost') as double) as decimal(38, 12))
                as split,
            cast(cast(json_extract_string(AllocatedMethodDetails, '$.Elements[0].x_UnusedCost') as double) as decimal(38, 12))
                as unused,
            EffectiveCost as cost
        from charges
        where cast(ChargePeriodStart as date) between $first and $last and ChargeCategory = 'Usage' and (
            lower(ResourceId) in (select node from split)
            or (lower(ResourceId), cast(ChargePeriodStart as date)) in (select node, day from measured)
        )
    )
"""
"""The lines of nodes that are shared out: those that the bill splits itself, else those whose pods' parts (0–1) were measured.

`split` is the bill's own amount of a part, beside which stands what it bears of the `unused` that nobody asked for; where the
bill tells no amounts, a ratio. A measured node counts on the days that were measured: of the others nobody knows what was idle.
"""

SHARES = (
    LINES
    + """,
    nodes as (
        select node, day, currency, cast(sum(cost) as decimal(38, 12)) as cost from lines where part is null group by all
    ),
    parts as (
        select
            node,
            day,
            part,
            cast(sum(ratio) as decimal(38, 12)) as ratio,
            cast(sum(split) as decimal(38, 12)) as split,
            cast(sum(unused) as decimal(38, 12)) as unused
        from lines
        where part is not null
        group by all
        union all
        select node, day, part, ratio, null as split, null as unused from measured
    ),
    asked as (
        select
            node,
            day,
            sum(ratio) as ratio,
            cast(sum(split) as decimal(38, 12)) as split,
            cast(coalesce(sum(unused), 0) as decimal(38, 12)) as unused
        from parts
        group by node, day
    ),
    shares as (
        select
            nodes.*,
            parts.part,
            -- parts are never more than the whole: where more was asked for, everybody's part shrinks
            case
                when asked.split > 0
                    then coalesce(parts.split, 0) / greatest(nodes.cost, asked.split + asked.unused)
                else parts.ratio / greatest(1, asked.ratio)
            end as share
        from nodes
        inner join parts on nodes.node = parts.node and nodes.day = parts.day
        inner join asked on nodes.node = asked.node and nodes.day = asked.day
    )
    select currency, part, cast(sum(cost * share) as decimal(38, 12)) as cost from shares group by all
"""
)

NODES = (
    LINES
    + """
    select currency, cast(sum(cost) as decimal(38, 12)) as cost from lines where method is null group by currency
"""
)


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
        rows.append(PodRow(row["part"], row["currency"], row["cost"]))
        spare[row["currency"]] -= row["cost"]
    rows.sort(key=lambda row: (row.currency, -row.cost, row.part))
    return [*rows, *(PodRow(IDLE, currency, cost) for currency, cost in sorted(spare.items()))]
