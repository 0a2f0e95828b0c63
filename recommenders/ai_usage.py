"""AI usage: tokens that a cache, a batch tier or another way of paying makes cheaper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from finops.bill.lines import Line
from finops.model import WATCH, Change, Effect, Fact, Finding, Keep, Reconfigure, Unknown
from finops.money import MONTH_PER_WINDOW, cents
from finops.profile import Profile, profile_of_row
from finops.recommend import Context, Row
from finops.sizing.estimate import beyond
from finops.sizing.machines import ratio
from finops.tokens import TokenPrices, Usage, by_account_sql, cache_writes, meter_of, nightly, usage_of_rows
from finops.verdicts import Judged, act, finding_of, price_of

TTL_MINUTES = 5.0
"""How long providers keep a prompt's prefix after its last use (prompt caching guides, read 2026-10-03)."""

LEAST_DAYS = 14
"""Two weekly cycles: how far use swings is not seen in less."""


@dataclass(frozen=True, slots=True)
class AiUsage:
    """AI usage: what tokens cost, by meter and tier."""

    min_saving: Annotated[float, Field(ge=0, description="Least saving a month that is worth a change.")] = 10.0
    cached: Annotated[
        float, Field(ge=0.1, le=1, description="Part of the repeated tokens that a cache serves from which it counts as on.")
    ] = 0.8
    job_hours: Annotated[int, Field(ge=1, le=12, description="Longest stretch of the day that is a nightly job.")] = 6
    job_days: Annotated[int, Field(ge=5, le=30, description="Days of 30 on which a nightly job must have run.")] = 20

    kind: ClassVar[str] = "ai_usage"
    candidates: ClassVar[str] = """
        with hours as (

            select
                resource_id as key,
                metric,
                dimensions,
                cast(extract('hour' from timestamp) as integer) as hour,
                sum(value) as tokens,
                count(distinct cast(timestamp as date)) filter (where value > 0) as days
            from metric_samples($as_of)
            where
                metric in ('tokens_input', 'tokens_output', 'tokens_cache_read', 'tokens_cache_write')
                and statistic = 'sum' and timestamp >= $as_of::date - 29
            group by all

        ),

        tokens as (

            select
                key,
                list(
                    {metric: metric, dimensions: dimensions, hour: hour, tokens: tokens, days: days}
                    order by metric, dimensions, hour
                ) as tokens
            from hours
            group by key

        ),

        profiles as (

            select
                *,
                lower(resource_id) as key
            from resource_profile($as_of)

        ),

        latest as (

            select
                *,
                lower(resource_id) as key
            from resources
            where observed_at < $as_of::date + 4
            qualify row_number() over (partition by lower(resource_id) order by observed_at desc) = 1

        ),

        by_account as (

            -- a seller's lines name no resource: what the account pays for tokens
            select
                account_id,
                currency,
                max(service) as service,
                cast(sum(cost) as decimal(38, 12)) as cost
            from bill_month($as_of)
            where
                resource_id = '' and charge_category = 'Usage' and cost > 0
                and (lower(pricing_unit) like '%token%' or lower(meter) like '%token%')
            group by account_id, currency

        ),

        final as (

            select
                profiles.* exclude (key),
                tokens.tokens,
                false as by_account
            from profiles
            inner join tokens on profiles.key = tokens.key
            union all by name
            select
                latest.resource_id,
                latest.provider,
                latest.account_id,
                latest.region,
                latest.resource_type,
                latest.sku,
                latest.tags,
                latest.properties,
                by_account.service,
                by_account.currency,
                by_account.cost,
                tokens.tokens,
                true as by_account,
                true as in_inventory
            from tokens
            inner join latest on tokens.key = latest.key
            inner join by_account on latest.account_id = by_account.account_id
            where tokens.key not in (select profiles.key from profiles)

        )

        select * from final
        order by provider, account_id, resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        if profile.monthly_cost <= 0:
            return
        usage = usage_of_rows(candidate["tokens"])
        if profile.property("ptu") is not None:
            found = [("pay as you go", self._provisioned(profile, usage, context))]
        else:
            lines = _token_lines(profile, context, by_account=bool(candidate["by_account"]))
            if not lines:
                return
            spend = Spend(tuple(lines), bool(candidate["by_account"]))
            found = [("", self._cache(profile, usage, spend, context)), ("batch", self._batch(profile, usage, spend, context))]
        for part, judged in found:
            if judged is not None:
                yield finding_of(profile, judged, self.kind, context, part=part)

    def _cache(self, profile: Profile, usage: Usage, spend: Spend, context: Context) -> Judged | None:
        """A prefix that every request repeats is read from a cache at a fraction of the price of input."""
        prices = TokenPrices.of(usage.models(profile), profile, context)
        if usage.total("input") <= 0 or spend.cost("input") < self.min_saving or (prices and prices.amount("input") == 0):
            return None
        share, prefix = profile.property("repeated_prefix_share"), profile.property("prefix_tokens")
        read = usage.total("cache_read")
        everything = usage.total("input") + read
        facts = (
            *usage.facts,
            Fact("share of input that is one repeated prefix", share, "of 1", "resources.properties"),
            Fact("share of input read from a cache", round(read / everything, 4), "of 1", "metric_samples, 30 days"),
        )
        if 0 in (share, prefix):
            return Judged(Keep("no prefix of its input repeats"), facts)
        told = {"repeated_prefix_share": share, "prefix_tokens": prefix}
        if share is None or prefix is None:
            return Judged(Unknown(tuple(f"properties {name}" for name, value in told.items() if value is None)), facts)
        if read >= self.cached * share * everything:
            return Judged(Keep(f"a cache serves {read / everything:.0%} of its input already"), facts)
        names = ("input", "cache_read", "cache_write")
        if prices is None or any(prices.amount(name) is None for name in names):
            return Judged(Unknown((_lacking(prices, names, usage, profile, context),)), facts)
        p_in, p_read, p_write = (prices.known(name) for name in names)
        repeated = (share * everything - read) / usage.total("input")
        written = cache_writes(usage.by_hour("input"), repeated, prefix, TTL_MINUTES) / usage.total("input")
        saved = repeated * (1 - p_read / p_in) - written * (p_write - p_read) / p_in
        worst = repeated * (1 - p_read / p_in) * 0.8 - written * (p_write - p_read) / p_in
        if saved <= 0 or spend.cost("input") * saved < self.min_saving:
            return Judged(Keep("requests are so far apart that the cache would be written anew as often as read"), facts)
        effect, net = spend.effect({"input": saved}, usage, prices, profile, context)
        low = net * Decimal(repr(max(0.0, worst / saved)))
        verdict = act(
            Reconfigure("no prompt cache", "prompt cache"), effect, (low, net, net), profile, confidence=0.8,
            why=f"{share:.0%} of its input is one prefix of {prefix:,.0f} tokens, read from a cache at {p_read / p_in:.0%}",
            assumes=(f"a prefix stays cached {TTL_MINUTES:.0f} minutes after its last use", "requests go on as they come now"),
        )  # fmt: skip
        anew = written / max(repeated, 1e-9)
        explanation = (f"{anew:.2%} of its uses come after the cache has forgotten it, and pay for writing it anew",)
        return Judged(verdict, facts, explanation, effort="medium", sql=spend.sql(effect, profile, context))

    def _batch(self, profile: Profile, usage: Usage, spend: Spend, context: Context) -> Judged | None:
        """A job that runs at the same hours each day can wait for the batch tier."""
        job = nightly(usage, self.job_hours, self.job_days)
        if job is None:
            return None
        prices = TokenPrices.of(usage.models(profile), profile, context)
        meters = [name for name in ("input", "output") if usage.total(name) > 0]
        names = [*meters, *(f"{name}:batch" for name in meters)]
        facts = (*usage.facts, *job.facts)
        if prices is None or any(prices.amount(name) is None for name in names):
            return Judged(Unknown((_lacking(prices, names, usage, profile, context),)), facts)
        rates = {name: (prices.known(f"{name}:batch"), prices.known(name)) for name in meters}
        shares = {name: job.share(name) * max(0.0, 1 - batch / own) for name, (batch, own) in rates.items() if own > 0}
        if sum(spend.cost(name) * share for name, share in shares.items()) < self.min_saving:
            return None
        effect, net = spend.effect(shares, usage, prices, profile, context)
        verdict = act(
            Reconfigure("on-line", "batch"), effect, (net * Decimal("0.8"), net, net), profile, confidence=0.5,
            why=f"{job.share('input'):.0%} of its input comes within {job.hours} hours of each day ({job.words}), as of a job",
            assumes=("its results may wait up to 24 hours", "tokens that a cache would serve are charged as the batch tier's"),
        )  # fmt: skip
        return Judged(verdict, facts, effort="medium", sql=spend.sql(effect, profile, context))

    def _provisioned(self, profile: Profile, usage: Usage, context: Context) -> Judged | None:
        """Provisioned throughput against paying by token: a comparison, for its guarantee of latency has no price here."""
        prices = TokenPrices.of(usage.models(profile), profile, context)
        if prices is None or usage.total("input") <= 0:
            return None
        meters = [name for name in ("input", "output", "cache_read") if usage.total(name) > 0]
        if any(prices.amount(name) is None for name in meters):
            return None
        by_token = sum(usage.total(name) / 1e6 * prices.known(name) for name in meters) * float(MONTH_PER_WINDOW)
        paid = float(profile.monthly_cost)
        tokens = sum(usage.total(name) for name in meters) / (30 * 24 * 60)
        if by_token <= 0:
            return None
        even = tokens * paid / by_token
        facts: tuple[Fact, ...] = (
            Fact("tokens", round(tokens, 1), "a minute, mean of 30 days", "metric_samples"),
            Fact("break-even", round(even, 1), "tokens a minute", "prices"),
            Fact("by token", round(by_token, 2), "a month, list", "prices"),
        )
        full = [s for s in profile.of("ptu_utilization", "max", "p99", "avg") if s.quantile(0.99) >= 100.0]
        spill = "; its p99 is at its limit: what spills over is charged by token" if full else ""
        cheaper = "less" if by_token < paid else "more"
        why = f"{WATCH}: by token it would cost {by_token:,.2f} a month, {cheaper} than {paid:,.2f}"
        mixed = _with_spill_over(profile, paid, by_token)
        if mixed is not None:
            facts = (*facts, Fact("with spill-over", round(mixed.cost, 2), "a month, list", "metric_daily, 90 days"))
            spill += f"; {mixed.units:g} units with {mixed.spilled:.1%} of the work by token would cost {mixed.cost:,.2f}"
        return Judged(Keep(f"{why}; they break even at {even:,.0f} tokens a minute{spill}"), facts)


@dataclass(frozen=True, slots=True)
class Mixed:
    """So many provisioned units, and the share of the work that is beyond them, charged by token."""

    units: float
    spilled: float
    cost: float


def _with_spill_over(profile: Profile, paid: float, by_token: float) -> Mixed | None:
    """The cheapest number of units that are sold, what is beyond them by token; None where all or none of them cost less."""
    units, step = profile.property("ptu"), profile.property("ptu_step")
    use = profile.of("ptu_utilization", "avg", "p99", "max")
    if not units or not step or not use or profile.lacks(("ptu_utilization",), LEAST_DAYS):
        return None
    fewer = (
        step * number for number in range(math.ceil((profile.property("ptu_minimum") or step) / step), math.ceil(units / step))
    )
    shares = {held: max(beyond(series.buckets, 100 * held / units) for series in use) for held in fewer}
    mixed = [Mixed(held, share, paid * held / units + by_token * share) for held, share in shares.items()]
    best = min(mixed, key=lambda each: each.cost, default=None)
    return best if best is not None and best.cost < min(paid, by_token) else None


@dataclass(frozen=True, slots=True)
class Spend:
    """The lines that charge tokens: of the resource, or, where lines name none, of its account."""

    lines: tuple[Line, ...]
    by_account: bool

    def of(self, meter: str) -> list[Line]:
        return [line for line in self.lines if meter_of(line.meter) == meter]

    @property
    def told(self) -> bool:
        """Whether the bill tells input and output apart."""
        return bool(self.of("input"))

    def cost(self, meter: str) -> float:
        """What the meter costs; where the bill tells none apart, at most all of it."""
        lines = self.of(meter) if self.told else list(self.lines)
        return float(sum((line.cost for line in lines), Decimal(0)))

    def effect(
        self, saved: Mapping[str, float], usage: Usage, prices: TokenPrices, profile: Profile, context: Context
    ) -> tuple[Effect, Decimal]:
        """What these shares of the meters' cost take off the bill."""
        if self.by_account:
            amount = Decimal(repr(sum(self._own(name, usage, prices) * share for name, share in saved.items())))
            return Effect(adds=-cents(amount)), cents(amount)
        if self.told:
            shares = {line.meter: saved[name] for name in saved for line in self.of(name)}
        else:
            weights = {name: usage.total(name) * (prices.amount(name) or 0.0) for name in usage.meters}
            whole = sum(weights.values())
            share = sum(weights[name] * part for name, part in saved.items()) / whole if whole else 0.0
            shares = {line.meter: share for line in self.lines}
        left = {meter: ratio(Decimal(repr(1 - share)), Decimal(1)) for meter, share in sorted(shares.items())}
        effect = Effect(tuple(Change(factor, meter=meter) for meter, factor in left.items()))
        return effect, context.bill.value(profile.bill_key, effect).net

    def _own(self, meter: str, usage: Usage, prices: TokenPrices) -> float:
        """What this resource's tokens cost at list prices, at most what the account pays for the meter."""
        listed = usage.total(meter) / 1e6 * (prices.amount(meter) or 0.0) * float(MONTH_PER_WINDOW)
        return min(self.cost(meter), listed)

    def sql(self, effect: Effect, profile: Profile, context: Context) -> str:
        """Empty where the portfolio derives it from the resource's lines."""
        if not self.by_account:
            return ""
        cost = sum((line.cost for line in self.lines), Decimal(0))
        meters = sorted({line.meter for line in self.lines})
        return by_account_sql(profile.account, meters, -effect.adds / cost, context.as_of, context.currency)


def _token_lines(profile: Profile, context: Context, *, by_account: bool) -> Sequence[Line]:
    lines = context.bill.lines("" if by_account else profile.bill_key)
    usable = [line for line in lines if line.category == "Usage" and line.cost > 0 and not line.commitment]
    if by_account:
        return [line for line in usable if line.account == profile.account and "token" in f"{line.unit} {line.meter}".lower()]
    return usable


def _lacking(prices: TokenPrices | None, names: Sequence[str], usage: Usage, profile: Profile, context: Context) -> str:
    model = next(iter(usage.models(profile)), "tokens")
    missing = [name for name in names if prices is None or prices.amount(name) is None]
    return price_of(f"{model}:{missing[0]}", profile, context)
