"""The smallest read-only call that needs a permission, for `finops doctor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from connectors.gcp.exports import described
from connectors.gcp.session import Connection
from finops.errors import SourceError

NEVER = date(2100, 1, 1)
"""No partition is so late: a query from then on reads nothing, and is billed for nothing."""


def _described(connection: Connection, table: str) -> None:
    connection.table(table)


def _dry(connection: Connection, table: str) -> None:
    """A dry run needs the right to run queries, and costs nothing."""
    connection.bytes(described(connection, table).changes(NEVER))


def _read(connection: Connection, table: str) -> None:
    query = described(connection, table).changes(NEVER)
    for _ in connection.pages(connection.run(query), query.where):
        return


CALLS: Mapping[str, Callable[[Connection, str], None]] = {
    "bigquery.tables.get": _described,
    "bigquery.jobs.create": _dry,
    "bigquery.tables.getData": _read,
}
PERMISSIONS = frozenset(CALLS)


def probe(connection: Connection, permission: str) -> None:
    """Raises AccessError where the permission is missing, SourceError or RetriableError where it cannot be tried."""
    if permission not in CALLS:
        raise SourceError(f"`{permission}` cannot be tried")
    for table in connection.settings.billing_exports:
        CALLS[permission](connection, table)
