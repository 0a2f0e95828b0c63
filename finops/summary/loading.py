"""What a delivery brought."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from finops import render
from finops.render import printable

if TYPE_CHECKING:
    from finops.intake.report import ApiCalls, LoadReport


def load_text(report: LoadReport, fmt: render.Format) -> str:
    """One line a source and table."""
    if fmt == "json":
        return render.document({"schema": 1} | asdict(report))
    rows: list[dict[str, object]] = [
        {
            "source": line.source,
            "table": line.table,
            "format": f"{line.format} {line.version}".strip(),
            "period": line.period,
            "files": line.files,
            "rows": line.rows,
            "total": ", ".join(str(total) for total in line.totals),
            "reconciled": f"{line.status}: {_short(line.reconciled)}" if line.status else line.reconciled,
        }
        for line in report.lines
    ]
    text = render.rows(rows, fmt)
    if fmt == "csv":
        return text
    notes = [*report.notes, *(f"{line.source}: {note}" for line in report.lines for note in line.notes)]
    if report.passed_over:
        notes.append(
            f"passed over {len(report.passed_over)} files: " + "; ".join(f"{n} ({w})" for n, w in report.passed_over[:5])
        )
    notes += api_text(report.api)
    if not report.changed and not report.failures:
        notes.append("nothing changed: this delivery was loaded before")
    return "\n".join([text, *(f"  {printable(note)}" for note in dict.fromkeys(notes))])


def api_text(api: ApiCalls) -> list[str]:
    """How many calls were made, of what, and their list price."""
    if not api.calls:
        return []
    listed = ", ".join(f"{operation} {count:,}" for operation, count in api.calls)
    spent, before = (" and ".join(map(str, amounts)) or "nothing" for amounts in (api.spent, api.estimated))
    return [f"{sum(count for _, count in api.calls):,} calls for {spent} at list price ({before} estimated): {listed}"]


def _short(reconciled: str, most: int = 3) -> str:
    """What a bill was compared with; of many invoices the first."""
    parts = reconciled.split("; ")
    return "; ".join(parts[:most]) + (f"; and {len(parts) - most} more" if len(parts) > most else "")
