"""Commitments in force: savings plans, and reserved instances, databases, searches, cache and warehouse nodes.

What DynamoDB reserves, no API of AWS's lists: the bill alone has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.aws.resources import Place
from connectors.aws.session import Account, Connection, by_region_and_global
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = (
    "observed_at", "commitment_id", "provider", "account_id", "instrument", "scope", "quantity", "hourly_commitment", "unit",
    "term_start", "term_end", "payment", "upfront", "recurring", "currency",
)  # fmt: skip
PLANS = {
    "Compute": "savings_plan_compute",
    "EC2Instance": "savings_plan_family",
    "SageMaker": "savings_plan_sagemaker",
    "Database": "savings_plan_database",
}
PAYMENTS = {"no upfront": "none", "partial upfront": "partial", "all upfront": "all"}
FAMILY_WIDE = frozenset(("mysql", "mariadb", "aurora", "aurora-mysql", "aurora-postgresql", "postgresql", "postgres"))
"""Engines whose reservations cover any size of their family (RDS User Guide, "Size-flexible reserved DB instances")."""


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """Savings plans are global; reservations lie in regions."""
    home = Place(connection, Account(connection.own_account), connection.settings.home_region)
    places = [Place(connection, account, region) for account, region in connection.places()]
    return [
        *([Part("savings plans", handle=(home, "plans"))] if connection.is_global else []),
        *(Part(f"{place.account.id} {place.region} reservations", handle=(place, "reservations")) for place in places),
    ]


def fetch(_: Connection, part: Part, window: Window) -> Iterator[Rows]:
    place, what = part.handle
    found = _plans(place) if what == "plans" else _reservations(place)
    yield Rows(COLUMNS, [(window.end, *row) for row in found])


def _plans(place: Place) -> Iterator[tuple[object, ...]]:
    pages = ("nextToken", "nextToken")
    for found in place.each(
        "savingsplans", "DescribeSavingsPlans", "savingsPlans", pages, states=["active", "payment-pending"]
    ):
        scope: dict[str, object] = {"shared": True}
        if found["savingsPlanType"] == "EC2Instance":
            scope |= {"family": found.get("ec2InstanceFamily"), "region": found.get("region")}
        yield (
            found["savingsPlanArn"],
            "AWS",
            found["savingsPlanArn"].split(":")[4] or place.account.id,
            PLANS.get(found["savingsPlanType"], "savings_plan"),
            _json(scope),
            None,
            Decimal(found["commitment"]),
            None,
            datetime.fromisoformat(found["start"]),
            datetime.fromisoformat(found["end"]),
            PAYMENTS.get(str(found.get("paymentOption", "")).lower()),
            _amount(found.get("upfrontPaymentAmount")),
            _amount(found.get("recurringPaymentAmount")),
            found.get("currency", "USD"),
        )


def _reservations(place: Place) -> Iterator[tuple[object, ...]]:
    active = [{"Name": "state", "Values": ["active"]}]
    for found in place.call("ec2", "DescribeReservedInstances", Filters=active)["ReservedInstances"]:
        regional = found.get("Scope") == "Region"
        system = str(found.get("ProductDescription", "")).removesuffix(" (Amazon VPC)")
        scope = {
            "region": place.region,
            "sku": found["InstanceType"],
            "operating_system": "Linux" if system == "Linux/UNIX" else system,
            # regional reservations of Linux with default tenancy cover any size of their family (EC2 User Guide)
            "size_flexible": regional and system == "Linux/UNIX" and found.get("InstanceTenancy") == "default",
            "zone": None if regional else found.get("AvailabilityZone"),
        }
        name = place.arn("ec2", f"reserved-instances/{found['ReservedInstancesId']}")
        yield _reservation(place, name, found, scope, found["InstanceCount"], found["Start"])
    for found in place.each("rds", "DescribeReservedDBInstances", "ReservedDBInstances", ("Marker", "Marker")):
        engine = str(found.get("ProductDescription", ""))
        scope = {
            "region": place.region,
            "sku": found["DBInstanceClass"],
            "engine": engine,
            "deployment": "Multi-AZ" if found.get("MultiAZ") else "Single-AZ",
            "size_flexible": engine in FAMILY_WIDE,
        }
        if found.get("State") == "active":
            yield _reservation(
                place, found["ReservedDBInstanceArn"], found, scope, found["DBInstanceCount"], found["StartTime"]
            )
    yield from _nodes(place)


def _nodes(place: Place) -> Iterator[tuple[object, ...]]:
    """Of caches, warehouses, in-memory databases and searches."""
    for found in place.each("elasticache", "DescribeReservedCacheNodes", "ReservedCacheNodes", ("Marker", "Marker")):
        scope = {"region": place.region, "sku": found["CacheNodeType"], "engine": found.get("ProductDescription")}
        if found.get("State") == "active":
            name = found.get("ReservationARN") or place.arn("elasticache", f"reserved-instance:{found['ReservedCacheNodeId']}")
            yield _reservation(place, name, found, scope, found["CacheNodeCount"], found["StartTime"])
    for found in place.each("redshift", "DescribeReservedNodes", "ReservedNodes", ("Marker", "Marker")):
        scope = {"region": place.region, "sku": found["NodeType"]}
        if found.get("State") == "active":
            name = place.arn("redshift", f"reserved-node:{found['ReservedNodeId']}")
            yield _reservation(place, name, found, scope, found["NodeCount"], found["StartTime"])
    is_there = place.connection.offers("memorydb", place.region)
    for found in place.each("memorydb", "DescribeReservedNodes", "ReservedNodes") if is_there else ():
        # any node of the family (MemoryDB Developer Guide, "Size flexible reserved nodes")
        scope = {"region": place.region, "sku": found["NodeType"], "size_flexible": True}
        if found.get("State") == "active":
            yield _reservation(place, found["ARN"], found, scope, found["NodeCount"], found["StartTime"])
    for found in place.each("opensearch", "DescribeReservedInstances", "ReservedInstances"):
        scope = {"region": place.region, "sku": found["InstanceType"]}
        if found.get("State") == "active":
            name = place.arn("es", f"reserved-instance/{found['ReservedInstanceId']}")
            yield _reservation(place, name, found, scope, found["InstanceCount"], found["StartTime"])


def _reservation(
    place: Place, name: str, found: Mapping[str, Any], scope: dict[str, object], count: int, start: datetime
) -> tuple[object, ...]:
    """Prices are for one instance; a row is for all of them."""
    if scope.get("size_flexible"):
        scope |= {"family": str(scope["sku"]).rpartition(".")[0]}
    hourly = sum(
        (_exact(charge, ("Amount", "RecurringChargeAmount")) for charge in found.get("RecurringCharges", ())), Decimal(0)
    ) + _exact(found, ("UsagePrice",))
    return (
        name,
        "AWS",
        place.account.id,
        "reservation",
        _json(scope | {"accounts": [place.account.id]}),
        float(count),
        None,
        "Hours",
        start,
        found.get("End") or start + timedelta(seconds=int(found["Duration"])),
        PAYMENTS.get(str(found.get("OfferingType") or found.get("PaymentOption", "")).replace("_", " ").lower()),
        _exact(found, ("FixedPrice",)) * count,
        hourly * count,
        found.get("CurrencyCode", "USD"),
    )


def _exact(found: Mapping[str, Any], names: tuple[str, ...]) -> Decimal:
    """A price that the SDK gives as a float, as it was written."""
    value = next((found[name] for name in names if found.get(name) is not None), 0)
    return Decimal(repr(value)).quantize(Decimal("1e-12"))


def _amount(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


def _json(scope: Mapping[str, object]) -> str:
    return json.dumps({k: v for k, v in scope.items() if v is not None}, sort_keys=True, separators=(",", ":"))


COMMITMENTS = Stream(
    name="commitments",
    title="savings plans and reservations",
    table="commitments",
    divided="snapshot",
    permissions=(
        "savingsplans:DescribeSavingsPlans",
        "ec2:DescribeReservedInstances",
        "ec2:DescribeRegions",
        "rds:DescribeReservedDBInstances",
        "elasticache:DescribeReservedCacheNodes",
        "redshift:DescribeReservedNodes",
        "memorydb:DescribeReservedNodes",
        "es:DescribeReservedInstances",
    ),
    plan=plan,
    fetch=fetch,
    places=by_region_and_global,
)
