"""Spend."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from finops import queries, render
from finops.render import amount

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader


def costs_text(reader: Reader, query: queries.CostQuery, fmt: render.Format) -> str:
    """One row a group; a total a currency below the table."""
    found = queries.costs(reader, query)
    rows: list[dict[str, object]] = [
        {**dict(zip(query.by, row.keys, strict=True)), "currency": row.currency, f"{query.metric}_cost": row.amount}
        for row in found
    ]
    if fmt == "json":
        calculation = queries.calculation(reader, reader.published.number)
        totals = queries.totals(found)
        head = {"schema": 1, "calculation": asdict(calculation), "metric": query.metric, "totals": totals}
        return render.document(head | {"rows": rows})
    text = render.rows(rows, fmt)
    if fmt == "csv":
        return text
    sums = "; ".join(f"{amount(total)} {currency}" for currency, total in queries.totals(found).items())
    return f"{text}\n\nTotal ({query.metric}): {sums}"
