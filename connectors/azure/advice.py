"""What Azure Advisor recommends: the CSV file that its page downloads.

Columns: Microsoft Learn, "Azure Advisor: download recommendations" and published exports (as of 2026-11); the type and the
currency have borne two names.
"""

from __future__ import annotations

import re

from finops.connect import Column, Format

ADVISOR = Format(
    name="azure-advisor",
    title="Azure Advisor recommendations",
    table="vendor_recommendations",
    package="connectors.azure",
    sql="stg_advisor.sql",
    columns=(
        Column("category", required=True),
        Column("businessimpact"),
        Column("recommendation", required=True),
        Column("subscriptionid", required=True),
        Column("resourcegroup"),
        Column("resourcename"),
        Column("type", aliases=("resourcetype",)),
        Column("updateddate", "timestamp", aliases=("lastupdated",), formats=("%m/%d/%Y", "%m/%d/%Y %H:%M:%S %p", "%d/%m/%Y")),
        Column("potentialannualcostsavings", aliases=("annualsavings", "annualcostsavings")),
        Column("potentialcostsavingscurrency", aliases=("currency", "potentialannualcostsavingscurrency")),
    ),
    identifies=("category", "businessimpact", "recommendation", "subscriptionid"),
    canonical=lambda header: re.sub(r"\W+|_", "", header.strip().lower()),
    version=lambda _: "1",
    note="only its category Cost is read; yearly savings are divided by twelve",
)
