"""Whose spend it is, and what the month ends at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from finops import queries, render
from finops.render import amount
from finops.summary.plan import short

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
            | {"unowned": [asdict(one) for one in queries.unowned(rows)]}
        )
    text = render.rows(listed, fmt)
    if fmt == "csv":
        return text
    said = "; ".join(f"{amount(total)} {currency}" for currency, total in sums.items())
    nobody = "; ".join(unowned_words(one) for one in queries.unowned(rows))
    return f"{text}\n\nTotal: {said or 'nothing'}\nWithout an owner: {nobody or 'nothing'}"


def unowned_words(one: queries.Unowned) -> str:
    """What nobody has tagged, and which part of the bill that is."""
    return f"{amount(one.amount)} {one.currency}" + (f" ({one.share:.1%})" if one.share is not None else "")


def pods_text(reader: Reader, rows: Sequence[queries.PodRow], period: Sequence[Any], fmt: render.Format) -> str:
    """One row a pod, what no pod asked for, and below it that they sum to the nodes."""
    listed: list[dict[str, object]] = [asdict(row) for row in rows]
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal(0)) + row.cost
    if fmt == "json":
        return render.document(
            {"schema": 1, "calculation": asdict(queries.calculation(reader, reader.published.content))}
            | {"from": period[0], "to": period[1], "totals": sums, "rows": listed}
        )
    text = render.rows(listed, fmt)
    if fmt == "csv":
        return text
    said = "; ".join(f"{amount(total)} {currency}" for currency, total in sums.items()) or "the bill splits no node"
    return f"{text}\n\nTotal, which is what the nodes cost: {said}"


UNTAXED = "Before tax: what is taxed, and how, is the invoice's."
"""A month's amounts leave tax out, which falls on its last days in one sum."""


def month_end_text(
    reader: Reader, rows: Sequence[queries.MonthEnd], fmt: render.Format, ahead: Sequence[queries.Ending] | None = None
) -> str:
    """One row a budget or currency: actual, nowcast, expected with its range, budget and how likely it is exceeded.

    `ahead` is what ends later, which no forecast of a month shows.
    """
    listed: list[dict[str, object]] = [asdict(row) for row in rows]
    coming: list[dict[str, object]] = [asdict(ending) for ending in ahead or ()]
    if fmt == "json":
        calculation = asdict(queries.calculation(reader, reader.published.content))
        known = {} if ahead is None else {"ahead": coming}
        return render.document({"schema": 1, "calculation": calculation, "rows": listed} | known)
    if fmt == "csv":
        return render.rows(listed, fmt)
    text = f"{render.rows([month_row(row) for row in rows], fmt)}\n\n{UNTAXED}"
    if not coming:
        return text
    shown = [ending | {"name": short(str(ending["name"]))} for ending in coming]
    return f"{text}\n\n{render.rows(shown, fmt, title=ENDS)}"


ENDS = "Ends within a year: the bill rises by so much a month after its last day"


def month_row(month: queries.MonthEnd) -> dict[str, object]:
    """A month for people: what is expected beside what was, and the budget where there is one."""
    row: dict[str, object] = {"name": month.name, "currency": month.currency, "month": month.month, "as_of": month.as_of}
    row |= {"actual": month.actual, "nowcast": month.nowcast, "expected": month.expected, "low": month.low}
    row |= {"high": month.high, "previous": month.previous}
    if month.budget is None:
        return row
    return row | {"budget": month.budget, "exceeds": None if month.exceeds is None else f"{month.exceeds:.0%}"}
