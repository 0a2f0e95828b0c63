"""What Google's contract servers over REST have in common: sign-in, methods held against their description, faults.

A subclass of `Rest` names its methods (verb, path with {places}, parameters) and answers each in a function of its own:
`_tables_get` answers `bigquery.tables.get`. What breaks the description is answered 400 and kept in `violations`.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.live.faults import Answering, Fault, Reset

TOKEN = "ya29.SECRETACCESSTOKENMATERIAL"
IMPERSONATED = "ya29.IMPERSONATEDSECRETMATERIAL"
EVERYWHERE = {"alt", "fields", "key", "prettyPrint", "quotaUser"}
"""Parameters of every method (the discovery documents' own)."""


@dataclass(kw_only=True)
class State:
    """What a server was asked, and what it does wrong: `fail` puts faults before a method."""

    url: str = ""
    faults: dict[str, list[Fault | Reset]] = field(default_factory=lambda: defaultdict(list))
    asked: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, method: str, *faults: Fault | Reset) -> None:
        self.faults[method] += faults


class Refused(Exception):
    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class Rest(Answering):
    methods: ClassVar[dict[str, tuple[str, str, set[str]]]] = {}
    prefix: ClassVar[str] = "/"
    broken: ClassVar[tuple[type[Exception], ...]] = (ValueError, KeyError)

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path == "/token" or path.endswith(":generateAccessToken"):
            return self._token(path, body)
        try:
            method, given, parameters = self._understood(path, query)
        except ValueError as error:
            self.state.violations.append(f"{self.command} {self.path}: {error}")
            return self._send(400, {"error": {"code": 400, "message": str(error)}})
        with self.state.lock:
            self.state.asked[method] += 1
            waiting = self.state.faults.get(method)
            fault = waiting.pop(0) if waiting else None
        if isinstance(fault, Fault):
            return self._refuse(fault.status, fault.code, fault.message, dict(fault.headers))
        try:
            answer = getattr(self, f"_{method.rpartition('.')[0].rpartition('.')[2]}_{method.rpartition('.')[2]}")(
                given, parameters, body
            )
        except Refused as error:
            return self._refuse(error.status, error.reason, str(error), {})
        except self.broken as error:
            self.state.violations.append(f"{method}: {error!r}")
            return self._refuse(400, "invalid", str(error), {})
        return self._send(200, answer, cut=isinstance(fault, Reset))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def _understood(self, path: str, query: str) -> tuple[str, dict[str, str], dict[str, str]]:
        if self.headers.get("Authorization") not in (f"Bearer {TOKEN}", f"Bearer {IMPERSONATED}"):
            raise ValueError("no token that was given out")
        parameters = dict(urllib.parse.parse_qsl(query))
        for method, (verb, pattern, known) in self.methods.items():
            found = re.fullmatch(self.prefix + re.sub(r"\{(\w)\}", r"(?P<\1>[^/]+)", pattern), path)
            if found and verb == self.command:
                if unknown := parameters.keys() - known - EVERYWHERE:
                    raise ValueError(f"{method} has no parameter {sorted(unknown)}")
                return method, {name: urllib.parse.unquote(value) for name, value in found.groupdict().items()}, parameters
        raise ValueError("no method has this path")

    def _token(self, path: str, body: bytes) -> None:
        self.state.asked[path.rpartition(":")[2].strip("/")] += 1
        waiting = self.state.faults.get("token")
        if waiting:
            fault = waiting.pop(0)
            assert isinstance(fault, Fault)
            return self._send(fault.status, {"error": fault.code, "error_description": fault.message})
        if path == "/token":
            assert b"jwt-bearer" in body
            return self._send(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
        assert self.headers.get("Authorization") == f"Bearer {TOKEN}"
        return self._send(200, {"accessToken": IMPERSONATED, "expireTime": "2100-01-01T00:00:00Z"})

    def _refuse(self, status: int, reason: str, message: str, headers: dict[str, str]) -> None:
        wrong = {"reason": reason, "message": message, "domain": "global"}
        self._send(status, {"error": {"code": status, "message": message, "errors": [wrong]}}, headers)

    def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.answer(status, content, {"Content-Type": "application/json", **(headers or {})}, cut=cut)
