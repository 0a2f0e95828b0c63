"""Run a connector's staging SQL over `raw` and bring its result to the target table's columns and types."""

from __future__ import annotations

from importlib import resources

import duckdb

from finops.connect import Format
from finops.tables import Table, table
from finops.warehouse.names import identifier, literal


def register_references(connection: duckdb.DuckDBPyConnection, package: str) -> None:
    """Each `data/<stem>.csv` of a connector package becomes the temporary table `<cloud>_<stem>`, all text."""
    cloud = package.rsplit(".", 1)[-1]
    with resources.as_file(resources.files(package).joinpath("data")) as folder:
        for path in sorted(folder.glob("*.csv")):
            name = identifier(f"{cloud}_{path.stem}")
            connection.execute(
                f"create temp table if not exists {name} as select * from"
                f" read_csv({literal(str(path))}, all_varchar = true, header = true)"
            )


def staging_sql(fmt: Format) -> str:
    """The text of the format's `stg_*.sql`."""
    return resources.files(fmt.package).joinpath(fmt.sql).read_text("utf-8")


def create_staged(connection: duckdb.DuckDBPyConnection, fmt: Format) -> None:
    """Create the temporary view `staged` over `raw`: the target's columns in order and type, then `x_…` extensions.

    `Tags` is MAP(VARCHAR, VARCHAR) here. Columns that the staging SQL leaves out are null.
    """
    register_references(connection, fmt.package)
    connection.execute(f"create or replace temp view staged_native as {staging_sql(fmt)}")
    given = {row[0] for row in connection.execute("describe staged_native").fetchall()}
    connection.execute(f"create or replace temp view staged as select {_columns(table(fmt.table), given)} from staged_native")


def _columns(target: Table, given: set[str]) -> str:
    lines = [
        f"{identifier(name)}::{kind} as {identifier(name)}" if name in given else f"null::{kind} as {identifier(name)}"
        for name, kind in target.columns
    ]
    if target.name == "charges":
        lines.append('"Tags"::MAP(VARCHAR, VARCHAR) as "Tags"' if "Tags" in given else 'null::MAP(VARCHAR, VARCHAR) as "Tags"')
    if target.open:
        known = {name for name, _ in target.columns}
        lines += [f"{identifier(c)}::varchar as {identifier(c)}" for c in sorted(given - known) if c.startswith("x_")]
    return ",\n  ".join(lines)
