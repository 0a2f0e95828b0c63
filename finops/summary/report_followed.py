"""Sections of the weekly report that follow up: what was unusual, what became of the plan, what ML costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from finops.report import WEEK_DAYS, Weekly
from finops.summary.blocks import Block, Command, Paragraph, Row, Section, TableOf, first_of
from finops.summary.costs import anomaly_rows
from finops.summary.ml import INSTRUMENT, SPENDS, TABLES, ml_tables
from finops.summary.plan import short
from finops.summary.savings import applied_rows, approved_rows, decided_rows, stage_rows, waiting_rows

ROWS = 10
"""Of each list and currency; the command below it has all."""


def anomaly_section(report: Weekly) -> Section:
    """Unusual days of the last month, provisional ones left out."""
    title = "Unusual spend of the last 30 settled days"
    command = Command(f"finops anomalies --as-of {report.as_of}{report.filters}")
    if not report.anomalies:
        return Section(title, (Paragraph("Nothing cost more than its past explains."), command))
    rows = anomaly_rows(report.anomalies, ("service", "account"))
    return Section(title, (*_table(rows), command))


def followed_section(report: Weekly) -> Section:
    """What was recommended and what came of it, from the ledger and the bill."""
    found = report.savings
    if not found.plans:
        return Section("What became of the plan", tuple(Paragraph(note) for note in found.notes))
    days = f"{found.plans[0]} to {found.plans[-1]}" if len(found.plans) > 1 else str(found.plans[-1])
    blocks: list[Block] = [
        Paragraph(f"Plans on record: {len(found.plans)}, {days}. Realised is measured on the bill up to {found.settled}."),
        *(Paragraph(note) for note in found.notes),
    ]
    for total in found.totals:
        rows = ({"currency": total.currency} | row for row in stage_rows(total))
        blocks.append(TableOf(tuple(rows)))
    since = report.as_of - timedelta(days=WEEK_DAYS)
    new = [row for row in found.of_status("new", "open") if row.first_seen > since]
    gone = [row for row in found.of_status("gone") if row.stands_since > since]
    for what, listed in (
        (f"New since {since}", waiting_rows(new)),
        ("Open, by what waiting has cost", waiting_rows([r for r in found.of_status("new", "open") if r.waiting > 0])),
        ("Done: promised, and what the bill shows since", applied_rows(found.rows)),
        ("Approved or said to be done, not on the bill yet", approved_rows(found.rows)),
        ("Set aside", decided_rows(found.of_status("dismissed"))),
        (f"Gone since {since}, and why", decided_rows(gone)),
    ):
        blocks.append(Paragraph(f"{what}: {len(listed)}" if listed else f"{what}: none"))
        blocks += _table(listed)
    return Section("What became of the plan", (*blocks, Command("finops savings")))


def ml_section(report: Weekly) -> Section:
    """Spend by platform and team, what idles, what runs cost, what to measure first."""
    tables = ml_tables(report.ml, report.instruments, exact=False)
    blocks: list[Block] = [Paragraph(f"{report.ml.first} to {report.ml.as_of}, effective cost before promotional credits.")]
    for name in ("platforms", "teams"):
        blocks += _listed(SPENDS[name][0], tables[name], "no ML spend")
    for name in ("idle", "runs"):
        blocks += _listed(TABLES[name][0], tables[name], TABLES[name][1])
    blocks += _listed(INSTRUMENT[0], tables["instrument_first"], INSTRUMENT[1])
    return Section("Machine learning", (*blocks, Command(f"finops ml{report.filters}")))


def _listed(title: str, rows: Sequence[Row], empty: str) -> list[Block]:
    if not rows:
        return [Paragraph(f"{title}: {empty}.")]
    return [Paragraph(f"{title}:"), *_table(rows)]


def _table(rows: Sequence[Row]) -> list[Block]:
    """The first rows of each currency, and how many there are beside them."""
    shown = [_brief(row) for row in first_of(rows, ROWS)]
    more = len(rows) - len(shown)
    return [*([TableOf(tuple(shown))] if shown else []), *([Paragraph(f"{more} more.")] if more else [])]


def _brief(row: Row) -> Row:
    return {**row, "resource": short(str(row["resource"]))} if "resource" in row else row
