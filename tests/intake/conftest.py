from __future__ import annotations

from pathlib import Path

import pytest

from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import deliver, text


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """An empty warehouse."""
    return Warehouse.open(str(tmp_path / "warehouse"), memory_limit="1GB")


@pytest.fixture
def loaded(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse that holds August of account acc-1: 10.00 USD."""
    path = tmp_path / "august.csv"
    august = {"BillingPeriodStart": "2026-08-01T00:00:00Z", "BillingPeriodEnd": "2026-09-01T00:00:00Z"}
    path.write_text(text(ChargePeriodStart="2026-08-01T00:00:00Z", ChargePeriodEnd="2026-08-02T00:00:00Z", **august))
    deliver(warehouse, path)
    return warehouse
