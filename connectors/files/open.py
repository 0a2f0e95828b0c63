"""The open formats: one CSV or Parquet file a core table, whose columns are the table's own."""

from __future__ import annotations

from finops import tables
from finops.connect import Column, ColumnType, Format
from finops.tables import Table

PACKAGE = "connectors.files"

TYPES: dict[str, ColumnType] = {
    "VARCHAR": "text",
    tables.MONEY: "decimal",
    "DOUBLE": "double",
    "INTEGER": "bigint",
    "BIGINT": "bigint",
    "BOOLEAN": "bool",
    "TIMESTAMPTZ": "timestamp",
    "DATE": "date",
}

JSON = frozenset({"dimensions", "tags", "properties", "specs", "scope", "eligible", "raw"})
"""Text columns that hold one JSON object."""

TITLES = {
    "metrics": "utilization metrics",
    "resources": "a resource inventory",
    "prices": "a price list",
    "runs": "training and batch runs",
    "invoices": "invoice lines",
    "contracts": "negotiated agreements",
    "commitments": "commitments in force",
    "objects": "stored objects by age and class",
    "spot_market": "spot prices and interruptions",
    "vendor_recommendations": "recommendations of a provider's own advisor",
    "rates": "currency rates",
    "provider_totals": "the provider's own totals by service and day",
}
"""Table → what a reader calls it."""


def _words(header: str) -> str:
    return header.strip().lower()


def open_format(table: Table) -> Format:
    """Closed: a misspelt optional column would otherwise be lost without a word."""
    return Format(
        name=table.name.replace("_", "-"),
        title=f"{TITLES[table.name]} (open format {table.name})",
        table=table.name,
        package=PACKAGE,
        sql="stg_open.sql",
        columns=tuple(
            Column(name, "json" if name in JSON else TYPES[kind], required=name in table.required)
            for name, kind in table.columns
        ),
        identifies=table.required,
        canonical=_words,
        version=lambda _: "1",
        closed=True,
    )


OPEN = tuple(open_format(tables.table(name)) for name in TITLES)
