"""Arrow columns become the same values of Python's as the engine would tell one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from finops.warehouse.values import rows_of


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("set TimeZone = 'UTC'")
    return made


CASES: dict[str, object] = {
    "'x'": "x",
    "null::varchar": None,
    "1.5::double": 1.5,
    "null::double": None,
    "7::bigint": 7,
    "12.50::decimal(38, 12)": Decimal("12.50"),
    "true": True,
    "null::boolean": None,
    "date '2026-10-31'": date(2026, 10, 31),
    "null::date": None,
    "timestamptz '2026-10-31 02:03:04.000005+01'": datetime(2026, 10, 31, 1, 3, 4, 5, tzinfo=UTC),
    "null::timestamptz": None,
    "timestamp '2026-10-31 01:00:00'": datetime(2026, 10, 31, 1),  # noqa: DTZ001 - the engine's type without a zone
    "[1, null, 3]": [1, None, 3],
    "null::integer[]": None,
    "[]::varchar[]": [],
    "{'a': 1, 'b': null::varchar}": {"a": 1, "b": None},
    "null::struct(a integer)": None,
    "[{'at': timestamptz '2026-10-31 00:00:00+00', 'of': [1.0::double]}, null]": [
        {"at": datetime(2026, 10, 31, tzinfo=UTC), "of": [1.0]},
        None,
    ],
    "map {'k': 2}": [("k", 2)],
}


@pytest.mark.parametrize(("expression", "value"), CASES.items())
def test_a_value(connection: duckdb.DuckDBPyConnection, expression: str, value: object) -> None:
    assert rows_of(connection.sql(f"select {expression} as v").to_arrow_table()) == [{"v": value}]


def test_what_null_rows_hide_does_not_move_the_others(connection: duckdb.DuckDBPyConnection) -> None:
    table = connection.sql(
        "select * from (values (1, [{'t': 'a'}], {'n': [1]}), (2, null, null), (3, [{'t': 'a'}, {'t': null}], {'n': null}))"
        " as t (id, lists, members) order by id"
    ).to_arrow_table()
    assert rows_of(table) == table.to_pylist()
    assert rows_of(table.slice(1)) == table.to_pylist()[1:]


def test_chunks_and_no_rows() -> None:
    table = pa.table({"t": pa.chunked_array([["a", "b"], [], ["a"]]), "n": pa.chunked_array([[1.0], [2.0, 3.0]])})
    assert rows_of(table) == table.to_pylist()
    assert rows_of(table.slice(0, 0)) == []
