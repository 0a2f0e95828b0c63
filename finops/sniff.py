"""What a file is, from its first bytes: container, header, first rows."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from finops.connect import Sniff
from finops.errors import InputError

SAMPLE_ROWS = 20


def sniff(path: Path) -> Sniff:
    """Raises InputError where the content is no CSV, Parquet or JSON lines."""
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise InputError("the file is empty", where=str(path), hint="export it again; an empty month still has a header")
    if magic == b"PAR1":
        return _parquet(path)
    with _opened(path, magic) as file:
        head = file.read(1 << 20)
    text = head.decode("utf-8-sig")
    return _json_lines(path, text) if text.lstrip().startswith("{") else _csv(path, text)


def _opened(path: Path, magic: bytes) -> BinaryIO:
    return gzip.open(path, "rb") if magic[:2] == b"\x1f\x8b" else path.open("rb")  # type: ignore[return-value]


def _csv(path: Path, text: str) -> Sniff:
    rows = list(itertools.islice(csv.reader(io.StringIO(text)), SAMPLE_ROWS + 1))
    header = tuple(rows[0])
    sample = tuple(dict(zip(header, row, strict=False)) for row in rows[1:])
    return Sniff(str(path), "csv", header, dict.fromkeys(header, "VARCHAR"), {h: (h,) for h in header}, sample)


def _parquet(path: Path) -> Sniff:
    schema = pq.read_schema(path)
    paths: dict[str, tuple[str, ...]] = {}
    types: dict[str, str] = {}
    for field in schema:
        for parts, kind in _leaves(field.name, field.type):
            paths[".".join(parts)] = parts
            types[".".join(parts)] = kind
    return Sniff(str(path), "parquet", tuple(paths), types, paths)


def _leaves(name: str, kind: pa.DataType) -> list[tuple[tuple[str, ...], str]]:
    if pa.types.is_struct(kind):
        return [((name, *parts), t) for inner in kind for parts, t in _leaves(inner.name, inner.type)]
    if pa.types.is_map(kind):
        return [((name,), "MAP")]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [((name,), "LIST[]")]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [((name,), "VARCHAR")]
    return [((name,), str(kind).upper())]


def _json_lines(path: Path, text: str) -> Sniff:
    paths: dict[str, tuple[str, ...]] = {}
    sample = []
    for line in text.splitlines()[:SAMPLE_ROWS]:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        flat = dict(_flat((), row))
        paths.update({".".join(parts): parts for parts in flat})
        sample.append({".".join(parts): _text(value) for parts, value in flat.items()})
    return Sniff(str(path), "jsonl", tuple(paths), dict.fromkeys(paths, "JSON"), paths, tuple(sample))


def _flat(prefix: tuple[str, ...], value: object) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and (value or not prefix):
        return [leaf for key, inner in value.items() for leaf in _flat((*prefix, key), inner)]
    return [(prefix, value)]


def _text(value: object) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)
