"""What a command says: the trust line first, then the numbers, as text or as rows in any format."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from finops import queries, render
from finops.document import recommendation_document
from finops.model import Act, Recommendation, action_name
from finops.render import amount, printable

if TYPE_CHECKING:
    from finops.plans import PlanView
    from finops.warehouse.warehouse import Reader

LIGHTS = {"green": "tied to the invoice", "amber": "complete, not yet tied to an invoice", "red": "does not reconcile"}


def trust_line(status: str, reconciled: Decimal, notes: tuple[str, ...]) -> str:
    """The first line of every report."""
    rest = "".join(f"\n  {note}" for note in notes)
    return f"Trust: {status} ({LIGHTS[status]}; residual {amount(reconciled)}){rest}"


def status_text(reader: Reader, fmt: render.Format) -> str:
    """Sources and their coverage, then every billing period with how far it is tied."""
    sources = [asdict(row) for row in queries.sources(reader)]
    periods = [asdict(row) for row in queries.reconciliation(reader)]
    if fmt == "json":
        return render.document(
            {
                "schema": 1,
                "snapshot": reader.published.number,
                "as_of": queries.as_of(reader),
                "provisional": queries.provisional(reader),
                "sources": sources,
                "reconciliation": periods,
            }
        )
    if fmt == "csv":
        return render.rows(periods, fmt)
    parts = [render.rows(sources, fmt, title="Sources"), render.rows(periods, fmt, title="Reconciliation")]
    provisional = queries.provisional(reader)
    if provisional:
        parts.append("Provisional (may still change): " + "; ".join(provisional))
    return "\n\n".join(parts)


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
        return render.document({"schema": 1, "calculation": asdict(calculation), "metric": query.metric, "totals": totals, "rows": rows})
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


def _short(resource: str, width: int = 48) -> str:
    return resource if len(resource) <= width else "…" + resource[-(width - 1) :]


def explanation_text(view: PlanView, recommendation: Recommendation, fmt: render.Format) -> str:
    """Facts → estimator → action → range → assumptions → rejected alternatives → the SQL → the patch."""
    document = recommendation_document(recommendation)
    if fmt == "json":
        return render.document({"schema": 1, "as_of": view.plan.as_of, "currency": view.plan.currency} | document)
    if fmt == "csv":
        return render.rows([_row(recommendation, view.plan.currency, full=True)], fmt)
    return "\n\n".join(part for part in _chapters(view, recommendation, document, fmt) if part)


def _chapters(view: PlanView, recommendation: Recommendation, document: dict[str, Any], fmt: render.Format) -> list[str]:
    currency, saving = view.plan.currency, document["saving"]
    head = f"{document['id']}  {document['kind']}  {printable(document['resource'])}"
    action = document["action"]
    facts = [{"fact": f["name"], "value": f["value"], "unit": f["unit"], "source": f["source"]} for f in document["evidence"]["facts"]]
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
