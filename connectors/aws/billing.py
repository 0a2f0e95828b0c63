"""AWS billing formats on disk: Cost and Usage Report (legacy and 2.0), Cost Explorer CSV, and their manifests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from finops.connect import Column, ColumnType, Format, Gather, Manifest, ManifestFile, Profile, Sniff

KEPT_VERBATIM = {"resourceTags": "resource_tags", "costCategory": "cost_category"}
"""Categories whose names are the user's own: two tags may differ in case or punctuation only."""


def canonical(header: str) -> str:
    """`lineItem/UnblendedCost` and Athena's `line_item_unblended_cost` → `line_item_unblended_cost`."""
    category, slash, name = header.strip().partition("/")
    if not slash:
        return category.lower()
    if category in KEPT_VERBATIM:
        return f"{KEPT_VERBATIM[category]}_{name}"
    return f"{_snake(category)}_{_snake(name)}"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def map_key(header: str) -> str:
    """A tag's or cost category's key as CUR 2.0's maps have it: `user:Team`, `user_team`, `env`."""
    _, slash, name = header.partition("/")
    return name if slash else re.sub(r"^(resource_tags|cost_category)_", "", header)


def _columns(kind: ColumnType, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name in names.split())


ATTRIBUTES = """
    product_product_name product_product_family product_servicename product_servicecode product_sku product_region
    product_region_code product_location product_from_location product_from_region_code product_instance_type
    product_instance_family product_vcpu product_memory
    product_operating_system product_pre_installed_sw product_license_model product_tenancy product_capacitystatus
    product_physical_processor product_processor_architecture product_network_performance product_storage product_gpu
    product_gpu_memory product_database_engine product_deployment_option product_storage_class product_volume_api_name
    product_volume_type product_max_iopsvolume product_max_throughputvolume product_transfer_type product_group
    product_normalization_size_factor
"""

TEXT = """
    identity_line_item_id bill_invoice_id bill_invoicing_entity bill_billing_entity bill_bill_type bill_payer_account_name
    line_item_usage_account_name line_item_line_item_type line_item_product_code line_item_usage_type
    line_item_operation line_item_availability_zone line_item_resource_id line_item_currency_code
    line_item_line_item_description line_item_legal_entity pricing_purchase_option
    pricing_rate_code pricing_rate_id pricing_term pricing_unit
    capacity_reservation_capacity_reservation_arn capacity_reservation_capacity_reservation_status
    split_line_item_parent_resource_id
"""

AMORTIZATION = """
    reservation_effective_cost reservation_net_effective_cost
    reservation_unused_recurring_fee reservation_net_unused_recurring_fee
    reservation_unused_amortized_upfront_fee_for_billing_period
    reservation_net_unused_amortized_upfront_fee_for_billing_period
    savings_plan_savings_plan_effective_cost savings_plan_net_savings_plan_effective_cost
    savings_plan_total_commitment_to_date savings_plan_used_commitment
    savings_plan_amortized_upfront_commitment_for_billing_period savings_plan_recurring_commitment_for_billing_period
"""

LENIENT = """
    line_item_usage_amount line_item_normalized_usage_amount pricing_public_on_demand_cost pricing_public_on_demand_rate
    reservation_unused_quantity reservation_unused_normalized_unit_quantity
    split_line_item_split_usage_ratio split_line_item_split_usage split_line_item_split_cost split_line_item_unused_cost
    split_line_item_net_split_cost split_line_item_net_unused_cost
"""
"""Old reports and generators put text (`convertible`, `No Upfront`, `None`) into rate and amortization columns."""

CUR_COLUMNS: tuple[Column, ...] = (
    Column("bill_payer_account_id", required=True),
    Column("bill_billing_period_start_date", "timestamp"),
    Column("bill_billing_period_end_date", "timestamp"),
    Column("line_item_usage_account_id"),
    Column("line_item_usage_start_date", "timestamp", required=True),
    Column("line_item_usage_end_date", "timestamp", required=True),
    Column("line_item_unblended_cost", "decimal", required=True),
    Column("line_item_net_unblended_cost", "decimal"),
    Column("reservation_reservation_a_r_n", aliases=("reservation_reservation_arn",)),
    Column("savings_plan_savings_plan_a_r_n", aliases=("savings_plan_savings_plan_arn",)),
    *_columns("text", TEXT),
    *_columns("text", ATTRIBUTES),
    *(Column(name, "decimal", lenient=True, told=True) for name in AMORTIZATION.split()),
    *(Column(name, "double", lenient=True) for name in LENIENT.split()),
)

CUR_PROFILE = Profile(
    account="bill_payer_account_id",
    period="strftime(utc(coalesce(bill_billing_period_start_date, line_item_usage_start_date)), '%Y-%m')",
    currency="coalesce(line_item_currency_code, 'USD')",
    billed="line_item_unblended_cost",
)

CUR_LOOKUPS = ("stg_cur_net.sql", "stg_cur_plan_hours.sql", "stg_cur_skus.sql", "stg_cur_tags.sql")

DERIVED = "regexp_matches(x_line_id, '(^|:)(unused|residual)$')"

CUR = Format(
    name="aws-cur",
    title="AWS Cost and Usage Report (legacy)",
    table="charges",
    package="connectors.aws",
    sql="stg_cur.sql",
    lookups=CUR_LOOKUPS,
    remarks="stg_cur_remarks.sql",
    netted="stg_cur_netted.sql",
    derived=DERIVED,
    tag_sets="stg_cur_tags",
    columns=(*CUR_COLUMNS, Column("product", "map")),
    identifies=("bill_payer_account_id", "line_item_usage_start_date", "line_item_unblended_cost"),
    canonical=canonical,
    version=lambda sniff: "CSV names" if any("/" in column for column in sniff.columns) else "Athena names",
    profile=CUR_PROFILE,
    gathers=(
        Gather("resource_tags", "resource_tags_", map_key),
        Gather("cost_category", "cost_category_", map_key),
    ),
)


def _cur2_version(sniff: Sniff) -> str:
    return "2.0 with split cost allocation" if "split_line_item_parent_resource_id" in sniff.columns else "2.0"


CUR2 = Format(
    name="aws-cur2",
    title="AWS Cost and Usage Report 2.0 (Data Exports)",
    table="charges",
    package="connectors.aws",
    sql="stg_cur.sql",
    lookups=CUR_LOOKUPS,
    remarks="stg_cur_remarks.sql",
    netted="stg_cur_netted.sql",
    derived=DERIVED,
    tag_sets="stg_cur_tags",
    columns=(*CUR_COLUMNS, *_columns("map", "product resource_tags cost_category")),
    identifies=("bill_payer_account_id", "line_item_usage_start_date", "line_item_unblended_cost", "product"),
    canonical=canonical,
    version=_cur2_version,
    profile=CUR_PROFILE,
    rank=1,
)


def cost_explorer_canonical(header: str) -> str:
    """`Service` → `start_date`, `Total costs ($)` → `total_costs`, `EC2-Instances ($)` → `cost_EC2-Instances`."""
    name = re.sub(r"\s*\(\$\)$", "", header.strip())
    if name.lower() in ("service", "start date"):
        return "start_date"
    if name.lower() in ("total cost", "total costs"):
        return "total_costs"
    return f"cost_{name}" if name != header.strip() else name


COST_EXPLORER = Format(
    name="aws-cost-explorer",
    title="AWS Cost Explorer CSV",
    table="charges",
    package="connectors.aws",
    sql="stg_cost_explorer.sql",
    columns=(
        Column("start_date", "date", required=True, lenient=True),  # the row `Service total` is no date
        Column("total_costs", "decimal", required=True),
    ),
    identifies=("start_date", "total_costs"),
    canonical=cost_explorer_canonical,
    version=lambda _: "by service",
    profile=Profile(
        account="'unknown'",
        period="strftime(coalesce(start_date, (select min(r.start_date) from raw as r)), '%Y-%m')",
        currency="'USD'",
        billed="case when start_date is null then 0 else total_costs end",
    ),
    netted="stg_cost_explorer_netted.sql",
    derived="ends_with(x_line_id, ':further')",
    gathers=(Gather("costs", "cost_", lambda header: cost_explorer_canonical(header).removeprefix("cost_")),),
    note="coarse: one line a service and day or month; no account, resource, tag, quantity or commitment",
)

FORMATS = (CUR, CUR2, COST_EXPLORER)


def legacy_manifest(document: object, path: str) -> Manifest | None:
    """A legacy report's `<report>-Manifest.json`: the copy beside the assembly folders points at the current one."""
    if not isinstance(document, dict) or not {"assemblyId", "reportKeys", "billingPeriod"} <= document.keys():
        return None
    assembly, keys = str(document["assemblyId"]), _texts(document["reportKeys"])
    period = cast(Mapping[str, object], document["billingPeriod"])
    return Manifest(
        export=f"{document.get('account', '')}/{document.get('reportName', '')}/{str(period.get('start', ''))[:8]}",
        edition="" if f"/{assembly}/" in path.replace("\\", "/") else f"current/{assembly}",
        files=tuple(ManifestFile(_uri(key, str(document.get("bucket", "")))) for key in keys),
        columns=tuple(f"{c.get('category')}/{c.get('name')}" for c in _records(document.get("columns"))),
    )


def data_exports_manifest(document: object, path: str) -> Manifest | None:
    """A Data Exports manifest (`metadata/BILLING_PERIOD=YYYY-MM/<export>-Manifest.json`) of CUR 2.0 or FOCUS."""
    if not isinstance(document, dict) or "dataFiles" not in document:
        return None
    files = _texts(document["dataFiles"])
    found = re.search(r"BILLING_PERIOD=(\d{4}-\d{2})", path) or next(
        (m for file in files if (m := re.search(r"BILLING_PERIOD=(\d{4}-\d{2})", file))), None
    )
    name = document.get("exportArn") or re.sub(r"-Manifest\.json$", "", path.replace("\\", "/").rsplit("/", 1)[-1])
    return Manifest(
        export=f"{name}/{found.group(1) if found else ''}",
        edition=str(document.get("executionId", "")),
        files=tuple(ManifestFile(file) for file in files),
        columns=tuple(str(c.get("name")) for c in _records(document.get("columns"))),
    )


def _uri(key: str, bucket: str) -> str:
    return key if key.startswith("s3://") or not bucket else f"s3://{bucket}/{key.lstrip('/')}"


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _records(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


MANIFESTS = (legacy_manifest, data_exports_manifest)
