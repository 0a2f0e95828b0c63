"""Azure's real and third-party cost details: every file loads to its own total, or is refused for what is wrong with it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.azure import COST_DETAILS, read_manifest
from connectors.files.focus import FOCUS
from finops.connect import Format
from finops.errors import Refused
from finops.intake.detect import detect
from finops.intake.landing import landed
from finops.intake.load import load
from finops.intake.sniff import look
from finops.warehouse.checks import roles
from finops.warehouse.focus_rules import violations
from finops.warehouse.raw import create_raw, vocabulary_of
from finops.warehouse.staging import create_staged
from finops.warehouse.warehouse import Warehouse
from tests.staging import write_csv

FOLDER = Path(os.environ["FINOPS_SHARED"]) / "data/billing/azure"
ACTUAL, AMORTIZED = "EA_ActualCost_Small.csv", "EA_AmortizedCost_Small.csv"

XXX = "no currency column, booked as XXX"
LOADED = (
    # file, Σ BilledCost, lines, currency, what its version or the reconciliation's note says
    (ACTUAL, "8.545007786742", 11, "USD", "actual export only, no amortized"),
    (AMORTIZED, "15.797780136169", 28, "USD", "amortized export only, no actual"),
    ("koku-azure_camelCased.csv", "0.00011016", 3, "USD", "usage details, pay-as-you-go"),
    ("koku-azure_version_2.csv", "19.998413754", 5, "XXX", "currency `MC` is no ISO 4217 code, booked as XXX"),
    ("nise-azure-2026-09.csv", "36.587878559076", 240, "USD", "cost details"),
    ("opencost-Enterprise.csv", "0", 1, "CAD", "actual export only, no amortized"),
    ("opencost-EnterpriseCamel.csv", "0.012", 1, "USD", "dates such as 02/02/2021 read month first"),
    ("opencost-PayAsYouGo.csv", "0.075", 1, "USD", "usage details, pay-as-you-go"),
    ("opencost-Template.csv", "16.393506212225", 87, "XXX", "no line has the last columns of the header: resourcelocation"),
    ("opencost-Template.csv", "16.393506212225", 87, "XXX", XXX),
    ("spruce-native-us-dates.csv", "2.258747", 2, "XXX", XXX),
)
REFUSED = (
    ("EA_NoRows.csv", "no rows: the file (Azure cost details (actual, amortized)) has a header and nothing else"),
    # one line of a date alone: neither a subscription nor a cost
    ("opencost-BOM.csv", "column `BilledCost` has no value, and every row needs one"),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse.open(str(tmp_path / "warehouse"), memory_limit="1GB")


def _read(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    with warehouse.reader() as reader:
        return reader.rows(sql)


SUMS = """
    select sum(BilledCost) as billed, sum(EffectiveCost) as effective, count(*) as lines, min(BillingCurrency) as currency
    from charges
"""
TIES = "select total_expected, total_loaded, residual, status, note from reconciliation"


@pytest.mark.parametrize(("name", "billed", "lines", "currency", "said"), LOADED)
def test_a_file_loads_to_its_own_total(
    warehouse: Warehouse, name: str, billed: str, lines: int, currency: str, said: str
) -> None:
    report = load(warehouse, [FOLDER / name])
    (row,) = _read(warehouse, SUMS)
    assert (row["billed"], row["lines"], row["currency"]) == (D(billed), lines, currency)
    assert {tie["status"] for tie in _read(warehouse, TIES)} == {"amber"}
    assert said in "; ".join((report.lines[0].version, *report.lines[0].notes))


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_a_file_is_refused_for_what_is_wrong(warehouse: Warehouse, name: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        load(warehouse, [FOLDER / name])
    assert reason in [error.what for error in refused.value.reasons]
    assert _read(warehouse, "select * from charges") == []


def test_every_file_has_its_line_in_a_table() -> None:
    known = {name for name, *_ in (*LOADED, *REFUSED)}
    assert {path.name for path in FOLDER.glob("*.csv")} == known


def test_the_shared_pair_is_loaded_and_red(warehouse: Warehouse) -> None:
    # the two samples are cut from different lines: billed are the amortized file's ordinary lines, 15.797780136169, and the one
    # reservation purchase of 3.25; the actual file's own total is 8.545007786742
    load(warehouse, [FOLDER / ACTUAL, FOLDER / AMORTIZED])
    (row,) = _read(warehouse, SUMS)
    assert (row["billed"], row["effective"], row["lines"]) == (D("19.047780136169"), D("16.296932136637"), 29)
    (tie,) = _read(warehouse, TIES)
    assert (tie["total_expected"], tie["residual"], tie["status"]) == (D("8.545007786742"), D("-10.502772349427"), "red")
    assert "the pair is not complementary: the amortized file has ordinary usage that the actual file lacks" in tie["note"]


@pytest.mark.parametrize(
    "names", [*[(name,) for name in dict.fromkeys(n for n, *_ in LOADED)], (ACTUAL, AMORTIZED)], ids="+".join
)
def test_focus_rules(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert violations(_staged(COST_DETAILS, [FOLDER / name for name in names], tmp_path)) == []


def _staged(fmt: Format, paths: list[Path], scratch: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    files = [landed(connection, fmt, look(path, path.name, scratch), scratch) for path in paths]
    played = roles(connection, fmt, files)
    files = [replace(file, role=played.get(file.scan, "")) for file in files]
    vocabulary = vocabulary_of(connection, fmt, files, least_rows=1)
    create_raw(connection, fmt, files, vocabulary)
    create_staged(connection, fmt, vocabulary)
    return connection


def test_the_manifest() -> None:
    manifest = read_manifest(
        json.loads((FOLDER / "koku-export-manifest.json").read_text("utf-8-sig")), "koku-export-manifest.json"
    )
    assert manifest
    assert manifest.files


NATIVE = {
    "BilledCost": "0", "EffectiveCost": "1.5", "ListCost": "0", "ContractedCost": "0", "ListUnitPrice": "0",
    "ContractedUnitPrice": "0", "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/8611",
    "BillingAccountName": "Acme", "BillingAccountType": "Billing Account", "BillingCurrency": "EUR",
    "BillingPeriodStart": "2026-10-01T00:00:00Z", "BillingPeriodEnd": "2026-11-01T00:00:00Z", "ChargeCategory": "Usage",
    "ChargeFrequency": "Usage-Based", "ChargePeriodStart": "2026-10-14T00:00:00Z", "ChargePeriodEnd": "2026-10-15T00:00:00Z",
    "CommitmentDiscountId": "/providers/microsoft.capacity/reservationorders/o-1/reservations/r-1",
    "CommitmentDiscountCategory": "Usage", "CommitmentDiscountStatus": "Used", "CommitmentDiscountType": "Reservation",
    "ConsumedQuantity": "24", "ConsumedUnit": "Hours", "PricingQuantity": "24", "PricingUnit": "Hours",
    "PricingCategory": "Committed", "ProviderName": "Microsoft", "InvoiceIssuerName": "Microsoft", "PublisherName": "",
    "ServiceCategory": "Compute", "ServiceName": "Virtual Machines", "SkuId": "AAA", "SkuPriceId": "AAA-1", "SubAccountId": "s",
    "SubAccountName": "Shop", "x_SkuDetails": '{"ServiceType":"Standard_B1s","VCPUs":1}', "x_SkuMeterName": "B1s",
    "x_SkuMeterCategory": "Virtual Machines",
}  # fmt: skip
"""A line of covered usage with what Azure leaves out of its own FOCUS export: prices, publisher, price details."""

MARKETPLACE = NATIVE | {
    "BilledCost": "30", "EffectiveCost": "30", "ChargeCategory": "Purchase", "ChargeFrequency": "Recurring", "ServiceName": "",
    "CommitmentDiscountId": "", "CommitmentDiscountCategory": "", "CommitmentDiscountStatus": "", "CommitmentDiscountType": "",
    "ConsumedQuantity": "", "ConsumedUnit": "", "PricingCategory": "Standard", "ServiceCategory": "Other",
    "x_SkuMeterCategory": "SaaS", "x_SkuDetails": "",
}  # fmt: skip


@pytest.mark.parametrize(("name", "release"), [("FocusCost_1.0.json", "1.0"), ("FocusCost_1.2-preview.json", "1.2")])
def test_native_focus_exports(tmp_path: Path, name: str, release: str) -> None:
    header = [column["ColumnName"] for column in json.loads((FOLDER / name).read_text("utf-8-sig"))["Columns"]]
    assert set(NATIVE) <= set(header)
    path = write_csv(
        tmp_path / "export.csv", header, *([line.get(column) for column in header] for line in (NATIVE, MARKETPLACE))
    )
    seen = look(path, path.name, tmp_path)
    assert detect(seen, [COST_DETAILS, FOCUS]) is FOCUS
    assert FOCUS.version(seen.sniff) == release
    connection = _staged(FOCUS, [path], tmp_path)
    assert violations(connection) == []
    rows = connection.sql("select ContractedCost, ListCost, PublisherName from staged order by ListCost").fetchall()
    assert rows == [(D("1.5"), D("1.5"), "Microsoft Azure"), (D(30), D(30), "Microsoft Azure")]
