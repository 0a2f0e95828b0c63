"""Every delivered line is accounted for: as a charge, or netted with others; and what the mapping did to a unit is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.intake.stage import Staged
from finops.warehouse.warehouse import Warehouse
from tests.connectors.aws.test_billing import HOUR, covered, line
from tests.connectors.gcp.bills import BASE, FEE
from tests.intake.delivery import deliver, text
from tests.intake.test_stage import ACTUAL, AMORTIZED, HEADER
from tests.staging import write_csv

PLAN = {"savingsPlan__SavingsPlanARN": "arn:aws:savingsplans::1:savingsplan/a"}
NEGATION = line("SavingsPlanNegation", "-0.096", **PLAN)
PLAN_FEE = line(
    "SavingsPlanRecurringFee",
    "0.08",
    savingsPlan__TotalCommitmentToDate="0.08",
    savingsPlan__UsedCommitment="0.06",
    **PLAN,
)
NET = "lineItem/NetUnblendedCost"


def _cur(folder: Path, *lines: dict[str, str]) -> list[Path]:
    rows = [HOUR | {"identity/LineItemId": f"line{n}"} | given for n, given in enumerate(lines)]
    header = list(dict.fromkeys(name for row in rows for name in row))
    return [write_csv(folder / "cur.csv", header, *([row.get(name) for name in header] for row in rows))]


def _gcp(folder: Path, *changes: dict[str, Any]) -> list[Path]:
    header = list(dict.fromkeys([*BASE, *(key for change in changes for key in change)]))
    return [write_csv(folder / "bill.csv", header, *([{**BASE, **change}.get(name) for name in header] for change in changes))]


def _pair(folder: Path) -> list[Path]:
    return [write_csv(folder / f"{n}.csv", HEADER, *lines) for n, lines in (("actual", ACTUAL), ("amortized", AMORTIZED))]


def _service_csv(folder: Path) -> list[Path]:
    header, total = ["Service", "EC2-Instances($)", "S3($)", "Total costs($)"], ["Service total", "30", "3", "33"]
    days = [["2026-09-01", "10", "1", "11"], ["2026-09-02", "20", "2", "22"], ["2026-09-03", "", "", "0"]]
    return [write_csv(folder / "costs.csv", header, total, *days)]


def _focus(folder: Path) -> list[Path]:
    path = folder / "focus.csv"
    path.write_text(text({"x_line_id": "a"}, {"x_line_id": "a:unused"}))
    return [path]


HALF_USED = json.dumps([{"type": "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", "amount": "-20", "full_name": "CUD"}])

DELIVERIES: dict[str, tuple[Callable[[Path], list[Path]], int, int]] = {
    # how it is made: lines, charges
    "covered, negated, fee with an unused part": (lambda f: _cur(f, covered("0.096", "0.06"), NEGATION, PLAN_FEE), 3, 3),
    "a negation that cancels in part": (lambda f: _cur(f, covered("0.1", "0.06"), NEGATION), 2, 2),
    # 10 × 0.9 net = 10 − 1 of the discount line, which the net column contains
    "net columns": (
        lambda f: _cur(f, line("Usage", "10") | {NET: "9"}, line("EdpDiscount", "-1") | {NET: "0"}), 2, 1,
    ),
    "fees without a line id": (lambda f: _cur(f, PLAN_FEE | {"identity/LineItemId": ""}), 1, 2),
    "a covered part, an unused part": (lambda f: _gcp(f, FEE, {"cost": "25", "credits": HALF_USED}), 2, 4),
    "actual and amortized": (_pair, 6, 4),  # the purchase and the three amortized lines
    "a table of services by day": (_service_csv, 4, 4),  # the line of totals and a day at no cost are no charges
    "lines that another export derived": (_focus, 2, 2),
}  # fmt: skip


@pytest.mark.parametrize("case", DELIVERIES)
def test_every_line_is_accounted_for(case: str, warehouse: Warehouse, tmp_path: Path) -> None:
    make, lines, charges = DELIVERIES[case]
    deliver(warehouse, *make(tmp_path))
    with warehouse.reader() as reader:
        (row,) = reader.rows("select rows_expected, rows_loaded, status, residual from reconciliation")
        (count,) = reader.rows("select count(*) as charges from charges")
    assert (row["rows_expected"], row["rows_loaded"], count["charges"]) == (lines, lines, charges)
    assert (row["status"], row["residual"]) == ("amber", 0)


def test_the_sample_companys_lines(company: Path) -> None:
    """Three clouds, eighteen months; of these the first has plan negations and the second comes as pairs."""
    with Warehouse.open(str(company)).reader() as reader:
        rows = reader.rows("select rows_expected, rows_loaded from reconciliation where level = 'complete'")
        (count,) = reader.rows("select count(*) as charges from charges")
    assert len(rows) == 54
    assert all(row["rows_expected"] == row["rows_loaded"] for row in rows)
    assert sum(row["rows_expected"] for row in rows) > count["charges"]


def test_each_currency_has_its_own_lines(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text(text({}, {}, {"BillingCurrency": "EUR"}))
    deliver(warehouse, path)
    with warehouse.reader() as reader:
        rows = reader.rows("select currency, rows_expected, rows_loaded from reconciliation order by currency")
    assert [tuple(row.values()) for row in rows] == [("EUR", 1, 1), ("USD", 2, 2)]


@pytest.mark.parametrize(
    ("lines", "loaded", "complete"), [((3, 3), "10", True), ((3, 2), "10", False), ((3, 3), "9.99", False)]
)
def test_complete_is_lines_and_total(lines: tuple[int, int], loaded: str, complete: bool) -> None:
    totals = {"USD": (Decimal(10), Decimal(loaded))}
    staged = Staged(group=None, unit=None, rows=3, lines={"USD": lines}, totals=totals)  # type: ignore[arg-type]
    assert staged.is_complete("USD") is complete


SAID = {
    "negation in part": (
        [covered("0.1", "0.06"), NEGATION],
        "savings plans: 0.00 USD of covered usage is not cancelled by negation lines; it stays billed, as Adjustment",
        False,  # 0.004 is under half a cent
    ),
    "negation leaves a cent": (
        [covered("0.106", "0.06"), NEGATION],
        "savings plans: 0.01 USD of covered usage is not cancelled by negation lines; it stays billed, as Adjustment",
        True,
    ),
    "negations": ([covered("0.096", "0.06"), NEGATION], "1 savings plan negation lines are netted with what they cancel", True),
    "derived rows": ([PLAN_FEE], "1 rows are derived (unused or covered commitment, residual)", True),
    "net columns": (
        [line("Usage", "10") | {NET: "9"}, line("EdpDiscount", "-1") | {NET: "0"}],
        "USD: costs are the net columns, which contain the discount lines",
        True,
    ),
    "text for an amount": (
        [
            line("RIFee", "1", reservation__UnusedRecurringFee="No Upfront"),
            line("RIFee", "1", reservation__UnusedRecurringFee=""),
        ],
        "column `reservation/UnusedRecurringFee`: 1 cells are no amounts and count as missing",
        True,
    ),
    "amounts alone": ([line("RIFee", "1", reservation__UnusedRecurringFee="0.5")], "are no amounts", False),
    "text in a rate": ([line("Usage", "1", pricing__publicOnDemandRate="None")], "are no amounts", False),
}


@pytest.mark.parametrize("case", SAID)
def test_what_the_mapping_did_is_said(case: str, warehouse: Warehouse, tmp_path: Path) -> None:
    lines, sentence, said = SAID[case]
    report = deliver(warehouse, *_cur(tmp_path, *lines))
    with warehouse.reader() as reader:
        (row,) = reader.rows("select notes from coverage")
    assert (sentence in "; ".join(report.lines[0].notes)) is said
    assert (sentence in "; ".join(json.loads(row["notes"]))) is said


def test_months_with_equal_counts_are_each_counted(warehouse: Warehouse, tmp_path: Path) -> None:
    october = PLAN_FEE | {
        "bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z",
        "bill/BillingPeriodEndDate": "2026-11-01T00:00:00Z",
        "lineItem/UsageStartDate": "2026-10-05T00:00:00Z",
        "lineItem/UsageEndDate": "2026-10-05T01:00:00Z",
    }
    report = deliver(warehouse, *_cur(tmp_path, PLAN_FEE, october))
    assert report.lines[0].notes == ("2 rows are derived (unused or covered commitment, residual)",)
