"""The output of Google's published FOCUS view, with its defects repaired."""

from __future__ import annotations

from finops.connect import Column, Format, Profile, Sniff
from finops.focus import columns

_TYPES = {"Decimal": "decimal", "Date/Time": "timestamp", "JSON": "json"}
_NAMES = {c.name.lower(): c.name for c in columns()}
_EXTRA = {
    name.lower(): name
    for name in ("x_Credits", "x_CostType", "x_CurrencyConversionRate", "x_ExportTime", "x_ServiceId", "x_Project")
}
_REQUIRED = ("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "ChargePeriodStart", "ServiceName")


def canonical(header: str) -> str:
    name = header.strip().lower()
    head, dot, tail = name.partition(".")
    top = {**_NAMES, **_EXTRA}.get(head, head)
    return f"{top}{dot}{tail}"


def _column(name: str, kind: str) -> Column:
    required = name in _REQUIRED
    aliases = (f"{name}.list",)
    if kind == "decimal":
        return Column(name, "decimal", required=required)
    if kind == "timestamp":
        return Column(name, "timestamp", required=required)
    # Tags and ServiceCategory are arrays in the view
    return Column(name, "json" if kind == "json" or name == "ServiceCategory" else "text", required=required, aliases=aliases)


COLUMNS = (
    *(_column(c.name, _TYPES.get(c.type, "text")) for c in columns()),
    Column("x_Credits", "json", aliases=("x_Credits.list",)),
    Column("x_CostType", required=True),
    Column("x_CurrencyConversionRate", "decimal"),
    Column("x_ServiceId"),
    Column("x_Project.id"),
    Column("x_Project.name"),
)


def version(sniff: Sniff) -> str:
    return "1.1 view" if "ServiceSubcategory" in map(canonical, sniff.columns) else "1.0 view"


FOCUS_VIEW = Format(
    name="gcp-focus-view",
    title="Google Cloud FOCUS view",
    table="charges",
    package="connectors.gcp",
    sql="stg_focus_view.sql",
    columns=COLUMNS,
    identifies=("BilledCost", "ChargePeriodStart", "x_CostType", "x_ExportTime"),
    canonical=canonical,
    version=version,
    profile=Profile(
        account='"BillingAccountId"',
        period="strftime(\"BillingPeriodStart\" at time zone 'America/Los_Angeles', '%Y-%m')",
        currency='"BillingCurrency"',
        billed='"BilledCost"',
    ),
    note="the view does not amortize: commitment fees keep their billed cost",
    rank=10,
)
