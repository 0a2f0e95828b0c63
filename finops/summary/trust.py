"""The first line of every report."""

from __future__ import annotations

from decimal import Decimal

from finops.render import amount

LIGHTS = {"green": "tied to the invoice", "amber": "complete, not yet tied to an invoice", "red": "does not reconcile"}


def trust_line(status: str, reconciled: Decimal, notes: tuple[str, ...]) -> str:
    """The first line of every report."""
    rest = "".join(f"\n  {note}" for note in notes)
    return f"Trust: {status} ({LIGHTS[status]}; residual {amount(reconciled)}){rest}"
