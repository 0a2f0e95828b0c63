"""Billing exports in Blob Storage: the newest run of each export's month, and the files that its manifest names.

Layout (Microsoft Learn, "Tutorial: Create and manage Cost Management exports", as of 2026-11; file partitioning is on):
`<directory>/<export>/<yyyymmdd-yyyymmdd>/[<yyyymmddhhmm>/]<run>/manifest.json` beside the run's parts.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from connectors.azure import blob, reports
from connectors.azure.billing import read_manifest
from connectors.azure.blob import Container, Listed
from connectors.azure.session import Connection
from finops.connect import Blob, Manifest, Part, Stream
from finops.errors import ConfigError, RetriableError, SourceError
from finops.window import Window

ATTEMPTS = 3
RUN = re.compile(r"(?P<export>(?:.*/)?[^/]+)/(?P<range>(?P<year>\d{4})(?P<month>\d{2})\d{2}-\d{8})/(?P<run>.+)/manifest\.json")


@dataclass(frozen=True, slots=True)
class Run:
    """One run's manifest, and the files that lie beside it."""

    container: Container
    manifest: Listed
    files: tuple[Listed, ...]


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part a month of each directory of exports, back to the month in which the window starts.

    Without a directory the months of the bills that `scopes` names are parts: Azure generates their reports.
    Actual and amortized cost are two exports of one directory and make one bill: they are loaded together or not at all.
    """
    if not connection.settings.exports:
        return reports.plan(connection, window)
    found: dict[str, list[Run]] = defaultdict(list)
    for uri in dict.fromkeys(connection.settings.exports):
        runs = newest(connection, uri)
        if not runs:
            hint = "give the folder that holds the exports; file partitioning must be on; new exports take a day"
            raise SourceError("there is no manifest of a billing export", where=uri, hint=hint)
        for (container, export, month, _), run in sorted(runs.items(), key=lambda entry: entry[0][1:]):
            if month >= f"{window.start:%Y-%m}" and run not in found[key := f"{container.url}/{_folder(export)}{month}"]:
                found[key].append(run)
    return [
        Part(key, (("blob:GetBlob", sum(1 + len(run.files) for run in runs)),), runs) for key, runs in found.items() if runs
    ]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Blob]:
    """Each run's manifest and its files, with the tags that they had when they were listed; or a month's reports."""
    if not connection.settings.exports:
        yield from reports.fetch(connection, part, window)
        return
    runs: list[Run] = part.handle
    for run in runs:
        content = _manifest(connection, run)
        listed = {entry.name: entry for entry in run.files}
        yield Blob(run.manifest.name, run.manifest.tag, len(content), partial(_rest, content))
        for file in _read(run, content).files:
            name = file.uri.lstrip("/")
            if name not in listed:
                what = f"the manifest {run.manifest.name} names {name}, which does not lie beside it"
                hint = "Azure may be writing it: run the load again later"
                raise SourceError(what, where=run.container.url, hint=hint)
            read = partial(blob.content, connection, run.container, listed[name])
            yield Blob(name, listed[name].tag, listed[name].size, read)


BILLING = Stream(
    name="billing",
    title="billing exports",
    table="charges",
    divided="export",
    permissions=(blob.READ, reports.GENERATE),
    plan=plan,
    fetch=fetch,
    reach_days=400,
)


def location(uri: str) -> tuple[Container, str]:
    """Container and folder of an `exports` setting. Raises ConfigError."""
    match = re.fullmatch(r"(https://[^/?#@\s]+)/([a-z0-9$][a-z0-9-]+)(?:/([^?#]*?))?/?", uri)
    if not match:
        hint = "https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER, without a signature"
        raise ConfigError(f"`{uri.partition('?')[0]}` is no folder in Blob Storage", where="exports", hint=hint)
    return Container(match[1], match[2]), f"{match[3]}/" if match[3] else ""


def newest(connection: Connection, uri: str) -> dict[tuple[Container, str, str, str], Run]:
    """(container, export, month, range) → its newest run: one listing shows manifests and files."""
    container, folder = location(uri)
    listed = list(blob.listing(connection, container, folder))
    chosen: dict[tuple[Container, str, str, str], Listed] = {}
    for entry in listed:
        match = RUN.fullmatch(entry.name)
        if match is None:
            continue
        key = (container, match["export"], f"{match['year']}-{match['month']}", match["range"])
        if key not in chosen or _age(entry) > _age(chosen[key]):
            chosen[key] = entry
    return {key: Run(container, manifest, _beside(manifest, listed)) for key, manifest in chosen.items()}


def _age(entry: Listed) -> tuple[datetime, str]:
    return entry.modified, entry.name


def _beside(manifest: Listed, listed: Sequence[Listed]) -> tuple[Listed, ...]:
    folder = manifest.name.rpartition("/")[0] + "/"
    return tuple(entry for entry in listed if entry.name.startswith(folder) and entry.name != manifest.name)


def _folder(export: str) -> str:
    """The directory in which an export lies, with a slash at its end ('' at the container's top)."""
    directory = export.rpartition("/")[0]
    return f"{directory}/" if directory else ""


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


def _read(run: Run, content: bytes) -> Manifest:
    where = f"{run.container.url}/{run.manifest.name}"
    try:
        document = json.loads(content)
    except ValueError:
        raise SourceError("the manifest is no JSON", where=where, hint="Azure may be writing it: run the load again") from None
    manifest = read_manifest(document, run.manifest.name)
    if manifest is None or not manifest.files:
        raise SourceError("the manifest names no file of a billing export", where=where, hint="is it another document?")
    return manifest
