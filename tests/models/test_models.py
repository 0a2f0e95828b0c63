"""SQL models: headers, references, order, hashes."""

from __future__ import annotations

from graphlib import CycleError

import pytest
from sqlglot import exp, parse_one
from sqlglot.optimizer.scope import traverse_scope

from finops.models import Audit, Conservation, Model, audits, models, ordered, parse, parse_audit


def references(sql: str) -> set[str]:
    """The tables and table macros that a statement reads. A CTE may bear the name of the table that it reads."""
    tree = parse_one(sql, dialect="duckdb")
    sources = [source for scope in traverse_scope(tree) for source in scope.sources.values()]
    named = {source.name for source in sources if isinstance(source, exp.Table)}
    return (named | {call.name for call in tree.find_all(exp.Anonymous) if isinstance(call.parent, exp.Table)}) - {""}


def model(name: str, body: str) -> Model:
    return parse(name, f"-- {name}: a model.\n-- reads: {', '.join(references(body))}\n{body}")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("with charges as (select * from charges) select * from charges", {"charges"}),
        ("with c as (select * from charges), final as (select * from c join prices using (sku)) select * from final",
         {"charges", "prices"}),
        ("select * from resource_profile($as_of)", {"resource_profile"}),
        ("select (select max(a) from metrics) from charges where id in (select id from resources)",
         {"charges", "metrics", "resources"}),
        ("select 'from nowhere' -- from comment", set()),
    ],
)  # fmt: skip
def test_references_are_tables_not_ctes(sql: str, found: set[str]) -> None:
    assert references(sql) == found


def test_a_header_says_what_grain_and_audits() -> None:
    parsed = parse(
        "m",
        "-- m: what it is.\n-- A sentence more.\n-- reads: charges,\n--   tag_sets\n"
        "-- grain: x_source,\n--   day\n-- incremental: x_source, day\n-- slices: lower(coalesce(Owner, Team)), 7\n"
        "-- kept: yes\n-- portable: yes\n-- audits: conserves(a, BilledCost), conserves(b, ListCost)\nselect 1",
    )
    assert (parsed.title, parsed.grain, parsed.incremental) == ("what it is.", ("x_source", "day"), ("x_source", "day"))
    assert parsed.slices == ("lower(coalesce(Owner, Team))", 7)
    assert parsed.conserves == (Conservation("a", "BilledCost"), Conservation("b", "ListCost"))
    assert parsed.reads == {"charges", "tag_sets"}
    assert parsed.portable
    assert parsed.kept
    assert not parsed.is_macro
    with pytest.raises(ValueError, match="the header opens with"):
        parse("m", "-- n: another's header.\nselect 1")
    with pytest.raises(ValueError, match="has no line `-- reads"):
        parse("m", "-- m: without its inputs.\nselect 1")
    with pytest.raises(ValueError, match="severity"):
        parse_audit("a", "-- a: a check.\n-- reads: charges\n-- severity: fatal\nselect 1")


@pytest.mark.parametrize("found", [*models(), *audits()], ids=lambda found: found.name)
def test_a_header_names_exactly_what_the_statement_reads(found: Model | Audit) -> None:
    assert found.reads == references(found.sql)


def test_each_model_follows_what_it_reads() -> None:
    a, b, c = model("a", "select * from b"), model("b", "select * from c, charges"), model("c", "select 1")
    assert [found.name for found in ordered([a, b, c])] == ["c", "b", "a"]
    with pytest.raises(CycleError):
        ordered([a, model("b", "select * from a")])
    own = model("own", "with own as (select * from c) select * from own")
    assert [found.name for found in ordered([own, c])] == ["c", "own"]


def test_the_hash_is_of_the_sql() -> None:
    assert model("a", "select 1").hash == model("a", "select 1").hash
    assert model("a", "select 1").hash != model("a", "select 2").hash


def test_shipped_models_are_in_order_and_read_no_stranger() -> None:
    names = [found.name for found in models()]
    for found in models():
        later = names[names.index(found.name) :]
        assert not found.reads & set(later), found.name
        assert found.grain or found.is_macro, found.name
    assert all(found.reads == {"charges"} for found in audits())


def test_no_group_spans_two_slices() -> None:
    sliced = {model.name: model.slices[0] for model in models() if model.slices[0]}
    hour = "epoch_us(ChargePeriodStart) // 3600000000"
    assert sliced == {"metric_daily": "lower(resource_id)", "resource_daily": "lower(ResourceId)", "demand_hourly": hour}
    of = {"lower(resource_id)": "resource_id", "lower(ResourceId)": "resource_id", hour: "charge_hour"}
    assert all(of[value] in model.grain for model in models() if (value := sliced.get(model.name)))
