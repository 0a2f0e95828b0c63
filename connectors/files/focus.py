"""FOCUS Cost and Usage, Contract Commitment and Invoice Detail, of any provider and released version."""

from __future__ import annotations

import re

from finops import focus
from finops.connect import Column, ColumnType, Format, Profile, Sniff

PACKAGE = "connectors.files"

TYPES: dict[str, ColumnType] = {"String": "text", "JSON": "json", "Decimal": "decimal", "Date/Time": "timestamp"}

US_TIMES = ("%m/%d/%y", "%m/%d/%Y", "%m/%d/%y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S")
"""As spreadsheets save FOCUS files (5/1/25): month first, which every value of the file must allow."""

REQUIRED = frozenset(
    {
        "BilledCost",
        "BillingAccountId",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "EffectiveCost",
        "ProviderName",
    }
)
"""Mandatory since 1.0, and not to be derived from other columns. Exports without the rest are repaired (stg_focus.sql)."""

ALIASES = {"ProviderName": ("ServiceProviderName",), "ServiceProviderName": ("ProviderName",)}
"""1.2 has the one, 1.4 the other."""

EXTENSIONS: dict[str, ColumnType] = {
    "x_charge_type": "text",
    "x_service_code": "text",
    "x_operation": "text",
    "x_instance_type": "text",
    "x_operating_system": "text",
    "x_ml_workload": "bool",
    "x_promotional_credit": "decimal",
    "x_invoicing_entity": "text",
    "x_cost_categories": "json",
    "x_line_id": "text",
    # What the providers' own FOCUS exports add and the repairs read.
    "x_usage_type": "text",
    "x_sku_details": "json",
    "x_sku_meter_name": "text",
    "x_sku_meter_category": "text",
    "x_sku_meter_subcategory": "text",
    "x_invoice_id": "text",
    "x_discounts": "json",
    "x_pricing_currency": "text",
    "x_billing_exchange_rate": "decimal",
}

RESERVED = frozenset({"x_file", "x_role", "x_source", "x_billing_period", "x_tags_id"})
"""Columns of the engine's own: a file that has one keeps it as `x_given_…`."""

_FOCUS = {column.name.lower(): column.name for column in focus.columns()}


def canonical(header: str) -> str:
    """`Sku Priceid` → `SkuPriceId`; others are extensions: `x_SkuMeterName`, `Id` → `x_sku_meter_name`, `x_id`."""
    letters = re.sub(r"[^0-9a-z]", "", header.lower())
    if letters in _FOCUS and not header.lower().startswith("x_"):
        return _FOCUS[letters]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z]+", "_", re.sub(r"^[xX]_", "", header)).strip("_").lower()
    name = f"x_{words or 'column'}"
    return f"x_given_{words}" if name in RESERVED else name


def version(sniff: Sniff) -> str:
    """The newest released version of whose own columns the file has at least half. A file names no version.

    One or two alone say nothing: Azure's export of 1.0 has `BillingAccountType` and `SubAccountType`, which came with 1.2.
    """
    present = {canonical(header) for header in sniff.columns}
    newest = "1.0"
    for release in focus.VERSIONS[1:]:
        own = {column.name for column in focus.columns() if column.since == release}
        newest = release if 2 * len(own & present) >= len(own) else newest
    if "ServiceProviderName" in present and "ProviderName" not in present:
        return max(newest, "1.4")
    return newest


def _columns() -> tuple[Column, ...]:
    standard = (
        Column(
            c.name,
            TYPES[c.type],
            required=c.name in REQUIRED,
            aliases=ALIASES.get(c.name, ()),
            formats=US_TIMES if c.type == "Date/Time" else (),
        )
        for c in focus.columns()
    )
    return (*standard, *(Column(name, kind) for name, kind in EXTENSIONS.items()))


FOCUS = Format(
    name="focus",
    title="FOCUS Cost and Usage",
    table="charges",
    package=PACKAGE,
    sql="stg_focus.sql",
    columns=_columns(),
    identifies=("BilledCost", "ChargeCategory", "ChargePeriodStart", "EffectiveCost"),
    canonical=canonical,
    version=version,
    profile=Profile(
        account="BillingAccountId",
        period="strftime(utc(BillingPeriodStart) + interval 1 day, '%Y-%m')",
        currency="upper(BillingCurrency)",
        billed="BilledCost",
    ),
    extensions=True,
)

COMMITMENT_COLUMNS: dict[str, tuple[ColumnType, bool]] = {
    "BillingCurrency": ("text", False),
    "ContractCommitmentApplicability": ("json", False),
    "ContractCommitmentCategory": ("text", True),
    "ContractCommitmentCost": ("decimal", False),
    "ContractCommitmentId": ("text", True),
    "ContractCommitmentLastUpdated": ("timestamp", True),
    "ContractCommitmentPaymentModel": ("text", False),
    "ContractCommitmentPaymentUpfrontPercentage": ("decimal", False),
    "ContractCommitmentPeriodEnd": ("timestamp", True),
    "ContractCommitmentPeriodStart": ("timestamp", True),
    "ContractCommitmentQuantity": ("double", False),
    "ContractCommitmentType": ("text", True),
    "ContractCommitmentUnit": ("text", False),
    "ServiceProviderName": ("text", True),
}

CONTRACT_COMMITMENT = Format(
    name="focus-contract-commitment",
    title="FOCUS 1.4 Contract Commitment (1.3 has no provider and no date of observation)",
    table="commitments",
    package=PACKAGE,
    sql="stg_focus_contract_commitment.sql",
    columns=tuple(Column(name, kind, required) for name, (kind, required) in COMMITMENT_COLUMNS.items()),
    identifies=("ContractCommitmentId", "ContractCommitmentPeriodStart"),
    canonical=str.strip,
    version=lambda _: "1.4",
)

INVOICE_COLUMNS: dict[str, tuple[ColumnType, bool]] = {
    "BilledCost": ("decimal", True),
    "BillingAccountId": ("text", True),
    "BillingCurrency": ("text", True),
    "BillingPeriodStart": ("timestamp", True),
    "ChargeCategory": ("text", True),
    "InvoiceDetailDescription": ("text", False),
    "InvoiceDetailId": ("text", True),
    "InvoiceId": ("text", True),
    "InvoiceIssueStatus": ("text", False),
    "InvoiceIssuerName": ("text", True),
    "PaymentTerms": ("text", False),
}

INVOICE_DETAIL = Format(
    name="focus-invoice-detail",
    title="FOCUS 1.4 Invoice Detail",
    table="invoices",
    package=PACKAGE,
    sql="stg_focus_invoice_detail.sql",
    columns=tuple(Column(name, kind, required) for name, (kind, required) in INVOICE_COLUMNS.items()),
    identifies=("InvoiceDetailId", "InvoiceIssueStatus", "BilledCost"),
    canonical=str.strip,
    version=lambda _: "1.4",
)
