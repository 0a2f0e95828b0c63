"""The first line of every report and of every page."""

from __future__ import annotations

from decimal import Decimal

from finops.render import amount

TIED = {
    "green": "tied to the invoice",
    "amber": "complete, not yet tied to an invoice",
    "red": "does not reconcile, or cannot be replayed",
}
"""How far the bill is tied, by the colour that says so."""


def trust_words(status: str, reconciled: Decimal, currency: str = "") -> str:
    """How far the bill is tied, in one line."""
    named = f"Trust ({currency})" if currency else "Trust"
    return f"{named}: {status} ({TIED[status]}; residual {amount(reconciled)})"


def trust_line(status: str, reconciled: Decimal, notes: tuple[str, ...]) -> str:
    """The same with its notes below it."""
    return trust_words(status, reconciled) + "".join(f"\n  {note}" for note in notes)
