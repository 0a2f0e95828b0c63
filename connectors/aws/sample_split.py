"""Split cost allocation of the sample company's Kubernetes nodes: what pods used of a node, and what none used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from connectors.aws.sample_columns import Row, Rows
from finops.sample.estate import Estate
from finops.sample.usage import PLACES, identity

KEPT = ("Usage", "SavingsPlanCoveredUsage")


def split_rows(estate: Estate, period: date, rows: Sequence[Rows]) -> list[Rows]:
    """One row a pod group and one for idle, a node and day, in the months for which the export has split cost allocation."""
    facts = estate.providers["aws"].get("split", {})
    if not facts or period < facts["from"]:
        return []
    nodes = {r.id: r for r in estate.of("aws") if "pods" in r.native}
    found = []
    for r in rows:
        node = nodes.get(r.row.get("line_item_resource_id", ""))
        if node is None or r.row["line_item_line_item_type"] not in KEPT:
            continue
        days = tuple(start for start in r.starts if start.hour == 0)
        hours = Decimal(len(r.starts)) / Decimal(max(len(days), 1))
        cost = Decimal(repr(r.row["pricing_public_on_demand_cost"])) * hours
        for pod, share in node.native["pods"].items():
            found.append(Rows(_split(r.row, pod, Decimal(str(share)), cost), days, timedelta(days=1)))
    return found


def _split(node: Row, pod: str, share: Decimal, cost: Decimal) -> Row:
    parent = node["line_item_resource_id"]
    kept = {name: value for name, value in node.items() if name.startswith(("bill_", "line_item_", "product"))}
    zero = dict.fromkeys(("line_item_unblended_cost", "line_item_blended_cost", "line_item_net_unblended_cost"), 0.0)
    return (
        kept
        | zero
        | {
            "identity_line_item_id": identity(node["identity_line_item_id"], pod),
            "line_item_line_item_type": "Usage",
            "line_item_resource_id": f"arn:aws:eks:us-east-1:{node['line_item_usage_account_id']}:pod/{pod}",
            "line_item_usage_amount": float(share),
            "resource_tags": {},
            "cost_category": {},
            "discount": {},
            "split_line_item_parent_resource_id": parent,
            "split_line_item_split_usage": float(share),
            "split_line_item_split_usage_ratio": float(share),
            "split_line_item_split_cost": float((cost * share).quantize(PLACES)),
        }
    )
