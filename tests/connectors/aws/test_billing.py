"""AWS bills become FOCUS charges: line item types, identities, FOCUS rules, manifests, reference tables."""

from __future__ import annotations

import csv
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.aws.billing import COST_EXPLORER, CUR, CUR2, canonical, data_exports_manifest, legacy_manifest
from finops.focus import subcategories
from finops.intake.load import load
from finops.intake.reconcile import trust
from finops.warehouse.warehouse import Warehouse
from tests.staging import stage, write_csv

HOUR = {
    "bill/PayerAccountId": "000000000001",
    "bill/BillingPeriodStartDate": "2026-09-01T00:00:00Z",
    "bill/BillingPeriodEndDate": "2026-10-01T00:00:00Z",
    "bill/BillingEntity": "AWS",
    "lineItem/UsageAccountId": "000000000002",
    "lineItem/UsageStartDate": "2026-09-01T00:00:00Z",
    "lineItem/UsageEndDate": "2026-09-01T01:00:00Z",
    "lineItem/CurrencyCode": "USD",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageType": "BoxUsage:m5.large",
    "lineItem/UsageAmount": "1",
    "lineItem/UnblendedCost": "0",
    "pricing/unit": "Hrs",
    "product/sku": "SKU1",
    "product/productFamily": "Compute Instance",
    "product/region": "us-east-1",
}
PLAN, RESERVATION = "arn:aws:savingsplans::1:savingsplan/a", "arn:aws:ec2:us-east-1:1:reserved-instances/b"


def bill(folder: Path, *lines: dict[str, str]) -> list[dict[str, Any]]:
    rows = [HOUR | {"identity/LineItemId": f"line{n}"} | line for n, line in enumerate(lines)]
    header = list(dict.fromkeys(name for row in rows for name in row))
    path = write_csv(folder / "cur.csv", header, *[[row.get(name) for name in header] for row in rows])
    return stage(CUR, path, query="select * from staged order by x_line_id")


def line(kind: str, cost: str, **more: str) -> dict[str, str]:
    return {"lineItem/LineItemType": kind, "lineItem/UnblendedCost": cost} | {k.replace("__", "/"): v for k, v in more.items()}


def covered(cost: str, effective: str, account: str = "000000000002") -> dict[str, str]:
    return line(
        "SavingsPlanCoveredUsage",
        cost,
        savingsPlan__SavingsPlanARN=PLAN,
        savingsPlan__SavingsPlanEffectiveCost=effective,
        lineItem__UsageAccountId=account,
    )


def total(rows: list[dict[str, Any]], column: str, **where: Any) -> Decimal:
    return sum((row[column] for row in rows if all(row[k] == v for k, v in where.items())), Decimal(0))


@pytest.mark.parametrize(
    ("kind", "cost", "category", "billed", "effective", "pricing"),
    [
        ("Usage", "0.096", "Usage", "0.096", "0.096", "Standard"),
        ("Tax", "1.5", "Tax", "1.5", "1.5", None),
        ("Credit", "-2", "Credit", "-2", "-2", None),
        ("Fee", "3", "Purchase", "3", "3", "Standard"),
        ("EdpDiscount", "-0.5", "Credit", "-0.5", "-0.5", None),
        ("SomethingNew", "7", "Adjustment", "7", "7", None),
    ],
)
def test_line_item_type(
    tmp_path: Path, kind: str, cost: str, category: str, billed: str, effective: str, pricing: str | None
) -> None:
    (row,) = bill(tmp_path, line(kind, cost))
    assert (row["ChargeCategory"], row["PricingCategory"]) == (category, pricing)
    assert (row["BilledCost"], row["EffectiveCost"]) == (Decimal(billed), Decimal(effective))
    assert row["ChargeClass"] is None
    assert (row["InvoiceIssuerName"], row["ProviderName"]) == ("AWS", "AWS")


def test_savings_plan_hour_adds_up(tmp_path: Path) -> None:
    # fee 0.08 an hour; 0.06 of it covers 0.096 on demand, so 0.02 is unused; the negation is on another account
    rows = bill(
        tmp_path,
        covered("0.096", "0.06"),
        line("SavingsPlanNegation", "-0.096", savingsPlan__SavingsPlanARN=PLAN, lineItem__UsageAccountId="000000000009"),
        line(
            "SavingsPlanRecurringFee",
            "0.08",
            savingsPlan__SavingsPlanARN=PLAN,
            savingsPlan__TotalCommitmentToDate="0.08",
            savingsPlan__UsedCommitment="0.06",
            lineItem__ProductCode="ComputeSavingsPlans",
        ),
    )
    assert [(r["ChargeCategory"], r["CommitmentDiscountStatus"], r["BilledCost"], r["EffectiveCost"]) for r in rows] == [
        ("Usage", "Used", Decimal(0), Decimal("0.06")),
        ("Purchase", None, Decimal("0.08"), Decimal(0)),
        ("Usage", "Unused", Decimal(0), Decimal("0.02")),
    ]
    assert rows[0]["ContractedCost"] == Decimal("0.096")
    assert [r["PricingCategory"] for r in rows] == ["Committed", "Standard", "Committed"]
    assert rows[2]["ConsumedQuantity"] is None
    assert rows[2]["x_line_id"] == "line2:unused"


def test_more_used_than_committed_is_not_negative(tmp_path: Path) -> None:
    fee = line("SavingsPlanRecurringFee", "0.08", savingsPlan__TotalCommitmentToDate="0.08", savingsPlan__UsedCommitment="0.09")
    assert len(bill(tmp_path, fee)) == 1


def test_negation_that_does_not_cancel_is_shown(tmp_path: Path) -> None:
    rows = bill(tmp_path, covered("0.096", "0.06"), line("SavingsPlanNegation", "-0.09", savingsPlan__SavingsPlanARN=PLAN))
    assert total(rows, "BilledCost") == Decimal("0.006")  # 0.096 − 0.090
    assert total(rows, "BilledCost", ChargeCategory="Adjustment") == Decimal("0.006")
    assert total(rows, "EffectiveCost") == Decimal("0.06")  # the covered line alone
    assert total(rows, "ListCost", ChargeCategory="Adjustment") == 0


def test_reservation_fee_is_purchase_and_unused_usage(tmp_path: Path) -> None:
    rows = bill(
        tmp_path,
        line(
            "RIFee",
            "21.6",
            reservation__ReservationARN=RESERVATION,
            reservation__UnusedRecurringFee="20",
            reservation__UnusedAmortizedUpfrontFeeForBillingPeriod="10",
            reservation__UnusedQuantity="666",
            lineItem__UsageEndDate="2026-09-30T23:59:59Z",
        ),
        line("DiscountedUsage", "0", reservation__ReservationARN=RESERVATION, reservation__EffectiveCost="0.0118"),
    )
    assert [(r["ChargeCategory"], r["BilledCost"], r["EffectiveCost"]) for r in rows] == [
        ("Purchase", Decimal("21.6"), Decimal(0)),
        ("Usage", Decimal(0), Decimal(30)),
        ("Usage", Decimal(0), Decimal("0.0118")),
    ]
    assert {r["CommitmentDiscountType"] for r in rows} == {"Reserved Instance"}
    assert rows[0]["ChargePeriodEnd"].isoformat() == "2026-10-01T00:00:00+00:00"
    assert rows[0]["ChargeFrequency"] == "Recurring"


@pytest.mark.parametrize(
    ("kind", "column", "arn", "discount"),
    [
        ("SavingsPlanUpfrontFee", "savingsPlan__SavingsPlanARN", PLAN, "Savings Plan"),
        ("Fee", "savingsPlan__SavingsPlanARN", PLAN, "Savings Plan"),
        ("Fee", "reservation__ReservationARN", RESERVATION, "Reserved Instance"),
    ],
)
def test_upfront_fee_of_a_commitment_costs_nothing_when_paid(
    tmp_path: Path, kind: str, column: str, arn: str, discount: str
) -> None:
    (row,) = bill(tmp_path, line(kind, "700", **{column: arn}))
    assert (row["ChargeCategory"], row["ChargeFrequency"], row["PricingCategory"]) == ("Purchase", "One-Time", "Standard")
    assert (row["BilledCost"], row["EffectiveCost"]) == (Decimal(700), 0)
    assert (row["CommitmentDiscountId"], row["CommitmentDiscountType"]) == (arn, discount)
    assert row["CommitmentDiscountStatus"] is None


@pytest.mark.parametrize(("status", "expected"), [("unused", "Unused"), ("used", "Used")])
def test_capacity_reservation(tmp_path: Path, status: str, expected: str) -> None:
    (row,) = bill(
        tmp_path,
        line(
            "Usage",
            "0.096",
            capacityReservation__CapacityReservationArn="arn:cr",
            capacityReservation__CapacityReservationStatus=status,
        ),
    )
    assert (row["CapacityReservationId"], row["CapacityReservationStatus"]) == ("arn:cr", expected)


@pytest.mark.parametrize(
    ("code", "family", "category"),
    [
        ("AmazonNewThing", "Database Instance", "Databases"),
        ("AmazonNewThing", "Something", "Other"),
        ("AWSLambda", "Storage", "Compute"),
    ],
)
def test_unknown_service_has_the_category_of_its_family(tmp_path: Path, code: str, family: str, category: str) -> None:
    (row,) = bill(tmp_path, line("Usage", "1", lineItem__ProductCode=code, product__productFamily=family))
    assert row["ServiceCategory"] == category


@pytest.mark.parametrize(
    ("net", "effective", "lines"),
    [
        ("0.9", "0.9", 1),  # 1.0 − 0.1: the net column tells it, the discount row goes
        ("0.8", "1.0", 2),  # it does not add up: the discount row stays and net is not used
    ],
)
def test_net_columns_or_discount_rows_never_both(tmp_path: Path, net: str, effective: str, lines: int) -> None:
    rows = bill(
        tmp_path,
        line("Usage", "1.0", lineItem__NetUnblendedCost=net),
        line("EdpDiscount", "-0.1", lineItem__NetUnblendedCost="0"),
    )
    assert len(rows) == lines
    assert rows[0]["EffectiveCost"] == Decimal(effective)
    assert total(rows, "BilledCost") == Decimal("0.9")


@pytest.mark.parametrize(
    ("net", "billed", "said"),
    [
        ("0.9", "0.9", "0.10 USD lower than unblended ones, and no line is a discount: costs are net"),
        ("1.2", "1.0", "0.20 USD higher than unblended ones, and no discount line says why: costs are unblended"),
        ("1.0", "1.0", ""),
    ],
)
def test_net_costs_that_no_discount_explains_are_said(tmp_path: Path, net: str, billed: str, said: str) -> None:
    row = HOUR | line("Usage", "1.0", lineItem__NetUnblendedCost=net)
    path = write_csv(tmp_path / "cur.csv", list(row), list(row.values()))
    warehouse = Warehouse.open(str(tmp_path / "warehouse"))
    report = load(warehouse, [path])
    with warehouse.reader() as reader:
        found = trust(reader)
        (charge,) = reader.rows("select BilledCost, EffectiveCost from charges")
    assert [*charge.values()] == [Decimal(billed)] * 2
    assert found.status == "amber"
    for notes in (report.lines[0].notes, found.notes):
        assert any(f"net costs of 2026-09 are {said}" in note for note in notes) == bool(said)


def test_refund_of_an_invoiced_month_is_a_correction(tmp_path: Path) -> None:
    earlier, same = bill(
        tmp_path,
        line("Refund", "-5", lineItem__UsageStartDate="2026-08-03T00:00:00Z"),
        line("Refund", "-5"),
    )
    assert (earlier["ChargeCategory"], earlier["ChargeClass"]) == ("Usage", "Correction")
    assert (same["ChargeCategory"], same["ChargeClass"]) == ("Credit", None)


def test_marketplace_names_the_seller(tmp_path: Path) -> None:
    (row,) = bill(
        tmp_path,
        line(
            "Usage",
            "4",
            bill__BillingEntity="AWS Marketplace",
            lineItem__LegalEntity="Seller Ltd",
            bill__InvoicingEntity="Amazon Web Services EMEA SARL",
            lineItem__ProductCode="abc123",
            product__ProductName="Seller's thing",
        ),
    )
    assert (row["ProviderName"], row["PublisherName"]) == ("Seller Ltd", "Seller Ltd")
    assert (row["InvoiceIssuerName"], row["ServiceName"]) == ("Amazon Web Services EMEA SARL", "Seller's thing")
    assert row["ServiceCategory"] == "Compute"  # no service of the list: what its product family says


def test_split_rows_add_nothing(tmp_path: Path) -> None:
    pod = "arn:aws:eks:us-east-1:2:pod/c/ns/p/uid"
    parent, child = bill(
        tmp_path,
        line("Usage", "0.096", lineItem__ResourceId="i-1"),
        line(
            "Usage",
            "0",
            lineItem__ResourceId=pod,
            splitLineItem__ParentResourceId="i-1",
            splitLineItem__SplitUsageRatio="0.25",
            splitLineItem__SplitCost="0.02",
            splitLineItem__UnusedCost="0.06",
            pricing__publicOnDemandCost="0.096",
        ),
    )
    assert parent["AllocatedResourceId"] is None
    assert (child["ResourceId"], child["AllocatedResourceId"]) == ("i-1", pod)
    assert [child[c] for c in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")] == [0, 0, 0, 0]
    assert child["x_instance_type"] is None
    (element,) = json.loads(child["AllocatedMethodDetails"])["Elements"]
    assert (element["AllocatedRatio"], element["x_SplitCost"], element["x_UnusedCost"]) == (0.25, 0.02, 0.06)


@pytest.mark.parametrize(("net", "split"), [("0.9", 0.018), ("0.8", 0.02)])
def test_split_costs_are_net_where_the_bill_is(tmp_path: Path, net: str, split: float) -> None:
    rows = bill(
        tmp_path,
        line("Usage", "1.0", lineItem__NetUnblendedCost=net),
        line("EdpDiscount", "-0.1", lineItem__NetUnblendedCost="0"),
        line("Usage", "0", splitLineItem__ParentResourceId="i-1", lineItem__NetUnblendedCost="0")
        | {"splitLineItem/SplitCost": "0.02", "splitLineItem/NetSplitCost": "0.018"},
    )
    (element,) = json.loads(rows[-1]["AllocatedMethodDetails"])["Elements"]
    assert element["x_SplitCost"] == split


def test_text_in_rates_tags_and_machine(tmp_path: Path) -> None:
    (row,) = bill(
        tmp_path,
        line(
            "DiscountedUsage",
            "0",
            pricing__publicOnDemandCost="convertible",
            pricing__publicOnDemandRate="No Upfront",
            reservation__ReservationARN=RESERVATION,
            product__vcpu="2",
            product__memory="8 GiB",
        )
        | {
            "resourceTags/user:Team": "a",
            "resourceTags/user:team": "b",
            "resourceTags/aws:createdBy": "c",
            "costCategory/env": "p",
        },
    )
    assert dict(row["Tags"]) == {"Team": "a", "team": "b", "aws:createdBy": "c"}
    assert row["x_cost_categories"] == '{"env":"p"}'
    assert row["SkuPriceDetails"] == '{"CoreCount":2.0,"MemorySize":8.0}'
    assert (row["ListCost"], row["x_instance_type"], row["PricingUnit"]) == (0, "m5.large", "Hours")


def test_cur2_maps_in_csv(tmp_path: Path) -> None:
    header = [canonical(h) for h in HOUR if not h.startswith("product/")]
    path = write_csv(
        tmp_path / "cur2.csv",
        [*header, "product", "resource_tags", "cost_category", "product_sku"],
        [
            *[v for h, v in HOUR.items() if not h.startswith("product/")],
            '{"instance_type":"g5.xlarge","vcpu":"4","product_name":"Amazon Elastic Compute Cloud"}',
            '{"user_team":"ml","aws_created_by":"x"}',
            "",
            "S",
        ],
    )
    (row,) = stage(CUR2, path)
    assert dict(row["Tags"]) == {"team": "ml", "aws:created_by": "x"}
    assert row["SkuPriceDetails"] is not None
    assert '"InstanceType":"g5.xlarge"' in row["SkuPriceDetails"]


@pytest.mark.parametrize(
    ("usage_type", "machine", "ml"),
    [
        ("USE2-BoxUsage:p4d.24xlarge", "p4d.24xlarge", True),
        ("SpotUsage:g4dn.xlarge", "g4dn.xlarge", True),
        ("BoxUsage:inf2.xlarge", "inf2.xlarge", True),
        ("USE1-Host:ml.m5.large", "ml.m5.large", True),
        ("EUC1-InstanceUsage:db.r6g.large", "db.r6g.large", False),
        ("EBSOptimized:c5.large", None, False),
        ("EBS:VolumeUsage.gp2", None, False),
        ("BoxUsage:t3.micro", "t3.micro", False),
    ],
)
def test_machine(tmp_path: Path, usage_type: str, machine: str | None, ml: bool) -> None:
    (row,) = bill(tmp_path, line("Usage", "1", lineItem__UsageType=usage_type))
    assert (row["x_instance_type"], row["x_ml_workload"]) == (machine, ml)


def test_cur2_maps_in_parquet_and_keys_that_become_one(tmp_path: Path) -> None:
    nested = pa.map_(pa.string(), pa.string())
    values: dict[str, Any] = {
        canonical(name): [value, value] for name, value in HOUR.items() if not name.startswith("product/")
    }
    tags = [[("user_team", "ml"), ("user:team", "other"), ("user_name", "node")], []]
    table = pa.table(
        values
        | {
            "product": pa.array([[("instance_type", "g5.xlarge"), ("region", "us-east-1")]] * 2, nested),
            "resource_tags": pa.array(tags, nested),
            "line_item_unblended_cost": pa.array([1.5, 2.5], pa.float64()),
        }
    )
    pq.write_table(table, tmp_path / "cur2.parquet")
    tagged, plain = stage(CUR2, tmp_path / "cur2.parquet", query="select * from staged order by BilledCost")
    assert dict(tagged["Tags"]) == {"team": "ml", "name": "node"}
    assert (tagged["x_tags_id"] is None, plain["x_tags_id"]) == (False, None)
    assert (tagged["SkuPriceDetails"], tagged["RegionId"]) == (
        '{"InstanceType":"g5.xlarge","x_region":"us-east-1"}',
        "us-east-1",
    )
    assert (tagged["BilledCost"], plain["BilledCost"]) == (Decimal("1.5"), Decimal("2.5"))


def reference(name: str) -> list[dict[str, str]]:
    path = Path(__file__).parents[3] / "connectors" / "aws" / "data" / f"{name}.csv"
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_one_service_name_has_one_category() -> None:
    services = reference("services")
    assert all(subcategories()[s["service_subcategory"]] == s["service_category"] for s in services)
    named = {(s["service_name"], s["service_category"], s["service_subcategory"], s["ml_workload"]) for s in services}
    assert len(named) == len({s["service_name"] for s in services})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("services", ("service_code", "product_family")),
        ("units", ("pricing_unit",)),
        ("regions", ("region_id",)),
        ("resource_types", ("key",)),
    ],
)
def test_reference_keys_are_unique(name: str, key: tuple[str, ...]) -> None:
    """A double key would double lines."""
    assert (
        max(Counter(tuple(row[k].lower() if name == "services" else row[k] for k in key) for row in reference(name)).values())
        == 1
    )


def test_cost_explorer(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "costs.csv",
        ["Service", "EC2-Instances($)", "S3($)", "Tax($)", "Total costs($)"],
        ["Service total", "30", "3", "", "33"],
        ["2026-09-01", "10", "1", "", "11"],
        ["2026-09-02", "20", "2", "", "22"],
    )
    rows = stage(COST_EXPLORER, path, query="select * from staged order by ChargePeriodStart, BilledCost desc")
    assert [(r["ServiceName"], r["BilledCost"]) for r in rows] == [
        ("Amazon Elastic Compute Cloud", 10),
        ("Amazon Simple Storage Service", 1),
        ("Amazon Elastic Compute Cloud", 20),
        ("Amazon Simple Storage Service", 2),
    ]


LEGACY = {
    "assemblyId": "a-2",
    "account": "1",
    "reportName": "r",
    "bucket": "b",
    "billingPeriod": {"start": "20260901T000000.000Z", "end": "20261001T000000.000Z"},
    "reportKeys": ["p/r/20260901-20261001/a-2/r-1.csv.gz"],
    "columns": [{"category": "bill", "name": "BillType"}],
}


def test_top_level_manifest_wins_over_the_copies_in_assembly_folders() -> None:
    top = legacy_manifest(LEGACY, "x/r/20260901-20261001/r-Manifest.json")
    copy = legacy_manifest(LEGACY | {"assemblyId": "a-1"}, "x/r/20260901-20261001/a-1/r-Manifest.json")
    assert top is not None
    assert copy is not None
    assert top.export == copy.export
    assert top.edition > copy.edition
    assert [f.uri for f in top.files] == ["s3://b/p/r/20260901-20261001/a-2/r-1.csv.gz"]
    assert top.columns == ("bill/BillType",)


def test_data_exports_manifest_has_its_period() -> None:
    document = {
        "executionId": "e",
        "exportArn": "arn:x",
        "dataFiles": ["s3://b/x/data/BILLING_PERIOD=2026-09/x-00001.snappy.parquet"],
    }
    manifest = data_exports_manifest(document, "x/metadata/BILLING_PERIOD=2026-09/x-Manifest.json")
    assert manifest is not None
    assert (manifest.export, len(manifest.files)) == ("arn:x/2026-09", 1)
    assert data_exports_manifest({"manifestVersion": "2021"}, "m.json") is None
    assert legacy_manifest([1], "m.json") is None
