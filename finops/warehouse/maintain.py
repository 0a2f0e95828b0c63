"""Maintenance: compaction, marts by the SQL of today, vacuum."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from finops.models import models
from finops.warehouse import published as snapshots
from finops.warehouse.storage import Storage
from finops.warehouse.warehouse import Warehouse

MOST_FILES = 200
"""Files above which a table is compacted, to one a part (a source's month): a scan opens every footer.

A table of more parts than this keeps one file each, since a file of several months would be rewritten by each of them."""

KEEP_S = 7 * 86_400
"""Seconds for which every version stays readable."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to one table: files before and after compaction, files deleted."""

    table: str
    files_before: int
    files_after: int
    deleted: int


def maintain(
    warehouse: Warehouse, *, wait_s: float = 0, most_files: int = MOST_FILES, now: float | None = None
) -> list[Maintained]:
    """Compact, rebuild marts that another version built, publish and vacuum. `now` is seconds since 1970. Raises BusyError."""
    before = warehouse.published()
    if before.number == 0:
        return []
    with warehouse.writer(wait_s) as writer:
        before = warehouse.published()
        done = ["compacted"] if writer.compact(most_files) else []
        if any(before.models.get(model.name) != model.hash for model in models() if not model.is_macro):
            writer.build()
            done.append("marts rebuilt")
        if done:
            writer.publish(done)
        deleted = _vacuum(warehouse.storage, time.time() if now is None else now)
        after = warehouse.published()
    return [
        Maintained(name, len(before.tables[name].files), len(state.files), deleted.get(name, 0))
        for name, state in sorted(after.tables.items())
    ]


def _vacuum(storage: Storage, now: float) -> dict[str, int]:
    """Delete what no snapshot needs that is young, or was current within the time kept; files deleted by table."""
    known = snapshots.numbers(storage)
    order = sorted(known)
    # A snapshot was current until the next one was published.
    ended = {number: known[following] for number, following in pairwise(order)}
    stale = [number for number in order if number in ended and ended[number] < now - KEEP_S]
    needed: dict[str, set[str]] = defaultdict(set)
    for number in set(order) - set(stale):
        for name, state in snapshots.load(storage, number).tables.items():
            needed[name] |= {file.path for file in state.files}
    for number in stale:
        storage.delete(f"{snapshots.FOLDER}/{number}.json")
    deleted = {}
    for name, kept in needed.items():
        old = [file for file, at in storage.names(name).items() if at < now - KEEP_S and file not in kept]
        for file in old:
            storage.delete(f"{name}/{file}")
        deleted[name] = len(old)
    return deleted
