"""A price list that answers `GetProducts` as AWS's does: products of a service, filtered by the terms that are asked for."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from finops.demo import sample_company
from tests.live.aws_contract import Aws

PAGE = 100
"""Products a page at most (Price List API reference)."""

S3_STORAGE = {"STANDARD": "", "STANDARD_IA": "SIA-", "ONEZONE_IA": "ZIA-", "GLACIER_IR": "GIR-"}
S3_REQUESTS = {
    "STANDARD": "", "STANDARD_IA": "SIA-", "ONEZONE_IA": "ZIA-", "GLACIER_IR": "GIR-", "GLACIER": "GLACIER-",
    "DEEP_ARCHIVE": "GDA-",
}  # fmt: skip
S3_TRANSITIONS = {
    "STANDARD_IA": ("Requests-Tier4", "S3-SIATransition"),
    "ONEZONE_IA": ("Requests-Tier4", "S3-ZIATransition"),
    "GLACIER_IR": ("Requests-Tier4", "S3-GIRTransition"),
    "GLACIER": ("Requests-Tier3", "S3-GlacierTransition"),
    "DEEP_ARCHIVE": ("Requests-Tier3", "S3-GDATransition"),
}
S3_RETRIEVALS = {
    "STANDARD_IA": ("Retrieval-SIA", ""),
    "ONEZONE_IA": ("Retrieval-ZIA", ""),
    "GLACIER_IR": ("Retrieval-GIR", ""),
    "GLACIER": ("Standard-Retrieval-Bytes", "RestoreObject"),
    "DEEP_ARCHIVE": ("Standard-Retrieval-Bytes", "DeepArchiveRestoreObject"),
}


def product(
    service: str, family: str, region: str, price: str | dict[str, str], *, reserved: dict[str, Any] | None = None, **said: Any
) -> dict[str, Any]:
    """A product of the list. `price`: of a unit, or by where its tier begins; `reserved`: a further term."""
    tiers = {"0": price} if isinstance(price, str) else price
    dimensions = {
        f"d{n}": {"unit": "Hrs", "beginRange": begin, "endRange": "Inf", "pricePerUnit": {"USD": amount}}
        for n, (begin, amount) in enumerate(tiers.items())
    }
    on_demand = {"t": {"effectiveDate": "2026-10-01T00:00:00Z", "priceDimensions": dimensions, "termAttributes": {}}}
    return {
        "product": {"productFamily": family, "attributes": {"regionCode": region, "servicecode": service, **said}, "sku": "S"},
        "serviceCode": service,
        "terms": {"OnDemand": on_demand} | ({"Reserved": {"r": reserved}} if reserved else {}),
    }


def serve(cloud: Aws, products: Iterable[dict[str, Any]]) -> None:
    """The list, filtered and in pages."""
    every = list(products)

    def answered(asked: dict[str, Any]) -> dict[str, Any]:
        wanted = {each["Field"]: each["Value"] for each in asked.get("Filters", ())}
        found = [each for each in every if each["serviceCode"] == asked["ServiceCode"] and _has(each["product"], wanted)]
        start = int(asked.get("NextToken", 0))
        more = {"NextToken": str(start + PAGE)} if start + PAGE < len(found) else {}
        return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(f) for f in found[start : start + PAGE]], **more}

    cloud.answer("pricing:GetProducts", answered)


def _has(product: dict[str, Any], wanted: dict[str, str]) -> bool:
    terms = {**product["attributes"], "productFamily": product["productFamily"]}
    return all(terms.get(name) == value for name, value in wanted.items())


def sample_prices() -> list[dict[str, str]]:
    """What the sample company's price list has of AWS, but for what the API does not sell there (tokens, spot, plans)."""
    with (sample_company() / "open" / "prices.csv").open() as text:
        return [row for row in csv.DictReader(text) if row["provider"] == "AWS"]


def sample_list() -> Iterator[dict[str, Any]]:
    """The sample company's on-demand prices and reservations as the list has them; what it has in another way is left out."""
    tiers: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for row in sample_prices():
        if row["term"] == "on_demand":
            key = tuple(row[name] for name in ("region", "product", "sku", "operating_system", "deployment"))
            tiers[key][row["tier_start"]] = row["price"]
    for (region, kind, sku, system, deployment), prices in tiers.items():
        yield from _listed(region, kind, sku, system, deployment, prices)


def _listed(region: str, kind: str, sku: str, system: str, deployment: str, prices: dict[str, str]) -> Iterator[dict[str, Any]]:
    name, _, part = sku.partition(":")
    if kind == "vm" and not part:
        shared: dict[str, Any] = {
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
            "licenseModel": "No License required",
        }
        yield product("AmazonEC2", "Compute Instance", region, prices, instanceType=sku, operatingSystem=system, **shared)
    elif kind == "disk" and not sku.startswith("rds"):
        yield _disk(region, name, part, prices)
    elif kind == "snapshot":
        usage = {"standard": "EBS:SnapshotUsage", "archive": "EBS:SnapshotArchiveStorage"}[sku]
        yield product("AmazonEC2", "Storage Snapshot", region, prices, usagetype=f"USW2-{usage}")
    elif kind in ("endpoint", "training", "notebook") and not part:
        component = {"endpoint": "Hosting", "training": "Training", "notebook": "Studio-Notebook"}[kind]
        yield product("AmazonSageMaker", "ML Instance", region, prices, instanceName=sku, component=component)
    elif kind == "database":
        usage = f"{'Multi-AZ' if deployment == 'Multi-AZ' else 'Instance'}Usage:{sku}"
        said: dict[str, Any] = {
            "databaseEngine": "PostgreSQL",
            "licenseModel": "No license required",
            "deploymentOption": deployment,
        }
        yield product("AmazonRDS", "Database Instance", region, prices, instanceType=sku, usagetype=usage, **said)
    elif kind == "warehouse" and not part:
        yield product("AmazonRedshift", "Compute Instance", region, prices, instanceType=sku, usagetype=f"Node:{sku}")
    elif kind == "object_storage":
        yield from _objects(region, name, part, prices)
    elif sku == "eks:standard":
        yield product("AmazonEKS", "Compute", region, prices, usagetype="USE1-AmazonEKS-Hours:perCluster")
        yield product("AmazonEKS", "Compute", region, "0.50", usagetype="USE1-AmazonEKS-Hours:extendedSupport")


def _disk(region: str, name: str, part: str, prices: dict[str, str]) -> dict[str, Any]:
    if part == "iops":
        usage = f"EBS:VolumeP-IOPS.{'piops' if name == 'io1' else name}"
        return product("AmazonEC2", "System Operation", region, prices, group="EBS IOPS", volumeApiName=name, usagetype=usage)
    if part == "throughput":
        of_gib = {begin: str(float(price) * 1024) for begin, price in prices.items()}
        return product("AmazonEC2", "Provisioned Throughput", region, of_gib, volumeApiName=name)
    return product("AmazonEC2", "Storage", region, prices, volumeApiName=name)


def _objects(region: str, name: str, part: str, prices: dict[str, str]) -> Iterator[dict[str, Any]]:
    one = {begin: f"{float(price) / 1000:.10f}" for begin, price in prices.items()}  # a request; ours are thousands
    if not part:
        if name == "DEEP_ARCHIVE":
            yield product("AmazonS3GlacierDeepArchive", "Storage", region, prices, usagetype="TimedStorage-GDA-ByteHrs")
            return
        usage = "TimedStorage-GlacierByteHrs" if name == "GLACIER" else f"TimedStorage-{S3_STORAGE[name]}ByteHrs"
        yield product(
            "AmazonS3", "Storage", region, prices, usagetype=usage, volumeType="Standard" if name == "STANDARD" else ""
        )
    elif part in ("put", "get"):
        usage = f"Requests-{S3_REQUESTS[name]}Tier{1 if part == 'put' else 2}"
        yield product("AmazonS3", "API Request", region, one, usagetype=usage)
    elif part == "transition":
        usage, operation = S3_TRANSITIONS[name]
        yield product("AmazonS3", "API Request", region, one, usagetype=usage, operation=operation)
    elif name != "STANDARD":  # whose retrieval is no product
        usage, operation = S3_RETRIEVALS[name]
        yield product("AmazonS3", "Fee", region, prices, usagetype=usage, operation=operation)
