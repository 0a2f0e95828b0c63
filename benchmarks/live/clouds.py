"""Live loads of metrics from Azure and Google: API calls beside the fewest that limits allow, and peak memory.

`python -m benchmarks.live.clouds [azure] [google] [--resources N] [--days N]`. Servers answer from arithmetic, in processes of
their own; so do the loads. AWS and downloads: `benchmarks.live.aws`.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import tempfile
import time
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from benchmarks.process import peak, run, serve
from connectors.azure.utilization import MOST_RESOURCES, asks
from connectors.azure.utilization import readings as azures
from connectors.gcp.series import PAGE_POINTS
from connectors.gcp.utilization import readings as googles
from finops.config import Config, Source
from finops.ingest import load_sources
from finops.warehouse.warehouse import Warehouse

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
CLOUDS = ("azure", "google")
PAGE = 1000
"""Things a page, of Cloud Asset and of Resource Graph."""

VM, INSTANCE = "Microsoft.Compute/virtualMachines", "compute.googleapis.com/Instance"
PROJECT = "bench"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
METRICS = tuple(reading for reading in googles() if reading.asset == INSTANCE)[:10]


def _google(folder: str, place: str, days: int) -> Source:
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = f"{folder}/key.json"
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = f"{folder}/roots.pem"
    settings = {
        "streams": ["utilization"],
        "scopes": [f"projects/{PROJECT}"],
        "history_days": days,
        "endpoint_urls": dict.fromkeys(("cloudasset", "monitoring"), place),
    }
    return Source(name="google", connector="gcp", settings=settings)


def _azure(folder: str, place: str, days: int) -> Source:
    os.environ |= {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": SUBSCRIPTION,
        "AZURE_CLIENT_SECRET": "benchmark",
        "REQUESTS_CA_BUNDLE": f"{folder}/certificate.pem",
    }
    endpoints = dict.fromkeys(("authority", "management_endpoint", "metrics_endpoint"), place)
    settings = {"streams": ["utilization"], "history_days": days, "tenant_id": TENANT, "private_authority": True, **endpoints}
    return Source(name="azure", connector="azure", settings=settings)


def _fewest_google(resources: int, days: int) -> dict[str, int]:
    """One listing of names; of each metric and statistic as many pages as points need; a question for each that has none."""
    pages = math.ceil(resources / (PAGE_POINTS // (days * 24)))
    asked = sum(len(reading.statistics) for reading in googles() if reading.asset == INSTANCE)
    held = sum(len(reading.statistics) for reading in METRICS)
    return {"ListAssets": math.ceil(resources / PAGE), "ListTimeSeries": held * pages + asked - held}


def _fewest_azure(resources: int, _: int) -> dict[str, int]:
    """A page of Resource Graph a type and thousand things; a call for each fifty machines and group of metrics."""
    calls = math.ceil(resources / MOST_RESOURCES) * len(asks(VM, 3600))
    return {"Resources": len(azures()) - 1 + math.ceil(resources / PAGE), "getBatch": calls}


SOURCES = {"azure": _azure, "google": _google}
FEWEST = {"azure": _fewest_azure, "google": _fewest_google}


def _serve(cloud: str, folder: str, resources: int, days: int, told: Any) -> None:
    import_module(f"benchmarks.live.{cloud}").serve(folder, resources, days, told)


def _load(cloud: str, folder: str, place: str, days: int, told: Any) -> None:
    """One load of `utilization`, in this process."""
    source = SOURCES[cloud](folder, place, days)
    warehouse = Warehouse.open(f"{folder}/warehouse", memory_limit=os.environ.get("LIMIT"))
    peaks: dict[str, float] = {}
    report = load_sources(
        warehouse, Config(sources=[source]), [], now=NOW, progress=lambda step: peaks.setdefault(step.split(",")[0], peak())
    )
    with warehouse.reader() as reader:
        rows = reader.rows("select count(*)::bigint as n from metrics")[0]["n"]
    fetched = next((value for step, value in peaks.items() if " loading " in step), 0.0)
    told.update(rows=rows, failures=report.failures, spent=", ".join(map(str, report.api.spent)), peak=peak(), fetched=fetched)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clouds", nargs="*", default=CLOUDS)
    parser.add_argument("--resources", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=14)
    given = parser.parse_args()
    for cloud in given.clouds:
        with multiprocessing.Manager() as manager, tempfile.TemporaryDirectory() as folder:
            told = manager.dict()
            server = serve(_serve, cloud, folder, given.resources, given.days, told)
            while "place" not in told:
                time.sleep(0.05)
            seconds = run(_load, cloud, folder, told["place"], given.days, told)
            time.sleep(0.5)
            least, asked = FEWEST[cloud](given.resources, given.days), told["asked"]
            made = sum(asked.get(name, 0) for name in least)
            print(f"{cloud}: {given.resources:,} machines × 10 metrics × {given.days} days of hours: {told['rows']:,} rows")
            print(f"calls {asked}, fewest {least}: {made / sum(least.values()):.2f} ×; {told['spent']} at list price")
            print(
                f"{seconds:.1f} s, peak {told['peak']:.0f} MiB, {told['fetched']:.0f} when all was fetched; {told['failures']}"
            )
            server.terminate()


if __name__ == "__main__":
    main()
