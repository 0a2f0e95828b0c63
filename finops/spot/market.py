"""Rows of `spot_market` as judges see them: the band, how often spot is there, and what a deadline makes of that.

A row is a mapping with `zone`, `moment`, `price`, `available` and `band`; what is not stated is None.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, TypeAlias

import numpy as np

from finops.spot.availability import zones_of
from finops.spot.deadline import Flags, Terms, solve
from finops.spot.interruptions import Bursts, band_share, bursts

Rows: TypeAlias = Sequence[Mapping[str, Any]]

HOUR_S = 3600.0
UNITS = 5
"""Units of a step of the deadline policy."""

MIN_STEPS = 48
"""Steps of history without which a market says nothing about deadlines: two days of hours."""

PRICE_STEP = 1e-4

MOST_STEPS = 2000
"""A deadline further away than so many steps is as good as none."""


def latest_band(market: Rows) -> str | None:
    """The newest interruption band that is stated; of several zones at one time the worst."""
    newest = max((row["moment"] for row in market if row["band"]), default=None)
    stated = {str(row["band"]) for row in market if row["band"] and row["moment"] == newest}
    return max(stated, key=lambda band: (band_share(band) or 0.0, band), default=None)


def share_there(market: Rows) -> float | None:
    """The share of times at which at least one zone had capacity; None where that is not stated."""
    at: dict[Any, bool] = {}
    for row in market:
        if row["available"] is not None:
            at[row["moment"]] = at.get(row["moment"], False) or bool(row["available"])
    return sum(at.values()) / len(at) if at else None


def history(market: Rows) -> tuple[Flags, float]:
    """(steps × the three zones that are there most, hours a step); a step that a zone does not state counts as absent."""
    stated = {(row["moment"], row["zone"]): bool(row["available"]) for row in market if row["available"] is not None}
    times = sorted({at for at, _ in stated})
    gaps = [(after - before).total_seconds() / HOUR_S for before, after in itertools.pairwise(times)]
    there: dict[str, int] = {}
    for (_, zone), available in stated.items():
        there[zone] = there.get(zone, 0) + available
    zones = sorted(there, key=lambda zone: (-there[zone], zone))[:3]
    seen = np.array([[stated.get((at, zone), False) for zone in zones] for at in times], dtype=bool)
    return seen.reshape(len(times), len(zones)), median(gaps) if gaps else 0.0


def on_demand_share(runs: Rows, market: Rows, length: float | None, spot: float, restart: float) -> float | None:
    """The share of the work of the median run with a deadline that the best policy does on demand.

    runs     mappings with `deadline_h` (hours from start to deadline), `work_s`, `status` and `hours`; `length` stands in
    spot     its price over the on-demand price
    restart  hours that a start or a loss costs

    0 where no run has a deadline or the market states no history; None where the deadline leaves less than two restarts.
    """
    dated = [(float(run["deadline_h"]), _work(run, length)) for run in runs if run["deadline_h"] and _work(run, length) > 0]
    if not dated:
        return 0.0
    window, work = median(each[0] for each in dated), median(each[1] for each in dated)
    if window - work < 2 * restart:
        return None
    seen, hours = history(market)
    if len(seen) < MIN_STEPS or not hours or window / hours > MOST_STEPS:
        return 0.0
    steps, units = int(window / hours + 1e-9), math.ceil(work / hours * UNITS - 1e-9)
    changeover = max(1, round(restart / hours * UNITS))
    if steps * UNITS - units < changeover:
        return None
    zones = zones_of(seen)
    states = [zones.state(seen[:at], tuple(seen[at])) for at in range(len(seen) // 2, len(seen))]

    def expected(on_demand: float) -> float:
        terms = Terms(UNITS, changeover, (spot,) * seen.shape[1], on_demand)
        return float(np.array(solve(terms, steps, units, [zones.market]).by_state)[states].mean())

    # by the envelope theorem the cost rises with the on-demand price as the time that the best policy spends on demand
    time = (expected(1.0 + PRICE_STEP) - expected(1.0)) / PRICE_STEP
    return min(1.0, max(0.0, time * UNITS / units))


def _work(run: Mapping[str, Any], length: float | None) -> float:
    """Hours that the work takes: what is stated, at most what a completed run took (stated work may be a sum over nodes)."""
    known = [float(run["work_s"]) / HOUR_S] if run["work_s"] else []
    known += [float(run["hours"])] if run["status"] == "completed" and run["hours"] else []
    return min(known, default=length or 0.0)


def periodic_writes(writes: Rows) -> tuple[str, Bursts] | None:
    """(metric, bursts) of the first series with a period: `metric`, `period_s`, `samples` of `moment` and `value`."""
    for series in writes:
        samples = [(sample["moment"].timestamp() / HOUR_S, float(sample["value"])) for sample in series["samples"]]
        seen = bursts(samples, float(series["period_s"]) / HOUR_S)
        if seen is not None:
            return str(series["metric"]), seen
    return None
