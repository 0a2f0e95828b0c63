"""The derived `finops.duckdb`: views of the published files, and what statements of evidence name, for other tools."""

from __future__ import annotations

import duckdb

from finops.models import models
from finops.warehouse.layout import BY_NAME
from finops.warehouse.names import identifier, literal
from finops.warehouse.published import Published
from finops.warehouse.reader import create_macro
from finops.warehouse.storage import Storage
from finops.warehouse.views import relation, with_tags

DERIVED = "finops.duckdb"


def write_database(storage: Storage, published: Published) -> None:
    """Views pinned to the published files and the portable macros, in a storage version that older clients open.

    Replaced as a whole.
    """
    path = storage.root / DERIVED
    fresh = storage.fresh_scratch() / DERIVED
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    try:
        connection.execute(f"attach {literal(str(fresh))} as derived (storage_version 'v1.0.0')")
        named = {*BY_NAME, *published.tables}
        for name in sorted(named):
            sql = relation(storage, name, published.tables.get(name))
            if name == "charges":
                sql = with_tags(sql, relation(storage, "tag_sets", published.tables.get("tag_sets")))
            connection.execute(f"create view derived.{identifier(name)} as {sql}")
        connection.execute("use derived")
        for model in models():
            if model.is_macro and model.portable and model.reads <= named:
                create_macro(connection, model)
        connection.execute("use memory")
        connection.execute("detach derived")
    finally:
        connection.close()
    fresh.rename(path)
    fresh.parent.rmdir()
