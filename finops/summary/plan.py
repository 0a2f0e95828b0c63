"""The plan, as text or as rows in any format."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from finops import render
from finops.model import Act, Recommendation, action_name
from finops.opinions import second_opinion
from finops.render import amount, printable
from finops.summary.loading import load_text
from finops.summary.trust import trust_line

if TYPE_CHECKING:
    from finops.agreements import Floor
    from finops.demo import DemoReport
    from finops.plans import PlanView
    from finops.portfolio import Plan


def plans_text(views: list[PlanView], fmt: render.Format) -> str:
    """JSON: one object, or a list of them where there are several currencies."""
    if fmt == "json":
        documents = [view.document() for view in views]
        return render.document(documents[0] if len(documents) == 1 else documents)
    if fmt == "csv":
        return render.rows(
            [recommendation_row(r, view.plan.currency, full=True) for view in views for r in view.plan.recommendations], fmt
        )
    return "\n\n".join(_plan_text(view, fmt) for view in views)


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


def _plan_text(view: PlanView, fmt: render.Format) -> str:
    plan = view.plan
    parts = [
        f"Plan in {plan.currency} as of {plan.as_of}",
        trust_line(view.trust.status, view.trust.reconciled, (*view.trust.notes, *plan.notes)),
    ]
    parts.append(render.rows(step_table(plan), fmt))
    if plan.recommendations:
        parts.append(render.rows([recommendation_row(r, plan.currency, full=False) for r in plan.recommendations], fmt))
    parts += [_floor_text(floor) for floor in plan.floors if floor.saving]
    counts = f"{view.acts} act, {len(plan.keeps)} keep, {plan.unknown_verdicts} unknown"
    parts.append(f"Verdicts: {counts}. Next: finops explain ID")
    if plan.unknowns:
        rows = [missing.row for missing in plan.unknowns]
        parts.append(render.rows(rows, fmt, title="Unknown, by the spend that waits for it (which: --format json)"))
    parts += _second_opinions(view, fmt)
    parts += [f"FAILED: {failure.kind}: {printable(failure.error)}; its savings are missing" for failure in plan.failed]
    return "\n\n".join(parts)


def step_table(plan: Plan) -> list[dict[str, object]]:
    """The waterfall as rows, its unit in the heading."""
    return [{"step": row["step"], f"{plan.currency} a month": row["a_month"]} for row in step_rows(plan)]


def step_rows(plan: Plan) -> list[dict[str, object]]:
    """Each step from what is paid to what is paid after the plan; what is saved is negative."""
    return [
        {"step": step.name, "currency": plan.currency, "a_month": step.amount if step.is_level else -step.amount}
        for step in plan.steps
        if step.is_level or step.amount
    ]


def _floor_text(floor: Floor) -> str:
    """What a negotiated floor leaves of the savings in cash."""
    text = (
        f"Agreement {printable(floor.contract)} ({printable(floor.provider)}): of {amount(floor.saving)} {floor.currency} saved"
        f" in twelve months {amount(floor.cash)} leaves the bank less"
    )
    floored = f"the floor of {amount(floor.floor)} a year"
    if not floor.shortfall:
        return f"{text}; what is left of {amount(floor.eligible)} stays above {floored}"
    return f"{text}; {amount(floor.shortfall)} is below {floored} and is paid as a shortfall"


def _second_opinions(view: PlanView, fmt: render.Format) -> list[str]:
    """How often the providers' advisors agree, and what they recommend that the plan does not; nothing where none is loaded."""
    if not view.opinions:
        return []
    found = [second_opinion(r.finding, view.opinions) for r in view.plan.recommendations]
    same, other = (sum(1 for one in found if one is not None and one["agrees"] is agrees) for agrees in (True, False))
    line = (
        f"Second opinions (never added): {same} agree, {other} say otherwise, "
        f"{len(view.others)} are recommended by a vendor and not by us"
    )
    rows: list[dict[str, object]] = [
        {
            "vendor": o.opinion.vendor,
            "resource": short(o.opinion.resource),
            "would do": f"{o.opinion.action} → {o.opinion.target}" if o.opinion.target else o.opinion.action,
            "its saving": o.opinion.saving,
            "we say": f"{o.verdict}: {o.why}",
        }
        for o in view.others
    ]
    return [line, *([render.rows(rows, fmt, title="Vendors recommend, and we do not")] if rows else [])]


def recommendation_row(recommendation: Recommendation, currency: str, *, full: bool) -> dict[str, object]:
    finding, saving = recommendation.finding, recommendation.saving
    action = finding.verdict.action if isinstance(finding.verdict, Act) else None
    what = f"{action_name(action)} → {action.target}" if action else ""
    scope = finding.scope
    brief: dict[str, object] = {
        "id": finding.id,
        "kind": finding.kind,
        "resource": scope.resource if full else short(place(scope.resource, scope.provider, scope.account, scope.region)),
        "do": what,
        "saving": saving.effective_monthly.expected,
    }
    if not full:
        return brief | {"alone": recommendation.alone, "owner": recommendation.owner, "status": recommendation.status}
    return brief | {
        "low": saving.effective_monthly.low,
        "high": saving.effective_monthly.high,
        "alone": recommendation.alone,
        "stranded": recommendation.stranded,
        "currency": currency,
        "provider": scope.provider,
        "account": scope.account,
        "region": scope.region,
        "owner": recommendation.owner,
        "environment": recommendation.environment,
        "status": recommendation.status,
        "effort": finding.effort,
        "first_seen": recommendation.first_seen,
        "standing": recommendation.standing,
    }


def place(resource: str, provider: str, account: str = "", region: str = "") -> str:
    """What an action is on: a resource, or where a commitment that is to be bought holds."""
    return resource or f"({', '.join(part for part in (provider, account or 'all accounts', region) if part)})"


def short(resource: str, width: int = 44) -> str:
    """The end of a long id: what tells two resources apart stands there."""
    return resource if len(resource) <= width else "…" + resource[-(width - 1) :]
