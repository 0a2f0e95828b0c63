"""Rightsizing: capacity for virtual machines over four weeks, and for PlanetLab's over a day, beside four vendors' rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.traces.bar import Bar, Decisions, present
from finops.sizing.curve import RISKS, FloatArray, load_curve

SHOWN = 125
"""Every so many-th of them is in the log of decisions and on the front: eight a decade."""

KNOB = np.logspace(-0.5, -8, 7501)
"""The risks whose points make our curve: 1,000 a decade, the same for every machine and dataset."""

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
    cut: str
    last: str


@dataclass(frozen=True, slots=True)
class Point:
    """Mean capacity, percent of the present one, and the share of load that it leaves unserved."""

    cost: float
    unserved: float


def bars(folder: Path, decisions: Decisions) -> Iterator[Bar]:
    """A bar a dataset, kind of sizes and vendor; the Pareto front as bars without a target."""
    for trace in traces(folder):
        yield from _measure(trace, decisions)


def traces(folder: Path) -> Iterator[Trace]:
    for path in present(folder / "azurevm", "azure_160vm_avgcpu_5min.parquet"):
        yield from _weeks(path)
    days = sorted(path.name for path in (folder / "planetlab").glob("planetlab_*.parquet"))
    for path in present(folder / "planetlab", *(days or ["planetlab_*.parquet"])):
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
    return Trace(path.stem, machines, f"step {fit}", f"step {fit - 1}")


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
        for risk, size, step in list(zip(KNOB, continuous, ladder, strict=True))[::SHOWN]:
            choice = {"continuous": round(float(size), 4), "ladder": float(step)}
            decisions.log("rightsizing", trace.name, machine.name, trace.cut, trace.last, choice, risk=float(f"{risk:.6g}"))
    for kind, capacities in chosen.items():
        ours = _curve(trace, capacities)
        vendors = {name: _vendor(trace, rule, kind) for name, rule in VENDORS.items()}
        costs = {f"{name} {what}": value for name, p in vendors.items() for what, value in _words(p)}
        yield from _against(trace, kind, ours, vendors, costs)
        yield from _front(trace, kind, ours, costs)


def _against(
    trace: Trace, kind: str, ours: Sequence[tuple[float, Point]], vendors: dict[str, Point], costs: dict[str, float]
) -> Iterator[Bar]:
    """For each vendor the cheapest point of ours that leaves no more unserved: its cost must be lower."""
    for name, vendor in vendors.items():
        serving = [(point.cost, risk) for risk, point in ours if point.unserved <= vendor.unserved]
        cost, risk = min(serving) if serving else (float("inf"), 0.0)
        label = f"rightsizing {kind}: mean capacity %, unserved no more than {name}'s, risk {risk:.3g}"
        yield Bar(label, trace.name, cost, vendor.cost, cost < vendor.cost, costs)


def _front(trace: Trace, kind: str, ours: Sequence[tuple[float, Point]], costs: dict[str, float]) -> Iterator[Bar]:
    """Every eighth of a decade of the knob: the Pareto front, cost against unserved."""
    for risk, point in ours[::SHOWN]:
        label = f"rightsizing {kind} front: mean capacity % at {100 * point.unserved:.4f} % unserved, risk {risk:.3g}"
        yield Bar(label, trace.name, point.cost, None, None, costs)


def _ours(seen: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Our sizes at every setting of the knob: continuous, and on the ladder of halves."""
    age = np.arange(len(seen))[::-1] / STEPS_A_DAY
    curve = load_curve(age, seen)
    continuous = np.minimum(np.interp(-np.log(KNOB), -np.log(RISKS), curve.levels), 100.0)
    unserved = np.array([curve.unserved(size) for size in SIZES])
    totals = SIZES[:, None] + unserved[:, None] / KNOB[None, :]
    return continuous, SIZES[np.argmin(totals, axis=0)]


def _vendor(trace: Trace, rule: Rule, kind: str) -> Point:
    sizes = np.array([[min(rule(m.seen[~np.isnan(m.seen)]), 100.0)] for m in trace.machines])
    if kind == "ladder":
        sizes = SIZES[np.searchsorted(SIZES, sizes - 1e-9)]
    return _curve(trace, list(sizes), [1.0])[0][1]


def _curve(trace: Trace, sizes: Sequence[FloatArray], knob: Iterable[float] = KNOB) -> list[tuple[float, Point]]:
    """Cost and unserved share of all machines together, at each setting."""
    missing, load = np.zeros(len(sizes[0])), 0.0
    for machine, capacity in zip(trace.machines, sizes, strict=True):
        judged = np.sort(machine.judged[~np.isnan(machine.judged)])
        above = np.append(np.cumsum(judged[::-1])[::-1], 0.0)
        places = np.searchsorted(judged, capacity, side="right")
        missing += above[places] - capacity * (len(judged) - places)
        load += float(judged.sum())
    costs = np.mean(sizes, axis=0)
    return [(float(r), Point(float(c), float(m) / load)) for r, c, m in zip(knob, costs, missing, strict=True)]


def _words(point: Point) -> list[tuple[str, float]]:
    return [("capacity %", point.cost), ("unserved %", 100 * point.unserved)]
