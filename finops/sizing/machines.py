"""Machines as bill and price list show them: their lines, hours, price key, generation and what they are seen to need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from finops.bill.lines import Line
from finops.model import Unknown
from finops.pricing import Price, PriceKey
from finops.profile import Profile, cpu_of, memory_used, per_device
from finops.recommend import Context
from finops.sizing.estimate import Confidence, Floor, Margin, estimate, observed

ONE = Decimal(1)
FINE = Decimal("0.000000000001")

GENERATIONS = (
    re.compile(r"^(?P<line>(?:db\.|cache\.)?[cmrt])(?P<generation>\d)(?P<options>[a-z]*)\.\w+$"),  # m5.2xlarge, db.r5.large
    re.compile(r"^(?P<line>Standard_[A-Z])\d+(?P<options>[a-z]*)_v(?P<generation>\d)$"),  # Standard_D4s_v3
    re.compile(r"^(?P<line>[cn])(?P<generation>\d)(?P<options>[a-z]*)-(?:standard|highmem|highcpu)-\d+$"),  # n1-standard-8
)
"""Machine names whose number tells the generation within a line of one purpose (general, compute, memory, burstable)."""

IN_STEP = (frozenset("cmr"), frozenset(("Standard_D", "Standard_E")))
"""Lines whose generations are numbered together; elsewhere only generations of one line compare."""

MUST_STAY = frozenset("bdnsz")
"""Options of a name that a successor must have too: block bandwidth, local disk, network, premium storage, frequency."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a machine's name says: its line, which generation of it, and its options."""

    line: str
    number: int
    options: frozenset[str]

    def ahead_of(self, other: Generation) -> int:
        """Generations ahead of another of the same line that has no option which this lacks; 0 where it is no successor."""
        same = self.line == other.line and other.options & MUST_STAY <= self.options
        return max(0, self.number - other.number) if same else 0

    def behind(self, other: Generation) -> bool:
        """Whether it is an older generation, of the same line or of one whose numbers go in step with it."""
        return self.number < other.number and self._in_step(other)

    def has_cores_of(self, other: Generation) -> bool:
        """Whether its cores are the other's (one generation, one maker) or newer ones, which do no less."""
        makers = self.options - MUST_STAY, other.options - MUST_STAY
        return other.behind(self) or (self.number == other.number and makers[0] == makers[1] and self._in_step(other))

    def _in_step(self, other: Generation) -> bool:
        lines = {self.line.rsplit(".", 1)[-1], other.line.rsplit(".", 1)[-1]}
        return len(lines) == 1 or any(lines <= together for together in IN_STEP)


BURSTABLE = re.compile(
    r"^((ml|db|cache)\.)?t\d[a-z]*\.|^(Standard_|Basic_)?B\d+[a-z]*|^e2-(micro|small|medium)$|^(db-)?(f1|g1)-"
)
"""Names of machines with a baseline and credits, or with shared cores."""


def rises_and_falls(price: Price, current: Price) -> str | None:
    """A burstable target serves its baseline alone for good: it is named, not taken, where its baseline is not listed."""
    if BURSTABLE.match(price.key.sku) and not BURSTABLE.match(current.key.sku) and price.spec("baseline_cpu") is None:
        return "burstable: credits end where use stays above a baseline that the price list does not state"
    return None


def generation_of(sku: str) -> Generation | None:
    """None for a name that tells no generation."""
    for pattern in GENERATIONS:
        match = pattern.match(sku)
        if match:
            return Generation(match["line"], int(match["generation"]), frozenset(match["options"]))
    return None


MANAGED = ("endpoint", "notebook")
"""Products of managed machines: some providers sell them at prices of their own, others bill the machine underneath."""


def machine_key(profile: Profile, product: str, context: Context) -> PriceKey:
    """The whole key; what the inventory does not say stays None, so that rows that differ there are ambiguous.

    A managed machine that the bill names by a size of the list of machines is billed as that machine: its product is `vm`.
    """
    key = _key(profile, product)
    if product not in MANAGED or not profile.billed_machine:
        return key
    machine = replace(key, product="vm", sku=profile.billed_machine)
    return replace(key, product="vm") if context.prices.lists(machine, context.at) else key


def _key(profile: Profile, product: str) -> PriceKey:
    properties = profile.properties
    deployment = str(properties["deployment"]) if properties.get("deployment") else None
    if deployment is None and product == "database" and "multi_az" in properties:
        deployment = "Multi-AZ" if properties["multi_az"] else "Single-AZ"
    return PriceKey(
        profile.provider,
        profile.region,
        product,
        profile.sku or profile.billed_machine,
        operating_system=profile.operating_system or None,
        license=str(properties["license"]) if properties.get("license") else None,
        tenancy=str(properties["tenancy"]) if properties.get("tenancy") else None,
        deployment=deployment,
    )


def hourly(unit: str) -> bool:
    """Whether a meter counts time that a machine runs: `Hours`, `10 Hours`, `gibibyte hour`."""
    return unit.lower().endswith(("hour", "hours", "hrs"))


def hourly_lines(profile: Profile, context: Context) -> list[Line]:
    """The usage of a machine by time: itself, its parts (cores, memory) and its accelerators; not disks or traffic."""
    lines = context.bill.lines(profile.bill_key)
    return [line for line in lines if line.category == "Usage" and line.cost > 0 and hourly(line.unit)]


def negotiated(lines: Iterable[Line]) -> Decimal:
    """The negotiated share of list prices, before automatic discounts; 1 where the bill states no list price."""
    open_lines = [line for line in lines if line.usable and line.listed > 0]
    listed = sum((line.listed for line in open_lines), Decimal(0))
    return sum((line.on_demand for line in open_lines), Decimal(0)) / listed if listed else ONE


def before_use_discounts(lines: Iterable[Line]) -> Decimal:
    """What uncovered usage would cost without automatic discounts for use, as a multiple of what it costs; at least 1."""
    open_lines = [line for line in lines if line.usable]
    cost = sum((line.cost for line in open_lines), Decimal(0))
    return max(ONE, sum((line.on_demand for line in open_lines), Decimal(0)) / cost) if cost else ONE


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """A price ratio as a share, 0 … 1; 1 where the whole is nothing."""
    return min(ONE, max(Decimal(0), part / whole)).quantize(FINE) if whole > 0 else ONE


def hours_run(lines: Sequence[Line], machine: Price | None, accelerator: Price | None, gpus: float) -> Decimal | None:
    """Hours a month that a machine with `gpus` accelerators ran: its list cost over its list price.

    Where prices are missing, the smallest quantity of its meters, which is the machine's or that of one accelerator; None where
    neither tells.
    """
    listed = sum((line.listed for line in lines), Decimal(0))
    if machine is not None and machine.spec("gpu_count"):
        price = machine.amount
    elif machine is not None and accelerator is not None:
        price = machine.amount + accelerator.amount * Decimal(repr(gpus))
    else:
        price = Decimal(0)
    if price > 0 and listed > 0:
        return listed / price
    if gpus == 1 and lines:
        return min(line.quantity for line in lines)
    return None


@dataclass(frozen=True, slots=True)
class Needs:
    """What a machine of another kind must have; the words say how that is known."""

    vcpu: float
    memory_gib: float
    gpus: float
    gpu_memory_gib: float
    words: tuple[str, ...] = ()

    def held_by(self, price: Price) -> bool:
        have = (price.spec("vcpu"), price.spec("memory_gib"), price.spec("gpu_count"), price.spec("gpu_memory_gib"))
        need = (self.vcpu, self.memory_gib, self.gpus, self.gpu_memory_gib)
        return all(h is not None and h >= n for h, n in zip(have, need, strict=True))


def needs_seen(profile: Profile, current: Price | None, cpu_margin: float, memory_margin: float) -> Needs | Unknown:
    """What is seen, with margin; what is not measured stays as large as it is."""
    sizes: dict[str, float] = {}
    for name in ("vcpu", "memory_gib", "gpu_memory_gib"):
        own = profile.property(name)
        size = own if own is not None or current is None else current.spec(name)
        if size is not None:
            sizes[name] = size
    lacking = tuple(f"properties {name}" for name in ("vcpu", "memory_gib", "gpu_memory_gib") if name not in sizes)
    if lacking:
        return Unknown(lacking)
    vcpu, memory, device = sizes["vcpu"], sizes["memory_gib"], sizes["gpu_memory_gib"]
    gpus = profile.property("gpu_count") or (current.spec("gpu_count") if current else None) or 1.0
    days, words = float(profile.history_days(("cpu_utilization",))), []
    cpu = cpu_of(profile, vcpu)
    if cpu:
        need = observed(max(s.quantile(0.99) * whole for s, whole in cpu) / 100 * vcpu, "vCPU", "p99 of CPU")
        need = estimate(need, (Margin(cpu_margin), Confidence(days), Floor(1.0)))
        vcpu, words = min(vcpu, need.amount), [need.explain()]
    used = memory_used(profile, memory)
    if used is not None:
        need = estimate(observed(used, "GiB", "highest memory"), (Margin(memory_margin), Confidence(days)))
        memory, words = min(memory, need.amount), [*words, need.explain()]
    held = per_device(profile, "gpu_memory_utilization", gpus, 1.0, gib=("gpu_memory_used_gib", device))
    if held is not None:
        need = observed(max(held.each) / 100 * device, "GiB", "highest memory of an accelerator")
        need = estimate(need, (Margin(memory_margin),))
        device, words = min(device, need.amount), [*words, need.explain()]
    return Needs(vcpu, memory, gpus, device, tuple(words))


def accelerator_prices(profile: Profile, product: str, model: str, context: Context) -> list[Price]:
    """What the list charges for one accelerator of the model apart from its machine."""
    found = []
    for name in dict.fromkeys(("gpu", product)):
        rows = context.prices.every(
            context.at, provider=profile.provider, region=profile.region, product=name, term="on_demand", instrument=""
        )
        found += [p for p in rows if p.spec("vcpu") is None and accelerator_of((model,), p.specs.get("gpu_model") or p.key.sku)]
    return found


def hourly_price(sku: str, profile: Profile, keys: Sequence[str], context: Context) -> Decimal | None:
    """What an hour of the machine costs on the bill: there, else anywhere of the provider; else by the price list."""
    own = [line for key in keys for line in context.bill.lines(key)]
    for lines in (own, (line for line in context.bill.every_line() if line.provider == profile.provider)):
        price = shown_price(sku, lines)
        if price is not None:
            return price
    for product in ("training", "vm"):
        listed = context.prices.price(PriceKey(profile.provider, profile.region, product, sku), context.at)
        if listed is not None:
            return listed.amount * context.bill.discount(profile.bill_key)
    return None


def shown_price(sku: str, lines: Iterable[Line]) -> Decimal | None:
    meters: dict[str, tuple[Decimal, Decimal]] = {}
    for line in lines:
        if line.category == "Usage" and hourly(line.unit) and line.quantity > 0 and (line.instance_type == sku or not sku):
            cost, quantity = meters.get(line.meter, (Decimal(0), Decimal(0)))
            meters[line.meter] = (cost + line.cost, quantity + line.quantity)
    if not meters:
        return None
    return sum((cost for cost, _ in meters.values()), Decimal(0)) / min(quantity for _, quantity in meters.values())


def accelerator_of(names: Iterable[str], text: object) -> str:
    """Which of these accelerators a model's name means (`T4` of `nvidia-tesla-t4`); empty for none of them."""
    words = re.split(r"[^A-Za-z0-9]+", str(text or "").upper())
    return next((name for name in names if name.upper() in words), "")
