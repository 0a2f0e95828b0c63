"""From paths to files: folders, globs and ZIP archives, with what was passed over and why."""

from __future__ import annotations

import glob
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from finops.errors import InputError
from finops.intake.text import CHUNK, bounded

DATA_SUFFIXES = {".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".gz", ".zip", ".avro", ".orc", ".xlsx"}
PASSED_OVER_NAMES = ("readme", "license", "notice", "changelog")
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
MAX_MEMBERS = 10_000
"""Files in one ZIP archive; exports hold at most a few hundred parts."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file: `path` is where it is read, `shown` what the user calls it, `root` the folder that a manifest may not leave."""

    path: Path
    shown: str
    root: Path


@dataclass(slots=True)
class Discovery:
    """What the paths hold. `passed_over`: file and reason; `refused`: every error, not only the first."""

    files: list[Found] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    refused: list[InputError] = field(default_factory=list)


def discover(paths: Iterable[str | Path], scratch: Path) -> Discovery:
    """All files under `paths`, in name order, each once; archives are unpacked into `scratch`."""
    found = Discovery()
    seen: set[Path] = set()
    for given in paths:
        for path in _expanded(str(given), found):
            root = path if path.is_dir() else path.parent
            for file in _walk(path, found):
                if (real := file.resolve()) not in seen:
                    seen.add(real)
                    _take(Found(file, str(file), root), found, scratch)
    return found


def _expanded(given: str, found: Discovery) -> list[Path]:
    if Path(given).exists():
        return [Path(given)]
    matches = sorted(glob.glob(given, recursive=True)) if glob.has_magic(given) else []  # noqa: PTH207 — absolute patterns
    if not matches:
        what = "the pattern matches no file" if glob.has_magic(given) else "there is no such file or folder"
        found.refused.append(InputError(what, where=given, hint="check the path; quote patterns so that the shell leaves them"))
    return [Path(match) for match in matches]


def _walk(path: Path, found: Discovery) -> list[Path]:
    if path.is_file():
        return [path]
    files = []
    for inner in sorted(path.rglob("*")):
        if not inner.is_file():
            continue
        reason = _passed_over(inner.relative_to(path))
        if reason:
            found.passed_over.append((str(inner), reason))
        else:
            files.append(inner)
    if not files:
        found.refused.append(InputError("the folder holds no data file", where=str(path), hint="CSV, Parquet or JSON lines"))
    return files


def _passed_over(relative: Path) -> str:
    if any(part.startswith((".", "_")) for part in relative.parts):
        return "hidden, or a marker of the export"
    if relative.name.lower().startswith(PASSED_OVER_NAMES):
        return "documentation"
    return "" if relative.suffix.lower() in DATA_SUFFIXES else "no data file"


def _take(file: Found, found: Discovery, scratch: Path) -> None:
    with file.path.open("rb") as stream:
        magic = stream.read(4)
    if magic not in ZIP:
        found.files.append(file)
        return
    try:
        found.files.extend(_members(file, scratch))
    except InputError as error:
        found.refused.append(error)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        found.refused.append(InputError(f"the ZIP archive is damaged ({error})", where=file.shown, hint="download it again"))


def _members(archive: Found, scratch: Path) -> list[Found]:
    with zipfile.ZipFile(archive.path) as opened:
        infos = [info for info in opened.infolist() if not info.is_dir()]
        if len(infos) > MAX_MEMBERS:
            raise InputError(f"the archive holds {len(infos)} files", where=archive.shown, hint="unpack it")
        names = [(info, PurePosixPath(info.filename)) for info in infos]
        kept = [(info, name) for info, name in names if not any(p.startswith((".", "__")) and p != ".." for p in name.parts)]
        if not kept:
            raise InputError("the archive holds no file", where=archive.shown, hint="export it again")
        for info, name in kept:
            if name.is_absolute() or ".." in name.parts or "\\" in info.filename:
                what = f"the member `{info.filename}` points outside the archive"
                raise InputError(what, where=archive.shown, hint="do not load it")
        folder = scratch / f"zip{len(list(scratch.iterdir())):04d}"
        folder.mkdir()
        count = 0
        members = []
        for number, (info, name) in enumerate(kept):
            target = folder / f"{number:06d}"
            shown = f"{archive.shown}/{name}"
            count = _unpack(opened, info, target, shown, count, archive)
            members.append(Found(target, shown, folder))
        return members


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, shown: str, count: int, archive: Found) -> int:
    packed = archive.path.stat().st_size
    with opened.open(info) as source, target.open("wb") as out:
        while chunk := source.read(CHUNK):
            if out.tell() == 0 and chunk[:4] in ZIP:
                raise InputError("is an archive inside an archive", where=shown, hint="unpack the outer one first")
            count += len(chunk)
            bounded(count, packed, archive.shown)
            out.write(chunk)
    return count
