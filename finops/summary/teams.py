"""Whose spend it is, and what the month ends at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from finops import queries, render
from finops.render import amount

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader


def allocation_text(reader: Reader, rows: Sequence[queries.TeamRow], period: Sequence[Any], fmt: render.Format) -> str:
    """One row a team; below it, what nobody owns, and that the lines sum to the bill."""
    listed: list[dict[str, object]] = [
        {"team": r.team, "currency": r.currency, "direct": r.direct, "shared": r.shared, "total": r.total} for r in rows
    ]
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal(0)) + row.total
    if fmt == "json":
        return render.document(
            {"schema": 1, "calculation": asdict(queries.calculation(reader, reader.published.content))}
            | {"from": period[0], "to": period[1], "totals": sums, "rows": listed}
        )
    text = render.rows(listed, fmt)
    if fmt == "csv":
        return text
    said = "; ".join(f"{amount(total)} {currency}" for currency, total in sums.items())
    return f"{text}\n\nTotal: {said}"


def month_end_text(reader: Reader, rows: Sequence[queries.MonthEnd], fmt: render.Format) -> str:
    """One row a budget or currency: actual, nowcast, expected with its range, budget and how likely it is exceeded."""
    listed: list[dict[str, object]] = [asdict(row) for row in rows]
    if fmt == "json":
        calculation = asdict(queries.calculation(reader, reader.published.content))
        return render.document({"schema": 1, "calculation": calculation, "rows": listed})
    return render.rows(listed, fmt)
