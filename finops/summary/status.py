"""Coverage and reconciliation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from finops import queries, render
from finops.intake.reconcile import trust
from finops.summary.plan import short
from finops.summary.trust import trust_line

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader


PERIODS = 3
"""Billing periods that a reader sees at once, beside every red one."""


def recent(rows: Sequence[queries.Reconciled]) -> list[queries.Reconciled]:
    """What is red, then the newest billing periods, newest first."""
    latest = sorted({row.period for row in rows})[-PERIODS:]
    shown = [row for row in rows if row.period in latest or row.status == "red"]
    newest = sorted(shown, key=lambda row: row.period, reverse=True)
    return sorted(newest, key=lambda row: row.status != "red")


def period_rows(rows: Sequence[queries.Reconciled]) -> list[dict[str, object]]:
    """One row a comparison, what it comes to before what it was made of."""
    columns = ("period", "status", "residual", "total", "currency", "level", "against", "source", "note")
    return [{name: getattr(row, name) for name in columns} | {"note": row.note or ""} for row in rows]


def source_row(row: Mapping[str, object]) -> dict[str, object]:
    """A source for people: how much and how fresh it is before what it is made of; ends of long names."""
    columns = ("source", "stream", "rows", "first_unit", "last_unit", "fetched_at", "format", "version")
    return {name: short(str(row[name]), 24) if name.endswith("_unit") else row[name] for name in columns}


def diff_text(rows: list[dict[str, Any]], since: str, fmt: render.Format) -> str:
    """What restated periods changed since a day."""
    if fmt in ("json", "csv") or rows:
        return render.rows(rows, fmt, title=f"Changed since {since}")
    return f"Nothing changed since {since}."


def status_text(reader: Reader, fmt: render.Format) -> str:
    """Sources and their coverage, every billing period with how far it is tied, and commitments by both accounts of them."""
    sources = [asdict(row) for row in queries.sources(reader)]
    periods = [asdict(row) for row in queries.reconciliation(reader)]
    used = [asdict(row) for row in queries.utilization(reader)]
    tied = trust(reader)
    if fmt == "json":
        return render.document(
            {
                "schema": 1,
                "snapshot": reader.published.number,
                "as_of": queries.as_of(reader),
                "trust": asdict(tied),
                "sources": sources,
                "reconciliation": periods,
                "utilization": used,
            }
        )
    if fmt == "csv":
        return render.rows(periods, fmt)
    return "\n\n".join(
        [
            trust_line(tied.status, tied.reconciled, tied.notes),
            render.rows(sources, fmt, title="Sources"),
            render.rows(periods, fmt, title="Reconciliation"),
            *([render.rows(used, fmt, title="Utilization of commitments, %")] if used else []),
        ]
    )
