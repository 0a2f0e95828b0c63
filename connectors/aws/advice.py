"""What AWS's own advisors recommend: Cost Optimization Hub, and the CSV files that Cost Explorer downloads.

Columns: Data Exports User Guide, "Cost optimization recommendations columns" (as of 2026-11), which Compute Optimizer's
findings are part of; the two CSV layouts as Cost Explorer has written them since 2018.
"""

from __future__ import annotations

import re

from finops.connect import Column, Format


def canonical(header: str) -> str:
    """` Recommended Instance Type 1 Estimated Savings ` → `recommended_instance_type_1_estimated_savings`."""
    return re.sub(r"\W+", "_", header.strip().lower()).strip("_")


HUB = Format(
    name="aws-cost-optimization-hub",
    title="AWS Cost Optimization Hub recommendations",
    table="vendor_recommendations",
    package="connectors.aws",
    sql="stg_cost_optimization_hub.sql",
    columns=(
        Column("recommendation_id", required=True),
        Column("account_id", required=True),
        Column("action_type", required=True),
        Column("currency_code", required=True),
        Column("current_resource_summary"),
        Column("current_resource_type"),
        Column("estimated_monthly_savings_after_discount", "decimal"),
        Column("estimated_monthly_savings_before_discount", "decimal"),
        Column("last_refresh_timestamp", "timestamp"),
        Column("recommendation_source"),
        Column("recommended_resource_summary"),
        Column("region"),
        Column("resource_arn"),
    ),
    identifies=("recommendation_id", "action_type", "currency_code", "current_resource_type"),
    canonical=canonical,
    version=lambda _: "1",
)

RIGHTSIZING = Format(
    name="aws-rightsizing",
    title="AWS Cost Explorer rightsizing recommendations",
    table="vendor_recommendations",
    package="connectors.aws",
    sql="stg_rightsizing.sql",
    columns=(
        Column("account_id", required=True),
        Column("instance_id", required=True),
        Column("instance_type", required=True),
        Column("os"),
        Column("region"),
        Column("cpu_utilization"),
        Column("recommended_action", required=True),
        *(
            Column(f"recommended_instance_type_{n}{suffix}", aliases=(f"recommended_instance_type{suffix}",) if n == 1 else ())
            for n in (1, 2, 3)
            for suffix in ("", "_estimated_savings")
        ),
    ),
    identifies=("instance_id", "instance_type", "recommended_action", "account_id"),
    canonical=canonical,
    version=lambda _: "1",
    note="its savings are in US dollars, before discounts",
)

RESERVATIONS = Format(
    name="aws-ri-recommendations",
    title="AWS Cost Explorer reservation recommendations",
    table="vendor_recommendations",
    package="connectors.aws",
    sql="stg_ri_recommendations.sql",
    columns=(
        Column("recommendation_date", "timestamp", required=True),
        Column("owner_account", required=True),
        Column("instance_type", required=True),
        Column("location"),
        Column("os"),
        Column("tenancy"),
        Column("offering_class"),
        Column("term"),
        Column("payment_option"),
        Column("projected_ri_utilization"),
        Column("recommended_instance_quantity_purchase", required=True),
        Column("estimated_monthly_savings", "decimal", required=True),
    ),
    identifies=("recommendation_date", "recommended_instance_quantity_purchase", "estimated_monthly_savings"),
    canonical=canonical,
    version=lambda _: "1",
    note="its savings are in US dollars",
)

ADVICE = (HUB, RIGHTSIZING, RESERVATIONS)
