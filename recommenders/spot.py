"""Spot: interruptible capacity for work that can begin again, after what interruptions cost it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import fmean, median
from typing import Annotated, ClassVar

from pydantic import Field

from finops.kinds import kind_of, listed
from finops.model import Effect, Fact, Finding, Keep, Unknown, UseSpot
from finops.money import cents
from finops.pricing import Price, PriceKey, number
from finops.profile import NEGATIONS, Profile, profile_of_row, standby
from finops.recommend import Context, Row
from finops.sizing.machines import hourly_lines, machine_key, ratio
from finops.sizing.meters import by_time
from finops.spot.interruptions import (
    Checkpoints,
    Rate,
    band_hours,
    band_share,
    band_words,
    best_interval,
    gang_rate,
    overhead,
    rate_of_share,
    without_checkpoints,
)
from finops.spot.market import latest_band, on_demand_share, periodic_writes, share_there
from finops.verdicts import Judged, act, finding_of, price_of


@dataclass(frozen=True, slots=True)
class Type:
    """How a type of resource is billed, and whether the provider restarts its jobs on spot by itself."""

    product: str
    managed: bool = False


TYPES: dict[str, Type] = {
    "machine": Type("vm"),
    "machine_fleet": Type("vm"),
    "machine_group": Type("vm"),
    "node_pool": Type("vm"),
    "ml_compute": Type("vm"),
    "training_job": Type("training", managed=True),
}

JOB_PROPERTIES = ("checkpoint_interval_s", "checkpoint_s", "gang", "managed_spot", "trial_minutes")
WORKLOAD_TAGS = ("workload", "workload_type", "job", "role")
INTERRUPTIBLE = ("batch", "queue", "worker", "training", "hpo", "ci", "render")
"""Tags by which companies mark work that may begin again."""

BOUND_LICENCES = ("byol", "bring", "hybrid", "ahub", "dedicated", "host")
HOUR = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of the work. Hours; None: not known.

    length       of one run, or of one trial, after whose loss it begins anew at the latest
    checkpoints  None: none was observed
    """

    nodes: float
    length: float | None
    checkpoints: Checkpoints | None
    seen: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What spot costs and how often it goes. `ratio` is its price over the on-demand price, `there` None: not known."""

    ratio: float
    band: str
    rate: Rate
    there: float | None
    zones: Sequence[str]


@dataclass(frozen=True, slots=True)
class Spot:
    """Spot: interruptible capacity for work that can begin again."""

    min_availability: Annotated[
        float, Field(ge=0, le=1, description="Least share of time that spot must be there (below 0.3 it costs more).")
    ] = 0.3
    restart_minutes: Annotated[
        float, Field(ge=0, le=120, description="From the loss of a node until the job works again (boot, load, resume).")
    ] = 12.0
    short_hours: Annotated[
        float, Field(ge=0.1, le=24, description="A run up to so long may begin anew; a longer one needs checkpoints.")
    ] = 1.0
    min_saving_share: Annotated[float, Field(ge=0, le=1, description="Least share of the cost worth a change.")] = 0.05

    kind: ClassVar[str] = "spot"
    candidates: ClassVar[str] = f"""
        with ran as (
            select
                *, lower(resource_id) as key,
                coalesce(count, 1) * coalesce(billed_s, epoch(ended_at) - epoch(started_at)) / 3600 as node_hours
            from runs where started_at >= $as_of::date - 89 and started_at < $as_of::date + 1
        ),
        jobs as (
            select
                key,
                list({{
                    status: status, spot: coalesce(spot, false), nodes: count, work_s: work_s,
                    hours: (epoch(ended_at) - epoch(started_at)) / 3600,
                    deadline_h: (epoch(deadline) - epoch(started_at)) / 3600
                }} order by started_at, run_id) as runs
            from ran
            group by key
        ),
        on_spot as (
            select
                provider,
                sku,
                sum(node_hours) as spot_hours,
                count(*) filter (where status = 'failed') as spot_failures
            from ran
            where spot
            group by provider, sku
        ),
        market as (
            select
                provider,
                region,
                sku,
                list({{
                    zone: coalesce(zone, ''), moment: timestamp, price: price, available: available, band: interruption_band
                }} order by timestamp, zone) as market
            from spot_market
            where timestamp >= $as_of::date - 29 and timestamp < $as_of::date + if(price is null, 4, 1) -- bands as listings
            group by provider, region, sku
        ),
        written as (
            select
                samples.resource_id as key,
                samples.metric,
                any_value(samples.period_s) as period_s,
                list({{moment: samples.timestamp, value: samples.value}} order by samples.timestamp) as samples
            from metric_samples($as_of) as samples
            inner join jobs on samples.resource_id = jobs.key
            where
                samples.metric in ('disk_write_bytes', 'network_out_bytes', 'object_write_bytes', 'object_writes')
                and samples.statistic = 'sum'
            group by samples.resource_id, samples.metric, samples.dimensions
        ),
        writes as (
            select key, list({{metric: metric, period_s: period_s, samples: samples}} order by metric, period_s) as writes
            from written group by key
        )
        select
            profile.*,
            jobs.runs,
            market.market,
            market.sku as market_sku,
            on_spot.spot_hours,
            on_spot.spot_failures,
            writes.writes
        from resource_profile($as_of) as profile
        left join jobs on lower(profile.resource_id) = jobs.key
        left join market
            on
                profile.provider = market.provider and profile.region = market.region
                and profile.sku in (market.sku, 'ml.' || market.sku)
        left join on_spot on profile.provider = on_spot.provider and profile.sku = on_spot.sku
        left join writes on lower(profile.resource_id) = writes.key
        where lower(profile.resource_type) in ({listed(*TYPES)})
        qualify row_number() over (partition by profile.resource_id, profile.currency order by length(market.sku) desc) = 1
        order by profile.provider, profile.account_id, profile.resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        kind = TYPES.get(kind_of(profile.resource_type))
        if kind is None or profile.monthly_cost <= 0 or not _evident(profile, candidate):
            return
        yield finding_of(profile, self._judged(profile, kind, candidate, context), self.kind, context)

    def _judged(self, profile: Profile, kind: Type, row: Row, context: Context) -> Judged:
        reason = standby(profile) or _unsuitable(profile, row)
        if reason:
            return Judged(Keep(reason))
        offer = self._offer(profile, kind, row, context)
        if isinstance(offer, Unknown):
            return Judged(offer)
        job = self._job(profile, row, context)
        facts = _facts(offer, job, row)
        if offer.there is not None and offer.there < self.min_availability:
            least = f"{self.min_availability:.0%}"
            return Judged(Keep(f"spot costs more: it is there in only {offer.there:.0%} of the time, below {least}"), facts)
        if isinstance(job, Unknown):
            return Judged(job, facts)
        if job.checkpoints is None and (job.length is None or job.length > self.short_hours):
            return Judged(self._unsaved(job, offer), facts)
        restart = job.checkpoints.restart + job.checkpoints.write if job.checkpoints else self.restart_minutes / 60
        share = on_demand_share(row.get("runs") or (), row.get("market") or (), job.length, offer.ratio, restart)
        if share is None:
            return Judged(Keep("its deadline leaves no time to restart: on demand alone is sure to meet it"), facts)
        return self._priced(profile, kind, job, offer, share, facts, context)

    def _offer(self, profile: Profile, kind: Type, row: Row, context: Context) -> Offer | Unknown:
        key = machine_key(profile, kind.product, context)
        on_demand = context.prices.price(key, context.at)
        spot = context.prices.price(replace(key, term="spot"), context.at)
        market = row.get("market") or ()
        asked = [float(m["price"]) for m in market if m["price"] is not None and m["available"] is not False]
        price = float(spot.amount) if spot is not None else fmean(asked) if asked else None
        whole = on_demand if spot is not None else _machine_of_market(key, row, context) or on_demand
        band = str(profile.properties.get("interruption_band") or latest_band(market) or "")
        share = band_share(band)
        priced = {key.sku: on_demand is not None and on_demand.amount > 0, f"spot {key.sku}": price is not None}
        missing = [price_of(name, profile, context) for name, known in priced.items() if not known]
        if share is None:
            missing.append(f"interruption_band of {key.sku} in {profile.region}")
        if on_demand is None or whole is None or price is None or share is None or missing:
            return Unknown(tuple(missing))
        failed, ran = (float(row.get(name) or 0) for name in ("spot_failures", "spot_hours"))
        rate = rate_of_share(share, band_hours(band)).seen(failed, ran)
        zones = sorted({m["zone"] for m in market} - {""})
        return Offer(price / float(whole.amount), band, rate, share_there(market), zones)

    def _job(self, profile: Profile, row: Row, context: Context) -> Job | Unknown:
        runs = row.get("runs") or ()
        counts = [float(run["nodes"]) for run in runs if run["nodes"]]
        nodes = _positive(profile, "gang") or max(counts, default=_positive(profile, "instances") or 1.0)
        minutes = _positive(profile, "trial_minutes")
        finished = [run["hours"] for run in runs if run["status"] == "completed" and run["hours"]]
        if minutes is not None:
            # trials are jobs of their own: the loss of one leaves the others alone
            return Job(_positive(profile, "gang") or 1.0, minutes / 60, None, f"trials of {minutes:g} minutes")
        length = median(finished) if finished else None
        restart = (_positive(profile, "boot_minutes") or self.restart_minutes) / 60
        interval, write = _positive(profile, "checkpoint_interval_s"), _positive(profile, "checkpoint_s")
        if interval is None or write is None:
            seen = periodic_writes(row.get("writes") or ())
            if seen is None:
                if interval is not None:
                    return Unknown(("properties checkpoint_s",))
                length = _longest(profile, nodes, context) if length is None and nodes > 1 else length
                return Job(nodes, length, None, "no checkpoint observed")
            interval, write = seen[1].interval * HOUR, seen[1].length * HOUR
            words = f"bursts of {seen[0]} every {interval / 60:.3g} minutes"
        else:
            words = f"checkpoints every {interval / 60:.3g} minutes, {write:.3g} s each"
        return Job(nodes, length, Checkpoints(write / HOUR, restart, interval / HOUR), words)

    def _unsaved(self, job: Job, offer: Offer) -> Keep | Unknown:
        """A long run whose state is not seen to be saved. A month's band is read as the share reclaimed within a day: bands do
        not say over what life they count, and where nothing bounds the loss the dearer reading decides."""
        rate = -math.log1p(-min(band_share(offer.band) or 0.0, 0.999)) / min(24.0, band_hours(offer.band))
        restart = self.restart_minutes / 60
        longer = without_checkpoints(job.length, gang_rate(rate, job.nodes), restart) if job.length is not None else 0.0
        if job.length is None or (cost := offer.ratio * longer) < 1:
            return Unknown(("checkpoint",))
        times = f"{cost:.1f} times" if cost < 100 else "over 100 times"
        whole = f"all {job.nodes:g} nodes begin anew when one is lost" if job.nodes > 1 else "it begins anew when it is lost"
        return Keep(
            f"spot costs more: no checkpoint observed, so that {whole}; a run of {job.length:.3g} h at {offer.band} "
            f"interruptions costs up to {times} what it costs on demand"
        )

    def _priced(
        self, profile: Profile, kind: Type, job: Job, offer: Offer, on_demand: float, facts: tuple[Fact, ...], context: Context
    ) -> Judged:
        rates = (offer.rate.mean, offer.rate.quantile(0.95), offer.rate.quantile(0.05))
        extra = [_extra(job, gang_rate(rate, job.nodes), self.restart_minutes / 60) for rate in rates]
        factors = [(1 - on_demand) * offer.ratio * (1 + h) + on_demand for h, _ in extra]
        h, interval = extra[0]
        explanation = _explanation(job, offer, h, interval, on_demand)
        if factors[0] >= 1 - self.min_saving_share:
            why = f"spot costs more: after {h:.1%} for interruptions it saves {max(0.0, 1 - factors[0]):.1%} of on demand"
            less = "spot saves too little: " + why.split(": ", 1)[1]
            return Judged(Keep(why if factors[0] >= 1 else less), facts, explanation)
        effects = [_effect(profile, min(1.0, factor), context) for factor in factors]
        nets = [context.bill.value(profile.bill_key, effect).net for effect in effects]
        if cents(nets[0]) <= 0:
            return Judged(Keep("a commitment covers it, and spot would strand it: spot costs more"), facts, explanation)
        every = f"; write a checkpoint every {interval * 60:.0f} minutes" if interval is not None else ""
        why = f"spot at {offer.ratio:.0%} of on demand, {h:.1%} more time for interruptions ({offer.band}){every}"
        assumes = ["the account's discount is the same on spot", "spot prices stay as they are"]
        assumes += [] if len(offer.zones) > 1 else ["one zone is seen: a choice of machine types or zones makes loss rarer"]
        confidence = (0.85 if job.checkpoints else 0.8) - (0.0 if len(offer.zones) > 1 else 0.1)
        verdict = act(
            UseSpot("on_demand", "spot"),
            effects[0],
            (nets[1], nets[0], nets[2]),
            profile,
            why=why,
            confidence=round(confidence, 2),
            assumes=tuple(assumes),
        )
        return Judged(verdict, facts, explanation, effort="low" if kind.managed else "medium")


def _evident(profile: Profile, row: Row) -> bool:
    """Whether something shows what kind of work it is; a machine of which nothing is known is no candidate."""
    if TYPES[kind_of(profile.resource_type)].managed or row.get("runs"):
        return True
    properties = profile.properties
    if any(name in properties for name in JOB_PROPERTIES) or _set(properties.get("stateful")) or _set(properties.get("quorum")):
        return True
    return any(str(v).lower() in INTERRUPTIBLE for k, v in profile.tags.items() if k.lower() in WORKLOAD_TAGS)


def _set(value: object) -> bool:
    return value not in (None, False) and str(value).lower() not in NEGATIONS


def _unsuitable(profile: Profile, row: Row) -> str | None:
    """Why it must not be interrupted, or is already; None where it may be."""
    properties = profile.properties
    if _set(properties.get("quorum")):
        return "not for spot: part of a quorum, which the loss of several nodes at once would break"
    if _set(properties.get("stateful")):
        return "not for spot: stateful, an interruption would lose or move its data"
    licence = f"{properties.get('license') or ''} {properties.get('tenancy') or ''}".lower()
    if any(word in licence for word in BOUND_LICENCES):
        return "not for spot: its licence is bound to hosts of one's own"
    least = profile.property("min_replicas")
    if least is not None and least >= 2 and not row.get("runs"):
        return "not for spot: a least number of replicas is declared, which spot cannot promise"
    runs = row.get("runs") or ()
    if _set(properties.get("managed_spot")) or (runs and all(run["spot"] for run in runs)):
        return "it already runs on spot"
    return None


def _positive(profile: Profile, name: str) -> float | None:
    value = number(profile.properties.get(name))
    return value if value is not None and value > 0 else None


def _longest(profile: Profile, nodes: float, context: Context) -> float | None:
    """What a run of a gang can have lasted at most: the hours billed a node in the month."""
    hours = sum((line.quantity for line in hourly_lines(profile, context) if line.instance_type), Decimal(0))
    return float(hours) / nodes if hours > 0 else None


def _extra(job: Job, rate: float, restart: float) -> tuple[float, float | None]:
    """(h, τ*): extra time as a share of useful time, at the best interval where there are checkpoints."""
    if job.checkpoints is None:
        return without_checkpoints(job.length or 0.0, rate, restart) - 1, None
    interval = best_interval(job.checkpoints.write, rate)
    interval = min(interval, job.length) if job.length else interval
    return overhead(interval, job.checkpoints, rate), interval


def _machine_of_market(key: PriceKey, row: Row, context: Context) -> Price | None:
    """The machine under a platform's on demand, where the market names that one: the platform's spot is the same share."""
    sku = str(row.get("market_sku") or "")
    own = replace(key, product="vm", sku=sku, operating_system="Linux")
    return context.prices.price(own, context.at) if sku and sku != key.sku else None


def _effect(profile: Profile, factor: float, context: Context) -> Effect:
    """Time on the machines at the price of spot; disks, traffic and addresses stay."""
    effect = by_time(profile, ratio(Decimal(repr(factor)), Decimal(1)), "", context)
    return Effect(tuple(replace(change, spot=True) for change in effect.changes))


def _explanation(job: Job, offer: Offer, h: float, interval: float | None, on_demand: float) -> tuple[str, ...]:
    rate = gang_rate(offer.rate.mean, job.nodes)
    steps = [
        f"spot price: {offer.ratio:.1%} of on demand",
        f"interruptions: {band_words(offer.band)} and own history give {offer.rate.mean:.3g} an hour a node "
        f"(90 %: {offer.rate.quantile(0.05):.2g} to {offer.rate.quantile(0.95):.2g}), {rate:.3g} for {job.nodes:g} nodes",
        f"work: {job.seen}",
    ]
    if interval is not None:
        steps.append(f"best interval τ* = √(2δ/λ) = {interval * 60:.0f} minutes; overhead h = δ/τ + λ(τ/2 + R) = {h:.2%}")
    else:
        steps.append(f"what is lost begins anew: h = (1/λ + R)(e^(λL) − 1)/L − 1 = {h:.2%}")
    late = (f"to meet its deadline {on_demand:.1%} of the work is done on demand",) if on_demand > 0.001 else ()
    return (*steps, *late)


def _facts(offer: Offer, job: Job | Unknown, row: Row) -> tuple[Fact, ...]:
    facts = [
        Fact("spot price", round(offer.ratio, 4), "of on demand", "prices, spot_market"),
        Fact("interruption_band", offer.band, "an hour" if band_hours(offer.band) == 1 else "a month", "spot_market"),
        Fact("interruptions", round(offer.rate.mean, 6), "an hour a node", "band and runs on spot"),
    ]
    if offer.there is not None:
        facts.append(Fact("available", round(offer.there, 3), "share of time, any zone", "spot_market, 30 days"))
    if isinstance(job, Job):
        facts.append(Fact("nodes", job.nodes, "that stop together", "resources, runs"))
        facts.append(Fact("work", job.seen, "", "resources.properties, metric_samples"))
    return (*facts, Fact("runs", len(row.get("runs") or ()), "in 90 days", "runs"))
