"""What price lists sell as commitments: instruments, terms and payments, with their discount on each meter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from finops.commitment.levels import Commitment, Meter, family
from finops.money import HOURS_PER_MONTH
from finops.pricing import Price, PriceBook, PriceKey

Reach: TypeAlias = Literal["all", "family", "machine"]
"""What one purchase covers: all that the instrument has a price for, one family at one place, or one machine at one place."""

ListedShare: TypeAlias = Callable[[Commitment, Meter], float | None]
"""What a commitment in force is paid for a meter as a share of its list price on demand; None where no price list says."""

HOURS_PER_YEAR = 8760

HOURS = {"hours": 1.0, "hour": 1.0, "hrs": 1.0, "hr": 1.0, "days": 24.0, "day": 24.0}
HOURS |= {"months": float(HOURS_PER_MONTH), "month": float(HOURS_PER_MONTH)}
"""Hours in the units of time that price lists count in."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One instrument with the discount that it gives on each meter it covers (others are absent).

    upfront  the share of its price that is paid on the first day
    units    what one machine (or unit of capacity) costs an hour at list, with the capital that prepaying takes
    holds    vCPU and GiB of memory of one machine, where the price list says so
    """

    provider: str
    instrument: str
    term: str
    payment: str
    discounts: Mapping[Meter, float]
    upfront: float = 0.0
    units: Mapping[Meter, float] = field(default_factory=dict)
    holds: Mapping[Meter, tuple[float, float]] = field(default_factory=dict)
    reach: Reach = "all"

    @property
    def label(self) -> str:
        return f"{self.instrument}/{self.term}/{self.payment or 'none'}"

    @property
    def days(self) -> int:
        return term_hours(self.term) // 24

    @property
    def months(self) -> float:
        return term_hours(self.term) / float(HOURS_PER_MONTH)

    @property
    def length(self) -> str:
        """The term in words that fit `of`: months, or days where it is no whole month."""
        return f"{self.months:.0f} months" if self.months >= 1 and self.term[-1:] != "d" else f"{self.days} days"

    @property
    def locks(self) -> bool:
        """Whether it holds for one family or machine only: such plans lose money when a fleet changes its hardware."""
        return self.reach != "all"

    @property
    def whole(self) -> bool:
        """Whether it is sold in whole machines (or units of capacity); else as an amount of money an hour."""
        return self.reach == "machine"

    @property
    def by_parts(self) -> bool:
        """Whether it is sold by what the machines hold, processors and memory apart; else as an amount of money an hour."""
        return self.reach == "family" and "resource" in self.instrument

    def groups(self) -> dict[str, list[Meter]]:
        """The meters that one purchase covers together: all, or those of one place and family (or machine)."""
        found: dict[str, list[Meter]] = {}
        for meter in self.discounts:
            what = meter.family if self.reach == "family" else meter.instance_type
            key = f"{what} {meter.operating_system} in {meter.region}".replace("  ", " ") if self.locks else ""
            found.setdefault(key, []).append(meter)
        return found


def accelerated(prices: Iterable[Price]) -> frozenset[str]:
    """The families of machines that the price list gives accelerators."""
    return frozenset(family(price.key.sku) for price in prices if price.spec("gpu_count"))


def term_hours(term: str) -> int:
    """Hours of `14d`, `1m`, `1y`, `3y`; 0 for what is no term."""
    match = re.fullmatch(r"(\d+)([dmy])", term)
    return int(match[1]) * {"d": 24, "m": int(HOURS_PER_MONTH), "y": HOURS_PER_YEAR}[match[2]] if match else 0


def reach_of(instrument: str, specs: Mapping[str, object]) -> Reach:
    """What one purchase covers: as the price list says (`covers`: all, family or machine), else as the instrument is called."""
    match specs.get("covers"):
        case "all":
            return "all"
        case "family":
            return "family"
        case "machine":
            return "machine"
    if any(word in instrument for word in ("family", "resource")):
        return "family"
    return "machine" if any(word in instrument for word in ("reservation", "capacity")) else "all"


def offers(
    prices: Sequence[Price], meters: Mapping[Meter, float], book: PriceBook, at: datetime, *, longest: int, capital: float
) -> list[Offer]:
    """What is sold for these meters (each with what automatic discounts leave of its price), broadest first.

    longest  hours of the longest term considered
    capital  what a year of prepaying costs, as a share of the amount
    """
    lists: dict[tuple[str, str, str, str], list[Price]] = {}
    for price in prices:
        key = (price.key.provider, price.key.instrument or "", price.key.term or "", price.key.payment or "")
        lists.setdefault(key, []).append(price)
    found = []
    for (provider, instrument, term, payment), rows in sorted(lists.items()):
        if not 0 < term_hours(term) <= longest:
            continue
        discounts, units, prepaid, holds = _discounts(rows, meters, book, at, capital)
        if discounts:
            reach = reach_of(instrument, rows[0].specs)
            found.append(Offer(provider, instrument, term, payment, discounts, prepaid, units, holds, reach))
    return sorted(found, key=lambda o: (o.locks, -len(o.discounts), o.instrument))


def _discounts(
    rows: Sequence[Price], meters: Mapping[Meter, float], book: PriceBook, at: datetime, capital: float
) -> tuple[dict[Meter, float], dict[Meter, float], float, dict[Meter, tuple[float, float]]]:
    """The discount of the instrument on what each meter pays, from two rows of one price list, its own and the on-demand one;
    the price of one machine an hour; the prepaid share of it; and what one holds.

    Automatic discounts end where a commitment begins; a plan that gives less than they do is below zero. Of several rows that
    fit one meter (a machine that is sold for training and for inference) the least discount holds.
    """
    found: dict[Meter, float] = {}
    units: dict[Meter, float] = {}
    holds: dict[Meter, tuple[float, float]] = {}
    prepaid = 0.0
    for meter, kept in meters.items():
        for row, (usual, recurring, early) in _priced(rows, meter, book, at):
            whole = recurring + early * (1 + capital * term_hours(row.key.term or "") / HOURS_PER_YEAR / 2)
            discount = round(1 - whole / usual / kept, 12) if 0 < whole < usual else 1.0
            if discount < found.get(meter, 1.0):
                found[meter], units[meter] = discount, whole
                prepaid = max(prepaid, early / (recurring + early))
                vcpu, memory = row.spec("vcpu"), row.spec("memory_gib")
                if vcpu is not None and memory is not None:
                    holds[meter] = vcpu, memory
    return found, units, prepaid, holds


def listed_shares(book: PriceBook, at: datetime) -> ListedShare:
    """By two rows of one price list: the most where several fit what is known of a commitment's term and payment."""
    sold: dict[str, list[Price]] = {}
    known: dict[tuple[str, Meter], float | None] = {}

    def share(held: Commitment, meter: Meter) -> float | None:
        if held.id not in sold:
            rows = book.every(at, provider=held.provider, instrument=held.instrument) if held.instrument else []
            sold[held.id] = [row for row in rows if _sold_as(held, row.key)]
        if (held.id, meter) not in known:
            hours = (hour for _, hour in _priced(sold[held.id], meter, book, at))
            known[held.id, meter] = max(((fees + early) / usual for usual, fees, early in hours if usual > 0), default=None)
        return known[held.id, meter]

    return share


def _sold_as(held: Commitment, key: PriceKey) -> bool:
    """Whether a row may be the one by which it was bought: its term to a month, and its payment, where they are known."""
    term = held.term_end - held.term_start if held.term_end and held.term_start else None
    lasts = term is None or abs(term.days - term_hours(key.term or "") / 24) < 31
    return lasts and (not held.payment or not key.payment or held.payment == key.payment)


def _priced(
    rows: Sequence[Price], meter: Meter, book: PriceBook, at: datetime
) -> list[tuple[Price, tuple[float, float, float]]]:
    """The rows of this meter with what an hour costs on demand and by them.

    Where the bill names no operating system and the list tells several, they are those of the one that costs least on demand:
    what a licence adds is no part of a machine's discount.
    """
    found = [(row, an_hour) for row in rows if _fits(row.key, meter) and (an_hour := _an_hour(row, meter, book, at))]
    least = min((usual for _, (usual, _, _) in found), default=0.0)
    return found if meter.operating_system else [(row, hour) for row, hour in found if hour[0] == least]


def _fits(key: PriceKey, meter: Meter) -> bool:
    """Whether a row of a price list is of this meter. A machine that is sold in deployments which do not share is
    billed as `sku:deployment`."""
    named = meter.instance_type in (key.sku, f"{key.sku}:{key.deployment}")
    system = meter.operating_system
    same = named and (key.provider, key.region) == (meter.provider, meter.region)
    return same and (not system or key.operating_system in ("", system))


def _an_hour(row: Price, meter: Meter, book: PriceBook, at: datetime) -> tuple[float, float, float] | None:
    """What an hour costs on demand, and in recurring and prepaid fees of the row; None where nobody says."""
    key, system = row.key, meter.operating_system or row.key.operating_system or None
    like = (key.provider, key.region, key.product, key.sku, system, key.license, key.tenancy, key.deployment)
    usual = book.price(PriceKey(*like, payment="", instrument=""), at)
    if usual is None or usual.currency != row.currency:
        return None
    units = (HOURS.get(usual.unit.lower()), HOURS.get(row.unit.lower()))
    if None in units and (usual.unit != row.unit or row.upfront):
        return None
    usual_hours, own_hours = units[0] or 1.0, units[1] or 1.0
    return float(usual.amount) / usual_hours, float(row.amount) / own_hours, float(row.upfront) / term_hours(key.term or "")
