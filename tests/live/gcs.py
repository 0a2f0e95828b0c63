"""A contract server for Cloud Storage: objects.list and objects.get (`alt=media`) of the JSON API, over REST.

Paths and parameters are those of the discovery document `storage:v1`; a version of an object is its generation, and another
one is not found.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.live.faults import serving
from tests.live.google_rest import Refused, Rest, State

METHODS = {
    "storage.objects.list": (
        "GET",
        "b/{b}/o",
        {"delimiter", "maxResults", "pageToken", "prefix", "projection", "startOffset", "endOffset", "versions"},
    ),
    "storage.objects.get": ("GET", "b/{b}/o/{o}", {"generation", "ifGenerationMatch", "ifMetagenerationMatch", "projection"}),
}
FIELDS = re.compile(r"nextPageToken,items\((name|size|generation|updated)(,(name|size|generation|updated))*\)")


@dataclass(kw_only=True)
class Gcs(State):
    """The server's state. `buckets`: name → object → (content, generation, when it was written)."""

    buckets: dict[str, dict[str, tuple[bytes, int, datetime]]] = field(default_factory=lambda: defaultdict(dict))
    page: int = 1000
    endless: bool = False
    clock: datetime = datetime(2026, 10, 1, tzinfo=UTC)

    def put(self, bucket: str, name: str, content: bytes) -> None:
        """Each object is a minute younger than the one before."""
        self.clock += timedelta(minutes=1)
        self.buckets[bucket][name] = (content, int(self.clock.timestamp() * 1e6), self.clock)


class _Handler(Rest):
    methods = METHODS
    prefix = "(?:/download)?/storage/v1/"  # objects come from the first of both

    def _objects_list(self, given: dict[str, str], parameters: dict[str, str], _: bytes) -> dict[str, Any]:
        if given["b"] not in self.state.buckets:
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        if not FIELDS.fullmatch(parameters.get("fields", "")):
            raise ValueError("whole objects are listed, of which a few fields are read")
        held = self.state.buckets[given["b"]]
        names = sorted(name for name in held if name.startswith(parameters.get("prefix", "")))
        start = int(parameters.get("pageToken", 0))
        size = min(self.state.page, int(parameters.get("maxResults", 1000)))
        items = [
            {
                "name": name,
                "size": str(len(held[name][0])),
                "generation": str(held[name][1]),
                "updated": held[name][2].isoformat().replace("+00:00", "Z"),
            }
            for name in names[start : start + size]
        ]
        more = self.state.endless or start + size < len(names)
        token = {"nextPageToken": str(0 if self.state.endless else start + size)} if more else {}
        return {**({"items": items} if items else {}), **token}

    def _objects_get(self, given: dict[str, str], parameters: dict[str, str], _: bytes) -> bytes:
        content, generation, _when = self.state.buckets[given["b"]].get(given["o"], (b"", 0, None))
        if parameters.get("alt") != "media":
            raise ValueError("the object's description, of which nothing is read")
        if int(parameters["generation"]) != generation:
            raise Refused(404, "notFound", f"No such object: {given['b']}/{given['o']}")
        ranged = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if ranged is None:
            raise ValueError("no range of bytes")
        part: bytes = content[int(ranged[1]) : int(ranged[2]) + 1]
        return part


@contextmanager
def gcs() -> Iterator[Gcs]:
    """The server. Raises AssertionError at the end where a request broke the description."""
    with serving(_Handler, Gcs()) as state:
        yield state
