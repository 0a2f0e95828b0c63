"""Spot of the machine families that an account runs: price history by zone, and how often AWS takes machines back.

No API of EC2 states interruptions: `GetSpotPlacementScores` rates how likely a request is to be served at that moment, which is
another thing. The bands are those of the Spot Instance Advisor, whose page reads them from a public object of S3
(`spot_advisor`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

from connectors.aws.exports import location
from connectors.aws.failures import errors
from connectors.aws.resources import Place
from connectors.aws.session import Connection, by_region
from finops.connect import Part, Rows, Stream
from finops.errors import RetriableError, SourceError
from finops.window import Window

COLUMNS = ("provider", "region", "zone", "sku", "timestamp", "price")
BANDS = ("provider", "region", "sku", "timestamp", "interruption_band")
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


def fetch_bands(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    """The newest band of each machine of these families: of the region, not of a zone."""
    place, families = part.handle
    known = _advised(connection).get(place.region, {})
    chosen = sorted(sku for sku in known if sku.partition(".")[0] in families)
    yield Rows(BANDS, [("AWS", place.region, sku, window.end, known[sku]) for sku in chosen])


def advisor(connection: Connection, **part: Any) -> Any:
    """The advisor's object, opened, or a part of it (`Range`). Errors name it: it is not the account's own."""
    bucket, key = location(connection.settings.spot_advisor)
    try:
        return connection.call("s3", "GetObject", Bucket=bucket, Key=key.rstrip("/"), **part)["Body"]
    except SourceError as error:
        hint = f"{error.hint}; or do without it: spot_advisor = ''"
        raise type(error)(error.what, where=connection.settings.spot_advisor, hint=hint) from None


def _content(connection: Connection) -> bytes:
    """All of the object. The SDK repeats requests, not a body that breaks off."""
    left = connection.settings.retries
    while True:
        opened, left = advisor(connection), left - 1
        try:
            with errors("s3:GetObject", connection.settings.spot_advisor, connection.secrets), closing(opened) as body:
                return bytes(body.read())
        except RetriableError:
            if not left:
                raise


def _advised(connection: Connection) -> dict[str, dict[str, str]]:
    """Region → Linux machine → band. Raises SourceError where the object is no such list."""

    def read() -> dict[str, dict[str, str]]:
        try:
            listed = json.loads(_content(connection))
            bands = {each["index"]: str(each["label"]) for each in listed["ranges"]}
            return {
                region: {sku: bands[found["r"]] for sku, found in systems.get("Linux", {}).items()}
                for region, systems in listed["spot_advisor"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            hint = "spot_advisor = ''"
            where = connection.settings.spot_advisor
            raise SourceError("the list of interruption bands has another form", where=where, hint=hint) from None

    found: dict[str, dict[str, str]] = connection.once("spot advisor", read)
    return found


SPOT_BANDS = Stream(
    name="bands",
    title="interruption bands of spot",
    table="spot_market",
    divided="snapshot",
    permissions=("s3:GetObject", "ec2:DescribeInstances", "ec2:DescribeRegions"),
    plan=plan,
    fetch=fetch_bands,
    restates_days=7,  # the advisor speaks of the month before
    wanted=lambda settings: bool(settings.spot_advisor),
    places=by_region,
)

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
