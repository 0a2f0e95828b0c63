"""The resource manager: lists page by page, and queries of Resource Graph, which shows what there is in all subscriptions.

Resource Graph gives what the credentials may read and leaves out the rest without a word: `denied` says what that is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from connectors.azure.session import Connection, text_of
from finops.errors import SourceError

GRAPH = "Microsoft.ResourceGraph/resources/read"
MOST_ROWS = 1000
"""Rows of one page (azure-mgmt-resourcegraph 8.0.1, QueryRequestOptions.top)."""

PERMISSIONS_VERSION = "2022-04-01"
COLUMNS = "id, name, type, kind, location, subscriptionId, managedBy, sku, zones, tags, properties"
SUBSCRIPTIONS = (
    "resourcecontainers | where type =~ 'microsoft.resources/subscriptions'"
    " | project id, subscriptionId, properties | order by id asc"
)


@dataclass(slots=True)
class Pages:
    """Which page comes next. Raises SourceError where one comes twice or lies elsewhere: it would get a token."""

    connection: Connection
    where: str
    what: str
    following: str = ""
    more: bool = True
    links: bool = True  # what leads to the next page is an address
    _seen: set[str] = field(default_factory=set)

    def turn(self, following: object) -> None:
        self.following = str(following or "")
        if self.links and self.following.startswith("/providers/"):  # Billing leaves out where it is
            self.following = f"{self.connection.settings.management_endpoint}{self.following}"
        self.more = bool(self.following)
        elsewhere = self.links and not self.following.startswith(f"{self.connection.settings.management_endpoint}/")
        if self.more and (self.following in self._seen or elsewhere):
            what = f"{self.what} answered with one page token twice, or with a page elsewhere"
            raise SourceError(what, where=self.where, hint="run the load again")
        self._seen.add(self.following)


def costs(connection: Connection) -> Any:
    """The client of Cost Management."""
    from azure.mgmt.costmanagement import CostManagementClient

    def make(**options: Any) -> Any:
        return CostManagementClient(**options, **_place(connection))

    return connection.client("costs", make)


def reservations(connection: Connection) -> Any:
    """The client of reservations."""
    from azure.mgmt.reservations import ReservationsMgmtClient

    def make(**options: Any) -> Any:
        return ReservationsMgmtClient(**options, **_place(connection))

    return connection.client("reservations", make)


def paged(
    connection: Connection, operation: str, permission: str, where: str, ask: Callable[[], Any]
) -> Iterator[dict[str, Any]]:
    """The elements of a list of an SDK's client. Raises as `Connection.get` does."""
    pages = Pages(connection, f"{connection.settings.management_endpoint}/{where.strip('/')}", operation)

    def page() -> tuple[list[dict[str, Any]], Any]:
        found = ask().by_page(pages.following or None)
        return [dict(item.as_dict()) for item in next(found, ())], found.continuation_token

    while pages.more:
        items, following = connection.called(operation, permission, pages.where, page)
        yield from items
        pages.turn(following)


def listed(
    connection: Connection, operation: str, permission: str, path: str, version: str, **parameters: str
) -> Iterator[dict[str, Any]]:
    """The elements of a list of the resource manager, for which no SDK is a dependency."""
    url = f"{connection.settings.management_endpoint}/{path.strip('/')}"
    pages, asked = Pages(connection, url, operation), {"api-version": version, **parameters}
    while pages.more:
        page = one(connection, operation, permission, pages.following or url, **asked)
        yield from page.get("value", ())
        pages.turn(page.get("nextLink"))
        asked = {}


def one(connection: Connection, operation: str, permission: str, url: str, **parameters: str) -> dict[str, Any]:
    """One document. `url`: whole, or a path of the resource arm."""
    endpoint = connection.settings.management_endpoint
    url = url if url.startswith(f"{endpoint}/") else f"{endpoint}/{url.strip('/')}"
    scope = f"{endpoint}/.default"
    found: dict[str, Any] = connection.get(
        operation, permission, url, scope=scope, parameters=parameters, read=lambda answer: json.loads(answer.text())
    )
    return found


def found(connection: Connection, query: str, *, everywhere: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of a query of Resource Graph, in the subscriptions that are set, or in all that may be read.

    Raises SourceError where the rows are cut off: a query must project `id` and be ordered for its pages to be had.
    """
    from azure.mgmt.resourcegraph import models

    pages = Pages(connection, connection.settings.management_endpoint, "Resource Graph", links=False)
    only = None if everywhere else list(connection.settings.subscriptions) or None

    def ask() -> str:
        options = models.QueryRequestOptions(skip_token=pages.following or None, top=MOST_ROWS, result_format="objectArray")
        request = models.QueryRequest(query=query, subscriptions=only, options=options)
        return _graph(connection).resources(request, cls=text_of)  # type: ignore[no-any-return]

    while pages.more:
        answer = json.loads(connection.called("resourcegraph:Resources", GRAPH, pages.where, ask))
        yield from answer["data"]
        pages.turn(answer.get("$skipToken"))
        if answer.get("resultTruncated") == "true" and not pages.more:
            raise SourceError("Resource Graph cut its answer off", where=pages.where, hint="run the load again")


def of_type(connection: Connection, kind: str, table: str = "resources", columns: str = COLUMNS) -> list[dict[str, Any]]:
    """Every resource of a type, asked once."""
    query = f"{table} | where type =~ '{kind.lower()}' | project {columns} | order by id asc"
    return connection.once(query, lambda: list(found(connection, query)))


def subscriptions(connection: Connection) -> Sequence[str]:
    """The subscriptions that are set, or else those that the credentials may read."""
    if connection.settings.subscriptions:
        return connection.settings.subscriptions
    return [str(row["subscriptionId"]) for row in _subscriptions(connection)]


def below(connection: Connection, group: str) -> list[str]:
    """The subscriptions of a management group, at any depth, that may be read."""

    def inside(row: dict[str, Any]) -> bool:
        chain = (row.get("properties") or {}).get("managementGroupAncestorsChain") or ()
        return any(str(entry.get("name", "")).lower() == group.lower() for entry in chain)

    return sorted(str(row["subscriptionId"]) for row in _subscriptions(connection) if inside(row))


def _subscriptions(connection: Connection) -> list[dict[str, Any]]:
    return connection.once(SUBSCRIPTIONS, lambda: list(found(connection, SUBSCRIPTIONS, everywhere=True)))


def denied(connection: Connection, permission: str) -> list[str]:
    """The subscriptions in which the credentials lack an action, by what Azure itself says that they may."""

    def lacking(subscription: str) -> bool:
        path = f"subscriptions/{subscription}/providers/Microsoft.Authorization/permissions"
        granted = connection.once(
            path,
            lambda: list(listed(connection, "authorization:Permissions", permission, path, PERMISSIONS_VERSION)),
        )
        return not any(_allows(entry, permission) for entry in granted)

    return [subscription for subscription in subscriptions(connection) if lacking(subscription)]


def _allows(entry: dict[str, Any], permission: str) -> bool:
    """Of one role: an action that matches, and no exception that does. Azure compares without regard to case."""

    def among(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(permission.lower(), pattern.lower()) for pattern in patterns)

    return among(entry.get("actions") or ()) and not among(entry.get("notActions") or ())


def _graph(connection: Connection) -> Any:
    from azure.mgmt.resourcegraph import ResourceGraphClient

    def make(**options: Any) -> Any:
        return ResourceGraphClient(**options, **_place(connection))

    return connection.client("graph", make)


def _place(connection: Connection) -> dict[str, Any]:
    endpoint = connection.settings.management_endpoint
    return {"base_url": endpoint, "credential_scopes": [f"{endpoint}/.default"]}
