"""What a report is made of: sections of paragraphs, tables, charts and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from finops.charts import Bar, Point

Row: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph; `strong` ones must not be passed over."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """The command that gives the same numbers in full."""

    text: str


@dataclass(frozen=True, slots=True)
class TableOf:
    """Rows with the same keys; the first row's order is the columns'."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars on one scale."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class LineChart:
    """One value a day."""

    title: str
    points: tuple[Point, ...]
    unit: str


Block: TypeAlias = Paragraph | Command | TableOf | BarChart | LineChart


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]
    level: Literal[2, 3] = 2


@dataclass(frozen=True, slots=True)
class Document:
    """Title, the trust line and its notes, sections, footer."""

    title: str
    status: str
    trust: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str


def first_of(rows: Sequence[Row], most: int) -> list[Row]:
    """The first rows of each currency: of two bills the smaller must not be left out."""
    currencies = dict.fromkeys(row.get("currency") for row in rows)
    return [row for currency in currencies for row in [r for r in rows if r.get("currency") == currency][:most]]
