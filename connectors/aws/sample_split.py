"""Split cost allocation of the sample company's Kubernetes nodes: what each pod asked for, and its part of what none did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from connectors.aws.sample_columns import Row, Rows
from finops.sample.estate import Estate
from finops.sample.usage import PLACES, identity

KEPT = ("Usage", "SavingsPlanCoveredUsage")

CPU_WEIGHT = 9
"""A vCPU counts as nine GB, as in the prices of Fargate. (AWS Data Exports guide, example of split cost allocation data.)"""


def split_rows(estate: Estate, period: date, rows: Sequence[Rows]) -> list[Rows]:
    """Two rows a pod group, node and day, of its vCPUs and of its memory, in the months for which the export has them.

    Of a node, split and unused cost together are its amortised cost.
    """
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
        pods = {pod: Decimal(str(share)) for pod, share in node.native["pods"].items()}
        for pod, share in pods.items():
            parts = _split(r.row, pod, share, share / sum(pods.values()), hours)
            found += [Rows(row, days, timedelta(days=1)) for row in parts]
    return found


def _split(node: Row, pod: str, share: Decimal, of_unused: Decimal, hours: Decimal) -> list[Row]:
    """The rows of a pod group on a day of so many hours: it has `share` of the node, and bears `of_unused` of what is left."""
    cpus, gigabytes = Decimal(node["product"]["vcpu"]), Decimal(node["product"]["memory"].split()[0])
    whole = CPU_WEIGHT * cpus + gigabytes
    rows = []
    for unit, amount, weight in (("vCPU-Hours", cpus, CPU_WEIGHT * cpus / whole), ("GB-Hours", gigabytes, gigabytes / whole)):
        usage = float((amount * share * hours).quantize(PLACES))
        told = {
            "split_line_item_parent_resource_id": node["line_item_resource_id"],
            "split_line_item_split_usage": usage,
            "split_line_item_split_usage_ratio": float(share),
        }
        rows.append(_pod(node, pod, unit, usage) | told | _costs(node, hours * weight, share, of_unused))
    return rows


def _pod(node: Row, pod: str, unit: str, usage: float) -> Row:
    """A line of a pod, which costs nothing by itself: its machine does."""
    kept = {name: value for name, value in node.items() if name.startswith(("bill_", "line_item_"))}
    zero = dict.fromkeys(("line_item_unblended_cost", "line_item_blended_cost", "line_item_net_unblended_cost"), 0.0)
    return (
        kept
        | zero
        | {name: {} for name in ("product", "resource_tags", "cost_category", "discount")}
        | {
            "identity_line_item_id": identity(node["identity_line_item_id"], pod, unit),
            "line_item_line_item_type": "Usage",
            "line_item_product_code": "AmazonEKS",
            "line_item_usage_type": f"USE1-EKS-EC2-{unit}",
            "line_item_operation": "EKSPod-EC2",
            "line_item_resource_id": f"arn:aws:eks:us-east-1:{node['line_item_usage_account_id']}:pod/{pod}",
            "line_item_usage_amount": usage,
            "pricing_unit": unit,
        }
    )


def _costs(node: Row, hours: Decimal, share: Decimal, of_unused: Decimal) -> Row:
    """The pod's part of so many hours of the node, and its part of what none asked for, before and after discounts."""
    costs: Row = {}
    for net in ("", "net_"):
        cost = _amortised(node, net) * hours
        costs[f"split_line_item_{net}split_cost"] = float((cost * share).quantize(PLACES))
        costs[f"split_line_item_{net}unused_cost"] = float((cost * (of_unused - share)).quantize(PLACES))
    return costs


def _amortised(row: Row, net: str) -> Decimal:
    """What an hour of the node costs, at the rate of the plan that covers it."""
    name = f"line_item_{net}unblended_cost"
    if row["line_item_line_item_type"] == "SavingsPlanCoveredUsage":
        name = f"savings_plan_{net}savings_plan_effective_cost"
    return Decimal(repr(row[name]))
