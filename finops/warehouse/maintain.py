"""Maintenance: compaction, vacuum, and the derived `finops.duckdb` for tools that read one file."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import duckdb

from finops.warehouse import published as snapshots
from finops.warehouse.layout import BY_NAME
from finops.warehouse.names import identifier, literal
from finops.warehouse.published import Published
from finops.warehouse.storage import Storage
from finops.warehouse.views import relation, with_tags
from finops.warehouse.warehouse import Warehouse

MOST_FILES = 200
"""Files above which a table is compacted, to one a part (a source's month): a scan opens every footer.

A table of more parts than this keeps one file each, since a file of several months would be rewritten by each of them."""

KEEP_S = 7 * 86_400
"""Seconds for which every version stays readable."""

DERIVED = "finops.duckdb"


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
    """Compact, publish, vacuum, and write `finops.duckdb`. `now` is seconds since 1970. Raises BusyError."""
    before = warehouse.published()
    if before.number == 0:
        return []
    with warehouse.writer(wait_s) as writer:
        before = warehouse.published()
        if writer.compact(most_files):
            writer.publish(("compacted",))
        deleted = _vacuum(warehouse.storage, time.time() if now is None else now)
        after = warehouse.published()
        if not warehouse.storage.remote:
            write_database(warehouse.storage, after)
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


def write_database(storage: Storage, published: Published) -> None:
    """Views pinned to the published files, in a storage version that older clients open. Replaced as a whole."""
    path = storage.root / DERIVED
    fresh = storage.fresh_scratch() / DERIVED
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    try:
        connection.execute(f"attach {literal(str(fresh))} as derived (storage_version 'v1.0.0')")
        for name in sorted({*BY_NAME, *published.tables}):
            sql = relation(storage, name, published.tables.get(name))
            if name == "charges":
                sql = with_tags(sql, relation(storage, "tag_sets", published.tables.get("tag_sets")))
            connection.execute(f"create view derived.{identifier(name)} as {sql}")
        connection.execute("detach derived")
    finally:
        connection.close()
    fresh.rename(path)
    fresh.parent.rmdir()
