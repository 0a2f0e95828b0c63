"""Text files as bytes: encoding, truncation, line ends and size are settled before anything parses them."""

from __future__ import annotations

import codecs
import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from finops.errors import InputError

CHUNK = 1 << 20
MAX_CELL = 10 * 1000 * 1000
"""Characters in one cell or line. The widest real ones (JSON of tags and details) stay below 100 kB (billing exports, 2026)."""

FREE_EXPANSION = 64 << 20
MAX_RATIO = 200
"""Expanded over packed bytes, counted past the first 64 MiB. Billing CSV packs 10 to 60 fold; deflate's bound is 1,032."""

MAX_EXPANDED = 512 << 30
"""Bytes that one archive may expand to: several times the largest monthly export that fits a disk of this engine's size."""

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Text:
    """A text file that is plain UTF-8 with \\n or \\r\\n line ends; `path` is the file itself or its unpacked copy."""

    path: Path


def plain_text(path: Path, shown: str, scratch: Path) -> Text:
    """Check the whole file and unpack it where it is gzip or has old Macintosh line ends. Raises InputError."""
    with path.open("rb") as file:
        head = file.read(CHUNK)
    packed = head[:2] == b"\x1f\x8b"
    if packed:
        with gzip.open(path, "rb") as file:
            head = _unpacked_head(file, shown)
    macintosh = b"\r" in head and b"\n" not in head
    if not (packed or macintosh):
        with path.open("rb") as file:
            for _ in _checked(file, shown):
                pass
        return Text(path)
    target = scratch / f"{len(list(scratch.iterdir())):06d}.txt"
    with target.open("wb") as out:
        for chunk in _checked(_Source(path, packed, shown), shown):
            out.write(chunk.replace(b"\r", b"\n") if macintosh else chunk)
    return Text(target)


def _unpacked_head(file: gzip.GzipFile, shown: str) -> bytes:
    try:
        return file.read(CHUNK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise broken_gzip(shown, error) from None


def broken_gzip(shown: str, error: Exception) -> InputError:
    return InputError(f"the gzip stream is cut off or damaged ({error})", where=shown, hint="download or export the file again")


class _Source:
    """The bytes of a file, unpacked; raises InputError where the stream ends early or expands without bound."""

    def __init__(self, path: Path, packed: bool, shown: str) -> None:
        self.file: BinaryIO = gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[assignment]  # noqa: SIM115 — closed at its end, by read
        self.size = path.stat().st_size
        self.packed = packed
        self.shown = shown
        self.count = 0

    def read(self, size: int) -> bytes:
        try:
            chunk = self.file.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise broken_gzip(self.shown, error) from None
        self.count += len(chunk)
        if self.packed:
            bounded(self.count, self.size, self.shown)
        if not chunk:
            self.file.close()
        return chunk


def bounded(expanded: int, packed: int, shown: str) -> None:
    """Raises InputError where an archive expands beyond what a billing export does."""
    if expanded > MAX_EXPANDED or (expanded > FREE_EXPANSION and expanded > MAX_RATIO * max(packed, 1)):
        raise InputError(
            f"the archive expands without bound (more than {expanded >> 20} MiB out of {packed >> 10} KiB)",
            where=shown,
            hint="unpack it yourself if you trust it, and load the folder",
        )


def _checked(file: BinaryIO | _Source, shown: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    line, column = 1, 0  # of the chunk's first byte
    first = True
    while chunk := file.read(CHUNK):
        if first and chunk[:2] in UTF16:
            raise _utf16(shown)
        first = False
        if (at := chunk.find(b"\0")) >= 0:
            raise _nul(shown, line + chunk.count(b"\n", 0, at), chunk)
        _decode(decoder, chunk, line, shown)
        yield chunk
        newlines = chunk.count(b"\n") or chunk.count(b"\r")
        line += newlines
        column = len(chunk) - 1 - max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) if newlines else column + len(chunk)
        if column > MAX_CELL:
            raise _too_long(shown, line)
    _decode(decoder, b"", line, shown, final=True)


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, line: int, shown: str, *, final: bool = False) -> None:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        at = line + error.object.count(b"\n", 0, error.start)
        raise InputError(
            f"line {at} is not UTF-8 (byte 0x{error.object[error.start]:02x}): the file looks like Latin-1 or Windows-1252",
            where=shown,
            hint="convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > FILE.utf8",
        ) from None


def _utf16(shown: str) -> InputError:
    hint = "convert it: iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8"
    return InputError("line 1 begins with a UTF-16 mark", where=shown, hint=hint)


def _nul(shown: str, line: int, chunk: bytes) -> InputError:
    if chunk.count(b"\0") > len(chunk) // 4:
        return InputError(
            f"line {line} holds NUL bytes at every other place: the file is UTF-16",
            where=shown,
            hint="convert it: iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8",
        )
    return InputError(f"line {line} holds a NUL byte", where=shown, hint="download or export the file again; it is damaged")


def _too_long(shown: str, line: int) -> InputError:
    return InputError(
        f"line {line} holds a cell of more than {MAX_CELL // 1_000_000} MB",
        where=shown,
        hint="a quote that is never closed, or no billing data; correct the line",
    )


def records(path: Path, delimiter: str, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Every CSV record with the line it begins at, blank lines left out: the slow and exact reading that explains an error."""
    csv.field_size_limit(MAX_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        before = 0
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "field larger" in str(error):
                    raise _too_long(shown, before + 1) from None
                raise InputError(
                    f"line {before + 1} begins a record that is not closed ({error})",
                    where=shown,
                    hint="the file is cut off or a quote is not doubled; export it again",
                ) from None
            if record:
                yield before + 1, record
            before = reader.line_num


def ragged(path: Path, delimiter: str, shown: str, columns: Sequence[str] = ()) -> InputError | None:
    """The first record that has not as many fields as the header, if there is one.

    Where most records lack the same last fields those columns are empty, and the rest is measured by them. A last record
    that is shorter than the others is where the file was cut off.
    """
    rows = records(path, delimiter, shown)
    header = list(columns) or next(rows)[1]
    widths: Counter[int] = Counter()
    first: dict[int, int] = {}  # fields → the first line that has so many
    last, fields = 0, 0
    for line, record in rows:
        last, fields = line, len(record)
        widths[fields] += 1
        first.setdefault(fields, line)
    common = max(widths, key=lambda width: (widths[width], width == len(header)), default=len(header))
    expected = common if common < len(header) and widths[common] > 1 else len(header)
    found = min(((line, width) for width, line in first.items() if width != expected), default=None)
    return _ragged(shown, *found, expected, len(header), cut=found == (last, fields) and fields < expected) if found else None


def _ragged(shown: str, line: int, fields: int, expected: int, header: int, *, cut: bool) -> InputError:
    named = f"the header has {header}" + (f", the other lines {expected}" if expected != header else "")
    return InputError(
        f"line {line} has {fields} fields, {named}" + (": the file is cut off" if cut else ""),
        where=shown,
        hint="download or export the file again" if cut else "correct the line: a delimiter inside a cell needs quotes",
    )


def line_of(path: Path, delimiter: str, column: int, values: set[str], shown: str, *, headed: bool = True) -> int | None:
    """The line of the first record whose cell in that column is one of `values`."""
    rows = records(path, delimiter, shown)
    if headed:
        next(rows)
    return next((line for line, record in rows if column < len(record) and record[column] in values), None)
