"""The sample company as its YAML files describe it: accounts, price book, commitments and resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml

from finops.errors import InputError
from finops.sample.book import ONE, ListPrice, by_sku, in_group
from finops.sample.jobs import Job, checkpoints, of_table

T = TypeVar("T")
Book = Mapping[tuple[str, str, str], Mapping[str, Any]]
"""What the price list says of a (provider, product, sku)."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that a resource is billed for.

    kind    key of the estate's `meters`: what the provider calls it on the bill
    counts  units while it runs, each from its day on; a month-priced one is billed `count ÷ days of the month` a day
    weekly  growth a week of the count, from `start` on
    start, end  days, half open; hours  UTC hours in which it runs on `days` (all, weekdays, or days of the month)
    pulses  days, half open, outside which it does not run (empty: it always does)
    """

    kind: str
    sku: str
    counts: tuple[tuple[date, Decimal], ...]
    weekly: Decimal
    start: date
    end: date
    hours: tuple[int, int]
    days: str | tuple[int, ...]
    pulses: tuple[tuple[date, date], ...]
    deployment: str
    operating_system: str
    tier_start: Decimal
    native: Mapping[str, Any]

    def on(self, day: date) -> range:
        """The hours of that day in which it runs."""
        runs = self.days == "all" or (day.weekday() < 5 if self.days == "weekdays" else day.day in self.days)
        pulsed = not self.pulses or any(first <= day < last for first, last in self.pulses)
        return range(*self.hours) if runs and pulsed else range(0)

    def amount(self, day: date) -> Decimal:
        """Units on that day."""
        count = at(self.counts, day, Decimal(0))
        return (
            count if self.weekly == ONE else (count * self.weekly ** ((day - self.start).days // 7)).quantize(Decimal("0.01"))
        )


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: where it is, what it costs, how it behaves, and what must be found in it.

    billed_tags  what the bill shows, from each day on; `tags` is what the inventory says
    listed       whether an inventory shows it: jobs that are over have only a bill
    """

    key: str
    id: str
    name: str
    provider: str
    account: str
    region: str
    type: str
    sku: str
    states: tuple[tuple[date, str], ...]
    created: date
    attached_to: tuple[tuple[date, str], ...]
    tags: Mapping[str, str]
    billed_tags: tuple[tuple[date, Mapping[str, str]], ...]
    listed: bool
    native: Mapping[str, Any]
    properties: Mapping[str, Any]
    meters: tuple[Meter, ...]
    metrics: tuple[Mapping[str, Any], ...]
    objects: tuple[Mapping[str, Any], ...]
    runs: Mapping[str, Any]
    answers: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Commitment:
    """A commitment in force.

    hourly   currency where spend is committed; else units, of which one of a sku takes its weight
    rates    what a covered unit of each sku costs
    only     the one account whose usage it covers (empty: any)
    unshared accounts whose usage it does not cover, from that billing period on
    """

    key: str
    id: str
    provider: str
    account: str
    instrument: str
    kind: str
    region: str
    hourly: Decimal
    rates: Mapping[str, Decimal]
    weights: Mapping[str, Decimal]
    deployment: str
    only: str
    unshared: Mapping[str, date]
    start: date
    end: date
    payment: str
    upfront: Decimal
    scope: Mapping[str, Any]
    native: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Estate:
    """The whole sample company. Times are UTC; `start` is the first billed day, `as_of` the last.

    detailed_from  the first month that has a bill of its own; older ones are one archive a provider
    """

    start: date
    detailed_from: date
    as_of: date
    metrics_from: date
    accounts: Mapping[str, Mapping[str, str]]
    providers: Mapping[str, Mapping[str, Any]]
    meters: Mapping[str, Mapping[str, Any]]
    prices: tuple[ListPrice, ...]
    resources: tuple[Resource, ...]
    commitments: tuple[Commitment, ...]
    answers: tuple[Mapping[str, Any], ...]
    listed: Mapping[tuple[str, str, str, str], Sequence[ListPrice]]
    jobs: tuple[Job, ...]
    spot: tuple[Mapping[str, Any], ...]
    contracts: tuple[Mapping[str, Any], ...]

    def of(self, provider: str) -> list[Resource]:
        return [r for r in self.resources if r.provider == provider]

    def periods(self) -> list[date]:
        """The first days of the billed months."""
        days = [self.start + timedelta(days=n) for n in range((self.as_of - self.start).days + 1)]
        return sorted({day.replace(day=1) for day in days})

    def discount(self, provider: str) -> Decimal:
        """What is left of a list price under the negotiated agreement: 0.91 after 9 %."""
        return ONE - Decimal(str(self.providers[provider].get("negotiated_discount", "0")))

    def rate(self, provider: str, day: date) -> Decimal:
        """Units of billing currency for one of the pricing currency, in the day's month."""
        rates = self.providers[provider].get("rates", {})
        return Decimal(str(rates.get(f"{day:%Y-%m}", "1")))

    def price(
        self,
        provider: str,
        region: str,
        product: str,
        sku: str,
        *,
        deployment: str = "",
        operating_system: str = "",
        tier: Decimal = Decimal(0),
        instrument: str = "",
        term: str = "",
    ) -> Decimal:
        """The one list price under that key. Raises InputError where the book has none, or several."""
        found = [
            p.price
            for p in self.listed.get((provider, region, product, sku), ())
            if p.instrument == instrument
            and (not deployment or p.deployment == deployment)
            and (not operating_system or p.operating_system == operating_system)
            and p.tier_start == tier
            and (p.term == term or not term)
        ]
        if len(found) != 1:
            raise InputError(f"{len(found)} prices for {product}/{sku} in {region}", where="price_book.yaml")
        return found[0]


def midnight(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def month_days(day: date) -> int:
    return (next_month(day) - day.replace(day=1)).days


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def load(folder: Path) -> Estate:
    """Read the topic files of `estate/`, and `price_book.yaml`."""
    raw = _read(folder / "estate" / "company.yaml")
    for topic in raw["topics"]:
        for key, value in _read(folder / "estate" / f"{topic}.yaml").items():
            raw[key] = raw[key] + value if key in raw else value
    book = _read(folder / "price_book.yaml")
    prices = tuple(price for group in book["groups"] for price in in_group(group))
    jobs = tuple(of_table(raw["jobs"]))
    items = [*raw["resources"], *(job.resource for job in jobs)]
    specs = {(p.provider, p.product, p.sku): p.specs for p in prices if p.specs}
    return Estate(
        start=raw["start"],
        detailed_from=raw["detailed_from"],
        as_of=raw["as_of"],
        metrics_from=raw["metrics_from"],
        accounts=raw["accounts"],
        providers=raw["providers"],
        meters=raw["meters"],
        prices=prices,
        resources=tuple(r for item in items for r in _resources(item, raw, specs)),
        commitments=tuple(_commitment(item) for item in raw["commitments"]),
        answers=tuple(raw["answers"]),
        listed=by_sku(prices),
        jobs=jobs,
        spot=tuple(raw["spot"]),
        contracts=tuple(raw["contracts"]),
    )


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders both
    return document


def _resources(item: Mapping[str, Any], raw: Mapping[str, Any], book: Book) -> Iterator[Resource]:
    """One resource, or `copies` of it, whose `{n}` is 1, 2, …"""
    for n in range(1, item.get("copies", 1) + 1):
        values = {"n": n, "hex": f"{n:x}", **{k: v["id"] for k, v in raw["accounts"].items()}}
        text = _fill({k: v for k, v in item.items() if k not in ("meters", "metrics", "objects", "answers")}, values)
        tags = text.get("tags", {})
        yield Resource(
            key=text["id"],
            id=text["id"],
            name=text.get("name", ""),
            provider=text["provider"],
            account=text["account"],
            region=text["region"],
            type=text["type"],
            sku=text.get("sku", ""),
            states=_dated(text.get("state", "")),
            created=text.get("created", raw["created"]),
            attached_to=_dated(text.get("attached_to", "")),
            tags=tags,
            billed_tags=tuple(text.get("billed_tags", {date.min: tags}).items()),
            listed=text.get("listed", True),
            native=text.get("native", {}),
            properties=dict(book.get((text["provider"], text.get("specs", ""), text.get("sku", "")), {}))
            | text.get("properties", {}),
            meters=tuple(_meter(m, text, raw["start"], raw["as_of"]) for m in _fill(item.get("meters", []), values)),
            metrics=tuple(_fill(item.get("metrics", []), values)),
            objects=(*item.get("objects", ()), *checkpoints(item.get("checkpoints", {}))),
            runs=item.get("runs", {}),
            answers=tuple(_fill([a for a in item.get("answers", []) if n in a.get("only", (n,))], values)),
        )


def _fill(value: Any, values: Mapping[str, Any]) -> Any:
    """`{n}` and `{account}` in every text; other braces stay."""
    if isinstance(value, str):
        for name, content in values.items():
            value = value.replace("{" + name + "}", str(content))
        return value
    if isinstance(value, dict):
        return {k: _fill(v, values) for k, v in value.items()}
    return [_fill(v, values) for v in value] if isinstance(value, list) else value


def _dated(value: str | list[list[Any]]) -> tuple[tuple[date, str], ...]:
    """A state, or states with the day from which each holds."""
    if isinstance(value, str):
        return ((date.min, value),)
    return tuple((since, state) for since, state in value)


def at(states: Sequence[tuple[date, T]], day: date, nothing: T) -> T:
    """What holds on that day."""
    return next((state for since, state in reversed(states) if since <= day), nothing)


def _meter(item: Mapping[str, Any], resource: Mapping[str, Any], start: date, as_of: date) -> Meter:
    first = max(item.get("start", start), resource.get("created", start), start)
    count = item.get("count", 1)
    counts = count if isinstance(count, dict) else {date.min: count}
    hours = item.get("hours", (0, 24))
    days = item.get("days", "weekdays" if "hours" in item else "all")
    return Meter(
        kind=item["kind"],
        sku=item.get("sku", resource.get("sku", "")),
        counts=tuple((since, Decimal(str(value))) for since, value in counts.items()),
        weekly=Decimal(str(item.get("weekly", 1))),
        start=first,
        end=item.get("end", as_of + timedelta(days=1)),
        hours=(hours[0], hours[1]),
        days=tuple(days) if isinstance(days, list) else days,
        pulses=tuple((a, b) for a, b in item.get("pulses", ())),
        deployment=item.get("deployment", ""),
        operating_system=item.get("operating_system", ""),
        tier_start=Decimal(str(item.get("tier_start", 0))),
        native=item.get("native", {}),
    )


def _commitment(item: Mapping[str, Any]) -> Commitment:
    return Commitment(
        key=item["key"],
        id=item["id"],
        provider=item["provider"],
        account=item["account"],
        instrument=item["instrument"],
        kind=item["kind"],
        region=item.get("region", ""),
        hourly=Decimal(str(item["hourly"])),
        rates={k: Decimal(str(v)) for k, v in item["rates"].items()},
        weights={k: Decimal(str(v)) for k, v in item.get("weights", {}).items()},
        deployment=item.get("deployment", ""),
        only=item.get("only", ""),
        unshared=item.get("unshared", {}),
        start=item["start"],
        end=item["end"],
        payment=item["payment"],
        upfront=Decimal(str(item.get("upfront", 0))),
        scope=item.get("scope", {}),
        native=item.get("native", {}),
    )
