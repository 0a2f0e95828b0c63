"""A contract server for Prometheus' HTTP API and OpenCost's allocation: requests held against their documentation.

Path, method, parameters, token, tenant, the order of times and the limit of 11,000 points a series are checked; what breaks
them is answered as Prometheus does (400) and kept in `violations`. Series are scripted by a word of the expression, which is
not executed.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from tests.live.faults import Answering, Fault, Reset, serving

TOKEN = "eyJhbGciOiJSUzI1NiJ9.SECRETSERVICEACCOUNT"
MOST = 11_000

PARAMETERS = {
    "/api/v1/query": {"query", "time", "timeout", "limit", "lookback_delta", "stats"},
    "/api/v1/query_range": {"query", "start", "end", "step", "timeout", "limit", "lookback_delta", "stats"},
    "/allocation/compute": {
        "window", "aggregate", "step", "resolution", "includeIdle", "idleByNode", "shareIdle", "accumulate",
        "includeProportionalAssetResourceCosts",
    },
}  # fmt: skip
"""https://prometheus.io/docs/prometheus/latest/querying/api/, https://www.opencost.io/docs/integrations/api (as of 2026-11)."""
NEEDED = {
    "/api/v1/query": {"query"},
    "/api/v1/query_range": {"query", "start", "end", "step"},
    "/allocation/compute": {"window"},
}
OPERATIONS = {
    "/api/v1/query": "prometheus:query",
    "/api/v1/query_range": "prometheus:query_range",
    "/allocation/compute": "opencost:allocation",
}

Value = Callable[[float], float | None]


@dataclass
class Prometheus:
    """The server's state. `series`: (word of the expression, labels, value at a time)."""

    url: str = ""
    token: str = ""
    tenant: str = ""
    series: list[tuple[str, Mapping[str, str], Value]] = field(default_factory=list)
    allocations: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault | Reset]] = field(default_factory=lambda: defaultdict(list))
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, word: str, value: Value | float, **labels: str) -> None:
        self.series.append((word, labels, value if callable(value) else lambda _: value))

    def fail(self, operation: str, *faults: Fault | Reset) -> None:
        self.faults[operation] += faults


class _Handler(Answering):
    def do_GET(self) -> None:
        state: Prometheus = self.state
        path, _, query = self.path.partition("?")
        parameters = dict(urllib.parse.parse_qsl(query))
        try:
            _checked(state, path, parameters, self.headers)
        except PermissionError:
            return self._send(401, {"status": "error", "errorType": "unauthorized", "error": self.headers.get("Authorization")})
        except ValueError as error:
            state.violations.append(f"{self.path}: {error}")
            return self._send(400, {"status": "error", "errorType": "bad_data", "error": str(error)})
        operation = OPERATIONS[path]
        with state.lock:
            state.asked[operation] += 1
            state.requests.append((operation, parameters))
            fault = state.faults[operation].pop(0) if state.faults.get(operation) else None
        if isinstance(fault, Fault):
            words = {"status": "error", "errorType": fault.code, "error": fault.message}
            return self._send(fault.status, words, dict(fault.headers))
        return self._send(200, _answer(state, path, parameters), cut=fault is not None)

    def _send(self, status: int, document: Any, headers: Mapping[str, str] | None = None, *, cut: bool = False) -> None:
        self.answer(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})}, cut=cut)


def _checked(state: Prometheus, path: str, parameters: Mapping[str, str], headers: Message) -> None:
    if path not in PARAMETERS:
        raise ValueError("no such path")
    if state.token and headers.get("Authorization") != f"Bearer {state.token}":
        raise PermissionError
    if state.tenant and headers.get("X-Scope-OrgID") != state.tenant:
        raise PermissionError
    if unknown := parameters.keys() - PARAMETERS[path]:
        raise ValueError(f"no parameter {sorted(unknown)}")
    if missing := NEEDED[path] - parameters.keys():
        raise ValueError(f"invalid parameter {sorted(missing)}")
    expression = parameters.get("query", "")
    for opening, closing in ("()", "{}", "[]"):
        if expression.count(opening) != expression.count(closing):
            raise ValueError(f"parse error: unclosed {opening}")
    if re.search(r"<[ ,a-z]+>", expression):
        raise ValueError("parse error: a placeholder is left")
    if path.endswith("query_range"):
        start, end, step = (float(parameters[name]) for name in ("start", "end", "step"))
        if end < start:
            raise ValueError("end timestamp must not be before start time")
        if step <= 0:
            raise ValueError("zero or negative query resolution step widths are not accepted")
        if (end - start) / step > MOST:
            raise ValueError("exceeded maximum resolution of 11,000 points per timeseries")
    if path.startswith("/allocation") and not re.fullmatch(
        r"\d+[mhd]|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", parameters["window"]
    ):
        raise ValueError("invalid window")


def _answer(state: Prometheus, path: str, parameters: Mapping[str, str]) -> Any:
    if path.startswith("/allocation"):
        day = parameters["window"][:10]
        return {"code": 200, "data": [state.allocations[day]] if day in state.allocations else []}
    found = [(labels, value) for word, labels, value in state.series if word in parameters["query"]]
    more = {"warnings": state.warnings} if state.warnings else {}
    if path.endswith("query"):
        at = float(parameters["time"])
        result = [{"metric": labels, "value": [at, f"{value(at)}"]} for labels, value in found if value(at) is not None]
        return {"status": "success", "data": {"resultType": "vector", "result": result}, **more}
    start, end, step = (float(parameters[name]) for name in ("start", "end", "step"))
    times = [start + n * step for n in range(int((end - start) / step) + 1)]
    matrix = [
        {"metric": labels, "values": [[t, f"{v}"] for t in times if (v := value(t)) is not None]} for labels, value in found
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": matrix}, **more}


@contextmanager
def prometheus() -> Iterator[Prometheus]:
    """The server. Raises AssertionError at the end where a request broke the documentation."""
    with serving(_Handler, Prometheus()) as state:
        yield state
