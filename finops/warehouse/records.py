"""Small records from Python as a SELECT that a writer can copy: values quoted, typed as their table says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from finops.tables import Table
from finops.warehouse.names import identifier, literal


def record_select(target: Table, records: Sequence[Mapping[str, object]]) -> str:
    """One row a record; columns that it lacks are null."""
    names = [identifier(name) for name, _ in target.columns]
    typed = ", ".join(f"{name}::{kind} as {name}" for name, (_, kind) in zip(names, target.columns, strict=True))
    rows = ",\n".join(f"({', '.join(_value(record.get(name)) for name, _ in target.columns)})" for record in records)
    return f"select {typed} from (values {rows}) as records ({', '.join(names)})"


def empty_select(target: Table) -> str:
    """No row, of the table's columns."""
    return f"{record_select(target, [{}])} where false"


def _value(value: object) -> str:
    return "null" if value is None else literal(str(value))
