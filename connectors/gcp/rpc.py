"""Calls of Google's services that speak gRPC: clients made once, patience that keeps to what is told, pages with an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from connectors.gcp.failures import errors, later, unsigned
from connectors.gcp.session import Connection
from finops.errors import SourceError

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Method:
    """A listing. `permission`: what it needs; `service`: also the name of its setting in `endpoint_urls`."""

    service: str
    package: str
    client: str
    name: str
    permission: str


LIST_ASSETS = Method(
    "cloudasset", "google.cloud.asset_v1", "AssetServiceClient", "list_assets", "cloudasset.assets.listResource"
)


def pages(
    connection: Connection,
    method: Method,
    request: Mapping[str, Any],
    where: str,
    *,
    permission: str = "",
    units: Callable[[Any], int] = lambda _: 1,
) -> Iterator[Any]:
    """Every page as the protocol's own message. `units`: what a page is charged for. Raises SourceError: a token came twice."""
    permission = permission or method.permission
    asked = dict(request)
    seen: set[str] = set()
    while True:
        with errors(permission, where, connection.secrets):
            page = _answered(connection, method, asked)
        connection.counts(permission, units(page))
        following = page.next_page_token
        yield page
        del page  # a page of points is twenty megabytes: it is let go before the next one is asked for
        if not following:
            return
        if following in seen:
            what = f"{permission} answered with one page token twice: its pages have no end"
            raise SourceError(what, where=where, hint="run the load again")
        seen.add(following)
        asked["page_token"] = following


def _answered(connection: Connection, method: Method, request: Mapping[str, Any]) -> Any:
    """One page. What may succeed later is asked again, after as long as the answer says, else after ever longer."""
    from google.api_core.exceptions import GoogleAPICallError

    call = getattr(_client(connection, method), method.name)
    end = time.monotonic() + connection.settings.timeout_s
    wait = FIRST_WAIT_S
    for attempt in range(connection.settings.retries + 1):
        try:
            pager = call(request=dict(request), retry=None, timeout=connection.settings.timeout_s)
            page = next(iter(pager.pages))
            return type(page).pb(page)
        except GoogleAPICallError as error:
            pause = _told(error, wait)
            last = attempt == connection.settings.retries or time.monotonic() + pause > end
            if last or not later(error) or unsigned(error):
                raise
        time.sleep(pause)
        wait = min(2 * wait, LONGEST_WAIT_S)
    raise AssertionError("the last attempt returns or raises")


def _told(error: Any, otherwise: float) -> float:
    """Seconds to wait: google.rpc.RetryInfo is what Retry-After is elsewhere."""
    delays = [each.retry_delay for each in error.details if hasattr(each, "retry_delay")]
    return delays[0].seconds + delays[0].nanos / 1e9 if delays else otherwise


def _client(connection: Connection, method: Method) -> Any:
    def made() -> Any:
        kind = getattr(import_module(method.package), method.client)
        endpoint = connection.settings.endpoint_urls.get(method.service)
        host = endpoint.removeprefix("https://").rstrip("/") if endpoint else None
        return kind(
            credentials=connection.credentials(), transport="grpc", client_options={"api_endpoint": host} if host else None
        )

    return connection.kept(f"{method.service} {method.client}", made)
