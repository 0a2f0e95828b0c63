"""Cloud Monitoring from arithmetic: a project of machines, each metric a value an hour, a hundred thousand points a page.

The server is the contract server of the tests (gRPC over TLS), in a process of its own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from google.cloud.asset_v1.types import Asset
from google.cloud.monitoring_v3.types import TimeSeries
from google.protobuf.struct_pb2 import Struct

from benchmarks.live.clouds import INSTANCE, METRICS, PAGE, PROJECT
from connectors.gcp.series import PAGE_POINTS
from tests.live.gcp_company import write_credentials
from tests.live.google_contract import google, public_key

NUMBER, ZONE = "481516234201", "us-central1-a"


def serve(folder: str, resources: int, days: int, told: Any) -> None:
    """Answer until the process is terminated."""
    name = "//compute.googleapis.com/projects/{}/zones/{}/instances/vm-{}"
    ancestors = [f"projects/{NUMBER}"]
    machines = [
        Asset.pb(Asset(name=name.format(PROJECT, ZONE, n), asset_type=INSTANCE, ancestors=ancestors)) for n in range(resources)
    ]
    with google(Path(folder) / "roots.pem") as server:
        server.public = public_key(write_credentials(Path(folder) / "key.json", "http://127.0.0.1:1"))
        server.answer("ListAssets", lambda request: machines if INSTANCE in request.asset_types else [])
        server.page = PAGE
        server.answer("ListTimeSeries", lambda request: _paged(server, resources, days, request))
        told["place"] = server.target
        while True:
            told["asked"] = dict(server.asked)
            time.sleep(0.2)


def _paged(server: Any, resources: int, days: int, request: Any) -> list[Any]:
    server.page = PAGE_POINTS // (days * 24)
    return _series(resources, days, request)


def _series(resources: int, days: int, request: Any) -> list[Any]:
    metric = request.filter.split('"')[1]
    if metric not in {reading.metric for reading in METRICS}:
        return []
    return _made(
        resources, days, request.interval.end_time.seconds, "instance_name" in str(request.aggregation.group_by_fields)
    )


@cache
def _made(resources: int, days: int, end: int, by_metric: bool) -> list[Any]:
    last = datetime.fromtimestamp(end, UTC).replace(minute=0, second=0)
    points = [
        {"interval": {"end_time": last - timedelta(hours=n)}, "value": {"double_value": (n % 97) / 97}}
        for n in range(days * 24)
    ]
    bare = TimeSeries.pb(TimeSeries(points=points, resource={"labels": {"project_id": PROJECT, "zone": ZONE}}))
    found = []
    for number in range(resources):
        one = type(bare)()
        one.CopyFrom(bare)
        if by_metric:
            one.metric.labels["instance_name"] = f"vm-{number}"
        else:
            labels = Struct()
            labels.update({"name": f"vm-{number}"})
            one.metadata.system_labels.CopyFrom(labels)
        found.append(one)
    return found
