"""The smallest read-only call that needs a permission, for `finops doctor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from connectors.gcp import storage
from connectors.gcp.catalog import PUBLIC
from connectors.gcp.catalog import probe as listed
from connectors.gcp.exports import described
from connectors.gcp.inventory import reports
from connectors.gcp.price_table import newest, priced
from connectors.gcp.recommendations import probe as recommended
from connectors.gcp.recommendations import recommenders
from connectors.gcp.resources import PROJECT
from connectors.gcp.results import CREATE, READ, Result, opened, streamed, usable
from connectors.gcp.rpc import LIST_ASSETS, Method, pages
from connectors.gcp.series import LIST as LIST_SERIES
from connectors.gcp.series import STORED_BYTES, Aggregation, asked
from connectors.gcp.session import Connection, Query
from finops.errors import SourceError
from finops.window import Window

HOUR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC))
NEVER = date(2100, 1, 1)
"""No partition is so late: a query from then on reads nothing, and is billed for nothing."""


def _described(connection: Connection, table: str) -> None:
    connection.table(table)


def _nothing(connection: Connection, table: str) -> Query:
    """A query that reads no partition."""
    if table in connection.settings.pricing_exports:
        return newest(priced(connection, table), NEVER)
    return described(connection, table).changes(NEVER)


def _dry(connection: Connection, table: str) -> None:
    """A dry run needs the right to run queries, and costs nothing."""
    connection.bytes(_nothing(connection, table))


def _read(connection: Connection, table: str) -> None:
    query = _nothing(connection, table)
    for _ in connection.rows(query):
        return


def _one(connection: Connection, table: str) -> Result:
    """A result of one row, of no table: nothing is billed for it."""
    query = Query("select 1 as one", (), str(connection.table(table).location), table)
    return Result(connection.run(query), table)


def _session(connection: Connection, table: str) -> None:
    if usable(connection):
        opened(connection, _one(connection, table))


def _streamed(connection: Connection, table: str) -> None:
    if usable(connection):
        for _ in streamed(connection, _one(connection, table)):
            return


def _first(connection: Connection, method: Method, request: Mapping[str, Any], where: str) -> None:
    for _ in pages(connection, method, {**request, "page_size": 1}, where):
        return


def _assets(connection: Connection) -> None:
    for scope in connection.scopes():
        request = {"parent": scope, "asset_types": [PROJECT], "content_type": "RESOURCE"}
        _first(connection, LIST_ASSETS, request, scope)


def _series(connection: Connection) -> None:
    request = asked(connection.project, STORED_BYTES, Aggregation("ALIGN_MEAN", 3600), HOUR)
    _first(connection, LIST_SERIES, request, connection.project)


def _listed(connection: Connection) -> None:
    for uri in connection.settings.inventories:
        next(storage.listing(connection, *storage.location(uri, "inventories")), None)


def _content(connection: Connection) -> None:
    """The first bytes of a manifest."""
    for uri in connection.settings.inventories:
        for manifest, *_ in list(reports(connection, uri).values())[:1]:
            next(storage.content(connection, manifest, 0), None)


CALLS: Mapping[str, Callable[[Connection], None]] = {
    LIST_ASSETS.permission: _assets,
    LIST_SERIES.permission: _series,
    PUBLIC: listed,
    storage.LIST: _listed,
    storage.GET: _content,
    **{each.permission: partial(recommended, permission=each.permission) for each in recommenders()},
}
OF_A_TABLE: Mapping[str, Callable[[Connection, str], None]] = {
    "bigquery.tables.get": _described,
    "bigquery.jobs.create": _dry,
    "bigquery.tables.getData": _read,
    CREATE.permission: _session,
    READ: _streamed,
}
PERMISSIONS = frozenset((*OF_A_TABLE, *CALLS))


def probe(connection: Connection, permission: str) -> None:
    """Raises AccessError where the permission is missing, SourceError or RetriableError where it cannot be tried."""
    if permission in CALLS:
        CALLS[permission](connection)
    elif permission in OF_A_TABLE:
        for table in (*connection.settings.billing_exports, *connection.settings.pricing_exports):
            OF_A_TABLE[permission](connection, table)
    else:
        raise SourceError(f"`{permission}` cannot be tried")
