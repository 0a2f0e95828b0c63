"""Metrics of the sample company: one series a resource, metric and device, drawn from a seed that is its own name's hash."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from finops.sample.estate import Estate, Resource, midnight
from finops.sample.files import compact

PERCENT = ("utilization", "active", "duty_cycle")


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of the open format's `metrics`."""

    resource_id: str
    timestamp: datetime
    period_s: int
    metric: str
    dimensions: str
    statistic: str
    value: float


def samples(estate: Estate) -> Iterator[Sample]:
    """Every metric row from `metrics_from` to the end of `as_of`, by resource and series."""
    for resource in estate.resources:
        for shape in resource.metrics:
            yield from _shape(estate, resource, shape)


def _shape(estate: Estate, resource: Resource, shape: Mapping[str, Any]) -> Iterator[Sample]:
    devices = shape.get("devices", 0)
    for device in range(devices) if devices else [None]:
        dimensions = dict(shape.get("dims", {})) | ({} if device is None else {"device": str(device)})
        quiet = bool(shape.get("only_first")) and device != 0
        yield from _series(estate, resource, shape, dimensions, quiet)


def _series(
    estate: Estate, resource: Resource, shape: Mapping[str, Any], dimensions: Mapping[str, str], quiet: bool
) -> Iterator[Sample]:
    name, text = shape["m"], compact(dimensions) if dimensions else ""
    draw = random.Random(_seed(resource.id, name, text))  # noqa: S311 - a reproducible series, no secret
    period = shape.get("period", 3600)
    moment = midnight(max(estate.metrics_from, resource.created))
    end = midnight(min(estate.as_of + timedelta(days=1), shape.get("until", date.max)))
    while moment < end:
        noise = draw.uniform(-1, 1)
        active = _active(shape, moment)
        if active or "rest" in shape:
            level = 0.0 if quiet else _level(shape, moment, noise) if active else float(shape["rest"])
            value = _rounded(shape, level)
            yield Sample(resource.id, moment, period, name, text, shape.get("s", "avg"), value)
            if "peak" in shape:
                yield Sample(resource.id, moment, period, name, text, "max", _rounded(shape, level * shape["peak"]))
        moment += timedelta(seconds=period)


def _level(shape: Mapping[str, Any], moment: datetime, noise: float) -> float:
    """Base, daily swing with its crest at 14:00 UTC, noise; another base from a day on, or on days 29 to 2."""
    changed = [(since, base) for since, base in shape.get("then", {}).items() if since <= moment.date()]
    if changed:
        base = float(changed[-1][1])
        return max(base + noise * float(shape.get("then_noise", 0.1 * base)), 0.0)
    if "month_end" in shape and (moment.day >= 29 or moment.day <= 2):
        return float(shape["month_end"]) * (1 + 0.04 * noise)
    wave = math.cos((moment.hour - 14) / 24 * 2 * math.pi)
    return max(float(shape["base"]) + float(shape.get("swing", 0)) * wave + float(shape.get("noise", 0)) * noise, 0.0)


def _active(shape: Mapping[str, Any], moment: datetime) -> bool:
    """Whether it works then: in its hours, or in those of the days of the month that `bursts` names, by its own clock."""
    local = moment.astimezone(ZoneInfo(shape["tz"])) if "tz" in shape else moment
    if "bursts" in shape:
        first, last = shape["bursts"].get(local.day, (0, 0))
        return bool(first <= local.hour < last)
    hours = shape.get("hours", (0, 24))
    daily = "hours" not in shape or shape.get("days") == "all" or local.weekday() < 5
    return daily and bool(hours[0] <= local.hour < hours[1])


def _rounded(shape: Mapping[str, Any], value: float) -> float:
    """Percentages and levels to a tenth, counters to two significant digits: what monitors resolve, and what compresses."""
    if shape["m"].endswith(PERCENT):
        value = min(value, float(shape.get("cap", 100)))
    if shape.get("s") == "sum" and value >= 1:
        return float(f"{value:.2g}")
    return round(value, 1)


def _seed(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:8], "big")
