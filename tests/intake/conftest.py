from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import deliver, text


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """An empty warehouse."""
    return _opened(tmp_path / "warehouse")


@pytest.fixture(scope="session")
def august(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a warehouse that holds August of account acc-1: 10.00 USD."""
    folder = tmp_path_factory.mktemp("august")
    path = folder / "august.csv"
    period: dict[str, Any] = {"BillingPeriodStart": "2026-08-01T00:00:00Z", "BillingPeriodEnd": "2026-09-01T00:00:00Z"}
    path.write_text(text(ChargePeriodStart="2026-08-01T00:00:00Z", ChargePeriodEnd="2026-08-02T00:00:00Z", **period))
    deliver(_opened(folder / "warehouse"), path)
    return folder / "warehouse"


@pytest.fixture
def loaded(august: Path, tmp_path: Path) -> Warehouse:
    """A warehouse of the test's own that holds August of account acc-1: 10.00 USD."""
    shutil.copytree(august, tmp_path / "warehouse")
    return _opened(tmp_path / "warehouse")


def _opened(folder: Path) -> Warehouse:
    return Warehouse.open(str(folder), memory_limit="1GB")
