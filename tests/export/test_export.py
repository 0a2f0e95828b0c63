"""`finops export focus`: file names, columns, types, and what is filled."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from finops import focus
from finops.errors import ConfigError
from finops.export import export_focus
from finops.tables import CHARGES
from finops.warehouse.focus_rules import violations
from tests.export.test_focus_rules import FREE, SOUND, TAX


@dataclass(frozen=True, slots=True)
class Bill:
    """What the export reads of a warehouse reader."""

    connection: duckdb.DuckDBPyConnection


def bill(*rows: dict[str, str]) -> Bill:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    columns = {**CHARGES.types, "Tags": "VARCHAR", "x_note": "VARCHAR"}
    selects = []
    for change in rows:
        row = {**SOUND, "x_billing_period": "'2026-01'", "x_source": "'s'", "x_tags_id": "'t'", **change}
        selects.append("select " + ", ".join(f'cast({row.get(n, "null")} as {k}) as "{n}"' for n, k in columns.items()))
    connection.execute("create table charges as " + " union all ".join(selects))
    return Bill(connection)


@pytest.mark.parametrize(("version", "count"), [("1.0", 43), ("1.1", 50), ("1.2", 57), ("1.3", 65), ("1.4", 65)])
def test_columns_of_the_version_then_extensions(tmp_path: Path, version: str, count: int) -> None:
    (file,) = export_focus(bill({}), tmp_path, version)
    names = pq.read_schema(file.file).names
    assert names[:count] == [c.name for c in focus.columns_of(version)]
    assert all(name.startswith("x_") for name in names[count:])
    assert "x_note" in names
    assert not {"x_tags_id", "x_source"} & set(names)


def test_a_file_a_source_and_period_with_safe_names(tmp_path: Path) -> None:
    """A marketplace's seller is on the bill of who runs it."""
    rows = [
        {"ProviderName": "'A/../b'", "x_source": "'one'"},
        {"ProviderName": "'A b'", "x_source": "'two'"},
        {"ProviderName": "'A seller'"},
        {"x_billing_period": "'2026-02'"},
        {"x_billing_period": "'2026-02'"},
    ]
    files = export_focus(bill(*rows), tmp_path / "new" / "out", "1.2", "csv")
    assert [(Path(f.file).name, f.rows) for f in files] == [
        ("focus-1.2_a-b_2026-01.csv", 1),
        ("focus-1.2_a-b_2026-01_2.csv", 1),
        ("focus-1.2_cloud_2026-01.csv", 1),
        ("focus-1.2_cloud_2026-02.csv", 2),
    ]
    assert sorted(p.name for p in (tmp_path / "new" / "out").iterdir()) == sorted(Path(f.file).name for f in files)


BARE = {
    **FREE,
    **dict.fromkeys(
        [
            "BillingAccountName",
            "BillingAccountType",
            "ChargeDescription",
            "PricingCurrency",
            "PricingCurrencyEffectiveCost",
            "RegionName",
            "ResourceType",
            "SkuMeter",
            "SubAccountName",
            "SubAccountType",
        ],
        "null",
    ),
}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_what_focus_forbids_to_be_null_is_filled(tmp_path: Path, version: str) -> None:
    tax = {**BARE, **TAX, **{n: "null" for n in SOUND if n.startswith(("Sku", "Pricing", "Region", "Resource"))}}
    tax |= {"ListUnitPrice": "null", "ContractedUnitPrice": "null", "RegionName": "'left over'", "SkuMeter": "'left over'"}
    export_focus(bill({}, BARE, tax), tmp_path, version)
    connection = duckdb.connect()
    connection.execute(f"create view out as select * from '{tmp_path}/*.parquet'")
    assert violations(connection, "out", version=version, strict=True, exported=True) == []
    row = connection.sql("select * from out where ChargeCategory = 'Usage' and CommitmentDiscountId is null").to_arrow_table()
    (values,) = row.to_pylist()
    assert (values["BillingAccountName"], values["SkuMeter"], values["PricingCurrency"]) == ("111", "sku", "USD")
    assert values["PricingCurrencyListUnitPrice"] == values["ListUnitPrice"] == 3


def test_a_second_pricing_currency_is_kept(tmp_path: Path) -> None:
    (file,) = export_focus(bill({"PricingCurrency": "'EUR'", "PricingCurrencyEffectiveCost": "0.5"}), tmp_path)
    (row,) = pq.read_table(file.file).to_pylist()
    assert (row["PricingCurrency"], row["PricingCurrencyListUnitPrice"], str(row["PricingCurrencyEffectiveCost"])) == (
        "EUR",
        None,
        "0.500000000000",
    )


def test_a_service_has_the_category_of_most_of_its_rows(tmp_path: Path) -> None:
    other = {"ServiceCategory": "'Networking'", "ServiceSubcategory": "'Network Infrastructure'"}
    (file,) = export_focus(bill({}, {}, other), tmp_path)
    table = pq.read_table(file.file)
    assert table["ServiceCategory"].to_pylist() == ["Compute"] * 3
    assert sorted(filter(None, table["x_service_category"].to_pylist())) == ["Networking"]
    assert sorted(filter(None, table["x_service_subcategory"].to_pylist())) == ["Network Infrastructure"]


def test_csv_is_exact(tmp_path: Path) -> None:
    row = {"BilledCost": "'12345678901234567890.000000000001'", "ListCost": "100", "ChargeDescription": """'=1+1, "x"\n2'"""}
    (file,) = export_focus(bill({**row, "InvoiceId": "null"}), tmp_path, "1.2", "csv")
    with Path(file.file).open(newline="") as handle:
        (out,) = csv.DictReader(handle)
    assert out["BilledCost"] == "12345678901234567890.000000000001"
    assert out["ListCost"] == "100"
    assert out["ChargeDescription"] == '=1+1, "x"\n2'
    assert out["ChargePeriodEnd"] == "2026-01-01T01:00:00Z"
    assert out["InvoiceId"] == ""


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        export_focus(bill({}), tmp_path / "out")
