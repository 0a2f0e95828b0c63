"""Texts of few values: read off the files' dictionaries, and no number or text of a load depends on them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import duckdb
import pytest

from finops.intake import stage
from finops.intake.load import load
from finops.warehouse import store
from finops.warehouse.raw import vocabulary_of
from finops.warehouse.vocabulary import Vocabulary, common, looked_up, narrow_table, replaced, words
from finops.warehouse.warehouse import Warehouse


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def written(connection: duckdb.DuckDBPyConnection, path: Path, select: str) -> str:
    connection.execute(f"copy ({select}) to '{path}' (format parquet)")
    return str(path)


LINES = """
    select
        case when i % 3 = 0 then 'a' when i % 3 = 1 then 'it''s' else '' end as few,
        md5(i::varchar) as many,
        null::varchar as none,
        case when i % 2 = 0 then 'even' end as half,
        { 'lid': 'shut' } as box,
        i as number
    from range(2000) as r (i)
"""


def test_words_of_columns_that_have_few(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(connection, tmp_path / "a.parquet", LINES)
    columns = {name: name for name in ("few", "many", "none", "half", "number", "absent")} | {"box, lid": "box.lid"}
    found = words(connection, [path], columns, least_rows=1)
    assert found == {"few": {"a", "it's"}, "none": set(), "half": {"even"}, "box, lid": {"shut"}}
    assert words(connection, [path], columns) == {}  # too small to ask


def test_a_text_that_is_looked_up_is_itself(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(connection, tmp_path / "a.parquet", LINES)
    value = looked_up(connection, "few", frozenset({"a", "it's"}))
    differing = f"select few, {value} as got from '{path}' where ({value})::varchar is distinct from nullif(few, '')"
    assert connection.sql(differing).fetchall() == []
    assert connection.sql(f"select {looked_up(connection, 'none', frozenset())} as v from '{path}' limit 1").fetchall() == [
        (None,)
    ]


def test_enums_compare_as_their_texts(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create temp table t as select unnest(['b', 'a', 'Z', 'é', null]) as v, 1 as n")
    told = narrow_table(connection, "t")
    assert told == {"v": {"b", "a", "Z", "é"}, "n": None}
    assert connection.sql("select typeof(v) like 'ENUM%', min(v), max(v) from t group by 1").fetchall() == [(True, "Z", "é")]
    assert [row[0] for row in connection.sql("select v from t order by v nulls last").fetchall()] == ["Z", "a", "b", "é", None]


def test_a_column_that_may_be_any_text_somewhere_has_no_words() -> None:
    one, other = {"a": frozenset({"x"}), "b": frozenset({"y"})}, {"a": None, "b": frozenset({"z"}), "c": frozenset({"w"})}
    assert common([one, other]) == {"b": {"y", "z"}, "c": {"w"}}


SAMPLE = Path(__file__).parents[2] / "sample_data" / "export"
TABLES = ("charges", "tag_sets", "resource_daily", "demand_hourly", "spend_monthly")


def test_a_load_is_the_same_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two months in one file, so that parts are copied from what was staged together."""
    months = "bill_billing_period_start_date in ('2026-06-01', '2026-07-01')"
    archive = f"select * from '{SAMPLE}/aws/archive/*.parquet' where {months}"
    files: list[str | Path] = [
        written(duckdb.connect(), tmp_path / "two.parquet", archive),
        *(SAMPLE / "azure").glob("*2026-10.csv.gz"),
    ]
    enums: set[str] = set()
    folders = {name: tmp_path / name for name in ("plain", "narrow")}

    def noted(connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> dict[str, str]:
        enums.update(vocabulary)
        return replaced(connection, vocabulary)

    for folder in folders.values():
        load(Warehouse.open(str(folder)), files)
        monkeypatch.setattr(stage, "vocabulary_of", partial(vocabulary_of, least_rows=1))
        monkeypatch.setattr(store, "replaced", noted)
    assert {"ServiceName", "ChargeCategory", "SubAccountId", "x_charge_type"} <= enums
    for table in TABLES:
        plain, narrow = (f"select * from '{folder}/{table}/*.parquet'" for folder in folders.values())
        assert duckdb.execute(f"select count(*) > 0 from ({plain})").fetchall() == [(True,)]
        differing = f"(({plain}) except all ({narrow})) union all (({narrow}) except all ({plain})) limit 1"
        assert duckdb.execute(differing).fetchall() == []
