"""What a command says: the trust line first, then the numbers, as text or as rows in any format."""

from __future__ import annotations

import sys
from dataclasses import asdict, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic.fields import FieldInfo

from finops import plugins, queries, render
from finops.document import recommendation_document
from finops.errors import ConfigError
from finops.intake.reconcile import trust
from finops.model import Act, Recommendation, action_name
from finops.render import amount, printable

if TYPE_CHECKING:
    from finops.demo import DemoReport
    from finops.intake.report import LoadReport
    from finops.plans import PlanView
    from finops.warehouse.warehouse import Reader

LIGHTS = {"green": "tied to the invoice", "amber": "complete, not yet tied to an invoice", "red": "does not reconcile"}


def trust_line(status: str, reconciled: Decimal, notes: tuple[str, ...]) -> str:
    """The first line of every report."""
    rest = "".join(f"\n  {note}" for note in notes)
    return f"Trust: {status} ({LIGHTS[status]}; residual {amount(reconciled)}){rest}"


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
            "reconciled": f"{line.status}: {line.reconciled}" if line.status else line.reconciled,
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
    if not report.changed:
        notes.append("nothing changed: this delivery was loaded before")
    return "\n".join([text, *(f"  {printable(note)}" for note in dict.fromkeys(notes))])


def demo_text(report: DemoReport, folder: str, fmt: render.Format) -> str:
    """What was loaded, the plans, and what to try next."""
    if fmt == "json":
        plans = [view.document() for view in report.plans]
        return render.document({"schema": 1, "loaded": asdict(report.loaded), "plans": plans})
    if fmt == "csv":
        return plans_text(list(report.plans), fmt)
    first = next((view.plan.recommendations[0].finding.id for view in report.plans if view.plan.recommendations), "ID")
    following = "\n".join(
        f"  {command} --warehouse {folder}"
        for command in (f"finops explain {first}", "finops costs --by service,month", "finops status", "finops recommend")
    )
    return "\n\n".join([load_text(report.loaded, fmt), plans_text(list(report.plans), fmt), f"Try next:\n{following}"])


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


def plans_text(views: list[PlanView], fmt: render.Format) -> str:
    """JSON: one object, or a list of them where there are several currencies."""
    if fmt == "json":
        documents = [view.document() for view in views]
        return render.document(documents[0] if len(documents) == 1 else documents)
    if fmt == "csv":
        return render.rows([_row(r, view.plan.currency, full=True) for view in views for r in view.plan.recommendations], fmt)
    return "\n\n".join(_plan_text(view, fmt) for view in views)


def thresholds_text(kinds: list[str]) -> str:
    """The thresholds of some kinds: setting, default, what it means."""
    parts = []
    for kind, recommender in plugins.recommenders().items():
        if kind not in kinds:
            continue
        title = (sys.modules[recommender.__module__].__doc__ or "").splitlines()[0]
        hints = get_type_hints(recommender, include_extras=True)
        rows: list[dict[str, object]] = [
            {
                "setting": f"recommenders.{kind}.{field.name}",
                "default": field.default,
                "meaning": next(m.description for m in hints[field.name].__metadata__ if isinstance(m, FieldInfo)),
            }
            for field in fields(recommender)
        ]
        parts.append(f"{kind}: {title}\n\n{render.rows(rows, 'table')}")
    unknown = sorted(set(kinds) - set(plugins.recommenders()))
    if unknown:
        raise ConfigError(f"there is no recommender `{unknown[0]}`", hint=", ".join(plugins.recommenders()))
    return "\n\n".join(parts)


def _plan_text(view: PlanView, fmt: render.Format) -> str:
    plan = view.plan
    parts = [
        f"Plan in {plan.currency} as of {plan.as_of}",
        trust_line(view.trust.status, view.trust.reconciled, (*view.trust.notes, *plan.notes)),
    ]
    steps: list[dict[str, object]] = [
        {"step": step.name, f"{plan.currency} a month": step.amount if step.is_level else -step.amount} for step in plan.steps
    ]
    parts.append(render.rows(steps, fmt))
    if plan.recommendations:
        parts.append(render.rows([_row(r, plan.currency, full=False) for r in plan.recommendations], fmt))
    counts = f"{len(plan.recommendations)} act, {len(plan.keeps)} keep, {plan.unknown_verdicts} unknown"
    parts.append(f"Verdicts: {counts}. Next: finops explain ID")
    if plan.unknowns:
        rows: list[dict[str, object]] = [asdict(missing) for missing in plan.unknowns]
        parts.append(render.rows(rows, fmt, title="Unknown, by the spend that waits for it"))
    parts += [f"FAILED: {failure.kind}: {printable(failure.error)}; its savings are missing" for failure in plan.failed]
    return "\n\n".join(parts)


def _row(recommendation: Recommendation, currency: str, *, full: bool) -> dict[str, object]:
    finding, saving = recommendation.finding, recommendation.saving
    action = finding.verdict.action if isinstance(finding.verdict, Act) else None
    what = f"{action_name(action)} → {action.target}" if action else ""
    short: dict[str, object] = {
        "id": finding.id,
        "kind": finding.kind,
        "resource": finding.scope.resource if full else _short(finding.scope.resource),
        "do": what,
        "saving": saving.effective_monthly.expected,
    }
    if not full:
        return short | {"owner": recommendation.owner}
    return short | {
        "low": saving.effective_monthly.low,
        "high": saving.effective_monthly.high,
        "alone": recommendation.alone,
        "stranded": recommendation.stranded,
        "currency": currency,
        "provider": finding.scope.provider,
        "account": finding.scope.account,
        "region": finding.scope.region,
        "owner": recommendation.owner,
        "environment": recommendation.environment,
    }


def _short(resource: str, width: int = 44) -> str:
    """The end of a long id: what tells two resources apart stands there."""
    return resource if len(resource) <= width else "…" + resource[-(width - 1) :]


def explanation_text(view: PlanView, recommendation: Recommendation, fmt: render.Format) -> str:
    """Facts → estimator → action → range → assumptions → rejected alternatives → the SQL → the patch."""
    document = recommendation_document(recommendation)
    if fmt == "json":
        return render.document({"schema": 1, "as_of": view.plan.as_of, "currency": view.plan.currency} | document)
    if fmt == "csv":
        return render.rows([_row(recommendation, view.plan.currency, full=True)], fmt)
    return "\n\n".join(part for part in _chapters(view.plan.currency, document, fmt) if part)


def _chapters(currency: str, document: dict[str, Any], fmt: render.Format) -> list[str]:
    saving = document["saving"]
    head = f"{document['id']}  {document['kind']}  {printable(document['resource'])}"
    action = document["action"]
    facts = [{"fact": f["name"]} | {k: f[k] for k in ("value", "unit", "source")} for f in document["evidence"]["facts"]]
    money = (
        f"Saving: {saving['expected']} {currency} a month in the plan (range {saving['low']} to {saving['high']}), "
        f"{saving['alone']} alone, stranded {saving['stranded']}, in twelve months {saving['cash_12m']} cash, "
        f"one-off {saving['one_off']}; basis {saving['basis']}, confidence {document['confidence']:.2f}"
    )
    return [
        f"{head}\n{document['why']}",
        render.rows(facts, fmt, title="Facts") if facts else "",
        _listed("How it was estimated", document["explanation"]),
        f"Do: {action['type']} {action['from']} → {action['to']}".replace("  ", " "),
        money,
        _listed("Assumes", saving["assumes"]),
        _listed("Rejected", document["rejected"]),
        "SQL (finops sql runs it and gives the saving alone):\n" + document["evidence"]["sql"],
        f"Patch:\n{document['patch']}" if document["patch"] else "",
    ]


def _listed(title: str, lines: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"  - {printable(line)}" for line in lines)]) if lines else ""
