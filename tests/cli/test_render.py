"""Rendering: every format, and nothing from a bill that a spreadsheet, Markdown or a terminal would act on."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal

import pytest

from finops import render
from finops.summary.blocks import first_of
from finops.summary.html_table import html_table

ROWS: list[dict[str, object]] = [
    {"service": "Object store", "day": date(2026, 10, 31), "cost": Decimal("1234567.895"), "lines": 12},
    {"service": "=HYPERLINK(1)", "day": None, "cost": Decimal("-0.004"), "lines": 3},
]


def test_json_keeps_money_exact_and_as_text() -> None:
    rows = json.loads(render.rows(ROWS, "json"))
    assert rows[0] == {"service": "Object store", "day": "2026-10-31", "cost": "1234567.895", "lines": 12}


@pytest.mark.parametrize(
    ("amount", "text"),
    [("5E-12", "0.000000000005"), ("1.500000000000", "1.50"), ("7", "7"), ("1E+3", "1000"), ("0.10", "0.10")],
)
def test_decimals_have_no_exponent(amount: str, text: str) -> None:
    assert render.plain(Decimal(amount)) == text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_csv_cell_is_no_formula(cell: str) -> None:
    text = render.rows([{"name": cell}], "csv")
    assert next(csv.DictReader(io.StringIO(text)))["name"].startswith("'")


def test_a_carriage_return_does_not_break_a_csv_record() -> None:
    assert render.rows([{"name": "a\r=1"}], "csv") == "name\na\\r=1"


def test_a_negative_amount_stays_a_number_in_csv() -> None:
    assert render.rows([{"cost": Decimal("-1.5")}], "csv") == "cost\n-1.50"


def test_markdown_shows_markup_as_text() -> None:
    text = render.rows([{"name": "<script>|`x`[a](b)\nnext"}], "md").splitlines()[-1]
    assert text == "| &lt;script&gt;\\|\\`x\\`\\[a\\]\\(b\\) next |"


def test_a_table_aligns_numbers_right_and_never_wraps() -> None:
    lines = render.rows(
        [{"name": "x" * 300, "cost": Decimal(1)}, {"name": "y", "cost": Decimal("1000.5")}], "table"
    ).splitlines()
    assert lines[2].startswith("x" * 300)
    assert lines[2].endswith("    1.00")
    assert lines[3].endswith("1,000.50")


def test_a_terminal_gets_no_control_characters() -> None:
    assert "\x1b" not in render.rows([{"name": "\x1b[2Jgone"}], "table")


def test_markup_of_the_table_library_is_text() -> None:
    assert "[bold]x[/bold]" in render.rows([{"name": "[bold]x[/bold]"}], "table")


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "md"])
def test_no_rows_are_no_error(fmt: render.Format) -> None:
    render.rows([], fmt)


def test_a_list_of_two_currencies_leaves_none_out() -> None:
    rows = [{"currency": "EUR", "n": n} for n in range(9)] + [{"currency": "USD", "n": n} for n in range(3)]
    assert [(row["currency"], row["n"]) for row in first_of(rows, 2)] == [("EUR", 0), ("EUR", 1), ("USD", 0), ("USD", 1)]
    assert first_of([], 2) == []


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '" onload="x', "=cmd|'/C calc'!A0", "x" * 200])
def test_a_name_in_an_html_table_is_only_text(name: str) -> None:
    found, plain = (html_table([{"team": value, "cost": Decimal("1234.5")}]) for value in (name, "x" * len(name)))
    shape = re.compile(r"<[^>]*>")
    assert shape.findall(found) == shape.findall(plain)
    assert '<td class="n">1,234.50</td>' in found
    assert not re.search(r"<td[^>]*>=", found)
    assert "–" in html_table([{"cost": None}])
