"""Volumes: the cheapest listed type of the same provider that holds what a volume is seen to do; the types' rules are data."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from finops.model import Act, Change, Effect, Fact, Keep, Resize, Unknown
from finops.money import cents
from finops.pricing import Price, PriceKey
from finops.profile import Profile, Series
from finops.recommend import Context
from finops.sizing.machines import ratio
from finops.verdicts import Judged, act, price_of

MIB = 1024.0**2
DISK_METRICS = ("disk_read_ops", "disk_write_ops", "disk_read_bytes", "disk_write_bytes")
TIER = re.compile(r"_[PES]\d+$", re.IGNORECASE)
GIGABYTES = ("gb", "gib", "gigabyte", "gibibyte")
PROVISIONED = ("iops", "mibps", "mbps")


@dataclass(frozen=True, slots=True)
class VolumeType:
    """One row of `volume_types.csv`: IOPS and MiB/s, all by size in GiB.

    successors  types that may follow it: no slower in latency
    base, per GiB, most  what it does by size and includes in its price; a base of None is set per volume
    sold        up to what it is sold with beyond; None: nothing is sold
    burst, small  what it can do for a while up to a size, and at most up to another
    machines    which machines take it, by name; empty: all
    system      whether a machine can start from it
    zones       in how many zones it can be at once
    """

    name: str
    successors: tuple[str, ...]
    base_iops: float | None
    iops_per_gib: float
    most_iops: float
    base_mibps: float | None
    mibps_per_gib: float
    most_mibps: float
    sold_iops: float
    sold_mibps: float
    burst_gib: float
    burst_iops: float
    burst_mibps: float
    small_gib: float
    small_mibps: float
    most_gib: float
    machines: str
    system: bool
    zones: float
    durability: str
    change: str

    def included(self, size_gib: float) -> tuple[float, float]:
        """(IOPS, MiB/s) of its price."""
        return (
            min(self.most_iops, (self.base_iops or 0.0) + self.iops_per_gib * size_gib),
            min(self.most_mibps, (self.base_mibps or 0.0) + self.mibps_per_gib * size_gib),
        )

    def limits(self, size_gib: float, iops: float | None, mibps: float | None) -> tuple[float, float]:
        """(IOPS, MiB/s) that a volume can do at most, whatever asks for more; `iops` and `mibps` where set per volume."""
        by_size = self.included(size_gib)
        most = by_size[0] if self.base_iops is not None else iops if iops is not None else self.most_iops
        rate = by_size[1] if self.base_mibps is not None else mibps if mibps is not None else self.most_mibps
        if size_gib <= self.burst_gib:
            most, rate = max(most, self.burst_iops), max(rate, self.burst_mibps)
        return most, min(rate, self.small_mibps) if size_gib <= self.small_gib else rate


@cache
def volume_types() -> dict[str, VolumeType]:
    """Name in lower case → its rules."""
    text = resources.files("finops").joinpath("volume_types.csv").read_text("utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        values: dict[str, Any] = {field.name: row[field.name] for field in fields(VolumeType)}
        for name in (field.name for field in fields(VolumeType) if str(field.type).startswith("float")):
            values[name] = float(row[name] or 0) if row[name] or name not in ("base_iops", "base_mibps") else None
        values["successors"] = tuple(name for name in row["successors"].split("|") if name)
        found[row["name"].lower()] = VolumeType(**values | {"system": row["system"] == "yes"})
    return found


def type_of(profile: Profile) -> VolumeType | None:
    """By the inventory's `volume_type`, else by its SKU, with or without a tier of size."""
    name = str(profile.properties.get("volume_type") or profile.sku)
    return volume_types().get(name.lower()) or volume_types().get(TIER.sub("", name).lower())


def judged_volume(profile: Profile, holder: str, min_days: int, tolerance: float, context: Context) -> Judged | None:
    """The cheapest successor that holds it; None for a type without one. `holder`: the size of the machine that has it."""
    own = type_of(profile)
    if own is None or not own.successors:
        return None
    targets = [volume_types()[name.lower()] for name in own.successors]
    targets = [to for to in targets if not to.machines or re.match(to.machines, holder)]
    zones = profile.property("zones") or 1.0
    targets = [to for to in targets if to.zones >= zones and (to.system or not profile.properties.get("system_disk"))]
    if profile.properties.get("multi_attach"):
        return Judged(Keep(f"attached to several machines, which {own.successors[0]} cannot be"))
    found = [_judged(profile, own, to, min_days, tolerance, context) for to in targets]
    acts = [one for one in found if isinstance(one.verdict, Act)]
    if acts:
        best = max(acts, key=_saved)
        others = tuple(f"{one.verdict.action.target} would save {_saved(one)}" for one in acts if one is not best)  # type: ignore[union-attr]
        return Judged(best.verdict, best.facts, best.explanation, others, best.effort)
    return min(found, key=lambda one: isinstance(one.verdict, Unknown), default=None)


def _saved(one: Judged) -> Decimal:
    return one.verdict.saving.effective_monthly.expected if isinstance(one.verdict, Act) else Decimal(0)


def _judged(profile: Profile, own: VolumeType, to: VolumeType, min_days: int, tolerance: float, context: Context) -> Judged:
    size = profile.property("size_gib")
    if size is None:
        return Judged(Unknown(("properties size_gib",)))
    now, then = _price(profile, own, context), context.prices.price(_disk(profile, to.name), context.at)
    if now is None or then is None:
        lacking = [name for name, price in ((own.name, now), (to.name, then)) if price is None]
        return Judged(Unknown(tuple(price_of(name, profile, context) for name in lacking)))
    included = to.included(size)
    free = (then.spec("iops") or included[0], then.spec("throughput_mibps") or included[1])
    throughput = _peak(profile, "bytes")
    found = (_peak(profile, "ops"), None if throughput is None else throughput / MIB)
    needs = _needs(found, _limits(profile, own, size, now), free, tolerance)
    if isinstance(needs, Unknown):
        return Judged(needs)
    facts = tuple(
        Fact(f"p99 of {name}", round(peak, 1), unit, "metric_daily, 90 days")
        for name, peak, unit in zip(("IOPS", "throughput"), found, ("", "MiB/s"), strict=True)
        if peak is not None
    )
    if facts and (missing := profile.lacks(DISK_METRICS, min_days)):
        return Judged(Unknown(missing), facts)
    if needs[0] > max(free[0], to.sold_iops) or needs[1] > max(free[1], to.sold_mibps) or size > to.most_gib:
        return Judged(Keep(f"it does more than a {to.name} volume is sold with"), facts)
    extras = {"iops": max(0.0, needs[0] - free[0]), "throughput": max(0.0, needs[1] - free[1])}
    return _replaced(profile, own, to, _factor(now, then, size), extras, facts, context)


def _limits(profile: Profile, own: VolumeType, size: float, now: Price) -> tuple[float, float]:
    told = [
        value if value is not None else now.spec(name)
        for name, value in ((name, profile.property(name)) for name in ("iops", "throughput_mibps"))
    ]
    return own.limits(size, *told)


def _price(profile: Profile, own: VolumeType, context: Context) -> Price | None:
    """Of a gigabyte, or of the whole volume where its type is sold in sizes."""
    named = (context.prices.price(_disk(profile, sku), context.at) for sku in dict.fromkeys((profile.sku, own.name)))
    return next((price for price in named if price is not None), None)


def _whole(price: Price) -> bool:
    return not price.unit.lower().startswith(GIGABYTES)


def _factor(now: Price, then: Price, size_gib: float) -> Decimal:
    """The new price of its size as a share of the present one."""
    size = Decimal(repr(size_gib))
    before, after = (price.amount if _whole(price) else price.amount * size for price in (now, then))
    return ratio(after, before)


def _stored(units: Sequence[str]) -> list[str]:
    """Units of what is paid for the volume itself: its gigabytes, or the volume as one piece by the month."""
    by_piece = re.compile(r"(1/|units?[ /-]?|disks?[ /-]?)?months?", re.IGNORECASE)
    return [unit for unit in units if unit.lower().startswith(GIGABYTES) or by_piece.fullmatch(unit)]


def _replaced(
    profile: Profile,
    own: VolumeType,
    to: VolumeType,
    factor: Decimal,
    extras: dict[str, float],
    facts: tuple[Fact, ...],
    context: Context,
) -> Judged:
    paid = context.bill.discount(profile.bill_key)
    adds, words = Decimal(0), []
    for part, extra in extras.items():
        if extra <= 0:
            continue
        price = context.prices.price(_disk(profile, f"{to.name}:{part}"), context.at)
        if price is None:
            return Judged(Unknown((price_of(f"{to.name}:{part}", profile, context),)), facts)
        adds += price.amount * Decimal(repr(extra)) * paid
        words.append(f"{part}: {extra:,.0f} more than included are bought")
    units = sorted({line.unit for line in context.bill.lines(profile.bill_key) if line.category == "Usage"})
    stored = [Change(factor, unit=unit) for unit in _stored(units)]
    provisioned = [Change(Decimal(0), unit=unit) for unit in units if unit.lower().startswith(PROVISIONED)]
    effect = Effect((*stored, *provisioned), adds=adds)
    net = context.bill.value(profile.bill_key, effect).net
    if not stored or cents(net) <= 0:
        return Judged(Keep(f"{to.name} costs as much or more with what its p99 needs"), facts, tuple(words))
    same = own.durability == to.durability
    note = f"{to.name} is as durable as {own.name}: {to.durability}" if same else ""
    note = note or f"durability of {own.durability} a year becomes {to.durability}"
    in_place = to.change == "in place"
    how = "it stays in use while its type changes" if in_place else to.change
    why = f"{to.name} does what its p99 needs" + (f"; {', '.join(words)}" if words else " within what is included")
    verdict = act(
        Resize(own.name, to.name), effect, (net - adds * Decimal("0.2"), net, net), profile, why=why, confidence=0.9,
        assumes=(f"its p99 is what it needs; {how}", note),
    )  # fmt: skip
    return Judged(verdict, facts, (*words, note), effort="low" if in_place else "medium")


def _disk(profile: Profile, sku: str) -> PriceKey:
    return PriceKey(profile.provider, profile.region, "disk", sku)


def _peak(profile: Profile, what: str) -> float | None:
    """The p99 of reads plus that of writes, per second: never below the p99 of both together by much, and often above."""
    rates = []
    for direction in ("read", "write"):
        series = profile.of(f"disk_{direction}_{what}", "sum")
        if not series:
            return None
        rates.append(max(one.quantile(0.99) / _period_s(one) for one in series))
    return sum(rates)


def _period_s(series: Series) -> float:
    samples = sum(series.buckets.values())
    return sum(day.hours for day in series.days) * 3600 / samples


def _needs(
    found: tuple[float | None, float | None], limits: tuple[float, float], free: tuple[float, float], tolerance: float
) -> tuple[float, float] | Unknown:
    """(IOPS, MiB/s) to buy: what is seen, at most what the volume can do. Its own limits suffice where they are included."""
    needs: list[float] = []
    for peak, limit, included, name in zip(found, limits, free, ("ops", "bytes"), strict=True):
        need = limit if peak is None else min(limit, peak)
        if need <= included * (1 + tolerance):
            needs.append(included)
        elif peak is None:
            return Unknown((f"disk_read_{name}", f"disk_write_{name}"))
        else:
            needs.append(need)
    return needs[0], needs[1]
