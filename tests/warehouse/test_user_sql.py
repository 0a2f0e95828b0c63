"""What a stranger's statement may do: read the published tables, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finops.errors import ConfigError
from finops.tables import CHARGES
from finops.warehouse.warehouse import Reader, Warehouse
from tests.warehouse.bills import charges


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    warehouse = Warehouse.open(str(tmp_path_factory.mktemp("guests")))
    with warehouse.writer() as writer:
        writer.replace(CHARGES, [("s", "A", "2026-01")], charges("s", "A", "2026-01", 4))
        writer.build()
        writer.publish()
    with warehouse.reader() as opened:
        yield opened


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to '{folder}/out.csv'",
        "copy charges to '{folder}/out.parquet'",
        "export database '{folder}'",
        "attach '{folder}/other.duckdb'",
        "install httpfs",
        "load httpfs",
        "pragma enable_profiling",
        "set memory_limit = '1GB'",
        "set variable x = 1",
        "reset memory_limit",
        "create view mine as select 1",
        "create table mine as select 1",
        "drop view charges",
        "insert into charges default values",
        "update charges set BilledCost = 0",
        "delete from charges",
        "call enable_logging()",
        "explain analyze select 1",
        "select 1; select 2",
        "select 1; copy (select 1) to '{folder}/out.csv'",
        "",
        "selec 1",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from read_parquet('{folder}/*.parquet')",
        "select * from query('copy (select 1) to ''{folder}/out.csv''')",
        "select no_such_column from charges",
        "select * from no_such_table",
    ],
)
def test_refused_with_a_hint_and_without_a_trace(reader: Reader, tmp_path: Path, statement: str) -> None:
    with pytest.raises(ConfigError) as refused:
        reader.user_sql(statement.replace("{folder}", str(tmp_path)))
    assert "\n  try: " in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    assert reader.user_sql("select count(*) as n from charges") == [{"n": 4}]


def test_reads_tables_marts_and_no_variable_of_ours(reader: Reader) -> None:
    assert reader.user_sql("with c as (select * from charges) select count(*) as n from c;") == [{"n": 4}]
    assert reader.user_sql("select sum(charge_count)::bigint as n from resource_daily") == [{"n": 4}]
    assert reader.user_sql("select getvariable('x') as x") == [{"x": None}]
