"""Cloud Storage inventory reports (Storage Insights): CSV or Parquet shards with their manifest; read where they are written.

Layout: Google Cloud, "Inventory reports" (as of 2026-11): `<config id>_<time>_<shard>.csv|parquet` and
`<config id>_<time>_manifest.json` with `snapshot_time`, `records_processed` and `report_shards_file_names`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast

from connectors.gcp import storage
from connectors.gcp.session import Connection
from connectors.gcp.storage import Listed
from finops.connect import Blob, Column, Format, Manifest, ManifestFile, Part, Profile, Stream
from finops.errors import SourceError
from finops.window import Window

INVENTORY = Format(
    name="gcp-storage-inventory",
    title="Cloud Storage inventory report",
    table="objects",
    package="connectors.gcp",
    sql="stg_inventory.sql",
    columns=(
        Column("bucket", required=True),
        Column("name", required=True),
        Column("size", "double", required=True),
        Column("timecreated", "timestamp", required=True),
        Column("timedeleted", "timestamp"),
        Column("storageclass", required=True),
        Column("manifest_taken_at", "timestamp", required=True),
    ),
    identifies=("bucket", "name", "size", "timecreated"),
    canonical=lambda header: header.strip().lower(),
    version=lambda sniff: "Parquet" if sniff.container == "parquet" else "CSV",
    profile=Profile(account="''", period="bucket", currency="''", billed="0"),
    listing=True,
)


def inventory_manifest(document: object, path: str) -> Manifest | None:
    """The manifest of one report; the newest report of a configuration counts. Shards lie beside it."""
    if not isinstance(document, dict) or not {"report_config", "snapshot_time", "report_shards_file_names"} <= document.keys():
        return None
    config = cast(Mapping[str, object], document["report_config"]) if isinstance(document["report_config"], dict) else {}
    options = _part(config, "object_metadata_report_options", "objectMetadataReportOptions")
    fields = options.get("metadata_fields") or options.get("metadataFields")
    rows = document.get("records_processed")
    return Manifest(
        export=f"inventory {config.get('name') or path.rpartition('/')[2].partition('_')[0]}",
        edition=str(document["snapshot_time"]),
        files=tuple(ManifestFile(str(name)) for name in document["report_shards_file_names"]),
        rows=int(rows) if isinstance(rows, (int, str)) and str(rows).isdigit() else None,
        header=tuple(str(field) for field in fields) if isinstance(fields, list) else (),
        facts=(("manifest_taken_at", str(document["snapshot_time"])),),
    )


def _part(config: Mapping[str, object], *names: str) -> Mapping[str, object]:
    return next((value for name in names if isinstance(value := config.get(name), dict)), {})


REPORT = re.compile(r"(?P<config>.+)_(?P<time>\d{4}-\d\d-\d\dT[\dT:.Z-]+)_(?P<part>\w+)\.(?P<kind>json|csv|parquet)")
"""`<config id>_<time>_manifest.json`, and the shards of the same time."""


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a configuration: its newest report. A folder in which none lies yet holds none."""
    parts = []
    for uri in dict.fromkeys(connection.settings.inventories):
        parts += [Part(f"{uri} {config}", handle=several) for config, several in sorted(reports(connection, uri).items())]
    return parts


def reports(connection: Connection, uri: str) -> dict[str, tuple[Listed, ...]]:
    """Configuration → the objects of its newest report that is whole, the manifest first: it is written last."""
    found: dict[tuple[str, str], list[Listed]] = {}
    for each in storage.listing(connection, *storage.location(uri, "inventories")):
        if match := REPORT.fullmatch(each.name):
            found.setdefault((match["config"], match["time"]), []).append(each)
    newest: dict[str, tuple[Listed, ...]] = {}
    for (config, _), several in sorted(found.items()):
        manifests = [each for each in several if each.name.endswith("_manifest.json")]
        if manifests:
            newest[config] = (*manifests, *(each for each in several if each not in manifests))
    return newest


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Blob]:
    manifest, *shards = part.handle
    text = b"".join(storage.content(connection, manifest, 0))
    held = {each.name: each for each in shards}
    yield Blob(manifest.name, manifest.generation, len(text), partial(_rest, text))
    for name in _named(text, manifest):
        path = manifest.name.rpartition("/")[0] + "/" + name if "/" in manifest.name else name
        if path not in held:
            what = f"the manifest {manifest.name} names {name}, which does not lie beside it"
            raise SourceError(what, where=manifest.bucket, hint="run the load again later")
        shard = held[path]
        yield Blob(shard.name, shard.generation, shard.size, partial(storage.content, connection, shard))


def _rest(text: bytes, start: int) -> Iterator[bytes]:
    yield text[start:]


def _named(text: bytes, manifest: Listed) -> list[str]:
    """The shards that the manifest names. Raises SourceError: it is another document."""
    try:
        found = inventory_manifest(json.loads(text), manifest.name)
    except ValueError:
        found = None
    if found is None or not found.files:
        where = f"{manifest.bucket}/{manifest.name}"
        raise SourceError("the manifest names no shard of an inventory report", where=where, hint="is it another document?")
    return [file.uri.rpartition("/")[2] for file in found.files]


OBJECTS = Stream(
    name="objects",
    title="inventory reports",
    table="objects",
    divided="export",
    permissions=(storage.LIST, storage.GET),
    plan=plan,
    fetch=fetch,
    reach_days=31,
    wanted=lambda settings: bool(settings.inventories),
)
