"""The JSON object of `finops recommend`: money as decimal strings, one object a currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from finops.agreements import Floor
from finops.intake.reconcile import Trust
from finops.model import Act, Action, Fact, Recommendation, action_name
from finops.money import cents
from finops.opinions import Opinion, Unshared, second_opinion
from finops.portfolio import Plan

SCHEMA = 1


def plan_document(
    plan: Plan,
    trust: Trust,
    calculation: Mapping[str, object],
    opinions: Sequence[Opinion] = (),
    others: Sequence[Unshared] = (),
) -> dict[str, Any]:
    """The whole plan of one currency. `calculation` holds version, price_book and snapshot.

    opinions  what the providers' advisors say; `others` is what of it the plan does not do
    """
    return {
        "schema": SCHEMA,
        "as_of": plan.as_of.isoformat(),
        "currency": plan.currency,
        "trust": {"status": trust.status, "reconciled": money(trust.reconciled), "notes": [*trust.notes, *plan.notes]},
        "calculation": {name: _text(value) for name, value in calculation.items()},
        "waterfall": [
            {"step": step.name, ("monthly" if step.is_level else "saving"): money(step.amount)} for step in plan.steps
        ],
        "agreements": [floor_document(floor) for floor in plan.floors],
        "verdicts": {"act": len(plan.recommendations), "keep": len(plan.keeps), "unknown": plan.unknown_verdicts},
        "recommendations": [recommendation_document(r, opinions) for r in plan.recommendations],
        "unknowns": [m.row | {"spend_at_stake": money(m.spend_at_stake), "ids": list(m.ids)} for m in plan.unknowns],
        "keeps": [{"resource": k.finding.scope.resource, "kind": k.finding.kind, "why": k.why} for k in plan.keeps],
        "second_opinions": [
            {"resource": o.opinion.resource, "kind": o.opinion.kind}
            | o.opinion.document()
            | {"verdict": o.verdict, "why": o.why}
            for o in others
        ],
        "failed": [{"kind": f.kind, "error": f.error} for f in plan.failed],
    }


def floor_document(floor: Floor) -> dict[str, Any]:
    """A negotiated floor, in amounts of twelve months: what of the plan's saving leaves the bank less, and what does not."""
    return {"contract": floor.contract, "provider": floor.provider} | {
        name: money(getattr(floor, name)) for name in ("floor", "eligible", "headroom", "saving", "cash", "shortfall")
    }


def recommendation_document(recommendation: Recommendation, opinions: Sequence[Opinion] = ()) -> dict[str, Any]:
    """One recommendation, with everything that `explain` shows."""
    finding = recommendation.finding
    if not isinstance(finding.verdict, Act):
        raise TypeError("only findings that act are recommended")
    act, scope, evidence = finding.verdict, finding.scope, finding.evidence
    return {
        "id": finding.id,
        "kind": finding.kind,
        "provider": scope.provider,
        "account": scope.account,
        "region": scope.region,
        "service": scope.service,
        "resource": scope.resource,
        "owner": recommendation.owner,
        "environment": recommendation.environment,
        "status": recommendation.status,
        "standing": recommendation.standing,
        "first_seen": recommendation.first_seen.isoformat(),
        "effort": finding.effort,
        "reversible": finding.reversible,
        "action": action_document(act.action),
        "saving": saving_document(recommendation),
        "confidence": act.confidence,
        "why": act.why,
        "explanation": list(finding.explanation),
        "rejected": list(recommendation.rejected),
        "second_opinion": second_opinion(finding, opinions),
        "patch": finding.patch,
        "evidence": {
            "window": [evidence.window.start.isoformat(), evidence.window.end.isoformat()],
            "coverage": evidence.coverage,
            "facts": [fact_document(fact) for fact in evidence.facts],
            "sql": evidence.sql,
        },
    }


def saving_document(recommendation: Recommendation) -> dict[str, Any]:
    """The range a month, and what is alone, in cash, stranded and paid once."""
    saving, monthly = recommendation.saving, recommendation.saving.effective_monthly
    return {
        "low": money(monthly.low),
        "expected": money(monthly.expected),
        "high": money(monthly.high),
        "alone": money(recommendation.alone),
        "cash_12m": money(saving.cash_12m),
        "stranded": money(-recommendation.stranded),
        "basis": saving.basis,
        "one_off": money(saving.one_off),
        "assumes": list(saving.assumes),
    }


def action_document(action: Action) -> dict[str, str]:
    """Type, from, to: the target named as the bill or the price list does."""
    return {"type": action_name(action), "from": str(getattr(action, "current", "")), "to": action.target}


def fact_document(fact: Fact) -> dict[str, Any]:
    value = str(fact.value) if isinstance(fact.value, Decimal) else fact.value
    return {"name": fact.name, "value": value, "unit": fact.unit or unit_of(fact.name), "source": fact.source}


def unit_of(name: str) -> str:
    """The unit of a metric of the vocabulary by the first word of a fact's name; '' for what is none."""
    metric = name.partition(" ")[0]
    if metric.endswith(("_utilization", "_active", "_duty_cycle")):
        return "%"
    if metric.endswith("_gib"):
        return "GiB"
    return {"connections": "connections", "objects": "objects"}.get(metric, "")


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def money(amount: Decimal) -> str:
    """Cents as a decimal string; never `-0.00`."""
    rounded = cents(amount)
    return f"{rounded if rounded else abs(rounded):f}"
