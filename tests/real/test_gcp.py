"""Google Cloud's billing exports from the shared data: identities to the cent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.gcp.billing import BILLING_EXPORT
from tests.connectors.gcp.bills import UNPRICED, charges
from tests.staging import stage

FOLDER = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing" / "gcp"


@pytest.mark.parametrize(("name", "rows"), [("koku-gcp-standard-2020-11.csv", 25), ("nise-gcp-resource-2026-09.csv.gz", 8352)])
def test_the_bill_is_cost_plus_credits(name: str, rows: int) -> None:
    profile = BILLING_EXPORT.profile
    assert profile is not None
    path = FOLDER / name
    (expected,) = stage(BILLING_EXPORT, path, query=f"select sum({profile.billed}) as total, count(*) as n from raw")
    (staged,) = stage(BILLING_EXPORT, path, query='select sum("BilledCost") as total, count(*) as n from staged')
    assert staged == expected
    assert staged["n"] == rows


@pytest.mark.parametrize("name", ["koku-gcp-standard-2020-11.csv", "nise-gcp-resource-2026-09.csv.gz"])
def test_no_rule_of_focus_is_broken(name: str) -> None:
    query = """select * from staged where "ServiceCategory" = 'Other'"""
    assert charges(BILLING_EXPORT, FOLDER / name, query=query, besides=UNPRICED) == []
