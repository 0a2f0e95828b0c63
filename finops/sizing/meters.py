"""A machine's own meters on the bill, and what is left of them: on another machine, on fewer, or in fewer hours."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from finops.bill.lines import Line, keys_of
from finops.bill.rating import Tiers
from finops.bill.simulate import Bill
from finops.model import Change, Effect
from finops.money import HOURS_PER_MONTH
from finops.pricing import Price
from finops.profile import Profile
from finops.recommend import Context
from finops.sizing.machines import ONE, before_use_discounts, hourly

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


def own_lines(profile: Profile, current: Price, context: Context) -> list[Line]:
    """The lines that the machine's list price stands for: it includes the accelerators, or they are sold apart."""
    return machine_lines(context.bill.lines(profile.bill_key), accelerators=bool(current.spec("gpu_count")))


def resized(profile: Profile, price: Price, current: Price, context: Context) -> Effect:
    """The machine's meters at the ratio of the two list prices; others (accelerators sold apart, storage, traffic) stay.

    Uncovered usage costs what the two machines' automatic discounts for use make of that; covered usage has none.
    """
    lines, sku, listed = own_lines(profile, current, context), price.key.sku, price.amount / current.amount
    used = _use_rate(lines, sku, month_share(profile, lines, current), context.bill)
    changes = at_share(lines, share_of(listed), sku).changes
    if used == 1:
        return Effect(changes)
    return Effect((*(replace(change, factor=share_of(listed * used), covered=False) for change in changes), *changes))


def month_share(profile: Profile, lines: Sequence[Line], current: Price) -> float:
    """The share of a month that each of its machines ran, by what they cost at list prices; 0 where nothing states these."""
    month = current.amount * HOURS_PER_MONTH
    months = float(sum((line.listed for line in lines), Decimal(0)) / month) if month else 0.0
    return min(1.0, months / max(len(keys_of(profile.bill_key)), math.ceil(months - 0.05)))


def part_paid(sku: str, lines: Sequence[Line], share: float, bill: Bill) -> Decimal:
    """The part of its list price that a machine pays which runs this share of a month in the place of these lines: automatic
    discounts for use take the rest. 1 for a machine that has none."""
    tiers = bill.tiers(lines[0].service, sku) if lines else None
    return Decimal(repr(tiers.part(share))) if tiers else ONE


def _use_rate(lines: Sequence[Line], sku: str, share: float, bill: Bill) -> Decimal:
    """What an hour at a list price costs as another machine over what it costs now: above 1 where a discount for use ends.

    The present discount is the one that the bill shows; where it shows none on a machine that has one, that is none of this
    usage (spot capacity) and of its successor.
    """
    own, other = _tiers(lines, bill), bill.tiers(lines[0].service, sku) if lines else None
    seen = before_use_discounts(lines) if own is not None else ONE
    if own is other or (own is not None and seen == 1):
        return ONE
    return part_paid(sku, lines, share, bill) * seen


def _tiers(lines: Sequence[Line], bill: Bill) -> Tiers | None:
    """The discount for use of the machine whose lines these are; its accelerators have the same."""
    named = next((line for line in lines if line.instance_type), None)
    return None if named is None else bill.tiers(named.service, named.instance_type)


def in_hours(lines: Sequence[Line], left: float, share: float, bill: Bill) -> Effect:
    """The meters of machines in `left` of their hours, which are then this share of a month: a discount for use is smaller."""
    tiers, part = _tiers(lines, bill), Decimal(str(round(left, 9)))
    changes: list[Change] = []
    for unit, meter in sorted({(line.unit, line.meter) for line in lines}):
        seen = before_use_discounts([line for line in lines if (line.unit, line.meter) == (unit, meter)])
        change = Change(part, unit=unit, meter=meter, steady=Decimal(0))
        if tiers is not None and seen > 1:
            rate = Decimal(repr(tiers.part(share))) * seen
            changes.append(replace(change, factor=share_of(part * rate), covered=False))
        changes.append(change)
    return Effect(tuple(changes))


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
