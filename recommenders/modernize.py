"""Modernize: the same work on a newer volume type, machine generation, accelerator or supported version, for less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from finops.bill.lines import Line
from finops.kinds import kind_of
from finops.model import Change, Effect, Fact, Finding, Keep, Reconfigure, Resize, Unknown
from finops.money import cents
from finops.pricing import Price
from finops.profile import Profile, profile_of_row, standby
from finops.recommend import Context, Row
from finops.sizing.estimate import range_share
from finops.sizing.machines import (
    Generation,
    Needs,
    accelerator_of,
    accelerator_prices,
    generation_of,
    hourly,
    hours_run,
    machine_key,
    needs_seen,
    negotiated,
    ratio,
)
from finops.sizing.meters import at_share, machine_lines, own_lines, resized
from finops.sizing.targets import bound_to
from finops.sizing.volumes import judged_volume
from finops.verdicts import Judged, act, finding_of, price_of

GPU_METRICS = ("cpu_utilization", "gpu_sm_active", "gpu_utilization", "gpu_memory_utilization", "gpu_memory_used_gib")


ACCELERATORS: dict[str, tuple[str, ...]] = {"K80": ("T4", "L4"), "M60": ("T4", "L4"), "P4": ("T4", "L4"), "T4": ("L4",)}
"""Inference accelerators and those that do their work at least as fast (NVIDIA data sheets: L4 121 TFLOPS FP16, T4 65)."""

TYPES: dict[str, tuple[str, bool]] = {
    "machine": ("vm", False),
    "endpoint": ("endpoint", False),
    "database": ("database", True),
    "database_always_on": ("database", True),
    "cache": ("database", True),
}
"""By kind: product of the price list, and whether the provider runs the software, so that any processor architecture does."""


@dataclass(frozen=True, slots=True)
class Modernize:
    """Modernize: newer generations that do the same for less."""

    min_days: Annotated[int, Field(ge=7, le=90, description="Days of metrics before a verdict (two weekly cycles).")] = 14
    generations: Annotated[
        int, Field(ge=1, le=5, description="Generations behind the newest from which a machine of one's own counts as old.")
    ] = 2
    tolerance: Annotated[
        float, Field(ge=0, le=0.2, description="Need above what a volume includes that buys nothing (histograms are 5 % wide).")
    ] = 0.05
    cpu_margin: Annotated[float, Field(ge=0, le=2, description="Headroom on CPU where the machine gets smaller.")] = 0.2
    memory_margin: Annotated[float, Field(ge=0, le=2, description="Headroom on memory where the machine gets smaller.")] = 0.15
    min_saving_share: Annotated[float, Field(ge=0, le=1, description="Least share of the cost worth a change.")] = 0.03

    kind: ClassVar[str] = "modernize"
    candidates: ClassVar[str] = """
        with machines as (
            select
                lower(resource_id) as key,
                arg_max(sku, observed_at) as holder
            from resources
            where observed_at < $as_of::date + 4
            group by lower(resource_id)
        )
        select
            profiles.*,
            machines.holder
        from resource_profile($as_of) as profiles
        left join machines on lower(profiles.attached_to) = machines.key
        where profiles.resource_type is not null or profiles.instance_type is not null
        order by profiles.provider, profiles.account_id, profiles.resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        if profile.monthly_cost <= 0:
            return
        judged: Judged | None = None
        kind = kind_of(profile.resource_type)
        if kind == "volume":
            judged = judged_volume(profile, str(candidate.get("holder") or ""), self.min_days, self.tolerance, context)
        elif kind == "cluster":
            judged = _cluster(profile, context)
        elif kind in TYPES:
            product, managed = TYPES[kind]
            judged = self._accelerated(profile, product, context) or self._machine(profile, product, managed, context)
        if judged is not None:
            yield finding_of(profile, judged, self.kind, context)

    def _machine(self, profile: Profile, product: str, managed: bool, context: Context) -> Judged | None:
        own = generation_of(profile.sku or profile.billed_machine)
        if own is None or profile.property("gpu_count"):
            return None
        key = machine_key(profile, product, context)
        current = context.prices.price(key, context.at)
        newer = [p for p in context.prices.choices(key, context.at) if self._old(own, generation_of(p.key.sku), managed)]
        if not newer:
            return None
        if current is None:
            return Judged(Unknown((price_of(key.sku, profile, context),)))
        reason = standby(profile)
        if reason:
            return Judged(Keep(reason))
        judged = [(price, _why_not(profile, current, price, managed)) for price in newer]
        fitting = [price for price, why in judged if why is None]
        rejected = tuple(f"{price.key.sku}: {why}" for price, why in judged if why is not None)[:5]
        if not fitting:
            return Judged(Keep("no newer machine of its size is cheaper and runs its software"), rejected=rejected)
        found = self._generation(profile, current, fitting[0], context)
        others = tuple(f"{p.key.sku}: {p.amount} an hour, {fitting[0].key.sku} {fitting[0].amount}" for p in fitting[1:4])
        return replace(found, rejected=(*others, *rejected))

    def _old(self, own: Generation, other: Generation | None, managed: bool) -> bool:
        """Whether the other is a successor, far enough ahead that ours is old; a managed engine moves at any step."""
        return other is not None and other.ahead_of(own) >= (1 if managed else self.generations)

    def _generation(self, profile: Profile, current: Price, target: Price, context: Context) -> Judged:
        """Same size, new generation. Covered usage is left out where its commitment follows: what that frees may strand."""
        lines = own_lines(profile, current, context)
        sku, cheaper = target.key.sku, target.amount / current.amount
        whole = resized(profile, target, current, context)
        follows = all(context.bill.follows(line, Change(Decimal(1), sku=sku)) for line in lines if line.commitment)
        effect = Effect(tuple(replace(change, covered=False) for change in whole.changes)) if follows else whole
        outcome = context.bill.value(profile.bill_key, effect)
        if outcome.net <= profile.monthly_cost * Decimal(str(self.min_saving_share)):
            covered = any(line.commitment for line in lines)
            why = "a commitment covers it, and nothing would be saved before that ends" if covered else "as cheap where it is"
            return Judged(Keep(why), explanation=(f"stranded a month: {cents(outcome.stranded)}",))
        high = max(outcome.net, context.bill.value(profile.bill_key, whole).net)
        other = target.specs.get("architecture") != current.specs.get("architecture")
        assumes = ["it is at least as fast as the machine that it replaces", "the account's discount is the same on it"]
        if other:
            assumes.append(f"its software runs on {target.specs.get('architecture')}")
        words = f"{sku} has the same size for {1 - cheaper:.1%} less at list prices"
        verdict = act(
            Resize(current.key.sku, sku), effect, (outcome.net * Decimal("0.9"), outcome.net, high), profile, why=words,
            confidence=0.7 if other else 0.85, assumes=tuple(assumes),
        )  # fmt: skip
        facts = (current.fact, target.fact)
        return Judged(verdict, facts, (words,), effort="medium" if other else "low")

    def _accelerated(self, profile: Profile, product: str, context: Context) -> Judged | None:
        """Another accelerator: compared with what is paid after automatic discounts, which newer machines may not have."""
        model = accelerator_of(ACCELERATORS, profile.properties.get("gpu_model"))
        key, successors = machine_key(profile, product, context), ACCELERATORS.get(model, ())
        targets = [p for p in context.prices.choices(key, context.at) if accelerator_of(successors, p.specs.get("gpu_model"))]
        targets = [p for p in targets if p.spec("vcpu") is not None]
        if not targets:
            return None
        if standby(profile):
            return Judged(Keep(str(standby(profile))))
        if not profile.history_days(GPU_METRICS):
            return Judged(Unknown(("gpu_memory_utilization",)))
        if missing := profile.lacks(GPU_METRICS, self.min_days):
            return Judged(Unknown(missing))
        dram = profile.of("gpu_dram_active", "max", "p99", "avg")
        if dram and max(s.quantile(0.95) for s in dram) > 70.0:
            return Judged(Keep("bound by GPU memory bandwidth, of which the newer accelerator has no more"))
        current = context.prices.price(key, context.at)
        needs = needs_seen(profile, current, self.cpu_margin, self.memory_margin)
        if isinstance(needs, Unknown):
            return Judged(needs)
        fitting = [p for p in targets if needs.held_by(p)]
        if not fitting:
            return Judged(Keep("no machine with a newer accelerator holds what it does"), explanation=needs.words)
        devices = accelerator_prices(profile, product, model, context)
        lines = machine_lines(context.bill.lines(profile.bill_key))
        hours = hours_run(lines, current, devices[0] if len(devices) == 1 else None, needs.gpus)
        if hours is None:
            return Judged(Unknown((price_of(key.sku, profile, context), price_of(model, profile, context))))
        return self._newer_accelerator(profile, fitting, lines, hours, needs, context)

    def _newer_accelerator(
        self, profile: Profile, fitting: list[Price], lines: list[Line], hours: Decimal, needs: Needs, context: Context
    ) -> Judged:
        target = fitting[0]
        sku = target.key.sku
        paid, then = sum((line.cost for line in lines), Decimal(0)), hours * target.amount * negotiated(lines)
        effect = at_share(lines, ratio(then, paid), sku)
        net = context.bill.value(profile.bill_key, effect).net
        if net <= profile.monthly_cost * Decimal(str(self.min_saving_share)):
            why = f"{sku} would cost {cents(then)} a month, and {cents(paid)} are paid after automatic discounts"
            return Judged(Keep(why), explanation=needs.words)
        share = Decimal(str(round(range_share(profile.history_days(GPU_METRICS)), 4)))
        facts = (
            Fact("paid after automatic discounts", str(cents(paid)), f"{context.currency} a month", "bill_month"),
            target.fact,
            Fact("hours", round(float(hours), 1), "a month", "bill_month"),
        )
        verdict = act(
            Resize(profile.sku, sku), effect, (net * (1 - share), net, net), profile, confidence=0.65,
            why=f"{sku} holds what it does, for less than is paid after automatic discounts",
            assumes=("the newer accelerator is at least as fast for this model", "the account's discount is the same on it"),
        )  # fmt: skip
        others = tuple(f"{p.key.sku}: {p.amount} an hour" for p in fitting[1:4])
        return Judged(verdict, facts, needs.words, others, "medium")


def _cluster(profile: Profile, context: Context) -> Judged | None:
    """A control plane whose version is out of standard support and costs a fee for that."""
    lines = [line for line in context.bill.lines(profile.bill_key) if line.category == "Usage" and line.cost > 0]
    surcharged = [line for line in lines if "extended" in line.meter.lower()]
    support = str(profile.properties.get("support") or "").lower()
    if support != "extended" and not profile.sku.lower().endswith(":extended") and not surcharged:
        return None
    pair = _support_prices(profile, context)
    alone = not ({line.meter for line in lines if hourly(line.unit)} - {line.meter for line in surcharged})
    if pair is None and (alone or not surcharged):
        return Judged(Unknown((price_of("extended and standard support", profile, context),)))
    # Some lists charge extended support beside the standard fee, others in its place.
    left = Decimal(0) if pair is None or _is_surcharge(surcharged, pair) else ratio(pair[1].amount, pair[0].amount)
    meters = {line.meter for line in surcharged or lines if hourly(line.unit)}
    changes = tuple(Change(left, meter=meter) for meter in sorted(meters))
    effect = Effect(changes)
    net = context.bill.value(profile.bill_key, effect).net
    if net <= 0:
        return Judged(Keep("no fee for extended support is on its bill"))
    version = str(profile.properties.get("version") or "")
    action = Reconfigure(f"version {version} in extended support", "upgrade")
    verdict = act(
        action, effect, (net, net, net), profile, why="its version is out of standard support, and a fee is charged for that",
        confidence=0.95, assumes=("add-ons and nodes are upgraded along with it",),
    )  # fmt: skip
    return Judged(verdict, (Fact("version", version, "", "resources"),), effort="medium")


def _support_prices(profile: Profile, context: Context) -> tuple[Price, Price] | None:
    """The prices of extended and of standard support of this kind of cluster."""
    rows = context.prices.every(
        context.at, provider=profile.provider, region=profile.region, product="kubernetes", instrument=""
    )
    prices = {p.key.sku: p for p in rows}
    names = sorted(sku.rsplit(":", 1)[0] for sku in prices if sku.endswith(":extended"))
    own = profile.sku.rsplit(":", 1)[0]
    name = own if own in names else names[0] if len(names) == 1 else ""
    extended, standard = prices.get(f"{name}:extended"), prices.get(f"{name}:standard")
    return None if extended is None or standard is None else (extended, standard)


def _is_surcharge(lines: list[Line], pair: tuple[Price, Price]) -> bool:
    """Whether the bill's extended lines cost the difference of the two prices rather than the whole."""
    quantity = sum((line.quantity for line in lines), Decimal(0))
    shown = sum((line.listed for line in lines), Decimal(0)) / quantity if quantity > 0 else pair[0].amount
    return abs(shown - (pair[0].amount - pair[1].amount)) < abs(shown - pair[0].amount)


def _why_not(profile: Profile, current: Price, price: Price, managed: bool) -> str | None:
    """Why a newer machine is no replacement; None where it is."""
    sizes = [(price.spec(name), current.spec(name)) for name in ("vcpu", "memory_gib")]
    if any(new is None or old is None for new, old in sizes):
        return "its size is unknown"
    (vcpu, own_vcpu), (memory, own_memory) = sizes
    if vcpu != own_vcpu or (memory or 0.0) < (own_memory or 0.0) or price.unit != current.unit:
        return "another size"
    if price.amount >= current.amount:
        return "costs as much or more"
    return None if managed else bound_to(profile, current, price)
