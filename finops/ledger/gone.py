"""Why a finding is not in the plan any more, in words that name what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from finops.bill.lines import keys_of
from finops.ledger.bill import LEAST_DAYS, Usage
from finops.ledger.entries import Entry
from finops.model import Act, Finding, Unknown, action_name
from finops.portfolio import Plan


def why_gone(entry: Entry, plan: Plan, lines: Sequence[Usage], settled: date) -> str:
    """The first that holds: judged otherwise, waiting for a fact, replaced, not billed any more, not found any more."""
    kept = next((kept for kept in plan.keeps if _is_same(entry, kept.finding)), None)
    if kept is not None:
        return f"kept: {kept.why}"
    waits = next((finding for finding in plan.undecided if _is_same(entry, finding)), None)
    if waits is not None and isinstance(waits.verdict, Unknown):
        return f"unknown: {', '.join(waits.verdict.missing)} is missing"
    mine = set(keys_of(entry.billed_as)) - {""}
    for r in plan.recommendations:
        if mine & set(keys_of(r.finding.bill_key)) and isinstance(r.finding.verdict, Act):
            action = r.finding.verdict.action
            return f"replaced by {r.finding.id}: {r.finding.kind}, {action_name(action)} → {action.target}"
    last = max((line.day for line in lines if line.cost > 0), default=None)
    if mine and last is not None and (settled - last).days >= LEAST_DAYS:
        return f"not billed since {last}"
    return "not found any more: what it costs, how it is used, or a threshold has changed"


def _is_same(entry: Entry, finding: Finding) -> bool:
    scope = finding.scope
    return (finding.recommender, finding.kind) == (entry.recommender, entry.kind) and (
        scope.provider,
        scope.account,
        scope.region,
        scope.resource,
    ) == (entry.provider, entry.account_id, entry.region, entry.resource_id)
