"""Machines that could take over: those that hold the need, the cheapest first, and why the others do not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from finops.commitment.levels import family
from finops.model import Effect
from finops.money import cents
from finops.pricing import Price
from finops.profile import Profile
from finops.recommend import Context
from finops.sizing.capacity import Needs, Size, why_not
from finops.sizing.machines import generation_of, rises_and_falls
from finops.sizing.meters import month_share, own_lines, part_paid, resized

UNMEASURED = 0.5
"""Share of a machine's processors that may be needed where its cores are unknown: one of another family may do half as much
(measured so between families of one provider: docs/decisions/0164-smaller-is-less-of-something.md)."""

LASTING_DAYS = 365
"""A commitment that ends within the year for which a plan counts cash is gone while the size is still there."""

SAME_SIZE = 0.9
"""Share of the present size from which another family's machine is of the same size: 3.75 and 4 GiB a vCPU are no step."""

PORTED = 3
"""How many machines of another architecture are named."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A machine that fits, with what the simulated bill says of it.

    needed  the share of its processors that must do what the present ones do; None where its cores are known
    """

    price: Price
    effect: Effect
    net: Decimal
    stranded: Decimal
    needed: float | None = None

    @property
    def sure(self) -> bool:
        """Whether it is enough even if its cores do less."""
        return self.needed is None or self.needed <= UNMEASURED

    @property
    def assumes(self) -> tuple[str, ...]:
        """What nobody has measured of it."""
        if self.needed is None:
            return ()
        return (f"another family: a core of {self.price.key.sku} does at least {self.needed:.0%} of the work of a present one",)


def fitting_machines(
    profile: Profile, current: Price, size: Size, needs: Needs, any_architecture: bool, context: Context
) -> tuple[list[Choice], tuple[str, ...]]:
    """(smaller and cheaper machines that hold the need, the others and why, the dearest first).

    The cheapest after automatic discounts for use come first; of equally cheap ones those of the machine's own family, then
    the newest generation. Those of another processor architecture stand first among the others, the cheapest first, with what
    they would save and what nobody knows of them: software must be built for it.
    """
    fitting: list[Choice] = []
    rejected: list[str] = []
    ported: list[str] = []
    lines = own_lines(profile, current, context)
    share = month_share(profile, lines, current)

    def paid(price: Price) -> Decimal:
        return price.amount * part_paid(price.key.sku, lines, share, context.bill)

    machines = _machines(context.prices.choices(current.key, context.at))
    for price in sorted(machines, key=lambda p: (paid(p), *_preference(p, current))):
        if paid(price) >= paid(current) or price.currency != current.currency or price.unit != current.unit:
            continue
        why = (
            rises_and_falls(price, current)
            or _older(price, current)
            or why_not(price, current, needs)
            or _no_smaller(price, current, size)
        )
        if why:
            rejected.append(f"{price.key.sku}: {why}")
            continue
        other = price.specs.get("architecture")
        if any_architecture or other == current.specs.get("architecture"):
            fitting.append(_choice(profile, price, current, needs, context))
        elif bound := bound_to(profile, current, price):
            rejected.append(f"{price.key.sku}: another processor architecture ({other}): {bound}")
        elif len(ported) < PORTED:
            ported.append(_elsewhere(_choice(profile, price, current, needs, context), str(other)))
    return _ranked(profile, fitting, context), (*ported, *reversed(rejected))


def _choice(profile: Profile, price: Price, current: Price, needs: Needs, context: Context) -> Choice:
    effect = resized(profile, price, current, context)
    outcome = context.bill.value(profile.bill_key, effect)
    return Choice(price, effect, outcome.net, outcome.stranded, _needed(price, current, needs))


def bound_to(profile: Profile, current: Price, price: Price) -> str | None:
    """What keeps its software on the present processor architecture, where the other's is another; None where nothing does."""
    own, other = current.specs.get("architecture"), price.specs.get("architecture")
    if own == other:
        return None
    if not own or not other:
        return "its processor architecture is unknown"
    if profile.operating_system.lower() != "linux":
        return f"{profile.operating_system or 'an unknown operating system'} does not run on {other}"
    if str(profile.properties.get("license") or "none").lower() not in ("none", "no license required"):
        return f"its licence ({profile.properties['license']}) is for the present processor architecture"
    if profile.properties.get("stateful") or profile.properties.get("quorum"):
        return "stateful: another processor architecture is a migration of its data"
    return None


def _ranked(profile: Profile, cheapest: list[Choice], context: Context) -> list[Choice]:
    """As they are, or by what they save where a commitment that lasts a year or longer covers the present machine."""
    held = {line.commitment for line in context.bill.lines(profile.bill_key)} & context.bill.commitments.keys()
    ends = [end for name in held if (end := context.bill.commitments[name].term_end)]
    lasts = any((end - context.as_of).days >= LASTING_DAYS for end in ends)
    return sorted(cheapest, key=lambda choice: -choice.net) if lasts else cheapest


def _machines(prices: list[Price]) -> list[Price]:
    """Without what the list sells apart (accelerators, cores): where it states sizes, a machine has one."""
    return [price for price in prices if price.spec("vcpu") is not None] or prices


def other_choice(choice: Choice) -> str:
    """An alternative in words."""
    risk = "" if choice.needed is None else " (another family, whose cores nobody has measured with this load)"
    return f"{choice.price.key.sku}: would save {cents(choice.net)}{risk}"


def _elsewhere(choice: Choice, architecture: str) -> str:
    risk = f"its software must run on {architecture}, and nobody has measured its cores with this load"
    return f"{choice.price.key.sku}: would save {cents(choice.net)} (another processor architecture: {risk})"


def _needed(price: Price, current: Price, needs: Needs) -> float | None:
    vcpu = price.spec("vcpu")
    return None if needs.cpu is None or not vcpu or _known_cores(price, current) else needs.cpu.amount / vcpu


def _known_cores(price: Price, current: Price) -> bool:
    own, other = generation_of(current.key.sku), generation_of(price.key.sku)
    return _same_family(price, current) or (own is not None and other is not None and other.has_cores_of(own))


def _same_family(price: Price, current: Price) -> bool:
    """Names that differ in their size alone: `m5.large`, `n2-standard-8`, `Standard_D8s_v3`, `GP_Gen5_8`."""
    own, other = current.key.sku, price.key.sku
    return family(own) == family(other) or re.sub(r"(?<=_)\d+$", "", own) == re.sub(r"(?<=_)\d+$", "", other)


def _no_smaller(price: Price, current: Price, size: Size) -> str | None:
    """A machine of another family is smaller in something that is not needed, or it is a question of its generation alone."""
    if _same_family(price, current):
        return None
    sizes = {"vcpu": size.vcpu, "memory_gib": size.memory_gib, "gpu_count": size.gpus, "gpu_memory_gib": size.gpu_memory_gib}
    pairs = [(price.spec(name), own) for name, own in sizes.items()]
    if any(have is not None and own is not None and have < own * SAME_SIZE for have, own in pairs):
        return None
    return "another family of the same size, which is no smaller machine"


def _preference(price: Price, current: Price) -> tuple[bool, int, str]:
    generation = generation_of(price.key.sku)
    return not _same_family(price, current), -generation.number if generation else 0, price.key.sku


def _older(price: Price, current: Price) -> str | None:
    """A step back in generations is a step that has to be taken again, and newer cores do more than it counts."""
    own, other = generation_of(current.key.sku), generation_of(price.key.sku)
    if own is not None and other is not None and other.behind(own):
        return "an older generation, which would be left again"
    return None
