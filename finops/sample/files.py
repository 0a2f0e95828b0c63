"""Files whose bytes depend on their content alone: fixed writer settings, no times, sorted keys."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], *, bom: bool = False) -> None:
    """UTF-8, one header row, LF; None as an empty field; compressed where the name ends in `.gz`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    _write(path, text.getvalue().encode("utf-8-sig" if bom else "utf-8"))


def write_json_lines(path: Path, rows: Iterable[Any]) -> None:
    _write(path, "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode())


def write_json(path: Path, document: Any) -> None:
    _write(path, (json.dumps(document, indent=2) + "\n").encode())


def write_parquet(path: Path, rows: Sequence[Sequence[object]], schema: pa.Schema) -> None:
    """Zstd, dictionaries: the same rows give the same bytes under one version of pyarrow."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    write_table(path, pa.table([pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema))


ROW_GROUP = 122_880
"""Rows, as the engine writes them: it reads the row groups of a file in parallel, as those of a real export."""


def write_table(path: Path, table: pa.Table, encodings: Mapping[str, str] | None = None) -> None:
    """As `write_parquet`; columns named in `encodings` are written so, all others with a dictionary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = dict(encodings or {})
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=9,
        version="2.6",
        store_schema=False,
        write_statistics=False,
        use_dictionary=[name for name in _leaves(table.schema) if name not in own] if own else True,
        column_encoding=own or None,
        row_group_size=ROW_GROUP,
    )


def _leaves(schema: pa.Schema) -> list[str]:
    """Parquet's names of the columns: those of a map are its keys and its values."""
    parts = ("key_value.key", "key_value.value")
    return [f"{f.name}.{part}" if part else f.name for f in schema for part in (parts if pa.types.is_map(f.type) else ("",))]


def compact(value: object) -> str:
    """Canonical JSON text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        buffer = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as file:
            file.write(content)
        content = buffer.getvalue()
    path.write_bytes(content)
