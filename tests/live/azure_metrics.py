"""The part of the contract server that stands for Azure Monitor's batch API, and the sample company's measurements in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias

import pyarrow.compute as pc
import pyarrow.parquet as pq

from finops.demo import sample_company

Measured: TypeAlias = dict[tuple[str, str], list[tuple[Mapping[str, str], datetime, Mapping[str, float]]]]
"""(resource, metric), both in lower case → dimensions, time, values by aggregation."""

Published: TypeAlias = dict[str, tuple[str, ...]]


def _of(*names: str, by: tuple[str, ...] = ()) -> Published:
    return dict.fromkeys(names, by)


MACHINE = _of(
    "Percentage CPU",
    "Network In Total",
    "Network Out Total",
    "Disk Read Bytes",
    "Disk Write Bytes",
    "Disk Read Operations/Sec",
    "Disk Write Operations/Sec",
    "CPU Credits Remaining",
)
BYTES = _of("Available Memory Bytes")
SERVER = _of("cpu_percent", "memory_percent", "active_connections", "network_bytes_ingress", "network_bytes_egress")
RUN = ("RunId", "InstanceId", "ComputeName")
ML = "microsoft.machinelearningservices/workspaces"

PUBLISHED: dict[str, Published] = {
    "microsoft.compute/virtualmachines": MACHINE | BYTES | _of("Available Memory Percentage"),
    "microsoft.compute/virtualmachinescalesets/virtualmachines": MACHINE | BYTES,
    "microsoft.compute/virtualmachinescalesets": MACHINE,
    "microsoft.compute/disks": _of(
        "Composite Disk Read Bytes/sec",
        "Composite Disk Write Bytes/sec",
        "Composite Disk Read Operations/sec",
        "Composite Disk Write Operations/sec",
    ),
    "microsoft.sql/servers/databases": _of("cpu_percent", "sql_instance_memory_percent", "sessions_count", "storage"),
    "microsoft.sql/servers/elasticpools": _of("cpu_percent", "sessions_count"),
    "microsoft.dbforpostgresql/flexibleservers": SERVER,
    "microsoft.dbformysql/flexibleservers": SERVER,
    "microsoft.storage/storageaccounts": _of("UsedCapacity", "Transactions", "Ingress", "Egress"),
    "microsoft.containerservice/managedclusters": _of(
        "node_cpu_usage_percentage", "node_memory_working_set_percentage", by=("node", "nodepool")
    ),
    "microsoft.web/serverfarms": _of("CpuPercentage", "MemoryPercentage", "BytesReceived", "BytesSent", by=("Instance",)),
    "microsoft.network/loadbalancers": _of("ByteCount", "SYNCount", by=("Direction", "Protocol")),
    "microsoft.network/natgateways": _of("ByteCount", by=("Protocol", "Direction")) | _of("SNATConnectionCount"),
    f"{ML}/onlineendpoints": _of("RequestsPerMinute", "RequestLatency", "RequestLatency_P99", by=("deployment",))
    | _of("ConnectionsActive"),
    f"{ML}/onlineendpoints/deployments": _of(
        "CpuUtilizationPercentage",
        "CpuMemoryUtilizationPercentage",
        "GpuUtilizationPercentage",
        "GpuMemoryUtilizationPercentage",
        "DeploymentCapacity",
        by=("instanceId",),
    ),
    ML: _of("CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage", by=RUN)
    | _of("GpuUtilizationPercentage", "GpuMemoryUtilizationPercentage", by=(*RUN, "DeviceId"))
    | _of("Active Nodes", by=("Scenario", "ClusterName")),
    "microsoft.cognitiveservices/accounts": _of(
        "AzureOpenAIRequests",
        "ProcessedPromptTokens",
        "GeneratedTokens",
        "AzureOpenAIProvisionedManagedUtilizationV2",
        "AzureOpenAITimeToResponse",
        by=("ModelDeploymentName", "ModelName", "ModelVersion", "Region"),
    ),
    "microsoft.cache/redis": _of(
        "allconnectedclients", "allserverLoad", "allusedmemorypercentage", by=("ShardId", "Port", "Primary")
    ),
    "microsoft.cache/redisenterprise": _of(
        "connectedclients", "percentProcessorTime", "usedmemorypercentage", by=("InstanceId",)
    ),
    "microsoft.eventhub/namespaces": _of("IncomingMessages", "IncomingBytes", "OutgoingBytes", by=("EntityName",))
    | _of("ActiveConnections"),
    "microsoft.eventhub/clusters": _of("ActiveConnections", "IncomingMessages", "IncomingBytes", "OutgoingBytes"),
    "microsoft.servicebus/namespaces": _of("IncomingMessages", by=("EntityName",)) | _of("ActiveConnections"),
    "microsoft.search/searchservices": _of("SearchQueriesPerSecond")
    | _of("DocumentsProcessedCount", by=("DataSourceName", "Failed", "IndexerName", "IndexName", "SkillsetName")),
}
"""Metrics by type, with their dimensions (Microsoft Learn, "Supported metrics with Azure Monitor", 2025-04 to 2026-07)."""

GRAINS = {"PT1M": 60, "PT5M": 300, "PT15M": 900, "PT30M": 1800, "PT1H": 3600, "PT6H": 21_600, "PT12H": 43_200, "P1D": 86_400}
AGGREGATIONS = {"average", "minimum", "maximum", "total", "count"}


def answered(measured: Measured, path: str, parameters: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """Raises ValueError: what the batch API does not take."""
    kind, ids = parameters["metricnamespace"].lower(), body["resourceids"]
    names = parameters["metricnames"].split(",")
    if body.keys() != {"resourceids"} or not 1 <= len(ids) <= 50 or not 1 <= len(names) <= 20:
        raise ValueError(f"{len(ids)} resources, {len(names)} metrics")
    if any(f"{path.split('/metrics:')[0]}/".lower() not in f"{name}/".lower() or _type(name) != kind for name in ids):
        raise ValueError(f"the resources are not all of {path} and {kind}")
    if unknown := set(names) - PUBLISHED[kind].keys():
        raise ValueError(f"Failed to find metric configuration for {sorted(unknown)}")
    wanted = {name.lower() for name in parameters["aggregation"].split(",")}
    split = re.findall(r"(\w+) eq '\*'(?: and |$)", parameters.get("filter", ""))
    if wanted - AGGREGATIONS or any(set(split) - set(PUBLISHED[kind][name]) for name in names):
        raise ValueError(f"{names} by {split}, {wanted}")
    if bool(split) != ("top" in parameters):
        raise ValueError("top is for a filter, and without it ten series are given")
    start, end = (datetime.fromisoformat(parameters[name]) for name in ("starttime", "endtime"))
    chosen = (parameters["interval"], wanted, split, start, end)
    return {"values": [_entry(measured, resource, names, chosen) for resource in ids]}


def _entry(measured: Measured, resource: str, names: list[str], chosen: tuple[Any, ...]) -> dict[str, Any]:
    interval, wanted, split, start, end = chosen
    assert interval in GRAINS
    value = []
    for name in names:
        series: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for dimensions, at, values in measured.get((resource.lower(), name.lower()), ()):
            if start <= at < end:
                point = {"timeStamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", **{a: v for a, v in values.items() if a in wanted}}
                series.setdefault(tuple(dimensions[d] for d in split), []).append(point)
        of_each = [
            {
                "metadatavalues": [{"name": {"value": n.lower()}, "value": v} for n, v in zip(split, key, strict=True)],
                "data": sorted(points, key=lambda p: p["timeStamp"]),
            }
            for key, points in series.items()
        ]
        value.append(
            {"id": f"{resource}/metrics/{name}", "name": {"value": name}, "errorCode": "Success", "timeseries": of_each}
        )
    return {"resourceid": resource, "interval": interval, "value": value}


def _type(resource: str) -> str:
    parts = resource.lower().rsplit("/providers/", 1)[1].split("/")
    return "/".join((parts[0], *parts[1::2]))


VARIANT = '{"variant":"blue"}'
MEMBER_GIB = 16
"""Of the sample company's scale set, Standard_D4s_v5."""

Row: TypeAlias = tuple[str, datetime, str, str, str, float]
"""resource, time, metric, dimensions, statistic, value: as the open format has them."""


@cache
def sample_measurements(days: int) -> tuple[Row, ...]:
    """The sample company's measurements of Azure, of the last days."""
    table = pq.read_table(sample_company() / "open" / "metrics.parquet")
    since = datetime(2026, 11, 1, tzinfo=UTC) - timedelta(days=days)
    table = table.filter(
        pc.and_(pc.starts_with(table["resource_id"], "/subscriptions/"), pc.greater_equal(table["timestamp"], since))
    )
    names = ("resource_id", "timestamp", "metric", "dimensions", "statistic", "value")
    return tuple(zip(*(table[name].to_pylist() for name in names), strict=True))


def put_measurements(measured: Measured, days: int) -> list[Row]:
    """The measurements as Azure Monitor would have them; those that it has. Aggregations of one hour are one point.

    What is given back is what can be read of them, as rows of ours.
    """
    told: list[Row] = []
    points: dict[tuple[Any, ...], tuple[dict[str, str], datetime, dict[str, float]]] = {}
    for row in sample_measurements(days):
        for resource, metric, dimensions, aggregation, value in _as_azure(row):
            key = (resource.lower(), metric.lower(), tuple(sorted(dimensions.items())), row[1])
            points.setdefault(key, (dimensions, row[1], {}))[2][aggregation] = value
            told.append(_as_told(row))
    for (resource, metric, _, _), point in points.items():
        measured.setdefault((resource, metric), []).append(point)
    return told


def _as_told(row: Row) -> Row:
    """A row of the file in Azure's terms: of an endpoint a deployment is measured, of a set's member what is free."""
    resource, at, metric, dimensions, statistic, value = row
    if "onlineEndpoints" in resource and metric in ("cpu_utilization", "memory_utilization"):
        return resource, at, metric, VARIANT, statistic, value
    if "/virtualMachineScaleSets/" in resource and metric == "memory_utilization":
        least = {"avg": "avg", "max": "min"}[statistic]
        return resource, at, "memory_available_bytes", dimensions, least, (1 - value / 100) * MEMBER_GIB * 2**30
    return row


def _as_azure(row: Row) -> Iterator[tuple[str, str, dict[str, str], str, float]]:
    """Resource, metric, dimensions, aggregation and value; nothing where only an agent or the team knows it."""
    resource, _, metric, _, statistic, value = row
    level = {"avg": "average", "max": "maximum"}.get(statistic, "")
    workspace, _, compute = resource.partition("/computes/")
    account, _, deployment = resource.partition("/deployments/")
    match _type(resource), metric:
        case "microsoft.compute/virtualmachines", "memory_utilization":
            yield resource, "Available Memory Percentage", {}, {"avg": "average", "max": "minimum"}[statistic], 100 - value
        case "microsoft.compute/virtualmachinescalesets/virtualmachines", "memory_utilization":
            free = {"avg": "average", "max": "minimum"}[statistic]
            yield resource, "Available Memory Bytes", {}, free, (1 - value / 100) * MEMBER_GIB * 2**30
        case (("microsoft.compute/virtualmachines" | "microsoft.compute/virtualmachinescalesets/virtualmachines"), _):
            named = {"cpu_utilization": "Percentage CPU", "network_in_bytes": "Network In Total"}
            named |= {"network_out_bytes": "Network Out Total"}
            if metric in named:
                yield resource, named[metric], {}, level or "total", value
        case "microsoft.sql/servers/databases", _:
            named = {"cpu_utilization": "cpu_percent", "memory_utilization": "sql_instance_memory_percent"}
            yield resource, named.get(metric, "sessions_count"), {}, level, value
        case "microsoft.machinelearningservices/workspaces/computes", "jobs_running" if "train" in compute:
            yield workspace, "Active Nodes", {"ClusterName": compute}, level, value
        case "microsoft.machinelearningservices/workspaces/computes", "cpu_utilization":
            yield workspace, "CpuUtilizationPercentage", {"ComputeName": compute}, level, value
        case "microsoft.machinelearningservices/workspaces/computes", "gpu_utilization":
            yield workspace, "GpuUtilizationPercentage", {"ComputeName": compute, "DeviceId": "0"}, level, value
        case "microsoft.machinelearningservices/workspaces/onlineendpoints", "requests":
            yield resource, "RequestsPerMinute", {}, "average", value / 60
        case "microsoft.machinelearningservices/workspaces/onlineendpoints", "latency_ms":
            yield resource, "RequestLatency_P99", {}, "average", value
        case "microsoft.machinelearningservices/workspaces/onlineendpoints", "cpu_utilization" | "memory_utilization":
            name = "CpuUtilizationPercentage" if metric == "cpu_utilization" else "CpuMemoryUtilizationPercentage"
            yield f"{resource}/deployments/blue", name, {}, level, value
        case "microsoft.cognitiveservices/accounts/deployments", _:
            named = {"ptu_utilization": "AzureOpenAIProvisionedManagedUtilizationV2", "requests": "AzureOpenAIRequests"}
            yield account, named[metric], {"ModelDeploymentName": deployment}, level or "total", value
