"""The smallest read-only call that needs a permission, for `finops doctor`.

Resource Graph leaves out what may not be read and says nothing: whether it may be is asked of Azure itself, which lists what
the credentials may do in a subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

from connectors.azure import arm, blob, commitments, invoices, opinions, reports
from connectors.azure.exports import exported
from connectors.azure.failures import NoCredentialsError
from connectors.azure.inventory import listings
from connectors.azure.prices import PRICES, PUBLIC, items, signs_in
from connectors.azure.session import Connection
from connectors.azure.totals import QUERY, definition, queries
from finops.errors import AccessError, SourceError
from finops.window import Window


def probe(connection: Connection, permission: str) -> None:
    """Raises AccessError where the permission is missing, SourceError or RetriableError where it cannot be tried."""
    try:
        _tried(connection, permission)
    except NoCredentialsError:
        if permission not in PRICES.permissions or signs_in(connection.settings):
            raise  # else public prices are all that the source is for


def _tried(connection: Connection, permission: str) -> None:
    if permission in CALLS:
        CALLS[permission](connection)
    elif permission.endswith("/read"):
        _granted(connection, permission)
    else:
        raise SourceError(f"`{permission}` is not tried", hint="this is a defect of finops")


def _granted(connection: Connection, permission: str) -> None:
    known = arm.subscriptions(connection)
    if not known:
        hint = "give the role at a subscription or a management group: finops doctor prints it"
        raise AccessError(f"{permission}: no subscription may be read", hint=hint)
    denied = arm.denied(connection, permission)
    if denied:
        what = f"{permission} is denied in {len(denied)} of {len(known)} subscriptions ({denied[0]})"
        raise AccessError(what, hint=f"allow `{permission}`: finops doctor prints the role")


def _blobs(connection: Connection) -> None:
    """Each folder is listed, and the first bytes of one manifest are read."""
    settings = connection.settings
    for uri, look in (*((uri, exported) for uri in settings.exports), *((uri, listings) for uri in settings.inventories)):
        for run in list(look(connection, uri).values())[-1:]:
            for _ in blob.content(connection, run.container, run.manifest, 0):
                break


def _query(connection: Connection) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for scope in connection.settings.scopes:
        next(queries(connection, scope, definition("ActualCost", start, start + timedelta(days=1))))


def _prices(connection: Connection) -> None:
    for region in connection.settings.regions[:1]:
        next(items(connection, region), None)


def _graph(connection: Connection) -> None:
    next(arm.found(connection, arm.SUBSCRIPTIONS), None)


def _reservations(connection: Connection) -> None:
    next(commitments.reservations(connection), None)


def _orders(connection: Connection) -> None:
    found = next(commitments.reservations(connection), None)
    if found:
        commitments.order_of(connection, found)


def _plans(connection: Connection) -> None:
    next(commitments.savings_plans(connection), None)


def _use(connection: Connection) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    for part in commitments.plan_use(connection, Window(day, day + timedelta(days=1))):
        next(commitments.summaries(connection, part.handle, Window(day, day + timedelta(days=1))), None)


def _invoices(connection: Connection) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    for part in invoices.plan(connection, Window(day, day + timedelta(days=31))):
        next(invoices.invoices(connection, part.handle, Window(day, day + timedelta(days=31))), None)


def _transactions(connection: Connection) -> None:
    """Of the newest invoice of the last quarter that was: one that is not there has no transactions to refuse."""
    now = datetime.now(UTC)
    window = Window(now - timedelta(days=92), now)
    for part in invoices.plan(connection, window):
        for found in list(invoices.invoices(connection, part.handle, window))[-1:]:
            next(invoices.transactions(connection, part.handle, str(found["name"])), None)


def _generated(connection: Connection) -> None:
    """A report of one day is asked for, and not waited for."""
    if not connection.settings.exports:
        day = date(2026, 1, 1)
        for scope in connection.settings.scopes:
            reports.begin(connection, reports.Report(scope.strip("/"), reports.KINDS[0], day, day), polling=False)


def _recommended(connection: Connection) -> None:
    for scope in connection.settings.scopes:
        next(opinions.plans(connection, scope.strip("/"), "P3Y"), None)


CALLS: Mapping[str, Callable[[Connection], None]] = {
    blob.READ: _blobs,
    QUERY: _query,
    PUBLIC: _prices,
    arm.GRAPH: _graph,
    commitments.RESERVATIONS: _reservations,
    commitments.ORDERS: _orders,
    commitments.PLANS: _plans,
    commitments.USE: _use,
    opinions.BENEFITS: _recommended,
    reports.GENERATE: _generated,
    invoices.INVOICES: _invoices,
    invoices.TRANSACTIONS: _transactions,
}
"""Permission → the call that needs it, where the permission is not one of a subscription's resources."""
