"""What a statement tells of the texts of its columns: never less than what the engine finds."""

from __future__ import annotations

import duckdb
import pytest

from finops.warehouse.texts import Statement, Texts

THINGS: dict[str, Texts] = {"kind": frozenset({"disk", "vm"}), "size": frozenset({"s", "m"}), "name": None, "none": frozenset()}


def told(sql: str, column: str = "x") -> set[str] | None:
    texts = Statement(sql, {"things": THINGS}).column(column)
    return None if texts is None else set(texts)


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("select kind as x from things", {"disk", "vm"}),
        ("select t.kind as x from things as t", {"disk", "vm"}),
        ("select 'a' as x from things", {"a"}),
        ("select null as x from things", set()),
        ("select none as x from things", set()),
        ("select coalesce(kind, 'none') as x from things", {"disk", "vm", "none"}),
        ("select case when size = 's' then kind when name = 'b' then 'big' end as x from things", {"disk", "vm", "big"}),
        ("select case size when 's' then 'small' else size end as x from things", {"small", "s", "m"}),
        ("select nullif(kind, 'vm') as x from things", {"disk", "vm"}),
        ("select any_value(kind) as x from things", {"disk", "vm"}),
        ("select kind || 's' as x from things", None),
        ("select upper(kind) as x from things", None),
        ("select coalesce(kind, name) as x from things", None),
        ("select x from unheard_of", None),
        ("select y.kind as x from things as t, unheard_of as y", None),
        ("select 1 as x from things", None),
        ("with a as (select kind, size from things) select a.kind as x from a", {"disk", "vm"}),
        ("with a as (select *, 'b' as x from things) select * from a", {"b"}),
        ("with a as (select kind as x from things), b as (select * exclude (x) from a) select * from b", None),
        ("with a as (select kind as x from things) select * replace (coalesce(x, 'c') as x) from a", {"disk", "vm", "c"}),
        ("select kind as x from things union all by name select 'd' as x", {"disk", "vm", "d"}),
        ("select kind as x from things union all by name select 'd' as y", {"disk", "vm"}),
        ("select kind as x from things union all select 'd' as y", None),
        ("select kind as first, coalesce(first, 'e') as x from things", {"disk", "vm", "e"}),
        ("select s.x from (select size as x from things) as s", {"s", "m"}),
        ("with things as (select kind as x from things) select x from things", None),
        ("select x from things pivot (a b c", None),
    ],
)
def test_what_a_statement_tells(sql: str, texts: set[str] | None) -> None:
    assert told(sql) == texts


def test_names_are_not_told_apart_by_case() -> None:
    assert told("with A as (select KIND as Kinds from Things) select a.kinds as X from A", "X") == {"disk", "vm"}


@pytest.mark.parametrize(
    "sql",
    [
        "select size as kind, kind as x from things",  # a column goes before a projection of that name
        "select 'vm' as size, coalesce(kind, size) as x from things",
        "with a as (select 'z' as kind) select things.kind as x from a, things",
    ],
)
def test_the_engine_finds_no_other_texts(sql: str) -> None:
    connection = duckdb.connect()
    connection.execute(
        "create table things as select * from (values ('disk', 's', 'a'), ('vm', 'm', 'b')) t (kind, size, name)"
    )
    found = {row[0] for row in connection.sql(f"select x from ({sql})").fetchall()}
    assert found <= (told(sql) or found)
