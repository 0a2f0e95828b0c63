"""Retail Prices: machines on demand and spot, their reservations and savings plans. It asks for no credentials.

What a size holds is not in them: the resource manager says it, where the source names something that it must sign in for.

Microsoft Learn, "Azure Retail Prices" (as of 2026-11). A reservation's price is of its whole term, and the same paid at once
or by the month. A price whose key two products share at different amounts is left out: it is unknown, as a missing one is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from connectors.azure import arm
from connectors.azure.session import Connection
from connectors.azure.settings import AzureSettings
from connectors.azure.sizes import SKUS, Specs, sizes
from finops.connect import Part, Rows, Stream
from finops.errors import SourceError
from finops.window import Window

PUBLIC = "Retail Prices (no permission)"
VERSION = "2023-01-01-preview"
"""The version that lists savings plans beside the price on demand."""

COLUMNS = (
    "provider", "region", "product", "sku", "operating_system", "tier_start", "term", "payment", "instrument", "unit", "price",
    "upfront", "currency", "effective_from",
    "specs",
)  # fmt: skip
KEYS = 9
"""Columns, from the first, whose values name a price."""

TERMS = {"1 Year": ("1y", 8760), "3 Years": ("3y", 26_280)}
"""Azure's word → ours, and the hours of the term."""

Row: TypeAlias = tuple[object, ...]


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a region."""
    return [Part(f"{region} prices", handle=region) for region in dict.fromkeys(connection.settings.regions)]


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Rows]:
    specs = sizes(connection, part.handle) if signs_in(connection.settings) else {}
    found: dict[Row, Row] = {}
    ambiguous: set[Row] = set()
    for row in (row for item in items(connection, part.handle) for row in _rows(item, specs)):
        key = row[:KEYS]
        if key in found and found[key][10:12] != row[10:12]:
            ambiguous.add(key)
        found.setdefault(key, row)
    yield Rows(COLUMNS, [tuple(v if v != "" else None for v in row) for key, row in found.items() if key not in ambiguous])


def items(connection: Connection, region: str) -> Iterator[dict[str, Any]]:
    """Every price of machines in a region. Raises SourceError where a page comes twice or lies elsewhere."""
    place = f"{connection.settings.prices_endpoint}/api/retail/prices"
    asked = {
        "api-version": VERSION,
        "currencyCode": f"'{connection.settings.currency}'",
        "$filter": f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}'",
    }
    following, seen = place, set[str]()
    while following:
        text = connection.get("prices:List", PUBLIC, following, parameters=asked, read=lambda answer: answer.text())
        page = json.loads(text, parse_float=Decimal)
        yield from page["Items"]
        following, asked = str(page.get("NextPageLink") or ""), {}
        if following and (following in seen or not following.startswith(f"{place}?")):
            raise SourceError(
                "the prices have one page token twice, or a page elsewhere", where=place, hint="run the load again"
            )
        seen.add(following)


def signs_in(settings: AzureSettings) -> bool:
    """Whether the source has more than public prices."""
    return bool(settings.exports or settings.scopes or settings.subscriptions)


def _rows(item: Mapping[str, Any], specs: Mapping[str, Specs]) -> Iterator[Row]:
    name, meter = str(item["productName"]), str(item["meterName"])
    if not item.get("armSkuName") or item["unitOfMeasure"] != "1 Hour" or "Cloud Services" in name or "Low Priority" in meter:
        return
    system = "Windows" if "Windows" in name else "Linux"
    named = ("Microsoft Azure", item["armRegionName"], "vm", item["armSkuName"], system)
    since, price = datetime.fromisoformat(item["effectiveStartDate"]), Decimal(item["retailPrice"])
    begin = float(item.get("tierMinimumUnits") or 0)
    size = specs.get(str(item["armSkuName"]).lower())
    rest = (item["currencyCode"], since, json.dumps(size, sort_keys=True, separators=(",", ":")) if size else None)
    if item["type"] == "Consumption":
        term = "spot" if "Spot" in meter else "on_demand"
        yield (*named, begin, term, "", "", "Hours", _exact(price), Decimal(0), *rest)
        for offer in item.get("savingsPlan") or ():
            if offer["term"] in TERMS:
                key = (begin, TERMS[offer["term"]][0], "none", "savings_plan_compute", "Hours")
                yield (*named, *key, _exact(Decimal(offer["retailPrice"])), Decimal(0), *rest)
    elif item["type"] == "Reservation" and item.get("reservationTerm") in TERMS:
        term, hours = TERMS[item["reservationTerm"]]
        yield (*named, begin, term, "none", "reservation", "Hours", _exact(price / hours), Decimal(0), *rest)
        yield (*named, begin, term, "all", "reservation", "Hours", Decimal(0), _exact(price), *rest)


def _exact(price: Decimal) -> Decimal:
    return price.quantize(Decimal("1e-12"))


PRICES = Stream(
    name="prices",
    title="retail prices",
    table="prices",
    divided="snapshot",
    permissions=(PUBLIC, SKUS, arm.GRAPH),
    plan=plan,
    fetch=fetch,
    restates_days=7,  # a week-old price list is good enough
    units=("Microsoft Azure",),
)
