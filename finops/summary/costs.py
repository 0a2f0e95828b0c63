"""Spend, and why it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

from finops import queries, render
from finops.render import amount
from finops.summary.plan import short

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader


def costs_text(reader: Reader, query: queries.CostQuery, fmt: render.Format) -> str:
    """One row a group; a total a currency below the table."""
    found = queries.costs(reader, query)
    rows: list[dict[str, object]] = [
        {**dict(zip(query.by, row.keys, strict=True)), "currency": row.currency, f"{query.metric}_cost": row.amount}
        for row in found
    ]
    totals = queries.totals(found)
    if fmt == "json":
        return _document(reader, {"metric": query.metric, "totals": totals, "rows": rows})
    text = render.rows(rows, fmt)
    if fmt == "csv":
        return text
    sums = "; ".join(f"{amount(total)} {currency}" for currency, total in totals.items())
    return f"{text}\n\nTotal ({query.metric}): {sums}"


def change_rows(found: Sequence[queries.Change], by: Sequence[str]) -> list[dict[str, object]]:
    """One row a group: before, after, and what of the change is usage, mix, price, exchange rate, fees and tax."""
    return [
        {**dict(zip(by, change.keys, strict=True)), "currency": change.currency, "before": change.before}
        | {"after": change.after, "change": change.change, "usage": change.usage, "mix": change.mix}
        | {"price": change.price, "exchange": change.exchange, "fees": change.fees, "tax": change.tax}
        for change in found
    ]


def changes_text(reader: Reader, query: queries.CostQuery, as_of: date, fmt: render.Format) -> str:
    """The change of each group, and of what provisional days are expected to gain yet."""
    if query.first is None or query.last is None:
        raise ValueError("a comparison needs its first and last day")
    rows = change_rows([*queries.changes(reader, query), *queries.pending(reader, as_of, query)], query.by)
    before = queries.previous(query.first, query.last)
    periods = {"before": before, "after": (query.first, query.last)}
    if fmt == "json":
        return _document(reader, {"metric": query.metric, "periods": periods, "rows": rows})
    if fmt == "csv":
        return render.rows(rows, fmt)
    named = f"{before[0]} to {before[1]}, then {query.first} to {query.last} ({query.metric})"
    return render.rows(rows, fmt, title=named)


def prepaid_text(reader: Reader, period: tuple[date, date], fmt: render.Format) -> str:
    """One row a commitment and month: what was paid ahead at its begin, what came and what was used up."""
    found = queries.prepaid(reader, *period)
    rows: list[dict[str, object]] = [asdict(row) for row in found]
    if fmt == "json":
        return _document(reader, {"from": period[0], "to": period[1], "rows": rows})
    if fmt == "csv":
        return render.rows(rows, fmt)
    if not rows:
        return f"Nothing is paid ahead for a commitment from {period[0]} to {period[1]}."
    unknown = any(row.opening is None for row in found)
    note = "\n\nWithout an opening: bought before the bill that is loaded begins." if unknown else ""
    return render.rows(rows, fmt, title="Paid ahead: opening + bought − amortised = closing") + note


def anomaly_rows(found: Sequence[queries.Anomaly], by: Sequence[str]) -> list[dict[str, object]]:
    """One row an anomaly, with its group's names."""
    return [
        {**dict(zip(by, one.keys, strict=True)), "currency": one.currency, "first": one.first, "last": one.last}
        | {"ongoing": one.ongoing, "actual": one.actual, "expected": one.expected, "low": one.low, "high": one.high}
        | {"above": one.above, "reason": one.reason, "resource": one.resource, "resource_above": one.resource_above}
        for one in found
    ]


def anomalies_text(reader: Reader, found: Sequence[queries.Anomaly], by: Sequence[str], as_of: date, fmt: render.Format) -> str:
    """One row an anomaly, or that there is none."""
    rows = anomaly_rows(found, by)
    if fmt == "json":
        return _document(reader, {"as_of": as_of, "rows": rows})
    if fmt == "csv":
        return render.rows(rows, fmt)
    shown = [row | {"resource": short(str(row["resource"]))} for row in rows]
    return render.rows(shown, fmt) if shown else f"Nothing unusual up to {as_of}, provisional days left out."


def _document(reader: Reader, content: dict[str, object]) -> str:
    calculation = asdict(queries.calculation(reader, reader.published.content))
    return render.document({"schema": 1, "calculation": calculation} | content)
