"""The connection to a cluster's Prometheus and OpenCost: GET requests that are counted, bounded, and repeated."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import RLock
from typing import Any

from connectors.kubernetes.failures import LATER, answered, broken
from connectors.kubernetes.settings import KubernetesSettings
from finops.connect import Counts
from finops.errors import ConfigError, FinopsError

LONGEST_WAIT_S = 60.0
"""A server that asks for more is asked again by the next load."""

MOST_BYTES = 256 << 20
"""Of one answer: a query that brings more is one for a shorter range."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Stays(urllib.request.HTTPRedirectHandler):
    """An answer that points elsewhere is an error: a token is for the address that was set."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(slots=True)
class Connection:
    """One source. Shared by threads."""

    settings: KubernetesSettings
    counts: Counts
    known: dict[str, Any] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def get(self, base: str, path: str, operation: str, parameters: Mapping[str, str]) -> Any:
        """The answer's JSON. Raises AccessError (names the operation), RetriableError, SourceError, ConfigError."""
        url = f"{base.rstrip('/')}{path}?{urllib.parse.urlencode(parameters)}"
        for attempt in range(self.settings.retries):
            self.counts(operation)
            error, wait = self._once(url, operation)
            if not isinstance(error, FinopsError):
                return error
            if wait is None or attempt == self.settings.retries - 1:
                raise error
            time.sleep(min(wait if wait > 0 else 0.2 * 2**attempt, LONGEST_WAIT_S))
        raise AssertionError("there is at least one attempt")

    def _once(self, url: str, operation: str) -> tuple[Any, float | None]:
        """The document, or an error with the seconds after which to ask again (None: in vain, 0: as we like)."""
        where = url.partition("?")[0]
        request = urllib.request.Request(url, headers=self._headers(url))  # noqa: S310 — the setting allows http and https
        try:
            with self._opener().open(request, timeout=self.settings.timeout_s) as answer:
                text = answer.read(MOST_BYTES + 1)
                if len(text) > MOST_BYTES:
                    return ConfigError("an answer is larger than 256 MiB", where=where, hint="a larger metric_period_s"), None
                return json.loads(text), None
        except urllib.error.HTTPError as error:
            with error:
                found = answered(error.code, error.read(1 << 16), operation, where, self.secrets())
                return found, _asked(error.headers.get("Retry-After")) if error.code in LATER else None
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            return broken(error, operation, where), 0.0
        except ValueError:
            return answered(200, b"", operation, where, self.secrets()), None

    def _headers(self, url: str) -> dict[str, str]:
        headers = {"User-Agent": "finops", "Accept": "application/json"}
        if self.settings.tenant:
            headers["X-Scope-OrgID"] = self.settings.tenant
        token = self._token()
        if token:
            parts = urllib.parse.urlsplit(url)
            if parts.scheme != "https" and parts.hostname not in LOOPBACK:
                what = "a token would be sent without TLS"
                raise ConfigError(what, where=f"{parts.scheme}://{parts.netloc}", hint="an https address, or no token")
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _token(self) -> str:
        file = self.settings.token_file
        if not file:
            return os.environ.get(self.settings.token_variable, "").strip()
        try:
            return Path(file).read_text("utf-8").strip()
        except OSError as error:
            raise ConfigError(f"the token cannot be read ({error.strerror})", where=file, hint="token_file") from None

    def _opener(self) -> urllib.request.OpenerDirector:
        with self.lock:
            if "opener" not in self.known:
                try:
                    context = ssl.create_default_context(cafile=self.settings.ca_file)
                    if self.settings.client_certificate_file:
                        context.load_cert_chain(self.settings.client_certificate_file)
                except OSError as error:  # ssl.SSLError is one
                    what = f"a certificate cannot be read ({error.strerror or type(error).__name__})"
                    raise ConfigError(what, where="ca_file, client_certificate_file") from None
                https = urllib.request.HTTPSHandler(context=context)
                self.known["opener"] = urllib.request.build_opener(_Stays(), https)
            opener: urllib.request.OpenerDirector = self.known["opener"]
            return opener

    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        try:
            return (self._token(),)
        except ConfigError:
            return ()


def _asked(header: str | None) -> float:
    """Seconds of a Retry-After, which is a number or a date."""
    if not header:
        return 0.0
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return 0.0
