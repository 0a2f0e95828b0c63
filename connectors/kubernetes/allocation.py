"""OpenCost's allocation by the day: what namespaces asked for and used on each node, and each pod's part of its node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.kubernetes.failures import answered
from connectors.kubernetes.nodes import node_of
from connectors.kubernetes.session import Connection
from connectors.kubernetes.utilization import COLUMNS
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

ALLOCATION = "opencost:allocation"
PATH = "/allocation/compute"
DAY_S = 86_400
IDLE = "__idle__"
"""What of a node nobody was allocated (OpenCost specification)."""

GIB = float(1 << 30)
FIELDS = {
    "cpu_requested_cores": ("cpuCoreRequestAverage", 1.0),
    "cpu_used_cores": ("cpuCoreUsageAverage", 1.0),
    "memory_requested_gib": ("ramByteRequestAverage", GIB),
    "memory_used_gib": ("ramByteUsageAverage", GIB),
}
SHARE = "node_share"


@dataclass(frozen=True, slots=True)
class Allocated:
    """One allocation of a day. `cost` is at OpenCost's own prices: only its proportion within the node is taken."""

    node: str
    resource: str
    shared: bool
    namespace: str
    pod: str
    cost: float
    minutes: float
    amounts: Mapping[str, float]


def plan(_: Connection, window: Window) -> Sequence[Part]:
    """One part a day: an answer holds every pod of a day."""
    days = int((window.end - window.start).total_seconds() // DAY_S)
    starts = [datetime.fromtimestamp(window.start.timestamp() + n * DAY_S, window.start.tzinfo) for n in range(days)]
    return [Part(f"{start:%Y-%m-%d} allocation", handle=start) for start in starts]


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Rows]:
    start: datetime = part.handle
    end = datetime.fromtimestamp(start.timestamp() + DAY_S, start.tzinfo)
    base = connection.settings.opencost_url or ""
    asked = {
        "window": f"{start:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ}",
        "aggregate": "node,namespace,pod",
        "step": "1d",
        "resolution": "10m",
        "includeIdle": "true",
        "idleByNode": "true",
    }
    document = connection.get(base, PATH, ALLOCATION, asked)
    sets = document.get("data") if isinstance(document, dict) and document.get("code") == 200 else None
    if not isinstance(sets, list):
        raise answered(200, b"", ALLOCATION, f"{base}{PATH}", connection.secrets())
    found = [_allocated(name, entry, connection.settings.cluster) for each in sets for name, entry in (each or {}).items()]
    by_node: dict[str, list[Allocated]] = defaultdict(list)
    for allocated in found:
        if allocated.node:
            by_node[allocated.node].append(allocated)
    for several in by_node.values():
        yield Rows(COLUMNS, [(r, start, DAY_S, metric, d, "avg", v) for r, metric, d, v in _rows(several)])


def _allocated(name: str, entry: Mapping[str, Any], cluster: str) -> Allocated:
    said = entry.get("properties") or {}
    node = node_of(str(said.get("node") or ""), str(said.get("providerID") or ""))
    machine = node.machine or str(said.get("providerID") or "") or f"{cluster}/{node.name}"
    idle = IDLE in name
    minutes = float(entry.get("minutes") or 0.0)
    cost = sum(float(entry.get(part) or 0.0) for part in ("cpuCost", "gpuCost", "ramCost"))
    amounts = {metric: float(entry.get(field) or 0.0) / unit for metric, (field, unit) in FIELDS.items()}
    namespace, pod = str(said.get("namespace") or ""), str(said.get("pod") or "")
    return Allocated(node.name, machine, node.shared, IDLE if idle else namespace, "" if idle else pod, cost, minutes, amounts)


def _rows(node: Sequence[Allocated]) -> Iterator[tuple[str, str, str, float]]:
    """Resource, metric, dimensions, value. Averages are over the minutes that a pod ran: they are weighted to the day."""
    told = {"node": node[0].node} if node[0].shared else {}
    resource = next((each.resource for each in node if each.namespace != IDLE), node[0].resource)
    whole = sum(each.cost for each in node)
    sums: dict[tuple[str, str], float] = defaultdict(float)
    pods: dict[tuple[str, str], float] = defaultdict(float)
    for each in node:
        if each.namespace == IDLE:
            continue
        for metric, amount in each.amounts.items():
            sums[metric, each.namespace] += amount * min(1.0, each.minutes / (DAY_S / 60))
        if each.pod and whole > 0:
            pods[each.namespace, each.pod] += each.cost / whole
    for (metric, namespace), amount in sorted(sums.items()):
        yield resource, metric, compact(told | {"namespace": namespace}), amount
    for (namespace, pod), share in sorted(pods.items()):
        yield resource, SHARE, compact(told | {"namespace": namespace, "pod": pod}), share


ALLOCATIONS = Stream(
    name="allocation",
    title="OpenCost allocations",
    table="metrics",
    divided="day",
    permissions=(ALLOCATION,),
    plan=plan,
    fetch=fetch,
    reach_days=15,  # OpenCost computes from Prometheus, which keeps so many days by default
    restates_days=1,
    wanted=lambda settings: bool(settings.opencost_url),
)
