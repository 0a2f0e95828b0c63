"""No service of the shared native bills is unknown: each has a category of FOCUS other than `Other`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.aws.billing import CUR
from connectors.azure.billing import COST_DETAILS
from connectors.gcp.billing import BILLING_EXPORT
from finops.connect import Format
from tests.real.test_aws import CURS
from tests.real.test_azure import LOADED
from tests.staging import stage

BILLING = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing"
FILES = (
    *((CUR, f"aws/{name}") for name in CURS),
    *((COST_DETAILS, f"azure/{name}") for name in dict.fromkeys(name for name, *_ in LOADED)),
    *((BILLING_EXPORT, f"gcp/{path.name}") for path in sorted((BILLING / "gcp").glob("*.csv*"))),
)
SOLD_BY_OTHERS = {"azure/koku-azure_version_2.csv": ["Azure Marketplace"]}
"""A seller's plan with the meter `Unassigned`: the bill does not say what it is."""


@pytest.mark.parametrize(("fmt", "name"), FILES, ids=lambda value: value if isinstance(value, str) else "")
def test_no_service_is_other(fmt: Format, name: str) -> None:
    query = """select distinct "ServiceName" from staged where "ServiceSubcategory" = 'Other (Other)'"""
    assert [row["ServiceName"] for row in stage(fmt, BILLING / name, query=query)] == SOLD_BY_OTHERS.get(name, [])
