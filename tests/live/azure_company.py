"""The sample company's Azure, put where its exports would lie, and sources that read it."""

from __future__ import annotations

import gzip
import json
from typing import Any

from finops.config import Source
from finops.demo import sample_company
from tests.live.azure_contract import TENANT, Azure
from tests.live.faults import Store

EXPORT = sample_company() / "azure"
CONTAINER = "exports"
FOLDER = "nordlicht"
MONTHS = {"2026-08": "20260801-20260831", "2026-09": "20260901-20260930", "2026-10": "20261001-20261031"}
KINDS = {"actual": "ActualCost", "amortized": "AmortizedCost"}
TYPES = {**KINDS, "focus": "FocusCost"}


def run_of(kind: str, month: str, run: str) -> str:
    return f"{FOLDER}/nordlicht-{kind}/{MONTHS[month]}/{run}/5f0c9a1e-7b1d-4f0e-9d43-{run}"


def put_run(store: Store, kind: str, month: str, *, run: str = "202611010400", drop: int = 0, parts: int = 2) -> str:
    """One run of an export as Cost Management leaves it: a folder with parts and their manifest. `drop`: rows left out."""
    header, *rows = gzip.decompress((EXPORT / f"nordlicht-{kind}-{month}.csv.gz").read_bytes()).splitlines(keepends=True)
    rows = rows[drop:]
    folder = run_of(kind, month, run)
    size = -(-len(rows) // parts)
    blobs = []
    for number in range(parts):
        piece = rows[number * size : (number + 1) * size]
        content = header + b"".join(piece)
        name = f"{folder}/part_0_{number + 1:04}.csv"
        store.put(CONTAINER, name, content)
        blobs.append({"blobName": name, "byteCount": len(content), "dataRowCount": len(piece)})
    put_manifest(store, folder, kind, month, blobs)
    return folder


def put_manifest(store: Store, folder: str, kind: str, month: str, blobs: list[dict[str, Any]]) -> None:
    start, end = MONTHS[month].split("-")
    manifest = {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(blob["byteCount"] for blob in blobs),
        "blobCount": len(blobs),
        "dataRowCount": sum(blob["dataRowCount"] for blob in blobs),
        "exportConfig": {"exportName": f"nordlicht-{kind}", "type": TYPES[kind], "dataVersion": "2021-10-01"},
        "deliveryConfig": {"partitionData": True, "fileFormat": "Csv", "compressionMode": "None"},
        "runInfo": {"executionType": "Scheduled", "submittedTime": "2026-11-01T04:00:00Z", "startDate": start, "endDate": end},
        "blobs": blobs,
    }
    store.put(CONTAINER, f"{folder}/manifest.json", json.dumps(manifest).encode())


def put_exports(store: Store, months: tuple[str, ...] = tuple(MONTHS)) -> None:
    for month in months:
        for kind in KINDS:
            put_run(store, kind, month)


def source(azure: Azure, *streams: str, **settings: Any) -> Source:
    given = {
        "streams": list(streams),
        "tenant_id": TENANT,
        "authority": azure.url,
        "private_authority": True,
        "exports": [f"{azure.url}/{CONTAINER}/{FOLDER}"],
        **settings,
    }
    return Source(name="azure", connector="azure", settings=given)
