"""Billing exports in Blob Storage: the newest run of each export's month, and the files that its manifest names.

Layout (Microsoft Learn, "Tutorial: Create and manage Cost Management exports", as of 2026-11; file partitioning is on):
`<directory>/<export>/<yyyymmdd-yyyymmdd>/[<yyyymmddhhmm>/]<run>/manifest.json` beside the run's parts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from connectors.azure import blob, reports
from connectors.azure.billing import read_manifest
from connectors.azure.runs import Run, blobs, newest
from connectors.azure.session import Connection
from finops.connect import Blob, Part, Stream
from finops.errors import SourceError
from finops.window import Window

RUN = re.compile(r"(?P<export>(?:.*/)?[^/]+)/(?P<range>(?P<year>\d{4})(?P<month>\d{2})\d{2}-\d{8})/(?P<run>.+)/manifest\.json")


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part a month of each directory of exports, back to the month in which the window starts.

    Without a directory the months of the bills that `scopes` names are parts: Azure generates their reports.
    Actual and amortized cost are two exports of one directory and make one bill: they are loaded together or not at all.
    """
    if not connection.settings.exports:
        return reports.plan(connection, window)
    found: dict[str, list[Run]] = defaultdict(list)
    for uri in dict.fromkeys(connection.settings.exports):
        runs = exported(connection, uri)
        if not runs:
            hint = "give the folder that holds the exports; file partitioning must be on; new exports take a day"
            raise SourceError("there is no manifest of a billing export", where=uri, hint=hint)
        for (export, _, year, month), run in sorted(runs.items()):
            key = f"{run.container.url}/{_folder(export)}{year}-{month}"
            if f"{year}-{month}" >= f"{window.start:%Y-%m}" and run not in found[key]:
                found[key].append(run)
    return [Part(key, ((blob.GET, sum(map(_calls, runs))),), runs) for key, runs in found.items() if runs]


def _calls(run: Run) -> int:
    return blob.calls((run.manifest, *run.files))


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Blob]:
    """Each run's manifest and its files; or a month's reports."""
    if not connection.settings.exports:
        yield from reports.fetch(connection, part, window)
        return
    for run in part.handle:
        yield from blobs(connection, run, read_manifest, "a billing export")


def exported(connection: Connection, uri: str) -> dict[tuple[str, ...], Run]:
    """(export, range, year, month) → its newest run."""
    return newest(connection, uri, "exports", RUN)


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


def _folder(export: str) -> str:
    """The directory in which an export lies, with a slash at its end ('' at the container's top)."""
    directory = export.rpartition("/")[0]
    return f"{directory}/" if directory else ""
