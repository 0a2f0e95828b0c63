"""Kills, failures and rivals: the published state stands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import BusyError, DataError
from finops.tables import CHARGES
from finops.warehouse import warehouse as module
from finops.warehouse.warehouse import Warehouse
from finops.warehouse.writer import Writer
from tests.warehouse.bills import charges

UNIT = [("s", "A", "2026-01")]

DELIVERY = """
import os, signal, sys
from finops.tables import CHARGES
from finops.warehouse.warehouse import Warehouse
from tests.warehouse.bills import charges
at = sys.argv[2]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
with Warehouse.open(sys.argv[1]).writer(on_step=step) as writer:
    writer.replace(CHARGES, [("s", "A", "2026-01")], charges("s", "A", "2026-01", 7))
    writer.build()
    writer.publish()
"""


def load(folder: Path, rows: int) -> None:
    with Warehouse.open(str(folder)).writer() as writer:
        writer.replace(CHARGES, UNIT, charges(*UNIT[0], rows))
        writer.build()
        writer.publish()


def totals(folder: Path) -> list[dict[str, object]]:
    with Warehouse.open(str(folder)).reader() as reader:
        return reader.rows(
            "select (select sum(BilledCost) from charges)::decimal(38, 12) as charges,"
            " (select sum(billed_cost) from resource_daily)::decimal(38, 12) as mart"
        )


@pytest.mark.parametrize(
    ("step", "rows"),
    [
        ("copy charges", 10),
        ("copied charges", 10),
        ("commit charges", 10),
        ("committed charges", 10),
        ("build resource_daily", 10),
        ("committed resource_daily", 10),
        ("audit", 10),
        ("publish", 10),
        ("published", 7),
    ],
)
def test_a_kill_leaves_the_published_state_and_the_next_load_cleans_up(tmp_path: Path, step: str, rows: int) -> None:
    load(tmp_path, 10)
    ended = subprocess.run([sys.executable, "-c", DELIVERY, str(tmp_path), step], check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == -signal.SIGKILL
    assert totals(tmp_path) == [{"charges": Decimal("1.5") * rows, "mart": Decimal("1.5") * rows}]
    load(tmp_path, 4)
    assert totals(tmp_path) == [{"charges": Decimal(6), "mart": Decimal(6)}]  # 4 × 1.5
    assert not (tmp_path / "_scratch").exists() or not list((tmp_path / "_scratch").iterdir())


def test_a_failed_audit_publishes_nothing(tmp_path: Path) -> None:
    load(tmp_path, 10)
    with Warehouse.open(str(tmp_path)).writer() as writer:
        writer.replace(CHARGES, UNIT, charges(*UNIT[0], 3).replace("'Usage'", "'Usgae'"))
        writer.build()
        with pytest.raises(DataError, match="charge_category_unknown"):
            writer.publish()
    assert totals(tmp_path) == [{"charges": Decimal(15), "mart": Decimal(15)}]


def test_a_second_writer_is_refused_and_named(tmp_path: Path) -> None:
    warehouse = Warehouse.open(str(tmp_path))
    with warehouse.writer(), pytest.raises(BusyError, match=f"process {os.getpid()} on "), warehouse.writer():
        pass


def test_two_writers_without_a_lock_do_not_double_the_bill(tmp_path: Path) -> None:
    warehouse = Warehouse.open(str(tmp_path))
    load(tmp_path, 2)
    base = warehouse.published()
    new = [("s", "A", "2026-02")]
    first, second = (Writer(warehouse.storage, base, "1GB", module._quiet) for _ in range(2))
    first.replace(CHARGES, new, charges(*new[0], 5))
    with pytest.raises(BusyError, match="another writer changed `charges`"):
        second.replace(CHARGES, new, charges(*new[0], 5))
    second.close()
    first.build()
    first.publish()
    first.close()
    assert totals(tmp_path) == [{"charges": Decimal("10.5"), "mart": Decimal("10.5")}]  # (2 + 5) × 1.5
