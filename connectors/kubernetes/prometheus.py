"""Prometheus' HTTP API: instant and range queries, in steps of which no answer holds more than 11,000 a series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.kubernetes.failures import answered
from connectors.kubernetes.session import Connection
from finops.errors import SourceError
from finops.window import Window

MOST_POINTS = 11_000
"""Points a series that Prometheus answers (web/api/v1: "exceeded maximum resolution of 11,000 points per timeseries")."""

MOST_DAYS = 7
"""Days of one query: an hour's step of a thousand series is then some five megabytes, whatever the window is."""

QUERY = "prometheus:query"
QUERY_RANGE = "prometheus:query_range"
HARMLESS = ("PromQL warning:", "PromQL info:")
"""Annotations of an expression. Any other warning says that data are missing (of a store that did not answer)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a range: its labels, and (end of the step, value), which is never NaN."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...]


def chunks(window: Window, step_s: int) -> Iterator[Window]:
    """The window in pieces of whole steps."""
    length = timedelta(seconds=step_s * min(MOST_POINTS - 1, max(1, MOST_DAYS * 86_400 // step_s)))
    start = window.start
    while start < window.end:
        end = min(start + length, window.end)
        yield Window(start, end)
        start = end


def ranged(connection: Connection, query: str, window: Window, step_s: int) -> list[Series]:
    """A query evaluated at the end of each step of the window."""
    first = window.start + timedelta(seconds=step_s)
    if first > window.end:
        return []
    parameters = {"query": query, "start": _at(first), "end": _at(window.end), "step": str(step_s)}
    found = _asked(connection, "/api/v1/query_range", QUERY_RANGE, parameters, "matrix")
    return [Series(each["metric"], tuple(_points(each["values"], window.start))) for each in found]


def instant(connection: Connection, query: str, at: datetime) -> list[Mapping[str, Any]]:
    """The vector of a query at a time: its elements as they come."""
    return _asked(connection, "/api/v1/query", QUERY, {"query": query, "time": _at(at)}, "vector")


def _asked(connection: Connection, path: str, operation: str, parameters: Mapping[str, str], kind: str) -> list[Any]:
    base = connection.settings.url or ""
    document = connection.get(base, path, operation, {**parameters, "timeout": f"{connection.settings.timeout_s}s"})
    where = f"{base}{path}"
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or document.get("status") != "success" or data.get("resultType") != kind:
        raise answered(200, b"", operation, where, connection.secrets())
    missing = [text for text in document.get("warnings") or () if not str(text).startswith(HARMLESS)]
    if missing:
        raise SourceError(
            f"{operation}: the answer is not whole: {missing[0]}"[:300], where=where, hint="run the load again later"
        )
    return list(data["result"])


def _points(values: list[list[Any]], after: datetime) -> Iterator[tuple[datetime, float]]:
    for stamp, text in values:
        value = float(text)
        at = datetime.fromtimestamp(float(stamp), after.tzinfo)
        if math.isfinite(value) and at > after:
            yield at, value


def _at(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"
