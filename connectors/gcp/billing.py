"""The Cloud Billing export, standard and detailed, as BigQuery writes it to Parquet, JSON lines or CSV."""

from __future__ import annotations

from finops.connect import Column, Format, Profile, Sniff

PACKAGE = "connectors.gcp"


def _repeated(name: str) -> Column:
    """A REPEATED field: a list, its Parquet wrapper, or text (JSON, or the Python literal that pandas writes)."""
    return Column(name, "json", aliases=(f"{name}.list",))


COLUMNS = (
    Column("billing_account_id", required=True),
    Column("service.id"),
    Column("service.description", required=True),
    Column("sku.id", required=True),
    Column("sku.description"),
    Column("usage_start_time", "timestamp", required=True),
    Column("usage_end_time", "timestamp", required=True),
    Column("project.id"),
    Column("project.name"),
    Column("project.number"),
    _repeated("project.labels"),
    _repeated("labels"),
    _repeated("system_labels"),
    _repeated("tags"),
    Column("location.location"),
    Column("location.region"),
    Column("location.zone"),
    Column("resource.name"),
    Column("resource.global_name"),
    Column("cost", "decimal", required=True),
    Column("cost_type"),
    Column("currency", required=True),
    Column("currency_conversion_rate", "decimal"),
    Column("usage.amount", "decimal"),
    Column("usage.unit"),
    Column("usage.amount_in_pricing_units", "decimal"),
    Column("usage.pricing_unit"),
    _repeated("credits"),
    Column("invoice.month", required=True),
    Column("adjustment_info.id"),
    Column("adjustment_info.description"),
    Column("adjustment_info.mode"),
    Column("adjustment_info.type"),
    Column("cost_at_list", "decimal"),
    Column("cost_at_effective_price_default", "decimal"),
    Column("cost_at_list_consumption_model", "decimal"),
    Column("price.list_price", "decimal"),
    Column("price.effective_price", "decimal"),
    Column("price.effective_price_default", "decimal"),
    Column("price.tier_start_amount", "decimal"),
    Column("price.pricing_unit_quantity", "decimal"),
    Column("consumption_model.id"),
    Column("consumption_model.description"),
    Column("subscription.instance_id"),
    Column("transaction_type"),
    Column("seller_name"),
)

FOCUS_COLUMNS = (
    Column("BilledCost", "decimal"),
    Column("BillingPeriodStart", "timestamp"),
    Column("CommitmentDiscountId"),
    Column("InvoiceIssuerName"),
    Column("SkuPriceId"),
    Column("focus_tags", "json"),
)
"""What only Google's FOCUS tables have; the staging SQL is one for both."""

_FLAT = {c.name.replace(".", "_"): c.name for c in COLUMNS}


def canonical(header: str) -> str:
    """`service.id`, `Service.Id` and `service_id` are one column."""
    name = header.strip().lower()
    return _FLAT.get(name, name)


def version(sniff: Sniff) -> str:
    names = {canonical(column) for column in sniff.columns}
    return "detailed" if any(name == "resource" or name.startswith("resource.") for name in names) else "standard"


# Amounts are added as text: the control reads what the file says, not what staging made of it. A BigQuery export writes
# JSON, pandas a Python literal; `amount` is a bare or quoted number in both.
_CREDITS = r"""coalesce(list_sum(list_transform(
    regexp_extract_all("credits", '[''"]amount[''"]\s*:\s*[''"]?(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)', 1),
    lambda amount: amount::decimal(38, 12))), 0)"""

DERIVED = "regexp_matches(x_line_id, '(^|:)(unused|covered)$')"

BILLING_EXPORT = Format(
    name="gcp-billing-export",
    title="Google Cloud billing export",
    table="charges",
    package=PACKAGE,
    sql="stg_billing_export.sql",
    columns=(*COLUMNS, *FOCUS_COLUMNS),
    identifies=("billing_account_id", "service.description", "sku.id", "usage_start_time", "cost", "invoice.month"),
    canonical=canonical,
    version=version,
    derived=DERIVED,
    profile=Profile(
        account="billing_account_id",
        period='left("invoice.month", 4) || \'-\' || right("invoice.month", 2)',
        currency="currency",
        billed=f"(cost + {_CREDITS})::decimal(38, 12)",
    ),
)
