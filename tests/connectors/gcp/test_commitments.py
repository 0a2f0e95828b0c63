"""Commitments of the billing export: pools, shares of the fee, derived rows, and sums that are exact."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.gcp.bills import CUD, FEE, SUBSCRIPTION, bill, credit, effective

D = Decimal
FLEX = {**FEE, "service.id": "6F81", "service.description": "Compute Engine"}
GKE = {
    "service.id": "CCD8",
    "service.description": "Kubernetes Engine",
    "sku.id": "S-POD",
    "sku.description": "Autopilot Pod mCPU",
}
RUN = {"service.id": "152E", "service.description": "Cloud Run", "sku.id": "S-RUN", "sku.description": "CPU Allocation Time"}


def named(amount: str, title: str = "GCE Commitments") -> str:
    return json.dumps([{"type": CUD, "amount": amount, "full_name": f"Committed use discount - dollar based: {title}"}])


def origin(sku: str) -> str:
    return json.dumps([{"key": "goog-originating-sku-id", "value": sku}])


SQL_FEE = {
    **FEE,
    "service.id": "9662",
    "service.description": "Cloud SQL",
    "sku.id": "S-SQLFEE",
    "sku.description": "Commitment - dollar based v1: Cloud SQL in Americas for 1 year",
    "cost": "75",
    "usage.amount_in_pricing_units": "10000",
    "subscription.instance_id": "subscriptions/sql",
}

# (case, rows, Used, Unused). A fee of 37.50 for 50.00 of on-demand usage: 0.75 a dollar.
POOLS: list[tuple[str, list[dict[str, Any]], str, str]] = [
    (
        "flexible commitment, other services, by the credit's name",
        [FLEX, {**GKE, "cost": "20", "credits": named("-20")}, {**RUN, "cost": "10", "credits": named("-10")}],
        "22.5",  # 30 × 0.75
        "15",
    ),
    (
        "two products, each credit finds its own",
        [
            FLEX,
            SQL_FEE,
            {**RUN, "cost": "50", "credits": named("-50")},
            {**GKE, "cost": "20", "credits": named("-20", "Cloud SQL")},
        ],
        "52.5",  # 37.50 whole, 20 × 0.75
        "60",
    ),
    (
        "two products, name unknown, the fee's originating SKU decides",
        [{**FLEX, "labels": origin("S-POD")}, SQL_FEE, {**GKE, "cost": "50", "credits": named("-50", "other")}],
        "37.5",
        "75",
    ),
    (
        "two products, name unknown: one pool an account",
        [FLEX, SQL_FEE, {**GKE, "cost": "75", "credits": named("-75", "other")}],
        "56.25",  # 75 × 0.75 of 112.50
        "56.25",
    ),
    (
        "one product, name unknown",
        [FLEX, {**GKE, "cost": "20", "credits": credit(CUD, "-20")}],
        "15",
        "22.5",
    ),
    (
        "no usable unit price: a credit stands for as much fee, at most",
        [{**FLEX, "usage.amount_in_pricing_units": None}, {"cost": "20", "credits": named("-20")}],
        "20",
        "17.5",
    ),
    (
        "Google's attribution of the fee to SKUs goes before prices",
        [
            {**FLEX, "cost": "30", "labels": origin("S-POD"), "usage.amount_in_pricing_units": "1"},
            {**FLEX, "cost": "7.5", "usage.amount_in_pricing_units": "1"},
            {**GKE, "cost": "40", "credits": named("-40")},
        ],
        "30",
        "7.5",
    ),
    (
        "a credit on the fee lowers it",
        [{**FLEX, "credits": credit("RESELLER_MARGIN", "-7.5")}],
        "0",
        "30",
    ),
]


@pytest.mark.parametrize(("case", "rows", "used", "unused"), POOLS, ids=[case[0] for case in POOLS])
def test_used_and_unused_are_the_fee(tmp_path: Path, case: str, rows: list[dict[str, Any]], used: str, unused: str) -> None:
    staged = bill(tmp_path, *rows)
    totals = effective(staged)
    assert (totals.get("Used", D(0)), totals.get("Unused", D(0))) == (D(used), D(unused))
    fees = sum(row["BilledCost"] for row in staged if row["ChargeCategory"] == "Purchase")
    assert D(used) + D(unused) == fees == sum(r["CommitmentDiscountQuantity"] for r in staged if r["CommitmentDiscountStatus"])


def test_a_fee_without_unit_price_says_so(tmp_path: Path) -> None:
    rows = bill(tmp_path, {**FLEX, "usage.amount_in_pricing_units": None}, {"cost": "20", "credits": named("-20")})
    said = {row["x_commitment_basis"]: row["ChargeDescription"] for row in rows if row["x_commitment_basis"]}
    assert set(said) == {"credit"}
    assert any(row["ChargeDescription"].endswith("(unused, at least)") for row in rows)


def test_credit_in_another_currency_is_measured_in_cents_of_a_dollar(tmp_path: Path) -> None:
    euros = {"currency": "EUR", "currency_conversion_rate": "0.8"}  # 5000 cents are 40 €; the fee is 0.75 of it
    rows = bill(tmp_path, {**FLEX, "cost": "30", **euros}, {"cost": "20", "credits": named("-20"), **euros})
    assert effective(rows) == {"Purchase": D(0), "Used": D(15), "Unused": D(15)}


THIRDS = {
    "cost": "10",
    "cost_at_list": "12.000000000001",
    "cost_at_effective_price_default": "11.000000000001",
    "usage.amount": "3600.000000000001",
    "usage.amount_in_pricing_units": "100.000000000001",
}


def test_a_line_paid_by_two_commitments_sums_exactly(tmp_path: Path) -> None:
    cpu = {**FEE, "sku.description": "Commitment v1: N2 Cpu in Americas for 1 Year", "cost": "30"}
    cpu |= {"usage.amount_in_pricing_units": "100", "subscription.instance_id": None, "sku.id": "S-CPU"}
    both = json.dumps(
        [
            {"type": "COMMITTED_USAGE_DISCOUNT", "amount": "-3.333333", "full_name": "Committed Usage Discount: CPU"},
            {"type": CUD, "amount": "-3.333333", "full_name": "Committed use discount - dollar based: GCE Commitments"},
            {"type": "PROMOTION", "amount": "-1"},
        ]
    )
    rows = [r for r in bill(tmp_path, FLEX, cpu, {**THIRDS, "credits": both}) if r["SkuId"] == "S-CORE"]
    assert Counter(r["CommitmentDiscountId"] for r in rows) == {SUBSCRIPTION: 1, "01-AB/S-CPU": 1, None: 1}
    for column, total in {
        "BilledCost": "2.333334",  # 10 − 2 × 3.333333 − 1
        "ListCost": "12.000000000001",
        "ContractedCost": "11.000000000001",
        "ConsumedQuantity": "3600.000000000001",
        "PricingQuantity": "100.000000000001",
        "x_promotional_credit": "-1",
    }.items():
        assert sum(row[column] for row in rows) == D(total), column


def test_derived_rows_are_told_by_their_id(tmp_path: Path) -> None:
    rows = bill(tmp_path, FLEX, {"cost": "25", "credits": named("-20")}, {"cost": "5"})
    suffixes = Counter(str(row["x_line_id"]).rpartition(":")[2] for row in rows)
    assert suffixes == {"None": 3, "covered": 1, "unused": 1}  # three source lines
    assert sum(r["BilledCost"] for r in rows if r["x_line_id"] is None) == D("47.5")  # 37.50 + 5 of 25 + 5
    assert sum(r["BilledCost"] for r in rows) == D("47.5")


def test_a_used_up_fee_leaves_no_crumbs(tmp_path: Path) -> None:
    lines = [{"cost": "7", "credits": named("-7"), "sku.id": f"S{i}"} for i in range(7)]  # 49 of 50 at 0.766 a dollar
    rows = bill(tmp_path, {**FLEX, "cost": "37.500001", "usage.amount_in_pricing_units": "4900.0001"}, *lines)
    assert effective(rows) == {"Purchase": D(0), "Used": D("37.500001")}


def test_standard_export_has_no_subscription(tmp_path: Path) -> None:
    fee = {**FLEX, "subscription.instance_id": None}
    rows = bill(tmp_path, fee, {"cost": "25", "credits": named("-25")})
    assert {row["CommitmentDiscountId"] for row in rows} == {"01-AB/S-FEE"}


def test_a_default_model_alone_is_no_discount(tmp_path: Path) -> None:
    model = {"consumption_model.id": "7754-699E-0EBF", "consumption_model.description": "Default"}
    rows = bill(tmp_path, {**FLEX, **model}, {"cost": "25", "credits": named("-25"), **model}, {"cost": "5", **model})
    assert effective(rows) == {"Purchase": D(0), "Used": D("18.75"), "Unused": D("18.75"), "On demand": D(5)}
