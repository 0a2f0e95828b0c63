"""Which mapping made a unit's rows: a digest of everything that turns a format's lines into rows."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from finops.connect import Format


@cache
def mapping(fmt: Format) -> str:
    """Changes with the format's SQL, its columns and its package's maps: rows of another mapping are staged again."""
    folder = resources.files(fmt.package)
    digest = hashlib.sha256()
    for name in (fmt.sql, *fmt.lookups, fmt.remarks, fmt.netted):
        digest.update(folder.joinpath(name).read_bytes() if name else b"")
    data = folder.joinpath("data")
    for file in sorted(data.iterdir(), key=lambda entry: entry.name) if data.is_dir() else ():
        digest.update(file.read_bytes() if file.name.endswith(".csv") else b"")
    digest.update(repr((fmt.columns, fmt.profile, fmt.derived, fmt.roles, fmt.listing)).encode())
    return digest.hexdigest()[:16]
