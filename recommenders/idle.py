"""Idle: what is paid for and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from finops.estimate import range_share
from finops.model import (
    Act,
    Change,
    Delete,
    Effect,
    Estimate,
    Evidence,
    Fact,
    Finding,
    Keep,
    Saving,
    Stop,
    Unknown,
    Verdict,
)
from finops.money import cents
from finops.pricing import PriceKey
from finops.profile import Profile, Series, profile_of_row, standby, streak
from finops.recommend import Context, Row

Measure = Literal["highest", "rate", "total"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A day is idle by this metric where `measure` is at most `limit` in every series of it."""

    metric: str
    measure: Measure
    limit: float
    unit: str

    def idle(self, series: Series) -> list[tuple[date, bool]]:
        return [(day.day, getattr(day, self.measure) <= self.limit) for day in series.days]


CPU = Signal("cpu_utilization", "highest", 5.0, "%")  # Compute Optimizer and Cost Explorer call ≤ 5 % at peak idle (2023)
RECEIVED = Signal("network_in_bytes", "rate", 2000.0, "B/s")  # Google's idle VM rule: rx < 2000 B/s, tx < 1000 B/s (2024)
SENT = Signal("network_out_bytes", "rate", 1000.0, "B/s")
SM = Signal("gpu_sm_active", "highest", 5.0, "%")  # below 5 % a GPU waits (DCGM guidance); held memory is not work
GPU = Signal("gpu_utilization", "highest", 5.0, "%")
REQUESTS = Signal("requests", "total", 0.0, "requests")
KERNELS = Signal("kernels_active", "highest", 0.0, "kernels")
JOBS = Signal("jobs_running", "highest", 0.0, "jobs")
DUTY = Signal("tpu_duty_cycle", "highest", 1.0, "%")
CONNECTIONS = Signal("connections", "highest", 0.0, "connections")
READS = Signal("disk_read_ops", "total", 0.0, "operations")
WRITES = Signal("disk_write_ops", "total", 0.0, "operations")
BYTES_IN = Signal("network_in_bytes", "total", 0.0, "bytes")
BYTES_OUT = Signal("network_out_bytes", "total", 0.0, "bytes")


@dataclass(frozen=True, slots=True)
class ByUse:
    """Idle by what its metrics show. Of each group of `needs` at least one metric must be there; all present must be idle."""

    needs: tuple[tuple[Signal, ...], ...]
    action: Literal["Delete", "Stop"]


@dataclass(frozen=True, slots=True)
class ByState:
    """Idle by what the inventory says; metrics, where there are some, must agree."""

    orphan: Callable[[Profile], str | Unknown | None]
    min_days: Literal["orphan_days", "at_once"]
    contradicted_by: tuple[Signal, ...] = ()
    snapshot: bool = False


def _unattached(profile: Profile) -> str | Unknown | None:
    if not profile.state:
        return Unknown(("state",))
    if profile.properties.get("pvc") and str(profile.properties.get("pvc_phase", "Bound")).lower() == "bound":
        return None
    words = ("available", "unattached", "unassociated", "reserved", "detached")
    alone = profile.state.lower() in words and not profile.attached_to
    return f"attached to nothing (state {profile.state})" if alone else None


def _image_gone(profile: Profile) -> str | Unknown | None:
    if not profile.properties.get("image_id") and "image_state" not in profile.properties:
        return None
    state = str(profile.properties.get("image_state", "")).lower()
    if not state:
        return Unknown(("properties image_state",))
    return f"its image is {state}" if state in ("deregistered", "deleted", "obsolete") else None


def _no_targets(profile: Profile) -> str | Unknown | None:
    healthy = profile.of("healthy_targets")
    if profile.property("target_count") is None and not healthy:
        return Unknown(("properties target_count",))
    none_now = profile.property("target_count") in (None, 0.0)
    none_before = all(day.highest == 0 for series in healthy for day in series.days[-14:])
    return "it has no targets" if none_now and none_before else None


VM = ByUse(((CPU,), (RECEIVED,), (SENT,)), "Stop")
GPU_VM = ByUse(((SM, GPU), (CPU,), (RECEIVED, SENT)), "Stop")
ENDPOINT = ByUse(((REQUESTS,),), "Delete")
NOTEBOOK = ByUse(((KERNELS, JOBS, SM, GPU, CPU),), "Stop")
TPU = ByUse(((DUTY,),), "Delete")
DATABASE = ByUse(((CONNECTIONS,), (CPU,)), "Delete")
GATEWAY = ByUse(((BYTES_OUT,), (BYTES_IN,)), "Delete")
VOLUME = ByState(_unattached, "orphan_days", (READS, WRITES), snapshot=True)
SNAPSHOT = ByState(_image_gone, "orphan_days")
ADDRESS = ByState(_unattached, "at_once")
BALANCER = ByState(_no_targets, "at_once", (REQUESTS,))

RULES: dict[str, ByUse | ByState] = {
    "AWS::EC2::Instance": VM,
    "Microsoft.Compute/virtualMachines": VM,
    "compute.googleapis.com/Instance": VM,
    "AWS::SageMaker::Endpoint": ENDPOINT,
    "AWS::Bedrock::ProvisionedModel": ENDPOINT,
    "aiplatform.googleapis.com/Endpoint": ENDPOINT,
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints": ENDPOINT,
    "tpu.googleapis.com/Node": TPU,
    "Microsoft.MachineLearningServices/workspaces/computes": NOTEBOOK,
    "AWS::SageMaker::NotebookInstance": NOTEBOOK,
    "notebooks.googleapis.com/Instance": NOTEBOOK,
    "AWS::RDS::DBInstance": DATABASE,
    "Microsoft.Sql/servers/databases": DATABASE,
    "sqladmin.googleapis.com/Instance": DATABASE,
    "AWS::EC2::NatGateway": GATEWAY,
    "Microsoft.Network/natGateways": GATEWAY,
    "AWS::EC2::Volume": VOLUME,
    "Microsoft.Compute/disks": VOLUME,
    "compute.googleapis.com/Disk": VOLUME,
    "AWS::EC2::Snapshot": SNAPSHOT,
    "Microsoft.Compute/snapshots": SNAPSHOT,
    "compute.googleapis.com/Snapshot": SNAPSHOT,
    "AWS::EC2::EIP": ADDRESS,
    "Microsoft.Network/publicIPAddresses": ADDRESS,
    "compute.googleapis.com/Address": ADDRESS,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": BALANCER,
    "AWS::ElasticLoadBalancing::LoadBalancer": BALANCER,
    "Microsoft.Network/loadBalancers": BALANCER,
}


def hourly(unit: str) -> bool:
    """Whether a meter counts time that a machine runs: `Hours`, `10 Hours`, `gibibyte hour`."""
    return unit.lower().endswith(("hour", "hours", "hrs"))


@dataclass(frozen=True, slots=True)
class Idle:
    """Idle: what is paid for and does nothing."""

    idle_days: Annotated[int, Field(ge=7, le=365, description="Days in a row without use (Compute Optimizer: 14).")] = 14
    orphan_days: Annotated[
        int, Field(ge=7, le=365, description="Days that a disk or snapshot belongs to nothing (Compute Optimizer: 32).")
    ] = 32

    kind: ClassVar[str] = "idle"
    candidates: ClassVar[str] = """
        select * from resource_profile($as_of)
        where resource_type is not null or instance_type is not null
        order by provider, account_id, resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        rule = RULES.get(profile.resource_type)
        if profile.monthly_cost <= 0 or (rule is None and not profile.billed_machine):
            return
        if rule is VM and (profile.properties.get("gpu_model") or profile.property("gpu_count")):
            rule = GPU_VM
        verdict, facts = self._verdict(profile, rule, context)
        yield finding(profile, verdict, tuple(facts), context)

    def _verdict(self, profile: Profile, rule: ByUse | ByState | None, context: Context) -> tuple[Verdict, list[Fact]]:
        if rule is None:
            return Unknown(("inventory of resources",)), []
        if profile.properties.get("object_lock"):
            return Keep("locked: it cannot be deleted"), []
        reason = standby(profile)
        if reason:
            return Keep(reason), []
        if isinstance(rule, ByState) and not profile.in_inventory:
            return Unknown(("inventory of resources",)), []
        if isinstance(rule, ByState):
            return self._by_state(profile, rule, context)
        return self._by_use(profile, rule, context)

    def _by_use(self, profile: Profile, rule: ByUse, context: Context) -> tuple[Verdict, list[Fact]]:
        signals = [s for group in rule.needs for s in group if profile.has(s.metric)]
        missing = tuple(g[0].metric for g in rule.needs if not any(profile.has(s.metric) for s in g))
        age = profile.age_days(context.as_of)
        if age is not None and age < self.idle_days:
            return Unknown(("history",)), [Fact("age", age, "days", "resources.created_at")]
        facts = [_fact(profile, signal) for signal in signals]
        days = _days(profile, signals)
        if any(not idle for day, idle in days.items() if (context.as_of - day).days < self.idle_days):
            return Keep("in use: " + _busiest(profile, signals, context.as_of, self.idle_days)), facts
        if missing:
            return Unknown(missing), facts
        run, gap = streak(list(days.items()), context.as_of)
        facts.append(Fact("idle", run, "days in a row", "metric_daily"))
        if len(days) < self.idle_days:
            return Unknown(("history",)), facts
        if run < self.idle_days or run <= gap:
            return Keep(f"watch: idle for {run} days, and it has come back after {gap} before"), facts
        commitment = str(profile.properties.get("commitment") or "").lower()
        if commitment not in ("", "none", "no", "no_commitment", "nocommitment"):
            return Keep(f"idle for {run} days, but bought for a term ({commitment}): it is paid until that ends"), facts
        return self._act(profile, rule.action, f"no use for {run} days", run, context), facts

    def _by_state(self, profile: Profile, rule: ByState, context: Context) -> tuple[Verdict, list[Fact]]:
        orphan = rule.orphan(profile)
        facts = [Fact("state", profile.state, "", "resources"), Fact("unchanged", profile.unchanged_days, "days", "resources")]
        if isinstance(orphan, Unknown):
            return orphan, facts
        if orphan is None:
            return Keep("in use: attached, or it serves something"), facts
        signals = [s for s in rule.contradicted_by if profile.has(s.metric)]
        facts += [_fact(profile, signal) for signal in signals]
        run = _quiet(_days(profile, signals), context.as_of)
        wait = self.orphan_days if rule.min_days == "orphan_days" else self.idle_days
        age = profile.age_days(context.as_of)
        if signals and run < wait:
            return Keep(f"watch: {orphan}, in use {run} days ago"), facts
        if age is not None and age < wait:
            return Keep(f"watch: {orphan}, but created only {age} days ago"), facts
        proven = max(run, profile.unchanged_days)
        if proven < wait and (age is None or signals):
            return Unknown(("history",)), facts
        why = f"{orphan}, for at least {proven} days" if proven >= wait else f"{orphan}, created {age} days ago"
        snapshot = self._snapshot(profile, context) if rule.snapshot else Decimal(0)
        if snapshot is None:
            return Unknown((f"price of snapshot in {profile.region} in {context.currency}",)), facts
        return self._act(profile, "Delete", why, max(proven, 1), context, snapshot), facts

    def _snapshot(self, profile: Profile, context: Context) -> Decimal | None:
        """What a month of the snapshot costs that must be taken first; of the whole size where the used part is unknown."""
        key = PriceKey(profile.provider, profile.region, "snapshot", "")
        listed = [p for p in context.prices.choices(key, context.at) if "archive" not in p.key.sku.lower()]
        prices = {p.amount for p in listed if p.currency == profile.currency}
        size = profile.property("used_gib") if profile.property("used_gib") is not None else profile.property("size_gib")
        if size is None or len(prices) != 1:
            return None
        return Decimal(str(size)) * prices.pop() * context.months * context.bill.discount(profile.bill_key)

    def _act(self, profile: Profile, action: str, why: str, days: int, context: Context, adds: Decimal = Decimal(0)) -> Verdict:
        units = sorted({line.unit for line in context.bill.lines(profile.bill_key) if hourly(line.unit)})
        every = (Change(Decimal(0)),)
        changes = tuple(Change(Decimal(0), unit=unit) for unit in units) if action == "Stop" else every
        effect = Effect(changes, adds=adds)
        net = cents(context.bill.value(profile.bill_key, effect).net)
        if net <= 0:
            return Keep("watch: nothing would be saved; what it costs is committed or would be paid for its snapshot")
        share = Decimal(str(round(range_share(days), 4)))
        assumes = ["the use of the last 30 days goes on"] + (["a snapshot is kept, at the account's discount"] if adds else [])
        saving = Saving(
            Estimate(cents(net * (1 - share)), net, net), net * 12, Decimal(0), profile.currency, assumes=tuple(assumes)
        )
        kept = "deleted after a snapshot" if adds else "deleted"
        what = Stop() if action == "Stop" else Delete(kept)
        return Act(what, saving, round(1 - float(share), 2), why, effect)


def finding(profile: Profile, verdict: Verdict, facts: tuple[Fact, ...], context: Context) -> Finding:
    days = max((len(s.days) for s in profile.series), default=0)
    return Finding(
        recommender="idle",
        kind="idle",
        scope=profile.scope,
        verdict=verdict,
        evidence=Evidence(facts, context.window, round(min(1.0, days / 30), 2), ""),
        as_of=context.as_of,
        monthly_cost=cents(profile.monthly_cost),
        currency=profile.currency,
        tags={str(k): str(v) for k, v in profile.tags.items()},
        resource_type=profile.resource_type,
        billed_as=profile.bill_key,
        reversible=isinstance(verdict, Act) and isinstance(verdict.action, Stop),
    )


def _days(profile: Profile, signals: list[Signal]) -> dict[date, bool]:
    """Day → idle by every signal that has data on it."""
    days: dict[date, bool] = {}
    for signal in signals:
        for series in profile.of(signal.metric):
            for day, idle in signal.idle(series):
                days[day] = days.get(day, True) and idle
    return days


def _quiet(days: dict[date, bool], as_of: date) -> int:
    """Days since the last activity; a disk that is detached measures nothing, so that days without data are quiet."""
    active = [day for day, idle in days.items() if not idle]
    return (as_of - max(active)).days if active else (as_of - min(days)).days if days else 0


def _fact(profile: Profile, signal: Signal) -> Fact:
    highest = max(getattr(day, signal.measure) for series in profile.of(signal.metric) for day in series.days[-30:])
    return Fact(signal.metric, round(highest, 3), f"{signal.unit}, highest of 30 days", "metric_daily")


def _busiest(profile: Profile, signals: list[Signal], as_of: date, within: int) -> str:
    for signal in signals:
        for series in profile.of(signal.metric):
            recent = [day for day in series.days if (as_of - day.day).days < within]
            values = [getattr(day, signal.measure) for day in recent]
            if values and max(values) > signal.limit:
                return f"{signal.metric} up to {max(values):,.4g} {signal.unit}"
    return "its metrics show activity"
