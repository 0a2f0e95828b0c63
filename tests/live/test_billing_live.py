"""Billing exports in S3: live is the same as the files, only what changed is fetched, and nothing half-lands."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from finops.connect import Format
from finops.export import Container, export_focus
from finops.intake.load import load
from finops.live import run
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import BUCKET, EXPORT, billing, cached, calls, client, fetched, put_export, rows, whole

OCTOBER = "nordlicht-cur2/data/BILLING_PERIOD=2026-10/nordlicht-cur2-00001.parquet"
MANIFEST = "nordlicht-cur2/metadata/BILLING_PERIOD=2026-10/nordlicht-cur2-Manifest.json"


def test_live_is_the_same_as_files_to_the_row(aws: str, warehouse: Warehouse, tmp_path: Path) -> None:
    put_export(aws)
    report = fetched(warehouse, billing(aws))
    assert report.failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, [EXPORT], source="aws")
    assert rows(files, "select count(*)::int as n from charges")[0]["n"] > 1_000
    for table in ("charges", "tag_sets", "reconciliation", "resource_daily", "spend_monthly"):
        assert whole(warehouse, table).equals(whole(files, table)), table


def test_a_second_load_downloads_and_stages_nothing(aws: str, warehouse: Warehouse) -> None:
    put_export(aws, ("2026-09", "2026-10"))
    first = fetched(warehouse, billing(aws))
    again = fetched(warehouse, billing(aws))
    assert (first.changed, again.changed, again.lines) == (True, False, ())
    assert (calls(first)["s3:GetObject"], calls(again)["s3:GetObject"]) == (4, 2)  # the manifests alone
    assert warehouse.published().number == 1


def test_only_the_file_that_changed_is_fetched(aws: str, warehouse: Warehouse, tmp_path: Path) -> None:
    put_export(aws, ("2026-09", "2026-10"))
    fetched(warehouse, billing(aws))
    pq.write_table(pq.read_table(EXPORT.parent / OCTOBER).slice(1), tmp_path / "shorter.parquet")
    client(aws, "s3").put_object(Bucket=BUCKET, Key=OCTOBER, Body=(tmp_path / "shorter.parquet").read_bytes())
    report = fetched(warehouse, billing(aws))
    assert calls(report)["s3:GetObject"] == 3
    assert [line.period for line in report.lines] == ["2026-10"]


def test_another_mapping_is_staged_without_a_download(aws: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put_export(aws, ("2026-10",))
    fetched(warehouse, billing(aws))
    monkeypatch.setattr(run, "mapping", lambda fmt: f"another mapping of {fmt.name}")
    report = fetched(warehouse, billing(aws))
    assert calls(report)["s3:GetObject"] == 1
    assert [line.period for line in report.lines] == ["2026-10"]


def test_a_legacy_report_follows_its_current_assembly(aws: str, warehouse: Warehouse) -> None:
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket=BUCKET)
    header = (
        "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/UnblendedCost"
    )
    folder = "bills/report/20261001-20261101"
    for assembly, amount in (("a1", "5"), ("a2", "7")):
        line = f"123456789012,2026-10-01T00:00:00Z,2026-10-01T00:00:00Z,2026-10-01T01:00:00Z,{amount}"
        s3.put_object(Bucket=BUCKET, Key=f"{folder}/{assembly}/report-1.csv", Body=f"{header}\n{line}\n".encode())
        manifest = {
            "assemblyId": assembly,
            "account": "123456789012",
            "reportName": "report",
            "bucket": BUCKET,
            "reportKeys": [f"{folder}/{assembly}/report-1.csv"],
            "columns": [],
            "billingPeriod": {"start": "20261001T000000.000Z", "end": "20261101T000000.000Z"},
        }
        for key in (f"{folder}/{assembly}/report-Manifest.json", f"{folder}/report-Manifest.json"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(manifest).encode())
        report = fetched(warehouse, billing(aws, exports=[f"s3://{BUCKET}/bills"]))
        assert report.failures == ()
        assert rows(warehouse, "select sum(BilledCost)::decimal(9, 2) as c from charges") == [{"c": Decimal(amount)}]
    assert [path.parent.name for path in cached(warehouse, "*.csv")] == ["a2"]


@pytest.mark.parametrize("container", ["csv", "parquet"])
def test_a_focus_export_is_loaded_as_its_files_are(
    aws: str, warehouse: Warehouse, tmp_path: Path, container: Container
) -> None:
    """Data Exports writes FOCUS as it writes CUR 2.0: a manifest a month, and the files that it names."""
    bill = Warehouse.open(str(tmp_path / "bill"))
    load(bill, [EXPORT / "data" / "BILLING_PERIOD=2026-10"], source="aws")
    with bill.reader() as reader:
        (written,) = export_focus(reader, tmp_path / "focus", container=container)
    content, month = (tmp_path / "focus" / written.file).read_bytes(), "BILLING_PERIOD=2026-10"
    key = f"nordlicht-focus/data/{month}/nordlicht-focus-00001.{container}"
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    manifest = json.dumps({"dataFiles": [f"s3://{BUCKET}/{key}"]})
    s3.put_object(Bucket=BUCKET, Key=f"nordlicht-focus/metadata/{month}/nordlicht-focus-Manifest.json", Body=manifest.encode())
    given = billing(aws, exports=[f"s3://{BUCKET}/nordlicht-focus"])
    assert fetched(warehouse, given).failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, [tmp_path / "focus" / written.file], source="aws")
    for table in ("charges", "tag_sets", "resource_daily"):
        assert whole(warehouse, table).equals(whole(files, table)), table
    total = "select sum(BilledCost)::varchar as billed, sum(EffectiveCost)::varchar as effective from charges"
    assert rows(warehouse, total) == rows(bill, total)
    again = fetched(warehouse, given)
    assert (again.changed, calls(again)["s3:GetObject"]) == (False, 1)  # its manifest


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"dataFiles": [f"s3://{BUCKET}/nordlicht-cur2/data/BILLING_PERIOD=2026-10/absent.parquet"]}, "which is absent"),
        ({"dataFiles": [f"s3://{BUCKET}/other/secret.parquet"]}, "outside the export's folder"),
        ({"dataFiles": ["s3://other-bucket/nordlicht-cur2/data/x.parquet"]}, "outside the export's folder"),
        ({"dataFiles": [f"s3://{BUCKET}/nordlicht-cur2/data/../../../x.parquet"]}, "which is absent|outside"),
        ({"dataFiles": []}, "names no file"),
        ({"nothing": 1}, "names no file"),
    ],
)
def test_a_manifest_that_cannot_be_followed_fails_loudly(
    aws: str, warehouse: Warehouse, manifest: dict[str, object], said: str
) -> None:
    put_export(aws, ("2026-09",))
    client(aws, "s3").put_object(Bucket=BUCKET, Key=MANIFEST, Body=json.dumps(manifest).encode())
    report = fetched(warehouse, billing(aws))
    (failure,) = report.failures
    assert re.search(said, failure)
    assert failure.startswith("aws billing: ")
    assert warehouse.published().number == 0  # the delivery is whole or not at all


def test_no_export_is_an_error_that_says_where(aws: str, warehouse: Warehouse) -> None:
    client(aws, "s3").create_bucket(Bucket=BUCKET)
    (failure,) = fetched(warehouse, billing(aws)).failures
    assert "there is no manifest" in failure
    assert f"s3://{BUCKET}/nordlicht-cur2" in failure


def test_formats_have_distinct_mappings() -> None:
    from finops import plugins
    from finops.intake.mapping import mapping

    formats: tuple[Format, ...] = plugins.formats()
    assert len({mapping(fmt) for fmt in formats}) > len(formats) // 2
