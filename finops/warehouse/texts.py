"""Which texts a column of a SELECT can hold, told from the statement and from the texts of what it reads.

Where a column is made of columns, literals, `case` and `coalesce` alone, its values are among theirs: so it can be written as
an ENUM without being computed first. Anything else (a function of a text, a column of many values) may be any text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

Texts: TypeAlias = frozenset[str] | None
"""The texts that a column can hold beside null; None where it may be any."""


class Absent(Enum):
    """The relation has no such column."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
Found: TypeAlias = Texts | Absent

CHOICES = (exp.Min, exp.Max, exp.AnyValue, exp.First, exp.ArgMin, exp.ArgMax, exp.IgnoreNulls, exp.Paren, exp.Nullif)
"""Expressions whose value is one of the values of `this`."""


class Statement:
    """A SELECT of the engine's dialect, with the columns of the relations that it reads (names in lower case)."""

    def __init__(self, sql: str, relations: Mapping[str, Mapping[str, Texts]]) -> None:
        self._relations = relations
        self._query = _parsed(sql)
        self._named: dict[str, exp.Expr] = {}
        for common in self._query.find_all(exp.CTE):
            name = common.alias.lower()
            self._named[name] = exp.Null() if name in self._named else common.this  # of two of one name nothing is told
        self._known: dict[tuple[str, str], Found] = {}

    def column(self, name: str) -> Texts:
        """The texts of a column of the result."""
        found = self._of_query(self._query, name.lower())
        return None if isinstance(found, Absent) else found

    def _of_relation(self, relation: str, name: str) -> Found:
        key = (relation, name)
        if key not in self._known:
            self._known[key] = None  # what refers to itself
            if relation in self._named:
                self._known[key] = self._of_query(self._named[relation], name)
            elif relation in self._relations:
                self._known[key] = self._relations[relation].get(name, ABSENT)  # what is not known has any column
        return self._known[key]

    def _of_query(self, query: exp.Expr, name: str) -> Found:
        if isinstance(query, exp.Subquery):
            return self._of_query(query.this, name)
        if isinstance(query, exp.Union):
            if not query.args.get("by_name"):
                return None
            sides = [self._of_query(side, name) for side in (query.this, query.expression)]
            held = [side for side in sides if not isinstance(side, Absent)]  # the other side's rows are null
            return joined(held) if held else ABSENT
        if not isinstance(query, exp.Select):
            return None
        for projection in query.expressions:
            if not _is_star(projection) and projection.alias_or_name.lower() == name:
                return self._of_value(query, projection.unalias())
        stars = [self._of_star(query, star, name) for star in query.expressions if _is_star(star)]
        return next((found for found in stars if not isinstance(found, Absent)), ABSENT)

    def _of_star(self, query: exp.Select, star: exp.Expr, name: str) -> Found:
        inner = star.this if isinstance(star, exp.Column) else star
        for replaced in inner.args.get("replace") or ():
            if replaced.alias.lower() == name:
                return self._of_value(query, replaced.unalias())
        if any(left.name.lower() == name for left in inner.args.get("except_") or ()):
            return ABSENT
        return self._of_sources(query, name, star.table.lower() if isinstance(star, exp.Column) else "")

    def _of_sources(self, query: exp.Select, name: str, table: str) -> Found:
        """A column of what the query reads; with `table`, of the source of that name."""
        for alias, source in _sources(query):
            if table in ("", alias):
                found = self._of_relation(source, name) if isinstance(source, str) else self._of_query(source, name)
                if not isinstance(found, Absent):
                    return found
        return ABSENT

    def _of_value(self, query: exp.Select, value: exp.Expr) -> Texts:
        if isinstance(value, exp.Literal):
            return frozenset({value.this}) if value.is_string else None
        if isinstance(value, exp.Null):
            return frozenset()
        if isinstance(value, exp.Column):
            return self._of_column(query, value)
        if isinstance(value, exp.Case):
            branches = [branch.args["true"] for branch in value.args["ifs"]]
            default = value.args.get("default")
            return joined([self._of_value(query, branch) for branch in (*branches, *([default] if default else ()))])
        if isinstance(value, exp.Coalesce):
            return joined([self._of_value(query, part) for part in (value.this, *value.expressions)])
        return self._of_value(query, value.this) if isinstance(value, CHOICES) else None

    def _of_column(self, query: exp.Select, column: exp.Column) -> Texts:
        """A column of a source, or else of the same query: the engine lets a projection name an earlier one."""
        name, table = column.name.lower(), column.table.lower()
        found = self._of_sources(query, name, table)
        if not isinstance(found, Absent):
            return found
        beside = [p.unalias() for p in query.expressions if not _is_star(p) and p.alias_or_name.lower() == name]
        return self._of_value(query, beside[0]) if beside and not table and beside[0] is not column else None


def joined(parts: Sequence[Texts]) -> Texts:
    """The texts of any of these."""
    found: set[str] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return frozenset(found)


def _parsed(sql: str) -> exp.Expr:
    """The statement; of one that the parser does not know (the engine may), nothing is told."""
    try:
        return sqlglot.parse_one(sql, dialect="duckdb")
    except ParseError:
        return exp.Null()


def _is_star(projection: exp.Expr) -> bool:
    return isinstance(projection, exp.Star) or (isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star))


def _sources(query: exp.Select) -> list[tuple[str, str | exp.Expr]]:
    """(alias, relation's name or subquery) of what a query reads."""
    clauses = [query.args.get("from_"), *(query.args.get("joins") or ())]
    found: list[tuple[str, str | exp.Expr]] = []
    for clause in clauses:
        if clause is not None:
            source = clause.this
            found.append((source.alias_or_name.lower(), source.name.lower() if isinstance(source, exp.Table) else source))
    return found
