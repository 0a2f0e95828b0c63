"""Blob Storage through its SDK: what lies below a prefix, and the content of a blob as it was listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from connectors.azure.arm import Pages
from connectors.azure.failures import errors
from connectors.azure.session import Connection

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
"""The data action that both calls need."""

LIST = "blob:ListBlobs"
GET = "blob:GetBlob"
PIECE = 8 << 20
"""Bytes of one Get Blob. The SDK holds a piece twice, and asks for it again where the connection breaks."""

OPTIONS: Mapping[str, Any] = {"api_version": "2021-12-02", "max_single_get_size": PIECE, "max_chunk_get_size": PIECE}
"""A version that private clouds and emulators answer too: the SDK's own default is its newest."""


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
    pages = Pages(connection, container.url, LIST, links=False)
    client = _client(connection, container)

    def page() -> tuple[list[Listed], str | None]:
        found = client.list_blobs(name_starts_with=prefix, results_per_page=most).by_page(pages.following or None)
        return [_listed(each) for each in next(found, ())], found.continuation_token

    while pages.more:
        several, following = connection.called(LIST, READ, container.url, page)
        yield from several
        pages.turn(following)


def calls(listed: Iterable[Listed]) -> int:
    """Get Blob, so many times, for all of them."""
    return sum(-(-each.size // PIECE) for each in listed)


def content(connection: Connection, container: Container, entry: Listed, start: int) -> Iterator[bytes]:
    """The blob from a byte on, if it is still this version."""
    from azure.core import MatchConditions

    if start < entry.size:
        blob = _client(connection, container).get_blob_client(entry.name)
        condition = {"etag": entry.tag, "match_condition": MatchConditions.IfNotModified}
        yield from _pieces(connection, GET, READ, blob, {"offset": start or None, **condition})


def signed(connection: Connection, operation: str, permission: str, url: str) -> Iterator[bytes]:
    """The blob at a signed address, to which no token goes."""
    from azure.storage.blob import BlobClient

    yield from _pieces(connection, operation, permission, BlobClient.from_blob_url(url, **connection.options(), **OPTIONS), {})


def _pieces(connection: Connection, operation: str, permission: str, blob: Any, asked: Mapping[str, Any]) -> Iterator[bytes]:
    """The content as it is stored, a call a piece."""
    with errors(permission, blob.url.partition("?")[0], connection.secrets):
        connection.counts(operation, 1)
        for number, piece in enumerate(blob.download_blob(decompress=False, max_concurrency=1, **asked).chunks()):
            if number:  # the first came with the answer that says how large the blob is
                connection.counts(operation, 1)
            yield piece


def _client(connection: Connection, container: Container) -> Any:
    from azure.storage.blob import ContainerClient

    return connection.client(container.url, partial(ContainerClient, container.endpoint, container.name, **OPTIONS))


def _listed(found: Any) -> Listed:
    """ETags come with and without quotes; as a condition they have them."""
    tag = found.etag.strip('"')
    return Listed(found.name, f'"{tag}"', found.size, found.last_modified)
