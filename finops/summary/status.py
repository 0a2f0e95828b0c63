"""Coverage and reconciliation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from finops import queries, render
from finops.intake.reconcile import trust
from finops.summary.trust import trust_line

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader


def diff_text(rows: list[dict[str, Any]], since: str, fmt: render.Format) -> str:
    """What restated periods changed since a day."""
    if fmt in ("json", "csv") or rows:
        return render.rows(rows, fmt, title=f"Changed since {since}")
    return f"Nothing changed since {since}."


def status_text(reader: Reader, fmt: render.Format) -> str:
    """Sources and their coverage, then every billing period with how far it is tied."""
    sources = [asdict(row) for row in queries.sources(reader)]
    periods = [asdict(row) for row in queries.reconciliation(reader)]
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
            }
        )
    if fmt == "csv":
        return render.rows(periods, fmt)
    return "\n\n".join(
        [
            trust_line(tied.status, tied.reconciled, tied.notes),
            render.rows(sources, fmt, title="Sources"),
            render.rows(periods, fmt, title="Reconciliation"),
        ]
    )
