"""Lists of stored objects as the three clouds deliver them: rows in, bands out, whatever is wrong named."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.errors import Refused
from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import deliver
from tests.staging import write_csv

TAKEN = datetime(2026, 10, 31, 1, tzinfo=UTC)
MIB = 1024 * 1024
SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded"

Band = tuple[str, str, str, str, int, int | None, int, float]


def bands(warehouse: Warehouse, day: str = "2026-10-31") -> list[Band]:
    """What is known of stored objects with the bill up to that day."""
    with warehouse.reader() as reader:
        rows = reader.rows(
            "select bucket, prefix, storage_class, state, age_days_from, age_days_to, object_count, bytes"
            " from object_listing($day::date) order by all",
            {"day": day},
        )
    return [tuple(row.values()) for row in rows]


def ago(days: float) -> datetime:
    return TAKEN - timedelta(days=days)


def iso(days: float) -> str:
    return ago(days).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def s3_rows(*versions: tuple[str, bool, bool, int | None, float, str]) -> list[tuple[Any, ...]]:
    return [
        ("media", key, "v", latest, marker, size, age, "etag", name, False) for key, latest, marker, size, age, name in versions
    ]


def s3(root: Path, rows: list[tuple[Any, ...]], *, taken: datetime = TAKEN, kind: str = "CSV", schema: str = SCHEMA) -> Path:
    """One run of an inventory: `media/all/<time>/manifest.json` and `media/all/data/…`; returns the data file."""
    data = root / "media" / "all" / "data"
    data.mkdir(parents=True, exist_ok=True)
    file = data / f"{taken:%d}3f1d-42.{'csv.gz' if kind == 'CSV' else 'parquet'}"
    if kind == "CSV":
        lines = [",".join(_cell(iso(c) if i == 6 else c) for i, c in enumerate(row)) for row in rows]
        file.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    else:
        names = ["bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified_date", "e_tag"]
        names += ["storage_class", "is_multipart_uploaded"]
        times = pa.timestamp("ms", tz="UTC")
        columns = {n: [ago(r[i]) if i == 6 else r[i] for r in rows] for i, n in enumerate(names)}
        pq.write_table(pa.table(columns | {"last_modified_date": pa.array(columns["last_modified_date"], times)}), file)
    manifest = {
        "sourceBucket": "media",
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": str(int(taken.timestamp() * 1000)),
        "fileFormat": kind,
        "fileSchema": schema if kind == "CSV" else "message s3.inventory { required binary bucket (UTF8); }",
        "files": [{"key": f"listings/media/all/data/{file.name}", "size": file.stat().st_size, "MD5checksum": "x"}],
    }
    run = root / "media" / "all" / f"{taken:%Y-%m-%dT%H-%MZ}"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text(json.dumps(manifest))
    return file


def _cell(value: object) -> str:
    return '""' if value is None else f'"{str(value).lower() if isinstance(value, bool) else value}"'


VERSIONS = s3_rows(
    ("raw/2026/07/a+b%2Fc.mp4", True, False, 20 * MIB, 40.0, "STANDARD"),
    ("raw/2026/08/d.mp4", True, False, 30 * MIB, 59.9, "STANDARD"),
    ("raw/2026/08/small.json", True, False, 2000, 59.9, "STANDARD"),
    ("raw/2026/08/d.mp4", False, False, 30 * MIB, 70.0, "STANDARD"),
    ("raw/2026/08/gone.mp4", True, True, None, 3.0, ""),
    ("archive/x", True, False, 5 * MIB, 2000.0, "DEEP_ARCHIVE"),
)
EXPECTED = [
    ("media", "archive/", "DEEP_ARCHIVE", "current", 1095, None, 1, 5.0 * MIB),
    ("media", "raw/", "NONE", "delete_marker", 0, 7, 1, 0.0),
    ("media", "raw/", "STANDARD", "current", 30, 60, 1, 2000.0),
    ("media", "raw/", "STANDARD", "current", 30, 60, 2, 50.0 * MIB),
    ("media", "raw/", "STANDARD", "noncurrent", 60, 90, 1, 30.0 * MIB),
]


@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_an_s3_inventory_with_versions(warehouse: Warehouse, tmp_path: Path, kind: str) -> None:
    """A CSV file has no header row: the manifest names its columns, and its date is where ages are counted from."""
    s3(tmp_path / "i", VERSIONS, kind=kind)
    report = deliver(warehouse, tmp_path / "i")
    assert bands(warehouse) == EXPECTED
    assert (report.lines[0].format, report.lines[0].periods, report.lines[0].version) == (
        "Amazon S3 Inventory",
        ("2026-10-31 media",),
        kind,
    )


def test_the_newest_inventory_counts_and_the_earlier_stays(warehouse: Warehouse, tmp_path: Path) -> None:
    """A replay of an earlier day reads what was listed until then; nothing is ever counted twice."""
    s3(tmp_path / "i", s3_rows(("raw/a", True, False, 1, 1.0, "STANDARD")), taken=TAKEN - timedelta(days=7))
    deliver(warehouse, tmp_path / "i")
    s3(tmp_path / "i", VERSIONS)
    report = deliver(warehouse, tmp_path / "i")
    assert bands(warehouse) == EXPECTED
    assert [band[-1] for band in bands(warehouse, "2026-10-26")] == [1.0]
    assert any("earlier" in reason for _, reason in report.passed_over)
    deliver(warehouse, tmp_path / "i")
    assert bands(warehouse) == EXPECTED


def test_data_files_of_forgotten_runs_are_passed_over(warehouse: Warehouse, tmp_path: Path) -> None:
    s3(tmp_path / "i", VERSIONS)
    (tmp_path / "i" / "media" / "all" / "data" / "000-old.csv.gz").write_bytes(gzip.compress(b'"media","raw/z"\n'))
    report = deliver(warehouse, tmp_path / "i")
    assert bands(warehouse) == EXPECTED
    assert [reason for path, reason in report.passed_over if "000-old" in path] == [
        "superseded by a later edition of its export"
    ]


def refused(warehouse: Warehouse, path: Path) -> str:
    with pytest.raises(Refused) as error:
        deliver(warehouse, path)
    assert bands(warehouse) == []
    return str(error.value)


def test_a_wrong_value_is_named_with_its_line(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [*VERSIONS, ("media", "raw/b", "v", True, False, "large", 1.0, "e", "STANDARD", False)]
    s3(tmp_path / "i", rows)
    assert "line 7, column `Size`: `large` is not a finite number" in refused(warehouse, tmp_path / "i")


def test_a_record_that_is_cut_off_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    file = s3(tmp_path / "i", VERSIONS)
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()) + b'"media","raw/b"\n'))
    manifest = next((tmp_path / "i").rglob("manifest.json"))
    document = json.loads(manifest.read_text())
    document["files"][0]["size"] = file.stat().st_size
    manifest.write_text(json.dumps(document))
    assert "line 7 has 2 fields, the header has 10: the file is cut off" in refused(warehouse, tmp_path / "i")


def test_a_missing_or_short_file_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    file = s3(tmp_path / "i", VERSIONS)
    file.write_bytes(file.read_bytes()[:-1])
    assert "bytes in 313f1d-42.csv.gz" in refused(warehouse, tmp_path / "i")
    file.unlink()
    assert "which is absent" in refused(warehouse, tmp_path / "i")


def test_an_inventory_without_sizes_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [(row[0], row[1], row[8]) for row in VERSIONS]
    s3(tmp_path / "i", rows, schema="Bucket, Key, StorageClass")
    said = refused(warehouse, tmp_path / "i")
    assert "nearest is Amazon S3 Inventory, column `last_modified_date` missing" in said


def test_a_listing_without_its_manifest_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    file = s3(tmp_path / "i", VERSIONS, kind="Parquet")
    assert "has no manifest" in refused(warehouse, file)


def test_two_inventories_of_one_bucket_would_count_it_twice(warehouse: Warehouse, tmp_path: Path) -> None:
    s3(tmp_path / "one", VERSIONS)
    s3(tmp_path / "two", VERSIONS)
    manifest = next((tmp_path / "two").rglob("manifest.json"))
    (tmp_path / "two" / "media" / "all").rename(tmp_path / "two" / "media" / "weekly")
    manifest = next((tmp_path / "two").rglob("manifest.json"))
    manifest.write_text(manifest.read_text().replace("media/all/data", "media/weekly/data"))
    with pytest.raises(Refused, match="two exports of media"):
        deliver(warehouse, tmp_path / "one", tmp_path / "two")


GCS = ("project", "bucket", "name", "location", "size", "timeCreated", "timeDeleted", "updated", "storageClass")


def gcs(root: Path, *, header: bool, kind: str = "csv") -> Path:
    root.mkdir()
    rows: list[tuple[object, ...]] = [
        ("p", "models", "m/1.bin", "US", 200_000, ago(100), None, ago(100), "NEARLINE"),
        ("p", "models", "m/1.bin", "US", 300_000, ago(10), None, ago(10), "STANDARD"),
        ("p", "models", "m/1.bin", "US", 400_000, ago(20), ago(10), ago(10), "STANDARD"),
    ]
    shard = root / f"cfg_2026-10-31T01:00_0.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({name: [row[i] for row in rows] for i, name in enumerate(GCS)}), shard)
    else:
        text = [["" if c is None else c.isoformat() if isinstance(c, datetime) else str(c) for c in row] for row in rows]
        write_csv(shard, GCS if header else text[0], *(text if header else text[1:]))
    options = {"metadata_fields": list(GCS), "storage_filters": {"bucket": "models"}}
    document = {
        "report_config": {"name": "projects/p/locations/us/reportConfigs/cfg", "object_metadata_report_options": options},
        "records_processed": 3,
        "snapshot_time": TAKEN.isoformat(),
        "shard_count": 1,
        "report_shards_file_names": [shard.name],
    }
    (root / "cfg_2026-10-31T01:00_manifest.json").write_text(json.dumps(document))
    return shard


@pytest.mark.parametrize(("header", "kind"), [(True, "csv"), (False, "csv"), (True, "parquet")])
def test_a_google_inventory_report(warehouse: Warehouse, tmp_path: Path, header: bool, kind: str) -> None:
    gcs(tmp_path / "g", header=header, kind=kind)
    deliver(warehouse, tmp_path / "g")
    assert bands(warehouse) == [
        ("models", "m/", "NEARLINE", "current", 90, 120, 1, 200_000.0),
        ("models", "m/", "STANDARD", "current", 7, 14, 1, 300_000.0),
        ("models", "m/", "STANDARD", "noncurrent", 14, 30, 1, 400_000.0),
    ]


def test_a_shard_with_fewer_rows_than_promised_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    shard = gcs(tmp_path / "g", header=True)
    shard.write_text("\n".join(shard.read_text().splitlines()[:-1]) + "\n")
    assert "the manifest promises 3 rows in all files, there are 2" in refused(warehouse, tmp_path / "g")


BLOB = ("Name", "Creation-Time", "Last-Modified", "Content-Length", "BlobType", "AccessTier", "Snapshot", "VersionId")


def blobs(root: Path, *, kind: str = "csv", manifest: bool = True) -> None:
    run = root / "2026" / "10" / "31" / "01-00-00" / "all"
    run.mkdir(parents=True)
    header = (*BLOB, "IsCurrentVersion", "Deleted", "LastAccessTime", "hdi_isfolder")
    rows: list[tuple[object, ...]] = [
        ("logs/train/2026/a", ago(50), ago(50), 9000, "BlockBlob", "Hot", None, "v2", True, None, ago(45), None),
        ("logs/train/2026/b", ago(50), ago(50), 9000, "BlockBlob", "Hot", None, "v2", True, None, ago(2), None),
        ("logs/train/2026/a", ago(95), ago(95), 8000, "BlockBlob", "Cool", None, "v1", False, None, ago(95), None),
        ("logs/train/2026/c", ago(95), ago(95), 7000, "BlockBlob", "Hot", None, "v1", None, True, ago(95), None),
        ("logs/train", ago(95), ago(95), 0, "BlockBlob", None, None, None, None, None, None, True),
        ("disks/os.vhd", ago(95), ago(95), 1000, "PageBlob", None, None, None, None, None, ago(95), None),
    ]
    if kind == "csv":
        text = [tuple(_text(c) for c in row) for row in rows]
        write_csv(run / "all.csv", header, *text)
    else:
        columns: dict[str, Any] = {name: [row[i] for row in rows] for i, name in enumerate(header)}
        columns["Last-Modified"] = [int(t.timestamp() * 1000) for t in columns["Last-Modified"]]
        pq.write_table(pa.table(columns), run / "all.parquet")
    file = next(run.iterdir())
    document = {
        "destinationContainer": "inventories",
        "endpoint": "https://acme.blob.core.windows.net",
        "files": [{"blob": f"2026/10/31/01-00-00/all/{file.name}", "size": file.stat().st_size}],
        "inventoryStartTime": TAKEN.isoformat(),
        "inventoryCompletionTime": TAKEN.isoformat(),
        "ruleName": "all",
        "status": "Succeeded",
        "version": "1.0",
    }
    if manifest:
        (run / "all-manifest.json").write_text(json.dumps(document))


def _text(cell: object) -> object:
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
    return str(cell).lower() if isinstance(cell, bool) else cell


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_blob_inventory(warehouse: Warehouse, tmp_path: Path, kind: str) -> None:
    blobs(tmp_path / "b", kind=kind)
    deliver(warehouse, tmp_path / "b")
    assert bands(warehouse) == [
        ("acme", "disks/", "pageblob", "current", 90, 120, 1, 1000.0),
        ("acme", "logs/train/", "cool", "noncurrent", 90, 120, 1, 8000.0),
        ("acme", "logs/train/", "hot", "current", 30, 60, 2, 18000.0),
        ("acme", "logs/train/", "hot", "deleted", 90, 120, 1, 7000.0),
    ]
    with warehouse.reader() as reader:
        reads = {r["state"] + r["storage_class"]: r["reads_per_month"] for r in reader.rows("select * from objects")}
    assert reads == {"currentpageblob": 0, "noncurrentcool": 0, "currenthot": None, "deletedhot": 0}


def test_a_blob_inventory_without_its_manifest_names_no_account(warehouse: Warehouse, tmp_path: Path) -> None:
    blobs(tmp_path / "b", manifest=False)
    assert "has no manifest" in refused(warehouse, tmp_path / "b")


def test_prefixes_are_folded_where_there_are_too_many(warehouse: Warehouse, tmp_path: Path) -> None:
    many = [
        (f"users/u{'abcdefghij'[n % 10]}{'klmnopqrstuv'[n // 10]}/x", True, False, 1000, 1.0, "STANDARD") for n in range(120)
    ]
    beside = [("mixed/x", True, False, 1000, 1.0, "STANDARD"), ("mixed/in/x", True, False, 1000, 1.0, "STANDARD")]
    s3(tmp_path / "i", s3_rows(*many, *beside))
    deliver(warehouse, tmp_path / "i")
    assert [(row[1], row[6]) for row in bands(warehouse)] == [("mixed/", 2), ("users/", 120)]
