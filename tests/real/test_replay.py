"""The two workshop months: nine real reservations of a payer and its member, reproduced hour by hour."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from finops.intake.load import load
from finops.plans import replayed_bills
from finops.warehouse.warehouse import Warehouse

AWS = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing" / "aws"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse.open(str(tmp_path_factory.mktemp("workshop") / "warehouse"))
    load(warehouse, [AWS / f"{month}2018-WorkshopCUR-00001.snappy.parquet" for month in ("Oct", "Nov")])
    return warehouse


@pytest.mark.parametrize(("day", "period"), [(date(2018, 10, 31), "2018-10"), (date(2018, 11, 30), "2018-11")])
def test_a_real_month_is_reproduced_to_a_hundredth_of_a_percent(workshop: Warehouse, day: date, period: str) -> None:
    with workshop.reader() as reader:
        (replay,) = replayed_bills(reader, day)
    assert (replay.period, replay.commitments) == (period, 9)
    assert abs(replay.error) < 1e-4
