"""Azure Blob inventory: the list of a storage account's blobs, CSV or Parquet, with its manifest.

Layout: Microsoft Learn, "Azure Storage blob inventory" (as of 2026-11): `yyyy/MM/dd/HH-mm-ss/<rule>/<rule>.csv` beside
`<rule>-manifest.json`, whose endpoint names the account. `Name` begins with the container.
"""

from __future__ import annotations

from urllib.parse import urlparse

from finops.connect import Column, Format, Manifest, ManifestFile, Profile

TIMES = ("%a, %d %b %Y %H:%M:%S GMT",)

INVENTORY = Format(
    name="azure-blob-inventory",
    title="Azure Blob inventory",
    table="objects",
    package="connectors.azure",
    sql="stg_inventory.sql",
    columns=(
        Column("name", required=True),
        Column("lastmodified", "timestamp", required=True, formats=TIMES),
        Column("contentlength", "double", required=True),
        Column("accesstier", required=True),
        Column("blobtype"),
        Column("snapshot"),
        Column("iscurrentversion", "bool"),
        Column("deleted", "bool"),
        Column("hdiisfolder", "bool"),
        Column("lastaccesstime", "timestamp", formats=TIMES),
        Column("manifest_taken_at", "timestamp", required=True),
        Column("manifest_account", required=True),
    ),
    identifies=("name", "lastmodified", "contentlength"),
    canonical=lambda header: header.replace("-", "").replace("_", "").strip().lower(),
    version=lambda sniff: "Parquet" if sniff.container == "parquet" else "CSV",
    profile=Profile(account="''", period="manifest_account", currency="''", billed="0"),
    listing=True,
)


def inventory_manifest(document: object, _: str) -> Manifest | None:
    """The manifest of one run of a rule; the newest run of an account's rule counts. Rules for containers list no blobs."""
    if not isinstance(document, dict) or not {"endpoint", "files", "inventoryStartTime", "ruleName"} <= document.keys():
        return None
    account = (urlparse(str(document["endpoint"])).hostname or "").partition(".")[0]
    return Manifest(
        export=f"inventory {account}/{document['ruleName']}",
        edition=str(document["inventoryStartTime"]),
        files=tuple(
            ManifestFile(str(file["blob"]), bytes=file["size"] if isinstance(file.get("size"), int) else None)
            for file in document["files"]
            if isinstance(file, dict) and file.get("blob")
        ),
        facts=(("manifest_taken_at", str(document["inventoryStartTime"])), ("manifest_account", account)),
    )
