"""Files into tables: one COPY a part, one Delta transaction a change, the state that a publication will name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self, TypeAlias
from uuid import uuid4

import duckdb

from finops.errors import DataError
from finops.warehouse.delta import Commits, statistics
from finops.warehouse.lanes import AT_ONCE, side_by_side
from finops.warehouse.layout import Columns, Layout
from finops.warehouse.names import identifier, literal
from finops.warehouse.published import DataFile, TableState
from finops.warehouse.storage import Storage
from finops.warehouse.views import scan
from finops.warehouse.vocabulary import NO_TEXTS, Vocabulary, every_column, replaced

PARQUET = "compression zstd, compression_level 1, row_group_size 61440"
"""Half of DuckDB's own row group: what two threads hold while they write fits the cache (decision 130)."""

Part: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
"""(source, partition, units)."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A file in its table's folder that no transaction names yet."""

    file: DataFile
    stats: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A connection, and a SELECT over a file for it: the texts of few columns as ENUMs."""

    connection: duckdb.DuckDBPyConnection
    select: str

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, path: Path, texts: Vocabulary) -> Self:
        columns = every_column(replaced(connection, texts))
        return cls(connection, f"select {columns} from read_parquet({literal(str(path))})")


@dataclass(slots=True)
class Store:
    """The tables of one writer: what they hold now, and what has changed since the last publication."""

    storage: Storage
    scratch: Path
    commits: Commits
    states: dict[str, TableState]
    step: Callable[[str], None]
    texts: dict[str, Vocabulary] = field(default_factory=dict)  # file written by this writer → columns of few texts
    changed: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    def land(
        self, connection: duckdb.DuckDBPyConnection, layout: Layout, selects: Iterable[str], texts: Vocabulary = NO_TEXTS
    ) -> list[Landed]:
        """Write what the selects yield, one after another (the layout's columns but a computed partition): one file a part.

        `texts`: the columns that they yield as ENUMs, with their values.
        """
        whole = self._joined(connection, layout, selects)
        if whole is None:
            return []
        path, rows, stats = whole
        parts = _parts(connection, layout, path)
        if len(parts) == 1:
            return [self._adopt(layout, path, rows, stats, parts[0], texts)]
        readers = [Reading.of(connection.cursor(), path, texts) for _ in range(AT_ONCE)]
        own = side_by_side(readers, [partial(self._part, layout, part) for part in parts])
        path.unlink()
        both = zip(own, parts, strict=True)
        return [self._adopt(layout, *written, part, texts) for written, part in both if written is not None]

    def _joined(
        self, connection: duckdb.DuckDBPyConnection, layout: Layout, selects: Iterable[str]
    ) -> tuple[Path, int, str] | None:
        copies = [copy for select in selects if (copy := self._copy(connection, layout, select)) is not None]
        if len(copies) < 2:
            return copies[0] if copies else None
        listed = ", ".join(literal(str(path)) for path, _, _ in copies)
        whole = self._copy(connection, layout, f"select * from read_parquet([{listed}])")
        for path, _, _ in copies:
            path.unlink()
        return whole

    def _part(self, layout: Layout, part: Part, reading: Reading) -> tuple[Path, int, str] | None:
        where = f"x_source = {literal(part[0])} and {identifier(layout.partition_by[1])} = {literal(part[1])}"
        return self._copy(reading.connection, layout, f"{reading.select} where {where}")

    def swap(
        self, layout: Layout, landed: Sequence[Landed], gone: Iterable[DataFile], units: Iterable[str], *, restated: bool = True
    ) -> None:
        """One transaction: `landed` in, `gone` out. `restated` is False where the rows stay the same (compaction)."""
        name = layout.name
        gone = list(gone)
        if not landed and not gone:
            return
        self.step(f"commit {name}")
        before = self.states.get(name)
        self.touched.add(name)
        if restated:
            parts = {(file.source, file.partition) for file in (*gone, *(new.file for new in landed))}
            self.changed.setdefault(name, set()).update(parts)
        version = self.commits.commit(
            name,
            [(new.file, layout.values(new.file.source, new.file.partition), new.stats) for new in landed],
            [(old, layout.values(old.source, old.partition)) for old in gone],
            units=units,
            data_change=restated,
        )
        kept = [file for file in (before.files if before else ()) if file not in gone]
        self.states[name] = TableState(version, layout.columns, (*kept, *(new.file for new in landed)))
        self.commits.expect(name, self.states[name])
        self.step(f"committed {name}")

    def compact(self, connection: duckdb.DuckDBPyConnection, layout: Layout) -> bool:
        """One file for every part that has several; whether any had. Raises DataError where rows would be lost."""
        parts: dict[tuple[str, str], list[DataFile]] = {}
        for file in self.states[layout.name].files:
            parts.setdefault((file.source, file.partition), []).append(file)
        several = [files for files in parts.values() if len(files) > 1]
        landed: list[Landed] = []
        for files in several:
            landed += self.land(connection, layout, [scan(self.storage, layout.name, layout.columns, files)])
        gone = [file for files in several for file in files]
        if sum(new.file.rows for new in landed) != sum(file.rows for file in gone):
            raise DataError(f"compacting `{layout.name}` would change its rows")
        self.swap(layout, landed, gone, [], restated=False)
        return bool(gone)

    def _copy(self, connection: duckdb.DuckDBPyConnection, layout: Layout, select: str) -> tuple[Path, int, str] | None:
        """One Parquet file in the scratch folder: path, rows, Delta statistics. None where there are no rows."""
        path = self.scratch / f"{uuid4().hex}.parquet"
        self.step(f"copy {layout.name}")
        connection.execute(f"copy ({select}) to {literal(str(path))} (format parquet, {PARQUET}, return_stats)")
        found = connection.fetchone()
        if found is None or found[1] == 0:
            path.unlink(missing_ok=True)
            return None
        _check_footer(connection, layout.columns, path, layout.name)
        self.step(f"copied {layout.name}")
        return path, found[1], statistics(found[1], found[4], dict(layout.columns))

    def _adopt(self, layout: Layout, path: Path, rows: int, stats: str, part: Part, texts: Vocabulary) -> Landed:
        size = path.stat().st_size
        name = self.storage.adopt(layout.name, path)
        self.texts[name] = texts
        source, partition, units = part
        return Landed(DataFile(name, source, partition, rows, size, units), stats)

    def kept(self, connection: duckdb.DuckDBPyConnection, layout: Layout, file: DataFile, where: str) -> list[Landed]:
        """The rows of one file that `where` does not match, as a new file."""
        rows = scan(self.storage, layout.name, layout.columns, [file])
        return self.land(connection, layout, [f"select * from ({rows}) where not coalesce(({where}), false)"])


def _parts(connection: duckdb.DuckDBPyConnection, layout: Layout, path: Path) -> list[Part]:
    """What a file holds, in order."""
    if not layout.partition_by:
        return [("", "", ())]
    column = identifier(layout.partition_by[1])
    source = f"read_parquet({literal(str(path))})"
    found = connection.execute(
        f"select distinct x_source, {column}, {layout.account}, {layout.unit} from {source} order by all"
    ).fetchall()
    parts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for source, partition, account, unit in found:
        if source is None or partition is None or unit is None:
            raise DataError(f"rows of `{layout.name}` have no source, partition or unit")
        parts.setdefault((source, partition), []).append((account, unit))
    return [(source, partition, tuple(units)) for (source, partition), units in parts.items()]


def _check_footer(connection: duckdb.DuckDBPyConnection, columns: Columns, path: Path, name: str) -> None:
    """The file holds what the table's schema says: the engine writes a HUGEINT, for one, as DOUBLE."""
    footer = connection.execute(f"describe select * from read_parquet({literal(str(path))})").fetchall()
    written = {row[0]: row[1] for row in footer}
    wrong = [f"{c} is {written.get(c)}, not {kind}" for c, kind in columns if written.get(c) != declared(kind)]
    if wrong:
        raise DataError(f"`{name}` would be written with other types: {'; '.join(wrong)}", hint="cast the column in its SQL")


def declared(kind: str) -> str:
    """A type as the engine spells it."""
    return "TIMESTAMP WITH TIME ZONE" if kind == "TIMESTAMPTZ" else kind
