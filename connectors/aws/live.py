"""AWS as a live source: its streams, and how a permission is tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.aws.exports import BILLING, listable, readable
from connectors.aws.session import Connection
from connectors.aws.settings import AwsSettings
from connectors.aws.totals import TOTALS, reachable
from connectors.aws.utilization import UTILIZATION, asked, listed
from finops.connect import Connector, Counts

STREAMS = (BILLING, TOTALS, UTILIZATION)


def connect(settings: AwsSettings, counts: Counts) -> Connection:
    """Raises ImportError without the SDK."""
    import boto3  # noqa: F401

    return Connection(settings, counts)


PROBES: Mapping[str, Callable[[Connection], object]] = {
    "s3:ListBucket": listable,
    "s3:GetObject": readable,
    "ce:GetCostAndUsage": reachable,
    "cloudwatch:ListMetrics": listed,
    "cloudwatch:GetMetricData": asked,
    "ec2:DescribeRegions": lambda connection: connection.call("ec2", "DescribeRegions"),
}
"""Permission → the smallest read-only call that needs it."""


def probe(connection: Connection, permission: str) -> None:
    """Raises AccessError where the permission is missing."""
    PROBES[permission](connection)


CONNECTOR = Connector(
    name="aws",
    title="Amazon Web Services",
    package="connectors.aws",
    settings=AwsSettings,
    open=connect,
    streams=STREAMS,
    probe=probe,
)
