"""Machines that could take over: those that hold the need, the cheapest first, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from finops.model import Effect
from finops.money import cents
from finops.pricing import Price
from finops.profile import Profile
from finops.recommend import Context
from finops.sizing.capacity import Needs, why_not
from finops.sizing.machines import generation_of, rises_and_falls
from finops.sizing.meters import resized


@dataclass(frozen=True, slots=True)
class Choice:
    """A machine that fits, with what the simulated bill says of it."""

    price: Price
    effect: Effect
    net: Decimal
    stranded: Decimal


def fitting_machines(
    profile: Profile, current: Price, needs: Needs, any_architecture: bool, context: Context
) -> tuple[list[Choice], tuple[str, ...]]:
    """(cheaper machines that hold the need, why others do not, the dearest first).

    The cheapest come first; of equally cheap ones those of the machine's own family, then the newest generation.
    """
    fitting: list[Choice] = []
    rejected: list[str] = []
    machines = _machines(context.prices.choices(current.key, context.at))
    for price in sorted(machines, key=lambda p: _preference(p, current)):
        if price.amount >= current.amount or price.currency != current.currency or price.unit != current.unit:
            continue
        why = rises_and_falls(price, current) or _older(price, current) or why_not(price, current, needs, any_architecture)
        if why:
            rejected.append(f"{price.key.sku}: {why}")
            continue
        effect = resized(profile, price, current, context)
        outcome = context.bill.value(profile.bill_key, effect)
        fitting.append(Choice(price, effect, outcome.net, outcome.stranded))
    return fitting, tuple(reversed(rejected))


def _machines(prices: list[Price]) -> list[Price]:
    """Without what the list sells apart (accelerators, cores): where it states sizes, a machine has one."""
    return [price for price in prices if price.spec("vcpu") is not None] or prices


def other_choice(choice: Choice, current: Price) -> str:
    """An alternative in words."""
    risk = "" if _same_family(choice.price, current) else " (another family, whose cores nobody has measured with this load)"
    return f"{choice.price.key.sku}: would save {cents(choice.net)}{risk}"


def _same_family(price: Price, current: Price) -> bool:
    return price.key.sku.rsplit(".", 1)[0] == current.key.sku.rsplit(".", 1)[0]


def _preference(price: Price, current: Price) -> tuple[Decimal, bool, int, str]:
    generation = generation_of(price.key.sku)
    return price.amount, not _same_family(price, current), -generation.number if generation else 0, price.key.sku


def _older(price: Price, current: Price) -> str | None:
    """A step back in generations is a step that has to be taken again, and newer cores do more than it counts."""
    own, other = generation_of(current.key.sku), generation_of(price.key.sku)
    if own is not None and other is not None and other.behind(own):
        return "an older generation, which would be left again"
    return None
