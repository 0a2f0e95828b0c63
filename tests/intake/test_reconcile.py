"""Tied to the invoice: green to the cent, with bridges named; red with a residual; and what the first line says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.intake.reconcile import Billed, InvoiceLine, Unit, ties, trust
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
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
        "on the invoice, not in the export: tax 1.90",
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
        start: dict[str, Any] = {
            "BillingPeriodStart": f"2026-{month}-01T00:00:00Z",
            "ChargePeriodStart": f"2026-{month}-01T00:00:00Z",
        }
        path = tmp_path / f"{month}.csv"
        path.write_text(text(ChargePeriodEnd=f"2026-{month}-02T00:00:00Z", **start))
        deliver(warehouse, path)
    with warehouse.reader() as reader:
        notes = "; ".join(trust(reader).notes)
    assert "focus:acc-1 acc-1: no bill of 2026-08" in notes
    assert "2026-09 is open until 2026-10-05" in notes


@pytest.mark.parametrize("as_of", [None, date(2026, 9, 17)])
def test_fees_and_taxes_to_the_end_of_the_month_make_no_later_day_provisional(
    as_of: date | None, warehouse: Warehouse, tmp_path: Path
) -> None:
    bill = tmp_path / "bill.csv"
    month = {"ChargePeriodStart": "2026-09-01T00:00:00Z", "ChargePeriodEnd": "2026-10-01T00:00:00Z"}
    day = {"ChargePeriodStart": "2026-09-17T00:00:00Z", "ChargePeriodEnd": "2026-09-18T00:00:00Z"}
    bill.write_text(text(day, month | {"ChargeCategory": "Tax"}, month | {"ChargeCategory": "Purchase"}))
    deliver(warehouse, bill)
    with warehouse.reader() as reader:
        notes = trust(reader, as_of).notes
    assert "focus:acc-1: 2026-09 is open until 2026-10-05; the days from 2026-09-15 are provisional" in notes


def test_a_plan_of_an_earlier_day_names_the_period_that_was_open_then(warehouse: Warehouse, tmp_path: Path) -> None:
    for month in ("08", "09"):
        path = tmp_path / f"{month}.csv"
        start: dict[str, Any] = dict.fromkeys(("BillingPeriodStart", "ChargePeriodStart"), f"2026-{month}-01T00:00:00Z")
        path.write_text(text(ChargePeriodEnd=f"2026-{month}-02T00:00:00Z", **start))
        deliver(warehouse, path)
    with warehouse.reader() as reader:
        notes = trust(reader, date(2026, 8, 20)).notes
    assert "focus:acc-1: 2026-08 is open until 2026-09-05; the days from 2026-08-18 are provisional" in notes


SIGNS = {
    # what the charges bear, what the invoice names: (issuer, legal entity), (issuer, account)
    "legal entity": (("Cloud", "Cloud EMEA Limited"), ("Cloud EMEA Limited", "")),
    "account and period": (("Cloud", ""), ("Cloud EMEA Limited", "acc-1")),
}


@pytest.mark.parametrize("case", SIGNS)
def test_charges_without_an_invoice_id_tie_by_what_else_they_bear(case: str, warehouse: Warehouse, tmp_path: Path) -> None:
    (issuer, entity), (name, account) = SIGNS[case]
    bill, invoice = tmp_path / "bill.csv", tmp_path / "invoice.csv"
    bill.write_text(text(InvoiceId="", InvoiceIssuerName=issuer, ProviderName=issuer, x_invoicing_entity=entity))
    header = HEADER.replace("period", "billing_account_id,period")
    invoice.write_text(f"{header}I-7,{name},{account},2026-09,usage,10,USD\n")
    report = deliver(warehouse, bill, invoice=invoice)
    assert (report.notes, report.lines[0].status) == ((), "green")
    invoice.write_text(f"{header}I-7,{name},acc-2,2026-09,usage,10,USD\n")
    assert deliver(warehouse, invoice).notes == (f"invoice I-7 of {name} (USD): no charge of it is loaded",)


def test_no_charge_is_tied_to_two_invoices() -> None:
    """10.00 of the seller by its name, 5.00 left for the invoice of the account; two invoices of the rest stand together."""
    unit = Unit("bill", "acc-1", "2026-09")
    own = Billed(unit, "", "Cloud", "", "USD", "usage", Decimal(5))
    sold = Billed(unit, "", "Seller", "", "USD", "usage", Decimal(10))
    seller = InvoiceLine("I-1", "Seller", "acc-1", "2026-09", "usage", "USD", Decimal(10))
    first, second = (
        InvoiceLine(i, "Cloud Ltd", "acc-1", "2026-09", "usage", "USD", Decimal(a)) for i, a in (("I-2", 2), ("I-3", 3))
    )
    rows = [row for bill in ties([own, sold], [first, seller, second]) for row in bill.rows]
    assert [(row.against, row.total_loaded, row.residual, row.status) for row in rows] == [
        ("invoice I-1 of Seller", Decimal(10), Decimal(0), "green"),
        ("invoice I-2 of Cloud Ltd, invoice I-3 of Cloud Ltd", Decimal(5), Decimal(0), "green"),
    ]


def test_a_residual_stops_the_plan_unless_forced(warehouse: Warehouse, tmp_path: Path, finops: Callable[..., Ran]) -> None:
    bill, invoice = tmp_path / "bill.csv", tmp_path / "invoice.csv"
    bill.write_text(text())
    invoice.write_text(HEADER + CASES["a residual"][0])
    deliver(warehouse, bill, invoice=invoice)
    asked = ("recommend", "--format", "json", "--warehouse", tmp_path / "warehouse")
    stopped = finops(*asked)
    assert (stopped.code != 0, stopped.out) == (True, "")
    assert "differs by 2.00 USD" in stopped.err
    assert finops(*asked, "--force").code == 0


def test_the_other_bills_have_a_plan_and_it_is_not_recorded(
    warehouse: Warehouse, tmp_path: Path, finops: Callable[..., Ran]
) -> None:
    """What the red bill's plan recommended before is not gone: it was not asked for."""
    bill, other, invoice = tmp_path / "bill.csv", tmp_path / "other.csv", tmp_path / "invoice.csv"
    bill.write_text(text())
    other.write_text(text(BillingAccountId="acc-2", InvoiceId="INV-2"))
    invoice.write_text(HEADER + CASES["a residual"][0])
    deliver(warehouse, other)
    whole = Decimal(current(finops("recommend", "--format", "json", "--warehouse", tmp_path / "warehouse").out))
    deliver(warehouse, bill, invoice=invoice)
    made = finops("recommend", "--format", "json", "--warehouse", tmp_path / "warehouse")
    assert made.code == 0
    assert Decimal(current(made.out)) == whole
    assert json.loads(made.out)["trust"]["notes"][0].startswith("left out of the plan, its bill is red: focus:acc-1 2026-09")
    assert "the plan is not on record: focus:acc-1 left out of it" in made.err
    forced = finops("recommend", "--force", "--format", "json", "--warehouse", tmp_path / "warehouse")
    assert Decimal(current(forced.out)) == 2 * whole


def test_a_currency_without_a_plan_says_why(
    warehouse: Warehouse, tmp_path: Path, finops: Callable[..., Ran], caplog: pytest.LogCaptureFixture
) -> None:
    bill, other, invoice = tmp_path / "bill.csv", tmp_path / "other.csv", tmp_path / "invoice.csv"
    bill.write_text(text())
    other.write_text(text(BillingAccountId="acc-2", InvoiceId="INV-2", BillingCurrency="EUR"))
    invoice.write_text(HEADER + CASES["a residual"][0])
    deliver(warehouse, other)
    deliver(warehouse, bill, invoice=invoice)
    made = finops("recommend", "--format", "json", "--warehouse", tmp_path / "warehouse")
    plan = json.loads(made.out)
    assert plan["currency"] == "EUR"
    (note,) = (note for note in plan["trust"]["notes"] if "USD" in note)
    assert note.startswith("no plan stands in USD, its bills are red: focus:acc-1 2026-09: ")
    assert note.endswith("differs by 2.00 USD")
    assert "differs by 2.00 USD; no plan in USD (finops status; --force takes them in)" in caplog.text


def current(out: str) -> str:
    step: dict[str, str] = json.loads(out)["waterfall"][0]
    return step["monthly"]
