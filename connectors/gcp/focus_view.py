"""Google's FOCUS tables, the BigQuery export and the older published view, read as the billing export that they come from."""

from __future__ import annotations

from dataclasses import replace

from connectors.gcp.billing import COLUMNS as EXPORT_COLUMNS
from connectors.gcp.billing import DERIVED, FOCUS_COLUMNS, PACKAGE
from finops.connect import Column, Format, Profile, Sniff

# Column of the billing export → where a FOCUS table has it. `ChargeDescription` is the SKU's, `x_Credits` what BilledCost is
# net of; `ChargeClass` stands for the adjustment's mode, which it is derived from.
SOURCES = {
    "billing_account_id": ("BillingAccountId",),
    "service.id": ("x_ServiceId",),
    "service.description": ("ServiceName",),
    "sku.id": ("SkuId",),
    "sku.description": ("ChargeDescription", "SkuMeter"),
    "usage_start_time": ("ChargePeriodStart",),
    "usage_end_time": ("ChargePeriodEnd",),
    "project.id": ("x_Project.Id", "SubAccountId"),
    "project.name": ("x_Project.Name", "SubAccountName"),
    "project.labels": ("x_ProjectLabels",),
    "labels": ("x_Labels",),
    "system_labels": ("x_SystemLabels",),
    "tags": ("x_Tags",),
    "location.location": ("x_Location",),
    "location.region": ("RegionId",),
    "location.zone": ("AvailabilityZone",),
    "resource.name": ("ResourceName",),
    "resource.global_name": ("ResourceId",),
    "cost_type": ("x_CostType",),
    "currency": ("BillingCurrency",),
    "currency_conversion_rate": ("x_CurrencyConversionRate",),
    "usage.amount": ("ConsumedQuantity",),
    "usage.unit": ("ConsumedUnit",),
    "usage.amount_in_pricing_units": ("PricingQuantity",),
    "usage.pricing_unit": ("PricingUnit",),
    "credits": ("x_Credits",),
    "adjustment_info.mode": ("ChargeClass",),
    "cost_at_list": ("ListCost",),
    "cost_at_effective_price_default": ("x_CostAtEffectivePriceDefault",),
    "cost_at_list_consumption_model": ("x_CostAtListConsumptionModel",),
    "price.list_price": ("ListUnitPrice",),
    "price.effective_price": ("ContractedUnitPrice",),
    "price.effective_price_default": ("x_PriceEffectivePriceDefault",),
    "consumption_model.id": ("x_ConsumptionModelId",),
    "consumption_model.description": ("x_ConsumptionModelDescription",),
    "subscription.instance_id": ("x_SubscriptionInstanceId",),
    "seller_name": ("PublisherName",),
    "focus_tags": ("Tags",),
}

VIEW_SOURCES = {
    # The view writes the units that a price is for (a million requests) where FOCUS wants the units used.
    "usage.amount_in_pricing_units": (),
    "price.pricing_unit_quantity": ("PricingQuantity",),
}

_LETTERS = {name.lower(): name for names in SOURCES.values() for name in names} | {
    name.lower(): name
    for name in (*(column.name for column in FOCUS_COLUMNS if column.name != "focus_tags"), "ContractedCost", "x_ExportTime")
}


def canonical(header: str) -> str:
    """`x_project.id` and `x_Project_Id` are `x_Project.Id`; other columns stay as they are."""
    name = header.strip().lower().removesuffix(".list")
    return _LETTERS.get(name) or _LETTERS.get(name.replace("x_project_", "x_project.")) or name


def _columns(sources: dict[str, tuple[str, ...]]) -> tuple[Column, ...]:
    return tuple(
        replace(column, aliases=sources.get(column.name, ()), required=False) for column in (*EXPORT_COLUMNS, *FOCUS_COLUMNS)
    )


def version(sniff: Sniff) -> str:
    names = set(map(canonical, sniff.columns))
    return "1.2 preview" if "x_Labels" in names else "1.0 view"


IDENTIFIES = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ServiceName",
    "SkuId",
    "x_CostType",
)

FOCUS_VIEW = Format(
    name="gcp-focus-view",
    title="Google Cloud FOCUS view",
    table="charges",
    package=PACKAGE,
    sql="stg_billing_export.sql",
    columns=_columns(SOURCES | VIEW_SOURCES),
    identifies=IDENTIFIES,
    canonical=canonical,
    version=version,
    derived=DERIVED,
    profile=Profile(
        account="billing_account_id",
        # midnight Pacific in Google's tables, midnight UTC in copies: half a day on, both are in the month's first day
        period="strftime((\"BillingPeriodStart\" + interval 12 hours) at time zone 'UTC', '%Y-%m')",
        currency="currency",
        billed='"BilledCost"',
    ),
    rank=10,
)

FOCUS_EXPORT = replace(
    FOCUS_VIEW,
    name="gcp-focus-export",
    title="Google Cloud FOCUS export",
    columns=_columns(SOURCES),
    identifies=(*IDENTIFIES, "x_Labels"),
    rank=11,
)
