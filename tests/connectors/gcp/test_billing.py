"""The billing export's mapping to charges: commitments in both models, credits, layouts, units."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.gcp.billing import BILLING_EXPORT
from tests.connectors.gcp.bills import BASE, CUD, FEE, SUBSCRIPTION, bill, charges, credit, effective

# Google's published example: $50 an hour committed at 25 % off. Total = 37.50 + usage − credit.
CREDIT_MODEL = [
    ("all used", "50", "-50", {"Purchase": "0", "Used": "37.5"}, "37.5"),
    ("20 over", "70", "-50", {"Purchase": "0", "Used": "37.5", "On demand": "20"}, "57.5"),
    ("half used", "25", "-25", {"Purchase": "0", "Used": "18.75", "Unused": "18.75"}, "37.5"),
]


@pytest.mark.parametrize(("case", "cost", "cud", "expected", "billed"), CREDIT_MODEL)
def test_credit_model(tmp_path: Path, case: str, cost: str, cud: str, expected: dict[str, str], billed: str) -> None:
    rows = bill(tmp_path, FEE, {"cost": cost, "credits": credit(CUD, cud)})
    assert effective(rows) == {key: Decimal(value) for key, value in expected.items()}
    assert sum(r["BilledCost"] for r in rows) == Decimal(billed)


def test_an_unused_commitment_costs_its_whole_fee(tmp_path: Path) -> None:
    rows = bill(tmp_path, FEE)
    assert effective(rows) == {"Purchase": Decimal(0), "Unused": Decimal("37.5")}
    assert {r["CommitmentDiscountId"] for r in rows} == {SUBSCRIPTION}


# Google's data-model page: E2 machine, flexible commitment for one year; a fee of 0.216, of which 0.022994 stays unused.
OLD_MODEL = [
    {**FEE, "cost": "0.216000", "usage.amount_in_pricing_units": "30"},
    {"cost": "0.174496", "credits": credit(CUD, "-0.174496")},
    {"cost": "0.093568", "credits": credit(CUD, "-0.093568")},
]
DISCOUNTED = {"subscription.instance_id": SUBSCRIPTION, "consumption_model.description": "Compute Flexible CUDs 1 Year"}
UNDISCOUNTED = {**FEE, "consumption_model.description": "Default"}
NEW_MODEL = [
    {**UNDISCOUNTED, "cost": "0.022994"},
    {**UNDISCOUNTED, "cost": "0.193006", "credits": credit("FEE_UTILIZATION_OFFSET", "-0.193006")},
    {"cost": "0.125637", **DISCOUNTED},
    {"cost": "0.067369", **DISCOUNTED},
]


def test_both_models_have_the_same_effective_cost(tmp_path: Path) -> None:
    old, new = effective(bill(tmp_path, *OLD_MODEL)), effective(bill(tmp_path, *NEW_MODEL))
    assert old["Used"] + old["Unused"] == new["Used"] + new["Unused"] == Decimal("0.216")
    assert abs(old["Unused"] - new["Unused"]) < Decimal("0.000002")  # Google's own figures are rounded to 1e-6
    assert old["Purchase"] == new["Purchase"] == 0


def test_resource_commitment_is_priced_by_its_own_rate(tmp_path: Path) -> None:
    fee = {**FEE, "sku.description": "Commitment v1: N2 Cpu in Americas for 1 Year", "cost": "30"}
    fee["usage.amount_in_pricing_units"] = "100"  # 100 core-hours at 0.30; on demand 0.50
    rows = bill(
        tmp_path,
        fee,
        {"cost": "40", "usage.amount_in_pricing_units": "80", "credits": credit("COMMITTED_USAGE_DISCOUNT", "-40")},
    )
    assert effective(rows) == {"Purchase": Decimal(0), "Used": Decimal(24), "Unused": Decimal(6)}  # 80 × 0.30, 20 × 0.30


def test_python_literals_are_read(tmp_path: Path) -> None:
    literal = repr([{"name": 'a "b" it\'s \\ c', "amount": -5e-06, "full_name": None, "id": "it's", "type": "PROMOTION"}])
    (row,) = bill(tmp_path, {"cost": "1", "credits": literal, "labels": repr([{"key": "team", "value": "o'neil"}])})
    assert row["BilledCost"] == Decimal("0.999995")
    assert row["x_promotional_credit"] == Decimal("-0.000005")
    assert dict(row["Tags"]) == {"team": "o'neil"}


def test_label_beats_tag_beats_project_label(tmp_path: Path) -> None:
    def pairs(**values: str) -> str:
        return json.dumps([{"key": k, "value": v} for k, v in values.items()])

    (row,) = bill(
        tmp_path,
        {
            "labels": pairs(team="label"),
            "tags": pairs(team="tag", env="tag"),
            "project.labels": pairs(env="project", owner="project"),
            "system_labels": pairs(team="system"),
        },
    )
    assert dict(row["Tags"]) == {"team": "label", "env": "tag", "owner": "project", "x_system/team": "system"}


CATEGORIES = [("regular", "Usage"), ("tax", "Tax"), ("rounding_error", "Adjustment"), ("adjustment", "Adjustment")]


@pytest.mark.parametrize(("cost_type", "category"), CATEGORIES)
def test_cost_types(tmp_path: Path, cost_type: str, category: str) -> None:
    (row,) = bill(tmp_path, {"cost_type": cost_type})
    assert row["ChargeCategory"] == category
    assert (row["ConsumedQuantity"] is None) == (category != "Usage")


@pytest.mark.parametrize(("start", "expected"), [("2026-01-20T00:00:00Z", "Correction"), ("2026-02-03T10:00:00Z", None)])
def test_only_earlier_months_are_corrected(tmp_path: Path, start: str, expected: str | None) -> None:
    (row,) = bill(tmp_path, {"usage_start_time": start, "adjustment_info.type": "USAGE_CORRECTION"})
    assert row["ChargeClass"] == expected


def test_the_invoice_month_is_pacific(tmp_path: Path) -> None:
    query = """select strftime("BillingPeriodStart", '%d %H') as a, strftime("BillingPeriodEnd", '%m-%d %H') as b from staged"""
    assert bill(tmp_path, {"invoice.month": "202603"}, query=query) == [{"a": "01 08", "b": "04-01 07"}]  # PST to PDT


UNITS = [("gibibyte month", "GiB-Months"), ("hour", "Hours"), ("byte-seconds", "B-Seconds"), ("count", "Count")]


@pytest.mark.parametrize(("unit", "expected"), UNITS)
def test_units(tmp_path: Path, unit: str, expected: str) -> None:
    (row,) = bill(tmp_path, {"usage.pricing_unit": unit})
    assert row["PricingUnit"] == expected


def test_spot_is_dynamic_and_currency_is_converted(tmp_path: Path) -> None:
    (row,) = bill(
        tmp_path, {"sku.description": "Spot Preemptible N2 Instance Core", "currency": "EUR", "currency_conversion_rate": "0.8"}
    )
    assert (row["PricingCategory"], row["PricingCurrency"]) == ("Dynamic", "USD")
    assert row["PricingCurrencyEffectiveCost"] == Decimal("62.5")  # 50 / 0.8


def nested() -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in BASE.items():
        top, _, inner = name.partition(".")
        row.setdefault(top, {})[inner] = value if inner else None
        if not inner:
            row[top] = value
    row["credits"] = [{"type": "PROMOTION", "amount": -2.5}]
    row["labels"] = [{"key": "team", "value": "ml"}]
    return row


@pytest.mark.parametrize("layout", ["jsonl", "parquet", "element"])
def test_nested_layouts(tmp_path: Path, layout: str) -> None:
    row, path = nested(), tmp_path / f"bill.{layout}"
    if layout == "jsonl":
        path.write_text(json.dumps(row) + "\n")
    else:
        if layout == "element":
            row |= {name: {"list": [{"element": item} for item in row[name]]} for name in ("credits", "labels")}
        row["cost"] = 50.0
        pq.write_table(pa.Table.from_pylist([row]), path)
    (staged,) = charges(BILLING_EXPORT, path)
    assert (staged["BilledCost"], staged["x_promotional_credit"]) == (Decimal("47.5"), Decimal("-2.5"))
    assert dict(staged["Tags"]) == {"team": "ml"}
    assert staged["ServiceCategory"] == "Compute"
    assert staged["ResourceType"] == "compute.googleapis.com/Instance"
