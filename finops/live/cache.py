"""What was fetched, on disk: export files by their content's tag, pages of rows as Parquet in the open format.

A part is there whole or not at all: it is written beside its place and renamed. Blobs stay, so that another mapping is staged
without a download; rows stay until they are loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from finops.connect import Blob, Rows
from finops.errors import RetriableError, SourceError
from finops.tables import MONEY, Table
from finops.window import Window

FOLDER = "_fetched"
INDEX = "index.json"
NOTHING = ""
"""Instead of a checksum: of a blob of unknown size that turned out to have no content, such as a month without charges."""

FILES = "files"
"""The folder of an export's files, as its manifest names them; nothing else lies in it."""

TYPES = {
    "VARCHAR": pa.string(),
    MONEY: pa.decimal128(38, 12),
    "DOUBLE": pa.float64(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    "DATE": pa.date32(),
}
STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of one stream of one source."""

    folder: Path

    @classmethod
    def of(cls, root: Path, source: str, stream: str, place: str = "") -> Shelf:
        return cls(Path(root, FOLDER, slug(source), slug(stream), *([slug(place)] if place else ())))

    def begun(self) -> list[Window]:
        """Windows of which an earlier run left parts."""
        names = (path.name for path in self.folder.iterdir() if path.is_dir()) if self.folder.is_dir() else ()
        found = (re.fullmatch(r"(\d{8}T\d{6}Z)-(\d{8}T\d{6}Z)", name) for name in names)
        return [Window(_time(match[1]), _time(match[2])) for match in found if match]

    def window(self, window: Window) -> Path:
        return self.folder / f"{window.start:{STAMP}}-{window.end:{STAMP}}"

    def forget(self, keep: list[Window]) -> None:
        """Remove windows of earlier runs that nobody asks for any more."""
        for window in self.begun():
            if window not in keep:
                shutil.rmtree(self.window(window))

    def rows(self, window: Window, part: str) -> Path:
        return self.window(window) / f"{slug(part)}.parquet"

    def export(self, part: str) -> Path:
        return self.folder / slug(part)


def slug(name: str) -> str:
    """A file name that says what it is, and that no two names share."""
    return f"{re.sub(r'[^A-Za-z0-9.=-]+', '-', name)[:80].strip('.-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def store_rows(target: Path, table: Table, pages: Iterator[Rows], at: datetime) -> int:
    """Write pages as one Parquet file, whole or not at all; the number of rows. An existing file is kept as it is.

    Raises SourceError where a page has a column that the table lacks, or a value of another type.
    """
    if target.exists():
        return int(pq.read_metadata(target).num_rows)
    schema = pa.schema([(name, TYPES[kind]) for name, kind in table.columns if name != "x_source"])
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    count = 0
    with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for page in pages:
            if page.values:
                writer.write_batch(_batch(page, schema, table))
                count += len(page.values)
    _settle(partial, target, at)
    return count


def _batch(page: Rows, schema: pa.Schema, table: Table) -> pa.RecordBatch:
    if unknown := [name for name in page.columns if name not in schema.names]:
        raise SourceError(
            f"a page has the column `{unknown[0]}`, which `{table.name}` lacks", hint="this is a defect of finops"
        )
    given = dict(zip(page.columns, zip(*page.values, strict=True), strict=True))
    try:
        return pa.RecordBatch.from_arrays(
            [pa.array(given.get(field.name) or [None] * len(page.values), type=field.type) for field in schema], schema=schema
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceError(f"a page of `{table.name}` has a value of another type ({error})") from None


def store_blobs(folder: Path, blobs: Iterator[Blob], at: datetime) -> Path:
    """Fetch the blobs whose tag is not there yet; remove what the export no longer names. The folder of the files."""
    held = _index(folder)
    kept: dict[str, dict[str, object]] = {}
    for blob in blobs:
        target = _place(folder, blob.path)
        entry = held.get(blob.path)
        if entry is None or entry["tag"] != blob.tag or not (target.exists() or entry["sha256"] == NOTHING):
            entry = {"tag": blob.tag, "sha256": _fetch(blob, folder / "partial", target, at)}
        kept[blob.path] = entry
        _write_index(folder, held | kept)
    for path in held.keys() - kept.keys():
        _place(folder, path).unlink(missing_ok=True)
    _write_index(folder, kept)
    return folder / FILES


def tags(folder: Path) -> set[tuple[str, str]]:
    """(path, tag) of the blobs that are there."""
    return {
        (path, str(entry["tag"]))
        for path, entry in _index(folder).items()
        if entry["sha256"] == NOTHING or _place(folder, path).exists()
    }


def checksums(folder: Path) -> dict[str, str]:
    """Path below the folder → SHA-256 of the content, of what has any."""
    return {path: str(entry["sha256"]) for path, entry in _index(folder).items() if entry["sha256"] != NOTHING}


def _fetch(blob: Blob, partial: Path, target: Path, at: datetime) -> str:
    """Stream one blob to its place; the SHA-256 of its content. A connection that breaks is taken up where it broke."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with partial.open("wb") as out:
        for attempt in range(ATTEMPTS):
            try:
                for chunk in blob.read(out.tell()):
                    out.write(chunk)
                    digest.update(chunk)
                break
            except RetriableError:
                if attempt == ATTEMPTS - 1:
                    raise
        if blob.size is not None and out.tell() != blob.size:
            what = f"{blob.path} has {blob.size:,} bytes, {out.tell():,} came"
            raise RetriableError(what, hint="run the load again")
        empty = blob.size is None and out.tell() == 0
    if empty:
        partial.unlink()
        target.unlink(missing_ok=True)
        return NOTHING
    _settle(partial, target, at)
    return digest.hexdigest()


ATTEMPTS = 4
"""Times that a broken download is taken up again, beside the SDK's own retries of each request."""


def _settle(partial: Path, target: Path, at: datetime) -> None:
    os.utime(partial, (at.timestamp(), at.timestamp()))  # coverage takes a file's time for the time of fetching
    partial.rename(target)


def _place(folder: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or not path.isprintable():
        raise SourceError(f"the export names a path outside its folder: {path!r}", hint="do not load it; export again")
    return folder.joinpath(FILES, *parts)


def _index(folder: Path) -> dict[str, dict[str, object]]:
    file = folder / INDEX
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _write_index(folder: Path, entries: dict[str, dict[str, object]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{INDEX}.part"
    partial.write_text(json.dumps(entries, indent=1), "utf-8")
    partial.rename(folder / INDEX)


def _time(text: str) -> datetime:
    return datetime.strptime(text, STAMP).replace(tzinfo=UTC)
