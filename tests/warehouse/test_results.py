"""Results are kept and found again; what is damaged, large or of other files is asked anew."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from finops.tables import CHARGES, RATES
from finops.warehouse import results
from finops.warehouse.warehouse import Warehouse
from tests.warehouse.bills import charges

UNIT = ("s", "A", "2026-01")
TOTAL = 'select sum("BilledCost") as total from charges'
UNTIL = "select count(*) as days from resource_daily where charge_date <= $as_of"


def load(folder: Path, rows: int) -> Warehouse:
    warehouse = Warehouse.open(str(folder))
    with warehouse.writer() as writer:
        writer.replace(CHARGES, [UNIT], charges(*UNIT, rows))
        writer.build()
        writer.publish()
    return warehouse


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("_results/*.arrow"))


def ask(warehouse: Warehouse, sql: str = TOTAL, **params: object) -> tuple[list[dict[str, object]], bool]:
    """The rows, and whether the engine was asked for them."""
    with warehouse.reader() as reader:
        found = reader.rows(sql, params)
        return found, "_connection" in vars(reader)


def test_the_second_reader_asks_no_engine(tmp_path: Path) -> None:
    warehouse = load(tmp_path, 3)
    first, asked = ask(warehouse)
    assert asked
    assert ask(warehouse) == (first, False)


def test_parameters_are_part_of_the_question(tmp_path: Path) -> None:
    warehouse = load(tmp_path, 3)
    before, _ = ask(warehouse, UNTIL, as_of=date(2025, 12, 31))
    after, asked = ask(warehouse, UNTIL, as_of=date(2026, 12, 31))
    assert asked
    assert before != after
    assert ask(warehouse, UNTIL, as_of=date(2025, 12, 31)) == (before, False)


def test_other_files_of_a_table_are_another_question(tmp_path: Path) -> None:
    before, _ = ask(load(tmp_path, 3))
    after, asked = ask(load(tmp_path, 5))
    assert asked
    assert before != after


def test_a_publication_that_leaves_the_tables_alone_leaves_their_results(tmp_path: Path) -> None:
    warehouse = load(tmp_path, 3)
    first = (ask(warehouse)[0], ask(warehouse, UNTIL, as_of=date(2026, 1, 31))[0])
    with warehouse.writer() as writer:
        rate = "select 's' as x_source, date '2026-01-01' as date, 'EUR' as from_currency, 'USD' as to_currency, 1.1 as rate"
        writer.replace(RATES, [("s", "", "2026-01")], rate)
        writer.publish()
    assert ask(warehouse) == (first[0], False)
    assert ask(warehouse, UNTIL, as_of=date(2026, 1, 31)) == (first[1], False)


def test_a_damaged_result_is_asked_anew(tmp_path: Path) -> None:
    warehouse = load(tmp_path, 3)
    first, _ = ask(warehouse)
    (path,) = kept(tmp_path)
    for damage in (b"", path.read_bytes()[:-40], b"not arrow"):
        path.write_bytes(damage)
        assert ask(warehouse) == (first, True)
        assert ask(warehouse) == (first, False)


def test_strangers_statements_and_large_results_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = load(tmp_path, 3)
    with warehouse.reader() as reader:
        reader.user_sql("select random() as r")
    monkeypatch.setattr(results, "LARGEST", 0)
    first, _ = ask(warehouse)
    assert kept(tmp_path) == []
    assert ask(warehouse) == (first, True)


def test_beyond_the_bound_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = load(tmp_path, 3)
    ask(warehouse)
    (old,) = kept(tmp_path)
    os.utime(old, (1, 1))
    monkeypatch.setattr(results, "MOST", old.stat().st_size + 16)
    ask(warehouse, UNTIL, as_of=date(2026, 1, 1))
    (new,) = kept(tmp_path)
    assert new != old


def test_who_may_not_write_reads_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = load(tmp_path, 3)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refused)
    rows, asked = ask(warehouse)
    assert rows
    assert asked
    assert kept(tmp_path) == []


def test_nothing_is_kept_of_an_empty_warehouse(tmp_path: Path) -> None:
    with Warehouse.open(str(tmp_path / "none")).reader() as reader:
        assert reader.rows("select count(*) as n from charges") == [{"n": 0}]
    assert not (tmp_path / "none").exists()


def test_decimals_times_and_nested_values_come_back_as_they_were(tmp_path: Path) -> None:
    warehouse = load(tmp_path, 3)
    sql = "select 1.5::decimal(38, 12) as d, timestamptz '2026-01-01 00:00:00+00' as t, [{'a': 1, 'b': null::date}] as l"
    with warehouse.reader() as reader:
        first: pa.Table = reader.arrow(sql)
    with warehouse.reader() as reader:
        assert reader.arrow(sql).equals(first)
