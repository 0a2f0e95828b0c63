"""S3 Inventory where it is written: of each configuration the newest list that is whole.

Layout (Amazon S3 User Guide, "Locating your inventory list", as of 2026-11): below the destination's prefix
`<source bucket>/<configuration>/<time>/manifest.json` beside `<source bucket>/<configuration>/data/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from connectors.aws.exports import Export, folders, location, named, objects
from connectors.aws.inventory import inventory_manifest
from connectors.aws.session import Connection
from finops.connect import Blob, Part, Stream
from finops.window import Window

TAKEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\dZ/")
DEPTH = 2
"""Folders below the given one in which lists are looked for: source bucket, configuration."""


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a configuration. A folder in which none has been written yet holds none."""
    lists = [each for uri in dict.fromkeys(connection.settings.inventories) for each in newest_lists(connection, uri)]
    configurations = {f"{each.bucket}/{each.key.rsplit('/', 2)[0]}": each for each in lists}
    return [Part(key, (("s3:GetObject", 2), ("s3:ListBucket", 1)), each) for key, each in configurations.items()]


def newest_lists(connection: Connection, uri: str) -> list[Export]:
    """The manifest of each configuration's newest list in this location."""
    bucket, folder = location(uri, "inventories")
    return list(_newest(connection, bucket, folder, DEPTH))


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Blob]:
    yield from named(connection, part.handle, (inventory_manifest,), "an S3 inventory")


def _newest(connection: Connection, bucket: str, folder: str, depth: int) -> Iterator[Export]:
    """The manifest of the newest list in this folder or in each below it: it is written last."""
    children = folders(connection, bucket, folder)
    lists = sorted((child for child in children if TAKEN.fullmatch(child[len(folder) :])), reverse=True)
    for child in lists:
        held = {entry["Key"]: entry for entry in objects(connection, bucket, child, flat=True)}
        if manifest := held.get(f"{child}manifest.json"):
            above = "/".join(folder.split("/")[:-3])  # what lies above the source bucket's folder
            yield Export(bucket, f"{above}/" if above else "", manifest["Key"], str(manifest["ETag"]))
            return
    for child in children if depth and not lists else ():
        yield from _newest(connection, bucket, child, depth - 1)


OBJECTS = Stream(
    name="objects",
    title="S3 inventories",
    table="objects",
    divided="export",
    permissions=("s3:ListBucket", "s3:GetObject"),
    plan=plan,
    fetch=fetch,
    reach_days=31,
    wanted=lambda settings: bool(settings.inventories),
)
