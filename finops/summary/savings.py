"""The ledger as text, or as rows in any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from finops import queries, render
from finops.render import amount
from finops.summary.plan import place, short

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader

MOST_ROWS = 20
"""Rows of each list that a terminal shows; JSON and CSV have all."""


def savings_text(reader: Reader, report: queries.SavingsReport, fmt: render.Format) -> str:
    """The stages of each currency, then what was done, what is gone and why, and what waits longest."""
    if fmt == "json":
        made = asdict(queries.calculation(reader, reader.published.number))
        return render.document({"schema": 1, "calculation": made} | asdict(report))
    if fmt == "csv":
        return render.rows([asdict(row) for row in report.rows], fmt)
    parts = [f"Savings as of {report.as_of}, measured up to {report.settled}; {_plans(report)}"]
    parts += list(report.notes)
    parts += [render.rows(stage_rows(total), fmt, title=f"{total.currency} a month") for total in report.totals]
    for title, rows in (
        ("Applied: promised, and what the bill shows since", applied_rows(report.rows)),
        ("Approved or said to be done, not on the bill yet", approved_rows(report.rows)),
        ("Dismissed", decided_rows(report.of_status("dismissed"))),
        ("Gone, and why", decided_rows(report.of_status("gone"))),
        ("Open, by what waiting has cost", waiting_rows(report.of_status("new", "open"))),
    ):
        if rows:
            more = f", {MOST_ROWS} of {len(rows)}" if len(rows) > MOST_ROWS else ""
            shown = [row | {"resource": short(str(row["resource"]))} for row in rows[:MOST_ROWS]]
            parts.append(render.rows(shown, fmt, title=title + more))
    return "\n\n".join(parts)


def _plans(report: queries.SavingsReport) -> str:
    if not report.plans:
        return "no plan on record"
    first, last = report.plans[0], report.plans[-1]
    return f"{len(report.plans)} plans on record, {first} to {last}" if first != last else f"one plan on record, {last}"


def stage_rows(total: queries.SavingTotal) -> list[dict[str, object]]:
    """From what was found to what left the bank."""
    share = f", {total.realised / total.realised_promised:.0%} of what was promised" if total.realised_promised else ""
    stages: list[tuple[str, object, str]] = [
        ("identified", total.identified, f"{total.findings} open, {total.new} of them new"),
        ("dismissed", total.dismissed, "set aside until a day"),
        ("approved", total.approved, "decided or said to be done; the bill does not show it yet"),
        ("applied", total.applied, "promised of what the bill shows to be done"),
        ("realised", total.realised, f"measured on the bill{share}; {amount(total.saved_total)} in total"),
        ("cash", total.cash, f"of it not invoiced any more; {amount(total.cash_total)} in total"),
    ]
    rows: list[dict[str, object]] = [{"stage": stage, "a_month": value, "what": what} for stage, value, what in stages]
    waiting: dict[str, object] = {
        "stage": "waiting",
        "a_month": None,
        "what": f"has cost {amount(total.waiting_total)} since each was first seen",
    }
    return [*rows, waiting]


def _place(row: queries.SavingRow) -> str:
    return place(row.resource, row.provider, row.account)


def applied_rows(rows: Sequence[queries.SavingRow]) -> list[dict[str, object]]:
    return [
        {"id": row.id, "kind": row.kind, "resource": _place(row), "do": row.do, "currency": row.currency}
        | {"since": row.applied, "promised": row.promised, "low": row.low, "high": row.high}
        | {"realised": row.realised, "cash": row.cash, "total": row.saved, "how": row.why, "measured_at": row.measured}
        for row in rows
        if row.applied is not None and row.status == "applied"
    ]


def approved_rows(rows: Sequence[queries.SavingRow]) -> list[dict[str, object]]:
    mine = [row for row in rows if row.approved and row.applied is None and row.status in ("new", "open", "applied")]
    return decided_rows(mine)


def decided_rows(rows: Sequence[queries.SavingRow]) -> list[dict[str, object]]:
    return [
        {"id": row.id, "kind": row.kind, "resource": _place(row), "do": row.do, "currency": row.currency}
        | {"promised": row.promised, "first_seen": row.first_seen, "why": row.why}
        for row in rows
    ]


def waiting_rows(rows: Sequence[queries.SavingRow]) -> list[dict[str, object]]:
    return [
        {"id": row.id, "kind": row.kind, "resource": _place(row), "do": row.do, "owner": row.owner}
        | {"currency": row.currency, "promised": row.promised, "first_seen": row.first_seen}
        | {"plans": row.streak, "waiting": row.waiting, "status": row.status}
        for row in sorted(rows, key=lambda row: (row.currency, -row.waiting, -row.promised, row.id))
    ]
