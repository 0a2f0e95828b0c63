"""The sample company's AWS, put into an emulator, and sources that read it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pyarrow as pa

from finops.config import Config, Source
from finops.demo import sample_company
from finops.ingest import load_sources
from finops.intake.report import LoadReport
from finops.warehouse.warehouse import Warehouse
from tests.live.conftest import NOW

EXPORT = sample_company() / "aws" / "nordlicht-cur2"
BUCKET = "nordlicht-billing"


def client(url: str, service: str, region: str = "us-east-1") -> Any:
    return boto3.client(service, endpoint_url=url, region_name=region)


def put_export(url: str, months: tuple[str, ...] = ("2026-08", "2026-09", "2026-10")) -> None:
    s3 = client(url, "s3")
    s3.create_bucket(Bucket=BUCKET)
    for path in sorted(EXPORT.rglob("*")):
        if path.is_file() and any(f"={month}" in str(path) for month in months):
            s3.put_object(Bucket=BUCKET, Key=str(path.relative_to(EXPORT.parent)), Body=path.read_bytes())


def source(url: str, name: str = "aws", **settings: Any) -> Source:
    return Source(name=name, connector="aws", settings={"endpoint_url": url, "regions": ["us-east-1"], **settings})


def billing(url: str, **settings: Any) -> Source:
    return source(url, **{"streams": ["billing"], "exports": [f"s3://{BUCKET}/nordlicht-cur2"], **settings})


def fetched(warehouse: Warehouse, *sources: Source, now: datetime = NOW, **options: Any) -> LoadReport:
    return load_sources(warehouse, Config(sources=list(sources)), [], now=now, **options)


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    with warehouse.reader() as reader:
        return reader.rows(sql)


def whole(warehouse: Warehouse, table: str) -> pa.Table:
    with warehouse.reader() as reader:
        return reader.arrow(f"from {table} order by all")


def calls(report: LoadReport) -> dict[str, int]:
    return dict(report.api.calls)


def cached(warehouse: Warehouse, pattern: str) -> list[Path]:
    return sorted((warehouse.storage.root / "_fetched").rglob(pattern))


def write_bands(folder: Path, buckets: str) -> Path:
    """The sample company's stored objects of these buckets (a pattern of SQL), as an open-format file."""
    path = folder / "objects.parquet"
    every = f"read_csv('{sample_company() / 'open' / 'objects.csv.gz'}', all_varchar = true)"
    duckdb.sql(f"copy (from {every} where bucket like '{buckets}') to '{path}' (format parquet)")
    return path
