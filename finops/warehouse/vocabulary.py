"""Texts of few distinct values as ENUMs: a byte or two a row, and a dictionary that the Parquet writer need not build.

The engine hashes every text twice while it writes Parquet: ten columns of five million rows take it 1.1 s on two cores, as
ENUMs 0.15 s (decision 132). The distinct values of what a Parquet file encodes by dictionary are read off in a hundredth of
a second, and an element of a constant map is looked up once an entry of the dictionary, not once a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from hashlib import md5
from types import MappingProxyType
from typing import TypeAlias

import duckdb
from duckdb.sqltypes import DuckDBPyType

from finops.warehouse.names import identifier, literal
from finops.warehouse.texts import Texts, joined

LEAST_ROWS = 200_000
"""Below this a load takes a second anyway, and the questions asked here are a part of it."""

FEW = 256
"""Distinct values of a column that is looked up in a map, whose entries are compared one by one."""

MISSING = 2
"""Null and '', which are no texts."""

FEW_CAST = 4096
"""Distinct values of a column that is cast, once a row. The dictionary of every row group names them all."""

SAMPLED_ROWS = 50_000
"""A column that has many values among these is not asked for all of them."""

Vocabulary: TypeAlias = Mapping[str, frozenset[str]]
"""Column → its distinct texts, without '' and null. A column that is null throughout has none.

Statements read ENUMs as the texts that they are, but for JSON: an ENUM is a JSON string, not a document. So columns that hold
documents are declared as such, and have no vocabulary."""


NO_TEXTS: Vocabulary = MappingProxyType({})


def words(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[str], columns: Mapping[str, str], least_rows: int = LEAST_ROWS
) -> Vocabulary:
    """Of text columns of Parquet files (path in the schema → SQL) those of few values, with them; {} for small files."""
    listed = "[" + ", ".join(literal(path) for path in paths) + "]"
    scanned = f"read_parquet({listed}, union_by_name = true, hive_partitioning = false)"
    encoded = _encoded(connection, listed, columns.keys(), least_rows)
    likely = _likely(connection, scanned, {name: columns[name] for name, is_null in encoded.items() if not is_null})
    found: dict[str, frozenset[str]] = {name: frozenset() for name, is_null in encoded.items() if is_null}
    for name in likely:  # each by itself: the engine holds the dictionaries of a column until its question is answered
        distinct = f"select distinct {columns[name]} as word from {scanned} limit {FEW + MISSING + 1}"
        found[name] = frozenset(word for (word,) in connection.execute(distinct).fetchall() if word)
    return {name: texts for name, texts in found.items() if len(texts) <= FEW}


def _encoded(connection: duckdb.DuckDBPyConnection, listed: str, columns: Set[str], least_rows: int) -> dict[str, bool]:
    """The text columns that every row group encodes by dictionary, and whether all of their values are null."""
    rows = connection.execute(
        f"""
        select path_in_schema, sum(num_values) = coalesce(sum(stats_null_count), 0)
        from parquet_metadata({listed}) where type = 'BYTE_ARRAY'
        group by all
        having sum(num_values) >= {least_rows} and bool_and(encodings like '%DICTIONARY%' or stats_null_count = num_values)
        order by all
        """
    ).fetchall()
    return {name: is_null for name, is_null in rows if name in columns}


def _likely(connection: duckdb.DuckDBPyConnection, scanned: str, columns: Mapping[str, str]) -> list[str]:
    if not columns:
        return []
    values = [f"{value} as c{number}" for number, value in enumerate(columns.values())]
    counts = ", ".join(f"approx_count_distinct(c{number})" for number in range(len(columns)))
    sample = f"select {', '.join(values)} from {scanned} limit {SAMPLED_ROWS}"
    row = connection.execute(f"select {counts} from ({sample})").fetchone() or ()
    return [name for name, count in zip(columns, row, strict=True) if count <= 2 * FEW]


def common(groups: Sequence[Mapping[str, Texts]]) -> Vocabulary:
    """The texts of columns over several groups of files. One that may be any text in a group is left out; one that a group
    does not name is absent there, so null."""
    found = {name: [group[name] for group in groups if name in group] for group in groups for name in group}
    known = {name: joined(parts) for name, parts in found.items()}
    return {name: texts for name, texts in known.items() if texts is not None and len(texts) <= FEW}


def everywhere(files: Sequence[Vocabulary]) -> Vocabulary:
    """The texts of the columns that have few in each of the files."""
    names = set(files[0]).intersection(*files[1:]) if files else set()
    return common([{name: texts[name] for name in names} for texts in files])


def enum(connection: duckdb.DuckDBPyConnection, texts: frozenset[str]) -> str:
    """The ENUM of these texts, which the current schema has from now on. In binary order, so that it compares as they do."""
    ordered = sorted(texts, key=str.encode)
    name = "words_" + md5("\0".join(ordered).encode(), usedforsecurity=False).hexdigest()
    connection.execute(f"create type if not exists {name} as enum ({', '.join(map(literal, ordered))})")
    return name


def looked_up(connection: duckdb.DuckDBPyConnection, value: str, texts: frozenset[str]) -> str:
    """SQL for this connection: a text of a scan, one of these, as their ENUM; null where it is ''."""
    if not texts:
        return "null::VARCHAR"
    listed, kind = "[" + ", ".join(map(literal, sorted(texts))) + "]", enum(connection, texts)
    # A variable: the map written out would be parsed and folded again by every statement that reads the view.
    connection.execute(f"set variable {kind} = map({listed}, {listed}::{kind}[])")
    return f"getvariable({literal(kind)})[{value}]"


def replaced(connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> dict[str, str]:
    """Columns of a scan → SQL of each as an ENUM."""
    found = {name: texts for name, texts in vocabulary.items() if 0 < len(texts) <= FEW}
    return {name: looked_up(connection, identifier(name), texts) for name, texts in found.items()}


def every_column(instead: Mapping[str, str]) -> str:
    """SQL: all columns of a scan, with other values for some."""
    values = ", ".join(f"{value} as {identifier(name)}" for name, value in instead.items())
    return f"* replace ({values})" if values else "*"


def narrowed(connection: duckdb.DuckDBPyConnection, value: str, texts: frozenset[str]) -> str:
    """SQL: a text that is one of these as their ENUM. Fails where it is another."""
    return f"{value}::{enum(connection, texts)}" if texts else "null::VARCHAR"


def narrow_table(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Texts]:
    """Turn the texts of a temporary table into ENUMs where they are few; its columns, and the texts that each can hold."""
    columns = {row[0]: row[1] for row in connection.execute(f"describe {identifier(name)}").fetchall()}
    found: dict[str, Texts] = dict.fromkeys(columns)
    for column in (c for c, kind in columns.items() if kind == "VARCHAR"):
        distinct = f"select distinct {identifier(column)} from {identifier(name)} limit {FEW_CAST + 2}"
        texts = frozenset(row[0] for row in connection.execute(distinct).fetchall() if row[0] is not None)
        found[column] = texts if len(texts) <= FEW_CAST else None
    casts = {column: narrowed(connection, identifier(column), texts) for column, texts in found.items() if texts}
    if casts:
        table = identifier(name)
        connection.execute(f"create or replace temp table {table} as select {every_column(casts)} from {table}")
    return found


def values_of(kind: DuckDBPyType) -> frozenset[str]:
    """The texts of an ENUM."""
    ((_, values),) = kind.children
    return frozenset(values) if isinstance(values, list) else frozenset()


def as_stored(value: str, given: str, kind: str) -> str:
    """SQL: a value of type `given` as a stored column of type `kind`; an ENUM is written as the text that it stands for."""
    return value if kind == "VARCHAR" and given.startswith("ENUM(") else f"{value}::{kind}"
