"""The writer: replaces units, rebuilds marts, publishes; what it does not publish is rolled back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from finops.errors import DataError
from finops.models import Model, models
from finops.tables import LEDGER, TAG_SETS, Table
from finops.warehouse.build import Builder
from finops.warehouse.delta import Commits
from finops.warehouse.derived import write_database
from finops.warehouse.lanes import AT_ONCE
from finops.warehouse.layout import BY_NAME, NO_ACCOUNT, Layout, Unit, core_layout
from finops.warehouse.names import identifier
from finops.warehouse.published import Published, save
from finops.warehouse.storage import Storage
from finops.warehouse.store import Landed, Store
from finops.warehouse.views import relation
from finops.warehouse.vocabulary import Vocabulary, as_stored, values_of


@dataclass(frozen=True, slots=True)
class Landing:
    """Rows that are to replace units of a table, as files that no table names yet."""

    table: Table
    layout: Layout
    units: tuple[Unit, ...]
    files: tuple[Landed, ...]


class Writer:
    """One delivery. `on_step` is told each step as it begins and ends, for progress."""

    def __init__(
        self,
        storage: Storage,
        base: Published,
        memory_limit: str,
        on_step: Callable[[str], None],
        built: Sequence[Model] | None = None,
    ) -> None:
        self.on_step = on_step
        self.scratch: Path = storage.fresh_scratch()
        self.connection = connect(memory_limit, self.scratch)
        self._storage = storage
        self._base = base
        self._models = tuple(models() if built is None else built)
        self._commits = Commits(storage, self.connection)
        self._commits.open({*BY_NAME, *base.tables, *(model.name for model in self._models)})
        self._store = Store(storage, self.scratch, self._commits, dict(base.tables), self._step)
        self._builder = Builder(self._store, self.connection, self._models, base.models)
        self._published = False

    def _step(self, name: str) -> None:
        """Looked up at each step: the observer may be set after opening."""
        self.on_step(name)

    def recover(self) -> None:
        """Undo what an earlier writer left unpublished, at whatever instant it ended."""
        for name in self._commits.handles:
            self._commits.restore(name, self._base.tables.get(name))

    def replace(self, table: Table, units: Sequence[Unit], select: str) -> int:
        """Replace these units of a table by the rows of `select`; the number of rows. Other units are untouched.

        `select` yields the table's columns by name with `x_source` (absent ones are null), and `x_…` columns where the
        table is open. Raises DataError where it yields rows of a unit that is not replaced.
        """
        return self.take(self.land(self.connection, table, units, select))

    def beside(self) -> list[duckdb.DuckDBPyConnection]:
        """Connections with temporary tables of their own, on which deliveries are staged and landed side by side."""
        made = [self.connection.cursor() for _ in range(AT_ONCE)]
        for connection in made:
            connection.execute("set enable_progress_bar = false")
        return made

    def land(self, connection: duckdb.DuckDBPyConnection, table: Table, units: Sequence[Unit], select: str) -> Landing:
        """The first half of `replace`: the rows as files that no table names yet."""
        layout, stored, texts = self._laid_out(connection, table, select)
        if layout.account == NO_ACCOUNT:
            units = [(source, "", unit) for source, _, unit in units]
        if table.name == TAG_SETS.name:
            stored = self._new_tag_sets(stored, units)
        return Landing(table, layout, tuple(units), tuple(self._store.land(connection, layout, [stored], texts)))

    def take(self, landing: Landing) -> int:
        """The second half: the files in place of what the table holds of their units. One at a time."""
        table, units, landed = landing.table, landing.units, list(landing.files)
        _only(units, landed, table.name)
        rows = sum(new.file.rows for new in landed)
        layout = self._widened(table, landing.layout)
        self._commits.shape(table.name, layout.columns, layout.partition_by)
        gone = []
        state = self._store.states.get(table.name)
        for file in state.files if state and table.name != TAG_SETS.name else ():
            hit = [_replaced(units, file.source, held) for held in file.units]
            if not any(hit):
                continue
            gone.append(file)
            if not all(hit):
                landed += self._store.kept(self.connection, layout, file, layout.matches(list(units)))
        self._store.swap(layout, landed, gone, [json.dumps(unit) for unit in units])
        return rows

    def written(self, table: Table, units: Sequence[Unit]) -> str:
        """A SELECT over the files that hold these units as this writer leaves them."""
        state = self._store.states.get(table.name)
        files = [f for f in (state.files if state else ()) if any(_replaced(units, f.source, held) for held in f.units)]
        return relation(self._storage, table.name, state, files)

    def current(self, table: Table) -> str:
        """A SELECT over the whole table as this writer leaves it."""
        return relation(self._storage, table.name, self._store.states.get(table.name))

    def build(self) -> None:
        """Rebuild the marts whose inputs or SQL changed."""
        self._builder.build()

    def compact(self, most_files: int) -> bool:
        """Rewrite the parts of tables that have more than `most_files` files, one file a part; whether any was.

        The rows stay the same, so no mart is rebuilt.
        """
        tables = [name for name, state in self._store.states.items() if len(state.files) > most_files]
        done = [self._store.compact(self.connection, self._layout_of(name)) for name in tables]
        return any(done)

    def publish(self, notes: Sequence[str] = ()) -> Published:
        """Run the audits and write the snapshot document. Raises DataError (audits) or BusyError; nothing is published then."""
        self.on_step("audit")
        warnings = self._builder.audit()
        number, tables = self._base.number + 1, dict(self._store.states)
        changed = {name for name in tables if tables[name] != self._base.tables.get(name)}
        published = Published(
            number=number,
            content=self._base.content if changed <= LEDGER else number,
            tables=tables,
            models=dict(self._builder.hashes),
            published_at=datetime.now(UTC).isoformat(timespec="seconds"),
            price_book=self._price_book(),
            notes=(*notes, *warnings),
        )
        self.on_step("publish")
        save(self._storage, published)
        self._published = True
        if not self._storage.remote:
            write_database(self._storage, published)
        self.on_step("published")
        return published

    def close(self) -> None:
        """Roll back what is not published, and leave no scratch behind."""
        try:
            if not self._published:
                self._roll_back()
        finally:
            self.connection.close()
            for path in sorted(self.scratch.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            self.scratch.rmdir()

    def _layout_of(self, name: str) -> Layout:
        columns = self._store.states[name].columns
        if name in BY_NAME:
            declared = dict(core_layout(BY_NAME[name]).columns)
            return core_layout(BY_NAME[name], tuple(c for c in columns if c[0] not in declared))
        keys = tuple(self._commits.handles[name].metadata().partition_columns)
        part = identifier(keys[1]) if keys else NO_ACCOUNT
        return Layout(name, columns, keys, part, part)

    def _roll_back(self) -> None:
        for name in self._store.touched:
            self._commits.restore(name, self._base.tables.get(name))

    def _widened(self, table: Table, layout: Layout) -> Layout:
        """The layout with the columns that the table has got since it was made."""
        known = dict(core_layout(table).columns)
        state = self._store.states.get(table.name)
        columns = (*(state.columns if state else ()), *layout.columns)
        return core_layout(table, tuple(dict.fromkeys(column for column in columns if column[0] not in known)))

    def _laid_out(self, connection: duckdb.DuckDBPyConnection, table: Table, select: str) -> tuple[Layout, str, Vocabulary]:
        """The layout with the columns that this delivery adds, the select in its columns and types, the values of its ENUMs."""
        yielded = connection.sql(select)
        types = dict(zip(yielded.columns, yielded.types, strict=True))
        given = {name: str(kind) for name, kind in types.items()}
        texts = {name: values_of(kind) for name, kind in types.items() if kind.id == "enum"}
        state = self._store.states.get(table.name)
        known = dict(core_layout(table).columns)
        earlier = [c for c in (state.columns if state else ()) if c[0] not in known]
        names = {name for name, _ in earlier} | known.keys()
        new = [(name, "VARCHAR") for name in sorted(given) if table.open and name.startswith("x_") and name not in names]
        layout = core_layout(table, (*earlier, *new))
        lines = []
        for name, kind in layout.columns:
            own = layout.partition if name == layout.partition_by[1] and name not in given else None
            value = own or (identifier(name) if name in given else "null")
            lines.append(f"{as_stored(value, '' if own else given.get(name, ''), kind)} as {identifier(name)}")
        return layout, f"select {', '.join(lines)} from ({select})", texts

    def _new_tag_sets(self, select: str, units: Sequence[Unit]) -> str:
        """Tag sets are addressed by content: a delivery only adds, so that other accounts of the period keep theirs."""
        pairs = {(source, unit) for source, _, unit in units}
        state = self._store.states.get(TAG_SETS.name)
        files = [file for file in (state.files if state else ()) if (file.source, file.partition) in pairs]
        if not files:
            return select
        held = relation(self._storage, TAG_SETS.name, state, files)
        key = "x_source, x_billing_period, x_tags_id"
        return f"select * from ({select}) anti join (select {key} from ({held})) using ({key})"

    def _price_book(self) -> str | None:
        prices = relation(self._storage, "prices", self._store.states.get("prices"))
        row = self.connection.execute(f"select max(effective_from)::date::varchar from ({prices})").fetchone()
        return row[0] if row else None


LARGE = "4MB"
"""Before the engine takes more than that at once (a hash table that grows), it gives back what it has freed. Else it keeps that
for a second beside what is taken: half as much again (decision 153)."""


def connect(memory_limit: str, scratch: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory engine that spills into `scratch`."""
    settings = {"temp_directory": str(scratch / "spill"), "allocator_bulk_deallocation_flush_threshold": LARGE}
    connection = duckdb.connect(config={"memory_limit": memory_limit, **settings})
    connection.execute("set enable_progress_bar = false")
    connection.execute("set global TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = false")
    return connection


def _replaced(units: Sequence[Unit], source: str, held: tuple[str, str]) -> bool:
    account, unit = held
    return (source, account, unit) in units or (source, "", unit) in units


def _only(units: Sequence[Unit], landed: Sequence[Landed], table: str) -> None:
    """No row of a unit that is not replaced: it would be counted twice."""
    for new in landed:
        for account, unit in new.file.units:
            if not _replaced(units, new.file.source, (account, unit)):
                raise DataError(f"a delivery of `{table}` has rows of {account} {unit}, which it does not replace")
