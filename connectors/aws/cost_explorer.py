"""Cost Explorer by the day: the one query that the provider's totals and the bill without an export are read by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.aws.session import Connection
from finops.window import Window

METRICS = {"UnblendedCost": "billed", "NetAmortizedCost": "effective"}
"""Cost Explorer's name → ours. Blended cost is never read: it averages rates over accounts."""

REACH_DAYS = 395
"""It keeps the current month and the thirteen before by the day."""

RESTATED_DAYS = 10
"""A month is final when its invoice is, in the first days of the next."""


def daily(connection: Connection, window: Window, dimensions: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Pages of days, each with its groups by these dimensions (two at most: GetCostAndUsage, GroupBy)."""
    for page in connection.pages(
        "ce",
        "GetCostAndUsage",
        token=("NextPageToken", "NextPageToken"),
        TimePeriod={"Start": f"{window.start:%Y-%m-%d}", "End": f"{window.end:%Y-%m-%d}"},
        Granularity="DAILY",
        Metrics=list(METRICS),
        GroupBy=[{"Type": "DIMENSION", "Key": key} for key in dimensions],
    ):
        yield page["ResultsByTime"]


def amount(metric: Mapping[str, str]) -> Decimal:
    """An amount in the warehouse's scale of twelve decimals."""
    return Decimal(metric["Amount"]).quantize(Decimal("1e-12"))
