"""Real and published bills from disk to plan and export: totals, trust, refusals, and that loading twice changes nothing."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import duckdb
import pytest

from finops.errors import Refused
from finops.intake.load import load
from finops.warehouse.focus_rules import violations
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran

BILLING = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing"
FOCUS = BILLING / "focus"
CUR = ("aws/Oct2018-WorkshopCUR-00001.snappy.parquet", "aws/Nov2018-WorkshopCUR-00001.snappy.parquet")
EA = ("azure/EA_ActualCost_Small.csv", "azure/EA_AmortizedCost_Small.csv")
GCP = ("gcp/nise-gcp-resource-2026-09.csv.gz",)

LOADS = {
    # paths: (charges, total or None, currency, trust)
    CUR: (243_651, "7569.8100996647", "USD", "amber"),
    EA: (29, "19.047780136169", "USD", "red"),  # the amortized file has usage that the actual one lacks
    GCP: (8352, None, "USD", "amber"),
    ("gcp/koku-gcp-standard-2020-11.csv",): (25, None, "USD", "amber"),
    ("focus/fdt_focus_1_2_cost_and_usage_gcp.csv",): (1000, None, "USD", "amber"),
    ("focus/fdt_focus_1_3_cost_and_usage_aws.csv",): (1000, None, "USD", "amber"),
    ("focus/FOCUS-Sample-Data-1.0-rows-dev.csv",): (665, None, "USD", "amber"),
    ("aws/koku-local",): (None, None, "USD", "amber"),
    ("aws/nise-cur-2026-09.csv.gz",): (None, None, "USD", "amber"),
    ("aws/koku-2023-06-01-nok-currency.csv",): (None, None, "NOK", "amber"),
    ("aws/aws-cur-anonymize-sample-cur20.csv",): (None, None, "USD", "amber"),
    ("azure/nise-azure-2026-09.csv",): (None, None, "USD", "amber"),
    ("azure/koku-azure_camelCased.csv",): (None, None, "USD", "amber"),
}

REFUSED = {
    "azure/EA_NoRows.csv": "no rows",
    "azure/opencost-BOM.csv": "column `BillingAccountId` has no value",
    "oci/focus_converters-oci-cost.csv": "no known format",
    "focus/fdt_focus_1_3_contract_commitment_aws.csv": "`ServiceProviderName` missing",
    "focus/spec12__saas_examples__simple_agreements__simple_saas_agreements_a3.csv": "line 2, column `BilledCost`",
}


@pytest.fixture(scope="module", params=LOADS, ids=lambda paths: Path(paths[0]).name)
def bill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, tuple[str, ...]]:
    warehouse = Warehouse.open(str(tmp_path_factory.mktemp("bill") / "warehouse"))
    load(warehouse, [BILLING / path for path in request.param])
    return warehouse, request.param


def test_rows_total_trust_plan_and_export(
    bill: tuple[Warehouse, tuple[str, ...]], finops: Callable[..., Ran], tmp_path: Path
) -> None:
    warehouse, paths = bill
    rows, total, currency, status = LOADS[paths]
    with warehouse.reader() as reader:
        (found,) = reader.rows(
            "select count(*) as n, sum(BilledCost)::decimal(38, 12) as billed, min(BillingCurrency) as currency from charges"
        )
        tied = reader.rows("select distinct status from reconciliation")
        uncounted = reader.rows("select * from reconciliation where rows_expected is distinct from rows_loaded")
    assert rows in (None, found["n"])
    assert uncounted == []
    assert total is None or found["billed"] == Decimal(total)
    assert (found["currency"], tied) == (currency, [{"status": status}])
    force = ["--force"] if status == "red" else []
    ran = finops("recommend", "--format", "json", "--warehouse", warehouse.storage.url, *force)
    assert ran.code == 0, ran.err
    steps = json.loads(ran.out)["waterfall"]
    assert Decimal(steps[0]["monthly"]) - sum(Decimal(s["saving"]) for s in steps[1:-1]) == Decimal(steps[-1]["monthly"])
    ran = finops("export", "focus", "--focus-version", "1.2", "--out", tmp_path / "out", "--warehouse", warehouse.storage.url)
    assert ran.code == 0, ran.err
    with duckdb.connect() as connection:
        connection.execute(f"create view exported as select * from read_parquet('{tmp_path}/out/*.parquet')")
        assert violations(connection, "exported", exported=True) == []


def test_reservations_used_and_unused_are_the_fees(bill: tuple[Warehouse, tuple[str, ...]]) -> None:
    """October: 149.7754 recurring + 131.4740 amortized upfront; November: 147.3840 + 127.2329."""
    warehouse, paths = bill
    with warehouse.reader() as reader:
        fees = reader.rows(
            "select x_billing_period as m, round(sum(EffectiveCost), 3)::decimal(18, 3) as fee from charges"
            " where CommitmentDiscountStatus is not null group by all order by m"
        )
    if paths == CUR:
        assert fees == [{"m": "2018-10", "fee": Decimal("281.249")}, {"m": "2018-11", "fee": Decimal("274.617")}]
    else:
        assert all(row["fee"] >= 0 for row in fees)


@pytest.mark.parametrize("paths", [EA, GCP, ("aws/koku-local",)], ids=lambda paths: Path(paths[0]).name)
def test_loading_twice_changes_nothing(paths: tuple[str, ...], tmp_path: Path) -> None:
    warehouse = Warehouse.open(str(tmp_path / "warehouse"))
    contents = []
    for _ in range(2):
        load(warehouse, [BILLING / path for path in paths])
        with warehouse.reader() as reader:
            contents.append(
                [reader.rows(f"select * from {t} order by all") for t in ("charges", "reconciliation", "resource_daily")]
            )
    assert contents[0] == contents[1]
    assert contents[0][0]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: Path(path).name[-40:])
def test_refused_for_a_stated_reason(path: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load(Warehouse.open(str(tmp_path / "warehouse")), [BILLING / path])
    assert REFUSED[path] in str(refused.value)
    assert all(reason.hint for reason in refused.value.reasons)


def test_a_folder_of_rivals_is_refused_with_every_pair_and_every_file_that_is_no_bill(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load(Warehouse.open(str(tmp_path / "warehouse")), [FOCUS])
    said = [(Path(reason.where).name, reason.what) for reason in refused.value.reasons]
    units = {path.name: _units(path) for path in FOCUS.glob("*.csv")}
    no_bill = {name for name, held in units.items() if not held}
    assert len(no_bill) == 11
    assert no_bill <= {name for name, what in said if "missing" in what}
    expected = {(a, b) for a, b in combinations(sorted(units), 2) if units[a] & units[b]}
    rivals = [reason.where.split(" and ") for reason in refused.value.reasons if reason.what.startswith("two exports of ")]
    assert {(Path(a).name, Path(b).name) for a, b in rivals} == expected


def _units(path: Path) -> set[tuple[str, str]]:
    """(billing account, start of the period) of a cost and usage file; empty for any other file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {
            (row["BillingAccountId"], row["BillingPeriodStart"][:7])
            for row in csv.DictReader(file)
            if row.get("BillingAccountId") and row.get("BillingPeriodStart")
        }
