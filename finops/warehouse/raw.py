"""Files of one format as one relation `raw`: declared columns under canonical names and with declared types."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import duckdb

from finops.connect import Column, Format, Sniff
from finops.warehouse.names import identifier, literal

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


def create_raw(connection: duckdb.DuckDBPyConnection, fmt: Format, files: Sequence[Sniff]) -> None:
    """Create the temporary view `raw` over the files. Columns: the declared ones, the gathered maps, `x_…`, `x_file`."""
    selects = []
    for _, group in groupby(sorted(files, key=_layout), key=_layout):
        alike = list(group)
        selects.append(_select(fmt, alike))
    connection.execute("create or replace temp view raw as\n" + "\nunion all by name\n".join(selects))


def _layout(sniff: Sniff) -> tuple[object, ...]:
    return (sniff.container, sniff.columns, tuple(sorted(sniff.types.items())))


def _select(fmt: Format, files: Sequence[Sniff]) -> str:
    first = files[0]
    headers = {fmt.canonical(header): header for header in reversed(first.columns)}
    lines = [f"{_column(first, headers, column)} as {identifier(column.name)}" for column in fmt.columns]
    for gather in fmt.gathers:
        members = {gather.key(h): h for c, h in headers.items() if c.startswith(gather.prefix)}
        lines.append(f"{_gathered(first, members)} as {identifier(gather.name)}")
    if fmt.extensions:
        declared = {c.name for c in fmt.columns}
        lines += [
            f"{_value(first, h)}::varchar as {identifier(c)}"
            for c, h in headers.items()
            if c.startswith("x_") and c not in declared
        ]
    lines.append("filename as x_file")
    return "select " + ",\n  ".join(lines) + f"\nfrom {_scan(files)}"


def _column(sniff: Sniff, headers: dict[str, str], column: Column) -> str:
    target = SQL_TYPES[column.type]
    header = next((headers[n] for n in (column.name, *column.aliases) if n in headers), None)
    if header is None and sniff.container != "jsonl":
        return f"null::{target}"
    value = _value(sniff, header if header is not None else column.name)
    if column.type == "map":
        return _as_map(value, sniff.types.get(header or "", ""))
    if column.type == "text":
        return f"nullif({value}::varchar, '')"
    if column.type == "json":
        return f"nullif({_as_json(value, sniff.types.get(header or '', ''))}, '')"
    if sniff.container == "parquet" and not sniff.types[header or ""].startswith("VARCHAR"):
        return f"{value}::{target}"
    if column.type in ("timestamp", "date") and column.formats:
        patterns = ", ".join(literal(pattern) for pattern in column.formats)
        text = f"nullif({value}, '')"
        return f"coalesce(try_cast({text} as {target}), try_strptime({text}, [{patterns}])::{target})"
    cast = "try_cast" if column.lenient else "cast"
    return f"{cast}(nullif({value}::varchar, '') as {target})"


def _value(sniff: Sniff, header: str) -> str:
    path = sniff.paths.get(header) or tuple(header.split("."))
    if sniff.container == "csv":
        return identifier(header)
    if sniff.container == "jsonl":
        inner = "".join(f'."{part}"' for part in path[1:])
        return f"json_extract_string({identifier(path[0])}, {literal('$' + inner)})"
    return ".".join(identifier(part) for part in path)


def _as_map(value: str, sql_type: str) -> str:
    if sql_type.startswith("MAP"):
        return f"{value}::MAP(VARCHAR, VARCHAR)"
    return f"try_cast(nullif({value}::varchar, '')::json as MAP(VARCHAR, VARCHAR))"


def _as_json(value: str, sql_type: str) -> str:
    return f"to_json({value})::varchar" if "[]" in sql_type or sql_type.startswith(("MAP", "STRUCT")) else f"{value}::varchar"


def _gathered(sniff: Sniff, members: dict[str, str]) -> str:
    if not members:
        return "null::MAP(VARCHAR, VARCHAR)"
    pairs = ", ".join(f"{{'k': {literal(k)}, 'v': nullif({_value(sniff, h)}::varchar, '')}}" for k, h in members.items())
    kept = f"list_filter([{pairs}], lambda p: p.v is not null)"
    return f"case when len({kept}) > 0 then map_from_entries({kept}) end"


def _scan(files: Sequence[Sniff]) -> str:
    paths = "[" + ", ".join(literal(f.path) for f in files) + "]"
    container = files[0].container
    if container == "parquet":
        return f"read_parquet({paths}, filename = true, union_by_name = true)"
    if container == "csv":
        return f"read_csv({paths}, filename = true, all_varchar = true, header = true)"
    tops = sorted({(f.paths.get(c) or (c,))[0] for f in files for c in f.columns})
    columns = ", ".join(f"{literal(top)}: 'JSON'" for top in tops)
    return f"read_json({paths}, filename = true, format = 'newline_delimited', columns = {{{columns}}})"
