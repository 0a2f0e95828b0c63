"""Which commitments to buy when, all at once: instruments, terms, payments and start dates in one linear program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Product:
    """What is sold under one price list. `rates`: price of usage that costs 1 on demand, by meter; NaN where not covered."""

    name: str
    rates: Floats


@dataclass(frozen=True, slots=True)
class Purchase:
    """One date on which a product may be bought.

    starts, ends  periods in which it is in force: ends is not among them
    cost          what one unit of hourly commitment costs a period (1; less where paying upfront is cheaper)
    unit          sold in multiples of this commitment (a reserved machine's hourly rate); 0: in any amount
    most, least   the largest and the smallest commitment that may be bought
    """

    product: int
    starts: int
    ends: int
    cost: float = 1.0
    unit: float = 0.0
    most: float = np.inf
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Hourly commitment of each purchase, and the periods' whole cost with and without."""

    amounts: Floats
    cost: float
    on_demand: float

    @property
    def saving(self) -> float:
        return self.on_demand - self.cost


@dataclass(frozen=True, slots=True)
class Curve:
    """Demand in fewer points: point × meter, how many periods each stands for, and a period within its segment."""

    points: Floats
    weights: Floats
    periods: Ints


def compress(demand: Floats, breaks: Sequence[int], bins: int) -> Curve:
    """Periods between two breaks (where nothing starts or ends) become at most `bins` points of like total demand.

    Equal periods are one weighted point, exactly; more than `bins` different ones are averaged within their bin, so that a
    plan on them promises at most a little more than it keeps (cost is convex in demand): price it again with `spent`.
    """
    edges = sorted({0, len(demand), *(b for b in breaks if 0 < b < len(demand))})
    points, weights, periods = [], [], []
    for first, last in pairwise(edges):
        rows, counts = np.unique(demand[first:last], axis=0, return_counts=True)
        if len(rows) > bins:
            part = demand[first:last]
            part = part[np.argsort(part.sum(axis=1), kind="stable")]
            groups = np.array_split(part, bins)
            rows, counts = np.array([g.mean(axis=0) for g in groups]), np.array([len(g) for g in groups])
        points.append(rows)
        weights.append(counts)
        periods.append(np.full(len(rows), first))
    return Curve(np.concatenate(points), np.concatenate(weights).astype(float), np.concatenate(periods))


def best_plan(demand: Floats, products: Sequence[Product], purchases: Sequence[Purchase], bins: int = 0) -> Plan:
    """The purchases that cost least for a known demand (periods × meters, on-demand cost ≥ 0): HiGHS.

    In every period each product's commitments in force cover usage at its rates, each meter once; what is left is paid on
    demand. Commitments with a `unit` are whole numbers of it (a mixed-integer program). `bins` > 0 compresses each stretch
    between two start or end dates to that many points. Raises ValueError where the solver finds no optimum.
    """
    breaks = sorted({b for p in purchases for b in (p.starts, p.ends)})
    return best_on(compress(demand, breaks, bins or len(demand)), products, purchases)


def best_on(curve: Curve, products: Sequence[Product], purchases: Sequence[Purchase]) -> Plan:
    """The same on points that each stand for so many periods."""
    force = np.array([[p.starts <= t < p.ends for t in curve.periods] for p in purchases], bool).reshape(len(purchases), -1)
    use = _uses(curve, products, purchases, force)
    units = np.array([p.unit or 1.0 for p in purchases])
    fees = np.array([p.cost for p in purchases]) * (force @ curve.weights) * units
    count = len(purchases)
    least, most = np.array([[p.least, p.most] for p in purchases]).T / units
    whole = np.array([1 if p.unit else 0 for p in purchases] + [0] * len(use.meters))
    rows = _rows(use, curve, purchases, products, force, units)
    result = linprog(
        np.concatenate([fees, -curve.weights[use.points]]),
        A_ub=rows[0],
        b_ub=rows[1],
        bounds=np.column_stack([np.append(least, np.zeros(len(use.meters))), np.append(most, use.demand)]),
        integrality=whole if whole.any() else None,
        method="highs" if whole.any() or len(use.meters) < 20_000 else "highs-ipm",
        options={"mip_rel_gap": 1e-9} if whole.any() else None,
    )
    if result.x is None:
        raise ValueError(f"no plan found: {result.message}")
    on_demand = float(curve.weights @ curve.points.sum(axis=1))
    return Plan(result.x[:count] * units, on_demand + float(result.fun), on_demand)


@dataclass(frozen=True, slots=True)
class _Uses:
    """Where a product may cover a meter: one variable each."""

    products: Ints
    meters: Ints
    points: Ints
    demand: Floats


def _uses(curve: Curve, products: Sequence[Product], purchases: Sequence[Purchase], force: NDArray[np.bool_]) -> _Uses:
    parts = []
    for index, product in enumerate(products):
        mine = [k for k, p in enumerate(purchases) if p.product == index]
        sold = np.asarray(force[mine].any(axis=0)) if mine else np.zeros(len(curve.weights), bool)
        pays = np.asarray(product.rates < 1)
        at, meter = np.nonzero((curve.points > 0) & sold[:, None] & pays[None, :])
        parts.append((np.full(len(at), index), meter, at))
    owner, meters, points = (np.concatenate(columns).astype(np.int64) for columns in zip(*parts, strict=True))
    return _Uses(owner, meters, points, curve.points[points, meters])


def _rows(
    use: _Uses,
    curve: Curve,
    purchases: Sequence[Purchase],
    products: Sequence[Product],
    force: NDArray[np.bool_],
    units: Floats,
) -> tuple[coo_array, Floats]:
    """Covered usage at its rates within what is committed; each meter covered once."""
    count, width, moments = len(purchases), len(purchases) + len(use.meters), len(curve.weights)
    rates = np.array([product.rates for product in products])[use.products, use.meters]
    bought, at = np.nonzero(force)
    owner = np.array([p.product for p in purchases], np.int64)
    spent = coo_array(
        (
            np.concatenate([rates, -units[bought]]),
            (
                np.concatenate([use.products * moments + use.points, owner[bought] * moments + at]),
                np.concatenate([count + np.arange(len(use.meters)), bought]),
            ),
        ),
        shape=(len(products) * moments, width),
    )
    place = use.points * curve.points.shape[1] + use.meters
    _, row, shared = np.unique(place, return_inverse=True, return_counts=True)
    several = np.flatnonzero(np.asarray(shared)[row] > 1)
    ids, rows = np.unique(np.asarray(row)[several], return_inverse=True)
    once = coo_array((np.ones(len(several)), (rows, count + several)), shape=(len(ids), width))
    limit = np.zeros(len(ids))
    limit[rows] = use.demand[several]
    matrix = vstack([spent, once]).tocsr()
    bounds = np.concatenate([np.zeros(len(products) * moments), limit])
    filled = np.diff(matrix.indptr) > 0
    return matrix[filled], bounds[filled]


def spent(demand: Floats, products: Sequence[Product], purchases: Sequence[Purchase], amounts: Floats) -> float:
    """What the periods cost with these commitments, by the providers' order: products as given, in each the largest discount
    first. Exact, period by period."""
    left, total = demand.astype(float).copy(), 0.0
    for index, product in enumerate(products):
        committed = np.zeros(len(demand))
        for purchase, amount in zip(purchases, amounts, strict=True):
            if purchase.product == index:
                committed[purchase.starts : purchase.ends] += amount
                total += amount * purchase.cost * max(0, min(purchase.ends, len(demand)) - purchase.starts)
        for meter in np.argsort(product.rates, kind="stable"):
            rate = product.rates[meter]
            if rate < 1:
                paid = np.minimum(committed, left[:, meter] * rate)
                committed -= paid
                left[:, meter] -= paid / rate
    return total + float(left.sum())


def ladder_dates(first: int, last: int, step: int, term: int, product: int) -> list[Purchase]:
    """One purchase every `step` periods from `first` up to `last`, each of the whole term."""
    return [Purchase(product, start, start + term) for start in range(first, last + 1, step)]
