"""The pricing export in BigQuery: the newest day alone is read, and gives the rows that its file gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finops.intake.load import load
from finops.warehouse.warehouse import Warehouse
from tests.live import gcp_company
from tests.live.aws_company import cached, fetched, rows, whole
from tests.live.bigquery import BigQuery, bigquery
from tests.live.gcp_company import field, record, write_credentials

TABLE = "nordlicht-ops.billing.cloud_pricing_export"
RATES = record(
    "tiered_rates",
    *(
        field(name, "NUMERIC")
        for name in ("pricing_unit_quantity", "start_usage_amount", "usd_amount", "account_currency_amount")
    ),
    mode="REPEATED",
)
# https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/pricing-data (as of 2026-11)
SCHEMA = [
    *(field(name, "TIMESTAMP") for name in ("export_time", "pricing_as_of_time")),
    field("billing_account_id"),
    record("service", field("id"), field("description")),
    record("sku", field("id"), field("description")),
    record("geo_taxonomy", field("type"), {**field("regions"), "mode": "REPEATED"}),
    field("pricing_unit"),
    field("pricing_unit_description"),
    field("account_currency_code"),
    record("list_price", RATES),
    record("billing_account_price", RATES),
]


def line(day: int, sku: str, amount: str, own: str | None = None) -> dict[str, Any]:
    def rates(price: str) -> dict[str, Any]:
        rate = {"pricing_unit_quantity": 1, "start_usage_amount": 0, "usd_amount": price, "account_currency_amount": price}
        return {"tiered_rates": [rate]}

    return {
        "export_time": f"2026-10-{day}T05:00:00Z",
        "pricing_as_of_time": f"2026-10-{day}T00:00:00Z",
        "billing_account_id": "01A2B3-C4D5E6-F70819",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": sku, "description": "N2 Instance Core running in Americas"},
        "geo_taxonomy": {"type": "REGIONAL", "regions": ["us-central1", "us-east1"]},
        "pricing_unit": "h",
        "pricing_unit_description": "hour",
        "account_currency_code": "USD",
        "list_price": rates(amount),
        "billing_account_price": rates(own) if own else None,
    }


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    with bigquery() as state:
        write_credentials(tmp_path / "key.json", state.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
        yield state


def put(server: BigQuery, folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "prices.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    server.serve(TABLE, SCHEMA, [str(path)])
    return path


def of(server: BigQuery) -> Any:
    return gcp_company.source(server, streams=["price_table"], billing_exports=[], pricing_exports=[TABLE])


def test_live_is_the_same_as_files_to_the_row(server: BigQuery, warehouse: Warehouse, tmp_path: Path) -> None:
    put(server, tmp_path, line(29, "A", "0.05"), line(30, "A", "0.031611", "0.028"), line(30, "B", "0.004237"))
    assert fetched(warehouse, of(server)).failures == ()
    newest = tmp_path / "newest.jsonl"
    newest.write_text(
        "".join(json.dumps(each) + "\n" for each in (line(30, "A", "0.031611", "0.028"), line(30, "B", "0.004237")))
    )
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, [newest], source="gcp/price_table")
    assert whole(warehouse, "prices").equals(whole(files, "prices"))
    assert rows(warehouse, "select count(*)::int as n, count(instrument)::int as own from prices") == [{"n": 6, "own": 2}]


def test_a_day_that_is_held_is_not_read_again(server: BigQuery, warehouse: Warehouse, tmp_path: Path) -> None:
    put(server, tmp_path, line(30, "A", "0.05"))
    fetched(warehouse, of(server))
    read = sum("list_price" in sql for sql in server.read())
    fetched(warehouse, of(server))
    assert (read, sum("list_price" in sql for sql in server.read())) == (1, 1)
    put(server, tmp_path, line(30, "A", "0.05"), line(31, "A", "0.06"))
    fetched(warehouse, of(server))
    assert {str(row["price"]) for row in rows(warehouse, "select price from prices")} == {"0.060000000000"}
    assert len(cached(warehouse, "*.parquet")) >= 1


def test_what_is_no_pricing_export_is_refused(server: BigQuery, warehouse: Warehouse) -> None:
    server.tables[TABLE] = {"schema": [{"name": "x", "type": "STRING"}], "partition": None}
    assert "it is no pricing export" in fetched(warehouse, of(server)).failures[0]
