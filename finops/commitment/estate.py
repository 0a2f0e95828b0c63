"""What there is left to cover with commitments: each meter hour by hour, and its history day by day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from finops.bill.simulate import Line
from finops.commitment.levels import Floats
from finops.commitment.offers import Meter
from finops.money import DAYS_PER_WINDOW
from finops.recommend import Context, Row

HOUR_S = 3600.0


@dataclass(slots=True)
class Estate:
    """What there is to cover, hour by hour and in its history; `taken` are the meters of commitments already advised.

    demand   meter → on-demand cost of each of the last 720 hours, as the other actions leave it
    history  meter → on-demand cost an hour of each day seen, whoever paid for it, at today's level
    """

    context: Context
    residual: Mapping[Meter, float]
    demand: Mapping[Meter, Floats]
    history: Mapping[Meter, Floats]
    paid: Mapping[str, float]
    coarse: frozenset[str]
    taken: set[Meter] = field(default_factory=set)

    def past(self, meters: Sequence[Meter], *, moving: bool) -> Floats:
        """The daily history of these meters together; `moving`: with the machines of the same services that came before them,
        so that moving to a new generation is no growth. At the level of `meters` today."""
        services = {(meter.provider, meter.service) for meter in meters}
        wanted = [m for m in self.history if m in meters or (moving and (m.provider, m.service) in services)]
        if not wanted:
            return np.zeros(0)
        whole = np.sum([self.history[meter] for meter in wanted], axis=0)
        now = whole[-DAYS_PER_WINDOW:].mean()
        share = (
            sum(float(self.history[m][-DAYS_PER_WINDOW:].mean()) for m in meters if m in self.history) / now if now > 0 else 1.0
        )
        return np.asarray(whole * share)

    def families(self, provider: str) -> dict[str, Floats]:
        """Daily levels by family and service of one provider."""
        found: dict[str, Floats] = {}
        for meter, days in self.history.items():
            if meter.provider == provider:
                name = f"{meter.family} ({meter.service})"
                found[name] = found.get(name, 0.0) + days
        return found


def residual_shares(context: Context) -> dict[Meter, float]:
    """What the plan leaves of the uncovered cost of each meter, 0 … 1."""
    before, after = _uncovered(context.before.every_line()), _uncovered(context.bill.every_line())
    return {meter: min(1.0, float(after.get(meter, Decimal(0)) / cost)) for meter, cost in before.items() if cost > 0}


def _uncovered(lines: Iterable[Line]) -> dict[Meter, Decimal]:
    costs: dict[Meter, Decimal] = {}
    for line in lines:
        if line.usable and line.instance_type:
            where = (line.provider, line.account, line.region, line.service)
            meter = Meter(*where, line.instance_type, line.operating_system)
            costs[meter] = costs.get(meter, Decimal(0)) + line.cost
    return costs


def demand_of_rows(rows: Sequence[Row], residual: Mapping[Meter, float], context: Context) -> dict[Meter, Floats]:
    """Meter → on-demand cost of each of the last 720 hours after the plan; hours without rows cost nothing."""
    first = round(context.window.start.timestamp() / HOUR_S)
    count = round(context.window.hours)
    demand: dict[Meter, Floats] = {}
    for row in rows:
        meter = _meter(row)
        series = _spread(row["starts"], row["hours"], row["costs"], first, count) * residual.get(meter, 1.0)
        if series.any():
            demand[meter] = demand.get(meter, 0.0) + series
    return demand


def paid_of_list(rows: Sequence[Row]) -> float:
    """The share of list prices that the account has negotiated."""
    listed = sum(sum(row["listed"]) for row in rows)
    return sum(row["contracted"] for row in rows) / listed if listed > 0 else 1.0


def kept_of_contracted(rows: Sequence[Row]) -> dict[Meter, float]:
    """What automatic discounts for use leave of each meter's negotiated price, above 0 and at most 1."""
    sums = {_meter(row): (sum(row["costs"]), row["contracted"]) for row in rows}
    return {meter: min(1.0, cost / contracted) for meter, (cost, contracted) in sums.items() if cost > 0 and contracted > 0}


def history(rows: Sequence[Row], demand: Mapping[Meter, Floats], as_of: date) -> dict[Meter, Floats]:
    """Meter → cost an hour of each day since the first one seen, scaled so that the last 30 days are those still to cover."""
    if not rows:
        return {}
    first = min(row["starts"][0] for row in rows) // 24
    count = (as_of - date(1970, 1, 1)).days - first + 1
    found: dict[Meter, Floats] = {}
    for row in rows:
        starts, days = np.array(row["starts"]) // 24, np.maximum(1, np.rint(np.array(row["hours"]) / 24))
        of_day = _spread(starts, days, np.array(row["listed"]) / 24, first, count)
        found[_meter(row)] = found.get(_meter(row), 0.0) + of_day
    kept = {}
    for meter, series in found.items():
        now = float(series[-DAYS_PER_WINDOW:].mean())
        level = float(demand[meter].mean()) if meter in demand else 0.0
        kept[meter] = series * (level / now) if now > 0 and level > 0 else series
    return kept


def _meter(row: Row) -> Meter:
    where = (row["provider"], row["account_id"], row["region"], row["service"])
    return Meter(*where, row["instance_type"], row["operating_system"])


def _spread(starts: ArrayLike, lengths: ArrayLike, amounts: ArrayLike, first: int, count: int) -> Floats:
    """Amounts, each even over the periods that it lasts, in the `count` periods from `first` on."""
    begin, length = np.asarray(starts, dtype=np.int64) - first, np.asarray(lengths, dtype=np.int64)
    within = np.arange(length.sum()) - np.repeat(length.cumsum() - length, length)
    at = np.repeat(begin, length) + within
    rate = np.repeat(np.asarray(amounts, dtype=np.float64) / length, length)
    inside = (at >= 0) & (at < count)
    return np.asarray(np.bincount(at[inside], weights=rate[inside], minlength=count), dtype=np.float64)
