"""Files of one format as one relation `raw`: declared columns under canonical names and with declared types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import duckdb

from finops.connect import Column, Format, Sniff
from finops.warehouse.names import identifier, literal
from finops.warehouse.texts import Texts
from finops.warehouse.vocabulary import LEAST_ROWS, NO_TEXTS, Vocabulary, common, looked_up, words

SQL_TYPES = {
    "text": "VARCHAR",
    "decimal": "DECIMAL(38,12)",
    "double": "DOUBLE",
    "bigint": "BIGINT",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "map": "MAP(VARCHAR, VARCHAR)",
    "json": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file as the engine reads it.

    scan      the Parquet file: the delivered one, or the landed copy of a text file
    patterns  columns whose times are not ISO 8601 → the strptime pattern that parses every value of the file
    role      which file of a pair it is (`Format.roles`); column `x_role` of formats that know roles
    facts     columns whose one value the file's manifest gives
    """

    sniff: Sniff
    scan: str
    patterns: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    facts: tuple[tuple[str, str], ...] = ()


UTC_CLOCK = "utc(instant) as make_timestamp(epoch_us(instant))"
"""An instant as UTC's clock shows it. Months and days of it take a tenth of the time that those of a TIMESTAMPTZ take, which
ask the time-zone library (0.1 s a million lines)."""


def create_raw(
    connection: duckdb.DuckDBPyConnection, fmt: Format, files: Sequence[RawFile], vocabulary: Vocabulary = NO_TEXTS
) -> None:
    """Create the temporary view `raw` over the files, and the macro `utc`.

    Columns: the declared ones, the gathered maps, `x_…`, `x_file` and `x_row` (a row's place in its file: a lookup asks for one
    row of each key by it, and the engine reads these rows alone). Text columns of `vocabulary` are ENUMs.
    """
    connection.execute(f"create or replace temp macro {UTC_CLOCK}")
    selects = [_select(connection, fmt, group, vocabulary) for group in _groups(files)]
    connection.execute("create or replace temp view raw as\n" + "\nunion all by name\n".join(selects))


def vocabulary_of(
    connection: duckdb.DuckDBPyConnection, fmt: Format, files: Sequence[RawFile], least_rows: int = LEAST_ROWS
) -> Vocabulary:
    """The declared text columns that have few values in the files, with these; {} where these are not worth asking for."""
    found: list[dict[str, Texts]] = []
    for group in _groups(files):
        sniff = group[0].sniff
        if sniff.container == "jsonl":
            return {}  # a JSON document a column, taken apart row by row
        headers = canonical_headers(fmt, sniff)
        held = {c.name: header_of(headers, c) for c in fmt.columns if c.type == "text"}
        stored = {name: (_stored(sniff, h), cell(sniff, h)) for name, h in held.items() if h is not None}
        own = words(connection, [file.scan for file in group], dict(stored.values()), least_rows)
        found.append({name: own.get(path) for name, (path, _) in stored.items()})
    return common(found)


def _groups(files: Sequence[RawFile]) -> list[list[RawFile]]:
    """Files that are read alike."""
    return [list(group) for _, group in groupby(sorted(files, key=_layout), key=_layout)]


def _layout(file: RawFile) -> tuple[object, ...]:
    sniff = file.sniff
    return (
        sniff.container,
        sniff.columns,
        tuple(sorted(sniff.types.items())),
        tuple(sorted(file.patterns.items())),
        file.role,
        file.facts,
    )


def _select(connection: duckdb.DuckDBPyConnection, fmt: Format, files: Sequence[RawFile], vocabulary: Vocabulary) -> str:
    first = files[0]
    headers = canonical_headers(fmt, first.sniff)
    lines = []
    for column in fmt.columns:
        header = header_of(headers, column)
        if column.name in vocabulary and header is not None:
            value = looked_up(connection, cell(first.sniff, header), vocabulary[column.name])
        else:
            value = _column(first, headers, column)
        lines.append(f"{value} as {identifier(column.name)}")
    for gather in fmt.gathers:
        members = {gather.key(h): h for h in first.sniff.columns if fmt.canonical(h).startswith(gather.prefix)}
        lines.append(f"{_gathered(first.sniff, members)} as {identifier(gather.name)}")
    if fmt.extensions:
        declared = {c.name for c in fmt.columns}
        lines += [
            f"nullif({cell(first.sniff, h)}::varchar, '') as {identifier(c)}"
            for c, h in headers.items()
            if c.startswith("x_") and c not in declared
        ]
    if fmt.roles:
        lines.append(f"{literal(first.role)} as x_role")
    lines += ["filename as x_file", "file_row_number as x_row"]
    return "select " + ",\n  ".join(lines) + f"\nfrom {scan([f.scan for f in files])}"


def canonical_headers(fmt: Format, sniff: Sniff) -> dict[str, str]:
    """Canonical name → header as written; the first of several wins."""
    return {fmt.canonical(header): header for header in reversed(sniff.columns)}


def header_of(headers: Mapping[str, str], column: Column) -> str | None:
    return next((headers[name] for name in (column.name, *column.aliases) if name in headers), None)


def _column(file: RawFile, headers: Mapping[str, str], column: Column) -> str:
    sniff = file.sniff
    target = SQL_TYPES[column.type]
    header = header_of(headers, column)
    if header is None and column.name in (known := dict(file.facts)):
        return f"{literal(known[column.name])}::{target}"
    if header is None and sniff.container != "jsonl":
        return f"null::{target}"
    value = cell(sniff, header if header is not None else column.name)
    kind = sniff.types.get(header or "", "JSON")
    if column.type == "map":
        return _as_map(value, kind)
    if column.type == "text":
        return f"nullif({value}::varchar, '')"
    if column.type == "json":
        return f"nullif({_as_json(value, kind)}, '')"
    if sniff.container == "parquet" and not kind.startswith("VARCHAR"):
        if column.type == "timestamp" and kind.startswith("INT"):
            return f"make_timestamptz({value} * 1000)"  # milliseconds since 1970, as listings without a logical type have them
        if column.type == "timestamp" and kind.startswith("TIMESTAMP[") and "TZ=" not in kind:
            return f"make_timestamptz(epoch_us({value}))"  # a clock without a zone is UTC's; a cast asks the time-zone library
        return f"{value}::{target}"
    text = f"nullif({value}, '')"
    if column.name in file.patterns:
        return f"strptime({text}, {literal(file.patterns[column.name])})::{target}"
    return f"{'try_cast' if column.lenient else 'cast'}({text} as {target})"


def cell(sniff: Sniff, header: str) -> str:
    """SQL for one column's value in `scan`: landed CSV has columns c0, c1, …; JSON lines one JSON column a top-level key."""
    if sniff.container == "csv":
        return f"c{sniff.columns.index(header)}"
    path = sniff.paths.get(header) or tuple(header.split("."))
    if sniff.container == "jsonl":
        inner = "".join('."' + part.replace('"', '\\"') + '"' for part in path[1:])
        return f"json_extract_string({identifier(path[0])}, {literal('$' + inner)})"
    return ".".join(identifier(part) for part in path)


def _stored(sniff: Sniff, header: str) -> str:
    """The path of a column in the schema of `scan`, as Parquet's metadata writes it."""
    return f"c{sniff.columns.index(header)}" if sniff.container == "csv" else ", ".join(sniff.paths.get(header) or (header,))


def _as_map(value: str, sql_type: str) -> str:
    if sql_type.startswith("MAP"):
        return f"{value}::MAP(VARCHAR, VARCHAR)"
    return f"try_cast(nullif({value}::varchar, '')::json as MAP(VARCHAR, VARCHAR))"


def _as_json(value: str, sql_type: str) -> str:
    return f"to_json({value})::varchar" if "[]" in sql_type or sql_type.startswith(("MAP", "STRUCT")) else f"{value}::varchar"


def _gathered(sniff: Sniff, members: dict[str, str]) -> str:
    if not members:
        return "null::MAP(VARCHAR, VARCHAR)"
    pairs = ", ".join(f"{{'k': {literal(k)}, 'v': nullif({cell(sniff, h)}::varchar, '')}}" for k, h in members.items())
    kept = f"list_filter([{pairs}], lambda p: p.v is not null)"
    return f"case when len({kept}) > 0 then map_from_entries({kept}) end"


def scan(paths: Sequence[str]) -> str:
    """A table function over Parquet files; folder names such as `month=2026-01` add no columns."""
    listed = "[" + ", ".join(literal(path) for path in paths) + "]"
    return f"read_parquet({listed}, filename = true, union_by_name = true, hive_partitioning = false)"
