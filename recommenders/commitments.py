"""Commitments: the exact hourly spend to commit to, on the usage that all other actions leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from finops.commitments import Floats, Level, best_level, break_even_month, evaluate, ladder
from finops.demand import DEMAND, commitment_sql
from finops.model import WATCH, Act, Commit, Effect, Estimate, Evidence, Fact, Finding, Keep, Saving, Scope, Unknown, Verdict
from finops.money import DAYS_PER_WINDOW, HOURS_PER_MONTH, cents
from finops.pricing import Price, PriceKey
from finops.recommend import Context, Row
from finops.simulate import Line

STEP = Decimal("0.001")
"""Providers sell commitments in thousandths of the currency per hour."""

PRODUCTS = ("vm", "endpoint", "training", "notebook", "serverless", "database", "kubernetes")

RENEWAL_DAYS = 30
"""How far ahead the end of a term is announced."""

FULL_USE = Decimal("0.99")
"""The used share of its cost from which a commitment counts as used to the full."""

TERM_MONTHS = {"1m": 1, "1y": 12, "3y": 36}


@dataclass(frozen=True, slots=True)
class Meter:
    """Usage of one machine at one place: what a plan's price list tells apart."""

    provider: str
    account: str
    region: str
    service: str
    instance_type: str
    operating_system: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One instrument with the discount that it gives on each meter it covers (others are absent)."""

    provider: str
    instrument: str
    term: str
    payment: str
    discounts: Mapping[Meter, float]

    @property
    def label(self) -> str:
        return f"{self.instrument}/{self.term}/{self.payment or 'none'}"

    @property
    def locks(self) -> bool:
        """Whether it holds for one family or machine only: such plans lose money when a fleet changes its hardware."""
        return "family" in self.instrument or "reservation" in self.instrument or "resource" in self.instrument


@dataclass(frozen=True, slots=True)
class Commitments:
    """Commitments: hourly spend to commit to, for what runs in any case."""

    short_hours: Annotated[int, Field(ge=24, le=720, description="The shorter window; the lower level of both is bought.")] = (
        168
    )
    long_hours: Annotated[int, Field(ge=168, le=720, description="The longer window.")] = 720
    slices: Annotated[int, Field(ge=1, le=12, description="Purchases that the commitment is staggered over.")] = 4
    term: Annotated[str, Field(pattern="^(1y|3y)$", description="Term of the commitment.")] = "1y"
    min_saving: Annotated[float, Field(ge=0, description="Least saving a month worth a commitment.")] = 10.0

    kind: ClassVar[str] = "commitments"
    candidates: ClassVar[str] = f"""
        with {DEMAND}

        final as (

            select
                charge_hour,
                greatest(1, date_diff('hour', charge_hour, period_end)) as hours,
                currency,
                provider,
                account_id,
                region,
                service,
                instance_type,
                operating_system,
                sum(cost) as cost,
                sum(contracted) as contracted,
                sum(listed) as listed
            from demand
            group by all

        )

        select * from final
        order by all
    """

    def judge_all(self, candidates: Sequence[Row], context: Context, /) -> Iterable[Finding]:
        yield from _renewals(context)
        residual = _residual_shares(context)
        demand = _demand(candidates, residual, context)
        kept = _kept_of_contracted(candidates)
        coarse = {row["provider"] for row in candidates if row["hours"] > 1}
        taken: dict[Meter, float] = {}
        for provider in sorted({meter.provider for meter in demand}):
            offers, missing = self._offers(provider, {meter: kept.get(meter, 1.0) for meter in demand}, context)
            if not offers:
                cost = sum(float(series.mean()) for meter, series in demand.items() if meter.provider == provider)
                if missing:
                    yield _finding(provider, "", Unknown((missing,)), (), context, cost=cost)
                continue
            paid = _paid_of_list([row for row in candidates if row["provider"] == provider])
            for offer in offers:
                yield from self._judge(offer, demand, taken, context, (paid, provider in coarse))

    def _offers(self, provider: str, meters: Mapping[Meter, float], context: Context) -> tuple[list[Offer], str]:
        """What is sold for these meters (each with what automatic discounts leave of its price), broadest first."""
        prices = [
            p for p in context.prices.every(context.at, provider=provider) if p.key.instrument and p.key.term == self.term
        ]
        if not prices:
            return [], f"price of commitments of {provider} in {context.currency}"
        kinds = sorted({(p.key.instrument or "", p.key.payment or "") for p in prices})
        chosen = [(i, payment) for i, payment in kinds if payment in ("none", "")]
        offers = [
            Offer(provider, instrument, self.term, payment, found)
            for instrument, payment in chosen
            if (found := _discounts(prices, instrument, payment, meters, context))
        ]
        return sorted(offers, key=lambda o: (o.locks, -len(o.discounts), o.instrument)), ""

    def _judge(
        self,
        offer: Offer,
        demand: Mapping[Meter, Floats],
        taken: dict[Meter, float],
        context: Context,
        basis: tuple[float, bool],
    ) -> Iterable[Finding]:
        paid, daily = basis
        free = [meter for meter in offer.discounts if meter in demand and meter not in taken]
        meters = [meter for meter in free if offer.discounts[meter] > 0]
        if not meters:
            if free:
                cost = sum(float(demand[meter].mean()) for meter in free)
                why = "the automatic discounts of this usage are already larger than the commitment's"
                yield _finding(offer.provider, offer.label, Keep(why), (), context, cost=cost)
            return
        hourly = np.column_stack([demand[meter] for meter in meters])
        discounts = np.array([offer.discounts[meter] for meter in meters])
        if offer.locks:
            why = "abstains from a lock on one family: over a year every such policy lost money where hardware changed"
            yield _finding(offer.provider, offer.label, Keep(why), (), context, cost=float(hourly.sum(axis=1).mean()))
            return
        long = hourly[-self.long_hours :]
        best = min(best_level(hourly[-hours:], discounts) for hours in (self.short_hours, self.long_hours))
        # Plans are sold at list rates; what the account has negotiated comes off their bill too.
        amount = Decimal(repr(best / paid)).quantize(STEP)
        level = evaluate(long, discounts, float(amount) * paid)
        if level.saving * HOURS_PER_MONTH < self.min_saving:
            why = "what is left to cover does not run enough hours to pay for a commitment"
            yield _finding(offer.provider, offer.label, Keep(why), (), context, cost=float(long.sum(axis=1).mean()))
            return
        taken |= dict.fromkeys(meters, 1.0)
        verdict, facts = self._act(offer, level, amount, long, discounts, context, daily=daily)
        shares = _residual_shares(context)
        terms = [(astuple(meter), offer.discounts[meter], shares.get(meter, 1.0)) for meter in meters]
        sql = commitment_sql(terms, level.commitment, context.as_of, context.currency)
        yield _finding(offer.provider, offer.label, verdict, facts, context, cost=float(long.sum(axis=1).mean()), sql=sql)

    def _act(
        self, offer: Offer, level: Level, amount: Decimal, hourly: Floats, discounts: Floats, context: Context, *, daily: bool
    ) -> tuple[Act, tuple[Fact, ...]]:
        monthly = cents(Decimal(repr(level.saving)) * HOURS_PER_MONTH)
        less = {cut: evaluate(hourly * (1 - cut), discounts, level.commitment).saving for cut in (0.1, 0.2, 0.3)}
        low = min(monthly, cents(Decimal(repr(less[0.2])) * HOURS_PER_MONTH))
        months = TERM_MONTHS[offer.term]
        slices = ladder(amount, self.slices, STEP)
        even = break_even_month(level, months)
        facts = (
            Fact("commitment", amount, f"{context.currency} an hour, at list rates", "demand_hourly"),
            Fact("use of the commitment", round(level.used, 4), "of 1", "demand_hourly"),
            Fact("break-even", round(even, 1), f"months of {months}", "demand_hourly"),
            *(Fact(f"saving at {cut:.0%} less use", round(s * HOURS_PER_MONTH, 2), "a month", "") for cut, s in less.items()),
        )
        parts = " + ".join(str(part) for part in slices)
        target = f"{offer.instrument} {offer.term}, {amount} {context.currency}/h"
        action = Commit(offer.instrument, offer.term, offer.payment or "none", amount, f"{context.currency}/h", target)
        assumes = ["usage stays as all other actions leave it"]
        if daily:
            assumes.append("usage is even within each day: the bill has no hours")
        saving = Saving(Estimate(low, monthly, monthly), monthly * 12, Decimal(0), context.currency, assumes=tuple(assumes))
        why = f"exact optimum of the last 7 and 30 days, the lower; repaid after {even:.1f} of {months} months; buy {parts}"
        return Act(action, saving, 0.6 if daily else 0.8, why, Effect(adds=-monthly)), facts


def _residual_shares(context: Context) -> dict[Meter, float]:
    """What the plan leaves of the uncovered cost of each meter, 0 … 1."""
    before, after = _uncovered(context.before.every_line()), _uncovered(context.bill.every_line())
    return {meter: min(1.0, float(after.get(meter, Decimal(0)) / cost)) for meter, cost in before.items() if cost > 0}


def _uncovered(lines: Iterable[Line]) -> dict[Meter, Decimal]:
    costs: dict[Meter, Decimal] = {}
    for line in lines:
        if line.usable and line.instance_type:
            where = (line.provider, line.account, line.region, line.service)
            meter = Meter(*where, line.instance_type, line.operating_system)
            costs[meter] = costs.get(meter, Decimal(0)) + line.cost
    return costs


def _demand(rows: Sequence[Row], residual: Mapping[Meter, float], context: Context) -> dict[Meter, Floats]:
    """Meter → on-demand cost of each of the last 720 hours after the plan; hours without rows cost nothing."""
    first = context.window.start
    count = round(context.window.hours)
    demand: dict[Meter, Floats] = {}
    for row in rows:
        meter = _meter(row)
        series = demand.setdefault(meter, np.zeros(count))
        start = _hours(row["charge_hour"], first)
        share = float(row["cost"]) / row["hours"] * residual.get(meter, 1.0)
        series[max(0, start) : min(count, start + row["hours"])] += share
    return {meter: series for meter, series in demand.items() if series.any()}


def _paid_of_list(rows: Sequence[Row]) -> float:
    """The share of list prices that the account has negotiated."""
    listed = sum(float(row["listed"]) for row in rows)
    return sum(float(row["contracted"]) for row in rows) / listed if listed > 0 else 1.0


def _kept_of_contracted(rows: Sequence[Row]) -> dict[Meter, float]:
    """What automatic discounts for use leave of each meter's negotiated price, above 0 and at most 1."""
    sums: dict[Meter, tuple[float, float]] = {}
    for row in rows:
        cost, contracted = sums.get(meter := _meter(row), (0.0, 0.0))
        sums[meter] = (cost + float(row["cost"]), contracted + float(row["contracted"]))
    return {meter: min(1.0, cost / contracted) for meter, (cost, contracted) in sums.items() if cost > 0 and contracted > 0}


def _meter(row: Row) -> Meter:
    where = (row["provider"], row["account_id"], row["region"], row["service"])
    return Meter(*where, row["instance_type"], row["operating_system"])


def _hours(moment: datetime, first: datetime) -> int:
    return int((moment - first) / timedelta(hours=1))


def _discounts(
    prices: Sequence[Price], instrument: str, payment: str, meters: Mapping[Meter, float], context: Context
) -> dict[Meter, float]:
    """The discount of the instrument on what each meter pays, from two rows of one price list, its own and the on-demand one.

    Automatic discounts end where a commitment begins; a plan that gives less than they do is below zero.
    """
    found: dict[Meter, float] = {}
    rows = [p for p in prices if p.key.instrument == instrument and (p.key.payment or "") == payment]
    for meter, kept in meters.items():
        system = meter.operating_system or None
        for row in rows:
            key = row.key
            if (
                key.sku != meter.instance_type
                or key.region != meter.region
                or (system and key.operating_system not in ("", system))
            ):
                continue
            usual = context.prices.price(
                PriceKey(key.provider, key.region, key.product, key.sku, system, key.license, key.tenancy, key.deployment,
                         payment="", instrument=""), context.at
            )  # fmt: skip
            if usual is not None and usual.currency == row.currency and 0 < row.amount < usual.amount:
                found[meter] = 1 - float(row.amount / usual.amount) / kept
    return found


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
