"""Manifests: which files make the current edition of an export, and whether they are all there and whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from finops.connect import Manifest, ManifestFile, ReadManifest
from finops.errors import InputError
from finops.intake.discover import Found
from finops.intake.sniff import document


@dataclass(frozen=True, slots=True)
class Promised:
    """What a manifest says of one file that is there."""

    export: str
    manifest: str
    rows: int | None
    header: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Selection:
    """The data files that count, what their manifests promise, what was passed over, and every error."""

    files: list[Found] = field(default_factory=list)
    promised: dict[Path, Promised] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)  # export → the rows that its manifest promises for all files
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    refused: list[InputError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A manifest and the files that it resolves to."""

    found: Found
    manifest: Manifest


def select(files: Sequence[Found], readers: Iterable[ReadManifest]) -> Selection:
    """Keep the files of each export's highest edition; files that no manifest names are kept as they are."""
    readers = tuple(readers)
    listed: list[_Listed] = []
    data: list[Found] = []
    for found in files:
        manifest = _read(found, readers)
        if manifest is None:
            data.append(found)
        else:
            listed.append(_Listed(found, manifest))
    chosen = Selection()
    current, dropped = _editions(listed, chosen)
    for entry in current:
        _resolve(entry, chosen)
    superseded = _superseded(current, dropped, chosen)
    kept = {found.path.resolve(): found for found in chosen.files}
    for found in data:
        if found.path.resolve() in kept:
            continue
        if any(_lies_in(found, fragment) for fragment in superseded):
            chosen.passed_over.append((found.shown, "superseded by a later edition of its export"))
        else:
            chosen.files.append(found)
    return chosen


def _read(found: Found, readers: tuple[ReadManifest, ...]) -> Manifest | None:
    parsed = document(found.path)
    if parsed is None:
        return None
    return next((manifest for read in readers if (manifest := read(parsed, found.shown)) is not None), None)


def _editions(listed: list[_Listed], chosen: Selection) -> tuple[list[_Listed], list[_Listed]]:
    """The highest edition of each export, and the earlier ones. Copies of one manifest count once."""
    exports: dict[str, list[_Listed]] = defaultdict(list)
    for entry in listed:
        exports[entry.manifest.export].append(entry)
    current: list[_Listed] = []
    dropped: list[_Listed] = []
    for entries in exports.values():
        newest = max(entry.manifest.edition for entry in entries)
        highest = [entry for entry in entries if entry.manifest.edition == newest]
        current.append(highest[0])
        names = {file.uri for file in highest[0].manifest.files}
        chosen.refused += [_rivals(highest[0], o) for o in highest[1:] if {f.uri for f in o.manifest.files} != names]
        for entry in entries:
            if entry.manifest.edition != newest:
                dropped.append(entry)
                chosen.passed_over.append((entry.found.shown, f"an earlier edition than {highest[0].found.shown}"))
    return current, dropped


def _rivals(one: _Listed, other: _Listed) -> InputError:
    return InputError(
        f"and {other.found.shown} name different files for one edition of one export",
        where=one.found.shown,
        hint="keep the manifest of the current edition alone",
    )


def _resolve(entry: _Listed, chosen: Selection) -> None:
    manifest, shown = entry.manifest, entry.found.shown
    if not manifest.files:
        chosen.refused.append(InputError("the manifest names no file", where=shown, hint="the export is empty; run it again"))
    for promised in manifest.files:
        try:
            path = _place(entry.found, promised)
        except InputError as error:
            chosen.refused.append(error)
            continue
        size = path.stat().st_size
        if promised.bytes is not None and size != promised.bytes:
            chosen.refused.append(
                InputError(
                    f"the manifest promises {promised.bytes} bytes in {path.name}, there are {size}",
                    where=shown,
                    hint="download the file again; it is cut off or of another edition",
                )
            )
            continue
        if path.resolve() not in chosen.promised:
            chosen.files.append(Found(path, str(path), entry.found.root))
        chosen.promised[path.resolve()] = Promised(manifest.export, shown, promised.rows, manifest.header, manifest.facts)
    if manifest.rows is not None:
        chosen.totals[manifest.export] = manifest.rows


def _place(found: Found, promised: ManifestFile) -> Path:
    """The file that a key means: its longest suffix that is there, in the manifest's folder or above it, within the root."""
    root = found.root.resolve()
    parts = _parts(promised.uri)
    folder = found.path.resolve().parent
    if ".." in parts or "\\" in promised.uri:
        raise InputError(
            f"the manifest names a path outside its folder: {promised.uri}",
            where=found.shown,
            hint="do not load it; export again",
        )
    bases = [base for base in (folder, *folder.parents) if base == root or root in base.parents]
    for start in range(len(parts)):
        for base in bases:
            path = base.joinpath(*parts[start:])
            if path.is_file():
                if root not in path.resolve().parents:
                    raise InputError(
                        f"the manifest names a path outside its folder: {promised.uri} is a link to {path.resolve()}",
                        where=found.shown,
                        hint="load the folder that holds the file itself",
                    )
                return path
    raise InputError(
        f"the manifest names {promised.uri}, which is absent",
        where=found.shown,
        hint="download the whole export, then load its folder",
    )


def _parts(uri: str) -> tuple[str, ...]:
    if "://" in uri:  # scheme://bucket/key
        uri = uri.split("://", 1)[1].partition("/")[2]
    return tuple(part for part in PurePosixPath(uri.lstrip("/")).parts if part not in ("/", "."))


def _superseded(current: list[_Listed], dropped: list[_Listed], chosen: Selection) -> list[str]:
    fragments = [fragment for entry in current for fragment in entry.manifest.superseded]
    for entry in dropped:
        for promised in entry.manifest.files:
            try:
                path = _place(entry.found, promised)
            except InputError:
                continue  # an earlier edition need not be there any more
            if path.resolve() not in chosen.promised:
                fragments.append(str(path))
    return fragments


def _lies_in(found: Found, fragment: str) -> bool:
    wanted = PurePosixPath(fragment.strip("/")).parts
    parts = tuple(part for part in found.path.resolve().parts if part != "/")
    return any(parts[i : i + len(wanted)] == wanted for i in range(len(parts) - len(wanted) + 1))
