"""Blob Storage over REST: List Blobs and Get Blob, version 2021-12-02 (Microsoft Learn, as of 2026-11)."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree

from connectors.azure.session import STORAGE, Connection
from finops.errors import SourceError

VERSION = "2021-12-02"
READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
"""The data action that both calls need."""


@dataclass(frozen=True, slots=True)
class Container:
    """Where it is, without a slash at the end of the endpoint."""

    endpoint: str
    name: str

    @property
    def url(self) -> str:
        return f"{self.endpoint}/{self.name}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A blob as the listing shows it."""

    name: str
    tag: str
    size: int
    modified: datetime


def listing(connection: Connection, container: Container, prefix: str, most: int = 5000) -> Iterator[Listed]:
    """Every blob below a prefix, page by page. Raises SourceError where a marker comes twice."""
    marker, seen = "", set[str]()
    while True:
        asked = {"restype": "container", "comp": "list", "prefix": prefix, "maxresults": str(most)}
        answer = connection.get(
            "blob:ListBlobs",
            READ,
            container.url,
            scope=STORAGE,
            parameters=asked | ({"marker": marker} if marker else {}),
            headers=_headers(),
            read=lambda answer: answer.content,
        )
        page = _parsed(answer, container)
        yield from (_listed(entry) for entry in page.iterfind("Blobs/Blob"))
        marker = page.findtext("NextMarker") or ""
        if not marker:
            return
        if marker in seen:
            what = "List Blobs answered with one page token twice: its pages have no end"
            raise SourceError(what, where=container.url, hint="run the load again")
        seen.add(marker)


def content(connection: Connection, container: Container, entry: Listed, start: int) -> Iterator[bytes]:
    """The blob from a byte on, if it is still this version."""
    headers = _headers() | {"If-Match": entry.tag} | ({"Range": f"bytes={start}-"} if start else {})
    url = f"{container.url}/{urllib.parse.quote(entry.name)}"
    yield from connection.stream("blob:GetBlob", READ, url, scope=STORAGE, headers=headers)


def _headers() -> dict[str, str]:
    return {
        "x-ms-version": VERSION,
        "x-ms-date": format_datetime(datetime.now(UTC), usegmt=True),
        "Accept-Encoding": "identity",
    }


def _parsed(answer: bytes, container: Container) -> ElementTree.Element:
    text = answer.decode("utf-8-sig")
    if "<!DOCTYPE" in text:  # entities could grow without bound; Azure sends none
        raise SourceError("the listing declares a document type", where=container.url, hint="is this Blob Storage?")
    try:
        return ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError:
        raise SourceError("the listing is no XML", where=container.url, hint="is this Blob Storage?") from None


def _listed(entry: Any) -> Listed:
    """ETags come with and without quotes; as a condition they have them."""
    tag = (entry.findtext("Properties/Etag") or "").strip('"')
    return Listed(
        name=entry.findtext("Name") or "",
        tag=f'"{tag}"',
        size=int(entry.findtext("Properties/Content-Length") or 0),
        modified=parsedate_to_datetime(entry.findtext("Properties/Last-Modified") or ""),
    )
