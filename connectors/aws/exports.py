"""Billing exports in S3: the newest manifest of each month, and the files that it names.

Layouts (Data Exports User Guide, "Understanding export delivery"; CUR User Guide, "Using your Amazon S3 bucket"; both read
2026-11-26). Below the export's own folder: Data Exports `metadata/BILLING_PERIOD=YYYY-MM/[<run>/]<export>-Manifest.json` beside
`data/`; legacy reports `<yyyymmdd>-<yyyymmdd>/<report>-Manifest.json` beside the folders of the assemblies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from connectors.aws.billing import MANIFESTS
from connectors.aws.failures import errors
from connectors.aws.session import Connection
from finops.connect import Blob, Manifest, Part, ReadManifest, Stream
from finops.errors import ConfigError, RetriableError, SourceError
from finops.window import Window

CHUNK = 1 << 20
ATTEMPTS = 3
DEPTH = 2
"""Folders below the given one in which exports are looked for: prefix, export."""

PERIOD = re.compile(r"BILLING_PERIOD=(\d{4}-\d{2})/|/(\d{4})(\d{2})\d{2}-\d{8}/")


@dataclass(frozen=True, slots=True)
class Export:
    """One month's manifest: `folder` is the export's own, with a slash at its end ('' at the bucket's top)."""

    bucket: str
    folder: str
    key: str
    tag: str


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part a month of each export, back to the month in which the window starts."""
    parts = []
    for uri in connection.settings.exports:
        bucket, prefix = location(uri)
        found = _months(connection, bucket, prefix)
        if not found:
            hint = "give the folder that holds `metadata` and `data`, or the months of a legacy report; new exports take a day"
            raise SourceError("there is no manifest of a billing export", where=uri, hint=hint)
        parts += [
            Part(key=f"{bucket}/{export.folder}{period}", calls=(("s3:GetObject", 2), ("s3:ListBucket", 1)), handle=export)
            for (_, period), export in sorted(found.items())
            if period >= f"{window.start:%Y-%m}"
        ]
    return parts


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Blob]:
    yield from named(connection, part.handle, MANIFESTS, "a billing export")


def named(connection: Connection, export: Export, readers: Iterable[ReadManifest], what_it_is: str) -> Iterator[Blob]:
    """The manifest, and its files with the tags that the bucket has for them now. Raises SourceError."""
    content = _manifest(connection, export)
    manifest = _read(export, content, readers, what_it_is)
    keys = {_key(file.uri, export) for file in manifest.files}
    listed: dict[str, dict[str, Any]] = {}
    for folder in sorted({key.rpartition("/")[0] for key in keys}):
        listed |= {entry["Key"]: entry for entry in objects(connection, export.bucket, f"{folder}/")}
    yield Blob(export.key[len(export.folder) :], export.tag, len(content), lambda start: iter((content[start:],)))
    for key in sorted(keys):
        if key not in listed:
            what = f"the manifest {export.key} names {key}, which is absent"
            raise SourceError(what, where=f"s3://{export.bucket}", hint="AWS may be writing it: run the load again later")
        yield _blob(connection, export, key, str(listed[key]["ETag"]), int(listed[key]["Size"]))


BILLING = Stream(
    name="billing",
    title="billing exports",
    table="charges",
    divided="export",
    permissions=("s3:ListBucket", "s3:GetObject"),
    plan=plan,
    fetch=fetch,
    reach_days=400,
    wanted=lambda settings: bool(settings.exports),
)


def first_manifest(connection: Connection, uri: str) -> list[Export]:
    """One manifest of what lies at this location, if there is any."""
    return list(_months(connection, *location(uri)).values())[-1:]


def location(uri: str, setting: str = "exports") -> tuple[str, str]:
    """Bucket and folder of a setting. Raises ConfigError."""
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]+)(?:/(.*?))?/?", uri)
    if not match:
        raise ConfigError(f"`{uri}` is no S3 location", where=setting, hint="s3://bucket/prefix/export")
    return match[1], f"{match[2]}/" if match[2] else ""


def _months(connection: Connection, bucket: str, folder: str, depth: int = DEPTH) -> dict[tuple[str, str], Export]:
    """(export's folder, month) → its newest manifest, in this folder or below it."""
    children = folders(connection, bucket, folder)
    names = {child[len(folder) :].rstrip("/") for child in children}
    if "metadata" in names:
        return _newest(bucket, folder, objects(connection, bucket, f"{folder}metadata/"))
    if dated := [child for child in children if PERIOD.search(f"/{child}")]:
        return _newest(bucket, folder, (entry for child in dated for entry in objects(connection, bucket, child, flat=True)))
    found: dict[tuple[str, str], Export] = {}
    for child in children if depth else ():
        found |= _months(connection, bucket, child, depth - 1)
    return found


def _newest(bucket: str, folder: str, entries: Iterable[dict[str, Any]]) -> dict[tuple[str, str], Export]:
    found: dict[tuple[str, str], tuple[Any, Export]] = {}
    for entry in entries:
        match = PERIOD.search(f"/{entry['Key']}")
        if not match or not entry["Key"].endswith("Manifest.json"):
            continue
        key = (folder, match[1] or f"{match[2]}-{match[3]}")
        export = Export(bucket, folder, entry["Key"], str(entry["ETag"]))
        if key not in found or entry["LastModified"] > found[key][0]:
            found[key] = (entry["LastModified"], export)
    return {key: export for key, (_, export) in found.items()}


def folders(connection: Connection, bucket: str, folder: str) -> list[str]:
    pages = _list(connection, bucket, folder, Delimiter="/")
    return [common["Prefix"] for page in pages for common in page.get("CommonPrefixes", ())]


def objects(connection: Connection, bucket: str, folder: str, *, flat: bool = False) -> Iterator[dict[str, Any]]:
    """Objects below a folder; of a flat listing those directly in it."""
    for page in _list(connection, bucket, folder, **({"Delimiter": "/"} if flat else {})):
        yield from page.get("Contents", ())


def _list(connection: Connection, bucket: str, folder: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    token = ("ContinuationToken", "NextContinuationToken")
    return connection.pages("s3", "ListObjectsV2", token=token, Bucket=bucket, Prefix=folder, **parameters)


def _manifest(connection: Connection, export: Export) -> bytes:
    """The manifest's content; asked for again where the connection breaks, which the SDK does not do for a body."""
    for _ in range(ATTEMPTS - 1):
        try:
            return b"".join(_content(connection, export.bucket, export.key, export.tag, 0))
        except RetriableError:
            continue
    return b"".join(_content(connection, export.bucket, export.key, export.tag, 0))


def _read(export: Export, content: bytes, readers: Iterable[ReadManifest], what_it_is: str) -> Manifest:
    where = f"s3://{export.bucket}/{export.key}"
    try:
        document = json.loads(content)
    except ValueError:
        raise SourceError("the manifest is no JSON", where=where, hint="AWS may be writing it: run the load again") from None
    manifest = next((read for reader in readers if (read := reader(document, export.key)) is not None), None)
    if manifest is None or not manifest.files:
        raise SourceError(f"the manifest names no file of {what_it_is}", where=where, hint="is it another document?")
    return manifest


def _key(uri: str, export: Export) -> str:
    """The key of a file that a manifest names. It lies in the export's own bucket and folder: nothing else is read."""
    match = re.fullmatch(r"s3://([^/]+)/(.+)", uri)
    bucket, key = (match[1], match[2]) if match else (export.bucket, uri.lstrip("/"))
    if bucket != export.bucket or not key.startswith(export.folder):
        what = f"the manifest {export.key} names {uri}, outside the export's folder"
        raise SourceError(what, where=f"s3://{export.bucket}/{export.folder}", hint="do not load it; export again")
    return key


def _blob(connection: Connection, export: Export, key: str, tag: str, size: int) -> Blob:
    read = partial(_content, connection, export.bucket, key, tag)
    return Blob(path=key[len(export.folder) :], tag=tag, size=size, read=read)


def _content(connection: Connection, bucket: str, key: str, tag: str, start: int) -> Iterator[bytes]:
    """The object from a byte on, if it is still this version."""
    where = f"s3://{bucket}/{key}"
    ranged: dict[str, Any] = {"Range": f"bytes={start}-"} if start else {}
    answer = connection.call("s3", "GetObject", Bucket=bucket, Key=key, IfMatch=tag, **ranged)
    with errors("s3:GetObject", where, connection.secrets), closing(answer["Body"]) as body:
        yield from body.iter_chunks(CHUNK)
