"""The FOCUS rules that a relation of charges must satisfy, as SQL predicates over its rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import duckdb

from finops import focus
from finops.warehouse.names import identifier, literal

DATA_SIZES = "|".join(
    [f"{p}{u}" for u in ("b", "B") for p in ("", "K", "M", "G", "T", "P", "E")]
    + [f"{p}i{u}" for u in ("b", "B") for p in ("K", "M", "G", "T", "P", "E")]
)
TIME = "Year|Month|Day|Hour|Minute|Second"
TIMES = "Years|Months|Days|Hours|Minutes|Seconds"
COUNT = "[A-Za-z][A-Za-z0-9]*(?:\\s+[A-Za-z][A-Za-z0-9]*)*"
UNIT = (
    f"(?:[0-9]+ )?(?:{DATA_SIZES}|{COUNT})"
    f"|(?:{DATA_SIZES}|{COUNT})-(?:{TIMES})"
    f"|(?:{DATA_SIZES}|{COUNT})/(?:{TIME}|[0-9]+ (?:{TIMES}))"
)
"""FOCUS Unit Format (1.0 to 1.4): a unit, `unit-times`, `unit/time`, `unit/n times`, or a number of units."""

ONE_VALUE = (
    ("ServiceName-C-005-C", "ServiceName", "ServiceCategory"),
    ("ServiceName-C-008-C", "ServiceName", "ServiceSubcategory"),
    ("SkuPriceId-C-008-M", "SkuPriceId", "SkuId"),
)
"""Rule, column, and the column of which it has one and only one value."""

FILLED_AT_EXPORT = ("BillingAccountType", "ServiceProviderName")
"""Not nullable in FOCUS; charges may hold null, and the export derives them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`violates` is true of a wrong row.

    checked   the official validator evaluates it; else the specification alone asks for it
    exported  the export fills what is missing, so that charges may break it
    """

    name: str
    violates: str
    checked: bool = True
    exported: bool = False


@cache
def rules(version: str = focus.CANONICAL) -> tuple[Rule, ...]:
    """Every row rule of one FOCUS version."""
    return (*_of_columns(version), *_conditional())


def _of_columns(version: str) -> Iterator[Rule]:
    for column in focus.columns_of(version):
        name = identifier(column.name)
        if not column.nullable:
            yield Rule(f"{column.name}-not-null", f"{name} is null", exported=column.name in FILLED_AT_EXPORT)
        if column.allowed:
            yield Rule(f"{column.name}-allowed-value", f"{name} not in ({', '.join(map(literal, column.allowed))})")
        if column.name.endswith("Unit"):
            yield Rule(f"{column.name}-unit-format", f"not regexp_full_match({name}, {literal(UNIT)})")
        if column.type == "JSON":
            yield Rule(
                f"{column.name}-json-object",
                f"json_type(try_cast({name} as json)) is distinct from 'OBJECT' and {name} is not null",
            )
    pairs = ", ".join(f"({literal(c)}, {literal(s)})" for s, c in focus.subcategories().items())
    yield Rule("ServiceSubcategory-C-004-M", f"(ServiceCategory, ServiceSubcategory) not in ({pairs})")


def _conditional() -> Iterator[Rule]:
    text = resources.files("finops").joinpath("focus_rules.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        yield Rule(row["rule"], row["violates"], row["checked"] == "yes", row["scope"] == "export")


def violations(
    connection: duckdb.DuckDBPyConnection,
    relation: str = "staged",
    *,
    version: str = focus.CANONICAL,
    strict: bool = False,
    exported: bool = False,
    besides: Iterable[str] = (),
) -> list[str]:
    """Sentences `rule: n rows (violates: …)`, empty where all is well.

    strict    also the rules that the specification states and the official validator never evaluates
    exported  also the rules that the export fills columns for (names, pricing currency)
    besides   names of rules to leave out
    Rules whose column is a MAP (tags in staging) need no JSON check and are passed over.
    """
    maps = {
        name
        for name, kind, *_ in connection.execute(f"describe {identifier(relation)}").fetchall()
        if str(kind).startswith("MAP")
    }
    chosen = [
        rule
        for rule in rules(version)
        if rule.name not in set(besides)
        and (strict or rule.checked)
        and (exported or not rule.exported)
        and not (rule.name.endswith("-json-object") and rule.name.removesuffix("-json-object") in maps)
    ]
    counts = ", ".join(f"count(*) filter (where {rule.violates})" for rule in chosen)
    found = connection.execute(f"select {counts} from {identifier(relation)}").fetchone() or ()
    wrong = [f"{rule.name}: {n} rows (violates: {rule.violates[:120]})" for rule, n in zip(chosen, found, strict=True) if n]
    return wrong + [text for rule in ONE_VALUE if rule[0] not in set(besides) for text in _several(connection, relation, *rule)]


def _several(connection: duckdb.DuckDBPyConnection, relation: str, rule: str, one: str, other: str) -> list[str]:
    rows = connection.execute(
        f"select {identifier(one)}::varchar, count(distinct {identifier(other)}) as n from {identifier(relation)}"
        f" where {identifier(one)} is not null group by all having n != 1 order by all"
    ).fetchall()
    return [f"{rule}: {one} `{value}` has {n} values of {other}" for value, n in rows[:5]]
