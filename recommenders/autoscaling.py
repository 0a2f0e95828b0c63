"""Autoscaling: capacity that follows the work instead of waiting for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from finops.kinds import kind_of, listed
from finops.model import Effect, Fact, Finding, Keep, Scale, Unknown
from finops.profile import NEGATIONS, Profile, profile_of_row, standby
from finops.recommend import Context, Row
from finops.scaling.group import Floats, Group
from finops.scaling.queueing import Queue
from finops.scaling.search import LOWEST_TARGET, STEP, Rules, found_policy, pods, thresholds, tracking
from finops.scaling.traffic import SAMPLES, Samples, Work, from_zero, per_minute, samples_of_rows, work_of
from finops.scaling.words import action_of, policy_text, replay_facts
from finops.sizing.estimate import range_share
from finops.sizing.machines import machine_key
from finops.sizing.meters import by_time
from finops.verdicts import Judged, act, finding_of

MIN_DAYS = 14  # two weekly cycles
REPLAY_DAYS = 28  # four weekly cycles, minute by minute
DEVELOPMENT = ("dev", "development", "test", "staging", "sandbox", "qa")
ENVIRONMENT_TAGS = ("environment", "env", "stage")


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes that are needed while there is work: the metrics of which any shows it; prices of `machine` tell of its GPUs."""

    work: tuple[str, ...]
    machine: str


@dataclass(frozen=True, slots=True)
class Replicas:
    """Copies that share the requests; `by_cpu` where their CPU may stand for the load."""

    by_cpu: bool


JOBS = Pool(("jobs_running",), "")
NODES = Pool(("gpu_requested", "jobs_running"), "vm")

TYPES: dict[str, Pool | Replicas] = {
    "ml_compute": JOBS,
    "job_pool": JOBS,
    "node_pool": NODES,
    "endpoint": Replicas(by_cpu=False),
    "machine_group": Replicas(by_cpu=True),
    "deployment": Replicas(by_cpu=True),
}

SCALERS: dict[str, Rules] = {
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints": thresholds,
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments": thresholds,
    "Microsoft.Compute/virtualMachineScaleSets": thresholds,
    "apps.k8s.io/Deployment": pods,
}
"""What the scaler of a type can do where that is not to follow a target (docs/decisions/0167)."""

CANDIDATES = f"""
with profiles as (

    select * from resource_profile($as_of)
    where lower(resource_type) in ({listed(*TYPES)})

),

{SAMPLES}

final as (

    select
        profiles.*,
        samples.samples
    from profiles
    left join samples on lower(profiles.resource_id) = samples.key

)

select * from final
order by provider, account_id, resource_id
"""


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Autoscaling: capacity that follows the work instead of waiting for it."""

    budget: Annotated[
        float, Field(gt=0, le=0.1, description="Share of the load that may be beyond capacity in the replay.")
    ] = 0.001
    highest_target: Annotated[
        float,
        Field(ge=0.3, le=0.95, description="Target utilization at most: above it a replica queues even under steady load."),
    ] = 0.75
    late: Annotated[
        float,
        Field(gt=0, le=0.5, description="Share of requests that may wait beyond slo_ms, or at all where none is stated."),
    ] = 0.05
    growth: Annotated[float, Field(ge=0, le=2, description="Room above the highest load seen, in the maximum.")] = 0.1
    min_saving_share: Annotated[
        float, Field(ge=0.01, le=0.5, description="Share of its cost that scaling must save to be worth a change.")
    ] = 0.05
    stopped_days: Annotated[
        int, Field(ge=7, le=90, description="Days without work after which earlier work no longer counts.")
    ] = 14

    kind: ClassVar[str] = "autoscaling"
    candidates: ClassVar[str] = CANDIDATES

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        if profile.monthly_cost <= 0:
            return
        samples = samples_of_rows(candidate["samples"] or ())
        kind = TYPES[kind_of(profile.resource_type)]
        if isinstance(kind, Pool):
            judged = self._pool(profile, kind, samples, context)
        else:
            judged = self._replicas(profile, kind, samples, context)
        if judged is None:
            return
        found = finding_of(profile, judged, self.kind, context)
        days = max((each.days for each in samples.values()), default=0)
        yield replace(found, evidence=replace(found.evidence, coverage=round(min(1.0, days / 30), 2)))

    # ---- pools: nothing where there is no work

    def _pool(self, profile: Profile, pool: Pool, samples: dict[str, Samples], context: Context) -> Judged | None:
        least = profile.property("min_nodes")
        seen = [samples[name] for name in pool.work if name in samples]
        if pool.work[0] not in samples:
            concerns = least is not None and (not pool.machine or _has_gpus(profile, pool.machine, context))
            return Judged(Unknown((pool.work[0],))) if concerns else None
        if least is None:  # a machine by itself has no bounds at all
            bounded = pool.machine or "max_nodes" in profile.properties or "desired" in profile.properties
            return Judged(Unknown(("properties min_nodes",))) if bounded else None
        declared = f"a floor of {least:g} nodes for availability is declared" if _yes(profile.properties.get("ha")) else None
        reason = "it scales to zero already" if least < 1 else standby(profile) or declared
        if reason:
            return Judged(Keep(reason))
        work = work_of(seen, _end(context))
        facts = _work_facts(work, least)
        if max(each.days for each in seen) < MIN_DAYS or work.hours < 0.5 * MIN_DAYS * 24:
            return Judged(Unknown(("history",)), facts)
        stopped = work.quiet_hours >= 24 * self.stopped_days and work.quiet_hours > work.pause_hours
        busy = 0.0 if stopped else work.busy_share
        starts = 0.0 if stopped else work.starts / work.hours * 730
        boot = profile.property("boot_minutes")
        if boot is None and starts:
            return Judged(Unknown(("properties boot_minutes",)), facts)
        booting = starts * (boot or 0.0) / 60 / 730
        billed = max(profile.property("desired") or least, least)
        saved = max(0.0, 1 - busy - booting) * least / billed
        if saved < self.min_saving_share:
            return Judged(Keep(f"there is work in {busy:.0%} of hours: waiting nodes cost less than it would save"), facts)
        why = f"work in {busy:.1%} of hours"
        if stopped:
            why = f"no work for {work.quiet_hours / 24:.0f} days; what runs on the nodes all the same is no use of them"
        if starts:
            why += f", {starts:.0f} starts a month of {boot:g} minutes, which are billed and waited for"
        return self._act(
            profile, Scale(f"{least:g}", "0"), (saved, 0.0), why, facts, context, (f"{least:g} nodes wait at all hours",)
        )

    # ---- replicas: as many as the requests need

    def _replicas(self, profile: Profile, kind: Replicas, samples: dict[str, Samples], context: Context) -> Judged | None:
        count = _count(profile, samples)
        if count is None or count < 2 or _unasked(samples, context):
            return None
        floor = self._floor(profile, count)
        reason = standby(profile)
        if reason is None and count <= floor:
            reason = f"a floor of {floor} for availability: one may fail"
        if reason:
            return Judged(Keep(reason))
        load = _load(profile, kind, samples, count, context)
        queue = _queue(profile, floor)
        highest = _target(queue.utilization(self.late)) if queue else self.highest_target
        if isinstance(load, Unknown):
            return Judged(load)
        boot = profile.property("boot_minutes")
        if boot is None:
            return Judged(Unknown(("properties boot_minutes",)))
        group = Group(boot=max(1, math.ceil(boot)), minimum=floor)
        start = _first(samples, len(load))
        minute = start.hour * 60 + start.minute
        found = found_policy(load, group, budget=self.budget, highest=highest, minute=minute, rules=_scaler(profile))
        if found is None:
            why = f"no target holds {1 - self.budget:.2%} of its load when a replica takes {boot:g} minutes to start"
            return Judged(Keep(why))
        replicas = found.fit.unit_steps / len(load)
        facts = replay_facts(load, found, count)
        saved = 1 - replicas / count
        if saved < self.min_saving_share:
            return Judged(Keep(f"{count:g} replicas are within {self.min_saving_share:.0%} of what its load needs"), facts)
        most = math.ceil((1 + self.growth) * float(load.max()) / found.rule.target - 1e-9)
        action = action_of(found, _now(profile, count), max(most, found.group.minimum), boot, _requests_served(profile))
        why = (
            f"replayed on {len(load) / 1440:.0f} days with {boot:g} minutes to start: {replicas:.1f} replicas on average "
            f"instead of {count:g}, {found.fit.unserved:.3%} of the load beyond capacity"
        )
        explanation = policy_text(found, action, load, start) + (_queue_text(queue, self.late) if queue else ())
        judged = self._act(profile, action, (saved, found.group.minimum / count), why, facts, context, explanation)
        return replace(judged, rejected=(from_zero(load, boot),))

    def _floor(self, profile: Profile, count: float) -> int:
        """Two where there are two, for one may fail, or one a zone; one in a development environment; never above today's."""
        today = profile.property("min_replicas")
        zones = profile.property("zones") or 0.0
        words = {str(profile.tags.get(key, "")).lower() for key in ENVIRONMENT_TAGS}
        wanted = 1.0 if words & set(DEVELOPMENT) and zones < 2 else max(2.0, zones)
        if _yes(profile.properties.get("ha")) and today is not None:
            wanted = max(wanted, today)
        return int(max(1.0, min(wanted, today if today else count, count)))

    def _act(
        self,
        profile: Profile,
        action: Scale,
        shares: tuple[float, float],
        why: str,
        facts: tuple[Fact, ...],
        context: Context,
        explanation: tuple[str, ...],
    ) -> Judged:
        # of today's cost: what is saved, and what goes on in every hour
        left, steady = (Decimal(repr(round(share, 9))) for share in (1 - shares[0], min(shares[1], 1 - shares[0])))
        effect = by_time(profile, left, "", context)
        if not effect.changes:
            return Judged(Unknown(("charges by the hour",)), facts)
        effect = Effect(tuple(replace(change, steady=steady) for change in effect.changes))
        net = context.bill.value(profile.bill_key, effect).net
        if net <= 0:
            return Judged(Keep("a commitment covers it: fewer units would save nothing before it ends"), facts, explanation)
        share = Decimal(str(round(range_share(REPLAY_DAYS), 4)))
        verdict = act(
            action,
            effect,
            (net * (1 - share), net, net * (1 + share)),
            profile,
            why=why,
            confidence=round(0.95 - float(share), 2),
            assumes=("the load of the weeks replayed goes on", "between two samples it moves evenly"),
        )
        return Judged(verdict, facts, explanation, effort="medium")


def _scaler(profile: Profile) -> Rules:
    """What the scaler of its type can do."""
    kind = profile.resource_type.lower()
    return next((rules for name, rules in SCALERS.items() if name.lower() == kind), tracking)


def _end(context: Context) -> datetime:
    return datetime.combine(context.as_of, time.min, UTC) + timedelta(days=1)


def _yes(value: object) -> bool:
    return value is not None and str(value).lower() not in NEGATIONS


def _has_gpus(profile: Profile, product: str, context: Context) -> bool:
    price = context.prices.price(machine_key(profile, product, context), context.at)
    gpus = profile.property("gpu_count")
    return bool(gpus if gpus is not None else price.spec("gpu_count") if price is not None else 0)


def _count(profile: Profile, samples: dict[str, Samples]) -> float | None:
    """Replicas today: the mean of the last 30 days, else what the inventory says."""
    if "replicas" in samples:
        recent = samples["replicas"].since(samples["replicas"].times[-1] - timedelta(days=30))
        return float(np.mean(recent.values))
    for name in ("instance_count", "instances", "desired"):
        if profile.property(name) is not None:
            return profile.property(name)
    return None


def _unasked(samples: dict[str, Samples], context: Context) -> bool:
    """Nobody has asked for two weeks: idle's question."""
    since = _end(context) - timedelta(days=MIN_DAYS)
    return "requests" in samples and not any(samples["requests"].since(since).values)


def _load(profile: Profile, kind: Replicas, samples: dict[str, Samples], count: float, context: Context) -> Floats | Unknown:
    """Load by the minute in replicas: requests over what one serves, else CPU times replicas."""
    start = _end(context) - timedelta(days=REPLAY_DAYS)
    recent = {name: kept for name, each in samples.items() if (kept := each.since(start)).times}
    most = _requests_served(profile)
    if kind.by_cpu and (most is None or "requests" not in recent) and "cpu_utilization" in recent:
        if recent["cpu_utilization"].days < MIN_DAYS:
            return Unknown(("history",))
        cpu = per_minute(recent["cpu_utilization"], counter=False) / 100
        return cpu * (_replicas_by_minute(recent, len(cpu)) if "replicas" in recent else count)
    if "requests" not in recent:
        return Unknown(("cpu_utilization" if kind.by_cpu else "requests",))
    if not most:
        return Unknown(("properties max_rps_per_replica",))
    if recent["requests"].days < MIN_DAYS:
        return Unknown(("history",))
    return per_minute(recent["requests"], counter=True) / most


def _requests_served(profile: Profile) -> float | None:
    """Requests a second that one replica serves: as stated, else its places over the time that one takes."""
    stated = profile.property("max_rps_per_replica")
    queue = _queue(profile, 1)
    return stated if stated or queue is None else queue.servers / queue.service_s


def _queue(profile: Profile, replicas: int) -> Queue | None:
    """Places for requests at once in so many replicas; None where places or the time of a request are unknown.

    The time is that of the quietest quarter of days, in which hardly a request waits.
    """
    places = profile.property("max_concurrency")
    days = [day.mean for series in profile.of("latency_ms", "avg") for day in series.days if day.mean > 0]
    if not places or places < 1 or len(days) < MIN_DAYS:
        return None
    service = float(np.quantile(days, 0.25)) / 1000
    allowed = profile.property("slo_ms")
    return Queue(int(places) * replicas, service, max((allowed or 0.0) / 1000 - service, 0.0))


def _target(utilization: float) -> float:
    """In whole steps of the search, rounded down."""
    return max(LOWEST_TARGET, math.floor(utilization / STEP + 1e-9) * STEP)


def _queue_text(queue: Queue, late: float) -> tuple[str, ...]:
    waits = f"wait beyond {1000 * queue.slack_s:.0f} ms" if queue.slack_s else "wait"
    return (
        f"at most {queue.utilization(late):.0%} busy: with {queue.servers} places of {1000 * queue.service_s:.0f} ms "
        f"{late:.0%} of requests {waits} there (Erlang C, arrivals at random)",
    )


def _replicas_by_minute(recent: dict[str, Samples], minutes: int) -> Floats:
    level = per_minute(recent["replicas"], counter=False)
    return np.interp(np.linspace(0, 1, minutes), np.linspace(0, 1, len(level)), level)


def _now(profile: Profile, count: float) -> str:
    least, most = profile.property("min_replicas"), profile.property("max_replicas")
    return f"{count:g} replicas" if least is None or most is None else f"min {least:g}, max {most:g}"


def _work_facts(work: Work, least: float) -> tuple[Fact, ...]:
    return (
        Fact("min_nodes", least, "nodes", "resources"),
        Fact("hours with work", round(100 * work.busy_share, 2), "%", "metric_samples, 90 days"),
        Fact("starts", work.starts, "", "metric_samples, 90 days"),
        Fact("since the last work", round(work.quiet_hours / 24, 1), "days", "metric_samples, 90 days"),
    )


def _first(samples: dict[str, Samples], minutes: int) -> datetime:
    """When a load of so many minutes, which ends with the samples, begins."""
    each = samples["requests" if "requests" in samples else "cpu_utilization"]
    return each.times[-1] + timedelta(seconds=each.period_s) - timedelta(minutes=minutes)
