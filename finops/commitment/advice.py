"""Commitments as findings: what is bought, when, at which risk, and what lapses and is to be renewed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from finops.bill.simulate import Line
from finops.commitment.estate import Estate
from finops.commitment.levels import Commitment, Floats, Level, Meter, break_even_month, evaluate, ladder
from finops.commitment.offers import Offer
from finops.commitment.risk import Risk
from finops.model import WATCH, Act, Commit, Effect, Estimate, Evidence, Fact, Finding, Keep, Saving, Scope, Verdict
from finops.money import DAYS_PER_WINDOW, HOURS_PER_MONTH, cents
from finops.recommend import Context

STEP = Decimal("0.001")
"""Providers sell commitments in thousandths of the currency per hour."""

RENEWAL_DAYS = 30
"""How far ahead the end of a term is announced."""

FULL_USE = Decimal("0.99")
"""The used share of its cost from which a commitment counts as used to the full."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A commitment to buy: its level, what it does to the hours seen, and what its term may bring.

    seen  days of the bill that the term's level stands on
    """

    offer: Offer
    meters: tuple[Meter, ...]
    amount: Decimal
    level: Level
    share: float
    risk: Risk | None
    frontier: tuple[Risk, ...]
    days: int
    seen: int

    @property
    def term_days(self) -> int:
        return round(self.offer.months * 365 / 12)


def acted(sized: Sized, hourly: Floats, discounts: Floats, slices: int, estate: Estate) -> tuple[Act, tuple[Fact, ...]]:
    """The purchase with its saving on the hours seen, and the facts it stands on."""
    offer, level, amount, currency = sized.offer, sized.level, sized.amount, estate.context.currency
    daily = offer.provider in estate.coarse
    monthly = cents(Decimal(repr(level.saving)) * HOURS_PER_MONTH)
    less = {cut: evaluate(hourly * (1 - cut), discounts, level.commitment).saving for cut in (0.1, 0.2, 0.3)}
    low = min(monthly, cents(Decimal(repr(less[0.2])) * HOURS_PER_MONTH))
    even = break_even_month(level, offer.months)
    facts = (
        Fact("commitment", amount, f"{currency} an hour, at list rates", "demand_hourly"),
        Fact("use of the commitment", round(level.used, 4), "of 1", "demand_hourly"),
        Fact("least use that pays", round(level.commitment / (level.saving + level.commitment), 4), "of 1", "prices"),
        Fact("break-even", round(even, 1), f"months of {offer.months}", "demand_hourly"),
        *(Fact(f"saving at {cut:.0%} less use", round(s * HOURS_PER_MONTH, 2), "a month", "") for cut, s in less.items()),
        *risk_facts(sized),
    )
    prepaid = f", {offer.payment} upfront" if offer.upfront else ""
    target = f"{offer.instrument} {offer.term}, {amount} {currency}/h{prepaid}"
    first = ladder(amount, slices, STEP)[0]
    action = Commit(offer.instrument, offer.term, offer.payment or "none", amount, f"{currency}/h", target, first)
    early = level.commitment * offer.upfront * HOURS_PER_MONTH * max(0, offer.months - 12)
    cash = monthly * 12 - cents(Decimal(repr(early)))
    saving = Saving(Estimate(low, monthly, monthly), cash, Decimal(0), currency, assumes=tuple(_assumes(sized, daily=daily)))
    parts = " + ".join(str(part) for part in ladder(amount, slices, STEP))
    why = (
        f"what {min(sized.seen, sized.term_days)} days have used, no more than the exact optimum of the last 7 and 30;"
        f" repaid after {even:.1f} of {offer.months} months; buy {parts}"
    )
    if sized.share < 1:
        why = f"{sized.share:.0%} of {why}"
    return Act(action, saving, 0.6 if daily else 0.8, why, Effect(adds=-monthly)), facts


def _assumes(sized: Sized, *, daily: bool) -> Iterable[str]:
    yield "usage stays as all other actions leave it"
    if daily:
        yield "usage is even within each day: the bill has no hours"
    if sized.risk is None:
        yield f"the risk of the term is not known: {sized.days} days of history"
    if sized.seen < sized.term_days:
        yield f"the bill goes back {sized.seen} days, less than the term of {sized.term_days}"
    if sized.offer.months > 12:
        yield "chances are those of the first year"


def dates(sized: Sized, slices: int, context: Context) -> Iterable[str]:
    """The ladder: what to buy when, so that a slice can be left out where use has fallen."""
    months = sized.offer.months / slices
    for index, part in enumerate(ladder(sized.amount, slices, STEP)):
        start = context.as_of + timedelta(days=1 + round(index * months * 365 / 12))
        yield f"buy {part} {context.currency}/h on {start}"


def kept(sized: Sized, why: str, estate: Estate) -> Finding:
    """The commitment is not bought."""
    cost = float(np.sum([estate.demand[meter][-720:].mean() for meter in sized.meters]))
    return finding(sized.offer.provider, sized.offer.label, Keep(why), risk_facts(sized), estate.context, cost=cost)


def risk_facts(sized: Sized) -> tuple[Fact, ...]:
    risk = sized.risk
    if risk is None:
        return ()
    source = f"year-ahead level changes of {sized.days} days of demand_hourly"
    return (
        Fact("chance of a loss over the term", round(risk.loss_chance, 3), "of 1", source),
        Fact("saving in the worst case in 20", round(risk.tail * HOURS_PER_MONTH, 2), "a month", source),
        Fact("saving expected over the term", round(risk.expected * HOURS_PER_MONTH, 2), "a month", source),
    )


def frontier_lines(sized: Sized, context: Context) -> Iterable[str]:
    """What less or more of it would bring, and at which risk."""
    top = max((risk.level for risk in sized.frontier), default=0.0)
    for risk in sized.frontier:
        if top > 0:
            money = cents(Decimal(repr(risk.expected)) * HOURS_PER_MONTH)
            share = risk.level / top * 1.25
            yield (
                f"at {share:.0%} of the optimum: {money:,} {context.currency} a month expected, loss in {risk.loss_chance:.0%}"
            )


def finding(
    provider: str,
    instrument: str,
    verdict: Verdict,
    facts: tuple[Fact, ...],
    context: Context,
    *,
    cost: float,
    sql: str = "",
    scope: Scope | None = None,
    explanation: tuple[str, ...] = (),
    rejected: tuple[str, ...] = (),
) -> Finding:
    """`cost` is the on-demand cost an hour of what could be covered."""
    return Finding(
        recommender="commitments",
        kind="commitments",
        scope=scope or Scope(provider, service=instrument),
        verdict=verdict,
        evidence=Evidence(facts, context.window, 1.0, sql),
        as_of=context.as_of,
        monthly_cost=cents(Decimal(repr(cost)) * HOURS_PER_MONTH),
        currency=context.currency,
        effort="medium",
        reversible=False,
        resource_type=f"{provider} {instrument.partition('/')[0].split(' ')[0]}",
        billed_as=f"\x1fcommitment {provider} {instrument}",
        explanation=explanation,
        rejected=rejected,
    )


def held(context: Context) -> Iterable[Finding]:
    """Commitments that look idle in the account that owns them, and are used by others; and those that nobody uses up."""
    uses: dict[str, dict[str, Decimal]] = {}
    for line in context.before.every_line():
        if line.commitment:
            who = line.account if line.category == "Usage" else ""
            mine = uses.setdefault(line.commitment, {})
            mine[who] = mine.get(who, Decimal(0)) + line.cost
    for key, by_account in sorted(uses.items()):
        commitment, whole = context.before.commitments.get(key), sum(by_account.values(), Decimal(0))
        if commitment is None or not any(cost > 0 for who, cost in by_account.items() if who):
            continue  # a bill that does not say what a commitment covers says nothing of its use
        used = (whole - by_account.get("", Decimal(0))) / whole
        own = by_account.get(commitment.account, Decimal(0)) / whole
        lost = cents(whole * (1 - used))
        if used < FULL_USE:
            money = f"{lost:,} {context.currency} a month"
            why = f"{WATCH}: {1 - used:.0%} of it is unused, {money}, which is paid until {commitment.term_end}"
        elif own < FULL_USE:
            why = f"used to {used:.0%} across the organisation, {own:.0%} in the account that owns it: nothing of it is idle"
        else:
            continue
        facts = (
            Fact("use in its own account", round(float(own), 4), "of 1", "bill_month"),
            Fact("use across the organisation", round(float(used), 4), "of 1", "bill_month"),
        )
        scope = Scope(commitment.provider, commitment.account, service=commitment.instrument, resource=commitment.id)
        hourly = float(whole) / float(HOURS_PER_MONTH)
        name = f"held {commitment.id}"
        yield finding(commitment.provider, name, Keep(why), facts, context, cost=hourly, scope=scope)


def renewals(context: Context) -> Iterable[Finding]:
    """Commitments that lapse soon, are used to the full, and still will be once the plan is carried out.

    No saving against a bill that has them: an act whose amount is zero, which says what letting it lapse would cost.
    """
    for key, commitment in context.bill.commitments.items():
        end, days = commitment.term_end, commitment.days_in_force(context.as_of)
        if end is None or not 0 < (end - context.as_of).days <= RENEWAL_DAYS or days <= 0:
            continue
        whole = Decimal(DAYS_PER_WINDOW) / days
        full, cost, worth = _use(context.before.every_line(), key, whole)
        still, _, _ = _use(context.bill.every_line(), key, whole)
        if full and still and worth > 0:
            yield _renewal(commitment, end, cost, worth, context)


def _use(lines: Iterable[Line], key: str, whole: Decimal) -> tuple[bool, Decimal, Decimal]:
    """Whether a commitment is used to the full, what its use costs a month, and what it keeps off the bill."""
    mine = [line for line in lines if line.commitment == key]
    used = [line for line in mine if line.category == "Usage"]
    paid, cost = (sum((line.cost for line in of), Decimal(0)) for of in (mine, used))
    worth = cents(sum((line.on_demand - line.cost for line in used), Decimal(0)) * whole)
    return cost > 0 and cost >= FULL_USE * paid, cents(cost * whole), worth


def _renewal(commitment: Commitment, end: date, cost: Decimal, worth: Decimal, context: Context) -> Finding:
    count = f"{commitment.quantity:g}" if commitment.quantity else ""
    term = _term(commitment)
    what = " ".join(part for part in (commitment.instrument, term, commitment.sku, count) if part)
    why = (
        f"it lapses on {end} and is used to the full: renewing it for {cost:,} {context.currency} a month"
        f" keeps {worth:,} {context.currency} a month off the bill"
    )
    hourly = Decimal(repr(commitment.quantity)) if commitment.quantity else cents(cost / HOURS_PER_MONTH)
    action = Commit(commitment.instrument, term, "none", hourly, commitment.sku or f"{context.currency}/h", what)
    nothing = Saving(
        Estimate.exactly(Decimal(0)),
        Decimal(0),
        Decimal(0),
        context.currency,
        assumes=("it is renewed as it is; today's bill has it, so nothing of that bill is saved",),
    )
    facts = (
        Fact("days to its end", (end - context.as_of).days, "days", "commitments"),
        Fact("its price", cost, f"{context.currency} a month", "bill_month"),
        Fact("what it keeps off the bill", worth, f"{context.currency} a month", "bill_month"),
    )
    scope = Scope(commitment.provider, commitment.account, service=commitment.instrument, resource=commitment.id)
    sql = "select cast(0 as decimal(38, 2)) as monthly_saving"
    found = finding(
        commitment.provider,
        f"renewal {commitment.id}",
        Act(action, nothing, 0.9, why, Effect()),
        facts,
        context,
        cost=0.0,
        sql=sql,
        scope=scope,
    )
    return replace(found, resource_type=f"{commitment.provider} {commitment.instrument} renewal", effort="low")


def _term(commitment: Commitment) -> str:
    """`1m`, `1y`, `3y`: months of 30.4 days, years where they are whole."""
    if commitment.term_start is None or commitment.term_end is None:
        return ""
    months = max(1, round((commitment.term_end - commitment.term_start).days * 12 / 365.25))
    return f"{months}m" if months % 12 else f"{months // 12}y"
