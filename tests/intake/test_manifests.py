"""Manifests: the current edition counts, the earlier ones are passed over by name."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import billed, deliver, text
from tests.intake.test_stage import DISK, FEE, HEADER
from tests.staging import write_csv


def test_of_two_runs_of_an_azure_export_the_later_counts(warehouse: Warehouse, tmp_path: Path) -> None:
    """The earlier run has 7.50, the later 19.50; without the manifests they would be rivals."""
    root = tmp_path / "cost"
    for run, lines in (("202609100000", (DISK,)), ("202609110000", (DISK, FEE))):
        part = write_csv(_folder(root / "20260901-20260930" / run / "0a1b2c3d") / "part_0_0001.csv", HEADER, *lines)
        blob = {
            "blobName": str(part.relative_to(tmp_path)),
            "byteCount": part.stat().st_size,
            "dataRowCount": len(lines),
        }
        document = {"manifestVersion": "2024-04-01", "dataFormat": "csv", "blobCount": 1, "blobs": [blob]}
        (part.parent / "manifest.json").write_text(json.dumps(document))
    report = deliver(warehouse, root)
    assert list(billed(warehouse).values()) == [Decimal("19.50")]
    assert any("202609100000" in path for path, _ in report.passed_over)


def test_of_a_data_exports_folder_the_manifests_files_count(warehouse: Warehouse, tmp_path: Path) -> None:
    root = _folder(tmp_path / "bill")
    data = _folder(root / "data" / "BILLING_PERIOD=2026-09")
    (data / "bill-00001.csv").write_text(text({"BilledCost": "4"}))
    metadata = _folder(root / "metadata" / "BILLING_PERIOD=2026-09")
    document = {
        "exportArn": "arn:aws:bcm-data-exports:us-east-1:1:export/bill",
        "dataFiles": ["s3://bucket/bill/data/BILLING_PERIOD=2026-09/bill-00001.csv"],
    }
    (metadata / "bill-Manifest.json").write_text(json.dumps(document))
    report = deliver(warehouse, root)
    assert billed(warehouse) == {("focus:acc-1", "2026-09", "USD"): Decimal(4)}
    assert report.lines[0].reconciled.startswith("the manifest")


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path
