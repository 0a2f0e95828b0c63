"""Retail Prices: machines, disks, blobs, databases and provisioned throughput, on demand, spot, reserved and by savings plans.

It asks for no credentials. What a machine's size holds is not in it: the resource manager says it, where the source names
something that it must sign in for.

Microsoft Learn, "Azure Retail Prices" (as of 2026-11). A reservation's price is of its whole term, and the same paid at once
or by the month. A price whose key two products share at different amounts is left out: it is unknown, as a missing one is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.azure import arm
from connectors.azure.meters import Priced, filters, sold, specs, whole
from connectors.azure.session import Connection
from connectors.azure.settings import AzureSettings
from connectors.azure.sizes import SKUS, Specs, sizes
from finops.connect import Part, Rows, Stream, compact
from finops.errors import SourceError
from finops.window import Window

PUBLIC = "Retail Prices (no permission)"
VERSION = "2023-01-01-preview"
"""The version that lists savings plans beside the price on demand."""

COLUMNS = (
    "provider", "region", "product", "sku", "operating_system", "license", "deployment", "tier_start", "term", "payment",
    "instrument", "unit", "price", "upfront", "currency", "effective_from", "specs",
)  # fmt: skip
TERMS = {"1 Month": ("1m", 1), "1 Year": ("1y", 12), "3 Years": ("3y", 36)}
"""Azure's word → ours, and the months of the term."""

UNITS_A_MONTH = {"Hours": 730, "Months": 1}
"""What a reservation's price is divided by, and a year has twelve of."""


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a region."""
    return [Part(f"{region} prices", handle=region) for region in dict.fromkeys(connection.settings.regions)]


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Rows]:
    machines = sizes(connection, part.handle) if signs_in(connection.settings) else {}
    listed = _unambiguous(priced for item in items(connection, part.handle) for priced in _prices(item))
    yield Rows(COLUMNS, [_row(part.handle, priced, machines) for priced in whole(listed)])


def items(connection: Connection, region: str) -> Iterator[dict[str, Any]]:
    """Every item of what is known in a region. Raises SourceError where a page comes twice or lies elsewhere."""
    place = f"{connection.settings.prices_endpoint}/api/retail/prices"
    for chosen in filters(region):
        asked = {"api-version": VERSION, "currencyCode": f"'{connection.settings.currency}'", "$filter": chosen}
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


def _prices(item: Mapping[str, Any]) -> Iterator[Priced]:
    what = sold(item)
    if what is None:
        return
    begin, price = float(item.get("tierMinimumUnits") or 0), Decimal(item["retailPrice"])
    rest = (str(item["currencyCode"]), datetime.fromisoformat(item["effectiveStartDate"]))
    if item["type"] == "Consumption":
        term = "spot" if what.product == "vm" and "Spot" in str(item["meterName"]) else "on_demand"
        yield Priced(what, begin, term, "", "", price, Decimal(0), *rest)
        for offer in item.get("savingsPlan") or ():
            if what.plan and offer["term"] in TERMS:
                offered = Decimal(offer["retailPrice"])
                yield Priced(what, begin, TERMS[offer["term"]][0], "none", what.plan, offered, Decimal(0), *rest)
    elif item["type"] == "Reservation" and item.get("reservationTerm") in TERMS and what.unit in UNITS_A_MONTH:
        term, months = TERMS[item["reservationTerm"]]
        each = price / (months * UNITS_A_MONTH[what.unit])
        yield Priced(what, begin, term, "none", "reservation", each, Decimal(0), *rest)
        yield Priced(what, begin, term, "all", "reservation", Decimal(0), price, *rest)


def _unambiguous(found: Iterable[Priced]) -> list[Priced]:
    first: dict[tuple[object, ...], Priced] = {}
    twice: set[tuple[object, ...]] = set()
    for each in found:
        known = first.setdefault(each.key, each)
        if (known.price, known.upfront) != (each.price, each.upfront):
            twice.add(each.key)
    return [each for key, each in first.items() if key not in twice]


def _row(region: str, priced: Priced, machines: Mapping[str, Specs]) -> tuple[object, ...]:
    what = priced.what
    known = machines.get(what.sku.lower()) if what.product == "vm" else specs(what)
    text = compact(known) if known else None
    amounts = (_exact(priced.price), _exact(priced.upfront), priced.currency, priced.since)
    row = (
        "Microsoft Azure", region, what.product, what.sku, what.operating_system, what.license, what.deployment, priced.begin,
        priced.term, priced.payment, priced.instrument, what.unit, *amounts, text,
    )  # fmt: skip
    return tuple(value if value != "" else None for value in row)


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
