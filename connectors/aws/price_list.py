"""The price list: what of it is read (`data/price_queries.csv`), and what its products are called in the table `prices`.

Names of services, attributes and usage types: AWS's bulk price list (as other open tools read it: infracost @95ba4f49,
objectfs `offerfile`), and the same attributes in Cost and Usage Reports. Attributes that a product lacks count as ''.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from connectors.aws.resources import Place
from finops.pricing import number

Row: TypeAlias = tuple[object, ...]
"""The columns of `prices`, specs as a mapping."""

KEYS = 12
"""Columns, from the first, whose values name a price."""

PRICE = 13

TERMS = {"1yr": "1y", "3yr": "3y", 31_536_000: "1y", 94_608_000: "3y"}
PAYMENTS = {"No Upfront": "none", "Partial Upfront": "partial", "All Upfront": "all"}
LICENCES = {"license-included": "License included", "bring-your-own-license": "Bring your own license"}
FREE = "No license required"


@dataclass(frozen=True, slots=True)
class Reading:
    """A line of `data/price_queries.csv`: which products of a query it takes, and what they become.

    where  attribute → what it must match, where the query's own filters do not tell apart
    names  product, sku, operating system, licence and deployment, with `{attribute}`
    plus   the SKU of the same product whose price is charged beside this one
    """

    where: tuple[tuple[str, re.Pattern[str]], ...]
    names: tuple[str, str, str, str, str]
    unit: str
    times: Decimal
    plus: str

    def takes(self, attributes: Mapping[str, str]) -> bool:
        return all(pattern.search(attributes.get(name, "")) for name, pattern in self.where)

    def named(self, attributes: Mapping[str, str]) -> tuple[str, ...] | None:
        """None where the product lacks what its SKU is named by."""
        known = _Known(attributes)
        sku = self.names[1].format_map(known)
        if known.lacking:
            return None
        return self.names[0], sku, *(text.format_map(_Known(attributes)).strip() for text in self.names[2:])


class _Known(dict[str, str]):
    """Attributes by name; one that is absent is '' and is remembered."""

    lacking = False

    def __missing__(self, _: str) -> str:
        self.lacking = True
        return ""


@cache
def readings() -> dict[tuple[str, tuple[tuple[str, str], ...]], tuple[Reading, ...]]:
    """(service, filters) of each query → what is read of its products."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[Reading]] = {}
    for row in _lines("price_queries.csv"):
        filters = tuple((name, value) for name, _, value in (each.partition("=") for each in _several(row["filters"])))
        where = tuple((name, re.compile(value)) for name, _, value in (each.partition("~") for each in _several(row["where"])))
        names = (row["product"], row["sku"], row["operating_system"], row["license"], row["deployment"])
        reading = Reading(where, names, row["unit"], Decimal(row["times"]), row["plus"])
        found.setdefault((row["service"], filters), []).append(reading)
    return {query: tuple(several) for query, several in found.items()}


@cache
def engines() -> dict[str, tuple[str, str]]:
    """Engine as RDS calls it → as the price list does, with its edition."""
    return {row["engine"]: (row["price_list"], row["edition"]) for row in _lines("engines.csv")}


def database_licence(engine: str, model: str) -> str | None:
    """The `license` of a database's price: it names the engine, for which the key of a price has no place of its own."""
    if engine not in engines():
        return None
    name, edition = engines()[engine]
    return f"{name}: {LICENCES.get(model, FREE)} {edition}".strip()


def listed(place: Place) -> Iterator[Row]:
    """On-demand and reservation prices of a region. The list itself is kept in the home region."""
    for (service, filters), several in readings().items():
        for own in _asked(place, filters):
            rows = [row for product in _products(place, service, own) for row in _rows(place.region, several, product)]
            yield from _with_what_is_beside(rows, several)


def _asked(place: Place, filters: tuple[tuple[str, str], ...]) -> Iterator[dict[str, str]]:
    """The filters of each call: of engines only those that run there, for the list of all of them is long."""
    if not any(value == "{engine}" for _, value in filters):
        yield dict(filters)
        return
    connection = place.connection
    there = (Place(connection, account, place.region) for account in connection.accounts())
    found = {
        engines()[database["Engine"]][0]
        for each in there
        for database in each.each("rds", "DescribeDBInstances", "DBInstances", ("Marker", "Marker"))
        if database.get("Engine") in engines()
    }
    for engine in sorted(found):
        yield {name: value.format(engine=engine) for name, value in filters}


def _products(place: Place, service: str, filters: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    wanted = {"regionCode": place.region, **filters}
    for page in place.connection.pages(
        "pricing",
        "GetProducts",
        ServiceCode=service,
        Filters=[{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()],
    ):
        yield from (json.loads(text) for text in page["PriceList"])


def _rows(region: str, several: Iterable[Reading], product: Mapping[str, Any]) -> Iterator[Row]:
    attributes = product["product"]["attributes"]
    for reading in several:
        names = reading.named(attributes) if reading.takes(attributes) else None
        if names is not None:
            what, sku, system, licence, deployment = names
            key = ("AWS", region, what, sku, system, licence, "", deployment)
            yield from _terms(key, reading, product["terms"], specs(attributes))


def specs(attributes: Mapping[str, str]) -> dict[str, object]:
    """Size of a machine as the list states it (`memory` is `16 GiB`); empty where it states none."""
    vcpu = number(attributes.get("vcpu"))
    memory = re.fullmatch(r"([\d.,]+) GiB", attributes.get("memory", ""))
    known: dict[str, object] = {"vcpu": vcpu} if vcpu is not None else {}
    return known | ({"memory_gib": float(memory[1].replace(",", ""))} if memory else {})


def _terms(key: Row, reading: Reading, terms: Mapping[str, Any], known: Mapping[str, object]) -> Iterator[Row]:
    for term in terms.get("OnDemand", {}).values():
        for tier in term["priceDimensions"].values():
            for currency, price in tier["pricePerUnit"].items():
                exact = (Decimal(price) * reading.times).quantize(Decimal("1e-12"))
                begin = float(tier.get("beginRange") or 0)
                since = datetime.fromisoformat(term["effectiveDate"])
                yield (*key, begin, "on_demand", "", "", reading.unit, exact, Decimal(0), currency, since, known)
    for term in terms.get("Reserved", {}).values():
        said = term["termAttributes"]
        if said.get("OfferingClass", "standard") == "standard" and said["LeaseContractLength"] in TERMS:
            yield from _reserved(key, reading.unit, term, known)


def _reserved(key: Row, unit: str, term: Mapping[str, Any], known: Mapping[str, object]) -> Iterator[Row]:
    """What is paid at once has the unit `Quantity`, what is paid by the hour `Hrs`."""
    hourly: dict[str, Decimal] = {}
    upfront: dict[str, Decimal] = {}
    for dimension in term["priceDimensions"].values():
        for currency, price in dimension["pricePerUnit"].items():
            paid = upfront if dimension["unit"] == "Quantity" else hourly
            paid[currency] = paid.get(currency, Decimal(0)) + Decimal(price)
    said, since = term["termAttributes"], datetime.fromisoformat(term["effectiveDate"])
    payment = PAYMENTS.get(said["PurchaseOption"], "")
    for currency in sorted(hourly.keys() | upfront.keys()):
        amounts = (hourly.get(currency, Decimal(0)), upfront.get(currency, Decimal(0)))
        term_key = (0.0, TERMS[said["LeaseContractLength"]], payment, "reservation", unit)
        yield (*key, *term_key, *amounts, currency, since, known)


def _with_what_is_beside(rows: list[Row], several: Iterable[Reading]) -> Iterator[Row]:
    """Each row; of one that is a fee beside another both together, and none where the other is not known."""
    beside = {reading.names[1]: reading.plus for reading in several if reading.plus}
    for row in rows:
        other = beside.get(str(row[3]))
        if other is None:
            yield row
            continue
        same = {each[PRICE] for each in rows if each[3] == other and (each[9], each[15]) == (row[9], row[15])}
        if len(same) == 1:
            yield (*row[:PRICE], Decimal(str(row[PRICE])) + Decimal(str(same.pop())), *row[PRICE + 1 :])


def _several(text: str) -> list[str]:
    return [each for each in text.split(";") if each]


def _lines(name: str) -> Iterator[dict[str, str]]:
    text = resources.files("connectors.aws").joinpath("data", name).read_text("utf-8")
    yield from csv.DictReader(text.splitlines())
