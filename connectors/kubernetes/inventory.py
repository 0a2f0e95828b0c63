"""Nodes and claimed volumes of a cluster, as kube-state-metrics knows them now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.kubernetes.nodes import node_of
from connectors.kubernetes.prometheus import QUERY, instant
from connectors.kubernetes.session import Connection
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

COLUMNS = ("observed_at", "resource_id", "provider", "region", "resource_type", "sku", "state", "attached_to", "properties")
GIB = float(1 << 30)
LABELS = {
    "region": "label_topology_kubernetes_io_region",
    "zone": "label_topology_kubernetes_io_zone",
    "sku": "label_node_kubernetes_io_instance_type",
    "architecture": "label_kubernetes_io_arch",
}
"""Well-known labels of nodes, as kube-state-metrics writes them where it is told to (`--metric-labels-allowlist`)."""

LAST = "5m"
CLAIM = "kube_persistentvolumeclaim"


def plan(_: Connection, __: Window) -> Sequence[Part]:
    return [Part("nodes", handle=nodes), Part("claims", handle=claims)]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    yield Rows(COLUMNS, [(window.end, *row) for row in part.handle(connection, window)])


def nodes(connection: Connection, window: Window) -> Iterator[tuple[object, ...]]:
    """One row a node; its machine, which the cloud's own inventory has, is `attached_to`."""
    labels = {str(each["node"]): each for each in _labels(connection, "kube_node_labels", window)}
    size: dict[str, dict[str, float]] = {}
    for element in _vector(connection, "kube_node_status_allocatable", window):
        said = element["metric"]
        size.setdefault(str(said.get("node", "")), {})[str(said.get("resource", ""))] = float(element["value"][1])
    cluster, label = connection.settings.cluster, connection.settings.pool_label
    for info in _labels(connection, "kube_node_info", window):
        name = str(info.get("node", ""))
        node, own, has = node_of(name, str(info.get("provider_id", ""))), labels.get(name, {}), size.get(name, {})
        gpus = sum(count for resource, count in has.items() if resource in ("nvidia_com_gpu", "amd_com_gpu"))
        properties = {
            "vcpu": has.get("cpu"),
            "memory_gib": round(has["memory"] / GIB, 3) if "memory" in has else None,
            "gpu_count": int(gpus) if gpus else None,
            "pool": own.get(label) if label else None,
            "zone": own.get(LABELS["zone"]),
            "architecture": own.get(LABELS["architecture"]),
            "version": info.get("kubelet_version"),
        }
        yield (
            f"{cluster}/{name}", node.provider, own.get(LABELS["region"]), "Kubernetes::Node", own.get(LABELS["sku"]),
            "present", node.machine or None, compact(properties),
        )  # fmt: skip


def claims(connection: Connection, window: Window) -> Iterator[tuple[object, ...]]:
    """One row a claim of storage, with the phase that says whether anything can use it."""
    asked = _vector(connection, f"{CLAIM}_resource_requests_storage_bytes", window)
    size = {_claim(element["metric"]): float(element["value"][1]) for element in asked}
    phases = _vector(connection, f"{CLAIM}_status_phase", window)
    phase = {_claim(e["metric"]): e["metric"].get("phase") for e in phases if float(e["value"][1]) == 1}
    for info in _labels(connection, f"{CLAIM}_info", window):
        claim = _claim(info)
        properties = {"size_gib": size[claim] / GIB if claim in size else None, "pvc": claim, "pvc_phase": phase.get(claim)}
        yield (
            f"{connection.settings.cluster}/{claim}", "Kubernetes", None, "Kubernetes::PersistentVolumeClaim",
            info.get("storageclass"), phase.get(claim), info.get("volumename") or None, compact(properties),
        )  # fmt: skip


def _claim(labels: Mapping[str, Any]) -> str:
    return f"{labels.get('namespace', '')}/{labels.get('persistentvolumeclaim', '')}"


def _vector(connection: Connection, metric: str, window: Window) -> list[Mapping[str, Any]]:
    return instant(connection, f"last_over_time({metric}{{{connection.settings.selector}}}[{LAST}])", window.end)


def _labels(connection: Connection, metric: str, window: Window) -> list[Mapping[str, Any]]:
    """The labels of an info metric, each thing once."""
    found: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for element in _vector(connection, metric, window):
        said = element["metric"]
        found.setdefault((said.get("node"), said.get("namespace"), said.get("persistentvolumeclaim")), said)
    return list(found.values())


INVENTORY = Stream(
    name="inventory",
    title="nodes and claims",
    table="resources",
    divided="snapshot",
    permissions=(QUERY,),
    plan=plan,
    fetch=fetch,
    wanted=lambda settings: bool(settings.url),
)
