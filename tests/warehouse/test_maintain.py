"""Maintenance: fewer files, the same sums, old versions kept for a week and then dropped."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import duckdb

from finops.tables import CHARGES
from finops.warehouse.derived import DERIVED
from finops.warehouse.maintain import KEEP_S, maintain
from finops.warehouse.warehouse import Warehouse
from tests.warehouse.bills import charges


def test_compaction_keeps_the_sums_and_vacuum_what_is_young(tmp_path: Path) -> None:
    warehouse = Warehouse.open(str(tmp_path))
    with warehouse.writer() as writer:
        for account in "ABC":
            writer.replace(CHARGES, [("s", account, "2026-01")], charges("s", account, "2026-01", 4))
        writer.build()
        writer.publish()
    done = {row.table: row for row in maintain(warehouse, most_files=2)}
    assert (done["charges"].files_before, done["charges"].files_after, done["charges"].deleted) == (3, 1, 0)
    cost = "select sum(BilledCost)::decimal(38, 12) as cost from charges"
    for number in (1, 2):  # the snapshot before is still there
        with warehouse.reader(number) as reader:
            assert reader.rows(cost) == [{"cost": Decimal(18)}]  # 3 accounts × 4 rows × 1.5
    assert warehouse.diff(warehouse.published(1), warehouse.published(2)) == []
    later = {row.table: row for row in maintain(warehouse, now=time.time() + KEEP_S + 60)}
    assert later["charges"].deleted == 3
    assert not (tmp_path / "_published" / "1.json").exists()
    with warehouse.writer() as writer:  # an account of a compacted file is replaced, the others in it stay
        writer.replace(CHARGES, [("s", "B", "2026-01")], charges("s", "B", "2026-01", 1))
        writer.build()
        writer.publish()
    with warehouse.reader() as reader:
        assert reader.rows(cost) == [{"cost": Decimal("13.5")}]  # (4 + 1 + 4) × 1.5
    with duckdb.connect(str(tmp_path / DERIVED), read_only=True) as derived:
        assert derived.execute("select count(*) from charges").fetchone() == (9,)
        for macro, rows in (("object_listing", 0), ("commitment_spans", 0), ("demand_placed", 9)):  # named by evidence
            assert derived.execute(f"select count(*) from {macro}(date '2026-01-31')").fetchone() == (rows,), macro


def test_a_table_of_more_parts_than_files_allowed_is_left_as_it_is(tmp_path: Path) -> None:
    warehouse = Warehouse.open(str(tmp_path))
    with warehouse.writer() as writer:
        for period in ("2026-01", "2026-02", "2026-03"):
            writer.replace(CHARGES, [("s", "A", period)], charges("s", "A", period, 2))
        writer.build()
        writer.publish()
    for _ in range(2):
        done = {row.table: row for row in maintain(warehouse, most_files=2)}
        assert (done["charges"].files_before, done["charges"].files_after) == (3, 3)  # one file a part is the least
    assert warehouse.published().number == 1  # nothing changed, so nothing is published
