"""What finance knows of the sample company's bills: control totals of each file, and the invoices that they tie to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

CENT = Decimal("0.01")
HEADER = (
    "source",
    "billing_account_id",
    "period",
    "currency",
    "rows",
    "billed_cost",
    "effective_cost",
    "invoice_id",
    "invoice_billed",
)
INVOICES = ("invoice_id", "issuer", "billing_account_id", "period", "category", "description", "amount", "currency")
CATEGORIES = {"Tax": "tax", "Credit": "credit", "Support": "support"}


@dataclass(frozen=True, slots=True)
class Bridge:
    """An amount of an invoice under the provider's own kind of line; `in_file` is false where only the invoice has it."""

    invoice: str
    issuer: str
    kind: str
    amount: object
    in_file: bool = True


@dataclass(frozen=True, slots=True)
class Truth:
    """Control totals of one source, billing account and period: rows and cost of the native file, cost by invoice."""

    source: str
    account: str
    period: date
    currency: str
    rows: int
    billed: Decimal
    effective: Decimal
    by_invoice: Mapping[str, Decimal]
    bridges: Sequence[Bridge]


def rows(truths: Sequence[Truth]) -> Iterator[tuple[object, ...]]:
    """One row a source, account, period, currency and invoice; the totals repeat."""
    for t in truths:
        for invoice, amount in sorted(t.by_invoice.items()):
            head = (t.source, t.account, f"{t.period:%Y-%m}", t.currency, t.rows)
            yield (*head, _exact(t.billed), _exact(t.effective), invoice, _exact(amount))


def invoices(truths: Sequence[Truth]) -> Iterator[tuple[object, ...]]:
    """Invoice lines by category, to the cent: the last category takes what rounding leaves, so that the invoice ties."""
    for t in truths:
        sums: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for b in t.bridges:
            sums[b.invoice, b.issuer][CATEGORIES.get(b.kind, "usage")] += Decimal(str(b.amount))
        for (invoice, issuer), categories in sorted(sums.items()):
            whole = sum(categories.values(), Decimal(0)).quantize(CENT)
            amounts = {name: amount.quantize(CENT) for name, amount in categories.items()}
            amounts["usage"] = whole - sum((a for name, a in amounts.items() if name != "usage"), Decimal(0))
            for category, amount in sorted(amounts.items()):
                yield invoice, issuer, t.account, f"{t.period:%Y-%m}", category, "", amount, t.currency


def _exact(amount: Decimal) -> str:
    return f"{amount:f}"
