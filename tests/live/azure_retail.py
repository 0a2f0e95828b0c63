"""Items of Retail Prices, and a list of them that understands the filters that it is asked with."""

from __future__ import annotations

import csv
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from finops.demo import sample_company

CONDITION = re.compile(r"(\w+) eq '([^']*)'|contains\((\w+), '([^']*)'\)|(\()|(\))|\b(and|or)\b|\s+")
FIELDS = {
    "armRegionName", "location", "meterId", "meterName", "productId", "skuId", "productName", "skuName", "serviceName",
    "serviceFamily", "priceType", "armSkuName",
}  # fmt: skip
"""What may be filtered by (Microsoft Learn, "Azure Retail Prices": API filters, as of 2026-11)."""


def item(price: float, **more: Any) -> dict[str, Any]:
    return {
        "currencyCode": "EUR", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price, "armRegionName": "westeurope",
        "location": "EU West", "effectiveStartDate": "2026-08-01T00:00:00Z", "productName": "Virtual Machines Dv5 Series",
        "meterName": "D4 v5", "skuName": "D4 v5", "serviceName": "Virtual Machines", "unitOfMeasure": "1 Hour",
        "type": "Consumption", "armSkuName": "Standard_D4_v5", **more,
    }  # fmt: skip


def other(service: str, product: str, sku: str, meter: str, unit: str, price: float, **more: Any) -> dict[str, Any]:
    """An item of another service than machines."""
    named = {"serviceName": service, "productName": product, "skuName": sku, "meterName": meter, "unitOfMeasure": unit}
    return item(price, **{"armSkuName": "", **named, **more})


PLANS = [{"unitPrice": 0.15, "retailPrice": 0.15, "term": "1 Year"}, {"unitPrice": 0.1, "retailPrice": 0.1, "term": "3 Years"}]
ITEMS = [
    item(0.2, savingsPlan=PLANS),
    item(0.03, meterName="D4 v5 Spot"),
    item(0.05, meterName="D4 v5 Low Priority"),
    item(0.4, productName="Virtual Machines Dv5 Series Windows"),
    item(1051.2, type="Reservation", reservationTerm="1 Year"),
    item(0.1, type="DevTestConsumption"),
    item(1.0, armSkuName="Standard_X"),
    item(2.0, armSkuName="Standard_X"),
]


def listed(items: Sequence[dict[str, Any]], *, size: int = 1000) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    """Answers by the filter that is asked for, `size` items a page."""

    def page(parameters: Mapping[str, str]) -> dict[str, Any]:
        found = [each for each in items if matches(parameters["$filter"], each)]
        start = int(parameters.get("$skip", 0))
        more = start + size < len(found)
        link = f"{{place}}?{urllib.parse.urlencode({**parameters, '$skip': start + size})}" if more else None
        return {"Items": found[start : start + size], "NextPageLink": link}

    return page


def matches(text: str, given: Mapping[str, Any]) -> bool:
    """Whether an item is what the filter asks for. Raises ValueError for what the list does not understand."""
    words, position = [], 0
    while position < len(text):
        found = CONDITION.match(text, position)
        if found is None or (found[1] or found[3] or "location") not in FIELDS:
            raise ValueError(f"the filter {text!r}, from {text[position:]!r}")
        position = found.end()
        if found[1]:
            words.append(str(given.get(found[1]) == found[2]))
        elif found[3]:
            words.append(str(found[4] in str(given.get(found[3]))))
        else:
            words.append(found[0].strip())
    return _true(words)


def _true(words: list[str]) -> bool:
    """`and` before `or`, parentheses before both."""
    left = [word for word in words if word]

    def either() -> bool:
        value = both()
        while left and left[0] == "or":
            left.pop(0)
            value = both() or value
        return value

    def both() -> bool:
        value = one()
        while left and left[0] == "and":
            left.pop(0)
            value = one() and value
        return value

    def one() -> bool:
        word = left.pop(0)
        if word != "(":
            return word == "True"
        value = either()
        if left.pop(0) != ")":
            raise ValueError("a parenthesis is not closed")
        return value

    value = either()
    if left:
        raise ValueError(f"the filter ends with {left}")
    return value


GENERAL = "SQL Database Single/Elastic Pool General Purpose"
RESERVED = "Azure AI Foundry Provisioned Throughput Reservation"


def sample_prices() -> list[dict[str, str]]:
    """The newest prices of the sample company's list that Retail Prices has meters of."""
    with (sample_company() / "open" / "prices.csv").open() as file:
        found = [row for row in csv.DictReader(file) if row["provider"] == "Microsoft Azure"]
    newest = max(row["effective_from"] for row in found)
    known = ("vm", "disk", "object_storage", "database", "ptu")
    return [
        row
        for row in found
        if row["effective_from"] == newest and row["product"] in known and not row["sku"].endswith(":transition")
    ]


OPERATIONS = {"": ("Data Stored", "1 GB/Month"), "put": ("Write Operations", "10K"), "get": ("Read Operations", "10K")}
OPERATIONS |= {"retrieval": ("Data Retrieval", "1 GB")}


def sells(row: dict[str, str]) -> dict[str, Any]:
    """The item of Retail Prices that a row of the file is."""
    sku, price = row["sku"], float(row["price"])
    place = {"armRegionName": row["region"], "currencyCode": row["currency"], "effectiveStartDate": row["effective_from"]}
    if row["instrument"] == "reservation":
        hours, term = (730, "1 Month") if row["term"] == "1m" else (8760, "1 Year")
        price, place = price * hours, place | {"type": "Reservation", "reservationTerm": term}
    if row["product"] == "vm":
        windows = " Windows" if row["operating_system"] == "Windows" else ""
        return item(price, armSkuName=sku, productName=f"Virtual Machines{windows}", **place)
    if row["product"] == "disk":
        tier = sku.rpartition("_")[2]
        return other("Storage", "Premium SSD Managed Disks", f"{tier} LRS", f"{tier} LRS Disk", "1/Month", price, **place)
    if row["product"] == "object_storage":
        tier, _, part = sku.partition(":")
        name, unit = f"{tier.capitalize()} LRS", OPERATIONS[part][1]
        return other("Storage", "Blob Storage", name, f"{name} {OPERATIONS[part][0]}", unit, price, **place)
    if row["product"] == "ptu":
        name, product = "Provisioned Managed Global", RESERVED if row["instrument"] else "Azure OpenAI"
        return other("Foundry Models", product, name, f"{name} Unit", "1/Hour", price, **place)
    arm = f"SQLDB_{sku.replace('_Gen5', '_Compute_Gen5')}"
    cores = f"{sku.rpartition('_')[2]} vCore"
    return other("SQL Database", f"{GENERAL} - Compute Gen5", cores, "vCore", "1 Hour", price, armSkuName=arm, **place)


def sample_items() -> list[dict[str, Any]]:
    """The sample company's list as Retail Prices has it: a plan's rate stands with the machine's own price."""
    file = sample_prices()
    plans = {row["sku"]: float(row["price"]) for row in file if row["instrument"] == "savings_plan_compute"}
    found = [sells(row) for row in file if row["instrument"] != "savings_plan_compute"]
    for each in found:
        if each["serviceName"] == "Virtual Machines" and each["type"] == "Consumption" and each["armSkuName"] in plans:
            each["savingsPlan"] = [{"term": "1 Year", "retailPrice": plans[each["armSkuName"]]}]
    return found
