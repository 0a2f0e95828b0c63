"""Small records from Python as a SELECT that a writer can copy: values quoted, typed as their table says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from finops.tables import Table
from finops.warehouse.names import identifier, literal


def record_select(target: Table, records: Sequence[Mapping[str, object]]) -> str:
    """One row a record; columns that it lacks are null."""
    return "\nunion all\n".join("select " + ", ".join(_columns(target, record)) for record in records)


def empty_select(target: Table) -> str:
    """No row, of the table's columns."""
    return f"{record_select(target, [{'x_source': None}])} where false"


def _columns(target: Table, record: Mapping[str, object]) -> list[str]:
    return [
        f"{'null' if record.get(name) is None else literal(str(record[name]))}::{kind} as {identifier(name)}"
        for name, kind in target.columns
    ]
