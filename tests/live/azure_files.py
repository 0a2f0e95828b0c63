"""The sample company's Azure with all that the streams read in it, and files of exactly what is served."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finops.config import Source
from tests.live.azure_benefits import put_commitments, sample_commitments
from tests.live.azure_company import EXPORT, put_exports, source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import ONLY_ELSEWHERE, REGION, put_sample, sample_rows
from tests.live.azure_metrics import Row, put_measurements
from tests.live.azure_retail import listed, sample_items, sample_prices

STREAMS = ("billing", "inventory", "utilization", "commitments", "prices")
DAYS = 39
MORE: dict[str, dict[str, Any]] = {
    "Microsoft.Compute/disks": {"iops": 500, "throughput_mibps": 100},
    "Microsoft.Sql/servers/databases": {"multi_az": False, "size_gib": 256},
    "Microsoft.CognitiveServices/accounts/deployments": {"model": "gpt-4o", "version": "2024-11-20"},
}
"""What Azure says and the company's files do not."""

UNDATED = ("Microsoft.MachineLearningServices/workspaces/onlineEndpoints", "Microsoft.KeyVault/vaults")
"""Types whose documents do not say when a thing was made."""

PLACED = {"object_storage": "LRS", "database": "Single-AZ"}
"""Redundancy and zones are in the price's key here; the company's list is silent on them."""


def serve(azure: Azure) -> list[Row]:
    """Everything of October that the streams ask for; the measurements as they can be read."""
    put_exports(azure, ("2026-10",))
    put_sample(azure)
    put_commitments(azure)
    azure.answer("prices:List", listed(sample_items()))
    return put_measurements(azure.plane.measured, DAYS)


def company(azure: Azure, **settings: Any) -> Source:
    endpoints = dict.fromkeys(("management_endpoint", "prices_endpoint", "metrics_endpoint"), azure.url)
    return source(azure, *STREAMS, regions=[REGION], currency="EUR", history_days=DAYS, **endpoints, **settings)


def write_files(folder: Path, told: Iterable[Row]) -> list[Path]:
    """The bill, and the same things as open-format files."""
    names = ("resource_id", "timestamp", "metric", "dimensions", "statistic", "value")
    measured = pa.Table.from_pylist([dict(zip(names, row, strict=True)) | {"period_s": 3600} for row in told])
    pq.write_table(measured, folder / "metrics.parquet")
    tables = {
        "resources": [_resource(row) for row in sample_rows()],
        "commitments": [_commitment(row) for row in sample_commitments()],
        "prices": [price for row in sample_prices() for price in _prices(row)],
    }
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    return [*sorted(EXPORT.glob("*-2026-10.csv.gz")), folder / "metrics.parquet", *(folder / f"{name}.csv" for name in tables)]


def _resource(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = row["resource_type"]
    known = {name: value for name, value in row["properties"].items() if name not in ONLY_ELSEWHERE} | MORE.get(kind, {})
    created = "" if kind in UNDATED else row["created_at"]
    if kind == "Microsoft.Compute/virtualMachines":
        created = created.replace("Z", ".123456Z")
    documents = {"properties": json.dumps(known), "tags": json.dumps(row["tags"])}
    return {**row, "created_at": created, "state": row["state"].removeprefix("VM "), **documents}


def _commitment(row: Mapping[str, Any]) -> dict[str, Any]:
    scope = {"shared": "accounts" not in row["scope"], **row["scope"]}
    if row["instrument"] == "reservation" and scope["sku"] != "ptu":
        scope |= {"kind": "VirtualMachines", "size_flexible": False}
    if len(scope.get("accounts", ())) > 1:
        scope["management_group"] = "platform"
    return {**row, "scope": json.dumps(scope)}


def _prices(row: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    """A reservation's one price can be paid in two ways; the company's list has the monthly one."""
    placed = {**row, "deployment": row["deployment"] or PLACED.get(row["product"], "")}
    yield placed
    if row["instrument"] == "reservation":
        hours = {"1m": 730, "1y": 8760}[row["term"]]
        yield {**placed, "payment": "all", "price": 0, "upfront": float(row["price"]) * hours}
