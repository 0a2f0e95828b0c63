"""What an item of Retail Prices is a price of: machines by their size, tokens by their model, the rest by `data/meters.csv`.

Azure sells databases in parts: the compute of a size, the licence of a core, the second zone. `whole` adds them up.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from connectors.azure import tokens
from connectors.azure.resources_services import GIB_PER_VCORE

MACHINES = "Virtual Machines"
WORDS = {
    "Premium SSD": "Premium", "Standard SSD": "StandardSSD", "Standard HDD": "Standard", "General Purpose": "GP",
    "Business Critical": "BC", "Global": "GlobalProvisionedManaged", "Data Zone": "DataZoneProvisionedManaged",
    "Regional": "ProvisionedManaged",
}  # fmt: skip
"""The price list's words → those that the inventory has (the last three: Microsoft Learn, "Provisioned throughput billing")."""

DISK_GIB = {
    1: 4, 2: 8, 3: 16, 4: 32, 6: 64, 10: 128, 15: 256, 20: 512, 30: 1024, 40: 2048, 50: 4096, 60: 8192, 70: 16_384, 80: 32_767,
}  # fmt: skip
"""Size of a disk's tier, alike for P, E and S (infracost, managed_disk.go, read 2026-11-27)."""

MIN_DAYS = {"cool": 30, "cold": 90, "archive": 180}
"""Days that a blob is charged for at least (Microsoft Learn, "Access tiers for blob data")."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A line of `data/meters.csv`.

    names    the list's products, where not all of the service are read
    text     of `product | SKU | meter | ARM SKU`, and the words that `sku` and `deployment` are made of
    measure  the list's unit, one of which is one `unit` of ours
    plan     the instrument that the savings plan beside a price is
    """

    service: str
    names: tuple[str, ...]
    text: re.Pattern[str]
    measure: str
    product: str
    sku: str
    license: str
    deployment: str
    unit: str
    plan: str


@dataclass(frozen=True, slots=True)
class Sold:
    """What a price is of."""

    product: str
    sku: str
    operating_system: str = ""
    license: str = ""
    deployment: str = ""
    unit: str = "Hours"
    plan: str = "savings_plan_compute"


@cache
def meters() -> Mapping[str, tuple[Meter, ...]]:
    """Service → what is known of it."""
    found: dict[str, list[Meter]] = {}
    text = resources.files("connectors.azure").joinpath("data", "meters.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        names, pattern = tuple(filter(None, row["names"].split("|"))), re.compile(row["text"])
        rest = (row[name] for name in ("measure", "product", "sku", "license", "deployment", "unit", "plan"))
        found.setdefault(row["service"], []).append(Meter(row["service"], names, pattern, *rest))
    return {service: tuple(several) for service, several in found.items()}


def filters(region: str) -> Iterator[str]:
    """What is asked for: a question a service. Licences are listed for the world, or for governments."""
    at = f"armRegionName eq '{region}'"
    yield f"serviceName eq '{MACHINES}' and {at}"
    for service, several in meters().items():
        names = dict.fromkeys(name for meter in several for name in meter.names)
        if service == tokens.SERVICE:
            names |= dict.fromkeys(tokens.products())
        only = " or ".join(f"productName eq '{name}'" for name in names)
        yield f"serviceName eq '{service}' and {at}" + (f" and ({only})" if only else "")
    world = "US Gov" if region.startswith(("usgov", "usdod")) else "Global"
    yield f"serviceName eq 'SQL Database' and location eq '{world}' and contains(productName, 'SQL License')"


def sold(item: Mapping[str, Any]) -> Sold | None:
    """None of what is not known, or is another offer under a name that is."""
    if item["serviceName"] == MACHINES:
        return _machine(item)
    text = " | ".join(str(item.get(name) or "") for name in ("productName", "skuName", "meterName", "armSkuName"))
    for meter in meters().get(str(item["serviceName"]), ()):
        match = meter.text.search(text)
        if match and item["unitOfMeasure"] == meter.measure:
            said = {name: _word(name, value) for name, value in match.groupdict().items()}
            sku, deployment = meter.sku.format(**said), meter.deployment.format(**said)
            return Sold(meter.product, sku, "", meter.license, deployment, meter.unit, meter.plan)
    return _tokens(item) if item["serviceName"] == tokens.SERVICE else None


def _tokens(item: Mapping[str, Any]) -> Sold | None:
    name, unit = tokens.named().get(str(item["meterName"]).lower()), tokens.UNITS.get(item["unitOfMeasure"])
    return Sold("tokens", name[0], deployment=name[1], unit=unit, plan="") if name and unit else None


def _machine(item: Mapping[str, Any]) -> Sold | None:
    name = str(item["productName"])
    others = "Cloud Services" in name or "Low Priority" in str(item["meterName"])
    if others or not item.get("armSkuName") or item["unitOfMeasure"] != "1 Hour":
        return None
    return Sold("vm", str(item["armSkuName"]), "Windows" if "Windows" in name else "Linux")


def _word(kind: str, text: str) -> str:
    """`Cool` → cool; `RA-GRS` → RAGRS, as accounts have it; `P10` stays."""
    if kind == "class":
        return text.lower()
    return text.replace("-", "") if kind == "redundancy" else WORDS.get(text, text)


def specs(what: Sold) -> dict[str, object]:
    """What the name alone says of a disk, a class of storage, a database."""
    if what.product == "disk":
        return {"size_gib": DISK_GIB[tier]} if (tier := int(re.sub(r".*\D", "", what.sku))) in DISK_GIB else {}
    if what.product == "object_storage":
        return {"min_days": MIN_DAYS[what.sku]} if what.sku in MIN_DAYS else {}
    size = re.fullmatch(r"[A-Z]+_(\w+)_(\d+)", what.sku)
    if what.product != "database" or not size or size[1] not in GIB_PER_VCORE:
        return {}
    cores = int(size[2])
    memory = round(cores * GIB_PER_VCORE[size[1]], 1)
    return {"architecture": "x86_64", "engine": "sqlserver", "memory_gib": memory, "vcpu": cores}


@dataclass(frozen=True, slots=True)
class Priced:
    """A price: what of, from which quantity on, under which term, since when."""

    what: Sold
    begin: float
    term: str
    payment: str
    instrument: str
    price: Decimal
    upfront: Decimal
    currency: str
    since: datetime

    @property
    def key(self) -> tuple[object, ...]:
        return self.what, self.begin, self.term, self.payment, self.instrument


def whole(prices: Sequence[Priced]) -> Iterator[Priced]:
    """What is sold as it is listed, and databases of whole sizes, as the bill and the inventory have them, of their parts.

    A reserved core times the cores of each size; a licence of each core on it; a second zone, which costs nothing at the
    business-critical tier (Microsoft Learn, "Availability through zone redundancy").
    """
    by_sku: dict[str, list[Priced]] = {}
    for each in prices:
        by_sku.setdefault(each.what.sku if each.what.product == "database" else "", []).append(each)
    yield from by_sku.pop("", ())
    for sku, sized in by_sku.items():
        size = re.fullmatch(r"(?P<tier>[A-Z]+)_(?P<family>\w+)_(?P<cores>\d+)", sku)
        if size is None:
            continue
        cores, what = int(size["cores"]), sized[0].what
        cored = by_sku.get(f"{size['tier']}_{size['family']}:vcore", ())
        bare = [*sized, *(_times(part, cores, what) for part in cored)]
        if size["tier"] == "GP":
            zones = by_sku.get(f"{sku}:zone-redundancy", ())
            bare = [
                *(replace(part, what=replace(part.what, deployment="Single-AZ")) for part in bare),
                *_plus(bare, zones, 1, deployment="Multi-AZ"),
            ]
        yield from (*bare, *_plus(bare, by_sku.get(f"{size['tier']}:license", ()), cores, license="LicenseIncluded"))


def _times(part: Priced, count: int, what: Sold) -> Priced:
    return replace(part, what=what, price=part.price * count, upfront=part.upfront * count)


def _plus(parts: Iterable[Priced], added: Iterable[Priced], count: int, **changed: str) -> Iterator[Priced]:
    """Nobody reserves what is added: it costs what it does by the hour, or under the same savings plan."""
    prices = {(each.instrument, each.term): each for each in added}
    for part in parts:
        more = prices.get((part.instrument, part.term)) or prices.get(("", "on_demand"))
        if more is not None:
            price, since = part.price + more.price * count, max(part.since, more.since)
            yield replace(part, what=replace(part.what, **changed), price=price, since=since)
