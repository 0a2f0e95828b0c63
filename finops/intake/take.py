"""Taking a delivery in: every file discovered, checked, recognised, profiled; every reason for refusing it collected."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from finops.connect import Format, ReadManifest
from finops.errors import InputError, Refused
from finops.intake.detect import detect
from finops.intake.discover import Found, discover
from finops.intake.landing import examined
from finops.intake.manifests import Promised, Selection, select
from finops.intake.sniff import Seen, look
from finops.intake.units import Delivered, exports, rivals, stem, with_exports, without_twins
from finops.warehouse.checks import Connection, Control, controls, reading, repeated, roles, row_counts
from finops.warehouse.raw import RawFile

Tell: TypeAlias = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Taken:
    """A sound delivery."""

    files: tuple[Delivered, ...]
    passed_over: tuple[tuple[str, str], ...]


def take(
    connection: Connection,
    paths: Sequence[str | Path],
    formats: Sequence[Format],
    manifests: Sequence[ReadManifest],
    scratch: Path,
    tell: Tell,
) -> Taken:
    """Raises Refused with every reason at once; nothing is written but into `scratch`."""
    inbox, parsed = scratch / "in", scratch / "parsed"
    inbox.mkdir()
    parsed.mkdir()
    discovery = discover(paths, inbox)
    chosen = select(discovery.files, manifests)
    refused = [*discovery.refused, *chosen.refused]
    passed_over = [*discovery.passed_over, *chosen.passed_over]
    recognised = _recognised(chosen, formats, parsed, refused)
    kept = _without_empty(recognised, refused, passed_over)
    files: list[Delivered] = []
    for number, (found, seen, fmt) in enumerate(kept, start=1):
        tell(f"reading {seen.shown} ({number} of {len(kept)})")
        try:
            file, wrong = _delivered(connection, found, seen, fmt, chosen.promised.get(found.path.resolve()), parsed)
        except InputError as error:
            refused.append(error)
            continue
        files.append(file)  # a wrong one too: it may be a rival
        refused += [wrong] if wrong else []
    files, twins = without_twins(with_exports(files))
    passed_over += twins
    refused += _promises(files, chosen) + rivals(files)
    if not refused:
        refused += _snapshots(connection, files, tell)
    if refused:
        raise Refused(refused)
    return Taken(tuple(files), tuple(passed_over))


def _recognised(
    chosen: Selection, formats: Sequence[Format], parsed: Path, refused: list[InputError]
) -> list[tuple[Found, Seen, Format]]:
    recognised = []
    for found in chosen.files:
        promised = chosen.promised.get(found.path.resolve())
        try:
            seen = look(found.path, found.shown, parsed, promised.header if promised else ())
            seen = replace(seen, facts=promised.facts) if promised else seen
            recognised.append((found, seen, detect(seen, formats)))
        except InputError as error:
            refused.append(error)
    return recognised


def _without_empty(
    files: list[tuple[Found, Seen, Format]], refused: list[InputError], passed_over: list[tuple[str, str]]
) -> list[tuple[Found, Seen, Format]]:
    """A part without rows is normal beside parts that have some; a delivery without rows is a failed export."""
    alike: dict[tuple[str, str, str], bool] = defaultdict(bool)
    for _, seen, fmt in files:
        alike[_family(seen, fmt)] |= not seen.empty
    kept = []
    for found, seen, fmt in files:
        if not seen.empty:
            kept.append((found, seen, fmt))
        elif alike[_family(seen, fmt)]:
            passed_over.append((seen.shown, "a part without rows"))
        else:
            refused.append(
                InputError(
                    f"no rows: the file ({fmt.title}) has a header and nothing else",
                    where=seen.shown,
                    hint="export a month that has charges, or leave the file out",
                )
            )
    return kept


def _family(seen: Seen, fmt: Format) -> tuple[str, str, str]:
    return (fmt.name, str(Path(seen.shown).parent), stem(seen.shown))


def _delivered(
    connection: Connection, found: Found, seen: Seen, fmt: Format, promised: Promised | None, scratch: Path
) -> tuple[Delivered, InputError | None]:
    raw, wrong = examined(connection, fmt, seen, scratch)
    with reading(seen.shown):
        rows = row_counts(connection, [raw]).get(raw.scan, 0)
        own = _units(connection, fmt, raw, wrong)
        role = "" if wrong else roles(connection, fmt, [raw]).get(raw.scan, "")
    if fmt.profile and (lost := [c for c in own if not c.period]):
        raise InputError(
            f"{lost[0].rows} rows name no billing period",
            where=seen.shown,
            hint="export the column of the period or of the date",
        )
    with found.path.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256").hexdigest()
    file = Delivered(
        seen=seen,
        fmt=fmt,
        version=fmt.version(seen.sniff),
        raw=raw,
        rows=rows,
        checksum=checksum,
        modified=found.path.stat().st_mtime,
        controls=tuple(own),
        role=role,
        export=f"manifest {promised.export}" if promised else "",
        manifest=promised.manifest if promised else "",
    )
    return file, wrong


def _units(connection: Connection, fmt: Format, raw: RawFile, wrong: InputError | None) -> list[Control]:
    """The file's totals; of a file with wrong values the units, where they can be read in spite of them."""
    if wrong is None:
        return controls(connection, fmt, [raw])
    try:
        with reading(""):
            return controls(connection, fmt, [raw], exact=False)
    except InputError:
        return []


def _promises(files: Sequence[Delivered], chosen: Selection) -> list[InputError]:
    """Row counts against the manifests: file by file, and for the whole export."""
    refused = []
    promised = {str(path): p for path, p in chosen.promised.items()}
    whole: dict[str, int] = defaultdict(int)
    for file in files:
        mine = promised.get(str(Path(file.shown).resolve()))
        if mine is None:
            continue
        whole[mine.export] += file.rows
        if mine.rows is not None and mine.rows != file.rows:
            refused.append(_short(f"{Path(file.shown).name}", mine.rows, file.rows, mine.manifest))
    for export, rows in chosen.totals.items():
        if export in whole and whole[export] != rows:
            name = next(p.manifest for p in chosen.promised.values() if p.export == export)
            refused.append(_short("all files", rows, whole[export], name))
    return refused


def _short(what: str, promised: int, rows: int, manifest: str) -> InputError:
    return InputError(
        f"the manifest promises {promised:,} rows in {what}, there are {rows:,}",
        where=manifest,
        hint="download the whole export again",
    )


def _snapshots(connection: Connection, files: Sequence[Delivered], tell: Tell) -> list[InputError]:
    """Files that look like parts of one export but repeat each other's lines; a manifest's own parts are believed."""
    refused = []
    for parts in exports(files).values():
        if len(parts) < 2 or parts[0].manifest or not parts[0].fmt.profile:
            continue
        tell(f"comparing the {len(parts)} parts of {stem(parts[0].shown)}")
        names = {part.raw.scan: part.shown for part in parts}
        for one, other, share in repeated(connection, parts[0].fmt, [part.raw for part in parts]):
            refused.append(
                InputError(
                    f"and {names[other]} share {share:.0%} of the smaller one's rows: exports of one month, not its parts",
                    where=names[one],
                    hint="load the latest of them alone",
                )
            )
    return refused
