"""S3 Inventory: the list of a bucket's objects, CSV or Parquet, with the manifest that names its columns and its date.

Layout: Amazon S3 User Guide, "Locating your inventory list" (as of 2026-11): `<source>/<config>/<time>/manifest.json` beside
`<source>/<config>/data/<uuid>.csv.gz`. CSV files have no header row; keys in them are URL-encoded.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from finops.connect import Column, Format, Manifest, ManifestFile, Profile


def canonical(header: str) -> str:
    """`LastModifiedDate`, `ETag` → `last_modified_date`, `e_tag`, as Parquet has them."""
    return re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", header.strip()).lower()


INVENTORY = Format(
    name="aws-s3-inventory",
    title="Amazon S3 Inventory",
    table="objects",
    package="connectors.aws",
    sql="stg_inventory.sql",
    columns=(
        Column("bucket", required=True),
        Column("key", required=True),
        Column("is_latest", "bool"),
        Column("is_delete_marker", "bool"),
        Column("size", "double", required=True),
        Column("last_modified_date", "timestamp", required=True),
        Column("storage_class", required=True),
        Column("intelligent_tiering_access_tier"),
        Column("manifest_taken_at", "timestamp", required=True),
        Column("manifest_format", required=True),
    ),
    identifies=("bucket", "key", "last_modified_date"),
    canonical=canonical,
    version=lambda sniff: "Parquet" if sniff.container == "parquet" else "CSV",
    profile=Profile(account="''", period="bucket", currency="''", billed="0"),
    listing=True,
)


def inventory_manifest(document: object, _: str) -> Manifest | None:
    """`manifest.json` of one inventory run; the newest run of a bucket's configuration counts."""
    if not isinstance(document, dict) or not {"sourceBucket", "creationTimestamp", "files", "fileFormat"} <= document.keys():
        return None
    files = [file for file in document["files"] if isinstance(file, dict) and file.get("key")]
    folders = [str(file["key"]).split("/")[:-1][-3:] for file in files]  # <source>/<config>/data
    stamp = str(document["creationTimestamp"])
    if not stamp.isdigit():
        return None
    millis = int(stamp)
    schema = str(document.get("fileSchema", ""))
    is_csv = str(document["fileFormat"]).upper() == "CSV"
    return Manifest(
        export="inventory " + "/".join(folders[0] if folders else [str(document["sourceBucket"])]),
        edition=f"{millis:015d}",
        files=tuple(
            ManifestFile(str(file["key"]), bytes=file["size"] if isinstance(file.get("size"), int) else None) for file in files
        ),
        superseded=tuple(dict.fromkeys("/".join(folder) for folder in folders if len(folder) == 3)),
        header=tuple(name.strip() for name in schema.split(",")) if is_csv else (),
        facts=(
            ("manifest_taken_at", datetime.fromtimestamp(millis / 1000, UTC).isoformat()),
            ("manifest_format", str(document["fileFormat"])),
        ),
    )
