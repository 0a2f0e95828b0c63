"""Invoices of Azure: the sample company's lines as its files have them, and a bill that ties to the cent without a file."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from finops.demo import sample_company
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import put_exports, source
from tests.live.azure_contract import Azure
from tests.live.conftest import NOW
from tests.live.test_azure_totals import ACCOUNT, SCOPE

LINES = "select invoice_id, billing_account_id, period, category, amount, currency from invoices order by all"


def sample_lines() -> list[dict[str, Any]]:
    """The lines of Azure's invoices as the sample company's files have them."""
    with (sample_company() / "open" / "invoices.csv").open() as file:
        found = [row for row in csv.DictReader(file) if "Microsoft" in row["issuer"]]
    return [{**row, "amount": Decimal(row["amount"])} for row in found if row["amount"]]


def put_invoices(azure: Azure, *months: str) -> None:
    by_invoice: dict[str, dict[str, Any]] = {}
    for row in sample_lines():
        by_invoice.setdefault(row["invoice_id"], {"period": row["period"]})[row["category"]] = row["amount"]
    for name, lines in by_invoice.items():
        if lines["period"] in months:
            _put(azure, name, lines)


def _money(amount: Decimal) -> dict[str, Any]:
    return {"currency": "EUR", "value": float(amount)}


def _put(azure: Azure, name: str, lines: dict[str, Any]) -> None:
    start = date.fromisoformat(f"{lines['period']}-01")
    parts = {category: lines.get(category, Decimal(0)) for category in ("usage", "support", "credit", "tax")}
    properties = {
        "status": "Due", "documentType": "Invoice", "invoiceDate": f"{start + timedelta(days=37)}T00:00:00Z",
        "invoicePeriodStartDate": f"{start}T00:00:00Z", "invoicePeriodEndDate": f"{start + timedelta(days=30)}T00:00:00Z",
        "totalAmount": _money(sum(parts.values(), Decimal(0))), "taxAmount": _money(parts["tax"]),
        "freeAzureCreditApplied": _money(-parts["credit"]),
    }  # fmt: skip
    listed = azure.plane.lists[f"/{SCOPE}/invoices".lower()]
    listed.append({"id": f"/x/invoices/{name}", "name": name, "properties": properties})
    path = f"/providers/Microsoft.Billing/billingAccounts/{ACCOUNT}/invoices/{name}/transactions".lower()
    azure.plane.lists[path] = [
        {"name": "t1", "properties": {"productFamily": "Azure Support Plans", "subTotal": _money(parts["support"])}},
        {"name": "t2", "properties": {"productFamily": "Compute", "subTotal": _money(parts["usage"])}},
    ]


def invoiced(azure: Azure, *streams: str, **settings: Any) -> Any:
    return source(azure, *streams, management_endpoint=azure.url, scopes=[SCOPE], history_days=62, **settings)


def test_lines_are_those_of_the_files(azure: Azure, warehouse: Warehouse) -> None:
    put_invoices(azure, "2026-08", "2026-09")
    void = {"status": "Void", "totalAmount": _money(Decimal(5))}
    azure.plane.lists[f"/{SCOPE}/invoices".lower()].append({"name": "V1", "properties": void})
    azure.plane.page = 1  # several pages, the next named without a host
    assert fetched(warehouse, invoiced(azure, "invoices")).failures == ()
    told = [{k: v for k, v in row.items() if k not in ("issuer", "description")} for row in sample_lines()]
    told = [row for row in told if row["period"] in ("2026-08", "2026-09")]
    assert len(told) == 8
    assert rows(warehouse, LINES) == sorted(told, key=lambda row: (row["invoice_id"], row["category"]))


def test_a_bill_ties_to_the_cent_without_an_invoice_file(azure: Azure, warehouse: Warehouse) -> None:
    put_exports(azure, ("2026-09",))
    put_invoices(azure, "2026-09")
    assert fetched(warehouse, invoiced(azure, "billing", "invoices")).failures == ()
    (tied,) = rows(warehouse, "select status, residual, note from reconciliation where level = 'invoice'")
    assert (tied["status"], round(tied["residual"], 2)) == ("green", 0)
    assert "credit -120.00, support 85.47, tax 31,104.49" in tied["note"]


def test_an_invoice_that_differs_is_red(azure: Azure, warehouse: Warehouse) -> None:
    put_exports(azure, ("2026-09",))
    put_invoices(azure, "2026-09")
    total = azure.plane.lists[f"/{SCOPE}/invoices".lower()][0]["properties"]["totalAmount"]
    total["value"] += 5
    fetched(warehouse, invoiced(azure, "billing", "invoices"))
    (tied,) = rows(warehouse, "select status, residual from reconciliation where level = 'invoice'")
    assert (tied["status"], round(tied["residual"], 0)) == ("red", 5)


def test_a_month_without_an_invoice_yet_is_no_error(azure: Azure, warehouse: Warehouse) -> None:
    assert fetched(warehouse, invoiced(azure, "invoices"), now=NOW - timedelta(days=28)).failures == ()
    assert rows(warehouse, LINES) == []
    put_invoices(azure, "2026-09")
    assert fetched(warehouse, invoiced(azure, "invoices"), now=NOW - timedelta(days=20)).failures == ()
    assert len(rows(warehouse, LINES)) == 4
