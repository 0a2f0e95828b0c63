"""Commitments: the exact hourly spend to commit to, on the usage that all other actions leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from finops.commitment.demand import METERS, commitment_sql
from finops.commitment.estate import Estate, demand_of_rows, history, kept_of_contracted, paid_of_list, residual_shares
from finops.commitment.levels import Floats, Level, best_level, break_even_month, evaluate, ladder
from finops.commitment.offers import Meter, Offer, offers, term_months
from finops.commitment.policy import BROAD, NARROW, outlook, siblings
from finops.commitment.risk import Risk, frontier, risk_of, safe_share, successor
from finops.model import WATCH, Act, Commit, Effect, Estimate, Evidence, Fact, Finding, Keep, Saving, Scope, Unknown, Verdict
from finops.money import DAYS_PER_WINDOW, HOURS_PER_MONTH, cents
from finops.recommend import Context, Row

STEP = Decimal("0.001")
"""Providers sell commitments in thousandths of the currency per hour."""

RENEWAL_DAYS = 30
"""How far ahead the end of a term is announced."""

FULL_USE = Decimal("0.99")
"""The used share of its cost from which a commitment counts as used to the full."""

PROVEN_DAYS = 365
"""A family that has not run for a whole term gives no evidence that it will run for the next one."""

ABSTAINS = "abstains from a lock on one family"


@dataclass(frozen=True, slots=True)
class Sized:
    """A commitment to buy: its level, what it does to the hours seen, and what its term may bring."""

    offer: Offer
    meters: tuple[Meter, ...]
    amount: Decimal
    level: Level
    share: float
    risk: Risk | None
    frontier: tuple[Risk, ...]
    days: int


@dataclass(frozen=True, slots=True)
class Commitments:
    """Commitments: hourly spend to commit to, for what runs in any case."""

    short_hours: Annotated[int, Field(ge=24, le=720, description="The shorter window; the lower level of both is bought.")] = (
        168
    )
    long_hours: Annotated[int, Field(ge=168, le=720, description="The longer window.")] = 720
    slices: Annotated[int, Field(ge=1, le=12, description="Purchases that the commitment is staggered over.")] = 4
    term: Annotated[str, Field(pattern="^(1m|1y|3y)$", description="Longest term that is considered.")] = "1y"
    min_saving: Annotated[float, Field(ge=0, description="Least saving a month worth a commitment.")] = 10.0
    loss_chance: Annotated[
        float, Field(gt=0, le=1, description="Largest chance that a term of a plan across machines costs more than it saves.")
    ] = 0.5
    lock_loss_chance: Annotated[
        float, Field(gt=0, le=1, description="The same for a lock on one family, against what a broader plan would save.")
    ] = 0.05
    capital: Annotated[float, Field(ge=0, le=1, description="What prepaying a year costs, as a share of the amount.")] = 0.08

    kind: ClassVar[str] = "commitments"
    candidates: ClassVar[str] = METERS

    def judge_all(self, candidates: Sequence[Row], context: Context, /) -> Iterable[Finding]:
        yield from _renewals(context)
        rows = [row for row in candidates if not row["past"]]
        residual = residual_shares(context)
        demand = demand_of_rows(rows, residual, context)
        providers = sorted({meter.provider for meter in demand})
        estate = Estate(
            context,
            residual,
            demand,
            history([row for row in candidates if row["past"]], demand, context.as_of),
            {p: paid_of_list([row for row in rows if row["provider"] == p]) for p in providers},
            frozenset(row["provider"] for row in rows if max(row["hours"]) > 1),
        )
        kept = kept_of_contracted(rows)
        for provider in providers:
            meters = {meter: kept.get(meter, 1.0) for meter in demand if meter.provider == provider}
            yield from self._of_provider(provider, meters, estate)

    def _of_provider(self, provider: str, meters: Mapping[Meter, float], estate: Estate) -> Iterable[Finding]:
        context = estate.context
        longest = term_months(self.term)
        prices = [p for p in context.prices.every(context.at, provider=provider) if p.key.instrument]
        sold = offers(prices, meters, context.prices, context.at, longest=longest, capital=self.capital)
        if not sold:
            cost = sum(float(estate.demand[meter].mean()) for meter in meters)
            if not any(0 < term_months(p.key.term or "") <= longest for p in prices):
                missing = f"price of commitments of {provider} in {context.currency}"
                yield _finding(provider, "", Unknown((missing,)), (), context, cost=cost)
            return
        broad = _best_discounts([offer for offer in sold if not offer.locks])
        instruments = list(dict.fromkeys(offer.instrument for offer in sold))
        # Bills apply locks before plans, so what a lock takes is no longer the plan's.
        for instrument in sorted(instruments, key=lambda i: not any(o.locks for o in sold if o.instrument == i)):
            variants = [offer for offer in sold if offer.instrument == instrument]
            if variants[0].locks:
                yield from self._locks(variants, broad, estate)
            else:
                yield from self._plan(variants, estate)

    def _plan(self, variants: Sequence[Offer], estate: Estate) -> Iterable[Finding]:
        """The best of an instrument's terms and payments on everything that it covers."""
        free = {offer.label: [m for m in offer.discounts if m not in estate.taken] for offer in variants}
        variants = [offer for offer in variants if free[offer.label]]
        sized = [
            self._size(offer, meters, estate)
            for offer in variants
            if (meters := [m for m in free[offer.label] if offer.discounts[m] > 0])
        ]
        if not sized:
            for offer in variants[:1]:
                cost = sum(float(estate.demand[meter].mean()) for meter in free[offer.label])
                why = "the automatic discounts of this usage are already larger than the commitment's"
                yield _finding(offer.provider, offer.label, Keep(why), (), estate.context, cost=cost)
            return
        sized.sort(key=lambda s: (-s.level.saving, s.offer.months, s.offer.payment))
        best = sized[0]
        if best.level.saving * HOURS_PER_MONTH < self.min_saving:
            why = "what is left to cover does not run enough hours to pay for a commitment"
            if best.share == 0:
                why = f"{WATCH}: the chance that its term costs more than it saves is above {self.loss_chance:.0%}"
            yield _kept(best, why, estate)
            return
        yield self._bought(best, sized[1:], estate)

    def _locks(self, variants: Sequence[Offer], broad: Mapping[Meter, float], estate: Estate) -> Iterable[Finding]:
        """Locks stand against the broader plan: what they add to its discount must pay for the risk that the family is left."""
        reasons: dict[str, None] = {}
        for key in sorted({key for offer in variants for key in offer.groups()}):
            found: list[Sized] = []
            for offer in variants:
                meters = [
                    m for m in offer.groups().get(key, []) if m not in estate.taken and offer.discounts[m] > broad.get(m, 0)
                ]
                if not meters:
                    continue
                if reason := self._left(meters, estate):
                    reasons[reason] = None
                    continue
                sized = self._size(offer, meters, estate, broad)
                if sized.level.saving * HOURS_PER_MONTH >= self.min_saving:
                    found.append(sized)
                else:
                    reasons["its extra discount does not pay for the risk that the family is left"] = None
            if found:
                found.sort(key=lambda s: (-s.level.saving, s.offer.months, s.offer.payment))
                yield self._bought(found[0], found[1:], estate, key)
        if reasons:
            offer = variants[0]
            meters = [meter for meter in offer.discounts if meter not in estate.taken]
            cost = sum(float(estate.demand[meter].mean()) for meter in meters)
            yield _finding(
                offer.provider, offer.label, Keep(f"{ABSTAINS}: {'; '.join(reasons)}"), (), estate.context, cost=cost
            )

    def _left(self, meters: Sequence[Meter], estate: Estate) -> str:
        """Why this family is not to be relied on; empty where nothing speaks against it."""
        past = estate.past(meters, moving=False)
        days = len(past) - int(np.argmax(past > 0)) if past.any() else 0
        if days < PROVEN_DAYS:
            return f"it has run for {days} days only, less than a term"
        own = f"{meters[0].family} ({meters[0].service})"
        families = estate.families(meters[0].provider)
        younger = successor({n: d for n, d in families.items() if n.endswith(f"({meters[0].service})")}, own)
        return f"{younger} is younger and grows beside {own}" if younger else ""

    def _size(self, offer: Offer, meters: Sequence[Meter], estate: Estate, broad: Mapping[Meter, float] | None = None) -> Sized:
        """The exact optimum of the hours seen, or as much of it as the chance of a loss over the term allows."""
        hourly = np.column_stack([estate.demand[meter] for meter in meters])
        discounts = np.array([offer.discounts[meter] for meter in meters])
        instead = np.array([(broad or {}).get(meter, 0.0) for meter in meters])
        extra = 1 - (1 - discounts) / (1 - instead)
        best = min(best_level(hourly[-hours:], extra) for hours in (self.short_hours, self.long_hours))
        long = hourly[-self.long_hours :]
        covered = best / max(1e-9, float(1 - extra.mean()))
        past = estate.past(meters, moving=broad is None)
        if broad is None:
            view = outlook(past, 1, BROAD)
        else:
            view = outlook(past, 1, NARROW, siblings(list(estate.families(offer.provider).values()), NARROW))
        off = float(extra @ long.mean(axis=0) / max(1e-9, float(long.mean(axis=0).sum())))
        share = safe_share(view, covered, off, self.loss_chance if broad is None else self.lock_loss_chance)
        rate = 1.0 if broad is None else float((1 - discounts).mean() / (1 - extra).mean())
        # Plans are sold at list rates; what the account has negotiated comes off their bill too.
        paid = estate.paid[offer.provider]
        amount = Decimal(repr(best * rate * share / paid)).quantize(STEP)
        level = evaluate(long, discounts, float(amount) * paid)
        points = frontier(view, covered, off)
        return Sized(
            offer, tuple(meters), amount, level, share, risk_of(view, covered * (share or 1.0), off), points, len(past)
        )

    def _bought(self, sized: Sized, others: Sequence[Sized], estate: Estate, key: str = "") -> Finding:
        context = estate.context
        offer, level = sized.offer, sized.level
        estate.taken.update(sized.meters)
        hourly = np.column_stack([estate.demand[meter] for meter in sized.meters])[-self.long_hours :]
        discounts = np.array([offer.discounts[meter] for meter in sized.meters])
        verdict, facts = self._act(sized, hourly, discounts, estate)
        terms = [(astuple(meter), offer.discounts[meter], estate.residual.get(meter, 1.0)) for meter in sized.meters]
        sql = commitment_sql(terms, level.commitment, context.as_of, context.currency)
        rejected = tuple(
            f"{other.offer.label}: {cents(Decimal(repr(other.level.saving * HOURS_PER_MONTH))):,} {context.currency} a month"
            for other in others
        )
        scope = Scope(offer.provider, service=offer.label, resource=key)
        return _finding(
            offer.provider,
            f"{offer.label} {key}".strip(),
            verdict,
            facts,
            context,
            cost=float(hourly.sum(axis=1).mean()),
            sql=sql,
            scope=scope,
            explanation=(*self._dates(sized, context), *_frontier_lines(sized, context)),
            rejected=rejected,
        )

    def _act(self, sized: Sized, hourly: Floats, discounts: Floats, estate: Estate) -> tuple[Act, tuple[Fact, ...]]:
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
            *_risk_facts(sized),
        )
        parts = " + ".join(str(part) for part in ladder(amount, self.slices, STEP))
        prepaid = f", {offer.payment} upfront" if offer.upfront else ""
        target = f"{offer.instrument} {offer.term}, {amount} {currency}/h{prepaid}"
        action = Commit(offer.instrument, offer.term, offer.payment or "none", amount, f"{currency}/h", target)
        assumes = ["usage stays as all other actions leave it"]
        if daily:
            assumes.append("usage is even within each day: the bill has no hours")
        if sized.risk is None:
            assumes.append(f"the risk of the term is not known: {sized.days} days of history")
        if offer.months > 12:
            assumes.append("chances are those of the first year")
        early = level.commitment * offer.upfront * HOURS_PER_MONTH * max(0, offer.months - 12)
        cash = monthly * 12 - cents(Decimal(repr(early)))
        saving = Saving(Estimate(low, monthly, monthly), cash, Decimal(0), currency, assumes=tuple(assumes))
        why = (
            f"exact optimum of the last 7 and 30 days, the lower; repaid after {even:.1f} of {offer.months} months; buy {parts}"
        )
        if sized.share < 1:
            why = f"{sized.share:.0%} of the {why}"
        return Act(action, saving, 0.6 if daily else 0.8, why, Effect(adds=-monthly)), facts

    def _dates(self, sized: Sized, context: Context) -> Iterable[str]:
        """The ladder: what to buy when, so that a slice can be left out where use has fallen."""
        months = sized.offer.months / self.slices
        for index, part in enumerate(ladder(sized.amount, self.slices, STEP)):
            start = context.as_of + timedelta(days=1 + round(index * months * 365 / 12))
            yield f"buy {part} {context.currency}/h on {start}"


def _kept(sized: Sized, why: str, estate: Estate) -> Finding:
    cost = float(np.sum([estate.demand[meter][-720:].mean() for meter in sized.meters]))
    return _finding(sized.offer.provider, sized.offer.label, Keep(why), _risk_facts(sized), estate.context, cost=cost)


def _best_discounts(plans: Sequence[Offer]) -> dict[Meter, float]:
    """What the broader plans give on each meter at best."""
    found: dict[Meter, float] = {}
    for offer in plans:
        for meter, discount in offer.discounts.items():
            found[meter] = max(found.get(meter, 0.0), discount)
    return found


def _risk_facts(sized: Sized) -> tuple[Fact, ...]:
    risk = sized.risk
    if risk is None:
        return ()
    source = f"year-ahead level changes of {sized.days} days of demand_hourly"
    return (
        Fact("chance of a loss over the term", round(risk.loss_chance, 3), "of 1", source),
        Fact("saving in the worst case in 20", round(risk.tail * HOURS_PER_MONTH, 2), "a month", source),
        Fact("saving expected over the term", round(risk.expected * HOURS_PER_MONTH, 2), "a month", source),
    )


def _frontier_lines(sized: Sized, context: Context) -> Iterable[str]:
    top = max((risk.level for risk in sized.frontier), default=0.0)
    for risk in sized.frontier:
        if top > 0:
            money = cents(Decimal(repr(risk.expected)) * HOURS_PER_MONTH)
            share = risk.level / top * 1.25
            yield (
                f"at {share:.0%} of the optimum: {money:,} {context.currency} a month expected, loss in {risk.loss_chance:.0%}"
            )


def _finding(
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
        resource_type="commitment",
        billed_as=f"\x1fcommitment {provider} {instrument}",
        explanation=explanation,
        rejected=rejected,
    )


def _renewals(context: Context) -> Iterable[Finding]:
    """Commitments that lapse soon and are used to the full: no saving against a bill that has them, a cost when they end."""
    for key, commitment in context.bill.commitments.items():
        end, days = commitment.term_end, commitment.days_in_force(context.as_of)
        if end is None or not 0 < (end - context.as_of).days <= RENEWAL_DAYS or days <= 0:
            continue
        lines = [line for line in context.bill.every_line() if line.commitment == key]
        used = [line for line in lines if line.category == "Usage"]
        paid, cost = (sum((line.cost for line in of), Decimal(0)) for of in (lines, used))
        whole = Decimal(DAYS_PER_WINDOW) / days
        kept = cents(sum((line.on_demand - line.cost for line in used), Decimal(0)) * whole)
        if cost <= 0 or cost < FULL_USE * paid or kept <= 0:
            continue
        count = f"{commitment.quantity:g}" if commitment.quantity else ""
        what = " ".join(part for part in (commitment.instrument, count, commitment.sku) if part)
        money = f"{cents(cost * whole):,} {context.currency} a month"
        why = f"{WATCH}: {what} lapses on {end}; renewing it for {money} keeps {kept:,} {context.currency} a month"
        scope = Scope(commitment.provider, commitment.account, service=commitment.instrument, resource=commitment.id)
        yield _finding(commitment.provider, commitment.instrument, Keep(why), (), context, cost=0.0, scope=scope)
