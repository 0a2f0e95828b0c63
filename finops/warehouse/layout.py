"""How a table is laid out in files: stored columns, the folder-like partition, and the unit that a delivery replaces."""

from __future__ import annotations

from dataclasses import dataclass

from finops.models import Model
from finops.tables import CORE, Table
from finops.warehouse.names import identifier, literal

PARTITION = "x_partition"
"""The stored column of partitions that are computed; no view shows it."""

NO_ACCOUNT = "''"
"""SQL for the account of tables that have none."""

Columns = tuple[tuple[str, str], ...]
Unit = tuple[str, str, str]
"""Source, billing account ('' means every account) and unit."""

BY_NAME = {table.name: table for table in CORE}


@dataclass(frozen=True, slots=True)
class Layout:
    """A stored table. `partition` and `unit` are SQL over its own columns; without `partition_by` it is one part."""

    name: str
    columns: Columns
    partition_by: tuple[str, ...]
    partition: str
    unit: str
    account: str = NO_ACCOUNT

    def values(self, source: str, partition: str) -> dict[str, str]:
        """Delta's partition values of one file."""
        return dict(zip(self.partition_by, (source, partition), strict=False))

    def matches(self, units: list[Unit]) -> str:
        """SQL that is true for the rows of these units."""
        tests = []
        for source, account, unit in units:
            test = f"x_source = {literal(source)} and ({self.unit}) = {literal(unit)}"
            tests.append(f"({test} and {self.account} = {literal(account)})" if account else f"({test})")
        return " or ".join(tests)


def core_columns(table: Table) -> Columns:
    """A core table's columns, `x_source` included."""
    return table.columns if "x_source" in table.types else (("x_source", "VARCHAR"), *table.columns)


def core_layout(table: Table, extensions: Columns = ()) -> Layout:
    """The layout of a core table. `extensions` are the further columns that deliveries brought."""
    columns = (*core_columns(table), *extensions)
    account = next((name for name in ("BillingAccountId", "billing_account_id") if name in table.types), None)
    own = table.partition in table.types
    return Layout(
        name=table.name,
        columns=columns if own else (*(c for c in columns if c[0] != PARTITION), (PARTITION, "VARCHAR")),
        partition_by=("x_source", table.partition if own else PARTITION),
        partition=identifier(table.partition) if own else f"({table.partition})::varchar",
        unit=f"({table.unit})::varchar",
        account=f"coalesce({identifier(account)}, '')" if account else NO_ACCOUNT,
    )


def mart_layout(model: Model, columns: Columns) -> Layout:
    """The layout of a stored model: parts follow its incremental key, days being kept by the month."""
    if not model.incremental:
        return Layout(model.name, columns, (), "''", "''")
    key = model.incremental[1]
    if dict(columns)[key] == "VARCHAR":
        return Layout(model.name, columns, ("x_source", key), identifier(key), identifier(key))
    month = f"strftime({identifier(key)}, '%Y-%m')"
    return Layout(model.name, (*columns, (PARTITION, "VARCHAR")), ("x_source", PARTITION), month, month)


def visible(columns: Columns) -> Columns:
    return tuple((name, kind) for name, kind in columns if name != PARTITION)
