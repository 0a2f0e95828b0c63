"""Tokens by meter, model and hour of the day: what they are, what they cost, and which of them come from a nightly job."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any

from finops.evidence import quoted
from finops.model import Fact
from finops.pricing import json_object
from finops.profile import Profile
from finops.recommend import Context

METERS = ("input", "output", "cache_read", "cache_write")
DAYS = 30
PER_MILLION = {"million tokens": 1.0, "1m tokens": 1.0, "thousand tokens": 1000.0, "1k tokens": 1000.0, "tokens": 1e6}
"""Unit of a price → how many such units make a million tokens."""


def meter_of(name: str) -> str:
    """Which of the token meters a meter's name means; empty for none of them."""
    words = name.lower()
    if "cache" in words:
        return "cache_write" if re.search(r"write|creat", words) else "cache_read"
    if re.search(r"output|completion|response|generated", words):
        return "output"
    return "input" if re.search(r"input|prompt", words) else ""


@dataclass(frozen=True, slots=True)
class Series:
    """Tokens of one meter and one set of dimensions: by hour of the day over 30 days, with the days on which there were any."""

    meter: str
    dimensions: Mapping[str, Any]
    hours: tuple[float, ...]
    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """All tokens of a resource over 30 days."""

    series: tuple[Series, ...]

    @property
    def meters(self) -> list[str]:
        return [name for name in METERS if self.total(name) > 0]

    def total(self, meter: str) -> float:
        return sum(sum(s.hours) for s in self.series if s.meter == meter)

    def by_hour(self, meter: str) -> tuple[float, ...]:
        """Tokens of each hour of the day, of 30 days."""
        return tuple(sum(s.hours[hour] for s in self.series if s.meter == meter) for hour in range(24))

    def models(self, profile: Profile) -> dict[str, float]:
        """Model → its share of the tokens; what the inventory says where no metric names one."""
        tokens: dict[str, float] = {}
        for s in self.series:
            name = str(s.dimensions.get("model") or _model(profile))
            tokens[name] = tokens.get(name, 0.0) + sum(s.hours)
        whole = sum(tokens.values())
        return {name: part / whole for name, part in sorted(tokens.items()) if whole}

    @property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(Fact(f"tokens {name}", round(self.total(name)), "of 30 days", "metric_samples") for name in self.meters)


def _model(profile: Profile) -> str:
    """What the inventory says: the model with its version, where they are apart, as versions have prices of their own."""
    model, version = (str(profile.properties.get(name) or "") for name in ("model", "version"))
    return f"{model}-{version}" if model and version else model or profile.sku or ""


def usage_of_rows(rows: Iterable[Mapping[str, Any]]) -> Usage:
    """Rows of (metric, dimensions, hour, tokens, days); the batch tier is left out, for it is what one would change to."""
    hours: dict[tuple[str, str], list[float]] = {}
    days: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        key = (row["metric"].removeprefix("tokens_"), row["dimensions"] or "")
        hours.setdefault(key, [0.0] * 24)[row["hour"]] += float(row["tokens"])
        seen = days.setdefault(key, [0] * 24)
        seen[row["hour"]] = max(seen[row["hour"]], int(row["days"] or 0))
    made = [Series(m, json_object(d), tuple(hours[m, d]), tuple(days[m, d])) for m, d in sorted(hours)]
    return Usage(tuple(s for s in made if not any(str(v).lower() == "batch" for v in s.dimensions.values())))


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """List prices of a million tokens, by `meter` and `meter:tier`, averaged over the models that are used."""

    amounts: Mapping[str, float]

    @classmethod
    def of(cls, models: Mapping[str, float], profile: Profile, context: Context) -> TokenPrices | None:
        """None where a model that is used has no price of input."""
        listed = _listed(profile, context)
        found = {name: listed.get(_listed_as(name, listed)) for name in models}
        if not found or any(prices is None or "input" not in prices for prices in found.values()):
            return None
        known = {name: prices for name, prices in found.items() if prices is not None}
        common = set.intersection(*(set(prices) for prices in known.values()))
        return cls({rest: sum(models[name] * prices[rest] for name, prices in known.items()) for rest in common})

    def amount(self, meter: str) -> float | None:
        return self.amounts.get(meter)

    def known(self, meter: str) -> float:
        """Raises KeyError where there is none."""
        return self.amounts[meter]


def _listed(profile: Profile, context: Context) -> dict[str, dict[str, float]]:
    """Model → meter → a million tokens, where the profile's are processed: a type of deployment begins with the price's."""
    kind = str(profile.properties.get("deployment_type") or "")
    found: dict[str, dict[str, tuple[int, float]]] = {}
    for price in context.prices.every(context.at, provider=profile.provider, product="tokens"):
        model, _, rest = price.key.sku.partition(":")
        units, place = PER_MILLION.get(price.unit.lower()), price.key.deployment or ""
        if not rest or units is None or price.key.region not in (profile.region, "", "global") or not kind.startswith(place):
            continue
        meters, meter = found.setdefault(model.lower(), {}), rest.replace("-", "_").lower()
        if len(place) >= meters.get(meter, (0, 0.0))[0]:  # the nearest word for it
            meters[meter] = len(place), float(price.amount) * units
    return {model: {meter: amount for meter, (_, amount) in meters.items()} for model, meters in found.items()}


def _listed_as(name: str, listed: Iterable[str]) -> str:
    """The price list's name of a model: its own, else the longest that it is a version of (`claude-sonnet` of a versioned id).

    What follows must be a version: `gpt-4o-mini` is no `gpt-4o`, `gpt-5.2` no `gpt-5`.
    """
    own = name.lower()
    inside = [model for model in listed if re.search(rf"(?<![a-z0-9]){re.escape(model)}(?=$|[@:]|[-_]v?\d)", own)]
    return own if own in set(listed) else max(inside, key=len, default="")


def cache_writes(by_hour: Sequence[float], share: float, prefix: float, ttl_minutes: float) -> float:
    """Tokens written to a cache in 30 days: a request writes where none came within the cache's life before it.

    Requests of an hour are taken as Poisson: the chance of none within the life is e^(−rate × life).
    """
    written = 0.0
    for tokens in by_hour:
        requests = tokens / DAYS * share / prefix
        written += DAYS * requests * math.exp(-requests * ttl_minutes / 60) * prefix
    return written


@dataclass(frozen=True, slots=True)
class Nightly:
    """A job: the hours of the day (UTC) in which it runs, and its share of each meter's tokens."""

    first: int
    hours: int
    shares: Mapping[str, float]

    def share(self, meter: str) -> float:
        return self.shares.get(meter, 0.0)

    @property
    def words(self) -> str:
        return f"from {self.first:02d} to {(self.first + self.hours) % 24:02d} h UTC"

    @property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(
            Fact(f"share of {name} in those hours", round(part, 4), "of 1, above the level around them", "metric_samples")
            for name, part in self.shares.items()
        )


def nightly(usage: Usage, longest: int, least_days: int) -> Nightly | None:
    """What comes at the same few hours of nearly every day and is many times the level around them: of the series that says so
    most. Interactive use rises and falls over hours; a job begins and ends at once."""
    found: list[tuple[float, int, int]] = []
    tokens = usage.by_hour("input")
    for s in (s for s in usage.series if s.meter == "input"):
        span = _span(s, longest, least_days)
        if span is not None:
            found.append((sum(s.hours), *span))
    if not found:
        return None
    _, first, hours = max(found)
    inside = {(first + step) % 24 for step in range(hours)}
    shares: dict[str, float] = {}
    for meter in ("input", "output"):
        level = usage.by_hour(meter)
        whole = sum(level)
        if whole > 0:
            base = median(level[hour] for hour in range(24) if hour not in inside)
            shares[meter] = sum(max(0.0, level[hour] - base) for hour in inside) / whole
    return Nightly(first, hours, shares) if sum(tokens) > 0 else None


def _span(series: Series, longest: int, least_days: int) -> tuple[int, int] | None:
    """(first hour, hours) of the one stretch of the day that stands out; None where there is none, or several."""
    level = median(series.hours)
    high = [hour for hour in range(24) if series.hours[hour] > 3 * level and series.days[hour] >= least_days]
    if not high or len(high) > longest:
        return None
    starts = [hour for hour in high if (hour - 1) % 24 not in high]
    if len(starts) != 1:
        return None
    first = starts[0]
    edges = [(first - 1) % 24, (first + len(high)) % 24]
    least = min(series.hours[hour] for hour in high)
    sharp = all(series.hours[hour] * 3 <= least or series.days[hour] < least_days for hour in edges)
    return (first, len(high)) if sharp else None


def by_account_sql(account: str, meters: Sequence[str], share: Decimal, as_of: date, currency: str) -> str:
    """The statement that returns a share of what an account pays for token meters whose lines name no resource."""
    names = ", ".join(quoted(meter) for meter in meters)
    day, part = quoted(as_of.isoformat()), share.quantize(Decimal("0.000000000001"))
    return f"""with lines as (
    select effective_cost - coalesce(promotional_credit, 0) as cost
    from resource_daily
    where
        coalesce(resource_id, '') = ''
        and coalesce(account_id, billing_account_id, '') = {quoted(account)}
        and coalesce(sku_meter, sku_id, '') in ({names})
        and currency = {quoted(currency)}
        and charge_category = 'Usage'
        and coalesce(commitment_id, '') = ''
        and charge_date > date {day} - 30
        and charge_date <= date {day}
)
select cast(sum(cost) * 730 / 720 * {part:f} as decimal(38, 2)) as monthly_saving from lines"""
