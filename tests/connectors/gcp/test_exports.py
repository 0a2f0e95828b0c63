"""The pricing export becomes prices."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.gcp.prices import PRICING_EXPORT
from tests.staging import stage


def test_prices_have_tiers_regions_and_the_last_export(tmp_path: Path) -> None:
    def rate(start: int, amount: str) -> dict[str, Any]:
        return {"start_usage_amount": start, "account_currency_amount": amount, "pricing_unit_quantity": 10}

    price = {
        "pricing_as_of_time": "2026-02-01T00:00:00Z",
        "sku": {"id": "S1", "description": "N2 Instance Core"},
        "service": {"description": "Compute Engine"},
        "geo_taxonomy": {"regions": ["us-central1", "us-east1"]},
        "pricing_unit": "h",
        "account_currency_code": "EUR",
    }
    old = price | {"export_time": "2026-02-01T01:00:00Z", "list_price": {"tiered_rates": [rate(0, "9")]}}
    new = price | {
        "export_time": "2026-02-01T02:00:00Z",
        "list_price": {"tiered_rates": [rate(0, "5"), rate(100, "4")]},
        "billing_account_price": {"tiered_rates": [rate(0, "3")]},
    }
    path = tmp_path / "prices.jsonl"
    path.write_text(json.dumps(old) + "\n" + json.dumps(new) + "\n")
    rows = stage(PRICING_EXPORT, path)
    assert sorted((r["region"], r["tier_start"], r["instrument"] or "list", r["price"]) for r in rows) == [
        (region, start, basis, Decimal(amount))
        for region in ("us-central1", "us-east1")
        for start, basis, amount in ((0.0, "contract", "0.3"), (0.0, "list", "0.5"), (100.0, "list", "0.4"))
    ]
    assert {(r["product"], r["term"], r["currency"]) for r in rows} == {("vm", "on_demand", "EUR")}
