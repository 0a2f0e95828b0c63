"""Small billing exports: one line of usage and one fee, changed by each test."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.gcp.billing import BILLING_EXPORT
from finops.connect import Format
from finops.warehouse.focus_rules import violations
from tests.staging import staged, write_csv

SUBSCRIPTION = "subscriptions/e52f"
BASE: dict[str, Any] = {
    "billing_account_id": "01-AB",
    "service.id": "6F81-5844-456A",
    "service.description": "Compute Engine",
    "sku.id": "S-CORE",
    "sku.description": "N2 Instance Core running in Americas",
    "usage_start_time": "2026-02-03T10:00:00Z",
    "usage_end_time": "2026-02-03T11:00:00Z",
    "project.id": "p1",
    "project.name": "P one",
    "location.region": "us-central1",
    "cost": "50",
    "currency": "USD",
    "usage.amount": "3600",
    "usage.unit": "seconds",
    "usage.amount_in_pricing_units": "100",
    "usage.pricing_unit": "hour",
    "credits": "[]",
    "invoice.month": "202602",
    "cost_type": "regular",
    "labels": "[]",
    "resource.global_name": "//compute.googleapis.com/projects/p1/zones/us-central1-a/instances/7",
}
FEE: dict[str, Any] = {
    "sku.id": "S-FEE",
    "sku.description": "Commitment - dollar based v1: GCE for 1 year",
    "cost": "37.50",
    "usage.amount_in_pricing_units": "5000",  # cents of on-demand usage an hour: $50, at 0.0075 each
    "subscription.instance_id": SUBSCRIPTION,
    "resource.global_name": None,
}
CUD = "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"


def credit(kind: str, amount: str) -> str:
    return json.dumps([{"type": kind, "amount": amount, "full_name": f"{kind} name"}])


def bill(tmp_path: Path, *changes: dict[str, Any], query: str = "select * from staged") -> list[dict[str, Any]]:
    header = list(dict.fromkeys([*BASE, *(key for change in changes for key in change)]))
    rows = [[{**BASE, **change}.get(name) for name in header] for change in changes]
    unpriced = UNPRICED if any(not row[header.index("usage.amount_in_pricing_units")] for row in rows) else ()
    return charges(BILLING_EXPORT, write_csv(tmp_path / "bill.csv", header, *rows), query=query, besides=unpriced)


UNPRICED = ("ContractedUnitPrice-C-006-C", "ListUnitPrice-C-005-C", "PricingQuantity-C-005-C")
"""Rules that a line without an amount in pricing units cannot keep."""


def charges(
    fmt: Format, *paths: Path, query: str = "select * from staged", besides: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The rows of `query`, of charges that break no rule of FOCUS."""
    with staged(fmt, *paths) as connection:
        broken = violations(connection, strict=True, besides=besides)
        assert not broken, broken
        found: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return found


def effective(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for row in rows:
        key = row["CommitmentDiscountStatus"] or ("Purchase" if row["ChargeCategory"] == "Purchase" else "On demand")
        totals[key] = totals.get(key, Decimal(0)) + row["EffectiveCost"]
    return totals
