"""What a scaled group had to do: samples of its metrics as work by the hour, and as load by the minute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from finops.scaling.group import Floats

HOUR = 3600.0

SAMPLES = """statistics as (

    -- counters as sums, levels as averages; of work the highest, so that a short job in an hour is seen
    select
        resource_id as key,
        metric,
        dimensions,
        timestamp,
        max(period_s) as period_s,
        max(value) as value
    from metric_samples($as_of)
    where
        (
            (metric = 'requests' and statistic = 'sum')
            or (metric in ('replicas', 'cpu_utilization') and statistic = 'avg')
            or metric in ('jobs_running', 'gpu_requested')
        )
        and resource_id in (select lower(profiles.resource_id) from profiles)
    group by resource_id, metric, dimensions, timestamp

),

whole as (

    select
        key,
        metric,
        timestamp,
        max(period_s) as period_s,
        case
            when bool_or(dimensions = '') then max(value) filter (where dimensions = '')
            when metric = 'cpu_utilization' then avg(value)
            else sum(value)
        end as value
    from statistics
    group by key, metric, timestamp

),

series as (

    -- of several periods the usual one
    select
        key,
        metric,
        period_s,
        list(timestamp order by timestamp) as times,
        list(value order by timestamp) as values
    from whole
    group by key, metric, period_s
    qualify row_number() over (partition by key, metric order by count(*) desc, period_s) = 1

),

samples as (

    select
        key,
        list({metric: metric, period_s: period_s, times: times, values: values} order by metric) as samples
    from series
    group by key

),"""
"""Of each resource of `profiles`, the samples of what shows its work; for `$as_of`."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One metric of a resource: a value for each period that begins at a time, times ascending."""

    times: tuple[datetime, ...]
    values: tuple[float, ...]
    period_s: float

    @property
    def hours(self) -> float:
        """Hours with samples."""
        return len(self.times) * self.period_s / HOUR

    @property
    def days(self) -> int:
        return len({time.date() for time in self.times})

    def since(self, start: datetime) -> Samples:
        kept = [(t, v) for t, v in zip(self.times, self.values, strict=True) if t >= start]
        return Samples(tuple(t for t, _ in kept), tuple(v for _, v in kept), self.period_s)


def samples_of_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, Samples]:
    """Samples by metric, of structs `metric`, `period_s`, `times` ascending and `values`."""
    return {row["metric"]: Samples(tuple(row["times"]), tuple(row["values"]), float(row["period_s"])) for row in rows}


@dataclass(frozen=True, slots=True)
class Work:
    """When there was anything to do. `quiet_hours` is since the last work, `pause_hours` the longest pause before that."""

    hours: float
    busy_hours: float
    starts: int
    quiet_hours: float
    pause_hours: float

    @property
    def busy_share(self) -> float:
        return self.busy_hours / self.hours if self.hours else 0.0


def work_of(several: Sequence[Samples], end: datetime) -> Work:
    """Work by any of the metrics, up to `end`. A period counts as busy where one of them is above zero in it."""
    period = max(samples.period_s for samples in several)
    busy: dict[int, bool] = {}
    for samples in several:
        for time, value in zip(samples.times, samples.values, strict=True):
            at = int(time.timestamp() // period)
            busy[at] = busy.get(at, False) or value > 0
    times = sorted(busy)
    at_work = [t for t in times if busy[t]]
    pauses = [later - earlier - 1 for earlier, later in pairwise(at_work)]
    if at_work:
        pauses.append(at_work[0] - times[0])
    last = at_work[-1] + 1 if at_work else times[0]
    starts = sum(1 for t in at_work if not busy.get(t - 1, False))
    hours = period / HOUR
    quiet = max(0.0, (end.timestamp() / period - last) * hours)
    return Work(len(times) * hours, len(at_work) * hours, starts, quiet, max(pauses, default=0) * hours)


def per_minute(samples: Samples, *, counter: bool) -> Floats:
    """The level of each minute, from the first sample to the end of the last; of a counter, its rate per second.

    Samples coarser than a minute are joined by straight lines between the middles of their periods: what happens within a
    period is not known, and a policy must leave room for it.
    """
    start = samples.times[0]
    minutes = int(((samples.times[-1] - start) + timedelta(seconds=samples.period_s)).total_seconds() // 60)
    middles = np.array([(t - start).total_seconds() + samples.period_s / 2 for t in samples.times])
    values = np.array(samples.values) / (samples.period_s if counter else 1.0)
    level: Floats = np.interp(np.arange(minutes) * 60.0 + 30.0, middles, values)
    return level


def peak_hours(load: Floats, start: datetime) -> str:
    """Hours (UTC) whose mean load is above the mean of all, of a load by the minute that begins at `start`."""
    hours = (start.hour * 60 + start.minute + np.arange(len(load))) // 60 % 24
    means = np.array([load[hours == hour].mean() if (hours == hour).any() else 0.0 for hour in range(24)])
    peak = means > means.mean()
    spans = []
    for first in (hour for hour in range(24) if peak[hour] and not peak[hour - 1]):
        length = next((n for n in range(1, 24) if not peak[(first + n) % 24]), 24)
        spans.append(f"{first:02d}–{(first + length) % 24:02d}")
    named = ", ".join(spans) or "none"
    return (
        f"peak hours (UTC): {named}; a load of {means.max():.1f} replicas in the highest hour, {means.min():.1f} in the lowest"
    )


def spans(minimum: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
    """A minimum for each minute of a day, as (first hour, hour after the last, least), from 0 to 24."""
    hours = [max(minimum[60 * hour : 60 * hour + 60]) for hour in range(24)]
    groups = ((least, list(within)) for least, within in groupby(range(24), key=lambda hour: hours[hour]))
    return tuple((within[0], within[-1] + 1, least) for least, within in groups)


def from_zero(load: Floats, boot_minutes: float) -> str:
    """What scale-to-zero would mean for those who ask first, by a load by the minute."""
    asleep = load <= 0
    starts = int((asleep[:-1] & ~asleep[1:]).sum())
    if not starts:
        return "min 0: there is no minute without requests"
    month = starts / len(load) * 730 * 60
    return f"min 0: {month:.0f} times a month the first requests would wait {boot_minutes:g} minutes for a replica to start"
