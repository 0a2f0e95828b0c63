"""What a file is, from its content: container, delimiter, header, first rows."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finops.connect import Sniff
from finops.errors import InputError
from finops.intake.text import MAX_CELL, plain_text

SAMPLE_ROWS = 20
HEAD = 1 << 20
DELIMITERS = ",;\t|"
MAX_DOCUMENT = 64 << 20
"""Bytes of a JSON document that may be a manifest; real ones stay below 1 MB."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A sniffed file: `path` is what is read (plain UTF-8 text or Parquet), `shown` what the reader calls it.

    headed  a CSV file's first record is its header; else its manifest names the columns
    facts   what its manifest says of every row
    """

    path: Path
    shown: str
    sniff: Sniff
    empty: bool
    delimiter: str = ","
    headed: bool = True
    facts: tuple[tuple[str, str], ...] = ()


def look(path: Path, shown: str, scratch: Path, header: tuple[str, ...] = ()) -> Seen:
    """Raises InputError where the content is no sound CSV, Parquet or JSON lines. `header`: of a CSV file without one."""
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise InputError("the file is empty", where=shown, hint="export it again; an empty month still has a header")
    if magic == b"PAR1":
        return _parquet(path, shown)
    text = plain_text(path, shown, scratch).path
    with text.open("rb") as file:
        head = file.read(HEAD).decode("utf-8-sig", errors="ignore")  # checked above; the last character may be cut
    if not head.strip():
        raise InputError("the file holds nothing but blanks", where=shown, hint="export it again")
    if head.lstrip().startswith("{"):
        return _json_lines(text, shown)
    if head.lstrip().startswith("["):
        raise InputError("is a JSON array", where=shown, hint="write one JSON object a line: jq -c '.[]' FILE > FILE.jsonl")
    return _csv(text, shown, head, header)


def document(path: Path) -> object | None:
    """The file as one JSON object, None where it is none (or JSON lines of several)."""
    with path.open("rb") as file:
        if not file.read(HEAD).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or path.stat().st_size > MAX_DOCUMENT:
            return None
    try:
        parsed = json.loads(path.read_text("utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _csv(path: Path, shown: str, head: str, promised: tuple[str, ...]) -> Seen:
    delimiter = _delimiter(head)
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    try:
        rows = [row for row in itertools.islice(reader, SAMPLE_ROWS + 2) if row]
    except csv.Error as error:
        raise InputError(f"the header is no CSV ({error})", where=shown, hint="UTF-8, one header row") from None
    headed = not promised or {cell.lower() for cell in rows[0]} == {name.lower() for name in promised}
    if not headed:
        rows = [list(promised), *rows]
    header = tuple(rows[0])
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(header) if name == twice[0]]
        raise InputError(
            f"line 1: the header names `{twice[0]}` twice (columns {' and '.join(places)})",
            where=shown,
            hint="remove or rename one of the columns",
        )
    sample = tuple(dict(zip(header, (cell or None for cell in row), strict=False)) for row in rows[1 : SAMPLE_ROWS + 1])
    sniff = Sniff(str(path), "csv", header, dict.fromkeys(header, "VARCHAR"), {h: (h,) for h in header}, sample)
    return Seen(path, shown, sniff, len(rows) == 1, delimiter, headed)


def _delimiter(head: str) -> str:
    """The delimiter that cuts the header into most fields; a comma where none does."""
    first = next((line for line in head.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda d: len(next(csv.reader([first], delimiter=d), [])))


def _parquet(path: Path, shown: str) -> Seen:
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"the Parquet file is cut off or damaged ({str(error).splitlines()[0]})", where=shown, hint="download it again"
        ) from None
    paths: dict[str, tuple[str, ...]] = {}
    types: dict[str, str] = {}
    for field in schema:
        for parts, kind in _leaves(field.name, field.type):
            paths[".".join(parts)] = parts
            types[".".join(parts)] = kind
    return Seen(path, shown, Sniff(str(path), "parquet", tuple(paths), types, paths), footer.num_rows == 0)


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


def _json_lines(path: Path, shown: str) -> Seen:
    paths: dict[str, tuple[str, ...]] = {}
    sample = []
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(itertools.islice((line for line in file if line.strip()), SAMPLE_ROWS), start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    f"line {number} is no JSON object ({error.msg}), and the file is no manifest that a connector knows",
                    where=shown,
                    hint="one JSON object a line: jq -c . FILE > FILE.jsonl",
                ) from None
            if not isinstance(row, dict):
                raise InputError(f"line {number} is no JSON object", where=shown, hint="one JSON object a line")
            flat = dict(_flat((), row))
            paths.update({".".join(parts): parts for parts in flat})
            sample.append({".".join(parts): _text(value) for parts, value in flat.items()})
    sniff = Sniff(str(path), "jsonl", tuple(paths), dict.fromkeys(paths, "JSON"), paths, tuple(sample))
    return Seen(path, shown, sniff, False)


def _flat(prefix: tuple[str, ...], value: object) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and (value or not prefix):
        return [leaf for key, inner in value.items() for leaf in _flat((*prefix, key), inner)]
    return [(prefix, value)]


def _text(value: object) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)
