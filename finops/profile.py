"""A resource as judges see it: one row of `resource_profile`, with its metrics as days and histograms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

from finops.model import Scope
from finops.money import MONTH_PER_WINDOW
from finops.pricing import json_object, number
from finops.sizing.estimate import quantile

GIB = 1024.0**3


class Day(NamedTuple):
    """One day of one series. `rate` is the highest value per second, for counters."""

    day: date
    hours: float
    mean: float
    total: float
    highest: float
    lowest: float
    rate: float


STALE_DAYS = 7
"""Metrics come up to three days late. What a machine did a week ago and longer says nothing of one that goes on unseen."""

IN_PERCENT = "memory_utilization in percent"
"""What is missing where metrics came as shares of one."""

IN_ORDER = itemgetter(*Day._fields)
"""The members of a day in the column `metrics`, in the order of `Day`."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric, statistic and dimension of one resource, over at most 90 days."""

    metric: str
    statistic: str
    dimensions: Mapping[str, Any]
    days: tuple[Day, ...]
    buckets: Mapping[int, int]

    @property
    def highest(self) -> float:
        return max(day.highest for day in self.days)

    @property
    def lowest(self) -> float:
        return min(day.lowest for day in self.days)

    def quantile(self, q: float) -> float:
        return quantile(self.buckets, q, self.highest)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a resource is, costs (a month) and does."""

    resource: str
    billed_as: str
    provider: str
    account: str
    region: str
    service: str
    service_category: str
    resource_type: str
    in_inventory: bool
    sku: str
    billed_machine: str
    operating_system: str
    state: str
    created_at: datetime | None
    unchanged_days: int
    attached_to: str
    tags: Mapping[str, Any]
    properties: Mapping[str, Any]
    currency: str
    billed_days: int
    last_billed: date | None
    capacity_reservation: str
    monthly_cost: Decimal
    series: tuple[Series, ...]

    @property
    def bill_key(self) -> str:
        """How the simulated bill knows it: providers do not agree with themselves on upper and lower case."""
        return (self.billed_as or self.resource).lower()

    @property
    def scope(self) -> Scope:
        return Scope(self.provider, self.account, self.region, self.service, self.resource)

    @property
    def in_fractions(self) -> bool:
        """Whether its metrics are shares of one, not percentages: no system that runs does with a hundredth of its memory."""
        held = self.of("memory_utilization")
        return bool(held) and 0 < max(series.highest for series in held) <= 1

    def property(self, name: str) -> float | None:
        return number(self.properties.get(name))

    def of(self, metric: str, *statistics: str) -> list[Series]:
        """The series of a metric; of the statistics given, only those of the first that is there."""
        mine = [s for s in self.series if s.metric == metric]
        for statistic in statistics:
            chosen = [s for s in mine if s.statistic == statistic]
            if chosen:
                return chosen
        return [] if statistics else mine

    def has(self, metric: str) -> bool:
        return any(s.metric == metric for s in self.series)

    def history_days(self, metrics: Iterable[str]) -> int:
        """Days with samples of the metric, of these, that has most."""
        wanted = set(metrics)
        return max((len({d.day for d in s.days}) for s in self.series if s.metric in wanted), default=0)

    def recent_days(self, metrics: Iterable[str], as_of: date) -> int:
        """The same of the last 30 days."""
        wanted, first = set(metrics), as_of - timedelta(days=29)
        days = ({d.day for d in s.days if d.day >= first} for s in self.series if s.metric in wanted)
        return max(map(len, days), default=0)

    def lacks(self, metrics: Iterable[str], least: int) -> tuple[str, ...]:
        """What a verdict on these metrics misses: so many days of them, percentages, or any of late while it runs on."""
        wanted = set(metrics)
        if self.history_days(wanted) < least:
            return ("history",)
        if self.in_fractions:
            return (IN_PERCENT,)
        newest = max(day.day for series in self.series if series.metric in wanted for day in series.days)
        return ("recent metrics",) if self.is_stale(newest) else ()

    def is_stale(self, measured: date) -> bool:
        """Whether the resource has run on, unseen, after it was measured last."""
        return self.last_billed is not None and (self.last_billed - measured).days > STALE_DAYS

    def age_days(self, as_of: date) -> int | None:
        return None if self.created_at is None else (as_of - self.created_at.date()).days


def profile_of_row(row: Mapping[str, Any]) -> Profile:
    """One row of the `resource_profile` mart; `cost` there is of 30 days."""
    text = {name: row.get(name) or "" for name in ("provider", "region", "service", "service_category", "resource_type")}
    return Profile(
        resource=row["resource_id"],
        billed_as=row.get("billed_as") or "",
        account=row.get("account_id") or "",
        in_inventory=bool(row.get("in_inventory")),
        sku=row.get("sku") or "",
        billed_machine=machine if ":" not in (machine := row.get("instance_type") or "") else "",
        operating_system=row.get("operating_system") or "",
        state=row.get("state") or "",
        created_at=row.get("created_at"),
        unchanged_days=int(row.get("unchanged_days") or 0),
        attached_to=row.get("attached_to") or "",
        tags=json_object(row.get("tags")),
        properties=json_object(row.get("properties")),
        currency=row["currency"],
        billed_days=int(row.get("billed_days") or 0),
        last_billed=row.get("last_billed"),
        capacity_reservation=row.get("capacity_reservation_id") or "",
        monthly_cost=Decimal(row.get("cost") or 0) * MONTH_PER_WINDOW,
        series=series_of(row.get("metrics")),
        **text,
    )


def series_of(metrics: Iterable[Any] | None) -> tuple[Series, ...]:
    """The column `metrics` of `resource_profile` as series; those that are series already stay as they are."""
    return tuple(item if isinstance(item, Series) else _series(item) for item in metrics or ())


def _series(item: Mapping[str, Any]) -> Series:
    return Series(
        metric=item["metric"],
        statistic=item["statistic"],
        dimensions=json_object(item["dimensions"]),
        days=tuple(map(Day._make, map(IN_ORDER, item["days"]))),
        buckets={int(entry["bucket"]): int(entry["samples"]) for entry in item["buckets"]},
    )


STANDBY_TAGS = ("dr", "disaster_recovery", "disaster-recovery", "standby", "failover")
"""Tag keys by which companies mark what must be there without being used."""

STANDBY_WORDS = ("standby", "warm-standby", "hot-standby", "cold-standby", "pilot-light", "failover", "passive", "dr")
"""Tag values that say the same, whatever the key (`role: standby`)."""

PROTECTED_TAGS = ("keep", "do-not-delete", "do_not_delete", "donotdelete", "protected", "legal-hold", "legal_hold")
"""Tag keys by which somebody has answered already."""

NEGATIONS = ("", "no", "false", "none", "off", "0")


def standby(profile: Profile) -> str | None:
    """Why the resource stays as it is: a standby must be as large as what it stands for, and reserved capacity is billed
    whether or not it is used. None where nothing holds it."""
    for key, value in sorted(profile.tags.items()):
        if key.lower() in STANDBY_TAGS and str(value).lower() not in NEGATIONS:
            return f"standby (tag {key}={value})"
        if str(value).lower().replace("_", "-") in STANDBY_WORDS:
            return f"standby (tag {key}={value})"
        if key.lower() in PROTECTED_TAGS and str(value).lower() not in NEGATIONS:
            return f"marked to stay (tag {key}={value})"
    replica = profile.properties.get("read_replica")
    if replica not in (None, False) and str(replica).lower() not in NEGATIONS:
        return "standby (a replica that follows its primary)"
    if profile.capacity_reservation:
        return f"its capacity is reserved and billed without it: cancel {profile.capacity_reservation} first"
    return None


GROUP_KEYS = re.compile(
    r"(autoscaling[:_-]?group|node[_-]?(group|pool)|scale[_-]?set|instance[_-]?group|managed-pool)([_-]?name)?$"
)
"""Names of properties and tags by which a machine says which group made it."""


def managed_group(profile: Profile) -> str | None:
    """The group (of nodes, scaled, of instances) that makes a machine and decides its size; None for a machine of its own."""
    if profile.attached_to:
        return "/".join(profile.attached_to.rsplit(":", 1)[-1].split("/")[-4:])
    named = sorted((key.lower(), str(value)) for key, value in (*profile.properties.items(), *profile.tags.items()) if value)
    return next((value for key, value in named if GROUP_KEYS.search(key)), None)


def memory_used(profile: Profile, memory_gib: float) -> float | None:
    """The highest memory in use, GiB: measured, or the size less the least that was free."""
    used = profile.of("memory_utilization", "max", "p99", "avg")
    if used:
        return max(series.highest for series in used) / 100 * memory_gib
    held = profile.of("memory_used_gib", "max", "p99", "avg")
    if held:
        return max(series.highest for series in held)
    for series in profile.series:
        if series.metric.startswith(("freeable_memory", "memory_free", "memory_available")):
            free = series.lowest / (GIB if series.metric.endswith("bytes") else 1.0)
            return max(0.0, memory_gib - free)
    return None


def cpu_of(profile: Profile, vcpu: float) -> list[tuple[Series, float]]:
    """The series of CPU and what each is to be multiplied by for per cent of the machine: a `sum` adds up its cores."""
    whole = profile.of("cpu_utilization", "max", "p99", "avg")
    return [(series, 1.0) for series in whole] or [(series, 1 / vcpu) for series in profile.of("cpu_utilization", "sum")]


@dataclass(frozen=True, slots=True)
class Devices:
    """A percentage of each device where devices are told apart, else only the sum over all."""

    total: float
    each: tuple[float, ...]
    by_device: bool


def per_device(
    profile: Profile, metric: str, count: float, q: float, gib: tuple[str, float | None] | None = None
) -> Devices | None:
    """The q-quantile of a percentage by device. Without devices, `sum` is the sum over all `count`, a mean a `count`-th of it.

    `gib` names a metric in GiB, and the GiB of one device, that serve where the percentage is absent.
    """
    series = profile.of(metric)
    scale = 1.0
    if not series and gib is not None and gib[1]:
        series, scale = profile.of(gib[0]), 100.0 / gib[1]
    apart = [s for s in series if "device" in s.dimensions]
    if apart:
        highest: dict[str, float] = {}
        for one in _best_statistic(apart):
            device = str(one.dimensions["device"])
            highest[device] = max(highest.get(device, 0.0), one.quantile(q) * scale)
        return Devices(sum(highest.values()), tuple(highest.values()), by_device=True)
    sums = [s for s in series if s.statistic == "sum"]
    if sums:
        total = max(s.quantile(q) for s in sums) * scale
        return Devices(total, (total / count,) * int(count), by_device=False)
    if series:
        mean = max(s.quantile(q) for s in _best_statistic(series)) * scale
        return Devices(mean * count, (mean,) * int(count), by_device=count == 1)
    return None


def _best_statistic(series: Sequence[Series]) -> list[Series]:
    for statistic in ("max", "p99", "avg"):
        chosen = [s for s in series if s.statistic == statistic]
        if chosen:
            return chosen
    return list(series)
