"""The sample company as its YAML files describe it: accounts, price book, commitments and resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from finops.errors import InputError

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class ListPrice:
    """One row of the price book. `source` and `known` (the day of the page's figures) stay in the book."""

    provider: str
    region: str
    product: str
    sku: str
    operating_system: str
    license: str
    deployment: str
    tier_start: Decimal
    term: str
    payment: str
    instrument: str
    unit: str
    price: Decimal
    specs: Mapping[str, Any]
    source: str
    known: date


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that a resource is billed for.

    kind   key of the estate's `meters`: what the provider calls it on the bill
    count  units while it runs; a month-priced one is billed `count ÷ days of the month` a day
    start, end  days, half open; hours  local hours of weekdays in which it runs (empty: always)
    """

    kind: str
    sku: str
    count: Decimal
    start: date
    end: date
    hours: tuple[int, int] | None
    deployment: str
    operating_system: str
    tier_start: Decimal
    native: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: where it is, what it costs, how it behaves, and what must be found in it."""

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
    properties: Mapping[str, Any]
    meters: tuple[Meter, ...]
    metrics: tuple[Mapping[str, Any], ...]
    objects: tuple[Mapping[str, Any], ...]
    answers: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Commitment:
    """A commitment in force.

    hourly   currency where spend is committed; else units, of which one of a sku takes its weight
    rates    what a covered unit of each sku costs
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
    start: date
    end: date
    payment: str
    upfront: Decimal
    scope: Mapping[str, Any]
    native: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Estate:
    """The whole sample company. Times are UTC; `start` is the first billed day, `as_of` the last."""

    start: date
    as_of: date
    metrics_from: date
    accounts: Mapping[str, Mapping[str, str]]
    providers: Mapping[str, Mapping[str, Any]]
    meters: Mapping[str, Mapping[str, Any]]
    prices: tuple[ListPrice, ...]
    resources: tuple[Resource, ...]
    commitments: tuple[Commitment, ...]
    answers: tuple[Mapping[str, Any], ...]

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
            for p in self.prices
            if (p.provider, p.region, p.product, p.sku) == (provider, region, product, sku)
            and p.instrument == instrument
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
    start, as_of = raw["start"], raw["as_of"]
    return Estate(
        start=start,
        as_of=as_of,
        metrics_from=raw["metrics_from"],
        accounts=raw["accounts"],
        providers=raw["providers"],
        meters=raw["meters"],
        prices=tuple(price for group in book["groups"] for price in _group(group)),
        resources=tuple(r for item in raw["resources"] for r in _resources(item, raw, start, as_of)),
        commitments=tuple(_commitment(item) for item in raw["commitments"]),
        answers=tuple(raw["answers"]),
    )


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders both
    return document


def _group(group: Mapping[str, Any]) -> Iterator[ListPrice]:
    factor = Decimal(str(group.get("factor", 1)))
    derived = [{}, *group.get("derived", ())]
    plain = {sku: [("0", price, specs)] for sku, (price, specs) in group["skus"].items()}
    tiered: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
        sku: [(tier, price, {}) for tier, price in rows] for sku, rows in group.get("tiers", {}).items()
    }
    for region in group["regions"]:
        for sku, rows in {**tiered, **plain}.items():
            for tier, price, specs in rows:
                for terms in derived:
                    amount = Decimal(price) * factor * (ONE - Decimal(terms.get("discount", "0")))
                    yield _list_price(group, region, sku, Decimal(tier), amount, specs, terms)


def _list_price(
    group: Mapping[str, Any],
    region: str,
    sku: str,
    tier: Decimal,
    amount: Decimal,
    specs: Mapping[str, Any],
    terms: Mapping[str, Any],
) -> ListPrice:
    typical = f"; less a typical {terms['discount']} for the instrument, no published figure" if terms else ""
    return ListPrice(
        provider=group["provider"],
        region=region,
        product=group["product"],
        sku=sku,
        operating_system=group.get("operating_system", ""),
        license=group.get("license", ""),
        deployment=group.get("deployment", ""),
        tier_start=tier,
        term=terms.get("term", group.get("term", "on_demand")),
        payment=terms.get("payment", group.get("payment", "")),
        instrument=terms.get("instrument", group.get("instrument", "")),
        unit=group["unit"],
        price=amount.normalize(),
        specs=specs,
        source=group["source"] + typical,
        known=group["date"],
    )


def _resources(item: Mapping[str, Any], raw: Mapping[str, Any], start: date, as_of: date) -> Iterator[Resource]:
    """One resource, or `copies` of it, whose `{n}` is 1, 2, …"""
    for n in range(1, item.get("copies", 1) + 1):
        values = {"n": n, "hex": f"{n:x}", **{k: v["id"] for k, v in raw["accounts"].items()}}
        text = _fill({k: v for k, v in item.items() if k not in ("meters", "metrics", "objects", "answers")}, values)
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
            created=text.get("created", date(2025, 11, 3)),
            attached_to=_dated(text.get("attached_to", "")),
            tags=text.get("tags", {}),
            properties=text.get("properties", {}),
            meters=tuple(_meter(m, text, start, as_of) for m in _fill(item.get("meters", []), values)),
            metrics=tuple(item.get("metrics", ())),
            objects=tuple(item.get("objects", ())),
            answers=tuple(item.get("answers", ())),
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


def at(states: tuple[tuple[date, str], ...], day: date) -> str:
    """What holds on that day."""
    return next((state for since, state in reversed(states) if since <= day), "")


def _meter(item: Mapping[str, Any], resource: Mapping[str, Any], start: date, as_of: date) -> Meter:
    hours = item.get("hours")
    return Meter(
        kind=item["kind"],
        sku=item.get("sku", resource.get("sku", "")),
        count=Decimal(str(item.get("count", 1))),
        start=max(item.get("start", start), resource.get("created", start), start),
        end=item.get("end", as_of + timedelta(days=1)),
        hours=(hours[0], hours[1]) if hours else None,
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
        start=item["start"],
        end=item["end"],
        payment=item["payment"],
        upfront=Decimal(str(item.get("upfront", 0))),
        scope=item.get("scope", {}),
        native=item.get("native", {}),
    )
