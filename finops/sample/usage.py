"""What the estate used, hour by hour or day by day, and which commitment paid for which part of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from finops.sample.estate import Commitment, Estate, Meter, Resource, at, midnight, month_days, next_month

PLACES = Decimal("1e-10")
"""The decimals that providers write."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """A quantity of one meter of one resource, paid one way, in each of the periods of one length that begin at `starts`.

    price       list price of a unit, in the pricing currency
    commitment  the one that covers it, at `rate` a unit; None: on demand
    """

    resource: Resource
    meter: Meter
    starts: tuple[datetime, ...]
    length: timedelta
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

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags that the bill shows: the same for all of `starts`."""
        return at(self.resource.billed_tags, self.starts[0].date(), {})


@dataclass(frozen=True, slots=True)
class Use:
    """One commitment in each of some periods: what it obliges to and how much of that was used, in its own unit of cost."""

    commitment: Commitment
    starts: tuple[datetime, ...]
    length: timedelta
    committed: Decimal
    used: Decimal


def identity(*parts: object) -> str:
    """A stable id of 16 hexadecimal digits: adding a resource changes no other's."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


def bill(estate: Estate, provider: str, period: date) -> tuple[list[Line], list[Use]]:
    """The lines and the commitments' use of one provider in one calendar month, commitments applied in the estate's order."""
    until = min(next_month(period), estate.as_of + DAY)
    facts = estate.providers[provider]
    commitments = [c for c in estate.commitments if c.provider == provider and c.start < until and c.end > period]
    free: list[Line] = []
    slots: dict[datetime, list[Line]] = defaultdict(list)
    for resource in estate.of(provider):
        for meter in resource.meters:
            for line in _lines(estate, resource, meter, period, until):
                if any(_eligible(c, line, period) for c in commitments):
                    for start in line.starts:
                        slots[start].append(line)
                else:
                    free.append(line)
    step, offset = HOUR if facts["grain"] == "hour" else DAY, facts.get("day_starts_at", 0)
    moments = [midnight(period, offset)]
    while moments[-1] + step < midnight(until, offset):
        moments.append(moments[-1] + step)
    covered, uses = _covered(slots, commitments, moments, step, period) if commitments else ([], [])
    return free + covered, uses


def _covered(
    slots: Mapping[datetime, list[Line]],
    commitments: Sequence[Commitment],
    moments: Sequence[datetime],
    step: timedelta,
    period: date,
) -> tuple[list[Line], list[Use]]:
    """Every period's lines under the commitments in force, worked out once for each mix of lines that occurs."""
    mixes: dict[tuple[tuple[str, ...], tuple[int, ...]], list[datetime]] = defaultdict(list)
    for moment in moments:
        force = tuple(c.key for c in commitments if c.start <= moment.date() < c.end)
        mixes[force, tuple(id(line) for line in slots.get(moment, ()))].append(moment)
    lines: list[Line] = []
    uses: list[Use] = []
    for (force, _), starts in mixes.items():
        found = [replace(line, starts=tuple(starts)) for line in slots.get(starts[0], ())]
        parts, used = cover(found, [c for c in commitments if c.key in force], tuple(starts), step, period)
        lines += parts
        uses += used
    return _merged(lines), uses


def _merged(lines: Sequence[Line]) -> list[Line]:
    """Lines that differ in nothing but their periods, as one."""
    starts: dict[tuple[object, ...], list[datetime]] = defaultdict(list)
    first: dict[tuple[object, ...], Line] = {}
    for line in lines:
        paid = line.commitment.key if line.commitment else ""
        key = (line.resource.id, id(line.meter), line.quantity, paid, repr(line.tags))
        starts[key] += line.starts
        first.setdefault(key, line)
    return [replace(line, starts=tuple(sorted(starts[key]))) for key, line in first.items()]


def cover(
    lines: list[Line], commitments: Sequence[Commitment], starts: tuple[datetime, ...], length: timedelta, period: date
) -> tuple[list[Line], list[Use]]:
    """Apply each commitment in turn, to the greatest discount first, and split the lines at what it covers."""
    uses = []
    for c in commitments:
        left = committed = c.hourly * (length // HOUR)
        eligible = sorted((x for x in lines if _eligible(c, x, period)), key=lambda x: c.rates[x.meter.sku] / x.price)
        for line in eligible:
            weight = c.rates[line.meter.sku] if c.kind == "spend" else c.weights[line.meter.sku]
            quantity = min(line.quantity, (left / weight).quantize(PLACES)) if left > 0 else Decimal(0)
            if quantity <= 0:
                break
            left = max(left - quantity * weight, Decimal(0))
            rate = c.rates[line.meter.sku]
            place = lines.index(line)
            lines[place : place + 1] = [replace(line, quantity=quantity, commitment=c, rate=rate)] + (
                [replace(line, quantity=line.quantity - quantity)] if line.quantity > quantity else []
            )
        uses.append(Use(c, starts, length, committed.quantize(PLACES), (committed - left).quantize(PLACES)))
    return lines, uses


def _eligible(c: Commitment, line: Line, period: date) -> bool:
    return (
        line.commitment is None
        and line.meter.sku in c.rates
        and line.resource.region == c.region
        and c.only in ("", line.resource.account)
        and (not c.deployment or line.meter.native.get("covered_by") == c.key or line.meter.deployment == c.deployment)
        and not c.unshared.get(line.resource.account, date.max) <= period
    )


def _lines(estate: Estate, resource: Resource, meter: Meter, first: date, until: date) -> Iterator[Line]:
    """One line a quantity, length and set of tags."""
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
    found: dict[tuple[timedelta, Decimal, str], list[datetime]] = defaultdict(list)
    day = max(first, meter.start)
    while day < min(until, meter.end):
        tags = repr(at(resource.billed_tags, day, {}))
        for start, length, quantity in _slots(kind["per"], meter, day, offset):
            found[length, quantity, tags].append(start)
        day += DAY
    for (length, quantity, _), starts in found.items():
        yield Line(resource, meter, tuple(starts), length, quantity, price)


def _slots(per: str, meter: Meter, day: date, offset: int) -> Iterator[tuple[datetime, timedelta, Decimal]]:
    """(start, length, quantity) of one day: hourly lines, daily lines of hours, daily shares of a month, or daily amounts."""
    start = midnight(day, offset)
    hours = meter.on(day)
    if not hours:
        return
    count = meter.amount(day)
    if per == "hour":
        for hour in hours:
            yield start + hour * HOUR, HOUR, count
        return
    if per == "day_of_hours" and len(hours) < 24:
        yield midnight(day) + hours[0] * HOUR, len(hours) * HOUR, (count * len(hours)).quantize(PLACES)
        return
    shares = {"day_of_hours": Decimal(24), "month": Decimal(1) / month_days(day), "day": Decimal(1)}
    yield start, DAY, (count * shares[per]).quantize(PLACES)
