"""Azure as a live source: its settings, its streams, and how a permission is tried."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from connectors.azure.commitments import BENEFITS, COMMITMENTS
from connectors.azure.exports import BILLING
from connectors.azure.inventory import OBJECTS
from connectors.azure.invoices import STREAM as INVOICES
from connectors.azure.lifecycle import LIFECYCLE
from connectors.azure.opinions import ADVICE
from connectors.azure.prices import PRICES
from connectors.azure.probes import probe
from connectors.azure.resources import inventory
from connectors.azure.resources_caches import CACHES
from connectors.azure.resources_compute import COMPUTE
from connectors.azure.resources_ml import ML
from connectors.azure.resources_services import HOSTED
from connectors.azure.session import Connection
from connectors.azure.settings import AzureSettings
from connectors.azure.spot import SPOT_BANDS
from connectors.azure.totals import TOTALS
from connectors.azure.utilization import UTILIZATION
from finops.connect import Connector, Counts

STREAMS = (
    BILLING, TOTALS, INVOICES, UTILIZATION, inventory((*COMPUTE, *HOSTED, *CACHES, *ML)), OBJECTS, COMMITMENTS, BENEFITS,
    PRICES, SPOT_BANDS, ADVICE,
)  # fmt: skip


def connect(settings: AzureSettings, counts: Counts) -> Connection:
    """Raises ImportError without the SDK. Its packages are imported by what needs them."""
    import azure.identity  # noqa: F401

    for name in ("mgmt.costmanagement", "mgmt.reservations", "mgmt.resourcegraph", "monitor.querymetrics", "storage.blob"):
        if find_spec(f"azure.{name}") is None:
            raise ImportError(f"no azure.{name}", name=f"azure.{name}")
    for name in ("azure", "msal", "urllib3"):  # they log what is raised to us anyway
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return Connection(settings, counts)


CONNECTOR = Connector(
    name="azure",
    title="Microsoft Azure",
    package="connectors.azure",
    settings=AzureSettings,
    open=connect,
    streams=STREAMS,
    probe=probe,
    lifecycle=LIFECYCLE,
    signs=("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "~/.azure/azureProfile.json"),
)
