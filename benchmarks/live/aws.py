"""Live loads against a local server: API calls beside the fewest that quotas allow, peak memory, and a download of any size.

`python -m benchmarks.live.aws [--resources N] [--days N] [--gib N]`. The server answers like CloudWatch and S3 from
arithmetic, in a process of its own; the load is a process too, whose peak resident memory is what the kernel says of it.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import re
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.process import peak, run
from connectors.aws.exports import _content
from connectors.aws.session import Connection
from connectors.aws.settings import AwsSettings
from connectors.aws.utilization import readings
from finops.config import Config, Source
from finops.connect import Blob
from finops.ingest import load_sources
from finops.live.cache import store_blobs
from finops.warehouse.warehouse import Warehouse

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
METRICS = [reading.name for reading in readings()["AWS/EC2"]][:10]
SERIES = sum(len(reading.statistics) for reading in readings()["AWS/EC2"][:10])
PAGE = 500
"""Metrics that `ListMetrics` lists a page (API reference)."""


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    resources = 0
    size = 0
    asked: Any = None  # a shared list of operations

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.asked.append(operation or "GetCallerIdentity")
        if not operation:
            found = "<Arn>arn:aws:iam::1:role/x</Arn><UserId>A</UserId><Account>123456789012</Account>"
            found = f"<GetCallerIdentityResult>{found}</GetCallerIdentityResult>"
            wrapped = f"<GetCallerIdentityResponse>{found}</GetCallerIdentityResponse>"
            return self._send(wrapped.encode(), "text/xml")
        return self._send(json.dumps(getattr(self, operation)(json.loads(body))).encode(), "application/x-amz-json-1.0")

    def do_GET(self) -> None:
        """An object: `size` bytes."""
        self.asked.append("GetObject")
        self.send_response(200)
        self.send_header("Content-Length", str(self.size))
        self.end_headers()
        block = os.urandom(1 << 20)
        for sent in range(0, self.size, len(block)):
            self.wfile.write(block[: min(len(block), self.size - sent)])

    def ListMetrics(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["Namespace"] != "AWS/EC2":
            return {"Metrics": []}
        start = int(asked.get("NextToken", 0))
        every = range(start, min(start + PAGE, self.resources * len(METRICS)))
        metrics = [
            {
                "Namespace": "AWS/EC2",
                "MetricName": METRICS[n % len(METRICS)],
                "Dimensions": [{"Name": "InstanceId", "Value": f"i-{n // len(METRICS):017x}"}],
            }
            for n in every
        ]
        more = {"NextToken": str(start + PAGE)} if start + PAGE < self.resources * len(METRICS) else {}
        return {"Metrics": metrics, **more}

    def GetMetricData(self, asked: dict[str, Any]) -> dict[str, Any]:
        results = []
        for query in asked["MetricDataQueries"]:
            times = [float(t) for t in range(int(asked["StartTime"]), int(asked["EndTime"]), query["MetricStat"]["Period"])]
            results.append(
                {
                    "Id": query["Id"],
                    "Label": "x",
                    "Timestamps": times,
                    "Values": [(t / 3600) % 97 for t in times],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results}

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _serve(resources: int, size: int, asked: Any, port: Any) -> None:
    _Server.resources, _Server.size, _Server.asked = resources, size, asked
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.daemon_threads = True
    port.value = server.server_address[1]
    server.serve_forever()


def _load(url: str, folder: str, days: int, told: Any) -> None:
    """One load of `utilization`, in this process."""
    settings = {"endpoint_url": url, "regions": ["us-east-1"], "streams": ["utilization"], "history_days": days}
    source = Source(name="aws", connector="aws", settings=settings)
    warehouse = Warehouse.open(folder, memory_limit=os.environ.get("LIMIT"))
    peaks: dict[str, float] = {}
    report = load_sources(
        warehouse, Config(sources=[source]), [], now=NOW, progress=lambda step: peaks.setdefault(step.split(",")[0], peak())
    )
    with warehouse.reader() as reader:
        rows = reader.rows("select count(*)::bigint as n from metrics")[0]["n"]
    told.update(
        rows=rows,
        failures=report.failures,
        spent=", ".join(map(str, report.api.spent)),
        peak=peak(),
        fetched=peaks["aws: loading CloudWatch metrics"],
    )


def _download(url: str, folder: str, size: int, told: Any) -> None:
    """One object of `size` bytes into the cache."""
    connection = Connection(AwsSettings(endpoint_url=url, endpoint_urls={}), lambda *_: None)
    before = peak()
    blob = Blob("data/part.parquet", "tag", size, partial(_content, connection, "bucket", "key", "tag"))
    store_blobs(Path(folder), iter([blob]), NOW)
    told.update(peak=peak(), before=before)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resources", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--gib", type=float, default=5)
    given = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_EC2_METADATA_DISABLED": "true"}
    size = int(given.gib * 2**30)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, tempfile.TemporaryDirectory() as folder:
        asked, port, told = manager.list(), manager.Value("i", 0), manager.dict()
        server = context.Process(target=_serve, args=(given.resources, size, asked, port), daemon=True)
        server.start()
        while not port.value:
            time.sleep(0.05)
        url = f"http://127.0.0.1:{port.value}"
        seconds = run(_load, url, f"{folder}/warehouse", given.days, told)
        calls = Counter(re.sub(r"^$", "?", operation) for operation in asked)
        series = given.resources * SERIES
        least = {
            "ListMetrics": math.ceil(given.resources * len(METRICS) / PAGE) + len(readings()) - 1,
            "GetMetricData": max(math.ceil(series * given.days * 24 / 100_800), math.ceil(series / 500)),
        }
        made = sum(calls[name] for name in least)
        print(f"{given.resources:,} resources × {len(METRICS)} metrics × {given.days} days of hours: {told['rows']:,} rows")
        print(f"calls {dict(calls)}, fewest {least}: {made / sum(least.values()):.2f} ×; {told['spent']} at list price")
        print(f"{seconds:.1f} s, peak {told['peak']:.0f} MiB, {told['fetched']:.0f} when all was fetched; {told['failures']}")
        seconds = run(_download, url, f"{folder}/blobs", size, told)
        print(f"{given.gib:g} GiB downloaded in {seconds:.1f} s, peak {told['peak']:.0f} MiB, {told['before']:.0f} before")
        server.terminate()


if __name__ == "__main__":
    main()
