"""Calls of Google's services that speak gRPC: clients made once, patience that keeps to what is told, pages with an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from connectors.gcp.failures import errors, later, unsigned
from connectors.gcp.session import Connection
from connectors.gcp.settings import GcpSettings
from finops.errors import SourceError

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Method:
    """A call. `permission`: what it needs; `service`: also the name of its setting in `endpoint_urls`."""

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
    """One page."""
    call = getattr(client(connection, method), method.name)

    def page() -> Any:
        pager = call(request=dict(request), retry=None, timeout=connection.settings.timeout_s)
        found = next(iter(pager.pages))
        return type(found).pb(found)

    return Patience(connection.settings).call(page)


class Patience:
    """What may succeed later is asked again, after as long as the answer says, else after ever longer."""

    def __init__(self, settings: GcpSettings) -> None:
        self._left, self._wait = settings.retries, FIRST_WAIT_S
        self._end = time.monotonic() + settings.timeout_s

    def call(self, once: Callable[[], Any]) -> Any:
        """What it gives, once it gives something. Raises the SDK's errors."""
        from google.api_core.exceptions import GoogleAPICallError

        while True:
            try:
                return once()
            except GoogleAPICallError as error:
                self.after(error)

    def after(self, error: Any) -> None:
        """Wait until the next attempt. Raises the error where it is the last one's, or where nothing would change."""
        pause = _told(error, self._wait)
        if not self._left or time.monotonic() + pause > self._end or not later(error) or unsigned(error):
            raise error
        self._left, self._wait = self._left - 1, min(2 * self._wait, LONGEST_WAIT_S)
        time.sleep(pause)


def _told(error: Any, otherwise: float) -> float:
    """Seconds to wait: google.rpc.RetryInfo is what Retry-After is elsewhere."""
    delays = [each.retry_delay for each in error.details if hasattr(each, "retry_delay")]
    return delays[0].seconds + delays[0].nanos / 1e9 if delays else otherwise


def client(connection: Connection, method: Method) -> Any:
    """The client of a service, made once a connection. Errors are the SDK's."""

    def made() -> Any:
        kind = getattr(import_module(method.package), method.client)
        endpoint = connection.settings.endpoint_urls.get(method.service)
        host = endpoint.removeprefix("https://").rstrip("/") if endpoint else None
        return kind(
            credentials=connection.credentials(), transport="grpc", client_options={"api_endpoint": host} if host else None
        )

    return connection.kept(f"{method.service} {method.client}", made)
