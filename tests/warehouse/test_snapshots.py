"""Snapshots: what a reader sees while a load runs, what a delivery adds, what changed, what is refused and rebuilt."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from finops.errors import ConfigError
from finops.models import models
from finops.tables import CHARGES
from finops.warehouse import warehouse as module
from finops.warehouse.maintain import maintain
from finops.warehouse.published import numbers
from finops.warehouse.views import relation
from finops.warehouse.warehouse import Reader, Warehouse
from finops.warehouse.writer import Writer
from tests.warehouse.bills import charges

UNIT = ("s", "A", "2026-01")

WATCHER = """
import sys
from finops.warehouse.warehouse import Reader, Warehouse
for _ in sys.stdin:
    with Warehouse.open(sys.argv[1]).reader() as reader:
        row = reader.rows(
            "select (select count(*) from charges) as a, (select sum(charge_count)::bigint from resource_daily) as b"
        )
        print(reader.published.number, row[0]["a"], row[0]["b"], flush=True)
"""


def load(folder: Path, rows: int, cost: str = "1.5", extra: str = "") -> None:
    with Warehouse.open(str(folder)).writer() as writer:
        writer.replace(CHARGES, [UNIT], charges(*UNIT, rows, cost, extra))
        writer.build()
        writer.publish()


def test_a_reader_in_another_process_sees_the_old_snapshot_then_the_new_one(tmp_path: Path) -> None:
    load(tmp_path, 10)
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    asks, answers = watcher.stdin, watcher.stdout
    assert asks is not None
    assert answers is not None

    def seen() -> str:
        asks.write("look\n")
        asks.flush()
        return answers.readline().strip()

    with Warehouse.open(str(tmp_path)).writer() as writer:
        writer.replace(CHARGES, [UNIT], charges(*UNIT, 7))
        assert seen() == "1 10 10"
        writer.build()
        assert seen() == "1 10 10"
        writer.publish()
        assert seen() == "2 7 7"
    watcher.communicate()
    assert watcher.returncode == 0


def test_opening_and_reading_create_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse.open(str(tmp_path / "a" / "wh"))
    with warehouse.reader() as reader:
        assert reader.rows("select count(*) as n from charges") == [{"n": 0}]
    assert warehouse.published().number == 0
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_one_delivery_appears_and_goes_with_it(tmp_path: Path) -> None:
    load(tmp_path, 2)
    load(tmp_path, 2, extra=", 'blue' as x_team")
    with Warehouse.open(str(tmp_path)).writer() as writer:
        february = ("s", "A", "2026-02")
        writer.replace(CHARGES, [february], charges(*february, 1))
        writer.build()
        writer.publish()
    values = "select x_billing_period as p, x_team as t from charges order by p, t"
    with Warehouse.open(str(tmp_path)).reader() as reader:
        assert [(row["p"], row["t"]) for row in reader.rows(values)] == [
            ("2026-01", "blue"),
            ("2026-01", "blue"),
            ("2026-02", None),
        ]
    load(tmp_path, 3)
    with Warehouse.open(str(tmp_path)).reader() as reader:
        assert {row["t"] for row in reader.rows(values)} == {None}
    with Warehouse.open(str(tmp_path)).reader(1) as reader, pytest.raises(ConfigError, match="x_team"):
        reader.user_sql("select x_team from charges")


def test_what_a_restatement_changed(tmp_path: Path) -> None:
    load(tmp_path, 10)
    load(tmp_path, 12, cost="2")
    warehouse = Warehouse.open(str(tmp_path))
    [row] = warehouse.diff(warehouse.published(1), warehouse.published(2))
    assert (row["source"], row["account"], row["period"], row["service"], row["currency"]) == (*UNIT, "Compute", "USD")
    assert (row["billed_before"], row["billed_after"], row["billed_delta"]) == (Decimal(15), Decimal(24), Decimal(9))
    assert (row["rows_before"], row["rows_after"]) == (10, 12)
    assert warehouse.diff(warehouse.published(2), warehouse.published(2)) == []
    assert warehouse.published_by(datetime.now(UTC).date()).number == 2


def test_snapshot_numbers_grow_by_one_and_unpublished_writers_use_none(tmp_path: Path) -> None:
    load(tmp_path, 1)
    with Warehouse.open(str(tmp_path)).writer() as writer:
        writer.replace(CHARGES, [UNIT], charges(*UNIT, 5))
    load(tmp_path, 2)
    load(tmp_path, 3)
    assert sorted(numbers(Warehouse.open(str(tmp_path)).storage)) == [1, 2, 3]
    with pytest.raises(ConfigError, match="there is no snapshot 9") as unknown:
        Warehouse.open(str(tmp_path)).published(9)
    assert unknown.value.hint == "snapshots: 1 to 3"


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    load(tmp_path, 1)
    document = tmp_path / "_published" / "1.json"
    document.write_text(json.dumps(json.loads(document.read_text()) | {"warehouse_schema": 99, "tool_version": "9.9"}))
    with pytest.raises(ConfigError, match=r"layout 99, written by finops 9\.9") as refused:
        Warehouse.open(str(tmp_path)).published()
    assert refused.value.hint == "upgrade finops"


def test_a_mart_is_rebuilt_where_its_sql_changed_and_only_then(tmp_path: Path) -> None:
    load(tmp_path, 4)
    warehouse = Warehouse.open(str(tmp_path))
    before = warehouse.published()
    changed = [
        replace(model, sql=model.sql.replace("cast(count(*) as bigint)", "cast(count(*) + 1 as bigint)"))
        if model.name == "resource_daily"
        else model
        for model in models()
    ]
    writer = Writer(warehouse.storage, before, "1GB", module._quiet, changed)
    writer.build()
    after = writer.publish()
    writer.close()
    rebuilt = {name for name in after.tables if after.tables[name].files != before.tables[name].files}
    assert "resource_daily" in rebuilt
    assert not {"charges", "demand_hourly"} & rebuilt
    groups = "select count(*) as n, sum(charge_count)::bigint as c from"
    stored = relation(warehouse.storage, "resource_daily", after.tables["resource_daily"])
    [(groups_stored, count)] = duckdb.execute(f"{groups} ({stored})").fetchall()
    assert count == 4 + groups_stored
    assert after.models["resource_daily"] != before.models["resource_daily"]
    # whoever has other SQL than the mart's evaluates that, until it is stored again
    with warehouse.reader() as reader:
        assert reader.rows(f"{groups} resource_daily") == [{"n": groups_stored, "c": 4}]
    maintain(warehouse)
    assert warehouse.published().models == before.models
    assert warehouse.published().notes == ("marts rebuilt",)
    maintain(warehouse)
    assert warehouse.published().number == after.number + 1


def test_whatever_the_version_that_stored_it_each_mart_can_be_asked_for(tmp_path: Path) -> None:
    """Marts whose headers name one another, evaluated when they are read."""
    load(tmp_path, 4)
    warehouse = Warehouse.open(str(tmp_path))
    older = replace(warehouse.published(), models={})
    for model in models():
        with closing(Reader(warehouse.storage, older, "1GB")) as reader:
            call = f"{model.name}(date '2026-01-31')" if model.is_macro else model.name
            assert reader.rows(f"select count(*) >= 0 as answers from {call}") == [{"answers": True}]
