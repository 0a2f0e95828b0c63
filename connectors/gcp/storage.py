"""Cloud Storage through its SDK: what lies in a bucket, and the content of an object as it was listed.

An object's version is its generation: what is read is exactly what was listed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.gcp.failures import errors
from connectors.gcp.session import Connection
from finops.errors import ConfigError, SourceError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
LIST = "storage.objects.list"
GET = "storage.objects.get"
MOST_OBJECTS = 1000
PIECE = 8 << 20
"""Bytes of one objects.get: what is held at once."""

UNTRACED = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
"""Without it the SDK describes each bucket beside the first call, traced or not: by a permission that nothing here needs."""

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
    seen: set[str] = set()
    with errors(LIST, bucket, connection.secrets):
        asked = {"prefix": prefix, "page_size": MOST_OBJECTS, "fields": FIELDS, **patience(connection)}
        found = client(connection).list_blobs(bucket, **asked)
        for page in found.pages:
            connection.counts(LIST)
            for each in page:
                yield Listed(bucket, each.name, each.size, str(each.generation), each.updated)
            token = found.next_page_token
            if token in seen:
                what = f"{LIST} answered with one page token twice: its pages have no end"
                raise SourceError(what, where=bucket, hint="run the load again")
            seen.add(token)


def content(connection: Connection, found: Listed, start: int) -> Iterator[bytes]:
    """The object from a byte on, of the generation that was listed: as it is stored, a call a piece."""
    with errors(GET, f"{found.bucket}/{found.name}", connection.secrets):
        bucket = client(connection).bucket(found.bucket)
        for first in range(start, found.size, PIECE):
            blob = bucket.blob(found.name, generation=int(found.generation))  # an answer may take the generation off again
            connection.counts(GET)
            ranged = {"start": first, "end": min(first + PIECE, found.size) - 1}
            yield blob.download_as_bytes(**ranged, raw_download=True, checksum=None, **patience(connection))


def client(connection: Connection) -> Any:
    """The SDK's client. Errors are the SDK's."""
    from google.cloud.storage import Client

    os.environ.setdefault(UNTRACED, "true")

    def made() -> Any:
        endpoint = connection.settings.endpoint_urls.get("storage")
        return Client(
            project=None,
            credentials=connection.credentials(),
            _http=connection.http(),
            client_options={"api_endpoint": endpoint} if endpoint else None,
        )

    return connection.kept("storage", made)


def patience(connection: Connection) -> dict[str, Any]:
    """Of each call of the client."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    seconds = connection.settings.timeout_s
    return {"timeout": seconds, "retry": DEFAULT_RETRY.with_timeout(seconds)}
