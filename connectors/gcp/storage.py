"""Cloud Storage over its JSON API, version 1: what lies in a bucket, the content of an object, and calls of a bucket itself.

Methods: objects.list, objects.get (`alt=media`), buckets.get, buckets.patch (cloud.google.com/storage/docs/json_api, as of
2026-11). An object's version is its generation: what is read is exactly what was listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.gcp.failures import errors
from connectors.gcp.session import Connection
from finops.errors import ConfigError, RetriableError, SourceError

ENDPOINT = "https://storage.googleapis.com"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
LIST = "storage.objects.list"
GET = "storage.objects.get"
MOST_OBJECTS = 1000
CHUNK = 1 << 20
CHANGED = 412
ATTEMPTS = 3
FIELDS = "nextPageToken,items(name,size,generation,updated)"


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as the listing shows it."""

    bucket: str
    name: str
    size: int
    generation: str
    updated: datetime


def location(uri: str, setting: str) -> tuple[str, str]:
    """Bucket and folder of a setting. Raises ConfigError."""
    match = re.fullmatch(r"gs://([^/?#]+)(?:/([^?#]*?))?/?", uri)
    if not match or not NAME.fullmatch(match[1]):
        hint = "gs://BUCKET/FOLDER"
        raise ConfigError(f"`{uri.partition('?')[0]}` is no folder in Cloud Storage", where=setting, hint=hint)
    return match[1], f"{match[2]}/" if match[2] else ""


def listing(connection: Connection, bucket: str, prefix: str) -> Iterator[Listed]:
    """Every object below a prefix, page by page. Raises SourceError where a token comes twice."""
    asked = {"prefix": prefix, "maxResults": str(MOST_OBJECTS), "fields": FIELDS}
    seen: set[str] = set()
    while True:
        page = call(connection, "GET", bucket, "/o", LIST, asked)
        for each in page.get("items", ()):
            updated = datetime.fromisoformat(each["updated"])
            yield Listed(bucket, each["name"], int(each["size"]), str(each["generation"]), updated)
        token = page.get("nextPageToken")
        if not token:
            return
        if token in seen:
            what = f"{LIST} answered with one page token twice: its pages have no end"
            raise SourceError(what, where=bucket, hint="run the load again")
        seen.add(token)
        asked = {**asked, "pageToken": token}


def content(connection: Connection, found: Listed, start: int) -> Iterator[bytes]:
    """The object from a byte on, of the generation that was listed."""
    from google.api_core.exceptions import from_http_response

    if start >= found.size:
        return
    url = f"{_url(connection, found.bucket)}/o/{quote(found.name, safe='')}"
    headers = {"Accept-Encoding": "gzip", **({"Range": f"bytes={start}-"} if start else {})}  # as it is stored: not unpacked
    asked = {"alt": "media", "generation": found.generation}
    with errors(GET, f"{found.bucket}/{found.name}", connection.secrets), connection.http() as session:
        connection.counts(GET)
        seconds = connection.settings.timeout_s
        with session.get(url, params=asked, headers=headers, timeout=seconds, stream=True) as answer:
            if answer.status_code >= 400:
                raise from_http_response(answer)  # type: ignore[no-untyped-call]
            while piece := answer.raw.read(CHUNK, decode_content=False):
                yield piece


def whole(connection: Connection, found: Listed) -> bytes:
    """All of a small object. A connection that breaks is taken up where it broke."""
    held = b""
    for attempt in range(ATTEMPTS):
        try:
            for piece in content(connection, found, len(held)):
                held += piece
            return held
        except RetriableError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def call(
    connection: Connection,
    method: str,
    bucket: str,
    path: str,
    permission: str,
    parameters: Mapping[str, str],
    document: Any = None,
) -> Any:
    """The answer's document. Raises AccessError (names the permission), RetriableError, SourceError."""
    from google.api_core.exceptions import from_http_response

    with errors(permission, bucket, connection.secrets), connection.http() as session:
        connection.counts(permission)
        answer = _answered(connection, session, method, f"{_url(connection, bucket)}{path}", parameters, document)
        if answer.status_code == CHANGED:
            what = f"{permission}: somebody changed the bucket at the same time"
            raise RetriableError(what, where=bucket, hint="run it again")
        if answer.status_code >= 400:
            raise from_http_response(answer)  # type: ignore[no-untyped-call]
        return answer.json()


def _answered(connection: Connection, session: Any, method: str, url: str, parameters: Mapping[str, str], document: Any) -> Any:
    """Reading is repeated where an answer breaks off in its body, which the session's own repetition does not see."""
    from requests.exceptions import ChunkedEncodingError

    asked = {"params": dict(parameters), "json": document, "timeout": connection.settings.timeout_s}
    for _ in range(ATTEMPTS - 1 if method == "GET" else 0):
        try:
            return session.request(method, url, **asked)
        except ChunkedEncodingError:
            continue
    return session.request(method, url, **asked)


def _url(connection: Connection, bucket: str) -> str:
    return f"{connection.settings.endpoint_urls.get('storage', ENDPOINT)}/storage/v1/b/{bucket}"
