"""Tied to the invoice: green to the cent, with bridges named; red with a residual; and what the first line says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from finops.intake.reconcile import trust
from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import deliver, text

HEADER = "invoice_id,issuer,period,category,amount,currency\n"

CASES = {
    # charges of INV-1: 10.00 usage
    "equal": ("INV-1,Cloud Inc.,2026-09,usage,10.00,USD\n", "green", "0", ""),
    "a cent of rounding": ("INV-1,Cloud Inc.,2026-09,usage,10.01,USD\n", "green", "0.01", ""),
    "tax that the export lacks": (
        "INV-1,Cloud Inc.,2026-09,usage,10.00,USD\nINV-1,Cloud Inc.,2026-09,tax,1.90,USD\n",
        "green",
        "0",
        "bridge: tax 1.90 on the invoice, not in the export",
    ),
    "a residual": ("INV-1,Cloud Inc.,2026-09,usage,12.00,USD\n", "red", "2", "differs by 2.00 USD"),
    "another invoice": ("INV-9,Cloud Inc.,2026-09,usage,10.00,USD\n", "amber", "0", "1 of 1 billing periods are not tied"),
    "another currency": ("INV-1,Cloud Inc.,2026-09,usage,10.00,EUR\n", "amber", "0", "not tied"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("together", [True, False])
def test_invoice(case: str, together: bool, warehouse: Warehouse, tmp_path: Path) -> None:
    lines, status, residual, note = CASES[case]
    bill, invoice = tmp_path / "bill.csv", tmp_path / "invoice.csv"
    bill.write_text(text())
    invoice.write_text(HEADER + lines)
    if together:
        report = deliver(warehouse, bill, invoice=invoice)
        assert report.lines[0].status == status
    else:
        deliver(warehouse, bill)
        deliver(warehouse, invoice)
    with warehouse.reader() as reader:
        found = trust(reader)
    assert (found.status, found.reconciled) == (status, Decimal(residual))
    assert note in "; ".join(found.notes)


def test_charges_without_an_invoice_id_tie_by_issuer_and_period(warehouse: Warehouse, tmp_path: Path) -> None:
    bill, invoice = tmp_path / "bill.csv", tmp_path / "invoice.csv"
    bill.write_text(text({}, {"BilledCost": "-3", "ChargeCategory": "Credit"}, InvoiceId=""))
    invoice.write_text(HEADER + "I-7,cloud inc.,2026-09,usage,10,USD\nI-7,cloud inc.,2026-09,credit,-3,USD\n")
    deliver(warehouse, bill, invoice=invoice)
    with warehouse.reader() as reader:
        assert trust(reader).status == "green"


def test_a_missing_month_and_the_open_one_are_named(warehouse: Warehouse, tmp_path: Path) -> None:
    for month in ("07", "09"):
        start = {"BillingPeriodStart": f"2026-{month}-01T00:00:00Z", "ChargePeriodStart": f"2026-{month}-01T00:00:00Z"}
        path = tmp_path / f"{month}.csv"
        path.write_text(text(ChargePeriodEnd=f"2026-{month}-02T00:00:00Z", **start))
        deliver(warehouse, path)
    with warehouse.reader() as reader:
        notes = "; ".join(trust(reader).notes)
    assert "focus:acc-1 acc-1: no bill of 2026-08" in notes
    assert "2026-09 is open until 2026-10-05" in notes
