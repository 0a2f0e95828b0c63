"""A FOCUS export in Blob Storage: Cost Management writes it as it writes the others, and it is loaded as its files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops.export import Container, export_focus
from finops.intake.load import load
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import calls, fetched, rows, whole
from tests.live.azure_company import CONTAINER, EXPORT, FOLDER, put_manifest, source
from tests.live.azure_contract import Azure

TOTAL = "select count(*)::int as n, sum(BilledCost)::varchar as billed, sum(EffectiveCost)::varchar as effective from charges"


@pytest.mark.parametrize("container", ["csv", "parquet"])
def test_a_focus_export_is_loaded_as_its_files_are(
    azure: Azure, warehouse: Warehouse, tmp_path: Path, container: Container
) -> None:
    bill = Warehouse.open(str(tmp_path / "bill"))
    load(bill, sorted(EXPORT.glob("*-2026-10.csv.gz")), source="azure")
    with bill.reader() as reader:
        (written,) = export_focus(reader, tmp_path / "focus", container=container)
    path = tmp_path / "focus" / written.file
    folder = f"{FOLDER}/nordlicht-focus/20261001-20261031/202611010400/5f0c9a1e-7b1d-4f0e-9d43-202611010400"
    name = f"{folder}/part_0_0001.{container}"
    azure.put(CONTAINER, name, path.read_bytes())
    blobs = [{"blobName": name, "byteCount": path.stat().st_size, "dataRowCount": written.rows}]
    put_manifest(azure, folder, "focus", "2026-10", blobs)
    report = fetched(warehouse, source(azure, "billing"))
    assert report.failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, [path], source="azure")
    for table in ("charges", "tag_sets", "resource_daily"):
        assert whole(warehouse, table).equals(whole(files, table)), table
    assert rows(warehouse, TOTAL) == rows(bill, TOTAL)  # to the last digit
    again = fetched(warehouse, source(azure, "billing"))
    assert (again.changed, calls(again)["blob:GetBlob"]) == (False, 1)  # its manifest
