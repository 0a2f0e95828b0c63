"""The Cloud pricing export (`cloud_pricing_export`) as prices."""

from __future__ import annotations

from finops.connect import Column, Format, Sniff

COLUMNS = (
    Column("export_time", "timestamp"),
    Column("pricing_as_of_time", "timestamp", required=True),
    Column("service.description"),
    Column("sku.id", required=True),
    Column("sku.description"),
    Column("geo_taxonomy.regions", "json", aliases=("geo_taxonomy.regions.list",)),
    Column("pricing_unit", required=True),
    Column("account_currency_code"),
    Column("list_price.tiered_rates", "json", required=True, aliases=("list_price.tiered_rates.list",)),
    Column(
        "billing_account_price.tiered_rates",
        "json",
        aliases=("billing_account_price.tiered_rates.list",),
    ),
)

_FLAT = {c.name.replace(".", "_"): c.name for c in COLUMNS}


def canonical(header: str) -> str:
    name = header.strip().lower()
    return _FLAT.get(name, name)


def version(sniff: Sniff) -> str:
    names = {canonical(column) for column in sniff.columns}
    return "contract" if any(name.startswith("billing_account_price.") for name in names) else "list"


PRICING_EXPORT = Format(
    name="gcp-pricing-export",
    title="Google Cloud pricing export",
    table="prices",
    package="connectors.gcp",
    sql="stg_pricing_export.sql",
    columns=COLUMNS,
    identifies=("sku.id", "pricing_unit", "pricing_as_of_time"),
    canonical=canonical,
    version=version,
)
