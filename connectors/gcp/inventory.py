"""Cloud Storage inventory reports (Storage Insights): CSV or Parquet shards with their manifest.

Layout: Google Cloud, "Inventory reports" (as of 2026-11): `<config id>_<time>_<shard>.csv|parquet` and
`<config id>_<time>_manifest.json` with `snapshot_time`, `records_processed` and `report_shards_file_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from finops.connect import Column, Format, Manifest, ManifestFile, Profile

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
