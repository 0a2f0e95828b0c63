"""The sample company's Google Cloud bill: every month is what its generator says, and breaks no rule of FOCUS."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.gcp import BILLING_EXPORT
from tests.connectors.gcp.bills import charges

FOLDER = Path(__file__).parents[3] / "sample_data"
TRUTH = [row for row in csv.DictReader((FOLDER / "truth.csv").read_text("utf-8").splitlines()) if row["source"] == "gcp"]


@pytest.mark.parametrize("truth", TRUTH, ids=[row["period"] for row in TRUTH])
def test_month_is_what_the_generator_says(truth: dict[str, str]) -> None:
    (path,) = (FOLDER / "export" / "gcp").glob(f"*{truth['period'].replace('-', '')}*")
    rows = charges(BILLING_EXPORT, path)
    assert sum(row["BilledCost"] for row in rows) == Decimal(truth["billed_cost"])
    assert sum(row["EffectiveCost"] for row in rows) == Decimal(truth["effective_cost"])
    derived = [row for row in rows if row["x_line_id"] and row["x_line_id"].endswith((":covered", ":unused"))]
    assert len(rows) - len(derived) == int(truth["rows"])


def test_the_sample_has_this_bill() -> None:
    assert TRUTH
