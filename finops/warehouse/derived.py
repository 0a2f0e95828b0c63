"""The derived `finops.duckdb`: views of the published files, for tools that open one database file."""

from __future__ import annotations

import duckdb

from finops.warehouse.layout import BY_NAME
from finops.warehouse.names import identifier, literal
from finops.warehouse.published import Published
from finops.warehouse.storage import Storage
from finops.warehouse.views import relation, with_tags

DERIVED = "finops.duckdb"


def write_database(storage: Storage, published: Published) -> None:
    """Views pinned to the published files, in a storage version that older clients open. Replaced as a whole."""
    path = storage.root / DERIVED
    fresh = storage.fresh_scratch() / DERIVED
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    try:
        connection.execute(f"attach {literal(str(fresh))} as derived (storage_version 'v1.0.0')")
        for name in sorted({*BY_NAME, *published.tables}):
            sql = relation(storage, name, published.tables.get(name))
            if name == "charges":
                sql = with_tags(sql, relation(storage, "tag_sets", published.tables.get("tag_sets")))
            connection.execute(f"create view derived.{identifier(name)} as {sql}")
        connection.execute("detach derived")
    finally:
        connection.close()
    fresh.rename(path)
    fresh.parent.rmdir()
