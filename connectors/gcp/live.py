"""Google Cloud as a live source: its settings, its streams, and how a permission is tried."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from connectors.gcp.catalog import PRICES
from connectors.gcp.commitments import COMMITMENTS
from connectors.gcp.exports import BILLING
from connectors.gcp.inventory import OBJECTS
from connectors.gcp.lifecycle import LIFECYCLE
from connectors.gcp.price_table import PRICE_TABLE
from connectors.gcp.probes import probe
from connectors.gcp.recommendations import ADVICE
from connectors.gcp.resources import inventory
from connectors.gcp.resources_compute import COMPUTE
from connectors.gcp.resources_services import SERVICES
from connectors.gcp.session import Connection
from connectors.gcp.settings import GcpSettings
from connectors.gcp.utilization import UTILIZATION
from finops.connect import Connector, Counts

STREAMS = (BILLING, UTILIZATION, inventory((*COMPUTE, *SERVICES)), OBJECTS, COMMITMENTS, PRICES, PRICE_TABLE, ADVICE)


def connect(settings: GcpSettings, counts: Counts) -> Connection:
    """Raises ImportError without the SDK. Its packages are imported by what needs them: all of them are a hundred megabytes."""
    import google.auth  # noqa: F401

    for name in ("asset_v1", "bigquery", "bigquery_storage_v1", "billing_v1", "monitoring_v3", "recommender_v1", "storage"):
        if find_spec(f"google.cloud.{name}") is None:
            raise ImportError(f"no google.cloud.{name}", name=f"google.cloud.{name}")
    for name in ("google", "urllib3"):  # they log what is raised to us anyway
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return Connection(settings, counts)


CONNECTOR = Connector(
    name="gcp",
    title="Google Cloud",
    package="connectors.gcp",
    settings=GcpSettings,
    open=connect,
    streams=STREAMS,
    probe=probe,
    lifecycle=LIFECYCLE,
    signs=("GOOGLE_APPLICATION_CREDENTIALS", "~/.config/gcloud/application_default_credentials.json"),
)
