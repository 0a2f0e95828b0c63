"""AWS as a live source: its settings, its streams, and how a permission is tried."""

from __future__ import annotations

import logging

from connectors.aws.benefits import BENEFITS
from connectors.aws.commitments import COMMITMENTS
from connectors.aws.costs import COSTS
from connectors.aws.explorer import EXPLORER
from connectors.aws.exports import BILLING
from connectors.aws.hub import ADVICE
from connectors.aws.lifecycle import LIFECYCLE
from connectors.aws.objects import OBJECTS
from connectors.aws.optimizer import OPTIMIZER
from connectors.aws.prices import PRICES
from connectors.aws.probes import probe
from connectors.aws.resources import inventory
from connectors.aws.resources_data import DATA
from connectors.aws.resources_ec2 import EC2
from connectors.aws.resources_services import SERVICES
from connectors.aws.session import Connection
from connectors.aws.settings import AwsSettings
from connectors.aws.spot import SPOT, SPOT_BANDS
from connectors.aws.totals import TOTALS
from connectors.aws.utilization import UTILIZATION
from finops.connect import Connector, Counts

RESOURCES = inventory((*EC2, *SERVICES, *DATA))
STREAMS = (
    BILLING, COSTS, TOTALS, UTILIZATION, RESOURCES, OBJECTS, COMMITMENTS, BENEFITS, PRICES, SPOT, SPOT_BANDS, ADVICE,
    OPTIMIZER, EXPLORER,
)  # fmt: skip


def connect(settings: AwsSettings, counts: Counts) -> Connection:
    """Raises ImportError without the SDK."""
    import boto3  # noqa: F401

    logging.getLogger("botocore").setLevel(logging.ERROR)  # it logs tracebacks of what is raised to us anyway
    return Connection(settings, counts)


CONNECTOR = Connector(
    name="aws",
    title="Amazon Web Services",
    package="connectors.aws",
    settings=AwsSettings,
    open=connect,
    streams=STREAMS,
    probe=probe,
    lifecycle=LIFECYCLE,
    signs=(
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "~/.aws/credentials",
        "~/.aws/config",
    ),
)
