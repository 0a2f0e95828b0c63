"""Utilization of commitments as Cost Explorer states it, by month: what the bill's own is compared with.

A row a reservation or savings plan and month, in `metrics`: the share that was used, over the days that are over. Cost Explorer
gives single reservations for a whole window only (GetReservationUtilization: with GroupBy there is no Granularity), and charges
for each request: a month and service is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.aws.cost_explorer import RESTATED_DAYS
from connectors.aws.session import Connection
from finops.connect import Part, Rows, Stream
from finops.window import Window, midnight, next_month

COLUMNS = ("resource_id", "timestamp", "period_s", "metric", "statistic", "value")
METRIC = "commitment_utilization"
"""In per cent of what was committed to, as the other clouds' streams have it."""

RESERVED = (
    "Amazon Elastic Compute Cloud - Compute",
    "Amazon Relational Database Service",
    "Amazon ElastiCache",
    "Amazon Redshift",
    "Amazon Elasticsearch Service",
)
"""Services whose reservations are asked for: GetReservationUtilization, filter SERVICE (botocore 1.44)."""

PLANS = "savings plans"
ARN = "reservationarn"
"""The attribute of a group that names its reservation as bills do, in lower case: the service's model does not list them."""


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part a month and service, and one a month of savings plans."""
    parts = []
    for month in _months(window):
        for what in (PLANS, *RESERVED):
            call = "ce:GetSavingsPlansUtilizationDetails" if what == PLANS else "ce:GetReservationUtilization"
            parts.append(Part(f"{connection.own_account} {month.start:%Y-%m} {what}", ((call, 1),), (month, what)))
    return parts


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Rows]:
    month, what = part.handle
    found = _plans(connection, month) if what == PLANS else _reservations(connection, month, what)
    period_s = int((month.end - month.start).total_seconds())
    yield Rows(COLUMNS, [(name, month.start, period_s, METRIC, "avg", value) for name, value in found])


def _months(window: Window) -> Iterator[Window]:
    """The window's months; of the open one the days before the last, which Cost Explorer does not know yet."""
    start = window.start
    while start < window.end:
        following = midnight(next_month(start.date()))
        end = following if following <= window.end else window.end - timedelta(days=1)
        if start < end:
            yield Window(start, end)
        start = following


def _plans(connection: Connection, month: Window) -> Iterator[tuple[str, float]]:
    for page in connection.pages(
        "ce", "GetSavingsPlansUtilizationDetails", TimePeriod=_period(month), DataType=["UTILIZATION"]
    ):
        for detail in page["SavingsPlansUtilizationDetails"]:
            yield from _used(detail["SavingsPlanArn"], detail.get("Utilization"))


def _reservations(connection: Connection, month: Window, service: str) -> Iterator[tuple[str, float]]:
    for page in connection.pages(
        "ce",
        "GetReservationUtilization",
        token=("NextPageToken", "NextPageToken"),
        TimePeriod=_period(month),
        GroupBy=[{"Type": "DIMENSION", "Key": "SUBSCRIPTION_ID"}],
        Filter={"Dimensions": {"Key": "SERVICE", "Values": [service]}},
    ):
        for period in page["UtilizationsByTime"]:
            for group in period.get("Groups", ()):
                attributes = {name.lower(): value for name, value in group.get("Attributes", {}).items()}
                yield from _used(attributes.get(ARN) or group["Value"], group.get("Utilization"))


def _used(name: str, utilization: Mapping[str, str] | None) -> Iterator[tuple[str, float]]:
    percentage = (utilization or {}).get("UtilizationPercentage")
    if percentage:
        yield name, float(percentage)


def _period(month: Window) -> dict[str, Any]:
    return {"Start": f"{month.start:%Y-%m-%d}", "End": f"{month.end:%Y-%m-%d}"}


BENEFITS = Stream(
    name="benefits",
    title="utilization of commitments",
    table="metrics",
    divided="month",
    permissions=("ce:GetReservationUtilization", "ce:GetSavingsPlansUtilizationDetails"),
    plan=plan,
    fetch=fetch,
    reach_days=62,
    restates_days=RESTATED_DAYS,
)
