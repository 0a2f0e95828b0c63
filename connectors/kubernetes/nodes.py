"""Nodes of a cluster, and what the bill calls their machines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from connectors.kubernetes.prometheus import instant
from connectors.kubernetes.session import Connection
from finops.window import Window

SCALE_SET = re.compile(r"(?i)(/virtualMachineScaleSets/[^/]+)/virtualMachines/[^/]+$")


@dataclass(frozen=True, slots=True)
class Node:
    """`machine` is the bill's id of it; '' where its provider gives none. `shared`: several nodes bear one (of a scale set)."""

    name: str
    machine: str
    provider: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Nodes:
    """By name and by address, over a window."""

    found: dict[str, Node]
    cluster: str

    def of(self, label: str) -> tuple[str, dict[str, str]]:
        """The resource of a node's name or `address:port`, with the dimensions that tell nodes of one resource apart."""
        node = self.found.get(label) or self.found.get(label.rpartition(":")[0] if ":" in label else label)
        if node is None or not node.machine:
            return f"{self.cluster}/{node.name if node else label.rpartition(':')[0] or label}", {}
        return node.machine, {"node": node.name} if node.shared else {}


def nodes_of(connection: Connection, window: Window) -> Nodes:
    """Every node that there was in the window; asked once a window."""
    with connection.lock:
        key = f"nodes {window.start} {window.end}"
        if key not in connection.known:
            seconds = int((window.end - window.start).total_seconds())
            selector = connection.settings.selector
            vector = instant(connection, f"last_over_time(kube_node_info{{{selector}}}[{seconds}s])", window.end)
            connection.known[key] = Nodes(_named(vector), connection.settings.cluster)
        nodes: Nodes = connection.known[key]
        return nodes


def _named(vector: list[Any]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for element in vector:
        labels = element["metric"]
        node = node_of(str(labels.get("node", "")), str(labels.get("provider_id", "")))
        found[node.name] = node
        if labels.get("internal_ip"):
            found[str(labels["internal_ip"])] = node
    return found


def node_of(name: str, provider_id: str) -> Node:
    """`aws:///us-east-1a/i-0a1b` → the instance; `azure:///subscriptions/…` → the ARM id; `gce://p/zone/name` → its name."""
    scheme, _, rest = provider_id.partition("://")
    if scheme == "aws":
        return Node(name, rest.rsplit("/", 1)[-1], "AWS")
    if scheme == "azure":
        whole = SCALE_SET.sub(r"\1", rest)
        return Node(name, whole, "Microsoft Azure", shared=whole != rest)
    if scheme == "gce" and rest.count("/") == 2:
        project, zone, instance = rest.split("/")
        path = f"projects/{project}/zones/{zone}/instances/{instance}"
        return Node(name, f"//compute.googleapis.com/{path}", "Google Cloud")
    return Node(name, "", "Kubernetes")
