"""A cluster as a live source: its settings, its streams, and how a permission is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.kubernetes.allocation import ALLOCATION, ALLOCATIONS, PATH
from connectors.kubernetes.inventory import INVENTORY
from connectors.kubernetes.prometheus import QUERY, instant, ranged
from connectors.kubernetes.session import Connection
from connectors.kubernetes.settings import KubernetesSettings
from connectors.kubernetes.utilization import UTILIZATION
from finops.connect import Connector
from finops.window import Window

STREAMS = (UTILIZATION, ALLOCATIONS, INVENTORY)
THEN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = Window(THEN, THEN + timedelta(hours=1))


def probe(connection: Connection, permission: str) -> None:
    """Raises AccessError where the permission is missing, SourceError or RetriableError where it cannot be tried."""
    if permission == ALLOCATION:
        asked = {"window": "10m", "aggregate": "cluster", "resolution": "10m"}
        connection.get(connection.settings.opencost_url or "", PATH, ALLOCATION, asked)
    elif permission == QUERY:
        instant(connection, "up", THEN)
    else:
        ranged(connection, "up", HOUR, 3600)


CONNECTOR = Connector(
    name="kubernetes",
    title="Kubernetes (Prometheus, OpenCost)",
    package="connectors.kubernetes",
    settings=KubernetesSettings,
    open=Connection,
    streams=STREAMS,
    probe=probe,
    signs=("FINOPS_PROMETHEUS_TOKEN",),
)
