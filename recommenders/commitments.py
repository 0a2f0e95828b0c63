"""Commitments: the exact hourly spend to commit to, on the usage that all other actions leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from finops.commitment.advice import acted, dates, finding, frontier_lines, held, kept, renewals, renewed
from finops.commitment.demand import METERS, Stage, commitment_sql
from finops.commitment.estate import (
    Estate,
    after_plan,
    assumed_of,
    demand_of_rows,
    history_of,
    kept_of_contracted,
    paid_of_list,
    terms_of,
    touched_of,
)
from finops.commitment.lapses import Lapse, Later, lapses_of, later, later_lots
from finops.commitment.levels import Meter
from finops.commitment.lots import Bought, Limits, Lot, mixed, pools, sized
from finops.commitment.offers import Offer, accelerated, offers, term_hours
from finops.commitment.payers import payers_of
from finops.commitment.policy import BLOCK_DAYS
from finops.commitment.risk import successor
from finops.model import WATCH, Finding, Keep, Scope, Unknown
from finops.money import HOURS_PER_MONTH, cents
from finops.pricing import Price
from finops.recommend import Context, Row

PROVEN_DAYS = 365
"""A family that has not run for a whole term gives no evidence that it will run for the next one; for terms of more than a year
a year is asked for."""

LEAST_DAYS = 2 * BLOCK_DAYS
"""Nor has one that has run for less than the forecast of its risk takes, however short the term."""

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
        payers = payers_of(candidates, context.before.every_line())
        estate = Estate(
            context,
            terms,
            demand,
            history_of(past, rows, today, touched, begun, context.as_of),
            {p: paid_of_list([row for row in rows if row["provider"] == p]) for p in providers},
            assumed_of(rows),
            accelerated(p for provider in providers for p in context.prices.every(context.at, provider=provider)),
        )
        automatic, again = kept_of_contracted(rows), renewed(context)
        for provider in providers:
            lapses = lapses_of(context, provider, again)
            for part in payers.estates(provider, rows, estate):
                meters = {meter: automatic.get(meter, 1.0) for meter in part.demand if meter.provider == provider}
                yield from self._of_provider(provider, meters, part, payers.lapses(part.payer, lapses))

    @property
    def _limits(self) -> Limits:
        return Limits(self.short_hours, self.long_hours, self.slices, self.min_saving, self.loss_chance, self.lock_loss_chance)

    def _of_provider(
        self, provider: str, meters: Mapping[Meter, float], estate: Estate, lapses: Sequence[Lapse]
    ) -> Iterable[Finding]:
        """All instruments of a provider on one billing account: what may be bought by itself, then the best mix of what shares
        usage."""
        context = estate.context
        longest = term_hours(self.term)
        prices = [p for p in context.prices.every(context.at, provider=provider) if p.key.instrument]
        sold = offers(prices, meters, context.prices, context.at, longest=longest, capital=self.capital)
        if not sold:
            yield _nothing_sold(provider, [p for p in prices if 0 < term_hours(p.key.term or "") <= longest], meters, estate)
            return
        lots, refused, keeps = self._passed(sold, estate)
        bought = {id(pool): mixed(pool, estate, self._limits) for pool in pools(lots)}
        every = [one for purchases in bought.values() for one in purchases]
        freed = {meter: meters.get(meter, 1.0) for lapse in lapses for meter in lapse.freed}
        again = offers(prices, dict(meters) | freed, context.prices, context.at, longest=longest, capital=self.capital)
        ahead = later_lots(again, lots, estate.paid[provider]) if freed else []
        steps = later(ahead, every, lapses, estate, self.min_saving)
        for one in every:
            yield self._bought(one, [lot for lot in lots if lot not in [b.lot for b in every]], refused, steps, estate)
        yield from keeps
        names = {one.lot.name for one in every}
        for name in sorted({step.lot.name for step in steps} - names):
            mine = [step for step in steps if step.lot.name == name]
            yield self._waits(mine, estate)

    def _passed(self, sold: Sequence[Offer], estate: Estate) -> tuple[list[Lot], dict[tuple[Meter, ...], str], list[Finding]]:
        """The lots that are worth buying by themselves; of others, which meters they would have covered and why they do not."""
        broad = _best_discounts([offer for offer in sold if not offer.locks])
        lots: list[Lot] = []
        refused: dict[tuple[Meter, ...], str] = {}
        keeps: list[Finding] = []
        instruments = list(dict.fromkeys(offer.instrument for offer in sold))
        for instrument in sorted(instruments, key=lambda i: not any(o.locks for o in sold if o.instrument == i)):
            variants = [offer for offer in sold if offer.instrument == instrument]
            weigh = self._locks if variants[0].locks else self._plans
            passed, reasons, kept_ = weigh(variants, broad, estate)
            lots += passed
            refused |= reasons
            keeps += kept_
        return lots, refused, keeps

    def _plans(
        self, variants: Sequence[Offer], _: Mapping[Meter, float], estate: Estate
    ) -> tuple[list[Lot], dict[tuple[Meter, ...], str], list[Finding]]:
        """An instrument's terms and payments, on everything that each covers."""
        covers = [(offer, [m for m in offer.discounts if offer.discounts[m] > 0]) for offer in variants]
        found = [sized(offer, "", meters, estate, self._limits, {}) for offer, meters in covers if meters]
        if not found:
            offer = variants[0]
            cost = sum(float(estate.demand[meter].mean()) for meter in offer.discounts)
            why = "the automatic discounts of this usage are already larger than the commitment's"
            return [], {}, [finding(offer.provider, offer.label, Keep(why), (), estate.context, cost=cost, payer=estate.payer)]
        found.sort(key=lambda lot: (-lot.alone, lot.offer.days, lot.offer.payment))
        passed = [lot for lot in found if lot.alone * HOURS_PER_MONTH >= self.min_saving]
        if passed:
            return passed, {}, []
        why = "what is left to cover does not run enough hours to pay for a commitment"
        if found[0].share == 0:
            why = f"{WATCH}: the chance that its term costs more than it saves is above {self.loss_chance:.0%}"
        return [], {found[0].meters: f"{found[0].offer.label}: {why}"}, [kept(found[0], why, estate)]

    def _locks(
        self, variants: Sequence[Offer], broad: Mapping[Meter, float], estate: Estate
    ) -> tuple[list[Lot], dict[tuple[Meter, ...], str], list[Finding]]:
        """Locks stand against the broader plan: what they add to its discount must pay for the risk that the family is left."""
        lots: list[Lot] = []
        refused: dict[tuple[Meter, ...], str] = {}
        reasons: dict[str, set[str]] = {}  # of which families
        for offer in variants:
            for key, every in sorted(offer.groups().items()):
                meters = [m for m in every if offer.discounts[m] > broad.get(m, 0)]
                if not meters:
                    continue
                reason = self._left(offer, meters, estate)
                if not reason:
                    lot = sized(offer, key, meters, estate, self._limits, broad)
                    if lot.alone * HOURS_PER_MONTH >= self.min_saving:
                        lots.append(lot)
                        continue
                    reason = "its extra discount does not pay for the risk that the family is left"
                reasons.setdefault(reason, set()).add(meters[0].family)
                refused[tuple(meters)] = f"{offer.label} {key}: {reason}"
        if not reasons:
            return lots, refused, []
        offer = variants[0]
        cost = sum(float(estate.demand[meter].mean()) for meter in offer.discounts)
        said = [f"{', '.join(sorted(families))}: {reason}" for reason, families in reasons.items()]
        why = f"{ABSTAINS}: {'; '.join(said)}"
        return (
            lots,
            refused,
            [finding(offer.provider, offer.label, Keep(why), (), estate.context, cost=cost, payer=estate.payer)],
        )

    def _left(self, offer: Offer, meters: Sequence[Meter], estate: Estate) -> str:
        """Why this family is not to be relied on for a term; empty where nothing speaks against it."""
        past = estate.past(meters, moving=False)
        days = len(past) - int(np.argmax(past > 0)) if past.any() else 0
        if days < min(PROVEN_DAYS, max(LEAST_DAYS, offer.days)):
            return (
                f"it has run for {days} days only, less than {'a term' if offer.days >= LEAST_DAYS else f'{LEAST_DAYS} days'}"
            )
        own = meters[0].family
        younger = successor(estate.rivals(meters[0]), own)
        return f"{younger} is younger and grows beside {own}" if younger else ""

    def _bought(
        self,
        one: Bought,
        others: Sequence[Lot],
        refused: Mapping[tuple[Meter, ...], str],
        steps: Sequence[Later],
        estate: Estate,
    ) -> Finding:
        context, lot, offer = estate.context, one.lot, one.lot.offer
        verdict, facts = acted(one, self._limits, estate)
        mine = {*lot.meters}
        rejected = [
            f"{other.name}: {cents(Decimal(repr(other.alone * HOURS_PER_MONTH))):,} {context.currency} a month by itself"
            for other in sorted(others, key=lambda other: (-other.alone, other.name))
            if mine & {*other.meters}
        ]
        rejected += [why for meters, why in refused.items() if mine & {*meters}]
        cost = float(one.left()[:, [one.columns.index(meter) for meter in lot.meters]].sum(axis=1).mean())
        return finding(
            offer.provider,
            lot.name,
            verdict,
            facts,
            context,
            cost=cost,
            sql=_sql(one, estate),
            payer=estate.payer,
            scope=Scope(offer.provider, estate.payer, region=_region(lot), service=offer.label, resource=lot.key),
            explanation=(
                *dates(one, self._limits, context),
                *(step.words(context.currency) for step in steps if step.lot.name == lot.name),
                *frontier_lines(lot, estate),
            ),
            rejected=tuple(rejected),
        )

    def _waits(self, steps: Sequence[Later], estate: Estate) -> Finding:
        """Nothing to buy today, and something on the day on which a present commitment ends."""
        lot, currency = steps[0].lot, estate.context.currency
        words = tuple(step.words(currency) for step in steps)
        why = f"nothing to buy of it today; {words[0]}"
        cost = float(sum(estate.demand[meter].mean() for meter in lot.meters if meter in estate.demand))
        name = f"{lot.name} later"
        return finding(
            lot.offer.provider, name, Keep(why), (), estate.context, cost=cost, payer=estate.payer, explanation=words
        )


def _nothing_sold(provider: str, prices: Sequence[Price], meters: Mapping[Meter, float], estate: Estate) -> Finding:
    """The list has no commitment for what is used: unknown where it has none at all, else said of what is used most."""
    costs = {meter: float(estate.demand[meter].mean()) for meter in meters}
    used = ", ".join(dict.fromkeys(meter.instance_type for meter in sorted(costs, key=lambda meter: -costs[meter])[:3]))
    missing = Unknown((f"price of commitments of {provider} in {estate.context.currency}",))
    verdict = Keep(f"none of the price list's commitments is of what is used ({used})") if prices else missing
    return finding(provider, "", verdict, (), estate.context, cost=sum(costs.values()), payer=estate.payer)


def _sql(one: Bought, estate: Estate) -> str:
    """The saving on what the purchases before it leave, from the bill."""
    terms = [(place, term) for place, meter in enumerate(one.columns) for term in estate.terms[meter]]
    stages = [
        Stage(tuple(gives if (gives := float(choice.discounts[place])) > 0 else None for place, _ in terms), spend)
        for choice, spend in (*one.earlier, (one.choice, one.spend))
    ]
    used = [at for at in range(len(terms)) if any(stage.discounts[at] is not None for stage in stages)]
    stages = [replace(stage, discounts=tuple(stage.discounts[at] for at in used)) for stage in stages]
    return commitment_sql([terms[at][1] for at in used], stages, estate.context.as_of, estate.context.currency)


def _region(lot: Lot) -> str:
    """The region of a lock; plans across machines hold in every region."""
    regions = {meter.region for meter in lot.meters}
    return regions.pop() if lot.offer.locks and len(regions) == 1 else ""


def _best_discounts(plans: Sequence[Offer]) -> dict[Meter, float]:
    """What the broader plans give on each meter at best."""
    found: dict[Meter, float] = {}
    for offer in plans:
        for meter, discount in offer.discounts.items():
            found[meter] = max(found.get(meter, 0.0), discount)
    return found
