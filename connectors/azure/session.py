"""The connection to Azure: signed calls that are counted, errors that name the permission."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import Any, TypeVar

from connectors.azure.failures import errors
from connectors.azure.patience import patience
from connectors.azure.settings import AzureSettings
from finops.connect import Counts

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Credential:
    """The SDK's default chain for the tenant that is set. It remembers the tokens that it gave: no message may hold one."""

    settings: AzureSettings
    given: set[str] = field(default_factory=set)
    _chain: Any = None

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """As `azure.core.credentials.TokenCredential` has it."""
        if self._chain is None:
            self._chain = self._made()
        if self.settings.tenant_id:
            options["tenant_id"] = self.settings.tenant_id
        token = self._chain.get_token(*scopes, **options)
        self.given.add(token.token)
        return token

    def _made(self) -> Any:
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential(
            authority=self.settings.authority,
            disable_instance_discovery=self.settings.private_authority,
            managed_identity_client_id=self.settings.managed_identity_client_id,
            additionally_allowed_tenants=[self.settings.tenant_id] if self.settings.tenant_id else [],
            retry_total=self.settings.retries - 1,
        )


@dataclass(slots=True)
class Connection:
    """One source. Clients are made when first used, and shared by threads."""

    settings: AzureSettings
    counts: Counts
    credential: Credential = field(init=False)
    _clients: dict[str, Any] = field(default_factory=dict)
    _known: dict[Hashable, Any] = field(default_factory=dict)
    _asking: dict[Hashable, Lock] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self.credential = Credential(self.settings)

    def get(
        self,
        operation: str,
        permission: str,
        url: str,
        *,
        scope: str = "",
        parameters: Mapping[str, str] | None = None,
        read: Callable[[Any], Answer],
    ) -> Answer:
        """One GET, signed where a scope is given, and what `read` makes of its answer.

        Raises AccessError (names the permission), RetriableError, SourceError.
        """
        from azure.core.rest import HttpRequest

        with errors(permission, _place(url), self.secrets):
            request = HttpRequest("GET", url, params=dict(parameters or {}))
            client = self._client(scope)
            self.counts(operation, 1)
            answer = client.send_request(request)
            answer.raise_for_status()
            return read(answer)

    def called(self, operation: str, permission: str, where: str, call: Callable[[], Answer], units: int = 1) -> Answer:
        """One call of an SDK's client. Raises as `get` does."""
        with errors(permission, where, self.secrets):
            self.counts(operation, units)
            return call()

    def client(self, name: str, make: Callable[..., Answer]) -> Answer:
        """The SDK's client of this name, made once: it signs as we do and keeps the waits that Azure asks for."""
        with self._lock:
            if name not in self._clients:
                self._clients[name] = make(credential=self.credential, **self.options())
            made: Answer = self._clients[name]
            return made

    def options(self) -> dict[str, Any]:
        """What every client of an SDK is made with, beside the credential."""
        seconds = self.settings.timeout_s
        return {"retry_policy": self.retry(), "connection_timeout": seconds, "read_timeout": seconds}

    def once(self, key: Hashable, ask: Callable[[], Answer]) -> Answer:
        """What was asked before is not asked again: threads that want the same wait for the first of them."""
        with self._lock:
            lock = self._asking.setdefault(key, Lock())
        with lock:
            if key not in self._known:
                self._known[key] = ask()
            found: Answer = self._known[key]
            return found

    def map(self, ask: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """Answers in the items' order, so many at once as the settings allow. The first error ends it."""
        with ThreadPoolExecutor(max_workers=self.settings.concurrency) as pool:
            return list(pool.map(ask, items))

    def _client(self, scope: str) -> Any:
        from azure.core import PipelineClient
        from azure.core.pipeline import policies

        with self._lock:
            if scope not in self._clients:
                chain: list[Any] = [policies.UserAgentPolicy("finops"), policies.ProxyPolicy(), self.retry()]
                if scope:
                    chain.append(policies.BearerTokenCredentialPolicy(self.credential, scope))
                seconds = self.settings.timeout_s
                self._clients[scope] = PipelineClient("", policies=chain, connection_timeout=seconds, read_timeout=seconds)
            return self._clients[scope]

    def retry(self) -> Any:
        """Attempts of each request, and the waits between them that Azure asks for."""
        return patience(self.settings.retries)

    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        named = ("AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD")
        return tuple(self.credential.given) + tuple(value for name in named if (value := os.environ.get(name)))


def text_of(pipeline: Any, *_: object) -> str:
    """The `cls` of an SDK's call that is to give the answer as it came: a float would lose digits of an amount."""
    return str(pipeline.http_response.text())


def _place(url: str) -> str:
    """An address without its query, which may hold a signature."""
    return url.partition("?")[0]
