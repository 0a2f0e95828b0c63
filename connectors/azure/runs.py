"""What Azure writes into Blob Storage by the run: a manifest, and the files beside it that it names. The newest run counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from connectors.azure import blob
from connectors.azure.blob import Container, Listed
from connectors.azure.session import Connection
from finops.connect import Blob, ManifestFile, ReadManifest
from finops.errors import ConfigError, RetriableError, SourceError

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One run's manifest, and the files that lie beside it."""

    container: Container
    manifest: Listed
    files: tuple[Listed, ...]


def location(uri: str, setting: str) -> tuple[Container, str]:
    """Container and folder of a setting. Raises ConfigError."""
    match = re.fullmatch(r"(https://[^/?#@\s]+)/([a-z0-9$][a-z0-9-]+)(?:/([^?#]*?))?/?", uri)
    if not match:
        hint = "https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER, without a signature"
        raise ConfigError(f"`{uri.partition('?')[0]}` is no folder in Blob Storage", where=setting, hint=hint)
    return Container(match[1], match[2]), f"{match[3]}/" if match[3] else ""


def newest(connection: Connection, uri: str, setting: str, pattern: re.Pattern[str]) -> dict[tuple[str, ...], Run]:
    """What tells the runs of one thing from those of another (the pattern's groups but `run`) → its newest run.

    The pattern is of a manifest's whole name. One listing shows manifests and files.
    """
    container, folder = location(uri, setting)
    listed = list(blob.listing(connection, container, folder))
    chosen: dict[tuple[str, ...], Listed] = {}
    for entry in listed:
        if match := pattern.fullmatch(entry.name):
            key = tuple(text for name, text in match.groupdict().items() if name != "run")
            if key not in chosen or _age(entry) > _age(chosen[key]):
                chosen[key] = entry
    return {key: Run(container, manifest, _beside(manifest, listed)) for key, manifest in chosen.items()}


def _age(entry: Listed) -> tuple[datetime, str]:
    return entry.modified, entry.name


def _beside(manifest: Listed, listed: Sequence[Listed]) -> tuple[Listed, ...]:
    folder = manifest.name.rpartition("/")[0] + "/"
    return tuple(entry for entry in listed if entry.name.startswith(folder) and entry.name != manifest.name)


def blobs(connection: Connection, run: Run, read: ReadManifest, what: str) -> Iterator[Blob]:
    """The manifest and its files, with the tags that they had when they were listed."""
    content = _manifest(connection, run)
    listed = {entry.name: entry for entry in run.files}
    yield Blob(run.manifest.name, run.manifest.tag, len(content), partial(_rest, content))
    for file in _named(run, content, read, what):
        name = file.uri.lstrip("/")
        if name not in listed:
            said = f"the manifest {run.manifest.name} names {name}, which does not lie beside it"
            hint = "Azure may be writing it: run the load again later"
            raise SourceError(said, where=run.container.url, hint=hint)
        content_of = partial(blob.content, connection, run.container, listed[name])
        yield Blob(name, listed[name].tag, listed[name].size, content_of)


def _manifest(connection: Connection, run: Run) -> bytes:
    """The manifest's content; asked for again where the connection breaks, which the SDK does not do for a body."""
    for _ in range(ATTEMPTS - 1):
        try:
            return b"".join(blob.content(connection, run.container, run.manifest, 0))
        except RetriableError:
            continue
    return b"".join(blob.content(connection, run.container, run.manifest, 0))


def _rest(content: bytes, start: int) -> Iterator[bytes]:
    yield content[start:]


def _named(run: Run, content: bytes, read: ReadManifest, what: str) -> tuple[ManifestFile, ...]:
    where = f"{run.container.url}/{run.manifest.name}"
    try:
        document = json.loads(content)
    except ValueError:
        raise SourceError("the manifest is no JSON", where=where, hint="Azure may be writing it: run the load again") from None
    manifest = read(document, run.manifest.name)
    if manifest is None or not manifest.files:
        raise SourceError(f"the manifest names no file of {what}", where=where, hint="is it another document?")
    return manifest.files
