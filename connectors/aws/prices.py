"""List prices: what the Price List API sells on demand and reserved, and what savings plans charge instead.

A price whose key two products share at different amounts is left out: it is unknown, as a missing one is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.aws.price_list import KEYS, PAYMENTS, PRICE, TERMS, Row, listed
from connectors.aws.resources import Place, sizes
from connectors.aws.session import Account, Connection, by_region
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = (
    "provider", "region", "product", "sku", "operating_system", "license", "tenancy", "deployment", "tier_start", "term",
    "payment", "instrument", "unit", "price", "upfront", "currency", "effective_from", "specs",
)  # fmt: skip
USED = re.compile(r"(?:^|-)(Host|Train|Notebk|Studio)\w*:")
USES = {"Host": "endpoint", "Train": "training", "Notebk": "notebook", "Studio": "notebook"}
"""Usage types of SageMaker (`USE1-Host:ml.m5.xlarge`) by what the machine is for."""

MACHINES = ("vm", "endpoint", "training", "notebook", "database")
"""Products whose SKU is a machine type of EC2 with or without a prefix."""

PLANS = {"Compute": "savings_plan_compute", "EC2Instance": "savings_plan_family", "SageMaker": "savings_plan_sagemaker"}
SYSTEMS = {"Linux/UNIX": "Linux", "Windows": "Windows"}


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a region: prices are the region's, whatever account asks."""
    regions = sorted({region for _, region in connection.places()})
    return [Part(f"{region} prices", handle=region) for region in regions]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    place = Place(connection, Account(connection.own_account), part.handle)
    found: dict[Row, Row] = {}
    ambiguous: set[Row] = set()
    for row in (*listed(place), *_plans(place, window.end)):
        key = row[:KEYS]
        if key in found and found[key][PRICE : PRICE + 2] != row[PRICE : PRICE + 2]:
            ambiguous.add(key)
        found.setdefault(key, row)
    kept = [row for key, row in found.items() if key not in ambiguous]
    known = sizes(place, {str(row[3]) for row in kept if row[2] in MACHINES})
    yield Rows(COLUMNS, [_with_specs(row, known.get(str(row[3]), {})) for row in kept])


def _with_specs(row: Row, size: Mapping[str, object]) -> Row:
    """What the list states of a size comes before what the machine beneath has: a cache node keeps memory for itself."""
    stated = row[17] if isinstance(row[17], Mapping) else {}
    return (*(value if value != "" else None for value in row[:17]), _json({**size, **stated}))


def _plans(place: Place, at: datetime) -> Iterator[Row]:
    """The hourly rates of savings plans, by machine. AWS gives them no date: that of the day counts."""
    where: dict[str, Any] = {"region": place.connection.settings.home_region}
    for page in place.connection.pages(
        "savingsplans",
        "DescribeSavingsPlansOfferingRates",
        token=("nextToken", "nextToken"),
        **where,
        savingsPlanTypes=list(PLANS),
        products=["EC2", "SageMaker"],
        filters=[{"name": "region", "values": [place.region]}],
        maxResults=1000,
    ):
        for rate in page["searchResults"]:
            if (row := _rate(place.region, rate, at)) is not None:
                yield row


def _rate(region: str, rate: Mapping[str, Any], at: datetime) -> Row | None:
    offering = rate["savingsPlanOffering"]
    said = {each["name"]: each["value"] for each in rate.get("properties", ())}
    term, sku = TERMS.get(offering["durationSeconds"]), said.get("instanceType")
    system = SYSTEMS.get(said.get("productDescription", "Linux/UNIX"))
    if not term or not sku or system is None or said.get("tenancy", "shared") != "shared" or rate["unit"] != "Hrs":
        return None
    if rate["productType"] == "SageMaker":
        used = USED.search(rate["usageType"])
        if used is None:
            return None
        product, system = USES[used[1]], ""
    else:
        product = "vm"
    day = at.replace(hour=0, minute=0, second=0)
    return (
        "AWS", region, product, sku, system, "", "", "", 0.0, term, PAYMENTS.get(offering["paymentOption"], ""),
        PLANS[offering["planType"]], "Hours", Decimal(rate["rate"]), Decimal(0), offering.get("currency", "USD"), day, {},
    )  # fmt: skip


def _json(specs: Mapping[str, object]) -> str | None:
    return json.dumps(specs, sort_keys=True, separators=(",", ":")) if specs else None


PRICES = Stream(
    name="prices",
    title="list prices and savings plan rates",
    table="prices",
    divided="snapshot",
    permissions=(
        "pricing:GetProducts",
        "savingsplans:DescribeSavingsPlansOfferingRates",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeRegions",
        "rds:DescribeDBInstances",
    ),
    plan=plan,
    fetch=fetch,
    restates_days=7,  # a week-old price list is good enough
    units=("AWS",),
    places=by_region,
)
