"""The sample company's price book: list prices by page, and instruments that are derived from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

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


def by_sku(prices: Sequence[ListPrice]) -> dict[tuple[str, str, str, str], list[ListPrice]]:
    """Prices by provider, region, product and sku."""
    found: dict[tuple[str, str, str, str], list[ListPrice]] = {}
    for p in prices:
        found.setdefault((p.provider, p.region, p.product, p.sku), []).append(p)
    return found


def in_group(group: Mapping[str, Any]) -> Iterator[ListPrice]:
    """Every price of one page, in each of its regions and under each derived instrument."""
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
