"""Fetching: the parts of a job, so many at once, each into the cache whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from finops.connect import Blob, Part, Rows
from finops.errors import SourceError
from finops.live.cache import checksums, store_blobs, store_rows
from finops.live.plan import Job, said
from finops.tables import table
from finops.window import Window

Kind = TypeVar("Kind")


def fetch(job: Job, now: datetime, tell: Callable[[str], object]) -> list[Path]:
    """The files and folders to load. Raises SourceError, which names every part that failed; the others are kept."""
    pieces = [(window, part) for window, parts in job.windows for part in parts]
    source, stream = job.opened.source.name, " ".join(filter(None, (job.stream.title, job.place)))
    brought: dict[int, Path | None] = {}
    failed: list[str] = []
    with ThreadPoolExecutor(max_workers=job.opened.settings.concurrency) as pool:
        running = {pool.submit(_fetch, job, *piece, now): number for number, piece in enumerate(pieces)}
        for done, future in enumerate(as_completed(running), start=1):
            tell(f"{source}: {stream}, {done} of {len(pieces)} parts")
            try:
                brought[running[future]] = future.result()
            except Exception as error:
                failed.append(f"{pieces[running[future]][1].key}: {said(error)}")
    pa.default_memory_pool().release_unused()  # the threads are gone, their heaps are not: the engine needs the room
    if failed:
        more = f" (and {len(failed) - 1} more of {len(pieces)} parts)" if len(failed) > 1 else ""
        raise SourceError(f"{sorted(failed)[0]}{more}")
    return [path for _, path in sorted(brought.items()) if path is not None]


def _fetch(job: Job, window: Window, part: Part, now: datetime) -> Path | None:
    """The file of the part's rows (None where there are none), or the folder of an export's month."""
    pages = job.stream.fetch(job.connection, part, window)
    if job.stream.divided == "export":
        return store_blobs(job.shelf.export(part.key), _of(Blob, pages), now)
    target = job.shelf.rows(window, part.key)
    return target if store_rows(target, job.stream.shape or table(job.stream.table), _of(Rows, pages), now) else None


def _of(kind: type[Kind], pages: Iterator[object]) -> Iterator[Kind]:
    for page in pages:
        if not isinstance(page, kind):
            raise SourceError(f"a stream yields {type(page).__name__}", hint="this is a defect of finops")
        yield page


def content(folder: Path) -> set[str]:
    """Checksums of an export's data files; its manifest says nothing that a loaded row depends on."""
    return {digest for path, digest in checksums(folder.parent).items() if not path.endswith(".json")}
