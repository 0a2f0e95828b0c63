"""Delta Lake commits: the engine writes Parquet files, this module only says which of them make a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from finops.errors import BusyError
from finops.warehouse.names import identifier
from finops.warehouse.published import DataFile, TableState
from finops.warehouse.storage import Storage

Columns = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Commits:
    """The Delta tables of one warehouse as one writer sees them: a handle stays at the version that this writer knows.

    A handle that is not refreshed is what makes a second writer's commit on the same unit a conflict.
    """

    storage: Storage
    connection: duckdb.DuckDBPyConnection
    handles: dict[str, DeltaTable] = field(default_factory=dict)

    def open(self, names: Iterable[str]) -> None:
        """Take the handles of the tables that exist, at their latest versions."""
        for name in names:
            with suppress(TableNotFoundError):
                self.handles[name] = DeltaTable(self.storage.table_url(name), storage_options=dict(self.storage.options))

    def files(self, name: str) -> set[str]:
        """Names of the table's active files."""
        return {uri.rsplit("/", 1)[-1] for uri in self.handles[name].file_uris()}

    def shape(self, name: str, columns: Columns, partition_by: Sequence[str]) -> None:
        """Create the table, or add the columns that it lacks. An add action alone would not record them."""
        schema = self._schema(columns)
        handle = self.handles.get(name)
        try:
            if handle is None:
                self.handles[name] = DeltaTable.create(
                    self.storage.table_url(name),
                    schema,
                    partition_by=list(partition_by),
                    storage_options=dict(self.storage.options),
                )
                return
            known = {column.name for column in handle.schema().fields}
            lacking = [Field(f.name, f.type, nullable=True) for f in schema.fields if f.name not in known]
            if lacking:
                handle.alter.add_columns(lacking)
        except (CommitFailedError, DeltaError) as error:
            raise self._conflict(name) from error

    def reshape(self, name: str, columns: Columns, partition_by: Sequence[str]) -> None:
        """Replace the table by an empty one of another schema; its earlier versions stay readable."""
        self.handles[name] = DeltaTable.create(
            self.storage.table_url(name),
            self._schema(columns),
            mode="overwrite",
            partition_by=list(partition_by),
            storage_options=dict(self.storage.options),
        )

    def commit(
        self,
        name: str,
        add: Sequence[tuple[DataFile, Mapping[str, str], str]],
        remove: Sequence[tuple[DataFile, Mapping[str, str]]],
        *,
        units: Iterable[str] = (),
        data_change: bool = True,
    ) -> int:
        """One transaction of adds (file, partition values, statistics) and removes. Raises BusyError on a conflict.

        Each of `units` is an application transaction: two writers of one unit cannot both succeed.
        """
        handle = self.handles[name]
        now = int(datetime.now(UTC).timestamp() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(file.path, file.bytes, dict(values), now, data_change, stats) for file, values, stats in add
        ]
        actions += [
            RemoveAction(file.path, data_change, now, size=file.bytes, partition_values=dict(values)) for file, values in remove
        ]
        transactions = [Transaction(unit, (handle.transaction_version(unit) or 0) + 1) for unit in sorted(set(units))]
        try:
            handle.create_write_transaction(
                actions,
                mode="append",
                schema=handle.schema(),
                partition_by=handle.metadata().partition_columns,
                commit_properties=CommitProperties(app_transactions=transactions),
            )
        except CommitFailedError as error:
            raise self._conflict(name) from error
        handle.update_incremental()
        return int(handle.version())

    def expect(self, name: str, state: TableState) -> None:
        """Raises BusyError where the table holds other files than this writer put there or found there."""
        if self.files(name) != {file.path for file in state.files}:
            raise self._conflict(name)

    def restore(self, name: str, state: TableState | None) -> None:
        """Bring a table back to its published version; a table that was never published becomes empty."""
        handle = self.handles[name]
        if state is not None:
            if self.files(name) != {file.path for file in state.files}:
                handle.restore(state.version)
            return
        if self.files(name):
            handle.delete()

    def _schema(self, columns: Columns) -> Schema:
        lines = ", ".join(f"null::{kind} as {identifier(column)}" for column, kind in columns)
        return Schema.from_arrow(self.connection.sql(f"select {lines} limit 0").to_arrow_table().schema)

    def _conflict(self, name: str) -> BusyError:
        return BusyError(
            f"another writer changed `{name}` at the same time; nothing of this run is published",
            where=self.storage.url,
            hint="run the same command again",
        )


def statistics(rows: int, columns: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]) -> str:
    """Delta's statistics of one file, from what the engine says of the Parquet it wrote.

    Bounds are given for exact texts and dates: a decimal in JSON would be read as a float.
    """
    document: dict[str, object] = {"numRecords": rows}
    lowest, highest, nulls = {}, {}, {}
    for quoted, found in columns.items():
        name = quoted[1:-1].replace('""', '"')
        if name not in kinds:
            continue  # a member of a nested column
        nulls[name] = int(found.get("null_count", 0))
        exact = found.get("min_is_exact") == "true" and found.get("max_is_exact") == "true"
        if kinds[name] in ("VARCHAR", "DATE") and exact and max(len(found["min"]), len(found["max"])) <= 64:
            lowest[name], highest[name] = found["min"], found["max"]
    document |= {"minValues": lowest, "maxValues": highest, "nullCount": nulls}
    return json.dumps(document)
