"""AWS bills of real accounts (and public generators): totals, commitment identities, FOCUS rules."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.aws.billing import CUR, legacy_manifest
from finops.warehouse.focus_rules import violations
from tests.staging import stage, staged

AWS = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing" / "aws"
CURS = (
    "Oct2018-WorkshopCUR-00001.snappy.parquet",
    "Nov2018-WorkshopCUR-00001.snappy.parquet",
    "focus_converters-sample-anonymous-aws-cur.csv",
    "nise-cur-2026-09.csv.gz",
    "koku-2023-06-01-nok-currency.csv",
    "aws-cur-anonymize-sample-cur20.csv",
    "koku-local/20180801-20180901/16e57707-f9e3-49be-8be6-b84e684b5194/koku-local-1.csv.gz",
)


@pytest.mark.parametrize("name", CURS)
def test_total_and_rules(name: str) -> None:
    query = "select sum(BilledCost) as billed, (select sum(line_item_unblended_cost) from raw) as bill from staged"
    with staged(CUR, AWS / name) as connection:
        (row,) = connection.sql(query).to_arrow_table().to_pylist()
        assert row["billed"] == row["bill"]
        assert violations(connection) == []


@pytest.mark.parametrize(("name", "fees"), [(CURS[0], "281.249"), (CURS[1], "274.617")])
def test_reservations_used_and_unused_are_the_fees(name: str, fees: str) -> None:
    """October: 149.7754 recurring + 131.4740 amortized upfront; November: 147.3840 + 127.2329."""
    (row,) = stage(
        CUR, AWS / name, query="select sum(EffectiveCost) as e from staged where CommitmentDiscountStatus is not null"
    )
    assert round(row["e"], 3) == Decimal(fees)


def test_real_manifests() -> None:
    for path in [*AWS.glob("koku-local/*/koku-local-Manifest.json"), *AWS.glob("rudderlabs-ice-manifest-*.json")]:
        manifest = legacy_manifest(json.loads(path.read_text()), str(path))
        assert manifest is not None
        assert "bill/PayerAccountId" in manifest.columns
