"""Google's FOCUS export and FOCUS view give the charges of the billing export that they are made from."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.gcp import FORMATS
from connectors.gcp.billing import BILLING_EXPORT
from connectors.gcp.focus_view import FOCUS_EXPORT, FOCUS_VIEW
from finops.connect import Format
from finops.intake.detect import detect
from finops.intake.sniff import look
from tests.connectors.gcp.bills import CUD, SUBSCRIPTION, charges, effective
from tests.staging import stage, write_csv

LABELS = {
    "x_Labels": [{"Key": "team", "Value": "label"}],
    "x_ProjectLabels": [{"Key": "team", "Value": "project"}, {"Key": "owner", "Value": "project"}],
    "x_Tags": [{"Key": "env", "Value": "tag", "x_Inherited": False, "x_Namespace": "1234"}],
    "x_SystemLabels": [{"Key": "compute.googleapis.com/machine_spec", "Value": "n2-standard-4"}],
}
VIEW_TAGS = [
    {"key": key, "value": value, "x_type": kind}
    for key, value, kind in (
        ("team", "project", "project_label"),
        ("team", "label", "label"),
        ("owner", "project", "project_label"),
        ("env", "tag", "tag"),
        ("compute.googleapis.com/machine_spec", "n2-standard-4", "system_label"),
    )
]
TAGS = {"team": "label", "env": "tag", "owner": "project", "x_system/compute.googleapis.com/machine_spec": "n2-standard-4"}


def charge(
    category: str, description: str, cost: str, price: str, quantity: str, credits: list[dict[str, str]]
) -> dict[str, Any]:
    """One row as Google writes it: BilledCost net of credits, EffectiveCost the same, ListCost before."""
    net = Decimal(cost) + sum(Decimal(c["Amount"]) for c in credits)
    return {
        "BilledCost": str(net),
        "EffectiveCost": str(net),
        "ContractedCost": cost,
        "ListCost": cost,
        "ContractedUnitPrice": price,
        "ListUnitPrice": price,
        "PricingQuantity": quantity,
        "PricingUnit": "gibibyte hour",
        "ConsumedQuantity": "3600",
        "ConsumedUnit": "byte-seconds",
        "BillingAccountId": "01-AB",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-02-01T08:00:00Z",
        "BillingPeriodEnd": "2026-03-01T08:00:00Z",
        "ChargePeriodStart": "2026-02-03T10:00:00Z",
        "ChargePeriodEnd": "2026-02-03T11:00:00Z",
        "ChargeCategory": category,
        "ChargeClass": None,
        "ChargeDescription": description,
        "PricingCategory": "standard",
        "ProviderName": "Google Cloud",
        "PublisherName": "Google Cloud",
        "ServiceName": "Compute Engine",
        "SkuId": description,
        "SkuPriceId": f"01-AB/{description}",
        "RegionId": "us-central1",
        "RegionName": "Iowa",
        "SubAccountId": "p1",
        "SubAccountName": "P one",
        "x_CostType": "regular",
        "x_Credits": credits,
        "x_ExportTime": "2026-02-04T00:00:00Z",
        "x_ServiceId": "6F81-5844-456A",
        "x_Project": {"Id": "p1", "Name": "P one"},
    }


FEE = charge("Usage", "Commitment - dollar based v1: GCE for 1 year", "37.50", "0.0075", "5000", [])
USED = charge("Usage", "N2 Instance Ram running in Americas", "30", "0.3", "100", [{"Type": CUD, "Amount": "-25", "Name": "x"}])
TAX = charge("tax", "Tax", "4", "0", "0", []) | {"x_CostType": "tax", "x_Credits": [], "x_Project": {"Id": None, "Name": None}}


def focus_export() -> list[dict[str, Any]]:
    commitment = {"x_SubscriptionInstanceId": SUBSCRIPTION}
    return [row | LABELS | (commitment if row is FEE else {"x_SubscriptionInstanceId": None}) for row in (FEE, USED, TAX)]


def focus_view() -> list[dict[str, Any]]:
    """The older view: lower-case categories, units of the price as PricingQuantity, one array of tags, last day as end."""
    broken = {"PricingQuantity": "1", "BillingPeriodEnd": "2026-02-28T08:00:00Z", "Tags": VIEW_TAGS, "ServiceCategory": ["GCP"]}
    return [
        row
        | broken
        | {"ChargeCategory": row["ChargeCategory"].lower(), "CommitmentDiscountId": SUBSCRIPTION if row is FEE else "x"}
        for row in (FEE, USED, TAX)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    flat = [{k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items() if k != "x_Project"} for row in rows]
    flat = [row | {f"x_Project.{k}": v for k, v in full["x_Project"].items()} for row, full in zip(flat, rows, strict=True)]
    return write_csv(path, list(flat[0]), *(row.values() for row in flat))


CASES = [(fmt, layout) for fmt in (FOCUS_EXPORT, FOCUS_VIEW) for layout in ("csv", "parquet", "jsonl")]


@pytest.mark.parametrize(("fmt", "layout"), CASES, ids=[f"{fmt.name} {layout}" for fmt, layout in CASES])
def test_charges_are_those_of_the_billing_export(tmp_path: Path, fmt: Format, layout: str) -> None:
    path = write(tmp_path / f"focus.{layout}", focus_export() if fmt is FOCUS_EXPORT else focus_view())
    assert detect(look(path, path.name, tmp_path), FORMATS) is fmt
    query = """select * replace (strftime("BillingPeriodEnd", '%m-%d %H') as "BillingPeriodEnd") from staged"""
    rows = charges(fmt, path, query=query)
    # 0.75 of the 25 covered; the rest of the line, and the tax, is on demand
    assert effective(rows) == {
        k: Decimal(v) for k, v in {"Purchase": "0", "Used": "18.75", "Unused": "18.75", "On demand": "9"}.items()
    }
    assert sum(row["BilledCost"] for row in rows) == Decimal("46.5")  # 37.50 + 30 − 25 + 4
    assert {row["BillingPeriodEnd"] for row in rows} == {"03-01 08"}
    used = [row for row in rows if row["SkuMeter"] == USED["ChargeDescription"]]
    assert sum(row["PricingQuantity"] for row in used) == 100  # 30 at 0.30
    assert {(row["PricingUnit"], row["ConsumedUnit"]) for row in used} == {("GiB-Hours", "B-Seconds")}
    assert {row["ServiceCategory"] for row in rows} == {"Compute"}
    assert all(dict(row["Tags"]) == TAGS for row in used)
    (tax,) = [row for row in rows if row["ChargeCategory"] == "Tax"]
    assert tax["SubAccountId"] is None
    fees = {row["CommitmentDiscountId"] for row in rows if row["CommitmentDiscountId"]}
    assert fees == {SUBSCRIPTION}


def test_the_view_prices_a_million_units(tmp_path: Path) -> None:
    """4 for 10 million requests at 0.40 a million: PricingQuantity is the million in the view."""
    row = charge("usage", "Requests", "4", "0.4", "1000000", []) | {"PricingUnit": "requests", "Tags": []}
    (staged,) = charges(FOCUS_VIEW, write(tmp_path / "view.jsonl", [row]))
    assert (staged["PricingQuantity"], staged["PricingUnit"]) == (Decimal(10_000_000), "Requests")
    assert staged["ContractedUnitPrice"] == Decimal("0.0000004")


@pytest.mark.parametrize("start", ["2026-02-01T08:00:00Z", "2026-02-01T00:00:00Z"])
def test_control_total_and_period(tmp_path: Path, start: str) -> None:
    profile = FOCUS_EXPORT.profile
    assert profile is not None
    rows = [row | {"BillingPeriodStart": start} for row in focus_export()]
    query = f"select {profile.period} as period, sum({profile.billed}) as billed from raw group by all"
    path = write(tmp_path / "focus.parquet", rows)
    assert stage(FOCUS_EXPORT, path, query=query) == [{"period": "2026-02", "billed": Decimal("46.5")}]
    assert stage(FOCUS_EXPORT, path, query="""select distinct strftime("BillingPeriodStart", '%Y-%m') as p from staged""") == [
        {"p": "2026-02"}
    ]


def test_a_correction_of_an_earlier_month(tmp_path: Path) -> None:
    row = charge("Usage", "N2 Instance Core", "1", "1", "1", []) | LABELS
    row |= {"ChargeClass": "Correction", "ChargePeriodStart": "2026-01-20T00:00:00Z", "ChargePeriodEnd": "2026-01-20T01:00:00Z"}
    (staged,) = charges(FOCUS_EXPORT, write(tmp_path / "focus.jsonl", [row]))
    assert staged["ChargeClass"] == "Correction"


def test_the_formats_are_told_apart(tmp_path: Path) -> None:
    assert {fmt.name for fmt in FORMATS} >= {BILLING_EXPORT.name, FOCUS_EXPORT.name, FOCUS_VIEW.name}
    bare = [{k: v for k, v in row.items() if k not in LABELS} for row in focus_export()]
    path = write(tmp_path / "bare.jsonl", bare)
    assert detect(look(path, path.name, tmp_path), FORMATS) is FOCUS_VIEW
