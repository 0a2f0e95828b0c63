"""Azure Blob inventory: the list of a storage account's blobs, CSV or Parquet, with its manifest; read where it is written.

Layout: Microsoft Learn, "Azure Storage blob inventory" (as of 2026-11): `yyyy/MM/dd/HH-mm-ss/<rule>/<rule>.csv` beside
`<rule>-manifest.json`, whose endpoint names the account. `Name` begins with the container.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlparse

from connectors.azure import blob
from connectors.azure.runs import Run, blobs, newest
from connectors.azure.session import Connection
from finops.connect import Blob, Column, Format, Manifest, ManifestFile, Part, Profile, Stream
from finops.window import Window

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


RUN = re.compile(r"(?P<folder>(?:.*/)?)(?P<run>\d{4}/\d\d/\d\d/\d\d-\d\d-\d\d)/(?P<rule>[^/]+)/(?P=rule)-manifest\.json")


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a rule: its newest run. A folder in which no rule has run yet holds none."""
    found: dict[str, Run] = {}
    for uri in dict.fromkeys(connection.settings.inventories):
        for (folder, rule), run in sorted(listings(connection, uri).items()):
            found[f"{run.container.url}/{folder}{rule}"] = run
    return [Part(key, (("blob:GetBlob", 1 + len(run.files)),), run) for key, run in found.items()]


def listings(connection: Connection, uri: str) -> dict[tuple[str, ...], Run]:
    """(folder, rule) → its newest run."""
    return newest(connection, uri, "inventories", RUN)


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Blob]:
    yield from blobs(connection, part.handle, inventory_manifest, "a Blob inventory")


OBJECTS = Stream(
    name="objects",
    title="Blob inventories",
    table="objects",
    divided="export",
    permissions=(blob.READ,),
    plan=plan,
    fetch=fetch,
    reach_days=31,
    wanted=lambda settings: bool(settings.inventories),
)
