"""Autoscaling on request, CPU and LLM traces: fit on the first half of each unbroken stretch, judged on the second.

Load in units of which the stretch's p99 needs 20; whole units, at least one; metrics one step old; a unit that leaves is billed
for one more step. Cost is Σ billed units (booting, serving, draining) / Σ ⌈load⌉, stricter than counting ready units alone,
which stands beside it. Steps are the trace's own: a minute, 57 s for the GenAI QPS (summed over containers, a missing sample is
the one before), 5 minutes for the Google cells; the LLM logs are requests in minutes from the first one, the last left out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.traces.bar import Bar, Decisions, present
from finops.scaling.group import (
    Floats,
    Group,
    HorizontalPodAutoscaler,
    Integers,
    Score,
    StepThresholds,
    TargetTracking,
    clairvoyant_within,
    lagged,
    scored,
)
from finops.scaling.policies import BUDGET, CheaperThan, WithinBudget

P99_UNITS = 20.0
LEAST_STEPS = 3000  # of a WorldCup stretch (protocol)
BARS_BOOT, OTHER_BOOTS = 3.0, (1.0, 7.0, 15.0)  # minutes
MEDIAN_COST, HIGHEST_COST, LESS_THAN_TRACKING = 1.20, 1.60, 0.85


@dataclass(frozen=True, slots=True)
class Stretch:
    """An unbroken series: `load` in units by step of `seconds`, `times` of the steps (moments, or counted from the first)."""

    dataset: str
    name: str
    load: Floats
    seconds: float
    times: list[int | str]

    @property
    def half(self) -> int:
        return len(self.load) // 2

    @property
    def day(self) -> int:
        return round(86_400 / self.seconds)

    @property
    def period(self) -> int:
        """Steps between two choices of a policy: ten minutes, less where there is little history."""
        return max(1, min(round(600 / self.seconds), self.half // 20))

    def steps(self, minutes: float) -> int:
        return max(1, math.ceil(minutes * 60 / self.seconds - 1e-9))


def bars(folder: Path, decisions: Decisions) -> Iterable[Bar]:
    """The bars with a boot of 3 minutes, then the same numbers at 1, 7 and 15 minutes without a target."""
    series = list(stretches(folder))
    if not series:
        return
    costs = []
    for stretch in series:
        measured = Measured.of(stretch, BARS_BOOT, decisions)
        costs.append(measured.within.cost)
        yield from measured.bars()
    middle = statistics.median(costs)
    yield Bar("cost, median of series, boot 3 min", "all", middle, MEDIAN_COST, middle <= MEDIAN_COST)
    for boot in OTHER_BOOTS:
        apart = [Measured.of(stretch, boot, None) for stretch in series]
        for measured in apart:
            yield from measured.reported()
        yield Bar(
            f"cost, median of series, boot {boot:g} min", "all", statistics.median(m.within.cost for m in apart), None, None
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """Both policies and what they are compared with, on the judged half of one stretch."""

    stretch: Stretch
    boot: float
    within: Score
    cheaper: Score
    tracking: Score
    others: dict[str, Score]

    @classmethod
    def of(cls, stretch: Stretch, boot: float, decisions: Decisions | None) -> Measured:
        group = Group(boot=stretch.steps(boot))
        load, half = stretch.load, stretch.half
        cooldown = stretch.steps(5)  # 300 s
        tracking = TargetTracking(0.6, cooldown).wanted(load, group)
        within = WithinBudget(period=stretch.period).wanted(load, group, half, stretch.day)
        cheaper = CheaperThan(period=stretch.period).wanted(load, group, half, tracking, stretch.day)
        if decisions is not None:
            _log(stretch, decisions, "within budget", within)
            _log(stretch, decisions, "15 % under target tracking", cheaper)

        def judged(wanted: Integers) -> Score:
            return scored(wanted, load[half:], group)

        others = {name: judged(make(load, group, cooldown)[half:]) for name, make in BASELINES.items()}
        others["clairvoyant"] = judged(clairvoyant_within(load[half:], group, BUDGET))
        return cls(stretch, boot, judged(within), judged(cheaper), judged(tracking[half:]), others)

    def bars(self) -> Iterator[Bar]:
        name = f"{self.stretch.dataset} {self.stretch.name}".strip()
        costs = {key: score.cost for key, score in self.others.items()}
        unserved = {key: 100 * score.unserved for key, score in self.others.items()}
        served = self.within.unserved <= BUDGET
        yield Bar("unserved %, boot 3 min", name, 100 * self.within.unserved, 100 * BUDGET, served, unserved)
        cost = self.within.cost
        yield Bar("cost, boot 3 min", name, cost, HIGHEST_COST, cost <= HIGHEST_COST, costs)
        yield Bar("cost of ready units, boot 3 min", name, self.within.ready_cost, None, None)
        ratio, limit, amounts = self._beside_tracking()
        passes = ratio <= LESS_THAN_TRACKING and self.cheaper.unserved <= limit
        yield Bar("cost / 60 % target tracking's, boot 3 min", name, ratio, LESS_THAN_TRACKING, passes, amounts)

    def reported(self) -> Iterator[Bar]:
        name = f"{self.stretch.dataset} {self.stretch.name}".strip()
        costs = {key: score.cost for key, score in self.others.items()}
        unserved = {key: 100 * score.unserved for key, score in self.others.items()}
        yield Bar(f"unserved %, boot {self.boot:g} min", name, 100 * self.within.unserved, None, None, unserved)
        yield Bar(f"cost, boot {self.boot:g} min", name, self.within.cost, None, None, costs)
        ratio, _, amounts = self._beside_tracking()
        yield Bar(f"cost / 60 % target tracking's, boot {self.boot:g} min", name, ratio, None, None, amounts)

    def _beside_tracking(self) -> tuple[float, float, dict[str, float]]:
        """Cost over target tracking's, the share that may go unserved, and what both come to in percent."""
        limit = min(self.tracking.unserved, BUDGET)
        amounts = {"unserved % ours": 100 * self.cheaper.unserved, "unserved % allowed": 100 * limit}
        return self.cheaper.cost / self.tracking.cost, limit, amounts


def _twice_the_highest(load: Floats, group: Group, _: int) -> Integers:
    """Always twice the highest load seen so far: what it leaves unserved no policy could have known of."""
    return group.bounded(np.ceil(2 * np.maximum.accumulate(lagged(load, group.lag))))


BASELINES: dict[str, Callable[[Floats, Group, int], Integers]] = {
    "target tracking 60 %": lambda load, group, cool: TargetTracking(0.6, cool).wanted(load, group),
    "step scaling 40-70 %": lambda load, group, cool: StepThresholds(0.7, 0.4, cool).wanted(load, group),
    "HPA 70 %": lambda load, group, cool: HorizontalPodAutoscaler(0.7, cool).wanted(load, group),
    "twice the highest seen": _twice_the_highest,
}


def _log(stretch: Stretch, decisions: Decisions, setting: str, wanted: Integers) -> None:
    for t, choice in enumerate(wanted.tolist(), stretch.half):
        time, last = stretch.times[t], stretch.times[t - 1]
        decisions.log("autoscaling", stretch.dataset, stretch.name, time, last, choice, setting=setting, step=t)


# ---- the traces


def stretches(folder: Path) -> Iterator[Stretch]:
    for pattern, reader in READERS.items():
        for path in present(folder, pattern):
            yield from reader(path)


def _worldcup(path: Path) -> Iterator[Stretch]:
    table = pd.read_parquet(path).sort_values("timestamp")
    unbroken = (table["timestamp"].diff() != pd.Timedelta(minutes=1)).cumsum()
    for _, part in table.groupby(unbroken):
        if len(part) > LEAST_STEPS:
            name = f"{part['timestamp'].iloc[0]:%Y-%m-%d %H:%M}"
            yield _stretch("worldcup98", name, part["num_request"], 60.0, part["timestamp"])


def _cells(path: Path) -> Iterator[Stretch]:
    for cell, part in pd.read_parquet(path).sort_values("ts").groupby("cell"):
        unbroken = (part["ts"].diff() != pd.Timedelta(minutes=5)).cumsum()
        for number, piece in part.groupby(unbroken):
            if len(piece) * 5 > LEAST_STEPS:
                name = f"{cell}" if number == 1 else f"{cell} {number}"
                yield _stretch("google2019", name, piece["avgcpu"], 300.0, piece["ts"])


def _genai(path: Path) -> Iterator[Stretch]:
    table = pd.read_parquet(path).sort_values("timestamp_anon")
    seconds = float(np.median(np.diff(np.unique(table["timestamp_anon"]))))
    step = np.round((table["timestamp_anon"] - table["timestamp_anon"].min()) / seconds).astype(int)
    total = table.groupby(step)["value"].sum()
    total = total.reindex(range(int(total.index.max()) + 1)).ffill()
    yield _stretch("alibaba_genai26_qps", "", total, seconds, pd.Series(total.index))


def _azure(path: Path) -> Iterator[Stretch]:
    yield _minutes(path.stem, pd.read_parquet(path)["TIMESTAMP"])


def _mooncake(path: Path) -> Iterator[Stretch]:
    yield _minutes(path.stem, pd.to_datetime(pd.read_parquet(path)["timestamp_ms"], unit="ms"))


def _minutes(dataset: str, times: pd.Series) -> Stretch:
    minute = (times - times.min()) // pd.Timedelta(minutes=1)
    count = minute.groupby(minute).size().reindex(range(int(minute.max()))).fillna(0)
    return _stretch(dataset, "", count, 60.0, times.min() + pd.to_timedelta(pd.Series(count.index), unit="min"))


def _stretch(dataset: str, name: str, values: pd.Series, seconds: float, times: pd.Series) -> Stretch:
    load = values.to_numpy(dtype=np.float64)
    stamps = [t if isinstance(t, int) else str(t) for t in times.tolist()]
    return Stretch(dataset, name, load * P99_UNITS / float(np.quantile(load, 0.99)), seconds, stamps)


READERS: dict[str, Callable[[Path], Iterator[Stretch]]] = {
    "requests/worldcup98_1min.parquet": _worldcup,
    "requests/google2019_cell_5min.parquet": _cells,
    "requests/alibaba_genai26_qps.parquet": _genai,
    "llm/azure_llm_*.parquet": _azure,
    "llm/mooncake_*.parquet": _mooncake,
}
