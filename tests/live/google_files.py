"""The sample company's Google Cloud with all that the streams read in it, and files of exactly what is served."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finops.config import Source
from tests.live import gcp_company, google_series, test_gcp_prices_live
from tests.live.bigquery import BigQuery, bigquery
from tests.live.conftest import NOW
from tests.live.google_contract import Google, public_key
from tests.live.google_estate import OPEN, UNTOLD, company, file_rows, serve_assets, source
from tests.live.google_series import Row

STREAMS = ("billing", "inventory", "utilization", "commitments", "prices")
DAYS = 39
MONTHS = ("202609", "202610")
"""Which of the bill those days lie in."""

POOL, VM, BUCKET = "container.googleapis.com/NodePool", "compute.googleapis.com/Instance", "storage.googleapis.com/Bucket"
ON_DEMAND = {"lifecycle": "on-demand"}
MORE: dict[str, dict[str, Any]] = {
    POOL: ON_DEMAND | {"version": "1.31.4-gke.1183000"},
    VM: ON_DEMAND,
    "aiplatform.googleapis.com/Endpoint": ON_DEMAND | {"variant": "8811", "architecture": "x86_64"},
    "tpu.googleapis.com/Node": ON_DEMAND,
    BUCKET: dict.fromkeys(("autoclass", "object_lock", "versioning"), False)
    | {"lifecycle_rules": [], "location_type": "region"},
}
"""What Google says and the company's files do not."""


@contextmanager
def served(google: Google, folder: Path) -> Iterator[tuple[BigQuery, list[Row]]]:
    """Everything that the streams ask for: the whole bill, which alone tells commitments, and six weeks of measurements."""
    with bigquery() as bills:
        google.public = public_key(gcp_company.write_credentials(folder / "key.json", bills.url))
        gcp_company.serve(bills)
        serve_assets(google, company())
        today = NOW.replace(hour=0)
        monitoring, told = google_series.company(today - timedelta(days=DAYS), today)
        monitoring.serve(google)
        test_gcp_prices_live.serve_catalog(google, test_gcp_prices_live.company())
        yield bills, told


def whole(google: Google, bills: BigQuery, **settings: Any) -> Source:
    made = source(google, *STREAMS, billing_exports=[gcp_company.TABLE], history_days=DAYS, **settings)
    made.settings["endpoint_urls"]["bigquery"] = bills.url
    return made


def write_files(folder: Path, told: Iterable[Row], listed: pa.Table) -> list[Path]:
    """The bill, and the same things as open-format files; `listed`: the catalog's prices."""
    names = ("resource_id", "timestamp", "period_s", "metric", "dimensions", "statistic", "value")
    pq.write_table(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in told]), folder / "metrics.parquet")
    resources = [_resource(row) for row in file_rows()]
    resources += [_group(row) for row in resources if row["resource_type"] == POOL]
    for name, rows in (("resources", resources), ("commitments", [_commitment()]), ("prices", prices(listed))):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    bills = [next(gcp_company.FOLDER.glob(f"*_v1_{month}.json.gz")) for month in MONTHS]
    return [*bills, folder / "metrics.parquet", *(folder / f"{name}.csv" for name in ("resources", "commitments", "prices"))]


def _resource(row: Mapping[str, str]) -> dict[str, Any]:
    """Nobody says when a pool was made, and of what a node is its labels say too."""
    kind, parts = row["resource_type"], row["resource_id"].split("/")
    known = {name: value for name, value in json.loads(row["properties"]).items() if name not in UNTOLD} | MORE.get(kind, {})
    found: dict[str, Any] = {**row}
    if kind == VM:
        known["zone"] = parts[6]
    if kind == POOL:
        found |= {"created_at": "", "attached_to": row["resource_id"].partition("/nodePools/")[0]}
    if row["attached_to"]:
        place = dict(
            zip(("cluster-location", "cluster-name", "node-pool-name"), row["attached_to"].split("/")[6::2], strict=True)
        )
        labels = {f"goog-k8s-{name}": value for name, value in place.items()}
        found["tags"] = json.dumps(json.loads(row["tags"]) | labels)
    return {**found, "properties": json.dumps(known)}


def _group(pool: Mapping[str, Any]) -> dict[str, Any]:
    """The instances of a pool, which has the policy."""
    place = (
        f"projects/{pool['account_id']}/zones/us-central1-a/instanceGroupManagers/gke-{pool['resource_id'].rpartition('/')[2]}"
    )
    desired = json.loads(pool["properties"])["desired"]
    said = {"desired": desired, "instances": desired, "scaling": "none", "zones": 1}
    kind = "compute.googleapis.com/InstanceGroupManager"
    blank = dict.fromkeys(("sku", "attached_to"), "")
    own = {"resource_id": f"//compute.googleapis.com/{place}", "resource_type": kind, "state": "STABLE", "tags": "{}"}
    return {**pool, **blank, **own, "properties": json.dumps(said)}


def _commitment() -> dict[str, str]:
    """A term begins at midnight in California."""
    with (OPEN / "commitments.csv").open(encoding="utf-8", newline="") as handle:
        held = [row for row in csv.DictReader(handle) if row["provider"] == "Google Cloud"][-1]
    return held | {name: held[name].replace("T00:", "T07:") for name in ("term_start", "term_end")}


KEY = ("product", "sku", "term", "instrument")


def prices(listed: pa.Table) -> list[dict[str, Any]]:
    """The company's list as the catalog dates and counts it, and the further machines that its parts make up.

    Retrieval of standard objects is free and not listed.
    """
    own = [
        row | {"effective_from": "2026-08-01T00:00:00Z", "unit": row["unit"].replace("GB", "GiB")}
        for row in test_gcp_prices_live.file_rows()
        if row["sku"] != "STANDARD:retrieval"
    ]
    known = {tuple(row[name] for name in KEY) for row in own}
    more = [row for row in listed.to_pylist() if tuple(row[name] or "" for name in KEY) not in known]
    return own + [{name: row[name] for name in own[0]} for row in more]
