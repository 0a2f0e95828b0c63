"""From a judgement to a finding: what every recommender states in the same words, cents and order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from finops.model import Act, Action, Effect, Effort, Estimate, Evidence, Fact, Finding, Saving, Scope, Verdict
from finops.money import cents
from finops.profile import Profile
from finops.recommend import Context

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with what explains it. `sql` only where the saving is no effect on the bill's own lines."""

    verdict: Verdict
    facts: tuple[Fact, ...] = ()
    explanation: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    effort: Effort = "low"
    sql: str = ""


def act(
    action: Action,
    effect: Effect,
    amounts: Sequence[Decimal],
    profile: Profile,
    *,
    why: str,
    confidence: float,
    assumes: tuple[str, ...],
    one_off: Decimal = ZERO,
) -> Act:
    """`amounts` are low, expected and high of a month; they are put in order, none below zero, none above what is paid."""
    low, expected, high = (cents(max(ZERO, amount)) for amount in amounts)
    most = max(expected, min(high, cents(profile.monthly_cost)))
    once = cents(one_off)
    saving = Saving(Estimate(min(low, expected), expected, most), expected * 12 - once, once, profile.currency, assumes=assumes)
    return Act(action, saving, confidence, why, effect)


def finding_of(profile: Profile, judged: Judged, kind: str, context: Context, *, part: str = "") -> Finding:
    """The finding on a resource, or on a part of it, which the bill knows by the resource's key."""
    days = profile.recent_days({series.metric for series in profile.series}, context.as_of)
    scope = profile.scope
    if part:
        scope = Scope(scope.provider, scope.account, scope.region, scope.service, f"{scope.resource}/{part}")
    return Finding(
        recommender=kind,
        kind=kind,
        scope=scope,
        verdict=judged.verdict,
        evidence=Evidence(judged.facts, context.window, round(min(1.0, days / 30), 2), judged.sql),
        as_of=context.as_of,
        monthly_cost=cents(profile.monthly_cost),
        currency=profile.currency,
        tags={str(k): str(v) for k, v in profile.tags.items()},
        effort=judged.effort,
        resource_type=profile.resource_type,
        billed_as=profile.bill_key,
        explanation=judged.explanation,
        rejected=judged.rejected,
    )


def price_of(what: str, profile: Profile, context: Context) -> str:
    """The name of a missing price."""
    return f"price of {what} in {profile.region} in {context.currency}"
