"""Commitments on real demand: full-term decisions against vendor-style policies, forward and time-reversed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.traces.bar import Bar, Decisions, present
from benchmarks.traces.joint_commitments import Rule, joint_bars, seconds_bar
from finops.commitment.policy import ALONE, BROAD, NARROW, outlook, siblings, times_smaller

Floats = NDArray[np.float64]

DISCOUNTS = (0.27, 0.40)


@dataclass(frozen=True)
class Scope:
    """One region, or the one company of the daily trace: periods × machine types, on-demand cost per hour."""

    name: str
    types: tuple[str, ...]
    demand: Floats
    per_day: int

    @property
    def term(self) -> int:
        return 365 * self.per_day

    @property
    def decisions(self) -> range:
        first, step = (2880, 365) if self.per_day == 24 else (120, 15)
        return range(first, len(self.demand) - self.term + 1, step)

    def reversed(self) -> Scope:
        return Scope(self.name, self.types, self.demand[::-1].copy(), self.per_day)


@dataclass
class Totals:
    """Costs summed over decisions, each charged its full term."""

    on_demand: float = 0.0
    hindsight: float = 0.0
    ours: float = 0.0
    worst: float = 0.0

    def __post_init__(self) -> None:
        self.vendors = dict.fromkeys(VENDORS, 0.0)

    def saved(self, cost: float) -> float:
        return 100 * (1 - cost / self.on_demand)

    def captured(self, cost: float) -> float:
        return 100 * (self.on_demand - cost) / (self.on_demand - self.hindsight)


def quantile(demand: Floats, share: float) -> float:
    """The level that demand reaches in at least 1 − share of the periods: the best constant level at that discount."""
    ordered = np.sort(demand)
    return float(ordered[max(0, int(np.ceil(share * len(ordered) - 1e-9)) - 1)])


def cost(level: float, demand: Floats, discount: float) -> float:
    return float((1 - discount) * level * len(demand) + np.maximum(demand - level, 0).sum())


def _aws(days: int, seen: Floats, discount: float, per_day: int) -> float:
    return quantile(seen[-days * per_day :], discount)


VENDORS: dict[str, Callable[[Floats, float, int], float]] = {
    "aws_7d": lambda seen, d, n: _aws(7, seen, d, n),
    "aws_30d": lambda seen, d, n: _aws(30, seen, d, n),
    "aws_60d": lambda seen, d, n: _aws(60, seen, d, n),
    "azure": lambda seen, d, n: min(_aws(3, seen, d, n), _aws(30, seen, d, n)),
    "gcp_stable": lambda seen, _, n: float(seen[-30 * n :].min()),
    "nothing": lambda _seen, _d, _n: 0.0,
}
"""The vendors' published rules (algorithms.md §1.1), re-implemented."""


def snowflake(path: Path) -> list[Scope]:
    """Hourly regions; every machine type has one price. Hours without a row are 0."""
    rows = pd.read_parquet(path)
    hours = pd.date_range(rows["hour"].min(), rows["hour"].max(), freq="h")
    scopes = []
    for region, group in rows.groupby("region"):
        table = group.pivot_table(index="hour", columns="vm_type", values="vms", aggfunc="sum").reindex(hours).fillna(0.0)
        scopes.append(Scope(f"region {region}", tuple(map(str, table.columns)), table.to_numpy(float), 24))
    return scopes


def ufcg(path: Path, prices: Path) -> list[Scope]:
    """Daily running instances at list price; types without a price are named and left out."""
    rows, listed = pd.read_parquet(path), pd.read_csv(prices)
    usd = listed[listed["cloud"].str.lower() == "aws"].set_index("sku")["od_usd_h"]
    types = [name for name in rows.columns if name != "day_idx"]
    priced = [name for name in types if np.isfinite(usd.get(name, np.nan))]
    if left := sorted(set(types) - set(priced)):
        print(f"left out, no list price: {', '.join(left)}", file=sys.stderr)
    return [Scope("fleet", tuple(priced), rows[priced].to_numpy(float) * usd[priced].to_numpy(float), 1)]


def measure(scope: Scope, *, narrow: bool, log: Decisions, dataset: str) -> dict[float, Totals]:
    """Every decision of one scope: its sum, or each machine type by itself."""
    series = list(scope.demand.T) if narrow else [scope.demand.sum(axis=1)]
    names = scope.types if narrow else ("sum",)
    totals = {d: Totals() for d in DISCOUNTS}
    for at in scope.decisions:
        families = _daily(scope, at)
        kin = siblings(families, NARROW) if narrow else ALONE
        for name, whole, own in zip(names, series, families if narrow else [None], strict=True):
            seen, term = whole[:at], whole[at : at + scope.term]
            smaller = 1.0 if own is None else times_smaller(own, families)
            view = outlook(seen, scope.per_day, NARROW if narrow else BROAD, kin, smaller=smaller)
            for discount, total in totals.items():
                level = view.level(discount)
                paid, usual = cost(level, term, discount), float(term.sum())
                total.on_demand += usual
                total.hindsight += cost(quantile(term, discount), term, discount)
                total.ours += paid
                total.worst = min(total.worst, (usual - paid) / usual if usual else 0.0)
                for vendor, rule in VENDORS.items():
                    total.vendors[vendor] += cost(rule(seen, discount, scope.per_day), term, discount)
                log.log("commitments", dataset, f"{scope.name} {name}", at, at - 1, level, discount=discount, cost=paid)
    return totals


def _daily(scope: Scope, at: int) -> list[Floats]:
    seen = scope.demand[at % scope.per_day : at]
    return list(seen.reshape(-1, scope.per_day, seen.shape[1]).mean(axis=1).T)


def _bars(dataset: str, scopes: list[Scope], log: Decisions) -> Iterator[Bar]:
    for backward in (False, True):
        name = f"{dataset} reversed" if backward else dataset
        turned = [scope.reversed() if backward else scope for scope in scopes]
        for narrow in (False, True):
            parts = [measure(scope, narrow=narrow, log=log, dataset=name) for scope in turned]
            for discount in DISCOUNTS:
                total = _sum([part[discount] for part in parts])
                yield _narrow(name, discount, total) if narrow else _broad(name, discount, total, backward=backward)


def _sum(parts: list[Totals]) -> Totals:
    whole = Totals()
    for part in parts:
        whole.on_demand += part.on_demand
        whole.hindsight += part.hindsight
        whole.ours += part.ours
        for vendor, spent in part.vendors.items():
            whole.vendors[vendor] += spent
    return whole


def _broad(name: str, discount: float, total: Totals, *, backward: bool) -> Bar:
    vendors = {vendor: total.captured(spent) for vendor, spent in total.vendors.items()}
    target = max(vendors.values()) + (-0.5 if backward else 2.0)
    value = total.captured(total.ours)
    return Bar(f"commitments broad {discount:.2f} captured %", name, value, target, value >= target, vendors)


def _narrow(name: str, discount: float, total: Totals) -> Bar:
    vendors = {vendor: total.saved(spent) for vendor, spent in total.vendors.items()}
    best = max(vendors.values())
    target = max(0.0, best + min(1.0, (total.saved(total.hindsight) - best) / 2))
    value = total.saved(total.ours)
    return Bar(f"commitments narrow {discount:.2f} saved %", name, value, target, value >= target, vendors)


def _ruled(rule: Callable[[Floats, float, int], float], seen: Floats, discount: float) -> float:
    return rule(seen, discount, 24)


def bars(folder: Path, decisions: Decisions) -> Iterator[Bar]:
    """Snowflake's regions and UFCG's fleet, as protocols.md says."""
    for path in present(folder, "demand/snowflake_vm_demand_hourly.parquet"):
        scopes = snowflake(path)
        yield from _bars("snowflake", scopes, decisions)
        demands = {scope.name: scope.demand for scope in scopes}
        rules: dict[str, Rule] = {n: partial(_ruled, rule) for n, rule in VENDORS.items() if n != "nothing"}
        yield from joint_bars("snowflake", demands, rules, decisions)
        yield seconds_bar("snowflake", demands)
    for prices in present(folder, "prices/instance_prices.csv.gz"):
        for path in present(folder, "demand/ufcg_aws_daily_instances_2y.parquet"):
            yield from _bars("ufcg", ufcg(path, prices), decisions)
