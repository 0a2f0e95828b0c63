"""A machine's own meters on the bill, and what is left of them: on another machine, on fewer, or in fewer hours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from finops.bill.simulate import Line
from finops.model import Change, Effect
from finops.pricing import Price
from finops.profile import Profile
from finops.recommend import Context
from finops.sizing.machines import hourly

ACCELERATOR = re.compile(r"\b[GT]PUs?\b", re.IGNORECASE)
"""Meters of accelerators, which some providers bill beside the cores and the memory of their machine."""


def machine_lines(lines: Iterable[Line], *, accelerators: bool = True) -> list[Line]:
    """The usage that counts the time of machines: whole, or in parts (cores, memory, accelerators).

    Not storage and traffic; and where a machine is named, nothing that names none beside it (the fee of a control plane, an
    address) but its accelerators, on whose meters a bill does not always name it.
    """
    timed = [line for line in lines if line.category == "Usage" and line.cost > 0 and hourly(line.unit)]
    if any(line.instance_type for line in timed):
        timed = [line for line in timed if line.instance_type or ACCELERATOR.search(line.meter)]
    return timed if accelerators else [line for line in timed if not ACCELERATOR.search(line.meter)] or timed


def resized(profile: Profile, price: Price, current: Price, context: Context) -> Effect:
    """The machine's meters at the ratio of the two list prices; others (storage, traffic) stay.

    A list price either includes the machine's accelerators, or they are sold apart and stay as they are.
    """
    lines = machine_lines(context.bill.lines(profile.bill_key), accelerators=bool(current.spec("gpu_count")))
    return at_share(lines, share_of(price.amount / current.amount), price.key.sku)


def by_time(profile: Profile, factor: Decimal, sku: str, context: Context) -> Effect:
    """The meters of machines, accelerators included, at a share of their cost."""
    return at_share(machine_lines(context.bill.lines(profile.bill_key)), factor, sku)


def at_share(lines: Sequence[Line], factor: Decimal, sku: str) -> Effect:
    """Each meter of these lines at a share of its cost, and as another machine where a `sku` is given."""
    parts = {line.meter for line in lines if not line.instance_type} if any(line.instance_type for line in lines) else set()
    meters = sorted({line.meter for line in lines})
    return Effect(tuple(Change(factor, meter=meter, sku="" if meter in parts else sku) for meter in meters))


def share_of(ratio: Decimal) -> Decimal:
    """A ratio as what is left of a cost."""
    return min(Decimal(1), ratio).quantize(Decimal("0.000000000001"))
