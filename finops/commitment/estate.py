"""What there is left to cover with commitments: each meter hour by hour, and its history day by day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from finops.bill.lines import Line
from finops.commitment.levels import Floats, Meter, best_level
from finops.money import DAYS_PER_WINDOW, HOURS_PER_MONTH
from finops.recommend import Context, Row

HOUR_S = 3600.0

NOISE = 1e-9
"""The share of a level that sums of floating-point costs differ by: no peak."""

FULL_TIME = 0.98
"""Machine-hours of an hour from which a resource counts as running in every hour: bills of 30 days lack some minutes."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What nothing covers of one resource, and what the plan makes of it.

    cost     an hour, on average over a month
    steady   the share of it that is there in every hour
    becomes  (meter, share of the cost that goes on there), as far as it is there in as many hours as before
    """

    resource: str
    meter: Meter
    cost: float
    steady: float
    becomes: tuple[tuple[Meter, float], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """What the plan leaves of `source` as `meter`, hour by hour.

    max(0, constant + whole·y + peak·max(0, y − base)), where y is today's cost in that hour.
    """

    source: Meter
    meter: Meter
    constant: float = 0.0
    whole: float = 1.0
    peak: float = 0.0
    base: float = 0.0

    def of(self, today: Floats) -> Floats:
        peaks = np.maximum(today - self.base, 0.0)
        return np.asarray(np.maximum(self.constant + self.whole * today + self.peak * peaks, 0.0))


@dataclass(frozen=True, slots=True)
class History:
    """Daily levels since the first day of the bill, in cost an hour; the last day is `as_of`.

    left   what is still to cover: today's level carried back by what ran, less what today's commitments take
    whole  all that ran of each meter, covered or not, at list price
    gone   list price of what no longer runs: what came after it may have taken its place
    since  provider → index of the first day that its bill has
    """

    left: Mapping[Meter, Floats]
    whole: Mapping[Meter, Floats]
    gone: Mapping[Meter, Floats]
    since: Mapping[str, int]

    def part(self, meters: frozenset[Meter]) -> History:
        """The history of these meters; the first day is the first of theirs."""
        left, whole, gone = (
            {meter: days for meter, days in part.items() if meter in meters} for part in (self.left, self.whole, self.gone)
        )
        since: dict[str, int] = {}
        for meter, days in whole.items():
            if days.any():
                since[meter.provider] = min(since.get(meter.provider, len(days)), int(np.argmax(days > 0)))
        return History(left, whole, gone, since)


@dataclass(slots=True)
class Estate:
    """What there is to cover, hour by hour and in its history.

    demand  meter → on-demand cost of each of the last 720 hours, as the other actions leave it
    terms   how each meter's demand follows from today's bill
    paid    provider → the negotiated share of list prices
    assumed  meter → its cost of those hours, and how much of it is in hours that nothing tells, before the plan
    accelerated  families whose machines have accelerators, as far as price lists say
    payer   the billing account whose part it is, where its provider has several
    """

    context: Context
    terms: Mapping[Meter, Sequence[Term]]
    demand: Mapping[Meter, Floats]
    history: History
    paid: Mapping[str, float]
    assumed: Mapping[Meter, tuple[float, float]]
    accelerated: frozenset[str] = frozenset()
    payer: str = ""

    def part(self, meters: frozenset[Meter], payer: str, paid: Mapping[str, float]) -> Estate:
        """What of it is of these meters."""
        return replace(
            self,
            demand={meter: hours for meter, hours in self.demand.items() if meter in meters},
            history=self.history.part(meters),
            paid=paid,
            payer=payer,
        )

    def past(self, meters: Sequence[Meter], *, moving: bool) -> Floats:
        """The daily history of these meters together; `moving`: with the machines of the same services that came before them,
        so that moving to a new generation is no growth."""
        found = [self.history.left[meter] for meter in meters if meter in self.history.left]
        found += [self._before(meters)] if moving and found else []
        return np.asarray(np.sum(found, axis=0)) if found else np.zeros(0)

    def assumed_share(self, meters: Sequence[Meter]) -> float:
        """How much of the usage that these meters come from is in hours that are assumed, 0 … 1."""
        sources = {term.source for meter in meters for term in self.terms.get(meter, ())}
        costs, assumed = zip(
            *(self.assumed.get(source, (0.0, 0.0)) for source in sorted(sources, key=str)), (0.0, 0.0), strict=True
        )
        return sum(assumed) / sum(costs) if sum(costs) > 0 else 0.0

    def families(self, provider: str) -> dict[str, Floats]:
        """Daily levels by family and service of one provider."""
        found: dict[str, Floats] = {}
        for meter, days in self.history.whole.items():
            if meter.provider == provider:
                name = f"{meter.family} ({meter.service})"
                found[name] = found.get(name, 0.0) + days
        return found

    def rivals(self, meter: Meter) -> dict[str, Floats]:
        """The families of the meter's service that could take its work over: with accelerators where it has them."""
        found: dict[str, Floats] = {}
        for other, days in self.history.whole.items():
            alike = (other.family in self.accelerated) == (meter.family in self.accelerated)
            if (other.provider, other.service) == (meter.provider, meter.service) and alike:
                found[other.family] = found.get(other.family, 0.0) + days
        return found

    def term(self, meters: Sequence[Meter], discounts: Floats, days: int, *, moving: bool) -> tuple[Floats, Floats]:
        """What ran steadily on each of the last `days` days, as far as the bill goes back: days × meters, and their discounts.

        Of each meter no more counts than what by itself pays for the discount in today's hours: that uses of a part of the
        hours happen to follow one another is nothing to buy a term on. Machines of the same services that no longer run
        are one more column, at the mean discount.
        """
        first = self.history.since.get(meters[0].provider, 0)
        columns = []
        for meter, discount in zip(meters, discounts, strict=True):
            hours = self.demand[meter]
            level = best_level(hours[:, None], np.array([discount])) / (1 - discount) if discount > 0 else 0.0
            seen = self.history.left.get(meter)
            columns.append(np.minimum(seen[max(first, len(seen) - days) :], level) if seen is not None else None)
        length = max((len(column) for column in columns if column is not None), default=0)
        found = [np.zeros(length) if column is None else column for column in columns]
        before = self._before(meters)[-length:] if moving and length else np.zeros(0)
        if before.any():
            levels = np.array([float(self.demand[meter].mean()) for meter in meters])
            found.append(before)
            discounts = np.append(discounts, float(discounts @ levels / levels.sum()))
        return np.column_stack(found), discounts

    def _before(self, meters: Sequence[Meter]) -> Floats:
        """What ran of the same services and no longer does, at what the account pays."""
        services = {(meter.provider, meter.service) for meter in meters}
        gone = [days for m, days in self.history.gone.items() if (m.provider, m.service) in services]
        blank = np.zeros_like(next(iter(self.history.whole.values())))
        return np.asarray(np.sum([blank, *gone], axis=0) * self.paid[meters[0].provider])


def touched_of(context: Context) -> list[Touched]:
    """The uncovered usage that the plan changes, resource by resource.

    Where an action takes hours away, only what goes on in every hour counts: a commitment is paid for in all of them.
    """
    after: dict[tuple[str, str], dict[Meter, Decimal]] = {}
    for line, meter in _uncovered(context.bill.every_line()):
        sums = after.setdefault((line.resource, line.meter), {})
        sums[meter] = sums.get(meter, Decimal(0)) + line.cost * line.steady
    found = []
    for line, meter in _uncovered(context.before.every_line()):
        left = after.get((line.resource, line.meter), {})
        if left == {meter: line.cost}:
            continue
        becomes = tuple((target, min(1.0, float(cost / line.cost))) for target, cost in left.items())
        cost = float(line.cost) / float(HOURS_PER_MONTH)
        found.append(Touched(line.resource, meter, cost, _full_time(line), becomes))
    return found


def _full_time(line: Line) -> float:
    """The share of a line that is there in every hour: whole machines; all of it where the bill does not count hours."""
    machines = float(line.quantity) / float(HOURS_PER_MONTH)
    if not line.unit.lower().startswith(("hour", "hr")) or machines <= 0:
        return 1.0
    return min(1.0, math.floor(machines + 1 - FULL_TIME) / machines)


def _uncovered(lines: Iterable[Line]) -> Iterable[tuple[Line, Meter]]:
    for line in lines:
        if line.usable and line.instance_type:
            where = (line.provider, line.account, line.region, line.service)
            yield line, Meter(*where, line.instance_type, line.operating_system)


def terms_of(demand: Mapping[Meter, Floats], touched: Sequence[Touched]) -> dict[Meter, list[Term]]:
    """How the demand after the plan follows from today's: what is untouched stays, what is touched goes and becomes another.

    What runs in every hour is taken from every hour; the rest from the hours in which more than the least runs, in proportion.
    """
    found: dict[Meter, list[Term]] = {}
    for source, today in demand.items():
        mine = [one for one in touched if one.meter == source]
        base = float(np.quantile(today, 1 - FULL_TIME))
        peaks = float(np.maximum(today - base, 0.0).mean())
        peaks = peaks if peaks > NOISE * base else 0.0
        all_of, counted = sum(one.cost for one in mine), sum(one.cost * one.steady for one in mine)
        # several machines for a part of the hours make whole ones on average: no more is steady than is always there
        share = 1.0 if peaks <= 0 else min(1.0, base / counted) if counted > 0 else 0.0
        flat = all_of if peaks <= 0 else counted * share
        above = all_of - flat
        rest = Term(source, source, -flat, 1.0, -above / peaks if above > 0 else 0.0, base if above > 0 else 0.0)
        if rest.of(today).mean() > 1e-6 * today.mean():
            found.setdefault(source, []).append(rest)
        gains: dict[Meter, tuple[float, float]] = {}
        for one in mine:
            for meter, share in one.becomes:
                a, b = gains.get(meter, (0.0, 0.0))
                steady = one.steady * share if peaks > 0 else 1.0
                gains[meter] = (a + share * one.cost * steady, b + share * one.cost * (1 - steady))
        for meter, (constant, part) in gains.items():
            if constant + part > 0:
                peak = part / peaks if part else 0.0
                found.setdefault(meter, []).append(Term(source, meter, constant, 0.0, peak, base if part else 0.0))
    return found


def demand_of_rows(rows: Sequence[Row], context: Context) -> dict[Meter, Floats]:
    """Meter → on-demand cost of each of the last 720 hours before the plan; hours without rows cost nothing.

    What a new commitment would have taken of hours before it is below zero, and takes no more than was there.
    """
    first = round(context.window.start.timestamp() / HOUR_S)
    count = round(context.window.hours)
    demand: dict[Meter, Floats] = {}
    for row in rows:
        series = _spread(row["starts"], row["hours"], row["costs"], first, count)
        if series.any():
            demand[_meter(row)] = demand.get(_meter(row), 0.0) + series
    return {meter: left for meter, series in demand.items() if (left := np.maximum(series, 0.0)).any()}


def after_plan(demand: Mapping[Meter, Floats], terms: Mapping[Meter, Sequence[Term]]) -> dict[Meter, Floats]:
    """The demand of each meter that the plan leaves."""
    return {
        meter: np.asarray(np.sum([term.of(demand[term.source]) for term in parts], axis=0)) for meter, parts in terms.items()
    }


def paid_of_list(rows: Sequence[Row]) -> float:
    """The share of list prices that the account has negotiated."""
    listed = sum(sum(row["listed"]) for row in rows)
    return sum(row["contracted"] for row in rows) / listed if listed > 0 else 1.0


def kept_of_contracted(rows: Sequence[Row]) -> dict[Meter, float]:
    """What automatic discounts for use leave of each meter's negotiated price, above 0 and at most 1."""
    sums = {_meter(row): (sum(row["costs"]), row["contracted"]) for row in rows}
    return {meter: min(1.0, cost / contracted) for meter, (cost, contracted) in sums.items() if cost > 0 and contracted > 0}


def assumed_of(rows: Sequence[Row]) -> dict[Meter, tuple[float, float]]:
    """Meter → its cost, and how much of it is in hours that are assumed."""
    found: dict[Meter, tuple[float, float]] = {}
    for row in rows:
        cost, assumed = found.get(_meter(row), (0.0, 0.0))
        found[_meter(row)] = (cost + sum(row["costs"]), assumed + row["assumed"])
    return found


def _meter(row: Row) -> Meter:
    where = (row["provider"], row["account_id"], row["region"], row["service"])
    return Meter(*where, row["instance_type"], row["operating_system"])


def history_of(
    past: Sequence[Row],
    rows: Sequence[Row],
    demand: Mapping[Meter, Floats],
    touched: Sequence[Touched],
    begun: Mapping[str, int],
    as_of: date,
) -> History:
    """The history of everything that ran, and what of it would be left to cover with today's commitments and after the plan.

    past    one row a meter and day, at list price, whoever paid for it
    rows    the last 30 days' rows of what nothing covers
    demand  their on-demand cost an hour, before the plan
    begun   resource → its first day on the bill, since 1970: what the plan changes was not there before
    """
    if not past:
        return History({}, {}, {}, {})
    first = min(row["starts"][0] for row in past) // 24
    whole, since = _whole(past, first, (as_of - date(1970, 1, 1)).days - first + 1)
    now = {meter: float(days[-DAYS_PER_WINDOW:].mean()) for meter, days in whole.items()}
    open_now: dict[Meter, float] = {}
    for row in rows:
        open_now[_meter(row)] = open_now.get(_meter(row), 0.0) + sum(row["listed"]) / DAYS_PER_WINDOW / 24
    left: dict[Meter, Floats] = {}
    for source, hours in demand.items():
        if now.get(source, 0.0) <= 0 or open_now.get(source, 0.0) <= 0:
            continue
        days = np.maximum(whole[source] - max(0.0, now[source] - open_now[source]), 0.0)
        level = float(days[-DAYS_PER_WINDOW:].mean())
        days *= float(hours.mean()) / level if level > 0 else 0.0
        for one in (one for one in touched if one.meter == source):
            its = np.zeros_like(days)
            its[max(0, begun.get(one.resource, first) - first) :] = one.cost
            its = np.minimum(its, days)
            days = days - its
            for meter, share in one.becomes:
                left[meter] = left.get(meter, 0.0) + its * share
        left[source] = left.get(source, 0.0) + days
    return History(left, whole, {meter: days for meter, days in whole.items() if now[meter] <= 0}, since)


def _whole(past: Sequence[Row], first: int, count: int) -> tuple[dict[Meter, Floats], dict[str, int]]:
    """Meter → list cost an hour of each day; provider → the first day of its bill."""
    whole: dict[Meter, Floats] = {}
    since: dict[str, int] = {}
    for row in past:
        meter = _meter(row)
        starts, days = np.array(row["starts"]) // 24, np.maximum(1, np.rint(np.array(row["hours"]) / 24))
        since[meter.provider] = min(since.get(meter.provider, count), int(starts[0]) - first)
        whole[meter] = whole.get(meter, 0.0) + _spread(starts, days, np.array(row["listed"]) / 24, first, count)
    return whole, since


def _spread(starts: ArrayLike, lengths: ArrayLike, amounts: ArrayLike, first: int, count: int) -> Floats:
    """Amounts, each even over the periods that it lasts, in the `count` periods from `first` on."""
    begin, length = np.asarray(starts, dtype=np.int64) - first, np.asarray(lengths, dtype=np.int64)
    within = np.arange(length.sum()) - np.repeat(length.cumsum() - length, length)
    at = np.repeat(begin, length) + within
    rate = np.repeat(np.asarray(amounts, dtype=np.float64) / length, length)
    inside = (at >= 0) & (at < count)
    return np.asarray(np.bincount(at[inside], weights=rate[inside], minlength=count), dtype=np.float64)
