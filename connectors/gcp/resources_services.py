"""What runs on top: databases, buckets, services, data sets, model endpoints, notebooks, jobs, accelerators."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.gcp.machines import machine
from connectors.gcp.resources import BUCKET, Asset, Kind, Known, Resource, labels, last, when, whole

ENGINES = {"POSTGRES": "postgres", "MYSQL": "mysql", "SQLSERVER": "sqlserver"}
CORES_A_CHIP = {"v2": 2, "v3": 2, "v4": 2, "v5p": 2}
"""Generations of TPU whose types count cores (`v4-8` is four chips); of the others they count chips (Cloud TPU docs)."""

UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def database(asset: Asset, _: Known) -> Resource:
    data = asset.data
    settings: Mapping[str, Any] = data.get("settings") or {}
    engine, version = (*str(data.get("databaseVersion") or "").split("_", 1), "")[:2]
    tier = str(settings.get("tier") or "")
    regional = settings.get("availabilityType") == "REGIONAL"
    stopped = settings.get("activationPolicy") == "NEVER"
    return Resource(
        type=asset.type,
        sku=tier or None,
        state="STOPPED" if stopped and data.get("state") == "RUNNABLE" else data.get("state"),
        created_at=when(data.get("createTime")),
        attached_to=str(data["masterInstanceName"]).rpartition(":")[2] if data.get("masterInstanceName") else None,
        tags=labels(settings.get("userLabels")),
        properties={
            "engine": ENGINES.get(engine, engine.lower()) or None,
            "version": version.replace("_", ".").lower() or None,
            "edition": settings.get("edition"),
            "multi_az": regional,
            "deployment": "Regional" if regional else "Zonal",
            "read_replica": data.get("instanceType") == "READ_REPLICA_INSTANCE",
            "size_gib": whole(settings.get("dataDiskSizeGb")),
            "volume_type": settings.get("dataDiskType"),
            **machine(tier),
        },
    )


def bucket(asset: Asset, _: Known) -> Resource:
    """Named as bills and metrics name it."""
    data = asset.data
    retained = whole(asset.at("softDeletePolicy", "retentionDurationSeconds"))
    rules = asset.at("lifecycle", "rule")
    return Resource(
        type=asset.type,
        id=f"//storage.googleapis.com/projects/_/buckets/{last(asset.name)}",
        sku=data.get("storageClass"),
        created_at=when(data.get("timeCreated")),
        tags=labels(data.get("labels")),
        properties={
            "location_type": data.get("locationType"),
            "versioning": bool(asset.at("versioning", "enabled")),
            "object_lock": bool(data.get("retentionPolicy")) or asset.at("objectRetention", "mode") == "Enabled",
            "autoclass": bool(asset.at("autoclass", "enabled")),
            "soft_delete_days": None if retained is None else _days(retained),
            "lifecycle_rules": [_rule(rule) for rule in rules or ()],
        },
    )


def _days(seconds: int) -> float | int:
    return seconds // 86_400 if seconds % 86_400 == 0 else round(seconds / 86_400, 3)


def _rule(rule: Mapping[str, Any]) -> dict[str, object]:
    """In the words of the open format; what they do not say stands as Google has it."""
    action, given = rule.get("action") or {}, dict(rule.get("condition") or {})
    kind, age = action.get("type"), given.pop("age", None)
    prefixes, newer = given.pop("matchesPrefix", None), given.pop("daysSinceNoncurrentTime", None)
    kept: dict[str, object] = {"prefix": prefixes[0] if prefixes and len(prefixes) == 1 else None, "prefixes": prefixes}
    if kind == "SetStorageClass":
        kept["transitions"] = [{"days": whole(age), "storage_class": action.get("storageClass")}]
    elif kind == "AbortIncompleteMultipartUpload":
        kept["abort_days"] = whole(age)
    elif newer is not None:
        kept["noncurrent_days"] = whole(newer)
    else:
        kept["expire_days"] = whole(age)
    if kept["prefix"]:
        kept["prefixes"] = None
    kept |= {f"x_{name}": value for name, value in given.items()}
    return {name: value for name, value in kept.items() if value is not None}


def service(asset: Asset, _: Known) -> Resource:
    """Cloud Run, in the words of Knative or of its own API."""
    data = asset.data
    template: Mapping[str, Any] = asset.at("spec", "template") or data.get("template") or {}
    notes = labels(asset.at("spec", "template", "metadata", "annotations"))
    inside: Mapping[str, Any] = template.get("spec") or template
    container: Mapping[str, Any] = next(iter(inside.get("containers") or ()), {})
    limits = labels((container.get("resources") or {}).get("limits"))
    scaling: Mapping[str, Any] = template.get("scaling") or {}
    lowest = notes.get("autoscaling.knative.dev/minScale", scaling.get("minInstanceCount"))
    highest = notes.get("autoscaling.knative.dev/maxScale", scaling.get("maxInstanceCount"))
    own: Mapping[str, Any] = data.get("metadata") or {}
    throttled = notes.get("run.googleapis.com/cpu-throttling")
    conditions = asset.at("status", "conditions") or ()
    ready = next((each.get("status") for each in conditions if each.get("type") == "Ready"), None)
    return Resource(
        type=asset.type,
        state={"True": "Ready", "False": "NotReady"}.get(str(ready)),
        created_at=when(own.get("creationTimestamp") or data.get("createTime")),
        tags=_without_googles(labels(own.get("labels") or data.get("labels"))),
        properties={
            "vcpu": _cores(limits.get("cpu")),
            "memory_gib": _gib(limits.get("memory")),
            "gpu_count": whole(limits.get("nvidia.com/gpu")),
            "min_replicas": whole(lowest),
            "max_replicas": whole(highest),
            "concurrency": whole(inside.get("containerConcurrency") or inside.get("maxInstanceRequestConcurrency")),
            "cpu_always": None if throttled is None else throttled == "false",
        },
    )


def _without_googles(found: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in found.items() if "googleapis.com/" not in name and not name.startswith("goog-")}


def _cores(text: str | None) -> float | None:
    if not text:
        return None
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)


def _gib(text: str | None) -> float | None:
    found = re.fullmatch(r"([\d.]+)([A-Za-z]*)", text or "")
    return round(float(found[1]) * UNITS.get(found[2], 1) / 2**30, 6) if found else None


def dataset(asset: Asset, _: Known) -> Resource:
    millis = whole(asset.data.get("creationTime"))
    return Resource(
        type=asset.type,
        created_at=None if millis is None else datetime.fromtimestamp(millis / 1000, UTC),
        tags=labels(asset.data.get("labels")),
    )


def endpoint(asset: Asset, _: Known) -> Resource:
    """An endpoint with the model that has most replicas; others stand in `variants`."""
    models = sorted(asset.data.get("deployedModels") or (), key=_most, reverse=True)
    first: Mapping[str, Any] = models[0] if models else {}
    dedicated: Mapping[str, Any] = first.get("dedicatedResources") or first.get("automaticResources") or {}
    spec: Mapping[str, Any] = dedicated.get("machineSpec") or {}
    kind = str(spec.get("machineType") or "")
    targets = [
        f"target {last(each.get('metricName'))} {each.get('target')}" for each in dedicated.get("autoscalingMetricSpecs") or ()
    ]
    lowest, highest = whole(dedicated.get("minReplicaCount")), whole(dedicated.get("maxReplicaCount"))
    running = whole((first.get("status") or {}).get("availableReplicaCount"))
    return Resource(
        type=asset.type,
        sku=kind or None,
        state="DEPLOYED" if models else "UNDEPLOYED",
        created_at=when(asset.data.get("createTime")),
        tags=labels(asset.data.get("labels")),
        properties={
            "variant": first.get("id"),
            "variants": len(models) if len(models) > 1 else None,
            "instance_count": lowest if running is None and lowest == highest else running,
            "min_replicas": lowest,
            "max_replicas": highest,
            "scaling": "; ".join(targets) or None,
            "lifecycle": "spot" if dedicated.get("spot") else "on-demand",
            **_machine(spec),
        },
    )


def _most(model: Mapping[str, Any]) -> int:
    resources: Mapping[str, Any] = model.get("dedicatedResources") or model.get("automaticResources") or {}
    return whole(resources.get("maxReplicaCount")) or whole(resources.get("minReplicaCount")) or 0


def _machine(spec: Mapping[str, Any]) -> dict[str, object]:
    kind = str(spec.get("acceleratorType") or "")
    attached = {kind: float(spec.get("acceleratorCount") or 1)} if kind and not kind.endswith("UNSPECIFIED") else {}
    return machine(str(spec.get("machineType") or ""), attached)


def notebook(asset: Asset, _: Known) -> Resource:
    """Workbench: instances of version 2 have a `gceSetup`, those of version 1 do not."""
    setup: Mapping[str, Any] = asset.data.get("gceSetup") or asset.data
    kind = last(setup.get("machineType")) or ""
    configs = setup.get("acceleratorConfigs") or ([setup["acceleratorConfig"]] if setup.get("acceleratorConfig") else [])
    attached = {str(each.get("type")): float(each.get("coreCount") or 1) for each in configs}
    return Resource(
        type=asset.type,
        sku=kind or None,
        state=asset.data.get("state"),
        created_at=when(asset.data.get("createTime")),
        tags=labels(asset.data.get("labels")),
        properties=machine(kind, attached),
    )


def job(asset: Asset, _: Known) -> Resource:
    """A training job, with the machines of its first pool: the others help."""
    pools = asset.at("jobSpec", "workerPoolSpecs") or asset.at("trialJobSpec", "workerPoolSpecs") or ()
    first: Mapping[str, Any] = next(iter(pools), {})
    spec: Mapping[str, Any] = first.get("machineSpec") or {}
    strategy = asset.at("jobSpec", "scheduling", "strategy")
    return Resource(
        type=asset.type,
        sku=str(spec.get("machineType") or "") or None,
        state=asset.data.get("state"),
        created_at=when(asset.data.get("createTime")),
        tags=labels(asset.data.get("labels")),
        properties={
            "instances": sum(whole(each.get("replicaCount")) or 0 for each in pools) or None,
            "lifecycle": "spot" if strategy == "SPOT" else "on-demand",
            **_machine(spec),
        },
    )


def accelerator(asset: Asset, _: Known) -> Resource:
    """`v5litepod-8` → eight chips of v5e; `v4-8` → four chips of v4."""
    kind = str(asset.data.get("acceleratorType") or "")
    found = re.fullmatch(r"(v\d+\w*?)(litepod)?-(\d+)", kind)
    properties: dict[str, object] = {}
    sku = kind or None
    if found:
        generation = f"{found[1]}e" if found[2] else found[1]
        properties = {"chips": int(found[3]) // CORES_A_CHIP.get(generation, 1), "tpu_model": f"{generation}-{found[3]}"}
        sku = f"{generation}-chip"
    scheduling: Mapping[str, Any] = asset.data.get("schedulingConfig") or {}
    properties["lifecycle"] = "spot" if scheduling.get("spot") or scheduling.get("preemptible") else "on-demand"
    return Resource(
        type=asset.type,
        sku=sku,
        state=asset.data.get("state"),
        created_at=when(asset.data.get("createTime")),
        tags=labels(asset.data.get("labels")),
        properties=properties,
    )


def cache(asset: Asset, _: Known) -> Resource:
    """Memorystore, with what follows another cluster or instance in a second region."""
    data = asset.data
    roles = (
        asset.at("crossClusterReplicationConfig", "clusterRole"),
        asset.at("crossInstanceReplicationConfig", "instanceRole"),
    )
    return Resource(
        type=asset.type,
        sku=data.get("tier") or data.get("nodeType"),
        state=data.get("state"),
        created_at=when(data.get("createTime")),
        tags=labels(data.get("labels")),
        properties={
            "version": data.get("redisVersion") or data.get("engineVersion"),
            "size_gib": whole(data.get("memorySizeGb")),
            "read_replica": True if "SECONDARY" in roles else None,
        },
    )


SERVICES = (
    Kind("sqladmin.googleapis.com/Instance", database),
    Kind(BUCKET, bucket),
    Kind("run.googleapis.com/Service", service),
    Kind("bigquery.googleapis.com/Dataset", dataset),
    Kind("aiplatform.googleapis.com/Endpoint", endpoint),
    Kind("aiplatform.googleapis.com/CustomJob", job),
    Kind("aiplatform.googleapis.com/HyperparameterTuningJob", job),
    Kind("notebooks.googleapis.com/Instance", notebook),
    Kind("redis.googleapis.com/Instance", cache),
    Kind("redis.googleapis.com/Cluster", cache),
    Kind("memorystore.googleapis.com/Instance", cache),
    Kind("tpu.googleapis.com/Node", accelerator),
)
