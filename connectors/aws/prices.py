"""List prices: machines, volumes and ML instances from the Price List API, and what savings plans charge instead.

A price whose key two products share at different amounts is left out: it is unknown, as a missing one is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from connectors.aws.resources import Place, sizes
from connectors.aws.session import Account, Connection, by_region
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = (
    "provider", "region", "product", "sku", "operating_system", "license", "tenancy", "deployment", "tier_start", "term",
    "payment", "instrument", "unit", "price", "upfront", "currency", "effective_from", "specs",
)  # fmt: skip
KEYS = 12
"""Columns, from the first, whose values name a price."""

Row: TypeAlias = tuple[object, ...]

TERMS = {"1yr": "1y", "3yr": "3y", 31_536_000: "1y", 94_608_000: "3y"}
PAYMENTS = {"No Upfront": "none", "Partial Upfront": "partial", "All Upfront": "all"}
COMPONENTS = {"Hosting": "endpoint", "Training": "training", "Notebook": "notebook", "Studio-Notebook": "notebook"}
USED = re.compile(r"(?:^|-)(Host|Train|Notebk|Studio)\w*:")
USES = {"Host": "endpoint", "Train": "training", "Notebk": "notebook", "Studio": "notebook"}
"""Usage types of SageMaker (`USE1-Host:ml.m5.xlarge`) by what the machine is for."""

PLANS = {"Compute": "savings_plan_compute", "EC2Instance": "savings_plan_family", "SageMaker": "savings_plan_sagemaker"}
SYSTEMS = {"Linux/UNIX": "Linux", "Windows": "Windows"}


@dataclass(frozen=True, slots=True)
class Query:
    """One search of the price list. `row` makes a product's name and unit of its attributes; None: not wanted."""

    name: str
    service: str
    filters: Mapping[str, str]
    read: Any


def _machine(attributes: Mapping[str, str]) -> tuple[str, str, str, str, Decimal] | None:
    return "vm", attributes["instanceType"], attributes.get("operatingSystem", ""), "Hours", Decimal(1)


def _volume(attributes: Mapping[str, str]) -> tuple[str, str, str, str, Decimal] | None:
    name = attributes.get("volumeApiName")
    return ("disk", name, "", "GB-Months", Decimal(1)) if name else None


def _iops(attributes: Mapping[str, str]) -> tuple[str, str, str, str, Decimal] | None:
    name = attributes.get("volumeApiName")
    return ("disk", f"{name}:iops", "", "IOPS-Months", Decimal(1)) if name else None


def _throughput(attributes: Mapping[str, str]) -> tuple[str, str, str, str, Decimal] | None:
    name = attributes.get("volumeApiName")
    return ("disk", f"{name}:throughput", "", "MiBps-Months", Decimal(1024)) if name else None  # listed by the GiBps


def _model_machine(attributes: Mapping[str, str]) -> tuple[str, str, str, str, Decimal] | None:
    product = COMPONENTS.get(attributes.get("component", ""))
    return (product, attributes["instanceName"], "", "Hours", Decimal(1)) if product and "instanceName" in attributes else None


ON_DEMAND = {"tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used", "licenseModel": "No License required"}
QUERIES = (
    Query("Linux machines", "AmazonEC2", {"operatingSystem": "Linux", **ON_DEMAND}, _machine),
    Query("Windows machines", "AmazonEC2", {"operatingSystem": "Windows", **ON_DEMAND}, _machine),
    Query("volumes", "AmazonEC2", {"productFamily": "Storage"}, _volume),
    Query("volume operations", "AmazonEC2", {"productFamily": "System Operation", "group": "EBS IOPS"}, _iops),
    Query("volume throughput", "AmazonEC2", {"productFamily": "Provisioned Throughput"}, _throughput),
    Query("ML machines", "AmazonSageMaker", {"productFamily": "ML Instance"}, _model_machine),
)


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a region: prices are the region's, whatever account asks."""
    regions = sorted({region for _, region in connection.places()})
    return [Part(f"{region} prices", handle=region) for region in regions]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    place = Place(connection, Account(connection.own_account), part.handle)
    found: dict[Row, Row] = {}
    ambiguous: set[Row] = set()
    for row in (*_listed(place), *_plans(place, window.end)):
        key = row[:KEYS]
        if key in found and (found[key][13], found[key][14]) != (row[13], row[14]):
            ambiguous.add(key)
        found.setdefault(key, row)
    kept = [row for key, row in found.items() if key not in ambiguous]
    known = sizes(place, {str(row[3]) for row in kept if row[2] in ("vm", *COMPONENTS.values())})
    yield Rows(COLUMNS, [(*(v if v != "" else None for v in row[:17]), _json(known.get(str(row[3])))) for row in kept])


def _listed(place: Place) -> Iterator[Row]:
    """On-demand and reservation prices. The list itself is kept in the home region."""
    for query in QUERIES:
        filters = {"regionCode": place.region, **query.filters}
        for page in place.connection.pages(
            "pricing",
            "GetProducts",
            ServiceCode=query.service,
            Filters=[{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()],
        ):
            for text in page["PriceList"]:
                listed = json.loads(text)
                what = query.read(listed["product"]["attributes"])
                if what is not None:
                    yield from _terms(place.region, what, listed["terms"])


def _terms(region: str, what: tuple[str, str, str, str, Decimal], terms: Mapping[str, Any]) -> Iterator[Row]:
    product, sku, system, unit, divisor = what
    named = ("AWS", region, product, sku, system, "", "", "")
    for term in terms.get("OnDemand", {}).values():
        for tier in term["priceDimensions"].values():
            for currency, price in tier["pricePerUnit"].items():
                exact = (Decimal(price) / divisor).quantize(Decimal("1e-12"))
                begin = float(tier.get("beginRange") or 0)
                since = datetime.fromisoformat(term["effectiveDate"])
                yield (*named, begin, "on_demand", "", "", unit, exact, Decimal(0), currency, since, None)
    for term in terms.get("Reserved", {}).values():
        said = term["termAttributes"]
        if said.get("OfferingClass", "standard") == "standard" and said["LeaseContractLength"] in TERMS:
            yield from _reserved(named, unit, term, said)


def _reserved(named: Row, unit: str, term: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[Row]:
    """What is paid at once has the unit `Quantity`, what is paid by the hour `Hrs`."""
    hourly: dict[str, Decimal] = {}
    upfront: dict[str, Decimal] = {}
    for dimension in term["priceDimensions"].values():
        for currency, price in dimension["pricePerUnit"].items():
            paid = upfront if dimension["unit"] == "Quantity" else hourly
            paid[currency] = paid.get(currency, Decimal(0)) + Decimal(price)
    since, payment = datetime.fromisoformat(term["effectiveDate"]), PAYMENTS.get(said["PurchaseOption"], "")
    for currency in sorted(hourly.keys() | upfront.keys()):
        amounts = (hourly.get(currency, Decimal(0)), upfront.get(currency, Decimal(0)))
        key = (0.0, TERMS[said["LeaseContractLength"]], payment, "reservation", unit)
        yield (*named, *key, *amounts, currency, since, None)


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
        PLANS[offering["planType"]], "Hours", Decimal(rate["rate"]), Decimal(0), offering.get("currency", "USD"), day, None,
    )  # fmt: skip


def _json(specs: Mapping[str, object] | None) -> str | None:
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
    ),
    plan=plan,
    fetch=fetch,
    restates_days=7,  # a week-old price list is good enough
    units=("AWS",),
    places=by_region,
)
