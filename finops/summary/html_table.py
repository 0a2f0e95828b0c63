"""Rows as an HTML table: numbers to the right, nothing in a cell is markup or begins a formula."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from finops import render


def html_table(rows: Sequence[render.Row]) -> str:
    """Rows that share their keys; the first row's order is the columns'."""
    columns = list(rows[0])
    kinds = {column: _kind(rows, column) for column in columns}
    head = "".join(f"<th{kinds[column]}>{_value(heading(column))}</th>" for column in columns)
    lines = ["<tr>" + "".join(f"<td{kinds[column]}>{_value(row[column])}</td>" for column in columns) + "</tr>" for row in rows]
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>\n{chr(10).join(lines)}\n</tbody></table></div>'


A_MONTH = {"monthly": "a month"} | {
    name: f"{name.replace('_', ' ')} a month" for name in ("saving", "promised", "realised", "cash", "spend_at_stake")
}
"""Columns whose amounts are a month's, which their names leave out."""


def heading(column: str) -> str:
    """What stands above a column, with the time that its amounts are of."""
    return A_MONTH.get(column, column.replace("_", " "))


LONG = 28
"""Characters from which a column's texts wrap; shorter ones stay on their line."""


def _kind(rows: Sequence[render.Row], column: str) -> str:
    """Numbers are aligned right, long texts wrap."""
    if render.numeric(rows, column):
        return ' class="n"'
    return ' class="w"' if any(len(render.text(row[column])) > LONG for row in rows) else ""


def _value(value: object) -> str:
    """A table may be pasted into a spreadsheet, or the file opened in one: no text begins a formula."""
    if value is None:
        return "–"
    return cell(render.inert(value.strip())) if isinstance(value, str) else cell(value)


def cell(value: object) -> str:
    """Text in which nothing is markup."""
    return escape(render.text(value), quote=True)
