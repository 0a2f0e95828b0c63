"""Rightsizing: capacity for virtual machines over four weeks, and for PlanetLab's over a day, beside four vendors' rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow.parquet as pq

from benchmarks.traces.bar import Bar, Decisions, present
from finops.sizing.curve import RECENT, RISKS, FloatArray, load_curve

SHOWN = 125
"""Every so many-th of them is in the log of decisions and on the front: eight a decade."""

KNOB = np.logspace(-0.5, -8, 7501)
"""The risks whose points make our curves: 1,000 a decade, the same for every machine and dataset."""

RECENTS = (RECENT, RECENT / 2)
"""The says of the shorter memories whose curves make our front: as shipped, and half of it for those who want calm sizes."""

T = TypeVar("T")

SIZES = 100 * 2.0 ** np.arange(-10, 1)
STEPS_A_DAY = 288


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: what the decision sees (5-minute loads, percent, NaN where missing) and what comes after it."""

    name: str
    seen: FloatArray
    judged: FloatArray


@dataclass(frozen=True, slots=True)
class Trace:
    """Machines with one decision date. `cut` and `last` are the trace's own times of the decision and of its last input."""

    name: str
    machines: Sequence[Machine]
    cut: int | str
    last: int | str


@dataclass(frozen=True, slots=True)
class Point:
    """Mean capacity, percent of the present one, and the share of load that it leaves unserved."""

    cost: float
    unserved: float


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of ours for all machines: the recommender's `risk` and `recent`."""

    risk: float
    recent: float

    def __str__(self) -> str:
        return f"risk {self.risk:.3g}, recent {self.recent:.2g}"


SETTINGS = tuple(Setting(float(risk), recent) for recent in RECENTS for risk in KNOB)

Curve = Sequence[tuple[Setting, Point]]


def bars(folder: Path, decisions: Decisions) -> Iterator[Bar]:
    """A bar a dataset, kind of sizes and vendor; the Pareto front as bars without a target."""
    for trace in traces(folder):
        yield from _measure(trace, decisions)


def traces(folder: Path) -> Iterator[Trace]:
    for path in present(folder, "azurevm/azure_160vm_avgcpu_5min.parquet"):
        yield from _weeks(path)
    for path in present(folder, "planetlab/planetlab_*.parquet"):
        yield _day(path)


def _weeks(path: Path) -> Iterator[Trace]:
    """Fit on 14 days, judge on the 7 after, and apart on the 7 after those."""
    table = pq.read_table(path, columns=["vm", "ts", "cpu_pct_x100"]).to_pandas()
    start = table["ts"].min()
    table["step"] = ((table["ts"] - start).dt.total_seconds() / 300).round().astype(int)
    fit = 14 * STEPS_A_DAY
    loads: dict[str, FloatArray] = {}
    for vm, rows in table.groupby("vm"):
        load = np.full(28 * STEPS_A_DAY, np.nan)
        inside = rows[rows["step"] < len(load)]
        load[inside["step"].to_numpy()] = inside["cpu_pct_x100"].to_numpy() / 100
        if not np.isnan(load[:fit]).all():
            loads[str(vm)] = load
    for name, begin in (("azurevm, days 15-21", fit), ("azurevm, days 22-28", fit + 7 * STEPS_A_DAY)):
        judged = slice(begin, begin + 7 * STEPS_A_DAY)
        machines = [Machine(vm, load[:fit], load[judged]) for vm, load in loads.items()]
        yield Trace(name, machines, str(start + np.timedelta64(14, "D")), str(table["ts"][table["step"] < fit].max()))


def _day(path: Path) -> Trace:
    """Fit on the first 16 hours, judge on the last 8."""
    table = pq.read_table(path).to_pydict()
    fit = 192
    rows = zip(table["vm"], table["cpu_pct"], strict=True)
    machines = [Machine(vm, np.array(load[:fit], float), np.array(load[fit:], float)) for vm, load in rows]
    return Trace(path.stem, machines, fit, fit - 1)


Rule = Callable[[FloatArray], float]


def vpa(seen: FloatArray) -> float:
    """Kubernetes VPA: the 90th percentile, decayed with a half-life of 24 hours, plus 15 %."""
    weights = 0.5 ** (np.arange(len(seen))[::-1] / STEPS_A_DAY)
    order = np.argsort(seen, kind="stable")
    reached = np.cumsum(weights[order])
    return float(seen[order][np.searchsorted(reached, 0.9 * reached[-1])]) * 1.15


VENDORS: dict[str, Rule] = {
    "kubernetes_vpa": vpa,
    "krr": lambda seen: float(np.quantile(seen, 0.95)),
    "compute_optimizer": lambda seen: float(np.quantile(seen, 0.995)) / 0.8,
    "azure_advisor": lambda seen: float(seen.max()) / 0.8,
}
"""As facts/algorithms.md §3 describes them; no rule buys more than the present capacity."""


def _measure(trace: Trace, decisions: Decisions) -> Iterator[Bar]:
    chosen = {"continuous": [], "ladder": []}  # type: dict[str, list[FloatArray]]
    for machine in trace.machines:
        continuous, ladder = _ours(machine.seen)
        chosen["continuous"].append(continuous)
        chosen["ladder"].append(ladder)
        for setting, size, step in _shown(list(zip(SETTINGS, continuous, ladder, strict=True))):
            choice = {"continuous": round(float(size), 4), "ladder": float(step)}
            knobs = {"risk": float(f"{setting.risk:.6g}"), "recent": round(setting.recent, 4)}
            decisions.log("rightsizing", trace.name, machine.name, trace.cut, trace.last, choice, **knobs)
    for kind, capacities in chosen.items():
        ours = list(zip(SETTINGS, _points(trace, capacities), strict=True))
        vendors = {name: _vendor(trace, rule, kind) for name, rule in VENDORS.items()}
        costs = {f"{name} {what}": value for name, p in vendors.items() for what, value in _words(p)}
        yield from _against(trace, kind, ours, vendors, costs)
        yield from _front(trace, kind, ours, costs)


def _shown(each: Sequence[T]) -> list[T]:
    """Of each curve, every so many-th."""
    return [one for at, one in enumerate(each) if at % len(KNOB) % SHOWN == 0]


def _against(trace: Trace, kind: str, ours: Curve, vendors: dict[str, Point], costs: dict[str, float]) -> Iterator[Bar]:
    """For each vendor the cheapest point of ours that leaves no more unserved: its cost must be lower."""
    for name, vendor in vendors.items():
        serving = [(point.cost, setting) for setting, point in ours if point.unserved <= vendor.unserved]
        cost, best = min(serving, key=lambda each: each[0], default=(float("inf"), None))
        label = f"rightsizing {kind}: mean capacity %, unserved no more than {name}'s, {best}"
        yield Bar(label, trace.name, cost, vendor.cost, cost < vendor.cost, costs)


def _front(trace: Trace, kind: str, ours: Curve, costs: dict[str, float]) -> Iterator[Bar]:
    """Every eighth of a decade of the risk: the Pareto front of both curves, cost against unserved, dearest last."""
    least = float("inf")
    for setting, point in sorted(_shown(ours), key=lambda each: (each[1].cost, each[1].unserved)):
        if point.unserved < least:
            least = point.unserved
            label = f"rightsizing {kind} front: mean capacity % at {100 * point.unserved:.4f} % unserved, {setting}"
            yield Bar(label, trace.name, point.cost, None, None, costs)


def _ours(seen: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Our sizes at each of SETTINGS: continuous, and on the ladder of halves."""
    age = np.arange(len(seen))[::-1] / STEPS_A_DAY
    continuous, ladder = [], []
    for recent in RECENTS:
        curve = load_curve(age, seen, recent=recent)
        continuous.append(np.minimum(np.interp(-np.log(KNOB), -np.log(RISKS), curve.levels), 100.0))
        unserved = np.array([curve.unserved(size) for size in SIZES])
        totals = SIZES[:, None] + unserved[:, None] / KNOB[None, :]
        ladder.append(SIZES[np.argmin(totals, axis=0)])
    return np.concatenate(continuous), np.concatenate(ladder)


def _vendor(trace: Trace, rule: Rule, kind: str) -> Point:
    sizes = np.array([[min(rule(m.seen[~np.isnan(m.seen)]), 100.0)] for m in trace.machines])
    if kind == "ladder":
        sizes = SIZES[np.searchsorted(SIZES, sizes - 1e-9)]
    return _points(trace, list(sizes))[0]


def _points(trace: Trace, sizes: Sequence[FloatArray]) -> list[Point]:
    """Cost and unserved share of all machines together, at each setting."""
    missing, load = np.zeros(len(sizes[0])), 0.0
    for machine, capacity in zip(trace.machines, sizes, strict=True):
        judged = np.sort(machine.judged[~np.isnan(machine.judged)])
        above = np.append(np.cumsum(judged[::-1])[::-1], 0.0)
        places = np.searchsorted(judged, capacity, side="right")
        missing += above[places] - capacity * (len(judged) - places)
        load += float(judged.sum())
    costs = np.mean(sizes, axis=0)
    return [Point(float(c), float(m) / load) for c, m in zip(costs, missing, strict=True)]


def _words(point: Point) -> list[tuple[str, float]]:
    return [("capacity %", point.cost), ("unserved %", 100 * point.unserved)]
