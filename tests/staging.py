"""Rows in, rows out: run one format's staging SQL on files, without a warehouse, with texts of few values as ENUMs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from finops.connect import Format
from finops.intake.landing import landed
from finops.intake.sniff import look
from finops.warehouse.checks import roles
from finops.warehouse.raw import create_raw, vocabulary_of
from finops.warehouse.staging import create_staged


@contextmanager
def staged(fmt: Format, *paths: Path | str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the views `raw` and `staged` over the files."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        files = [landed(connection, fmt, look(Path(path), str(path), scratch), scratch) for path in paths]
        played = roles(connection, fmt, files)
        files = [replace(file, role=played.get(file.scan, "")) for file in files]
        vocabulary = vocabulary_of(connection, fmt, files, least_rows=1)
        create_raw(connection, fmt, files, vocabulary)
        create_staged(connection, fmt, vocabulary)
        _as_written(connection)
        yield connection


def _as_written(connection: duckdb.DuckDBPyConnection) -> None:
    """`staged` as a table has it: ENUMs are the texts that they stand for, which statements on JSON tell apart."""
    enums = [row[0] for row in connection.execute("describe staged").fetchall() if row[1].startswith("ENUM(")]
    texts = ", ".join(f'"{name}"::varchar as "{name}"' for name in enums)
    every = f"* replace ({texts})" if texts else "*"
    connection.execute(f"create temp table written as select {every} from staged")
    connection.execute("create or replace temp view staged as select * from written")


def stage(fmt: Format, *paths: Path | str, query: str = "select * from staged") -> list[dict[str, Any]]:
    """The rows of `query` over `staged` (and `raw`), as dictionaries."""
    with staged(fmt, *paths) as connection:
        found: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return found


def write_csv(path: Path, header: Iterable[str], *rows: Iterable[object]) -> Path:
    """A small CSV file: header and rows, None as an empty field."""
    import csv

    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(list(header))
        writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return path
