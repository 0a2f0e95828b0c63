"""Cloud Monitoring: series that are held by metric, aligner and reducer, and what Google would refuse of a request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow.parquet as parquet
from google.cloud.monitoring_v3.types import Aggregation, TimeSeries
from google.protobuf.struct_pb2 import Struct

from tests.live.google_contract import Google, Violation
from tests.live.google_estate import NUMBERS, OPEN, file_rows

GAUGE, DELTA, CUMULATIVE, DISTRIBUTION = "GAUGE", "DELTA", "CUMULATIVE", "DISTRIBUTION"
KINDS = {
    "compute.googleapis.com/instance/cpu/utilization": GAUGE,
    "compute.googleapis.com/instance/network/received_bytes_count": DELTA,
    "compute.googleapis.com/instance/network/sent_bytes_count": DELTA,
    "compute.googleapis.com/instance/disk/read_ops_count": DELTA,
    "compute.googleapis.com/instance/disk/write_ops_count": DELTA,
    "compute.googleapis.com/instance/disk/read_bytes_count": DELTA,
    "compute.googleapis.com/instance/disk/write_bytes_count": DELTA,
    "agent.googleapis.com/memory/percent_used": GAUGE,
    "agent.googleapis.com/gpu/utilization": GAUGE,
    "agent.googleapis.com/gpu/memory/bytes_used": GAUGE,
    "workload.googleapis.com/gpu.dcgm.sm.utilization": GAUGE,
    "workload.googleapis.com/gpu.dcgm.memory.bandwidth_utilization": GAUGE,
    "kubernetes.io/node/cpu/core_usage_time": CUMULATIVE,
    "kubernetes.io/node/cpu/allocatable_utilization": GAUGE,
    "kubernetes.io/node/memory/allocatable_utilization": GAUGE,
    "kubernetes.io/node/accelerator/duty_cycle": GAUGE,
    "kubernetes.io/node/accelerator/memory_used": GAUGE,
    "kubernetes.io/container/cpu/request_cores": GAUGE,
    "kubernetes.io/container/cpu/core_usage_time": CUMULATIVE,
    "kubernetes.io/container/accelerator/request": GAUGE,
    "kubernetes.io/container/accelerator/duty_cycle": GAUGE,
    "cloudsql.googleapis.com/database/cpu/utilization": GAUGE,
    "cloudsql.googleapis.com/database/memory/utilization": GAUGE,
    "cloudsql.googleapis.com/database/network/connections": GAUGE,
    "cloudsql.googleapis.com/database/postgresql/num_backends": GAUGE,
    "cloudsql.googleapis.com/database/network/received_bytes_count": DELTA,
    "cloudsql.googleapis.com/database/network/sent_bytes_count": DELTA,
    "cloudsql.googleapis.com/database/disk/read_ops_count": DELTA,
    "cloudsql.googleapis.com/database/disk/write_ops_count": DELTA,
    "cloudsql.googleapis.com/database/disk/bytes_used": GAUGE,
    "storage.googleapis.com/api/request_count": DELTA,
    "storage.googleapis.com/network/received_bytes_count": DELTA,
    "storage.googleapis.com/network/sent_bytes_count": DELTA,
    "storage.googleapis.com/storage/v2/total_bytes": GAUGE,
    "run.googleapis.com/request_count": DELTA,
    "run.googleapis.com/request_latencies": DISTRIBUTION,
    "run.googleapis.com/container/cpu/utilizations": DISTRIBUTION,
    "run.googleapis.com/container/memory/utilizations": DISTRIBUTION,
    "run.googleapis.com/container/instance_count": GAUGE,
    "aiplatform.googleapis.com/prediction/online/prediction_count": DELTA,
    "aiplatform.googleapis.com/prediction/online/prediction_latencies": DISTRIBUTION,
    "aiplatform.googleapis.com/prediction/online/cpu/utilization": GAUGE,
    "aiplatform.googleapis.com/prediction/online/memory/bytes_used": GAUGE,
    "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle": GAUGE,
    "aiplatform.googleapis.com/prediction/online/accelerator/memory/bytes_used": GAUGE,
    "aiplatform.googleapis.com/prediction/online/network/received_bytes_count": DELTA,
    "aiplatform.googleapis.com/prediction/online/network/sent_bytes_count": DELTA,
    "aiplatform.googleapis.com/prediction/online/replicas": GAUGE,
    "ml.googleapis.com/training/cpu/utilization": GAUGE,
    "ml.googleapis.com/training/memory/utilization": GAUGE,
    "ml.googleapis.com/training/accelerator/utilization": GAUGE,
    "ml.googleapis.com/training/accelerator/memory/utilization": GAUGE,
    "ml.googleapis.com/training/network/received_bytes_count": DELTA,
    "ml.googleapis.com/training/network/sent_bytes_count": DELTA,
    "redis.googleapis.com/clients/connected": GAUGE,
    "redis.googleapis.com/stats/cpu_utilization_main_thread": DELTA,
    "redis.googleapis.com/stats/memory/usage_ratio": GAUGE,
    "redis.googleapis.com/commands/calls": DELTA,
    "redis.googleapis.com/cluster/clients/total_connected_clients": GAUGE,
    "redis.googleapis.com/cluster/cpu/average_utilization": GAUGE,
    "redis.googleapis.com/cluster/cpu/maximum_utilization": GAUGE,
    "redis.googleapis.com/cluster/commandstats/total_calls_count": DELTA,
    "memorystore.googleapis.com/instance/clients/total_connected_clients": GAUGE,
    "memorystore.googleapis.com/instance/cpu/average_utilization": GAUGE,
    "memorystore.googleapis.com/instance/cpu/maximum_utilization": GAUGE,
    "memorystore.googleapis.com/instance/commandstats/total_calls_count": DELTA,
    "tpu.googleapis.com/accelerator/duty_cycle": GAUGE,
    "tpu.googleapis.com/accelerator/memory_used": GAUGE,
    "tpu.googleapis.com/cpu/utilization": GAUGE,
    "tpu.googleapis.com/network/received_bytes_count": DELTA,
    "tpu.googleapis.com/network/sent_bytes_count": DELTA,
}
"""Kinds of Google's metrics (cloud.google.com/monitoring/api/metrics_gcp and metrics_opsagent, as of 2026)."""

ALIGNERS = {
    GAUGE: {"ALIGN_MEAN", "ALIGN_MAX", "ALIGN_MIN", "ALIGN_SUM"},
    DELTA: {"ALIGN_DELTA", "ALIGN_RATE", "ALIGN_MEAN", "ALIGN_MAX", "ALIGN_SUM"},
    CUMULATIVE: {"ALIGN_DELTA", "ALIGN_RATE"},
    DISTRIBUTION: {"ALIGN_DELTA", "ALIGN_SUM", "ALIGN_PERCENTILE_99"},
}
REDUCERS = {
    DISTRIBUTION: {"REDUCE_MEAN", "REDUCE_PERCENTILE_99"},  # a sum of distributions is one: it is no number
    **{kind: {"REDUCE_NONE", "REDUCE_MEAN", "REDUCE_MAX", "REDUCE_SUM"} for kind in (GAUGE, DELTA, CUMULATIVE)},
}
FIELD = re.compile(r'(resource|metric)\.label\.(\w+)|metadata\.(system|user)_labels\.("[^"]+"|\w+)')


@dataclass
class Series:
    """One series as it comes out of alignment and reduction: by the end of the period."""

    labels: dict[str, str]
    points: dict[datetime, float]


@dataclass
class Monitoring:
    """What is held: project number → (metric, aligner, reducer) → series."""

    held: dict[tuple[str, str, str, str], list[Series]] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def put(self, project: str, metric: str, how: str, series: Series) -> None:
        aligner, reducer = how.split(":")
        self.held.setdefault((NUMBERS.get(project, project), metric, aligner, reducer), []).append(series)

    def serve(self, server: Google) -> Monitoring:
        server.answer("ListTimeSeries", self.answer)
        return self

    def answer(self, request: Any) -> list[Any]:
        self.asked.append(request)
        metric, period = self._checked(request)
        aggregation = request.aggregation
        aligner = Aggregation.Aligner(aggregation.per_series_aligner).name
        reducer = Aggregation.Reducer(aggregation.cross_series_reducer).name
        project = request.name.removeprefix("projects/")
        found = self.held.get((NUMBERS.get(project, project), metric, aligner, reducer), [])
        start, end = (_time(each) for each in (request.interval.start_time, request.interval.end_time))
        wanted = set(_grouped(aggregation.group_by_fields))
        answers = []
        for one in found:
            if not set(one.labels) - {"number"} <= wanted:
                raise Violation(f"{metric}: grouped by {sorted(wanted)}, which loses {sorted(set(one.labels) - wanted)}")
            points = {at: value for at, value in one.points.items() if start < at <= end}
            if points:
                answers.append(_message(metric, one.labels, points, period))
        return answers

    def _checked(self, request: Any) -> tuple[str, timedelta]:
        found = re.fullmatch(
            r'metric\.type = "([^"]+)" AND resource\.type = "([^"]+)"( AND metric\.labels\.\w+ = "[\w-]+")?', request.filter
        )
        if not found or found[1] not in KINDS:
            raise Violation(f"the filter {request.filter!r}")
        kind, aggregation = KINDS[found[1]], request.aggregation
        aligner = Aggregation.Aligner(aggregation.per_series_aligner).name
        reducer = Aggregation.Reducer(aggregation.cross_series_reducer).name
        if aligner not in ALIGNERS[kind] or reducer not in REDUCERS[kind]:
            raise Violation(f"{found[1]} is a {kind}: no {aligner} and {reducer}")
        period = timedelta(seconds=aggregation.alignment_period.seconds)
        if period < timedelta(seconds=60) or not re.fullmatch(r"projects/[\w.:-]+", request.name):
            raise Violation(f"a period of {period} in {request.name}")
        return found[1], period


def _grouped(fields: Any) -> Iterator[str]:
    for each in fields:
        found = FIELD.fullmatch(each)
        if not found:
            raise Violation(f"grouped by {each}")
        yield f"{found[1]}.{found[2]}" if found[1] else f"{found[3]}.{found[4].strip(chr(34))}"


def _time(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp.seconds, UTC)


def _message(metric: str, labels: dict[str, str], points: dict[datetime, float], period: timedelta) -> Any:
    """Newest first, as Google has it; a point of a counter bears its period."""
    of = {
        kind: {k.partition(".")[2]: v for k, v in labels.items() if k.startswith(f"{kind}.")}
        for kind in ("resource", "metric", "user", "system")
    }
    system = Struct()
    system.update(of["system"])
    counted = KINDS[metric] in (DELTA, CUMULATIVE)
    message = TimeSeries(
        metric={"type": metric, "labels": of["metric"]},
        resource={"type": "x", "labels": of["resource"]},
        metadata={"user_labels": of["user"]},
        points=[
            {"interval": {"start_time": at - period if counted else at, "end_time": at}, "value": {"double_value": value}}
            for at, value in sorted(points.items(), reverse=True)
        ],
    )
    pb = TimeSeries.pb(message)
    pb.metadata.system_labels.CopyFrom(system)
    return pb


VM, ENDPOINT = "compute.googleapis.com/Instance", "aiplatform.googleapis.com/Endpoint"
COMPUTE, AGENTS = "compute.googleapis.com/instance", "agent.googleapis.com"
ONLINE = "aiplatform.googleapis.com/prediction/online"
MEAN, MAX, SUM = "ALIGN_MEAN:REDUCE_MEAN", "ALIGN_MAX:REDUCE_MAX", "ALIGN_SUM:REDUCE_SUM"
TOLD = {
    # type, our metric, statistic → Google's metric, aligner and reducer, and the factor from ours
    (VM, "cpu_utilization", "avg"): (f"{COMPUTE}/cpu/utilization", MEAN, 0.01),
    (VM, "cpu_utilization", "max"): (f"{COMPUTE}/cpu/utilization", MAX, 0.01),
    (VM, "memory_utilization", "avg"): (f"{AGENTS}/memory/percent_used", MEAN, 1),
    (VM, "memory_utilization", "max"): (f"{AGENTS}/memory/percent_used", MAX, 1),
    (VM, "network_in_bytes", "sum"): (f"{COMPUTE}/network/received_bytes_count", SUM, 1),
    (VM, "gpu_sm_active", "avg"): ("workload.googleapis.com/gpu.dcgm.sm.utilization", MEAN, 0.01),
    (VM, "gpu_utilization", "avg"): (f"{AGENTS}/gpu/utilization", MEAN, 1),
    (VM, "gpu_memory_used_gib", "avg"): (f"{AGENTS}/gpu/memory/bytes_used", MEAN, 2**30),
    (ENDPOINT, "requests", "sum"): (f"{ONLINE}/prediction_count", SUM, 1),
    (ENDPOINT, "latency_ms", "p99"): (f"{ONLINE}/prediction_latencies", "ALIGN_SUM:REDUCE_PERCENTILE_99", 1),
    (ENDPOINT, "cpu_utilization", "avg"): (f"{ONLINE}/cpu/utilization", MEAN, 0.01),
    (ENDPOINT, "memory_utilization", "avg"): (f"{ONLINE}/memory/bytes_used", MEAN, 2**30),
    (ENDPOINT, "memory_utilization", "max"): (f"{ONLINE}/memory/bytes_used", MAX, 2**30),
    (ENDPOINT, "gpu_utilization", "avg"): (f"{ONLINE}/accelerator/duty_cycle", MEAN, 0.01),
    (ENDPOINT, "gpu_memory_used_gib", "avg"): (f"{ONLINE}/accelerator/memory/bytes_used", MEAN, 2**30),
    (ENDPOINT, "replicas", "avg"): (f"{ONLINE}/replicas", "ALIGN_MEAN:REDUCE_SUM", 1),
    ("storage.googleapis.com/Bucket", "network_in_bytes", "sum"): (
        "storage.googleapis.com/network/received_bytes_count",
        SUM,
        1,
    ),
    ("tpu.googleapis.com/Node", "tpu_duty_cycle", "avg"): (
        "tpu.googleapis.com/accelerator/duty_cycle",
        "ALIGN_MEAN:REDUCE_MAX",
        1,
    ),
    ("tpu.googleapis.com/Node", "cpu_utilization", "avg"): ("tpu.googleapis.com/cpu/utilization", MEAN, 1),
    ("tpu.googleapis.com/Node", "cpu_utilization", "max"): ("tpu.googleapis.com/cpu/utilization", MAX, 1),
    ("container.googleapis.com/NodePool", "cpu_used_cores", "avg"): (
        "kubernetes.io/node/cpu/core_usage_time",
        "ALIGN_RATE:REDUCE_SUM",
        1,
    ),
}
AGENT = ("agent.googleapis.com/", "workload.googleapis.com/")
Row = tuple[str, datetime, int, str, str, str, float]


def company(start: datetime, end: datetime) -> tuple[Monitoring, list[Row]]:
    """The company's measurements in a window as Cloud Monitoring has them, and the rows of its file that Google tells."""
    held, told = _measured(start, end)
    return Monitoring({key: list(series) for key, series in held.items()}), told


@cache
def _measured(start: datetime, end: datetime) -> tuple[dict[tuple[str, str, str, str], list[Series]], list[Row]]:
    """The same, read once; read-only."""
    held = {row["resource_id"]: row for row in file_rows()}
    monitoring, told = Monitoring(), []
    found: dict[tuple[str, str, str], Series] = {}
    wanted = [("resource_id", "in", list(held)), ("timestamp", ">=", start), ("timestamp", "<", end)]
    for row in parquet.read_table(OPEN / "metrics.parquet", filters=wanted).to_pylist():
        kind, project = (held[row["resource_id"]][name] for name in ("resource_type", "account_id"))
        source = TOLD.get((kind, row["metric"], row["statistic"]))
        if source is None:
            continue
        metric, how, factor = source
        if kind == ENDPOINT:
            row.update(_as_told(row, json.loads(held[row["resource_id"]]["properties"])))
        told.append(tuple(row.values()))
        key = (row["resource_id"], metric, how)
        if key not in found:
            found[key] = Series(_labels(kind, row["resource_id"], project, metric, row["dimensions"] or ""), {})
            monitoring.put(project, metric, how, found[key])
        found[key].points[row["timestamp"] + timedelta(seconds=row["period_s"])] = row["value"] * factor
    return monitoring.held, told


def _as_told(row: dict[str, Any], size: dict[str, Any]) -> dict[str, Any]:
    """What of a row of an endpoint is otherwise in Google's terms: CPU is summed over cores, memory is in bytes, the
    accelerators of a replica are one."""
    if row["metric"] == "cpu_utilization":
        return {"statistic": "sum", "value": row["value"] * size["vcpu"]}
    if row["metric"] == "memory_utilization":
        return {"metric": "memory_used_gib", "value": row["value"] / 100 * size["memory_gib"]}
    return {"dimensions": ""}


def _labels(kind: str, name: str, project: str, metric: str, dimensions: str) -> dict[str, str]:
    parts = name.strip("/").split("/")
    own = {"metric.gpu_number": json.loads(dimensions)["device"]} if "device" in dimensions else {}
    if kind == "compute.googleapis.com/Instance":
        called = "system.name" if metric.startswith(AGENT) else "metric.instance_name"
        return {"resource.project_id": project, "resource.zone": parts[4], called: parts[-1], **own}
    if kind == "aiplatform.googleapis.com/Endpoint":
        return {"resource.location": parts[4], "resource.endpoint_id": parts[-1]}
    if kind == "storage.googleapis.com/Bucket":
        return {"resource.bucket_name": parts[-1]}
    if kind == "tpu.googleapis.com/Node" and metric == "tpu.googleapis.com/cpu/utilization":
        return {"resource.project_id": project, "resource.zone": parts[4], "resource.node_id": parts[-1]}
    if kind == "tpu.googleapis.com/Node":
        return {"resource.location": parts[4]}
    pool = {"resource.project_id": project, "resource.location": parts[4], "resource.cluster_name": parts[6]}
    return pool | {"user.cloud.google.com/gke-nodepool": parts[-1]}
