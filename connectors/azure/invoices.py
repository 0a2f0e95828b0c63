"""Invoices: what exports lack of a bill (support, credits, tax), so that it ties to the cent.

Billing, "Invoices - List By Billing Profile" and "Transactions - List By Invoice" (2024-04-01; Microsoft Learn, as of 2026-11).
An invoice says its total, its tax and the credits that were applied; which of its charges are support, its transactions say.
Usage is what is left, so the lines of an invoice always come to its total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.azure import arm
from connectors.azure.resources import of
from connectors.azure.session import Connection
from connectors.azure.totals import account, scope_of
from finops.connect import Part, Rows, Stream
from finops.window import Window

INVOICES = "Microsoft.Billing/billingAccounts/invoices/read"
TRANSACTIONS = "Microsoft.Billing/billingAccounts/invoices/transactions/read"
BY_BILLING_ROLE = (INVOICES, TRANSACTIONS)
"""Of a role of the bill itself (`setup.md`), which no role of a subscription gives."""

VERSION = "2024-04-01"
COLUMNS = ("invoice_id", "issuer", "billing_account_id", "period", "category", "description", "amount", "currency")
ISSUER = "Microsoft"
"""Which of its companies, the API does not say."""

ISSUED_WITHIN = 45
"""Days after the end of a period."""

CREDITS = ("freeAzureCreditApplied", "azurePrepaymentApplied")
SUPPORT = "support"
"""What the product family of a support plan has in its name (as known, 2026-11-26)."""


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a bill: billing account (EA) or billing profile (MCA)."""
    scopes = [scope.strip("/") for scope in dict.fromkeys(connection.settings.scopes) if scope_of(scope)[0]]
    return [Part(f"{scope} invoices", handle=scope) for scope in scopes]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    listed = [found for found in invoices(connection, part.handle, window) if of(found, "properties", "status") != "Void"]
    supports = connection.map(lambda found: _support(connection, part.handle, found), listed)
    found = [row for entry, support in zip(listed, supports, strict=True) for row in _lines(entry, support, part.handle)]
    yield Rows(COLUMNS, [row for row in found if _inside(str(row[3]), window)])


def invoices(connection: Connection, scope: str, window: Window) -> Iterator[dict[str, Any]]:
    """Of the periods in the window, and some after it: whether period or date of an invoice counts, no document says."""
    last = window.end + timedelta(days=ISSUED_WITHIN)
    asked = {"periodStartDate": f"{window.start:%Y-%m-%d}", "periodEndDate": f"{last:%Y-%m-%d}"}
    yield from arm.listed(connection, "billing:Invoices", INVOICES, f"{scope}/invoices", VERSION, **asked)


def transactions(connection: Connection, scope: str, invoice: str) -> Iterator[dict[str, Any]]:
    path = f"providers/Microsoft.Billing/billingAccounts/{scope_of(scope)[0]}/invoices/{invoice}/transactions"
    yield from arm.listed(connection, "billing:Transactions", TRANSACTIONS, path, VERSION)


def _support(connection: Connection, scope: str, found: Mapping[str, Any]) -> Decimal:
    """Before tax."""
    lines = transactions(connection, scope, str(found["name"]))
    families = ((str(of(line, "properties", "productFamily") or ""), line) for line in lines)
    return sum((_amount(line, "subTotal") for family, line in families if SUPPORT in family.lower()), Decimal(0))


def _lines(found: Mapping[str, Any], support: Decimal, scope: str) -> Iterator[tuple[object, ...]]:
    total, tax = _amount(found, "totalAmount"), _amount(found, "taxAmount")
    credit = -sum((_amount(found, name) for name in CREDITS), Decimal(0))
    amounts = {"usage": total - tax - credit - support, "support": support, "credit": credit, "tax": tax}
    period = datetime.fromisoformat(str(of(found, "properties", "invoicePeriodStartDate")))
    currency = of(found, "properties", "totalAmount", "currency")
    for category, amount in amounts.items():
        if amount or category == "usage":
            yield found["name"], ISSUER, account(scope), f"{period:%Y-%m}", category, None, amount, currency


def _amount(found: Mapping[str, Any], name: str) -> Decimal:
    """A sum of money as it was written; 0 where it is not there, as the API leaves out what does not apply."""
    value = of(found, "properties", name, "value")
    return Decimal(str(value if value is not None else 0)).quantize(Decimal("1e-12"))


def _inside(period: str, window: Window) -> bool:
    return f"{window.start:%Y-%m}" <= period < f"{window.end:%Y-%m-%d}"


STREAM = Stream(
    name="invoices",
    title="invoices",
    table="invoices",
    divided="month",
    permissions=BY_BILLING_ROLE,
    plan=plan,
    fetch=fetch,
    reach_days=395,
    restates_days=15,  # an invoice comes in the first days of the next month
)
