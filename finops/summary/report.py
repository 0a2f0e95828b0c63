"""The weekly report as sections of text, tables and charts, which HTML and Markdown print alike; and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from finops.charts import Bar, Point
from finops.model import Recommendation
from finops.money import cents
from finops.portfolio import Plan, Step, waterfall_bars
from finops.queries import EXPIRY_DAYS, Change, TeamRow, unowned
from finops.render import amount, plain
from finops.report import BEFORE_TAX, DAILY_DAYS, Weekly
from finops.summary.blocks import BarChart, Block, Command, Document, LineChart, Paragraph, Row, Section, TableOf, first_of
from finops.summary.costs import change_rows
from finops.summary.ml import ml_tables
from finops.summary.plan import recommendation_row, step_table
from finops.summary.report_followed import anomaly_section, followed_section, ml_section
from finops.summary.status import PERIODS, period_rows, recent, source_row
from finops.summary.teams import UNTAXED, month_row, unowned_words
from finops.summary.trust import trust_words
from finops.window import PROVISIONAL_DAYS

ROWS, TEAMS = 10, 20
"""Changes and recommendations, and teams that a reader sees; the command below lists them all."""


def document(report: Weekly) -> Document:
    """Trust first, then spend, what was unusual, month end, plan, what became of it, teams, ML, commitments, data health."""
    trusted, made = report.trust, report.calculation
    book = f"price book {made.price_book}" if made.price_book else "no price book"
    scope = f", scope {' and '.join(report.scope)}" if report.scope else ""
    return Document(
        title=f"Cloud spend, week {report.first} to {report.last}{scope}",
        status=trusted.status,
        trust=trust_words(trusted.status, trusted.reconciled),
        notes=trusted.notes,
        sections=(
            _spend(report),
            anomaly_section(report),
            _month_end(report),
            *(section for view in report.plans for section in _plan(view.plan, view.trust.status)),
            followed_section(report),
            _teams(report),
            ml_section(report),
            _expiring(report),
            _health(report),
        ),
        footer=f"As of {report.as_of}, snapshot {made.snapshot}, calculation version {made.version}, {book}.",
    )


def _spend(report: Weekly) -> Section:
    before = report.before
    blocks: list[Block] = [
        Paragraph(
            f"{report.first} to {report.last} against {before[0]} to {before[1]}, effective cost before tax. "
            f"The {PROVISIONAL_DAYS} days after it are provisional, and left out: they would look like a drop."
        )
    ]
    if report.scope:
        whole = "budgets, the plan and what became of it, commitments and data health"
        blocks.append(Paragraph(f"Spend, unusual days, month end, teams and ML are of the scope; {whole} of the whole bill."))
    blocks += [_said(change, report) for change in report.totals]
    blocks.append(TableOf(tuple(change_rows([total for total in report.totals if _comparable(total, report)], ()))))
    days = sorted({row.currency for row in report.daily})
    blocks += [_daily(report, currency) for currency in days]
    blocks.append(Paragraph("What changed most, by service:"))
    changed = [change for change in report.changes if cents(change.change) and _comparable(change, report)]
    largest = first_of(change_rows(changed, ("service",)), ROWS)
    blocks += [TableOf(tuple(largest)), Command(f"{_compared(report)}{report.filters}")]
    return Section("Spend, and why it changed", tuple(blocks))


def _compared(report: Weekly) -> str:
    return (
        f"finops costs --by service --compare --from {report.first} --to {report.last} --where {shlex.quote(str(BEFORE_TAX))}"
    )


def _said(change: Change, report: Weekly) -> Paragraph:
    if not _comparable(change, report):
        return Paragraph(f"{change.currency}: the bill begins after {report.before[0]}, so the weeks cannot be compared.", True)
    share = f" ({change.change / change.before:+.1%})" if change.before > 0 else ""
    parts = {"usage": change.usage, "mix": change.mix, "price": change.price, "exchange rate": change.exchange}
    parts |= {"fees": change.fees}
    why = ", ".join(f"{name} {cents(part):+,}" for name, part in parts.items() if cents(part))
    return Paragraph(
        f"{change.currency}: {amount(change.after)} after {amount(change.before)}, {cents(change.change) + 0:+,}{share}"
        + (f"; of it {why}." if why else ".")
    )


def _comparable(change: Change, report: Weekly) -> bool:
    """Whether the bill of this currency reaches back to the first day of the comparison."""
    return report.begins.get(change.currency, date.max) <= report.before[0]


def _daily(report: Weekly, currency: str) -> LineChart:
    spent = {str(row.keys[0]): float(row.amount) for row in report.daily if row.currency == currency}
    days = [str(report.as_of - timedelta(days=n)) for n in range(DAILY_DAYS - 1, -1, -1)]
    points = tuple(Point(day, spent.get(day, 0.0), day > str(report.last)) for day in days if day >= min(spent))
    return LineChart(f"Spend a day in {currency}; the dashed days are provisional", points, f"{currency} a day")


def _month_end(report: Weekly) -> Section:
    blocks: list[Block] = [TableOf(tuple(month_row(month) for month in report.months)), Paragraph(UNTAXED)]
    if any(month.expected is None for month in report.months):
        blocks.append(Paragraph("Where nothing is expected, there are less than two weeks of history: unknown, not guessed."))
    blocks.append(Command(f"finops forecast{report.filters}"))
    if report.budgets:
        blocks += [Paragraph("Budgets:"), TableOf(tuple(month_row(month) for month in report.budgets))]
        over = [b for b in report.budgets if b.exceeds is not None and b.exceeds >= 0.5]
        blocks += [Paragraph(f"{b.name}: exceeded with a probability of {b.exceeds:.0%}.", strong=True) for b in over]
        blocks.append(Command("finops budgets"))
    else:
        blocks.append(Paragraph("No budgets are set ([[budgets]] in finops.toml)."))
    return Section("Month end and budgets", tuple(blocks))


def _plan(plan: Plan, status: str) -> list[Section]:
    if status == "red":
        text = "No recommendation can stand on this bill: it does not reconcile, or cannot be replayed (see the notes)."
        return [Section(f"Plan in {plan.currency}", (Paragraph(text, strong=True), Command("finops status")))]
    steps = [step for step in plan.steps if step.is_level or step.amount]
    head = (
        f"{amount(plan.saving)} {plan.currency} a month can be saved. {len(plan.recommendations)} act, "
        f"{len(plan.keeps)} keep, {plan.unknown_verdicts} unknown. The plan is that of the whole bill."
    )
    failed = [
        Paragraph(f"FAILED: {failure.kind}: {failure.error}; its savings are missing.", strong=True) for failure in plan.failed
    ]
    waterfall = BarChart(f"From current to after, {plan.currency} a month", _waterfall(plan, steps))
    sections = [Section(f"Plan in {plan.currency}", (*failed, Paragraph(head), waterfall, TableOf(tuple(step_table(plan)))))]
    if plan.recommendations:
        largest = sorted(plan.recommendations, key=lambda r: (-r.saving.effective_monthly.expected, r.rank))[:ROWS]
        rows = tuple(_recommendation_row(r, plan.currency) for r in largest)
        blocks = (TableOf(rows), Command("finops recommend; finops explain ID"))
        title = f"Largest recommendations in {plan.currency}, {len(rows)} of {len(plan.recommendations)}"
        sections.append(Section(title, blocks, 3))
    if plan.unknowns:
        unknown = tuple(missing.row for missing in plan.unknowns[:ROWS])
        sections.append(Section(f"Unknown in {plan.currency}, by the spend that waits for it", (TableOf(unknown),), 3))
    return sections


def _waterfall(plan: Plan, steps: Sequence[Step]) -> tuple[Bar, ...]:
    """The plan's bars, with the amount of each step as the table prints it."""
    drawn: list[dict[str, Any]] = waterfall_bars(plan)
    return tuple(
        Bar(
            bar["step"].replace("_", " "),
            bar["start"],
            bar["end"],
            bar["kind"],
            amount(step.amount if step.is_level else -step.amount),
        )
        for step, bar in zip(steps, drawn, strict=True)
    )


def _recommendation_row(recommendation: Recommendation, currency: str) -> dict[str, object]:
    row = recommendation_row(recommendation, currency, full=True) | recommendation_row(recommendation, currency, full=False)
    return {name: row[name] for name in ("id", "kind", "resource", "do", "saving", "low", "high", "owner", "status")}


def _teams(report: Weekly) -> Section:
    nobody = "; ".join(unowned_words(one) for one in unowned(report.teams)) or "nothing"
    said = f"{report.as_of.replace(day=1)} to {report.as_of}; the lines sum to the bill. Without an owner: {nobody}."
    blocks: list[Block] = [Paragraph(said)]
    for currency in dict.fromkeys(row.currency for row in report.teams):
        mine = [row for row in report.teams if row.currency == currency]
        shown = tuple(Bar(row.team, 0.0, float(row.total), "level", amount(row.total)) for row in mine[:ROWS])
        blocks.append(BarChart(f"Spend by team, {currency}", shown))
        blocks.append(TableOf((*(_team_row(row) for row in mine[:TEAMS]), *_other_teams(mine[TEAMS:]))))
    days = f"--from {report.as_of.replace(day=1)} --to {report.as_of}"
    return Section("Teams", (*blocks, Command(f"finops allocate {days}{report.filters}")))


def _team_row(row: TeamRow) -> dict[str, object]:
    return {"team": row.team, "currency": row.currency, "direct": row.direct, "shared": row.shared, "total": row.total}


def _other_teams(rows: Sequence[TeamRow]) -> list[Row]:
    """One line for all that are not listed, so that the lines still sum to the bill."""
    if not rows:
        return []
    direct, shared = sum((row.direct for row in rows), Decimal(0)), sum((row.shared for row in rows), Decimal(0))
    others = {"team": f"({len(rows)} others)", "currency": rows[0].currency, "direct": direct, "shared": shared}
    return [others | {"total": direct + shared}]


def _expiring(report: Weekly) -> Section:
    title = f"Commitments and credits that end within {EXPIRY_DAYS} days"
    command = Command("finops forecast")
    if not report.expiring and not report.credits:
        return Section(title, (Paragraph("None of what is loaded."), command))
    held = {ending.name: ending.monthly for ending in report.ahead}
    blocks: list[Block] = [
        Paragraph("From the day after, the bill is higher by so much a month; what is not used holds nothing off.")
    ]
    if report.expiring:
        rows = tuple(asdict(row) | {"monthly": held.get(row.commitment.lower())} for row in report.expiring)
        blocks.append(TableOf(rows))
    if report.credits:
        blocks.append(TableOf(tuple(asdict(credit) for credit in report.credits)))
    return Section(title, (*blocks, command))


def _health(report: Weekly) -> Section:
    periods = tuple(period_rows(recent(report.reconciliation)))
    blocks = (
        TableOf(tuple(source_row(asdict(row)) for row in report.sources)),
        Paragraph(f"Reconciliation of the last {PERIODS} billing periods, and of every red one:"),
        TableOf(periods),
        Command("finops status"),
    )
    return Section("Data health", blocks)


def json_document(report: Weekly) -> dict[str, Any]:
    """The report as one object; each plan as in `finops recommend`, without what `finops explain` shows."""
    return {
        "schema": 1,
        "report": "weekly",
        "as_of": report.as_of,
        "calculation": asdict(report.calculation),
        "scope": list(report.scope),
        "trust": {**asdict(report.trust), "reconciled": plain(cents(report.trust.reconciled))},
        "periods": {"before": list(report.before), "after": [report.first, report.last]},
        "spend": change_rows(report.totals, ()),
        "daily": [{"day": row.keys[0], "currency": row.currency, "effective_cost": row.amount} for row in report.daily],
        "changes": change_rows(report.changes, ("service",)),
        "month_ends": [asdict(month) for month in report.months],
        "anomalies": [asdict(one) for one in report.anomalies],
        "budgets": [asdict(month) for month in report.budgets],
        "plans": [_brief(view.document()) for view in report.plans],
        "savings": asdict(report.savings),
        "teams": [_team_row(row) for row in report.teams],
        "ml": ml_tables(report.ml, report.instruments, exact=True),
        "expiring": [asdict(row) for row in report.expiring],
        "ahead": [asdict(row) for row in report.ahead],
        "sources": [asdict(row) for row in report.sources],
        "reconciliation": [asdict(row) for row in report.reconciliation],
    }


def _brief(plan: dict[str, Any]) -> dict[str, Any]:
    left_out = ("explanation", "rejected", "patch", "evidence")
    brief = [{name: value for name, value in r.items() if name not in left_out} for r in plan["recommendations"]]
    shown: Sequence[str] = ("currency", "trust", "waterfall", "verdicts", "unknowns", "failed")
    if plan["trust"]["status"] == "red":  # as `finops recommend` without --force: no plan stands on a red bill
        return {"currency": plan["currency"], "trust": plan["trust"], "withheld": True}
    return {name: plan[name] for name in shown} | {"recommendations": brief}
