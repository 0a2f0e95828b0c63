"""Commitments: the exact hourly spend to commit to, on the usage that all other actions leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from finops.commitment.advice import STEP, Sized, acted, dates, finding, frontier_lines, held, kept, renewals
from finops.commitment.demand import METERS, commitment_sql
from finops.commitment.estate import (
    Estate,
    after_plan,
    demand_of_rows,
    history_of,
    kept_of_contracted,
    paid_of_list,
    terms_of,
    touched_of,
)
from finops.commitment.levels import Meter, best_level, evaluate
from finops.commitment.offers import Offer, offers, term_months
from finops.commitment.policy import BROAD, NARROW, outlook, siblings
from finops.commitment.risk import frontier, risk_of, safe_share, successor
from finops.model import WATCH, Finding, Keep, Scope, Unknown
from finops.money import HOURS_PER_MONTH, cents
from finops.recommend import Context, Row

PROVEN_DAYS = 365
"""A family that has not run for a whole term gives no evidence that it will run for the next one."""

ABSTAINS = "abstains from a lock on one family"


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
        yield from renewals(context)
        yield from held(context)
        rows = [row for row in candidates if not row["past"]]
        past = [row for row in candidates if row["past"] and row["resources"] is None]
        named = (row for row in candidates if row["resources"] is not None)
        begun = {name: hour // 24 for row in named for name, hour in zip(row["resources"], row["starts"], strict=True)}
        today, touched = demand_of_rows(rows, context), touched_of(context)
        terms = terms_of(today, touched)
        demand = after_plan(today, terms)
        providers = sorted({meter.provider for meter in demand})
        estate = Estate(
            context,
            terms,
            demand,
            history_of(past, rows, today, touched, begun, context.as_of),
            {p: paid_of_list([row for row in rows if row["provider"] == p]) for p in providers},
            frozenset(row["provider"] for row in rows if max(row["hours"]) > 1),
        )
        automatic = kept_of_contracted(rows)
        for provider in providers:
            meters = {meter: automatic.get(meter, 1.0) for meter in demand if meter.provider == provider}
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
                yield finding(provider, "", Unknown((missing,)), (), context, cost=cost)
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
                yield finding(offer.provider, offer.label, Keep(why), (), estate.context, cost=cost)
            return
        sized.sort(key=lambda s: (-s.level.saving, s.offer.months, s.offer.payment))
        best = sized[0]
        if best.level.saving * HOURS_PER_MONTH < self.min_saving:
            why = "what is left to cover does not run enough hours to pay for a commitment"
            if best.share == 0:
                why = f"{WATCH}: the chance that its term costs more than it saves is above {self.loss_chance:.0%}"
            yield kept(best, why, estate)
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
            yield finding(offer.provider, offer.label, Keep(f"{ABSTAINS}: {'; '.join(reasons)}"), (), estate.context, cost=cost)

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
        long = hourly[-self.long_hours :]
        term_days = round(offer.months * 365 / 12)
        term, rates = estate.term(meters, extra, term_days, moving=broad is None)
        levels = [best_level(hourly[-hours:], extra) for hours in (self.short_hours, self.long_hours)]
        best = min(*levels, best_level(term, rates))
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
            offer,
            tuple(meters),
            amount,
            level,
            share,
            risk_of(view, covered * (share or 1.0), off),
            points,
            len(past),
            len(term),
        )

    def _bought(self, sized: Sized, others: Sequence[Sized], estate: Estate, key: str = "") -> Finding:
        context = estate.context
        offer, level = sized.offer, sized.level
        estate.taken.update(sized.meters)
        hourly = np.column_stack([estate.demand[meter] for meter in sized.meters])[-self.long_hours :]
        discounts = np.array([offer.discounts[meter] for meter in sized.meters])
        verdict, facts = acted(sized, hourly, discounts, self.slices, estate)
        terms = [(term, offer.discounts[meter]) for meter in sized.meters for term in estate.terms[meter]]
        sql = commitment_sql(terms, level.commitment, context.as_of, context.currency)
        rejected = tuple(
            f"{other.offer.label}: {cents(Decimal(repr(other.level.saving * HOURS_PER_MONTH))):,} {context.currency} a month"
            for other in others
        )
        scope = Scope(offer.provider, service=offer.label, resource=key)
        return finding(
            offer.provider,
            f"{offer.label} {key}".strip(),
            verdict,
            facts,
            context,
            cost=float(hourly.sum(axis=1).mean()),
            sql=sql,
            scope=scope,
            explanation=(*dates(sized, self.slices, context), *frontier_lines(sized, context)),
            rejected=rejected,
        )


def _best_discounts(plans: Sequence[Offer]) -> dict[Meter, float]:
    """What the broader plans give on each meter at best."""
    found: dict[Meter, float] = {}
    for offer in plans:
        for meter, discount in offer.discounts.items():
            found[meter] = max(found.get(meter, 0.0), discount)
    return found
