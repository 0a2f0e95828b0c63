"""A warehouse on an object store, against an emulator over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import boto3
import pytest

from finops.errors import BusyError
from finops.tables import CHARGES
from finops.warehouse.published import save
from finops.warehouse.warehouse import Warehouse
from tests.servers import running
from tests.warehouse.bills import charges


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, str]]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with running("moto.server") as url:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
        client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        client.create_bucket(Bucket="bills")
        yield {**keys, "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}


def test_replaced_published_and_read_back_elsewhere(
    options: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    warehouse = Warehouse.open("s3://bills/wh", storage_options=options)
    with warehouse.writer() as writer:
        writer.replace(CHARGES, [("s", "A", "2026-01")], charges("s", "A", "2026-01", 10))
        with pytest.raises(BusyError, match="has been writing since"), warehouse.writer():
            pass
        writer.build()
        first = writer.publish()
    with pytest.raises(BusyError, match="published snapshot 1 first"):
        save(warehouse.storage, first)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    elsewhere = Warehouse.open("s3://bills/wh", storage_options=options)
    with elsewhere.writer() as writer:  # the lock is free again; without publishing nothing changes
        writer.replace(CHARGES, [("s", "A", "2026-01")], charges("s", "A", "2026-01", 99))
    with elsewhere.reader() as reader:
        assert reader.rows("select sum(BilledCost)::decimal(38, 12) as cost from charges") == [
            {"cost": Decimal(15)}
        ]  # 10 × 1.5
        assert reader.user_sql("select sum(charge_count)::bigint as n from resource_daily") == [{"n": 10}]
