"""Tables of a snapshot as relations: scans of exactly its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from finops.warehouse.layout import BY_NAME, Columns, core_columns, visible
from finops.warehouse.names import identifier, literal
from finops.warehouse.published import DataFile, TableState
from finops.warehouse.storage import Storage
from finops.warehouse.vocabulary import every_column


def scan(
    storage: Storage, name: str, columns: Columns, files: Iterable[DataFile], instead: Mapping[str, str] | None = None
) -> str:
    """A SELECT of `columns` over files, or over nothing: typed, and null where an older file lacks a column.

    `instead`: columns that every file has → SQL that stands for them, and gives the type.
    """
    paths = [str(storage.local(name, file.path)) for file in files]
    other = instead or {}
    typed = [f"{'null' if column in other else f'null::{kind}'} as {identifier(column)}" for column, kind in columns]
    empty = f"select {', '.join(typed)} where false"
    if not paths:
        return empty
    listed = ", ".join(literal(path) for path in paths)
    names = ", ".join(identifier(column) for column, _ in columns)
    source = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
    return f"select {names} from ({empty} union all by name select {every_column(other)} from {source})"


def state_of(name: str, state: TableState | None) -> TableState:
    """The state of a table; a core table that was never written is empty, with its declared columns."""
    return state or TableState(version=-1, columns=core_columns(BY_NAME[name]))


def relation(
    storage: Storage,
    name: str,
    state: TableState | None,
    files: Iterable[DataFile] | None = None,
    instead: Mapping[str, str] | None = None,
) -> str:
    """A SELECT over a table's state, or over some of its files; `instead` as in `scan`."""
    state = state_of(name, state)
    columns = visible(state.columns)
    if name in BY_NAME:  # columns that the table gained since are null in what was written before
        columns += tuple(column for column in core_columns(BY_NAME[name]) if column not in columns)
    return scan(storage, name, columns, state.files if files is None else files, instead)


def with_tags(charges: str, tag_sets: str) -> str:
    """Charges with `Tags`: tag sets are addressed by content, so one row an id is enough whatever delivered it."""
    return (
        f"select charges.*, sets.Tags from ({charges}) as charges left join"
        f" (select x_tags_id, any_value(Tags) as Tags from ({tag_sets}) group by x_tags_id) as sets using (x_tags_id)"
    )
