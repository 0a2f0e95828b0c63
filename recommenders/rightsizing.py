"""Rightsizing: machines, databases, endpoints and provisioned throughput larger than what they do needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from finops.estimate import Confidence, Floor, Margin, Need, NextStep, estimate, observed, range_share
from finops.model import Act, Change, Effect, Estimate, Evidence, Fact, Finding, Keep, Resize, Saving, Unknown, Verdict
from finops.money import cents
from finops.pricing import Price, PriceKey, number
from finops.profile import Profile, memory_used, per_device, profile_of_row, standby
from finops.recommend import Context, Row


@dataclass(frozen=True, slots=True)
class Type:
    """How a type of resource is sized.

    product       the price list's product of its machines
    any_architecture  a managed engine runs on any processor architecture; a machine's own software may not
    """

    product: str
    any_architecture: bool = False


MACHINES: dict[str, Type] = {
    "AWS::EC2::Instance": Type("vm"),
    "Microsoft.Compute/virtualMachines": Type("vm"),
    "compute.googleapis.com/Instance": Type("vm"),
    "AWS::RDS::DBInstance": Type("database", any_architecture=True),
    "Microsoft.Sql/servers/databases": Type("database", any_architecture=True),
    "sqladmin.googleapis.com/Instance": Type("database", any_architecture=True),
    "AWS::SageMaker::Endpoint": Type("endpoint"),
    "aiplatform.googleapis.com/Endpoint": Type("endpoint"),
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints": Type("endpoint"),
}

UNITS_BOUGHT = ("Microsoft.CognitiveServices/accounts/deployments",)
"""Types that are sized by a number of units (`ptu`, with `ptu_minimum` and `ptu_step`)."""

BROUGHT_LICENCES = ("hybrid", "byol", "ahub", "bring")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a machine must have."""

    cpu: Need | None
    memory: Need
    gpus: Need | None = None
    gpu_memory: Need | None = None

    @property
    def explanation(self) -> tuple[str, ...]:
        parts = (("CPU", self.cpu), ("memory", self.memory), ("GPUs", self.gpus), ("memory of each GPU", self.gpu_memory))
        return tuple(f"{name}: {need.explain()}" for name, need in parts if need is not None)


@dataclass(frozen=True, slots=True)
class Choice:
    """A machine that fits, with what the simulated bill says of it."""

    price: Price
    effect: Effect
    net: Decimal
    stranded: Decimal


@dataclass(frozen=True, slots=True)
class Rightsizing:
    """Rightsizing: machines larger than what they do needs."""

    cpu_quantile: Annotated[float, Field(ge=0.5, le=1.0, description="Quantile of CPU that must fit.")] = 0.99
    cpu_margin: Annotated[float, Field(ge=0.0, le=2.0, description="Headroom on CPU (Compute Optimizer: 0.2).")] = 0.2
    memory_margin: Annotated[float, Field(ge=0.0, le=2.0, description="Headroom on the highest memory (VPA: 0.15).")] = 0.15
    min_days: Annotated[int, Field(ge=7, le=90, description="Days of metrics before a verdict (two weekly cycles).")] = 14
    min_saving_share: Annotated[float, Field(ge=0.0, le=1.0, description="Least share of the cost worth a change.")] = 0.05

    kind: ClassVar[str] = "rightsizing"
    candidates: ClassVar[str] = """
        select * from resource_profile($as_of)
        where resource_type is not null or instance_type is not null
        order by provider, account_id, resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        bought, machine = profile.resource_type in UNITS_BOUGHT, MACHINES.get(profile.resource_type)
        if profile.monthly_cost <= 0 or not (bought or machine or (profile.billed_machine and not profile.in_inventory)):
            return
        if bought:
            verdict, facts, explanation, rejected = self._units(profile, context)
        elif machine is None:
            verdict, facts, explanation, rejected = Unknown(("inventory of resources",)), (), (), ()
        else:
            verdict, facts, explanation, rejected = self._machine(profile, machine, context)
        days = profile.history_days(("cpu_utilization", "ptu_utilization", "gpu_sm_active", "gpu_utilization"))
        yield Finding(
            recommender=self.kind,
            kind=self.kind,
            scope=profile.scope,
            verdict=verdict,
            evidence=Evidence(facts, context.window, round(min(1.0, days / 30), 2), ""),
            as_of=context.as_of,
            monthly_cost=cents(profile.monthly_cost),
            currency=profile.currency,
            tags={str(k): str(v) for k, v in profile.tags.items()},
            effort="medium",
            resource_type=profile.resource_type,
            billed_as=profile.bill_key,
            explanation=explanation,
            rejected=rejected,
        )

    def _machine(self, profile: Profile, kind: Type, context: Context) -> Judged:
        reason = standby(profile) or _not_by_size(profile)
        if reason:
            return Keep(reason), (), (), ()
        current = self._price(profile, kind, context)
        if current is None:
            what = f"price of {profile.sku or profile.billed_machine} in {profile.region} in {context.currency}"
            return Unknown((what,)), (), (), ()
        size = _size(profile, current)
        short = self._too_short(profile)
        if short or isinstance(size, Unknown):
            return short or size, (), (), ()  # type: ignore[return-value]
        needs = self._needs(profile, size)
        facts = _facts(profile)
        if isinstance(needs, Unknown):
            return needs, facts, (), ()
        fitting, rejected = self._fitting(profile, kind, current, needs, context)
        if not fitting:
            return Keep("no smaller machine holds what it does: " + _binding(needs, size)), facts, needs.explanation, rejected
        # The cheapest machine, not the cheapest until today's commitments end: a size outlives them. What they strand is shown.
        least = profile.monthly_cost * Decimal(str(self.min_saving_share))
        best = next((c for c in fitting if c.net > least), fitting[0])
        if best.net <= least:
            why = "a commitment covers it, so that a smaller machine would save nothing before it ends"
            return Keep(why if best.stranded > 0 else "already within 5 % of its best size"), facts, needs.explanation, rejected
        others = [f"{c.price.key.sku}: would save {cents(c.net)}" for c in fitting if c is not best][:5]
        verdict = self._act(profile, Resize(current.key.sku, best.price.key.sku), best.effect, best.net)
        return verdict, facts, needs.explanation, (*rejected[:5], *others)

    def _too_short(self, profile: Profile) -> Unknown | None:
        days = profile.history_days(("cpu_utilization",))
        if not profile.has("cpu_utilization"):
            return Unknown(("cpu_utilization",))
        return Unknown(("history",)) if days < self.min_days else None

    def _price(self, profile: Profile, kind: Type, context: Context) -> Price | None:
        return context.prices.price(_key(profile, kind), context.at)

    def _needs(self, profile: Profile, size: Size) -> Needs | Unknown:
        days = float(profile.history_days(("cpu_utilization",)))
        steps = (Margin(self.memory_margin), Confidence(days))
        memory = memory_used(profile, size.memory_gib)
        if memory is None:
            return Unknown(("memory_utilization",))
        busiest = max(s.quantile(self.cpu_quantile) for s in profile.of("cpu_utilization", "max", "p99", "avg"))
        what = f"p{self.cpu_quantile * 100:g} of {size.vcpu:g} vCPU at {busiest:.3g} %"
        cpu = observed(busiest / 100 * size.vcpu, "vCPU", what)
        cpu = estimate(cpu, (Margin(self.cpu_margin), Confidence(days), Floor(1.0)))
        need = Needs(cpu, estimate(observed(memory, "GiB", "highest use"), steps))
        if not size.gpus:
            return need
        return self._gpu_needs(profile, size, need, days)

    def _gpu_needs(self, profile: Profile, size: Size, need: Needs, days: float) -> Needs | Unknown:
        metric = "gpu_sm_active" if profile.has("gpu_sm_active") else "gpu_utilization"
        work = per_device(profile, metric, size.gpus, 0.99)
        held = per_device(profile, "gpu_memory_utilization", size.gpus, 1.0, gib=("gpu_memory_used_gib", size.gpu_memory_gib))
        if work is None or held is None or size.gpu_memory_gib is None:
            missing = {"gpu_sm_active": work, "gpu_memory_utilization": held, "properties gpu_memory_gib": size.gpu_memory_gib}
            return Unknown(tuple(name for name, value in missing.items() if value is None))
        active = sum(1 for share in work.each if share > 5.0)
        busy = max(active if work.by_device else 0, 1)
        what = f"p99 of the sum over {size.gpus:g} devices" + (f", {active} of them active" if work.by_device else "")
        gpus = observed(work.total / 100, "GPUs", what)
        gpus = estimate(gpus, (Margin(self.cpu_margin), Floor(float(busy)), NextStep(1.0)))
        per_gpu = max(held.each) if held.by_device else held.total / gpus.amount
        memory = observed(per_gpu / 100 * size.gpu_memory_gib, "GiB", "highest use of a device")
        return Needs(need.cpu, need.memory, gpus, estimate(memory, (Margin(self.memory_margin), Confidence(days))))

    def _fitting(
        self, profile: Profile, kind: Type, current: Price, needs: Needs, context: Context
    ) -> tuple[list[Choice], tuple[str, ...]]:
        fitting: list[Choice] = []
        rejected: list[str] = []
        for price in context.prices.choices(current.key, context.at):
            if price.amount >= current.amount or price.currency != current.currency or price.unit != current.unit:
                continue
            why = _why_not(price, current, needs, kind)
            if why:
                rejected.append(f"{price.key.sku}: {why}")
                continue
            effect = _resized(profile, price, current, context)
            outcome = context.bill.value(profile.bill_key, effect)
            fitting.append(Choice(price, effect, outcome.net, outcome.stranded))
        return fitting, tuple(reversed(rejected))

    def _act(self, profile: Profile, action: Resize, effect: Effect, net: Decimal) -> Act:
        expected = cents(net)
        days = profile.history_days(("cpu_utilization", "ptu_utilization"))
        share = Decimal(str(round(range_share(days), 4)))
        most = max(expected, cents(min(expected * (1 + share), profile.monthly_cost)))
        saving = Saving(
            Estimate(cents(expected * (1 - share)), expected, most),
            expected * 12,
            Decimal(0),
            profile.currency,
            assumes=("the account's discount is the same on the target", "demand does not grow beyond the margin"),
        )
        why = f"{action.target} holds its highest use with margin"
        return Act(action, saving, round(0.95 - float(share), 2), why, effect)

    def _units(self, profile: Profile, context: Context) -> Judged:
        """Provisioned throughput: the units that its p99 needs, in the steps that are sold, never below what is reserved."""
        units, step = profile.property("ptu"), profile.property("ptu_step")
        minimum = profile.property("ptu_minimum")
        lacking = [n for n, v in (("ptu", units), ("ptu_step", step), ("ptu_minimum", minimum)) if v is None]
        if units is None or step is None or minimum is None:
            return Unknown(tuple(f"properties {name}" for name in lacking)), (), (), ()
        use = profile.of("ptu_utilization", "max", "p99", "avg")
        if not use:
            return Unknown(("ptu_utilization",)), (), (), ()
        if profile.history_days(("ptu_utilization",)) < self.min_days:
            return Unknown(("history",)), _facts(profile), (), ()
        lines = context.bill.lines(profile.bill_key)
        quantity = sum((line.quantity for line in lines if line.category == "Usage"), Decimal(0))
        covered = sum((line.quantity for line in lines if line.commitment), Decimal(0))
        reserved = float(covered / quantity) * units if quantity else 0.0
        p99 = max(s.quantile(0.99) for s in use)
        need = observed(p99 / 100 * units, "units", f"p99 of {units:g} units at {p99:.3g} %")
        days = float(profile.history_days(("ptu_utilization",)))
        need = estimate(need, (Margin(self.cpu_margin), Confidence(days), Floor(reserved), NextStep(step, minimum)))
        explanation = (f"units: {need.explain()}", f"reserved and paid in any case: {reserved:g}")
        if need.amount >= units:
            return Keep("its p99 with margin, or what is reserved, needs all units"), _facts(profile), explanation, ()
        open_units = units - reserved
        factor = Decimal(str(max(0.0, need.amount - reserved) / open_units))
        effect = Effect((Change(factor, covered=False),))
        net = context.bill.value(profile.bill_key, effect).net
        return (
            self._act(profile, Resize(f"{units:g}", f"{need.amount:g}"), effect, net),
            _facts(profile),
            explanation,
            (),
        )


Judged = tuple[Verdict, tuple[Fact, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Size:
    """What the present machine has."""

    vcpu: float
    memory_gib: float
    gpus: float
    gpu_memory_gib: float | None


def _size(profile: Profile, price: Price) -> Size | Unknown:
    def have(name: str) -> float | None:
        own = profile.property(name)
        return own if own is not None else price.spec(name)

    vcpu, memory = have("vcpu"), have("memory_gib")
    if vcpu is None or memory is None:
        return Unknown(("properties vcpu and memory_gib",))
    return Size(vcpu, memory, have("gpu_count") or 0.0, have("gpu_memory_gib"))


def _key(profile: Profile, kind: Type) -> PriceKey:
    """The whole key; what the inventory does not say stays None, so that rows that differ there are ambiguous."""
    properties = profile.properties
    deployment = str(properties["deployment"]) if properties.get("deployment") else None
    if deployment is None and kind.product == "database" and "multi_az" in properties:
        deployment = "Multi-AZ" if properties["multi_az"] else "Single-AZ"
    return PriceKey(
        profile.provider,
        profile.region,
        kind.product,
        profile.sku or profile.billed_machine,
        operating_system=profile.operating_system or None,
        license=str(properties["license"]) if properties.get("license") else None,
        tenancy=str(properties["tenancy"]) if properties.get("tenancy") else None,
        deployment=deployment,
    )


def _not_by_size(profile: Profile) -> str | None:
    """What forbids a smaller size whatever the CPU says."""
    licence = str(profile.properties.get("license") or "").lower()
    if MACHINES[profile.resource_type].product == "database" and any(word in licence for word in BROUGHT_LICENCES):
        return "its licence is brought along and has a minimum of cores: a smaller size frees no licence"
    charged = profile.of("cpu_surplus_credits_charged")
    if any(day.total > 0 for series in charged for day in series.days[-30:]):
        return "burstable, and it uses more than its baseline: surplus credits are charged"
    balance = profile.of("cpu_credit_balance")
    if balance and min(series.lowest for series in balance) <= 1.0:
        return "burstable, and its CPU credits run out"
    slo = profile.property("slo_ms")
    latency = profile.of("latency_ms", "p99", "max")
    if slo and latency and max(s.quantile(0.95) for s in latency) > 0.8 * slo:
        return "bound by latency: its p99 is within 20 % of its objective, and a smaller machine is slower"
    dram = profile.of("gpu_dram_active", "max", "p99", "avg")
    if dram and max(s.quantile(0.95) for s in dram) > 70.0:
        return "bound by GPU memory bandwidth"
    return None


def _why_not(price: Price, current: Price, needs: Needs, kind: Type) -> str | None:
    """Why a machine does not fit; None where it does."""
    vcpu, memory = price.spec("vcpu"), price.spec("memory_gib")
    if vcpu is None or memory is None:
        return "its size is unknown"
    same = price.specs.get("architecture") == current.specs.get("architecture")
    if not kind.any_architecture and not same:
        return f"another processor architecture ({price.specs.get('architecture')})"
    if needs.cpu is not None and vcpu < needs.cpu.amount:
        return f"{vcpu:g} vCPU are fewer than {needs.cpu.amount:.2f}"
    if memory < needs.memory.amount:
        return f"{memory:g} GiB are less than {needs.memory.amount:.1f}"
    return _why_not_gpu(price, current, needs)


def _why_not_gpu(price: Price, current: Price, needs: Needs) -> str | None:
    if needs.gpus is None or needs.gpu_memory is None:
        return None if not number(price.specs.get("gpu_count")) else "it has accelerators that nothing uses"
    if price.specs.get("gpu_model") != current.specs.get("gpu_model"):
        return "another accelerator, whose speed for this model nobody has measured"
    if (price.spec("gpu_count") or 0.0) < needs.gpus.amount:
        return f"{price.spec('gpu_count') or 0:g} accelerators are fewer than {needs.gpus.amount:g}"
    own = price.spec("gpu_memory_gib")
    if own is not None and own < needs.gpu_memory.amount:
        return f"{own:g} GiB an accelerator are less than {needs.gpu_memory.amount:.1f}"
    return None


def _resized(profile: Profile, price: Price, current: Price, context: Context) -> Effect:
    """The machine's own meters at the ratio of the two list prices; other meters (storage, traffic) stay."""
    factor = (price.amount / current.amount).quantize(Decimal("0.000000000001"))
    lines = [line for line in context.bill.lines(profile.bill_key) if line.instance_type]
    meters = sorted({line.meter for line in lines})
    if not meters:
        return Effect((Change(factor, unit=current.unit, sku=price.key.sku),))
    return Effect(tuple(Change(factor, meter=meter, sku=price.key.sku) for meter in meters))


def _binding(needs: Needs, size: Size) -> str:
    cpu = needs.cpu.amount / size.vcpu if needs.cpu is not None else 0.0
    memory = needs.memory.amount / size.memory_gib
    return f"CPU needs {cpu:.0%} of it, memory {memory:.0%}"


def _facts(profile: Profile) -> tuple[Fact, ...]:
    """The highest of each metric that sizes a machine."""
    facts = []
    for series in profile.series:
        if series.metric in SIZING:
            name = series.metric + "".join(f" {k}={v}" for k, v in sorted(series.dimensions.items()))
            value = series.lowest if series.metric.startswith(("freeable", "memory_free")) else series.highest
            facts.append(Fact(f"{name} {series.statistic}", round(value, 3), "", "metric_daily, 90 days"))
    return tuple(facts)


SIZING = (
    "cpu_utilization",
    "memory_utilization",
    "freeable_memory_bytes",
    "gpu_sm_active",
    "gpu_utilization",
    "gpu_memory_utilization",
    "gpu_memory_used_gib",
    "connections",
    "ptu_utilization",
)
