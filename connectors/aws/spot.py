"""Spot price history of the machine families that an account runs, by zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from connectors.aws.resources import Place
from connectors.aws.session import Connection, by_region
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = ("provider", "region", "zone", "sku", "timestamp", "price")
SYSTEMS = ["Linux/UNIX"]


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a region with machines: a family's other sizes are what spot is chosen among."""
    parts: list[Part] = []
    for account, region in connection.places():
        place = Place(connection, account, region)
        machines = [i["InstanceType"] for r in place.each("ec2", "DescribeInstances", "Reservations") for i in r["Instances"]]
        families = sorted({machine.partition(".")[0] for machine in machines})
        known = next((part for part in parts if part.handle[0].region == region), None)
        if known is not None:  # prices are the region's, whatever account asks
            known.handle[1].extend(family for family in families if family not in known.handle[1])
        elif families:
            parts.append(Part(f"{region} spot prices", handle=(place, families)))
    return parts


def fetch(_: Connection, part: Part, window: Window) -> Iterator[Rows]:
    place, families = part.handle
    where: dict[str, Any] = {"region": place.region, "role": place.account.role}
    seen: set[tuple[object, ...]] = set()
    for page in place.connection.pages(
        "ec2",
        "DescribeSpotPriceHistory",
        **where,
        StartTime=window.start,
        EndTime=window.end,
        ProductDescriptions=SYSTEMS,
        Filters=[{"Name": "instance-type", "Values": [f"{family}.*" for family in sorted(families)]}],
    ):
        rows = []
        for entry in page["SpotPriceHistory"]:
            key = (entry["AvailabilityZone"], entry["InstanceType"], entry["Timestamp"])
            if window.contains(entry["Timestamp"]) and key not in seen:  # the price before the window comes along
                seen.add(key)
                rows.append(("AWS", place.region, *key, Decimal(entry["SpotPrice"])))
        yield Rows(COLUMNS, rows)


SPOT = Stream(
    name="spot",
    title="spot price history",
    table="spot_market",
    divided="day",
    permissions=("ec2:DescribeSpotPriceHistory", "ec2:DescribeInstances", "ec2:DescribeRegions"),
    plan=plan,
    fetch=fetch,
    reach_days=89,  # EC2 keeps 90 days
    places=by_region,
)
