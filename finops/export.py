"""The bill as FOCUS files: one a provider and billing period."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from finops import focus
from finops.errors import ConfigError
from finops.warehouse import export

Container: TypeAlias = Literal["parquet", "csv"]


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file as it was written."""

    file: str
    provider: str
    period: str
    version: str
    rows: int
    bytes: int


def export_focus(
    reader: export.Bill, out: Path, version: str = focus.CANONICAL, container: Container = "parquet"
) -> list[ExportedFile]:
    """Write every provider's every period. A file appears under its name when it is whole; one of that name is replaced.

    Values are the bill's own, also where a spreadsheet would take a cell for a formula: the files are data.
    Raises ConfigError where `out` cannot be written.
    """
    if version not in focus.VERSIONS:
        raise ConfigError(f"FOCUS {version} is not known", hint=", ".join(focus.VERSIONS))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot be written to ({error.strerror})", where=str(out), hint="--out names a folder") from None
    names: set[str] = set()
    written = []
    for provider, sources, period in export.units(reader.connection):
        path = out / _name(provider, period, version, container, names)
        schema, batches = export.batches(reader.connection, sources, period, version, text=container == "csv")
        rows = _write(path, schema, batches, container)
        written.append(ExportedFile(str(path), provider, period, version, rows, path.stat().st_size))
    return written


def _name(provider: str, period: str, version: str, container: str, taken: set[str]) -> str:
    """Letters, digits and hyphens alone: a provider's name comes from the bill and may hold anything."""
    words = "-".join(re.findall(r"[a-z0-9]+", provider.lower())) or "provider"
    stem = f"focus-{version}_{words}_{'-'.join(re.findall(r'[0-9]+', period)) or 'period'}"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return f"{name}.{container}"


def _write(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch], container: Container) -> int:
    rows = 0
    partial = path.with_name(f".{path.name}.part")
    writer: pa.parquet.ParquetWriter | pa.csv.CSVWriter
    if container == "csv":
        writer = pa.csv.CSVWriter(partial, schema, write_options=pa.csv.WriteOptions(quoting_style="needed"))
    else:
        writer = pa.parquet.ParquetWriter(partial, schema, compression="zstd")
    with writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    partial.replace(path)
    return rows
