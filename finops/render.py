"""Rows as a table, JSON, CSV or Markdown: one renderer for every command."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from finops.money import cents

Format: TypeAlias = Literal["table", "json", "csv", "md"]
Row: TypeAlias = Mapping[str, object]

WIDEST = 10_000
"""Columns of text before a table wraps: a pipe has no width, and a cut number is a wrong number."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t")
"""First characters that spreadsheets take for a formula (OWASP, CSV injection)."""


def document(value: object) -> str:
    """One JSON document; money is a decimal string, times are ISO 8601."""
    return json.dumps(value, default=_json, indent=2, ensure_ascii=False)


def rows(rows: Sequence[Row], fmt: Format, *, title: str = "") -> str:
    """`rows` share their keys; the first row's order is the columns' order."""
    if fmt == "json":
        return document(list(rows))
    columns = list(rows[0]) if rows else []
    if fmt == "csv":
        return _csv(rows, columns)
    if fmt == "md":
        return _markdown(rows, columns)
    return _table(rows, columns, title)


def amount(value: Decimal) -> str:
    """To the cent, with thousands separators; never -0.00."""
    return f"{cents(value) + 0:,}"


def _json(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def plain(value: Decimal) -> str:
    """Decimal digits without an exponent and without trailing zeros below the cent."""
    text = f"{value:f}"
    if "." not in text:
        return text
    whole, fraction = text.split(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction.ljust(2, '0')}"


def text(value: object) -> str:
    """A cell for people."""
    match value:
        case None:
            return ""
        case Decimal():
            return amount(value)
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
        case int():
            return f"{value:,}"
        case datetime():
            return value.isoformat(sep=" ", timespec="minutes")
        case list() | tuple():
            return ", ".join(text(item) for item in value)
    return printable(str(value))


def printable(value: str) -> str:
    """Without control characters: a resource name must not steer a terminal."""
    return "".join(c if c.isprintable() or c == " " else "�" for c in value)


def spreadsheet(value: object) -> str:
    """A CSV cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict | list):
        return document(value)
    return inert(str(_json(value)).replace("\r", "\\r"))  # csv readers take a bare carriage return for a new record


def inert(cell: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _csv(rows: Sequence[Row], columns: list[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([spreadsheet(column) for column in columns])
    writer.writerows([[spreadsheet(row[column]) for column in columns] for row in rows])
    return out.getvalue().rstrip("\n")


MARKDOWN_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]()#+!|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


ADDRESS = re.compile(r"(?i)(://)|(www)\.")
"""What Markdown as hosts render it makes a link without any markup."""


def markdown(value: object) -> str:
    """A cell in which nothing is markup."""
    cell = value.replace("\n", " ") if isinstance(value, str) else value
    return ADDRESS.sub(lambda m: "&#58;//" if m[1] else f"{m[2]}&#46;", text(cell).translate(MARKDOWN_SPECIAL))


def _markdown(rows: Sequence[Row], columns: list[str]) -> str:
    numeric = _numeric(rows, columns)
    lines = [
        "| " + " | ".join(markdown(column) for column in columns) + " |",
        "| " + " | ".join("---:" if column in numeric else "---" for column in columns) + " |",
    ]
    lines += ["| " + " | ".join(markdown(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def _table(rows: Sequence[Row], columns: list[str], title: str) -> str:
    numeric = _numeric(rows, columns)
    grid = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        grid.add_column(Text(column), justify="right" if column in numeric else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(text(row[column])) for column in columns))
    out = io.StringIO()
    Console(file=out, width=WIDEST, color_system=None).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").splitlines())


SHARE = re.compile(r"-?[\d,.]+%")


def is_number(value: object) -> bool:
    """An amount, a count, a measure, or a share as it is printed."""
    if isinstance(value, str):
        return SHARE.fullmatch(value) is not None
    return isinstance(value, Decimal | int | float) and not isinstance(value, bool)


def numeric(rows: Sequence[Row], column: str) -> bool:
    """Whether a column holds numbers alone, which are aligned right; some may be unknown."""
    values = [row[column] for row in rows if row[column] is not None]
    return bool(values) and all(is_number(value) for value in values)


def _numeric(rows: Sequence[Row], columns: list[str]) -> set[str]:
    return {column for column in columns if numeric(rows, column)}
