"""The key: what must, and what must not, be found in the sample company, from the estate's formulas over its price book."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
            yield _row(estate, item, r.provider, r.region, r.id + item.get("part", ""))
    for item in estate.answers:
        yield _row(estate, item, item["provider"], item["region"], item["resource"])


def _row(estate: Estate, item: Mapping[str, Any], provider: str, region: str, resource: str) -> tuple[object, ...]:
    facts = estate.providers[provider]
    target = item.get("target", "")
    instrument = item.get("instrument", "")
    if "target_terms" in item:
        hourly = total(estate, item["target_terms"], provider, region, instrument).quantize(Decimal("0.001"))
        target = f"{instrument} 1y, {hourly} {facts['currency']}/h"
    net = estate.rate(provider, estate.as_of) * (1 if item.get("undiscounted") else estate.discount(provider))
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
    """A number, a worked figure `name:…`, or a price `product/sku[/deployment][#tier]`.

    A trailing `@` takes the price under the answer's instrument for a year, a trailing `~spot` the spot price.
    """
    try:
        return Decimal(text)
    except InvalidOperation:
        name, _, rest = text.partition(":")
    if name in WORKED:
        return WORKED[name](estate, rest.split(":"))
    committed, spot = text.endswith("@"), text.endswith("~spot")
    text, _, tier = text.removesuffix("@").removesuffix("~spot").partition("#")
    product, sku, *deployment = text.split("/")
    systems = {p.operating_system for p in estate.listed.get((provider, region, product, sku), ())}
    return estate.price(
        provider,
        region,
        product,
        sku,
        deployment=deployment[0] if deployment else "",
        operating_system="Linux" if "Linux" in systems else "",
        tier=Decimal(tier or 0),
        instrument=instrument if committed else "",
        term="1y" if committed else "spot" if spot else "on_demand",
    )


def _replicas(_: Estate, arguments: Sequence[str]) -> Decimal:
    """Mean replicas of a day whose load is a cosine from low to high (replicas' worth), at a target share, within bounds."""
    low, high, target, least, most = map(float, arguments)
    steps = [2 * math.pi * n / 1440 for n in range(1440)]
    loads = [(low + high) / 2 - (high - low) / 2 * math.cos(x) for x in steps]
    return _exact(sum(min(max(math.ceil(load / target), least), most) for load in loads) / 1440)


def _overhead(_: Estate, arguments: Sequence[str]) -> Decimal:
    """1 + h(τ*): what checkpoints and interruptions add (J. W. Young, 1974: τ* = √(2 δ/λ)).

    Arguments: seconds of a checkpoint, interruptions an hour of the whole gang, hours to restart.
    """
    seconds, rate, restart = map(float, arguments)
    interval = math.sqrt(2 * seconds / 3600 / rate)
    return _exact(1 + seconds / 3600 / interval + rate * (interval / 2 + restart))


def _failed(estate: Estate, arguments: Sequence[str]) -> Decimal:
    """Machine-hours of a team's failed jobs."""
    return sum((job.machine_hours for job in estate.jobs if job.team == arguments[0] and job.status == "failed"), Decimal(0))


def _exact(value: float) -> Decimal:
    return Decimal(f"{value:.9f}")


WORKED: dict[str, Callable[[Estate, Sequence[str]], Decimal]] = {
    "replicas": _replicas,
    "overhead": _overhead,
    "failed": _failed,
}
