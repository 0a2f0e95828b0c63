"""Compute Engine's things and Kubernetes Engine's: machines, disks, snapshots, addresses, groups, clusters, pools, gateways."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.gcp.machines import machine
from connectors.gcp.resources import GROUP, Asset, Kind, Known, Resource, labels, last, named, when, whole

SYSTEMS = (
    ("windows-sql", "Windows with SQL Server"),
    ("windows", "Windows"),
    ("rhel", "RHEL"),
    ("sles", "SUSE"),
    ("ubuntu-pro", "Ubuntu Pro"),
)
"""Words of a licence → operating system; a licence that costs nothing is Linux."""


def instance(asset: Asset, _: Known) -> Resource:
    data = asset.data
    kind = last(data.get("machineType")) or ""
    scheduling = data.get("scheduling") or {}
    spot = scheduling.get("provisioningModel") == "SPOT" or bool(scheduling.get("preemptible"))
    return Resource(
        type=asset.type,
        sku=kind or None,
        state=data.get("status"),
        created_at=when(data.get("creationTimestamp")),
        attached_to=_owner(asset),
        tags=labels(data.get("labels")),
        properties={
            "operating_system": _system(data.get("disks") or ()),
            "zone": last(data.get("zone")),
            "lifecycle": "spot" if spot else "on-demand",
            **machine(kind, _attached(data.get("guestAccelerators"))),
        },
    )


def _owner(asset: Asset) -> str | None:
    """The node pool or the group that made a machine: its bill is theirs."""
    own = labels(asset.data.get("labels"))
    cluster, pool, place = (own.get(f"goog-k8s-{name}") for name in ("cluster-name", "node-pool-name", "cluster-location"))
    project = re.search(r"/projects/([^/]+)", asset.name)
    if cluster and pool and project:
        inside = f"locations/{place or asset.region}/clusters/{cluster}/nodePools/{pool}"
        return f"//container.googleapis.com/projects/{project[1]}/{inside}"
    items = asset.at("metadata", "items") or ()
    made = next((str(each.get("value")) for each in items if each.get("key") == "created-by"), "")
    if project and (found := re.fullmatch(r"projects/[^/]+/(.+/instanceGroupManagers/.+)", made)):
        return f"//compute.googleapis.com/projects/{project[1]}/{found[1]}"
    return None


def _system(disks: Sequence[Mapping[str, Any]]) -> str | None:
    """None where no boot disk is known."""
    boot = next((disk for disk in disks if disk.get("boot")), None)
    if boot is None:
        return None
    licences = " ".join(last(url) or "" for url in boot.get("licenses") or ())
    return next((system for word, system in SYSTEMS if word in licences), "Linux")


def _attached(entries: object) -> dict[str, float]:
    """`[{acceleratorType, acceleratorCount}]` as type → number."""
    several = entries if isinstance(entries, list) else []
    return {str(last(each.get("acceleratorType"))): float(each.get("acceleratorCount") or 0) for each in several}


def disk(asset: Asset, _: Known) -> Resource:
    data = asset.data
    users = [named(url) for url in data.get("users") or ()]
    kind = last(data.get("type"))
    return Resource(
        type="compute.googleapis.com/Disk",  # regional ones too: they are disks, in two zones
        sku=kind,
        state=data.get("status"),
        created_at=when(data.get("creationTimestamp")),
        attached_to=users[0] if users else None,
        tags=labels(data.get("labels")),
        properties={
            "size_gib": whole(data.get("sizeGb")),
            "iops": whole(data.get("provisionedIops")),
            "throughput_mibps": whole(data.get("provisionedThroughput")),
            "volume_type": kind,
            "zone": last(data.get("zone")),
            "zones": len(data["replicaZones"]) if data.get("replicaZones") else None,
            "multi_attach": len(users) if len(users) > 1 else None,
            "pvc": _claim(data.get("description")),
        },
    )


def _claim(description: object) -> str | None:
    """The claim that a volume of Kubernetes belongs to: its driver writes it into the description."""
    try:
        written = json.loads(str(description or ""))
    except ValueError:
        return None
    prefix = "kubernetes.io/created-for/pvc/"
    names = (
        [written[f"{prefix}{part}"] for part in ("namespace", "name") if f"{prefix}{part}" in written]
        if isinstance(written, dict)
        else []
    )
    return "/".join(map(str, names)) or None


def snapshot(asset: Asset, _: Known) -> Resource:
    data = asset.data
    stored = whole(data.get("storageBytes"))
    return Resource(
        type=asset.type,
        sku=str(data.get("snapshotType") or "STANDARD").lower(),
        state=data.get("status"),
        created_at=when(data.get("creationTimestamp")),
        attached_to=named(data.get("sourceDisk")),
        tags=labels(data.get("labels")),
        properties={
            "size_gib": whole(data.get("diskSizeGb")),
            "stored_gib": None if stored is None else round(stored / 2**30, 6),
        },
    )


def address(asset: Asset, _: Known) -> Resource:
    data = asset.data
    users = data.get("users") or ()
    return Resource(
        type=asset.type,
        sku="ipv6" if data.get("ipVersion") == "IPV6" else "ipv4",
        state=data.get("status"),
        created_at=when(data.get("creationTimestamp")),
        attached_to=(named(users[0]) or last(users[0])) if users else None,
        tags=labels(data.get("labels")),
        properties={"address_type": data.get("addressType"), "purpose": data.get("purpose")},
    )


def forwarding(asset: Asset, _: Known) -> Resource:
    data = asset.data
    target = data.get("target") or data.get("backendService")
    return Resource(
        type=asset.type,
        sku=data.get("loadBalancingScheme"),
        created_at=when(data.get("creationTimestamp")),
        attached_to=named(target),
        tags=labels(data.get("labels")),
        properties={"target": last(target), "protocol": data.get("IPProtocol")},
    )


def group(asset: Asset, known: Known) -> Resource:
    """A managed instance group, with the policy of its autoscaler."""
    data = asset.data
    template = known.templates.get(named(data.get("instanceTemplate")) or "")
    made = (template.at("properties") if template else None) or {}
    kind = last(made.get("machineType"))
    scaler = known.autoscalers.get(asset.name)
    policy = (scaler.at("autoscalingPolicy") if scaler else None) or {}
    cool_down = policy.get("coolDownPeriodSec")
    zones = asset.at("distributionPolicy", "zones")
    return Resource(
        type=asset.type,
        sku=kind,
        state="STABLE" if asset.at("status", "isStable") else "UPDATING",
        created_at=when(data.get("creationTimestamp")),
        tags=labels(made.get("labels")),
        properties={
            "min_nodes": whole(policy.get("minNumReplicas")),
            "max_nodes": whole(policy.get("maxNumReplicas")),
            "desired": whole(data.get("targetSize")),
            "instances": whole(data.get("targetSize")),
            "zones": len(zones) if zones else 1,
            "scaling": _policy(policy) if policy.get("mode", "ON") != "OFF" else "none",
            "boot_minutes": None if cool_down is None else round(float(cool_down) / 60, 2),
            **machine(kind or "", _attached(made.get("guestAccelerators"))),
        },
    )


def _policy(policy: Mapping[str, Any]) -> str:
    """A scaling policy in words: `target CPU 60`."""
    said = []
    if cpu := policy.get("cpuUtilization"):
        said.append(f"target CPU {float(cpu.get('utilizationTarget') or 0.6) * 100:g}")
    if balancer := policy.get("loadBalancingUtilization"):
        said.append(f"target load balancing {float(balancer.get('utilizationTarget') or 0.8) * 100:g}")
    said += [
        f"target {each.get('metric')} {each.get('utilizationTarget')}" for each in policy.get("customMetricUtilizations") or ()
    ]
    said += [f"schedule {each.get('schedule')}" for each in (policy.get("scalingSchedules") or {}).values()]
    return "; ".join(said) or "none"


def located(name: str) -> str:
    """Zonal clusters have two names; bills and metrics have the one with `locations`."""
    return name.replace("/zones/", "/locations/")


def cluster(asset: Asset, _: Known) -> Resource:
    data = asset.data
    return Resource(
        type=asset.type,
        id=located(asset.name),
        sku="autopilot" if asset.at("autopilot", "enabled") else "standard",
        state=data.get("status"),
        created_at=when(data.get("createTime")),
        tags=labels(data.get("resourceLabels")),
        properties={
            "version": data.get("currentMasterVersion"),
            "channel": asset.at("releaseChannel", "channel"),
            "desired": whole(data.get("currentNodeCount")),
        },
    )


def pool(asset: Asset, known: Known) -> Resource:
    """Limits of a pool are by zone, unless they are totals."""
    data = asset.data
    own: Mapping[str, Any] = data.get("config") or {}
    scaling: Mapping[str, Any] = data.get("autoscaling") or {}
    zones = len(data.get("locations") or ()) or 1
    groups = [known.groups.get(_group(url)) for url in data.get("instanceGroupUrls") or ()]
    sizes = [whole(each.data.get("targetSize")) for each in groups if each is not None]
    kind = str(own.get("machineType") or "")
    spot = bool(own.get("spot") or own.get("preemptible"))
    return Resource(
        type=asset.type,
        id=located(asset.name),
        sku=kind or None,
        state=data.get("status"),
        attached_to=located(asset.name).rpartition("/nodePools/")[0],
        tags=labels(own.get("resourceLabels")) or labels(own.get("labels")),
        properties={
            "min_nodes": _limit(scaling, "minNodeCount", "totalMinNodeCount", zones),
            "max_nodes": _limit(scaling, "maxNodeCount", "totalMaxNodeCount", zones),
            "desired": sum(size or 0 for size in sizes) if sizes and len(sizes) == len(groups) else None,
            "version": data.get("version"),
            "lifecycle": "spot" if spot else "on-demand",
            "scaling": None if scaling.get("enabled") else "none",
            **machine(kind, _attached(own.get("accelerators"))),
        },
    )


def _limit(scaling: Mapping[str, Any], each: str, total: str, zones: int) -> int | None:
    if not scaling.get("enabled"):
        return None
    if scaling.get(total) is not None:
        return whole(scaling[total])
    return (whole(scaling.get(each)) or 0) * zones


def _group(url: object) -> str:
    return (named(url) or "").replace("/instanceGroups/", "/instanceGroupManagers/")


def router(asset: Asset, _: Known) -> Resource | None:
    """A router is free; the NAT gateways on it are not."""
    nats = asset.data.get("nats") or ()
    if not nats:
        return None
    return Resource(
        type=asset.type,
        sku="nat",
        created_at=when(asset.data.get("creationTimestamp")),
        attached_to=named(asset.data.get("network")),
        properties={"gateways": len(nats)},
    )


COMPUTE = (
    Kind("compute.googleapis.com/Instance", instance),
    Kind("compute.googleapis.com/Disk", disk),
    Kind("compute.googleapis.com/RegionDisk", disk),
    Kind("compute.googleapis.com/Snapshot", snapshot),
    Kind("compute.googleapis.com/Address", address),
    Kind("compute.googleapis.com/GlobalAddress", address),
    Kind("compute.googleapis.com/ForwardingRule", forwarding),
    Kind("compute.googleapis.com/GlobalForwardingRule", forwarding),
    Kind(GROUP, group),
    Kind("compute.googleapis.com/Router", router),
    Kind("container.googleapis.com/Cluster", cluster),
    Kind("container.googleapis.com/NodePool", pool),
)
