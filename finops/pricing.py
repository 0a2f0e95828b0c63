"""Dated unit prices: the whole key is joined, and an ambiguous or missing price is None, never zero."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from finops.model import Basis, Fact

KEY_FIELDS = (
    "provider",
    "region",
    "product",
    "sku",
    "operating_system",
    "license",
    "tenancy",
    "deployment",
    "term",
    "payment",
    "instrument",
)


@dataclass(frozen=True, slots=True)
class PriceKey:
    """What a price is of. None: not known, so rows that differ there are ambiguous; '': exactly blank."""

    provider: str
    region: str
    product: str
    sku: str
    operating_system: str | None = None
    license: str | None = None
    tenancy: str | None = None
    deployment: str | None = None
    term: str | None = "on_demand"
    payment: str | None = None
    instrument: str | None = None

    def __str__(self) -> str:
        known = (self.operating_system, self.license, self.tenancy, self.deployment, self.instrument)
        detail = " ".join(part for part in known if part)
        return f"{self.sku} in {self.region}" + (f" ({detail})" if detail else "")


@dataclass(frozen=True, slots=True)
class Price:
    """One row of the price list: `amount` of `currency` for one `unit`."""

    key: PriceKey
    amount: Decimal
    unit: str
    currency: str
    effective_from: datetime
    tier_start: float = 0.0
    upfront: Decimal = Decimal(0)
    specs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fact(self) -> Fact:
        """What it is of, how much, in which currency and for what."""
        return Fact(f"price of {self.key.sku}", f"{self.amount.normalize():f}", f"{self.currency} for {self.unit}", "prices")

    def spec(self, name: str) -> float | None:
        """A number among the specs; None where it is absent or no number."""
        return number(self.specs.get(name))


def number(value: object) -> float | None:
    """A JSON number, or text that is one; None else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Exchange:
    """`rate` of the currency in which a provider bills for one of that in which it prices: what the bill itself converts by."""

    provider: str
    billed: str
    priced: str
    rate: Decimal


class PriceBook:
    """Every loaded price. `basis` is what the book's prices are: list, unless the account's own were loaded."""

    __slots__ = ("_by_sku", "_choices", "_count", "_forced", "basis", "exchanges", "notes")

    def __init__(
        self,
        prices: Iterable[Price],
        basis: Basis = "list",
        exchanges: Iterable[Exchange] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self.basis: Basis = basis
        self.exchanges = tuple(exchanges)
        self.notes = notes
        self._by_sku: dict[tuple[str, str, str, str], list[Price]] = {}
        self._forced: dict[tuple[PriceKey, datetime], list[Price]] = {}  # a book never changes: what was asked stays true
        self._choices: dict[tuple[PriceKey, datetime], list[Price]] = {}
        self._count = 0
        for price in prices:
            key = price.key
            self._by_sku.setdefault((key.provider, key.region, key.product, key.sku), []).append(price)
            self._count += 1

    def exchanged(self, exchanges: Iterable[Exchange]) -> PriceBook:
        """The same prices, converted at other rates."""
        return PriceBook((price for rows in self._by_sku.values() for price in rows), self.basis, exchanges, self.notes)

    def of_currency(self, currency: str) -> PriceBook:
        """The prices in one currency: those listed in it, and what only the currency that its provider converts from lists."""
        every = [price for rows in self._by_sku.values() for price in rows]
        own = [price for price in every if price.currency == currency]
        listed = {(*_whole(price.key), price.tier_start) for price in own}
        found, notes = own, []
        for exchange in (e for e in self.exchanges if e.billed == currency):
            others = (p for p in every if (p.key.provider, p.currency) == (exchange.provider, exchange.priced))
            converted = [_converted(p, exchange) for p in others if (*_whole(p.key), p.tier_start) not in listed]
            found = found + converted
            if converted:
                notes.append(
                    f"{len(converted):,} prices of {exchange.provider} are listed in {exchange.priced}: converted at"
                    f" {exchange.rate.normalize():.6g} {currency}, as its bill of the last 30 days does"
                )
        return PriceBook(found, self.basis, notes=tuple(notes))

    def __len__(self) -> int:
        return self._count

    def price(self, key: PriceKey, at: datetime, basis: Basis | None = None) -> Price | None:
        """The price in force at `at` in the first tier; None where there is none, or more than one that differ."""
        if basis is not None and basis != self.basis:
            return None
        rows = self._in_force(key, at)
        lowest = min((row.tier_start for row in rows), default=0.0)
        amounts = {(row.amount, row.unit, row.currency, row.upfront) for row in rows if row.tier_start == lowest}
        return next(row for row in rows if row.tier_start == lowest) if len(amounts) == 1 else None

    def blended(self, key: PriceKey, at: datetime, quantity: float) -> float | None:
        """The average price of `quantity` units over the tiers of the list; None where the first tier has no price."""
        first = self.price(key, at)
        if first is None:
            return None
        tiers = {row.tier_start: float(row.amount) for row in self._in_force(key, at) if row.currency == first.currency}
        starts = sorted(tiers)
        if len(starts) == 1 or quantity <= 0:
            return float(first.amount)
        ends = [*starts[1:], float("inf")]
        cost = sum(tiers[a] * max(0.0, min(quantity, b) - a) for a, b in zip(starts, ends, strict=True))
        return cost / quantity

    def choices(self, like: PriceKey, at: datetime) -> list[Price]:
        """Every other thing that the list sells under the same conditions: same key but for the SKU. By amount, then name."""
        if (like, at) not in self._choices:
            prefix = (like.provider, like.region, like.product)
            skus = sorted({sku for p, r, product, sku in self._by_sku if (p, r, product) == prefix})
            found = [self.price(_with_sku(like, sku), at) for sku in skus]
            self._choices[like, at] = sorted((p for p in found if p is not None), key=lambda p: (p.amount, p.key.sku))
        return list(self._choices[like, at])

    def lists(self, key: PriceKey, at: datetime) -> bool:
        """Whether there is any price of it, be it ambiguous."""
        return bool(self._in_force(key, at))

    def every(self, at: datetime, **conditions: str) -> list[Price]:
        """All prices in force whose key fields equal the conditions, in the order of their keys."""
        rows = [
            row
            for rows in self._by_sku.values()
            for row in rows
            if row.effective_from <= at and all((getattr(row.key, name) or "") == value for name, value in conditions.items())
        ]
        return sorted(_newest(rows), key=lambda row: (_whole(row.key), row.tier_start))

    def _in_force(self, key: PriceKey, at: datetime) -> list[Price]:
        if (key, at) not in self._forced:
            self._forced[key, at] = self._found(key, at)
        return self._forced[key, at]

    def _found(self, key: PriceKey, at: datetime) -> list[Price]:
        rows = self._by_sku.get((key.provider, key.region, key.product, key.sku), [])
        rows = _newest([row for row in rows if row.effective_from <= at])
        for name in KEY_FIELDS[4:]:
            wanted = getattr(key, name)
            if wanted is None:
                continue
            exact = [row for row in rows if (getattr(row.key, name) or "") == wanted]
            rows = exact or [row for row in rows if not getattr(row.key, name)]
        return rows


def _converted(price: Price, exchange: Exchange) -> Price:
    amount, upfront = ((value * exchange.rate).quantize(Decimal("0.000000000001")) for value in (price.amount, price.upfront))
    return replace(price, amount=amount, upfront=upfront, currency=exchange.billed)


def _with_sku(key: PriceKey, sku: str) -> PriceKey:
    fields = {name: getattr(key, name) for name in KEY_FIELDS}
    return PriceKey(**(fields | {"sku": sku}))


def _whole(key: PriceKey) -> tuple[str, ...]:
    return tuple(getattr(key, name) or "" for name in KEY_FIELDS)


def _newest(rows: Iterable[Price]) -> list[Price]:
    """Of several dates of one whole key and tier, the last."""
    latest: dict[tuple[object, ...], Price] = {}
    for row in rows:
        key = (*_whole(row.key), row.tier_start, row.currency)
        if key not in latest or latest[key].effective_from < row.effective_from:
            latest[key] = row
    return list(latest.values())


EXCHANGES = """
    select
        ProviderName as provider,
        BillingCurrency as billed,
        PricingCurrency as priced,
        cast(sum(EffectiveCost) / sum(PricingCurrencyEffectiveCost) as decimal(38, 12)) as rate
    from charges
    where
        x_billing_period >= strftime($as_of::date - 30, '%Y-%m')
        and ChargePeriodStart >= $as_of::date - 29
        and ChargePeriodStart < $as_of::date + 1
        and PricingCurrency != BillingCurrency
        and EffectiveCost > 0
        and PricingCurrencyEffectiveCost > 0
    group by all
    order by all
"""
"""What bills in another currency than that of their price list were converted by, in their last 30 complete days."""


def exchange_of_row(row: Mapping[str, Any]) -> Exchange:
    """One row of `EXCHANGES`."""
    return Exchange(row["provider"], row["billed"], row["priced"], Decimal(row["rate"]))


def price_of_row(row: Mapping[str, Any]) -> Price:
    """One row of the `prices` table."""
    return Price(
        key=PriceKey(**{name: row.get(name) or "" for name in KEY_FIELDS}),
        amount=Decimal(row["price"]),
        unit=row["unit"],
        currency=row["currency"],
        effective_from=row["effective_from"],
        tier_start=float(row.get("tier_start") or 0),
        upfront=Decimal(row.get("upfront") or 0),
        specs=json_object(row.get("specs")),
    )


def held_before(prices: Iterable[Price], at: datetime) -> list[Price]:
    """The prices, of each thing the first in force from `at` on at the latest: an older bill has no other price of it."""
    first: dict[tuple[object, ...], datetime] = {}
    known = list(prices)
    for price in known:
        key = (*_whole(price.key), price.tier_start, price.currency)
        first[key] = min(first.get(key, price.effective_from), price.effective_from)
    return [
        replace(price, effective_from=at)
        if price.effective_from > at and price.effective_from == first[*_whole(price.key), price.tier_start, price.currency]
        else price
        for price in known
    ]


def json_object(text: object) -> dict[str, Any]:
    """The object in a JSON text; empty where there is none. Loading has refused text that is no JSON."""
    if isinstance(text, Mapping):
        return dict(text)
    if not isinstance(text, str) or not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
