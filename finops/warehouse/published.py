"""Published states: the documents `_published/<n>.json` that say which files make one consistent snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from finops import CALCULATION_VERSION, __version__
from finops.errors import BusyError, ConfigError
from finops.warehouse.storage import Storage

FOLDER = "_published"
SCHEMA = 1
"""Version of the warehouse's layout. A newer one than this is refused."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One immutable Parquet file. `units` are the (account or '', unit) pairs it holds rows of."""

    path: str
    source: str
    partition: str
    rows: int
    bytes: int
    units: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TableState:
    """One table as of a Delta version: its columns with engine types, and its files."""

    version: int
    columns: tuple[tuple[str, str], ...]
    files: tuple[DataFile, ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot. Number 0 is the empty state before anything is published.

    content  number of the last snapshot that changed more than the ledger: what is computed of both is the same
    """

    number: int = 0
    tables: Mapping[str, TableState] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    published_at: str = ""
    price_book: str | None = None
    notes: tuple[str, ...] = ()
    tool_version: str = __version__
    calculation_version: str = CALCULATION_VERSION
    warehouse_schema: int = SCHEMA
    content: int = 0

    @property
    def time(self) -> datetime | None:
        return datetime.fromisoformat(self.published_at) if self.published_at else None


def load(storage: Storage, number: int | None = None) -> Published:
    """The snapshot of that number, else the last one. Raises ConfigError for an unknown number or a newer layout."""
    known = numbers(storage)
    if number is None:
        number = max(known, default=0)
    if number == 0:
        return Published()
    document = storage.read(f"{FOLDER}/{number}.json")
    if document is None:
        have = f"{min(known)} to {max(known)}" if known else "none"
        raise ConfigError(f"there is no snapshot {number}", where=storage.url, hint=f"snapshots: {have}")
    return _parse(json.loads(document), storage)


def before(storage: Storage, day: date) -> Published:
    """The last snapshot published before the end of that UTC day; the empty one where there is none."""
    for number in sorted(numbers(storage), reverse=True):
        found = load(storage, number)
        if found.time is not None and found.time.date() <= day:
            return found
    return Published()


def numbers(storage: Storage) -> dict[int, float]:
    """Snapshot number → time of its document (seconds since 1970)."""
    return {int(name[:-5]): at for name, at in storage.names(FOLDER).items() if name.endswith(".json") and name[:-5].isdigit()}


def save(storage: Storage, published: Published) -> None:
    """The commit point: a conditional put. Raises BusyError where another writer published this number first."""
    document = json.dumps(asdict(published), separators=(",", ":")).encode()
    if not storage.create(f"{FOLDER}/{published.number}.json", document):
        raise BusyError(
            f"another writer published snapshot {published.number} first", where=storage.url, hint="run the same command again"
        )


def _parse(document: dict[str, Any], storage: Storage) -> Published:
    if document["warehouse_schema"] > SCHEMA:
        raise ConfigError(
            f"the warehouse has layout {document['warehouse_schema']}, written by finops {document['tool_version']};"
            f" this is finops {__version__}, which knows layout {SCHEMA}",
            where=storage.url,
            hint="upgrade finops",
        )
    tables = {
        name: TableState(
            version=state["version"],
            columns=tuple((column, kind) for column, kind in state["columns"]),
            files=tuple(
                DataFile(**{**file, "units": tuple((account, unit) for account, unit in file["units"])})
                for file in state["files"]
            ),
        )
        for name, state in document["tables"].items()
    }
    return Published(**{"content": document["number"], **document, "tables": tables, "notes": tuple(document["notes"])})
