"""Rightsizing: machines, databases, endpoints and provisioned throughput larger than what they do needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import Field

from finops.bill.lines import keys_of
from finops.kinds import kind_of, listed
from finops.model import (
    WATCH,
    Act,
    Action,
    Change,
    Effect,
    Estimate,
    Evidence,
    Fact,
    Finding,
    Keep,
    Reconfigure,
    Resize,
    Saving,
    Scale,
    Unknown,
    Verdict,
)
from finops.money import cents
from finops.pricing import Price
from finops.profile import Profile, cpu_of, managed_group, memory_used, profile_of_row, standby
from finops.recommend import Context, Row
from finops.sizing.capacity import (
    Needs,
    Size,
    binding,
    connections_memory,
    cpu_for_good,
    cpu_need,
    gpu_needs,
    limits_used,
    not_by_size,
    partition,
    size_of,
    sizing_facts,
)
from finops.sizing.curve import RECENT
from finops.sizing.estimate import Confidence, Floor, Margin, NextStep, estimate, observed, range_share
from finops.sizing.machines import machine_key
from finops.sizing.meters import by_time, share_of
from finops.sizing.packing import (
    candidates_with_peers,
    cheapest_memory,
    durations_by_memory,
    least_nodes,
    member_of,
    nodes_for,
    pods_of,
    shared_machines,
)
from finops.sizing.targets import Choice, fitting_machines, other_choice


@dataclass(frozen=True, slots=True)
class Type:
    """How a type of resource is sized.

    product       the price list's product of its machines
    any_architecture  a managed engine runs on any processor architecture; a machine's own software may not

    Workspaces' notebooks are listed as such or billed as plain machines; a compute with bounds is a pool, which has no size.
    """

    product: str
    any_architecture: bool = False


MACHINES: dict[str, Type] = {
    "machine": Type("vm"),
    "database": Type("database", any_architecture=True),
    "database_always_on": Type("database", any_architecture=True),
    "endpoint": Type("endpoint"),
    "notebook": Type("notebook"),
    "notebook_machine": Type("vm"),
    "ml_compute": Type("vm"),
}

UNITS_BOUGHT = ("model_deployment",)
"""Kinds that are sized by a number of units (`ptu`, with `ptu_minimum` and `ptu_step`)."""

POOLS = ("node_pool",)
"""Kinds whose machines hold pods: only whole nodes save."""

GROUPS = ("machine_group",)
"""Kinds whose machines are of one size, which the group's template says."""

FUNCTIONS = ("function_by_memory",)
"""Kinds billed by memory × time, whose memory is a setting. Elsewhere memory is metered as used, or decides the CPU too."""

GROUPED = ("endpoint",)
"""Kinds of endpoint that can hold several models of one framework: multi-model endpoints, resource pools of deployments, a
model repository in one deployment."""

SMALL_RATE = 0.3
"""Requests a second up to which an endpoint may share: above it, cold loads would be felt."""

BY_MEMORY_TIME = re.compile(r"g(i)?b[- ]?seconds?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rightsizing:
    """Rightsizing: machines larger than what they do needs."""

    risk: Annotated[float, Field(gt=0.0, le=0.5, description="Price of capacity over the cost of load that finds none.")] = (
        0.001
    )
    recent: Annotated[
        float, Field(ge=0.0, le=1.0, description="Say of the latest tenth and half of the history, beside all of it.")
    ] = RECENT
    cpu_margin: Annotated[float, Field(ge=0.0, le=2.0, description="Headroom on accelerators, pods and units.")] = 0.2
    memory_margin: Annotated[float, Field(ge=0.0, le=2.0, description="Headroom on the highest memory (VPA: 0.15).")] = 0.15
    min_days: Annotated[int, Field(ge=7, le=90, description="Days of metrics before a verdict (two weekly cycles).")] = 14
    min_saving_share: Annotated[float, Field(ge=0.0, le=1.0, description="Least share of the cost worth a change.")] = 0.05

    kind: ClassVar[str] = "rightsizing"
    candidates: ClassVar[str] = candidates_with_peers(listed(*GROUPED), SMALL_RATE, listed(*GROUPS))

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        judged = self._judged(profile, candidate.get("peers") or (), context) if profile.monthly_cost > 0 else None
        if judged is None:
            return
        verdict, facts, explanation, rejected = judged
        days = profile.recent_days(WATCHED, context.as_of)
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

    def _judged(self, profile: Profile, peers: Iterable[Mapping[str, Any]], context: Context) -> Judged | None:
        """None for what has no size."""
        kind = kind_of(profile.resource_type)
        if kind in UNITS_BOUGHT:
            return self._units(profile, context)
        if kind in FUNCTIONS:
            return self._function(profile, context)
        if kind in POOLS:
            return None if profile.has("gpu_requested") else self._pool(profile, context)
        if kind in GROUPS:
            machines = {line.instance_type for line in context.bill.lines(profile.bill_key) if line.instance_type}
            return self._machine(profile, Type("vm"), context) if machines == {profile.sku} else None
        if kind in MACHINES and "max_nodes" not in profile.properties:
            shared = self._shared(profile, list(peers), context)
            return shared or self._machine(profile, MACHINES[kind], context)
        if profile.billed_machine and not profile.in_inventory:
            return Unknown(("inventory of resources",)), (), (), ()
        return None

    def _machine(self, profile: Profile, kind: Type, context: Context) -> Judged:
        if kind.product == "vm" and (group := managed_group(profile)):
            return Keep(f"its group decides its size, which is that of all in {group}"), (), (), ()
        reason = standby(profile) or not_by_size(profile, database=kind.product == "database")
        if reason:
            return Keep(reason), (), (), ()
        current = self._price(profile, kind, context)
        if current is None:
            name = profile.sku or profile.billed_machine
            missing = f"price of {name} in {profile.region} in {context.currency}" if name else "inventory of resources"
            return Unknown((missing,)), (), (), ()
        size = size_of(profile, current)
        short = self._too_short(profile)
        if short or isinstance(size, Unknown):
            return short or size, (), (), ()  # type: ignore[return-value]
        needs = self._needs(profile, size, context)
        facts = sizing_facts(profile)
        if isinstance(needs, Unknown):
            return needs, facts, (), ()
        fitting, rejected = fitting_machines(profile, current, size, needs, kind.any_architecture, context)
        rejected = (*partition(size, current, needs), *rejected)
        sure = [choice for choice in fitting if choice.sure]
        if not sure:
            others = (*(other_choice(c) for c in fitting), *rejected)
            return Keep("no smaller machine holds what it does: " + binding(needs, size)), facts, needs.explanation, others
        verdict, best = self._smaller(profile, kind, current, sure)
        if isinstance(verdict, Keep):
            return verdict, facts, needs.explanation, rejected
        others = tuple([other_choice(c) for c in fitting if c is not best][:5])
        return verdict, facts, needs.explanation, (*rejected[:5], *others)

    def _smaller(self, profile: Profile, kind: Type, current: Price, fitting: list[Choice]) -> tuple[Verdict, Choice]:
        """What is said of the best of these machines, in their order, and which it is."""
        # A size outlives a commitment that ends within the year: what that strands is shown, and only a saving is acted on.
        least = profile.monthly_cost * Decimal(str(self.min_saving_share))
        best = next((c for c in fitting if c.net > least), fitting[0])
        if best.net <= least:
            why = "a commitment covers it, so that a smaller machine would save nothing before it ends"
            return Keep(why if best.stranded > 0 else self._near_best), best
        if kind.product == "endpoint" and not profile.property("slo_ms"):
            why = (
                f"{WATCH}: {best.price.key.sku} would hold its highest use and save {cents(best.net)} a month, "
                "but no objective of its latency (slo_ms) says that a smaller machine is fast enough"
            )
            return Keep(why), best
        count = len(keys_of(profile.bill_key))
        why = f"{best.price.key.sku} holds the highest use of each of its {count} machines with margin" if count > 1 else ""
        action = Resize(current.key.sku, best.price.key.sku)
        return self._act(profile, action, best.effect, best.net, why, *best.assumes), best

    @property
    def _near_best(self) -> str:
        return f"already within {100 * self.min_saving_share:g} % of its best size"

    def _too_short(self, profile: Profile) -> Unknown | None:
        if not cpu_of(profile, 1.0):
            return Unknown(("cpu_utilization",))
        seen = {series.metric for series in profile.series}
        held = [metric for metric in seen if metric.startswith(("memory_", "freeable_memory"))]
        devices = [metric for metric in seen if metric.startswith("gpu_")]
        missing = profile.lacks(("cpu_utilization",), self.min_days)
        missing = missing or (profile.lacks(held, 1) if held else ()) or (profile.lacks(devices, 1) if devices else ())
        return Unknown(missing) if missing else None

    def _price(self, profile: Profile, kind: Type, context: Context) -> Price | None:
        return context.prices.price(machine_key(profile, kind.product, context), context.at)

    def _needs(self, profile: Profile, size: Size, context: Context) -> Needs | Unknown:
        days = float(profile.history_days(("cpu_utilization",)))
        memory = memory_used(profile, size.memory_gib)
        if memory is None:
            return Unknown(("memory_utilization",))
        steps = (Margin(self.memory_margin), Confidence(days), Floor(connections_memory(profile)))
        cpu = cpu_need(profile, size.vcpu, self.risk, self.recent, context.as_of)
        held = estimate(observed(memory, "GiB", "highest use"), steps)
        need = Needs(cpu, held, limits=limits_used(profile), for_good=cpu_for_good(profile, size.vcpu))
        return gpu_needs(profile, size, need, days, self.cpu_margin, self.memory_margin) if size.gpus else need

    def _act(self, profile: Profile, action: Action, effect: Effect, net: Decimal, why: str = "", *more: str) -> Act:
        expected = cents(net)
        days = profile.history_days(WATCHED)
        share = Decimal(str(round(range_share(days), 4)))
        most = max(expected, cents(min(expected * (1 + share), profile.monthly_cost)))
        saving = Saving(
            Estimate(cents(expected * (1 - share)), expected, most),
            expected * 12,
            Decimal(0),
            profile.currency,
            assumes=(*more, "the account's discount is the same on the target", "demand does not grow beyond the margin"),
        )
        words = why or f"{action.target} holds its highest use with margin"
        return Act(action, saving, round(0.95 - float(share), 2), words, effect)

    def _units(self, profile: Profile, context: Context) -> Judged:
        """Provisioned throughput: the units that its p99 needs, in the steps that are sold, never below what is reserved."""
        units, step = profile.property("ptu"), profile.property("ptu_step")
        minimum = profile.property("ptu_minimum")
        lacking = [n for n, known in (("ptu", units), ("ptu_step", step), ("ptu_minimum", minimum is not None)) if not known]
        if not units or not step or minimum is None:
            return Unknown(tuple(f"properties {name}" for name in lacking)), (), (), ()
        use = profile.of("ptu_utilization", "max", "p99", "avg")
        if not use:
            return Unknown(("ptu_utilization",)), (), (), ()
        if missing := profile.lacks(("ptu_utilization",), self.min_days):
            return Unknown(missing), sizing_facts(profile), (), ()
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
            return Keep("its p99 with margin, or what is reserved, needs all units"), sizing_facts(profile), explanation, ()
        open_units = units - reserved
        factor = Decimal(str(max(0.0, need.amount - reserved) / open_units))
        effect = Effect((Change(factor, covered=False),))
        net = context.bill.value(profile.bill_key, effect).net
        return (
            self._act(profile, Resize(f"{units:g}", f"{need.amount:g}"), effect, net),
            sizing_facts(profile),
            explanation,
            (),
        )

    def _function(self, profile: Profile, context: Context) -> Judged:
        """The memory that is cheapest by the durations measured at each size, never below what is used."""
        current = profile.property("memory_mb")
        used = [s.highest for s in profile.of("memory_used_mb")] + [profile.property("max_memory_used_mb") or 0.0]
        if current is None or not max(used):
            return Unknown(("properties memory_mb and max_memory_used_mb",)), (), (), ()
        durations = durations_by_memory(profile, current)
        if len(durations) < 2:
            return Unknown(("latency_ms by memory_mb",)), (), (), ()
        least = max(used) * (1 + self.memory_margin)
        best = cheapest_memory(durations, current, least)
        measured = "; ".join(f"{mb:g} MB: {ms:.4g} ms" for mb, ms in sorted(durations.items()))
        explanation = (f"measured {measured}", f"highest use {max(used):g} MB, with margin {least:.4g} MB")
        if best >= current:
            return Keep("no smaller memory is as fast and cheaper"), (), explanation, ()
        factor = share_of(Decimal(str(best * durations[best])) / Decimal(str(current * durations[current])))
        meters = {line.unit for line in context.bill.lines(profile.bill_key) if BY_MEMORY_TIME.search(line.unit)}
        effect = Effect(tuple(Change(factor, unit=unit) for unit in sorted(meters)))
        slower = [f"{mb:g} MB: {durations[mb]:.4g} ms" for mb in sorted(durations) if least <= mb < best]
        net = context.bill.value(profile.bill_key, effect).net
        if net <= profile.monthly_cost * Decimal(str(self.min_saving_share)):
            return Keep(self._near_best), (), explanation, ()
        why = f"as fast with {best:g} MB; below its knee it is slower and dearer"
        return self._act(profile, Resize(f"{current:g}", f"{best:g}"), effect, net, why), (), explanation, tuple(slower)

    def _pool(self, profile: Profile, context: Context) -> Judged | None:
        """Fewer nodes once pods request what they use: a lower request alone saves nothing."""
        pods = pods_of(profile)
        nodes = profile.property("desired") or profile.property("instances") or float(len(keys_of(profile.bill_key)))
        price = context.prices.price(machine_key(profile, "vm", context), context.at)
        cores = profile.property("vcpu") or (price.spec("vcpu") if price else None)
        memory = profile.of("memory_utilization", "max", "p99", "avg")
        lacking = {"cpu_requested_cores": pods, "properties vcpu": cores, "memory_utilization": memory}
        if not all(lacking.values()) or not cores:
            return Unknown(tuple(name for name, value in lacking.items() if not value)), sizing_facts(profile), (), ()
        if missing := profile.lacks(("cpu_used_cores",), self.min_days):
            return Unknown(missing), sizing_facts(profile), (), ()
        asked = sum(p.fitted(self.cpu_margin) for p in pods)
        held = max(s.highest for s in memory) / 100 * nodes
        least = least_nodes(profile, nodes)
        target = max(nodes_for(asked, cores, held, ALLOCATABLE), least, MIN_NODES)
        explanation = (
            *(f"{p.namespace}: requests {p.requested:g}, uses {p.used:.3g}: {p.fitted(self.cpu_margin):.3g}" for p in pods),
            f"{asked:.3g} cores at {cores:g} a node and memory of {held:.3g} nodes, {ALLOCATABLE:.0%} for pods: {target} nodes",
        )
        if target >= nodes:
            said = f"its least number of nodes is {least}" if least >= nodes else "its pods need all of them"
            return Keep(f"only whole nodes save, and {said}"), sizing_facts(profile), explanation, ()
        effect = by_time(profile, share_of(Decimal(target) / Decimal(str(nodes))), "", context)
        net = context.bill.value(profile.bill_key, effect).net
        why = f"with requests near use, {target} of {nodes:g} nodes hold all pods; requests first, then nodes"
        why += " and their least number" if (profile.property("min_nodes") or 0) > target else ""
        act = self._act(profile, Scale(f"{nodes:g}", f"{target}"), effect, net, why, "pods can be packed onto fewer nodes")
        return (act if net > 0 else Keep("a commitment covers its nodes")), sizing_facts(profile), explanation, ()

    def _shared(self, profile: Profile, peers: list[Mapping[str, Any]], context: Context) -> Judged | None:
        """Several small endpoints of one framework and network as one multi-model endpoint; None where that saves nothing."""
        current = self._price(profile, MACHINES[kind_of(profile.resource_type)], context)
        size = size_of(profile, current) if current else None
        if current is None or not isinstance(size, Size) or len(peers) <= 2:
            return None
        if standby(profile) or not_by_size(profile, database=False):
            return None
        members = [m for m in (member_of(peer, size) for peer in peers) if m is not None]
        if len(members) < len(peers) or self._too_short(profile):
            return None
        offers = [(p, shared_machines(members, p)) for p in (*context.prices.choices(current.key, context.at), current)]
        alike = [
            (p.amount * count, p.key.sku, count)
            for p, count in offers
            if count and p.unit == current.unit and p.specs.get("gpu_model") == current.specs.get("gpu_model")
        ]
        cost, sku, count = min(alike, default=(Decimal(0), "", 0))
        if not sku or cost >= current.amount * len(members):
            return None
        effect = by_time(profile, share_of(cost / (current.amount * len(members))), sku, context)
        net = context.bill.value(profile.bill_key, effect).net
        if net <= profile.monthly_cost * Decimal(str(self.min_saving_share)):
            return None
        held = sum(m.gpu_memory for m in members)
        why = f"{len(members)} endpoints of one framework and network hold {held:.3g} GiB: {count} × {sku} hold them all"
        action = Reconfigure(f"{len(members)} × {current.key.sku}", f"multi-model, {count} × {sku}")
        act = self._act(profile, action, effect, net, why, "a cold model loads in seconds", "each takes an equal share")
        return act, sizing_facts(profile), (why,), ()


WATCHED = ("cpu_utilization", "ptu_utilization", "gpu_sm_active", "gpu_utilization", "cpu_used_cores", "requests", "latency_ms")
ALLOCATABLE = 0.9
"""Share of a node that pods may fill: the kubelet, the system and eviction thresholds take the rest (GKE and EKS reserve 5–10 %
of CPU and memory of machines of this size)."""

MIN_NODES = 2

Judged = tuple[Verdict, tuple[Fact, ...], tuple[str, ...], tuple[str, ...]]
