"""Spot under a deadline on real availability traces: the gap of the deadline policy to the omniscient optimum.

Steps of ten minutes; a step is available only if it is all through it. Every policy learns what a step offers when it
asks for it, and nothing of later steps. Costs are in on-demand steps.
"""

from __future__ import annotations

import itertools
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.traces.bar import Bar, Decisions, present
from finops.spot.availability import Planner
from finops.spot.deadline import IDLE, Flags, Market, Mode, Terms, advance, solve

STEP_S = 600
UNITS = 5  # two minutes each: a changeover of 0.2 h is six of them, a step five
CHANGEOVER = 6
SPOT = 1 / 3  # on-demand : spot = 3 (protocol)
HOUR = 6  # steps
HISTORY = 48 * HOUR
LONG, SHORT = 48 * HOUR, 24 * HOUR
SLACKS = (1.1, 1.25, 1.5, 2.0)
STARTS = 3
SEED = 20240416
MOST_TRIPLES = 6  # of one campaign, so that nine zones do not make 84
FILES = ("spot/nsdi24_spot_traces.parquet", "spot/skypilot_spot_strategy_ping.parquet")

Decide = Callable[[int, tuple[bool, ...], Mode, int], int]


@dataclass(frozen=True, slots=True)
class Trace:
    """What zones of one campaign offered: `available` (steps × zones)."""

    dataset: str
    campaign: str
    zones: tuple[str, ...]
    available: Flags

    @property
    def name(self) -> str:
        return f"{self.campaign}/{'+'.join(self.zones)}"


@dataclass(frozen=True, slots=True)
class Job:
    """Work of `work` steps from step `start` of a trace, to be done within `steps`."""

    trace: Trace
    start: int
    steps: int
    work: int
    slack: float

    def at(self, to_go: int) -> int:
        return self.start + self.steps - to_go


def bars(folder: Path, decisions: Decisions) -> Iterator[Bar]:
    """One zone: each file, then all; three zones of a campaign."""
    single = [trace for path in present(folder, *FILES) for trace in _read(path)]
    results = [(job, _measured(job, decisions)) for trace in single for job in _jobs(trace)]
    for dataset in dict.fromkeys(trace.dataset for trace in single):
        mine = [gaps for job, gaps in results if job.trace.dataset == dataset]
        yield from _bar("spot, one zone: mean gap to the omniscient optimum", dataset, mine, None)
    for slack in SLACKS:
        mine = [gaps for job, gaps in results if job.slack == slack]
        yield from _bar(f"spot, one zone, deadline = work × {slack:g}: mean gap", "all", mine, None)
    yield from _bar("spot, one zone: mean gap to the omniscient optimum", "all", [gaps for _, gaps in results], 0.095)
    three = [_measured(job, decisions) for trace in _triples(single) for job in _jobs(trace)]
    yield from _bar("spot, three zones: mean gap to the omniscient optimum", "all", three, 0.07)


def _bar(name: str, dataset: str, gaps: Sequence[dict[str, float]], target: float | None) -> Iterator[Bar]:
    if not gaps:
        print(f"left out: {name}, {dataset}: no trace is long enough", file=sys.stderr)
        return
    mean = {policy: float(np.mean([gap[policy] for gap in gaps])) for policy in gaps[0]}
    late = int(mean.pop("late") * len(gaps) + 0.5)
    value = mean.pop("ours")
    passes = None if target is None else value <= target and late == 0
    yield Bar(f"{name} ({len(gaps)} jobs, {late} late)", dataset, value, target, passes, mean)


def _read(path: Path) -> Iterator[Trace]:
    """Traces of one node; zones that are the same series count once."""
    frame = pd.read_parquet(path)
    if "data" in frame.columns:
        chosen = frame[frame.nodes == 1]
        series = [(f"{r.campaign}/{r.resource}", r.zone, np.asarray(r.data), r.gap_seconds) for r in chosen.itertuples()]
    else:
        groups = frame.sort_values("ts").groupby(["campaign", "resource", "zone"])
        series = [(f"{c}/{r}", z, g.avail.to_numpy(), STEP_S) for (c, r, z), g in groups]
    seen: set[bytes] = set()
    for campaign, zone, data, gap_s in series:
        grid = _grid(data > 0, float(gap_s))
        if grid.tobytes() not in seen:
            seen.add(grid.tobytes())
            yield Trace(path.stem, campaign, (zone,), grid[:, None])


def _grid(samples: Flags, gap_s: float) -> Flags:
    """Steps of ten minutes from samples that hold for `gap_s`: available only if every sample that touches the step is."""
    steps = int(len(samples) * gap_s // STEP_S)
    first = (np.arange(steps) * STEP_S // gap_s).astype(int)
    last = np.ceil((np.arange(steps) + 1) * STEP_S / gap_s).astype(int)
    lost = np.concatenate([[0], np.cumsum(~samples)])
    return np.asarray(lost[np.minimum(last, len(samples))] - lost[first] == 0, dtype=bool)


def _triples(traces: Iterable[Trace]) -> Iterator[Trace]:
    """Three zones of one campaign and machine; of many triples, some drawn with a fixed seed."""
    groups: dict[tuple[str, str], list[Trace]] = {}
    for trace in traces:
        groups.setdefault((trace.dataset, trace.campaign), []).append(trace)
    for (dataset, campaign), members in groups.items():
        every = list(itertools.combinations(sorted(members, key=lambda t: t.zones), 3))
        rng = np.random.default_rng((SEED, zlib.crc32(campaign.encode())))
        drawn = sorted(rng.choice(len(every), min(MOST_TRIPLES, len(every)), replace=False)) if every else []
        for index in drawn:
            zones = tuple(zone for trace in every[index] for zone in trace.zones)
            length = min(len(trace.available) for trace in every[index])
            yield Trace(dataset, campaign, zones, np.concatenate([t.available[:length] for t in every[index]], axis=1))


def _jobs(trace: Trace) -> Iterator[Job]:
    """Three seeded starts a slack, 48 h of history before each."""
    length = len(trace.available)
    work = next((w for w in (LONG, SHORT) if HISTORY + w * max(SLACKS) <= length), 0)
    if not work:
        print(f"left out: {trace.name} of {trace.dataset} has {length / HOUR:.0f} h, no history and job fit", file=sys.stderr)
        return
    for slack in SLACKS:
        steps = int(work * slack + 1e-9)
        rng = np.random.default_rng((SEED, zlib.crc32(trace.name.encode()), round(slack * 100)))
        for start in sorted(rng.integers(HISTORY, length - steps, STARTS, endpoint=True).tolist()):
            yield Job(trace, start, steps, work, slack)


def _terms(job: Job) -> Terms:
    return Terms(UNITS, CHANGEOVER, (SPOT,) * len(job.trace.zones), 1.0)


def _measured(job: Job, decisions: Decisions) -> dict[str, float]:
    """Gaps to the omniscient cost by policy; `late` is 1 where ours missed the deadline."""
    terms = _terms(job)
    window = job.trace.available[job.start : job.start + job.steps]
    known = [Market(np.eye(1), step[None, :]) for step in window]
    best = solve(terms, job.steps, job.work * UNITS, known).value
    policies = {"ours": _ours(job, terms, decisions), "on-demand": lambda *_: _on_demand(terms)}
    policies |= {"greedy with safety net": _safe(terms, _greedy(terms)), "uniform progress": _safe(terms, _uniform(job, terms))}
    gaps: dict[str, float] = {"late": 0.0}
    for name, decide in policies.items():
        cost, unfinished = _run(job, terms, decide)
        gaps[name] = cost / best - 1
        if name == "ours" and unfinished:
            gaps["late"] = 1.0
    return gaps


def _run(job: Job, terms: Terms, decide: Decide) -> tuple[float, int]:
    """(cost, work left at the deadline). What runs on spot ends where the step is not available."""
    mode, work, cost = Mode(), job.work * UNITS, 0.0
    for to_go in range(job.steps, 0, -1):
        if work <= 0:
            break
        now = tuple(bool(flag) for flag in job.trace.available[job.at(to_go)])
        if _on_spot(terms, mode) and not now[mode.action - 1]:
            mode = Mode()
        action = decide(to_go, now, mode, work)
        if 1 <= action <= len(now) and not now[action - 1]:
            raise ValueError("spot was taken where there is none")
        mode, work, step_cost = advance(terms, mode, action, work)
        cost += step_cost
    return cost, work


def _on_spot(terms: Terms, mode: Mode) -> bool:
    return 1 <= mode.action <= len(terms.spot)


def _on_demand(terms: Terms) -> int:
    """The action that runs on demand."""
    return len(terms.spot) + 1


def _ours(job: Job, terms: Terms, decisions: Decisions) -> Decide:
    planner = Planner(terms)
    names = ["wait", *(f"spot {zone}" for zone in job.trace.zones), "on demand"]

    def decide(to_go: int, now: tuple[bool, ...], mode: Mode, work: int) -> int:
        at = job.at(to_go)
        cases = planner.decide(job.trace.available[job.start - HISTORY : at], to_go, mode, work)
        choice = {"".join(str(int(flag)) for flag in case): names[action] for case, action in cases.items()}
        more: dict[str, Any] = {"start": job.start, "slack": job.slack, "work_left": work / UNITS, "available": now}
        decisions.log("spot", job.trace.dataset, job.trace.name, at, at - 1, choice, **more)
        return cases[now]

    return decide


def _greedy(terms: Terms) -> Decide:
    """Spot whenever there is some, the present zone first; otherwise wait."""

    def decide(_to_go: int, now: tuple[bool, ...], mode: Mode, _work: int) -> int:
        if _on_spot(terms, mode) or mode.action == _on_demand(terms):
            return mode.action  # once the safety net holds, it holds to the end
        return next((zone for zone, there in enumerate(now, 1) if there), IDLE)

    return decide


def _uniform(job: Job, terms: Terms) -> Decide:
    """Uniform Progress (Wu et al., NSDI 2024): work in proportion to time; on demand where behind, with hysteresis."""
    total, horizon = job.work * UNITS, job.steps * UNITS

    def decide(to_go: int, now: tuple[bool, ...], mode: Mode, work: int) -> int:
        done, elapsed = total - work, horizon - to_go * UNITS
        ahead = done >= (elapsed + 2 * terms.changeover) * total / horizon
        if mode.action == _on_demand(terms) and not ahead:
            return mode.action
        if _on_spot(terms, mode):
            return mode.action
        there = next((zone for zone, flag in enumerate(now, 1) if flag), IDLE)
        return there or (_on_demand(terms) if done < elapsed * total / horizon else IDLE)

    return decide


def _safe(terms: Terms, decide: Decide) -> Decide:
    """The safety net of both: on demand as soon as anything else could not be made up for."""

    def safe(to_go: int, now: tuple[bool, ...], mode: Mode, work: int) -> int:
        action = decide(to_go, now, mode, work)
        after, left, _ = advance(terms, mode, action, work)
        needed = left + (after.left if action == _on_demand(terms) else terms.changeover)
        return action if left <= 0 or (to_go - 1) * terms.step >= needed else _on_demand(terms)

    return safe
