"""Small deliveries: FOCUS lines, and what a warehouse holds afterwards."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.warehouse.warehouse import Warehouse

LINE: dict[str, object] = {
    "BilledCost": "10.00",
    "EffectiveCost": "10.00",
    "ListCost": "12.00",
    "ContractedCost": "10.00",
    "BillingAccountId": "acc-1",
    "BillingAccountName": "Example",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeDescription": "a machine",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodStart": "2026-09-01T00:00:00Z",
    "ChargePeriodEnd": "2026-09-02T00:00:00Z",
    "InvoiceId": "INV-1",
    "InvoiceIssuerName": "Cloud Inc.",
    "ProviderName": "Cloud",
    "PublisherName": "Cloud",
    "ServiceCategory": "Compute",
    "ServiceName": "Machines",
    "ServiceSubcategory": "Virtual Machines",
    "ResourceId": "vm-1",
    "Tags": '{"team": "data"}',
}


def text(*lines: Mapping[str, object], without: tuple[str, ...] = (), **everywhere: Any) -> str:
    """CSV of FOCUS lines: the template with what each line and `everywhere` change; `without` columns are left out."""
    header = [
        name for name in {**LINE, **everywhere, **{k: v for line in lines for k, v in line.items()}} if name not in without
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, header, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**LINE, **everywhere, **line} for line in lines or ({},))
    return out.getvalue()


def deliver(warehouse: Warehouse, *paths: Path, **options: Any) -> LoadReport:
    return load(warehouse, paths, **options)


def billed(warehouse: Warehouse) -> dict[tuple[str, str, str], Decimal]:
    """(source, period, currency) → Σ BilledCost as published."""
    with warehouse.reader() as reader:
        rows = reader.rows(
            "select x_source, x_billing_period, BillingCurrency, sum(BilledCost)::decimal(38, 12) as total"
            " from charges group by all"
        )
    return {(r["x_source"], r["x_billing_period"], r["BillingCurrency"]): r["total"] for r in rows}
