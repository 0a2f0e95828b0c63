"""Committed use discounts: resources as Cloud Asset has them, spend as the fees in the bill say."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.bigquery import BigQuery, bigquery
from tests.live.gcp_company import TABLE, serve, write_credentials
from tests.live.google_contract import Google, public_key
from tests.live.google_estate import COMPUTE, OPEN, asset, projects, serve_assets, source

RESOURCES = [
    {"type": "VCPU", "amount": "16"},
    {"type": "MEMORY", "amount": "65536"},
    {"type": "ACCELERATOR", "amount": "2", "acceleratorType": f"{COMPUTE}/x/acceleratorTypes/nvidia-l4"},
]


def commitment(number: str, **data: Any) -> Any:
    given = {
        "id": number,
        "status": "ACTIVE",
        "type": "GENERAL_PURPOSE_N2",
        "region": f"{COMPUTE}/projects/nordlicht-ml-prod/regions/us-central1",
        "startTimestamp": "2026-03-01T00:00:00.000-08:00",
        "endTimestamp": "2027-03-01T00:00:00.000-08:00",
        "resources": RESOURCES,
        **data,
    }
    name = f"//compute.googleapis.com/projects/nordlicht-ml-prod/regions/us-central1/commitments/c{number}"
    return asset("compute.googleapis.com/Commitment", name, given)


HELD = [
    commitment("11"),
    commitment("12", type="GENERAL_PURPOSE", resources=RESOURCES[:1]),
    commitment("13", status="EXPIRED"),
    commitment("14", endTimestamp="2026-09-01T00:00:00.000-08:00"),
]


@pytest.fixture
def bill(google: Google, tmp_path: Any) -> Iterator[BigQuery]:
    with bigquery() as server:
        google.public = public_key(write_credentials(tmp_path / "key.json", server.url))
        yield server


def of(google: Google, server: BigQuery, **settings: Any) -> Any:
    made = source(google, "commitments", billing_exports=[TABLE], **settings)
    made.settings["endpoint_urls"]["bigquery"] = server.url
    return made


def test_resources_are_one_row_a_commitment(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, [*projects(), *HELD])
    assert fetched(warehouse, source(google, "commitments")).failures == ()
    first, second = rows(warehouse, "from commitments order by commitment_id")
    assert (first["commitment_id"], first["instrument"], first["quantity"], first["unit"]) == (
        "11",
        "cud_resource",
        16,
        "Hours",
    )
    assert (first["term_start"], first["term_end"]) == (
        datetime(2026, 3, 1, 8, tzinfo=UTC),
        datetime(2027, 3, 1, 8, tzinfo=UTC),
    )
    assert json.loads(first["scope"]) == {
        "accounts": ["nordlicht-ml-prod"], "family": "n2", "memory_mb": 65536, "nvidia-l4": 2, "region": "us-central1",
        "resource": "vcpu",
    }  # fmt: skip
    assert json.loads(second["scope"])["family"] == "n1"


def test_the_company_is_as_in_its_file(google: Google, bill: BigQuery, warehouse: Warehouse) -> None:
    serve(bill)
    assert fetched(warehouse, of(google, bill)).failures == ()
    (found,) = rows(warehouse, "from commitments")
    with (OPEN / "commitments.csv").open(encoding="utf-8", newline="") as handle:
        expected = [row for row in csv.DictReader(handle) if row["provider"] == "Google Cloud"][-1]
    amounts, terms = ("hourly_commitment", "recurring", "upfront"), ("term_start", "term_end")
    assert found.keys() - expected.keys() == {"x_source"}
    for column in expected.keys() - {*amounts, *terms, "observed_at"}:  # which is when it was asked for
        assert (found[column] or "") == expected[column], column
    for column in amounts:
        assert found[column] == Decimal(expected[column] or 0), column
    for column in terms:  # a term of Google begins at midnight in California
        assert found[column].date() == datetime.fromisoformat(expected[column]).date()


def test_a_term_that_began_before_the_export_is_not_guessed(google: Google, bill: BigQuery, warehouse: Warehouse) -> None:
    serve(bill, "2026[01][089]")
    assert fetched(warehouse, of(google, bill)).failures == ()
    assert rows(warehouse, "from commitments") == []
    assert all("_PARTITIONTIME >= @since" in sql for sql in bill.read())
