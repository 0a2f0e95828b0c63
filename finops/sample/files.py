"""Files whose bytes depend on their content alone: fixed writer settings, no times, sorted keys."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
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
    """One row group, zstd, dictionaries: the same rows give the same bytes under one version of pyarrow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    table = pa.table([pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=9,
        version="2.6",
        store_schema=False,
        write_statistics=False,
        use_dictionary=True,
        row_group_size=max(len(rows), 1),
    )


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
