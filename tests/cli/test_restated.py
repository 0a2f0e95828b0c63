"""A restated month through the command line: it replaces itself, and `status --diff` says what changed since a day."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Ran
from tests.intake.delivery import text

Call = Callable[..., Ran]


def test_diff_says_what_a_restated_month_changed(finops: Call, tmp_path: Path) -> None:
    warehouse, bill = tmp_path / "warehouse", tmp_path / "bill.csv"
    bill.write_text(text())
    assert finops("load", bill, "--warehouse", warehouse).code == 0
    first = warehouse / "_published" / "1.json"
    first.write_text(json.dumps({**json.loads(first.read_text()), "published_at": "2026-10-02T08:00:00+00:00"}))
    bill.write_text(text(BilledCost="12.50", EffectiveCost="12.50"))
    assert finops("load", bill, "--warehouse", warehouse).code == 0

    ran = finops("status", "--diff", "2026-10-02", "--warehouse", warehouse, "--format", "json")
    assert ran.code == 0, ran.err
    (change,) = json.loads(ran.out)
    assert (change["billed_before"], change["billed_after"], change["billed_delta"]) == ("10.00", "12.50", "2.50")
    assert (change["rows_before"], change["rows_after"]) == (1, 1)
    assert "Nothing changed" in finops("status", "--diff", "2026-12-31", "--warehouse", warehouse).out


def test_the_same_delivery_twice_changes_nothing(finops: Call, tmp_path: Path) -> None:
    warehouse, bill = tmp_path / "warehouse", tmp_path / "bill.csv"
    bill.write_text(text())
    finops("load", bill, "--warehouse", warehouse)
    before = finops("sql", "select * from charges order by all", "--warehouse", warehouse, "--format", "json").out
    again = finops("load", bill, "--warehouse", warehouse)
    assert again.code == 0
    assert finops("sql", "select * from charges order by all", "--warehouse", warehouse, "--format", "json").out == before


def test_a_refused_delivery_exits_with_one_and_names_the_file(finops: Call, tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text("a,b\n1,2\n")
    ran = finops("load", bill, "--warehouse", tmp_path / "warehouse")
    assert ran.code == 1
    assert ran.out == ""
    assert "bill.csv" in ran.err
    assert "try:" in ran.err
