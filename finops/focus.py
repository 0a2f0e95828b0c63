"""FOCUS columns and services as data: names, types, nullability, versions, allowed values (FOCUS, CC-BY-4.0; see NOTICE)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
CANONICAL = "1.2"
"""The version that `charges` conforms to; 1.3's and 1.4's columns are carried beside it."""

SQL_TYPES = {"String": "VARCHAR", "JSON": "VARCHAR", "Decimal": "DECIMAL(38,12)", "Date/Time": "TIMESTAMPTZ"}


@dataclass(frozen=True, slots=True)
class FocusColumn:
    """One column of the Cost and Usage dataset."""

    name: str
    type: str
    nullable: bool
    level: str
    kind: str
    since: str
    removed: str
    allowed: tuple[str, ...]

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]

    def is_in(self, version: str) -> bool:
        since = "1.0" if self.since in ("0.5", "1.0-preview") else self.since
        return since <= version and not (self.removed and version >= self.removed)


@cache
def columns() -> tuple[FocusColumn, ...]:
    """Every column of 1.0 to 1.4, in 1.2's order and then those that came later."""
    text = resources.files("finops").joinpath("focus_columns.csv").read_text("utf-8")
    return tuple(
        FocusColumn(
            name=row["column"],
            type=row["type"],
            nullable=row["nulls"] == "yes",
            level=row["level"],
            kind=row["kind"],
            since=row["since"],
            removed=row["removed"],
            allowed=tuple(value for value in row["allowed_values"].split("|") if value),
        )
        for row in csv.DictReader(text.splitlines())
    )


@cache
def columns_of(version: str) -> tuple[FocusColumn, ...]:
    """The columns of one released version."""
    return tuple(column for column in columns() if column.is_in(version))


@cache
def subcategories() -> dict[str, str]:
    """Service subcategory → its one service category."""
    text = resources.files("finops").joinpath("focus_services.csv").read_text("utf-8")
    return {row["service_subcategory"]: row["service_category"] for row in csv.DictReader(text.splitlines())}
