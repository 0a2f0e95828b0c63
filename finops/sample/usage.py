"""What the estate used, hour by hour or day by day, and which commitment paid for which part of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from finops.sample.estate import Commitment, Estate, Meter, Resource, midnight, month_days

PLACES = Decimal("1e-10")
"""The decimals that providers write."""


@dataclass(frozen=True, slots=True)
class Line:
    """A quantity of one meter of one resource in one period, paid one way.

    price       list price of a unit, in the pricing currency
    commitment  the one that covers it, at `rate` a unit; None: on demand
    """

    resource: Resource
    meter: Meter
    start: datetime
    end: datetime
    quantity: Decimal
    price: Decimal
    commitment: Commitment | None = None
    rate: Decimal = Decimal(0)

    @property
    def list_cost(self) -> Decimal:
        return (self.quantity * self.price).quantize(PLACES)

    @property
    def committed_cost(self) -> Decimal:
        return (self.quantity * self.rate).quantize(PLACES)


@dataclass(frozen=True, slots=True)
class Use:
    """One commitment in one period: what it obliges to and how much of that was used, in its own unit of cost."""

    commitment: Commitment
    start: datetime
    end: datetime
    committed: Decimal
    used: Decimal


def identity(*parts: object) -> str:
    """A stable id of 16 hexadecimal digits: adding a resource changes no other's."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


def bill(estate: Estate, provider: str, period: date) -> tuple[list[Line], list[Use]]:
    """The lines and the commitments' use of one provider in one calendar month, commitments applied in the estate's order."""
    until = min(_after(period), estate.as_of + timedelta(days=1))
    lines = [line for r in estate.of(provider) for m in r.meters for line in _lines(estate, r, m, period, until)]
    commitments = [c for c in estate.commitments if c.provider == provider]
    if not commitments:
        return lines, []
    slots: dict[tuple[datetime, datetime], list[Line]] = defaultdict(list)
    for line in lines:
        slots[line.start, line.end].append(line)
    step = timedelta(hours=1) if estate.providers[provider]["grain"] == "hour" else timedelta(days=1)
    offset = estate.providers[provider].get("day_starts_at", 0)
    moment, stop = midnight(period, offset), midnight(until, offset)
    uses: list[Use] = []
    while moment < stop:
        key = (moment, moment + step)
        slots[key], used = cover(slots[key], commitments, *key)
        uses += used
        moment += step
    return [line for key in sorted(slots) for line in slots[key]], uses


def cover(lines: list[Line], commitments: list[Commitment], start: datetime, end: datetime) -> tuple[list[Line], list[Use]]:
    """Apply each commitment in turn, to the greatest discount first, and split the lines at what it covers."""
    hours = Decimal((end - start) // timedelta(hours=1))
    uses = []
    for c in commitments:
        if not c.start <= start.date() < c.end:
            continue
        left = committed = c.hourly * hours
        eligible = sorted((x for x in lines if _eligible(c, x)), key=lambda x: c.rates[x.meter.sku] / x.price)
        for line in eligible:
            weight = _weight(c, line)
            quantity = min(line.quantity, (left / weight).quantize(PLACES)) if left > 0 else Decimal(0)
            if quantity <= 0:
                break
            left = max(left - quantity * weight, Decimal(0))
            rate = c.rates[line.meter.sku]
            at = lines.index(line)
            lines[at : at + 1] = [replace(line, quantity=quantity, commitment=c, rate=rate)] + (
                [replace(line, quantity=line.quantity - quantity)] if line.quantity > quantity else []
            )
        uses.append(Use(c, start, end, committed.quantize(PLACES), (committed - left).quantize(PLACES)))
    return lines, uses


def _eligible(c: Commitment, line: Line) -> bool:
    return (
        line.commitment is None
        and line.meter.sku in c.rates
        and line.resource.region == c.region
        and (not c.deployment or line.meter.native.get("covered_by") == c.key or line.meter.deployment == c.deployment)
    )


def _weight(c: Commitment, line: Line) -> Decimal:
    """What one unit takes of the commitment: its rate where money is committed, its normalised size where usage is."""
    return c.rates[line.meter.sku] if c.kind == "spend" else c.weights[line.meter.sku]


def _after(period: date) -> date:
    return (period.replace(day=1) + timedelta(days=32)).replace(day=1)


def _lines(estate: Estate, resource: Resource, meter: Meter, first: date, until: date) -> Iterator[Line]:
    kind = estate.meters[meter.kind]
    price = estate.price(
        resource.provider,
        resource.region,
        kind["product"],
        meter.sku,
        deployment=meter.deployment,
        operating_system=meter.operating_system,
        tier=meter.tier_start,
        term=kind.get("term", "on_demand"),
    )
    offset = estate.providers[resource.provider].get("day_starts_at", 0)
    day = max(first, meter.start)
    while day < min(until, meter.end):
        for start, end, quantity in _slots(kind["per"], meter, day, offset):
            yield Line(resource, meter, start, end, quantity, price)
        day += timedelta(days=1)


def _slots(per: str, meter: Meter, day: date, offset: int) -> Iterator[tuple[datetime, datetime, Decimal]]:
    """(start, end, quantity) of one day: hourly lines, daily lines of hours, daily shares of a month, or daily amounts."""
    start = midnight(day, offset)
    first, last = meter.hours or (0, 24)
    if meter.hours and day.weekday() > 4:
        return
    if per == "hour":
        for hour in range(first, last):
            moment = start + timedelta(hours=hour)
            yield moment, moment + timedelta(hours=1), meter.count
        return
    shares = {"day_of_hours": Decimal(last - first), "month": Decimal(1) / month_days(day), "day": Decimal(1)}
    yield start, start + timedelta(days=1), (meter.count * shares[per]).quantize(PLACES)
