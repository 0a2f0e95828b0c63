"""The key: what must, and what must not, be found in the sample company, from the estate's formulas over its price book."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from finops.sample.estate import Estate

HEADER = (
    "number",
    "type",
    "kind",
    "provider",
    "resource",
    "action",
    "target",
    "saving_monthly",
    "tolerance",
    "currency",
    "verdict",
    "why",
)
CENT = Decimal("0.01")


def answers(estate: Estate) -> list[tuple[object, ...]]:
    """One row a plant or decoy and resource, by type and number."""
    return sorted(_rows(estate), key=lambda row: (row[1] != "plant", row[0], row[4]))


def _rows(estate: Estate) -> Iterator[tuple[object, ...]]:
    for r in estate.resources:
        for item in r.answers:
            yield _row(estate, item, r.provider, r.region, r.id)
    for item in estate.answers:
        yield _row(estate, item, item["provider"], item["region"], item["resource"])


def _row(estate: Estate, item: Mapping[str, Any], provider: str, region: str, resource: str) -> tuple[object, ...]:
    facts = estate.providers[provider]
    target = item.get("target", "")
    instrument = item.get("instrument", "")
    if "target_terms" in item:
        hourly = total(estate, item["target_terms"], provider, region, instrument).quantize(Decimal("0.001"))
        target = f"{instrument} 1y, {hourly} {facts['currency']}/h"
    net = estate.discount(provider) * estate.rate(provider, estate.as_of)
    saving = (total(estate, item["saving"], provider, region, instrument) * net).quantize(CENT)
    acts = item["verdict"] == "act"
    return (
        item["number"],
        item["type"],
        item["kind"],
        facts["name"],
        resource,
        item["action"],
        target,
        str(saving) if acts else "",
        item.get("tolerance", "0.02") if acts else "",
        facts["currency"],
        item["verdict"],
        item["why"],
    )


def total(estate: Estate, terms: Sequence[Sequence[object]], provider: str, region: str, instrument: str) -> Decimal:
    """Σ over the terms of the product of their numbers and list prices."""
    result = Decimal(0)
    for term in terms:
        product = Decimal(1)
        for factor in term:
            product *= _factor(estate, str(factor), provider, region, instrument)
        result += product
    return result


def _factor(estate: Estate, text: str, provider: str, region: str, instrument: str) -> Decimal:
    """A number, or a price `product/sku[/deployment][#tier]`; with a trailing `@`, under the answer's instrument for a year."""
    try:
        return Decimal(text)
    except InvalidOperation:
        committed, text = text.endswith("@"), text.removesuffix("@")
    text, _, tier = text.partition("#")
    product, sku, *deployment = text.split("/")
    return estate.price(
        provider,
        region,
        product,
        sku,
        deployment=deployment[0] if deployment else "",
        tier=Decimal(tier or 0),
        instrument=instrument if committed else "",
        term="1y" if committed else "on_demand",
    )
