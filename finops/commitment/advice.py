"""Commitments as findings: what is bought, when, at which risk, and what lapses and is to be renewed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from finops.bill.lines import Line
from finops.commitment.estate import Estate
from finops.commitment.levels import Commitment, break_even_month, ladder
from finops.commitment.lots import LADDER_DAYS, STEP, Bought, Limits, Lot, slices_of_term
from finops.commitment.parts import parts_of
from finops.commitment.risk import FRONTIER, TWENTIETH
from finops.model import WATCH, Act, Commit, Effect, Estimate, Evidence, Fact, Finding, Keep, Saving, Scope, Verdict
from finops.money import HOURS_PER_MONTH, cents
from finops.recommend import Context

KEEPS_OFF = "what it keeps off the bill"
"""The fact of a renewal that is no saving of today's bill."""

RENEWAL_DAYS = 30
"""How far ahead the end of a term is announced."""

FULL_USE = Decimal("0.99")
"""The used share of its cost from which a commitment counts as used to the full."""


LEAST_UNTOLD = 0.005
"""The share of usage in hours that nothing tells from which it is said: the least that shows as a percent."""


FEWER = 0.2
"""Less use that the lower end of a saving allows for, of the amount or of its first slice alone."""


def acted(bought: Bought, limits: Limits, estate: Estate) -> tuple[Act, tuple[Fact, ...]]:
    """The purchase with its saving on the hours seen, and the facts it stands on."""
    lot, level, amount, currency = bought.lot, bought.level(), bought.amount, estate.context.currency
    offer, untold = lot.offer, estate.assumed_share(lot.meters)
    monthly = cents(Decimal(repr(level.saving)) * HOURS_PER_MONTH)
    less = {cut: bought.level(cut).saving for cut in (0.1, FEWER, 0.3)}
    low = min(monthly, _fewer(bought, limits), _worst(bought, limits, monthly))
    even = break_even_month(level, offer.months)
    what = "" if lot.unit else f"{currency} an hour, at list rates"
    facts = (
        Fact("commitment", amount, what or f"{_machine(lot)}, whole", "demand_hourly"),
        *(
            (Fact("price of one", round(level.commitment / float(amount), 6), f"{currency} an hour", "prices"),)
            if lot.unit
            else ()
        ),
        Fact("use of the commitment", round(level.used, 4), "of 1", "demand_hourly"),
        Fact("least use that pays", round(level.commitment / (level.saving + level.commitment), 4), "of 1", "prices"),
        Fact("break-even", round(even, 1), f"months of {offer.months:g}", "demand_hourly"),
        *(
            Fact(f"saving at {cut:.0%} less use", round(s * HOURS_PER_MONTH, 2), f"{currency} a month", "demand_hourly")
            for cut, s in less.items()
        ),
        *risk_facts(lot, currency),
    )
    action = _order(bought, limits, currency, estate.payer)
    early = level.commitment * offer.upfront * HOURS_PER_MONTH * max(0, round(offer.months) - 12)
    cash = monthly * 12 - cents(Decimal(repr(early)))
    saving = Saving(Estimate(low, monthly, monthly), cash, Decimal(0), currency, assumes=tuple(_assumes(lot, untold)))
    parts = f"{' + '.join(str(part) for part in slices_of(bought, limits))} {_machine(lot) if lot.unit else f'{currency}/h'}"
    beside = "no more than the exact optimum of the last 7 and of the last 30 days"
    if bought.earlier:
        beside += f", beside {len(bought.earlier)} other purchase{'s' if len(bought.earlier) > 1 else ''}"
    why = (
        f"what {min(lot.seen, lot.term_days)} days have used, {beside};"
        f" repaid after {even:.1f} of {offer.months:.3g} months; buy {parts}"
    )
    if lot.share < 1:
        why = f"{lot.share:.0%} of {why}"
    return Act(action, saving, 0.6 if untold >= LEAST_UNTOLD else 0.8, why, Effect(adds=-monthly)), facts


def _fewer(bought: Bought, limits: Limits) -> Decimal:
    """What the amount saves a month with so much less use, or what of it is bought at once, where that is more. Behind other
    purchases, whose decline it bears too, that is all of it."""
    share = 1.0 if bought.earlier else float(slices_of(bought, limits)[0] / bought.amount)
    first = replace(bought, spend=bought.spend * share)
    return cents(Decimal(repr(max(each.level(FEWER).saving for each in (bought, first)))) * HOURS_PER_MONTH)


def _worst(bought: Bought, limits: Limits, monthly: Decimal) -> Decimal:
    """What the amount bought saves a month over the term in the worst case in 20, or its first slice where that is more: the
    later ones are bought only while the usage is there. `monthly` where that is not known, or where the settings allow a lock
    to lose more often."""
    lot = bought.lot
    loose = lot.offer.locks and limits.lock_loss_chance > TWENTIETH
    if lot.risk is None or lot.first is None or lot.most <= 0 or loose:
        return monthly
    worst = max(lot.risk.worst, lot.first.worst)
    return cents(Decimal(repr(worst * bought.spend / lot.most)) * HOURS_PER_MONTH)


def _order(bought: Bought, limits: Limits, currency: str, payer: str) -> Commit:
    """What is ordered: whole machines, or money an hour."""
    lot, offer, amount = bought.lot, bought.lot.offer, bought.amount
    tail = f", {offer.payment} upfront" if offer.upfront else ""
    tail += f", billing account {payer}" if payer else ""
    first = slices_of(bought, limits)[0]
    covers = tuple(sorted({(m.region, m.instance_type, m.operating_system) for m in lot.meters})) if offer.locks else ()
    payment = offer.payment or "none"
    if lot.unit:
        target = f"{offer.instrument} {offer.term} {_machine(lot)} {amount}{tail}"
        return Commit(offer.instrument, offer.term, payment, amount, _machine(lot), target, first, covers, payer=payer)
    parts = parts_of(bought)
    holds = parts.of(first / amount).named if parts else ()
    what = f"{parts.of(Decimal(1)).words}, {amount}" if parts else f"{amount}"
    target = f"{offer.instrument} {offer.term}, {what} {currency}/h{tail}"
    return Commit(offer.instrument, offer.term, payment, amount, f"{currency}/h", target, first, covers, holds, payer)


def _machine(lot: Lot) -> str:
    return lot.meters[0].instance_type


def slices_of(bought: Bought, limits: Limits) -> tuple[Decimal, ...]:
    """The ladder: equal slices over the term, none of them nothing."""
    step, count = Decimal(1) if bought.lot.unit else STEP, slices_of_term(bought.lot.offer, limits)
    return tuple(part for part in ladder(bought.amount, count, step) if part > 0)


def _assumes(lot: Lot, untold: float) -> Iterable[str]:
    yield "usage stays as all other actions leave it"
    if untold >= LEAST_UNTOLD:
        yield (
            f"{untold:.0%} of its usage is a part of a day, of which the bill does not tell the hours: all of it is taken to"
            " run in the same hours, where a commitment serves it least"
        )
    if lot.risk is None:
        yield f"the risk of the term is not known: {lot.days} days of history"
    if lot.seen < lot.term_days:
        yield f"the bill goes back {lot.seen} days, less than the term of {lot.term_days}"
    if lot.offer.days > LADDER_DAYS:
        yield "chances are those of the first year"
    if lot.offer.days < LADDER_DAYS:
        yield f"it is bought anew every {lot.offer.length}, as long as the usage is there"


def dates(bought: Bought, limits: Limits, context: Context) -> Iterable[str]:
    """The ladder: what to buy when, so that a slice can be left out where use has fallen."""
    slices, unit = slices_of(bought, limits), _machine(bought.lot) if bought.lot.unit else f"{context.currency}/h"
    parts = parts_of(bought)
    for index, part in enumerate(slices):
        start = context.as_of + timedelta(days=1 + round(index * bought.lot.offer.days / limits.slices))
        what = f"{parts.of(part / bought.amount).words}, {part}" if parts else f"{part}"
        yield f"buy {what} {unit} on {start}"


def kept(lot: Lot, why: str, estate: Estate, rejected: tuple[str, ...] = (), steps: tuple[str, ...] = ()) -> Finding:
    """The commitment is not bought."""
    cost = float(np.sum([estate.demand[meter][-720:].mean() for meter in lot.meters]))
    facts = risk_facts(lot, estate.context.currency)
    return finding(
        lot.offer.provider,
        lot.offer.label,
        Keep(why),
        facts,
        estate.context,
        cost=cost,
        payer=estate.payer,
        rejected=rejected,
        explanation=steps,
    )


def risk_facts(lot: Lot, currency: str) -> tuple[Fact, ...]:
    risk = lot.risk
    if risk is None:
        return ()
    source = f"year-ahead level changes of {lot.days} days of demand_hourly"
    money = f"{currency} a month"
    return (
        Fact("chance of a loss over the term", round(risk.loss_chance, 3), "of 1", source),
        Fact("saving in the worst case in 20", round(risk.worst * HOURS_PER_MONTH, 2), money, source),
        Fact("mean saving of the worst 20th of cases", round(risk.tail * HOURS_PER_MONTH, 2), money, source),
        Fact("saving expected over the term", round(risk.expected * HOURS_PER_MONTH, 2), money, source),
    )


def frontier_lines(lot: Lot, estate: Estate) -> Iterable[str]:
    """What less or more of it would bring over the term, and at which risk: by itself, to a quarter beyond today's optimum."""
    currency = estate.context.currency
    best = lot.most / lot.share if lot.share > 0 else 0.0
    for share, risk in zip(FRONTIER, lot.frontier, strict=False):
        spend = share * best
        size = (
            f"{spend / lot.unit:.1f} {_machine(lot)}"
            if lot.unit
            else f"{spend / estate.paid[lot.offer.provider]:.3f} {currency}/h"
        )
        money, worst = (cents(Decimal(repr(amount)) * HOURS_PER_MONTH) for amount in (risk.expected, risk.worst))
        yield (
            f"{size} ({share:.0%} of what today's hours pay for): {money:,} {currency} a month expected over the term,"
            f" {worst:,} in the worst case in 20, a loss in {risk.loss_chance:.1%} of cases"
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
    payer: str = "",
    scope: Scope | None = None,
    explanation: tuple[str, ...] = (),
    rejected: tuple[str, ...] = (),
) -> Finding:
    """`cost` is the on-demand cost an hour of what could be covered."""
    return Finding(
        recommender="commitments",
        kind="commitments",
        scope=scope or Scope(provider, payer, service=instrument),
        verdict=verdict,
        evidence=Evidence(facts, context.window, 1.0, sql),
        as_of=context.as_of,
        monthly_cost=cents(Decimal(repr(cost)) * HOURS_PER_MONTH),
        currency=context.currency,
        effort="medium",
        reversible=False,
        resource_type=f"{provider} {instrument.partition('/')[0].split(' ')[0]}",
        billed_as=f"\x1fcommitment {provider} {instrument} {payer}".rstrip(),
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
    for key, (cost, worth) in _lapsing(context).items():
        commitment = context.bill.commitments[key]
        if commitment.term_end is not None:
            yield _renewal(commitment, commitment.term_end, cost, worth, context)


def renewed(context: Context) -> frozenset[str]:
    """The commitments, by key, that are to be renewed as they are."""
    return frozenset(_lapsing(context))


def _lapsing(context: Context) -> dict[str, tuple[Decimal, Decimal]]:
    """What the use of each commitment to renew costs a month, and what it keeps off the bill."""
    found = {}
    for key, commitment in context.bill.commitments.items():
        end = commitment.term_end
        if end is None or not 0 < (end - context.as_of).days <= RENEWAL_DAYS:
            continue
        full, cost, worth = _use(context.before.every_line(), key)
        still, _, _ = _use(context.bill.every_line(), key)
        if full and still and worth > 0:
            found[key] = cost, worth
    return found


def _use(lines: Iterable[Line], key: str) -> tuple[bool, Decimal, Decimal]:
    """Whether a commitment is used to the full, what its use costs a month, and what it keeps off the bill."""
    mine = [line for line in lines if line.commitment == key]
    used = [line for line in mine if line.category == "Usage"]
    paid, cost = (sum((line.cost for line in of), Decimal(0)) for of in (mine, used))
    worth = cents(sum((line.on_demand - line.cost for line in used), Decimal(0)))
    return cost > 0 and cost >= FULL_USE * paid, cents(cost), worth


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
        Fact(KEEPS_OFF, worth, f"{context.currency} a month", "bill_month"),
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


def renewal_note(findings: Iterable[Finding], currency: str) -> str:
    """What renewals are worth, which the waterfall cannot show; empty where there is none."""
    worths = [Decimal(str(fact.value)) for finding in findings for fact in finding.evidence.facts if fact.name == KEEPS_OFF]
    if not worths:
        return ""
    count = "1 commitment lapses" if len(worths) == 1 else f"{len(worths)} commitments lapse"
    return (
        f"{count} within {RENEWAL_DAYS} days; renewing keeps {sum(worths, Decimal(0)):,} {currency} a month off later bills:"
        " 0.00 in the waterfall, since today's bill has what is renewed"
    )


def _term(commitment: Commitment) -> str:
    """`1m`, `1y`, `3y`: months of 30.4 days, years where they are whole."""
    if commitment.term_start is None or commitment.term_end is None:
        return ""
    months = max(1, round((commitment.term_end - commitment.term_start).days * 12 / 365.25))
    return f"{months}m" if months % 12 else f"{months // 12}y"
