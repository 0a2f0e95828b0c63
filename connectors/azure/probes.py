"""The smallest read-only call that needs a permission, for `finops doctor`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.azure import blob
from connectors.azure.exports import location, newest
from connectors.azure.prices import PUBLIC, items
from connectors.azure.session import Connection
from connectors.azure.totals import QUERY, definition
from finops.errors import SourceError


def probe(connection: Connection, permission: str) -> None:
    """Raises AccessError where the permission is missing, SourceError or RetriableError where it cannot be tried."""
    if permission == blob.READ:
        _exports(connection)
    elif permission == QUERY:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        for scope in connection.settings.scopes:
            for _ in connection.queries(scope, definition("ActualCost", start, start + timedelta(days=1)), QUERY):
                break
    elif permission == PUBLIC:
        for region in connection.settings.regions[:1]:
            next(items(connection, region), None)
    else:
        raise SourceError(f"`{permission}` is not tried", hint="this is a defect of finops")


def _exports(connection: Connection) -> None:
    """Each folder is listed, and the first bytes of one manifest are read."""
    for uri in connection.settings.exports:
        container, _ = location(uri)
        for run in list(newest(connection, uri).values())[-1:]:
            for _ in blob.content(connection, container, run.manifest, 0):
                break
