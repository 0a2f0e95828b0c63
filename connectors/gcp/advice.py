"""What Google's Recommender says: its export to BigQuery as JSON lines, CSV or Parquet.

Columns: Google Cloud documentation, "Export recommendations to BigQuery" (`recommendations_export`, as of 2026-11); nested
fields are joined with dots, or with underscores where a CSV has flattened them.
"""

from __future__ import annotations

from finops.connect import Column, Format

COST = "primary_impact.cost_projection.cost"
COLUMNS = (
    Column("name", required=True),
    Column("cloud_entity_type"),
    Column("cloud_entity_id"),
    Column("location"),
    Column("recommender", required=True),
    Column("recommender_subtype", required=True),
    Column("description"),
    Column("last_refresh_time", "timestamp"),
    Column("state"),
    Column("target_resources", "json", aliases=("target_resources.list",)),
    Column("primary_impact.category"),
    Column(f"{COST}.units", "decimal"),
    Column(f"{COST}.nanos", "decimal"),
    Column(f"{COST}.currency_code"),
)
_FLAT = {c.name.replace(".", "_"): c.name for c in COLUMNS}


def canonical(header: str) -> str:
    name = header.strip().lower()
    return _FLAT.get(name, name)


RECOMMENDER = Format(
    name="gcp-recommender",
    title="Google Cloud Recommender export",
    table="vendor_recommendations",
    package="connectors.gcp",
    sql="stg_recommender.sql",
    columns=COLUMNS,
    identifies=("recommender", "recommender_subtype", "name"),
    canonical=canonical,
    version=lambda _: "1",
)
