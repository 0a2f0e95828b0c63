"""FOCUS files: versions, dialects, repairs, refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors import files
from connectors.files.focus import CONTRACT_COMMITMENT, FOCUS, INVOICE_DETAIL, canonical, version
from finops import focus
from finops.connect import Sniff
from finops.errors import InputError
from finops.intake.detect import detect
from finops.intake.sniff import look
from tests.staging import stage, write_csv

LINE: dict[str, object] = {
    "BilledCost": "2",
    "BillingAccountId": "0012",
    "BillingCurrency": "usd",
    "BillingPeriodEnd": "2026-02-01T00:00:00Z",
    "BillingPeriodStart": "2026-01-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargePeriodEnd": "2026-01-01T01:00:00Z",
    "ChargePeriodStart": "2026-01-01T00:00:00Z",
    "EffectiveCost": "2",
    "ProviderName": "Acme",
    "PricingQuantity": "4",
    "PricingUnit": "Hours",
    "ServiceCategory": "Compute",
    "ServiceName": "Machines",
}


def staged(tmp_path: Path, change: dict[str, object] | None = None, without: tuple[str, ...] = ()) -> dict[str, Any]:
    cells = {name: cell for name, cell in {**LINE, **(change or {})}.items() if name not in without}
    path = write_csv(tmp_path / "bill.csv", cells, cells.values())
    assert detect(look(path, "bill.csv", tmp_path), files.FORMATS) is FOCUS
    (row,) = stage(FOCUS, path)
    return row


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Sku Priceid", "SkuPriceId"),
        ("billing_account_id", "BillingAccountId"),
        ("x_SkuMeterName", "x_sku_meter_name"),
        ("Id", "x_id"),
        ("x_BilledCost", "x_billed_cost"),
        ("x_file", "x_given_file"),
        ("X_Source", "x_given_source"),
        ("Kosten (€)", "x_kosten"),
        ("€", "x_column"),
    ],
)
def test_headers(header: str, name: str) -> None:
    assert canonical(header) == name


@pytest.mark.parametrize("release", focus.VERSIONS)
def test_the_version_shows_in_the_columns(release: str) -> None:
    columns = tuple(c.name for c in focus.columns_of(release))
    assert version(Sniff("bill.csv", "csv", columns, {}, {})) == release


CASES: tuple[tuple[str, dict[str, object], dict[str, object]], ...] = (
    ("text stays text", {}, {"BillingAccountId": "0012", "BillingCurrency": "USD", "x_billing_period": "2026-01"}),
    ("an absent cost is what is billed", {}, {"ListCost": 2, "ContractedCost": 2}),
    ("a price times a quantity", {"ListUnitPrice": "0.75", "ContractedUnitPrice": "0.5"}, {"ListCost": 3, "ContractedCost": 2}),
    ("a list cost of nothing is no saving", {"ListCost": "0", "ContractedCost": "0"}, {"ListCost": 2, "ContractedCost": 2}),
    ("free is free", {"BilledCost": "0", "EffectiveCost": "0", "ListCost": "0"}, {"ListCost": 0, "ContractedCost": 0}),
    (
        "covered usage costs its list price on demand",
        {"BilledCost": "0", "CommitmentDiscountId": "sp", "CommitmentDiscountType": "Savings Plan", "ListCost": "5"},
        {
            "EffectiveCost": 2,
            "ContractedCost": 5,
            "CommitmentDiscountStatus": "Used",
            "CommitmentDiscountCategory": "Spend",
            "CommitmentDiscountQuantity": 2,
            "CommitmentDiscountUnit": "USD",
        },
    ),
    (
        "a purchase is neither used nor usage-based",
        {
            "ChargeCategory": "purchase",
            "CommitmentDiscountId": "ri",
            "CommitmentDiscountStatus": "Used",
            "ConsumedQuantity": "1",
        },
        {"ChargeFrequency": "One-Time", "CommitmentDiscountStatus": None, "ConsumedQuantity": None, "ConsumedUnit": None},
    ),
    (
        "a tax has no price",
        {"ChargeCategory": "Tax", "SkuId": "s", "SkuPriceId": "p", "ListUnitPrice": "1", "PricingCategory": "Standard"},
        {"SkuId": None, "SkuPriceId": None, "PricingQuantity": None, "PricingUnit": None, "ListUnitPrice": None, "ListCost": 2},
    ),
    (
        "words of other versions",
        {
            "ChargeCategory": "usage",
            "PricingCategory": "On-Demand",
            "ChargeFrequency": "Usage-based",
            "ChargeClass": "correction",
        },
        {"PricingCategory": "Standard", "ChargeFrequency": "Usage-Based", "ChargeClass": "Correction"},
    ),
    (
        "what was converted, at the rate that the export states",
        {"PricingCurrency": "EUR", "x_BillingExchangeRate": "1.25", "ListUnitPrice": "0.75", "ContractedUnitPrice": "0.5"},
        {
            "PricingCurrency": "EUR",
            "PricingCurrencyEffectiveCost": Decimal("1.6"),
            "PricingCurrencyListUnitPrice": Decimal("0.6"),
            "PricingCurrencyContractedUnitPrice": Decimal("0.4"),
        },
    ),
    (
        "the pricing currency of exports before 1.2",
        {"x_PricingCurrency": "eur", "x_BillingExchangeRate": "0.8"},
        {"PricingCurrency": "EUR", "PricingCurrencyEffectiveCost": Decimal("2.5"), "PricingCurrencyListUnitPrice": None},
    ),
    (
        "what the export converts itself stays",
        {"PricingCurrency": "EUR", "x_BillingExchangeRate": "1.25", "PricingCurrencyEffectiveCost": "1.7"},
        {"PricingCurrencyEffectiveCost": Decimal("1.7")},
    ),
    (
        "no rate, nothing in the other currency",
        {"PricingCurrency": "EUR", "x_BillingExchangeRate": "0"},
        {"PricingCurrency": "EUR", "PricingCurrencyEffectiveCost": None},
    ),
    ("priced as billed", {"PricingCurrency": "USD", "x_BillingExchangeRate": "1"}, {"PricingCurrencyEffectiveCost": None}),
    ("the word NULL", {"ChargeClass": "NULL", "ResourceId": "NULL"}, {"ChargeClass": None, "ResourceId": None}),
    (
        "months of accounts far east of UTC",
        {"BillingPeriodStart": "2026-01-31T15:00:00Z", "BillingPeriodEnd": "2026-02-28T15:00:00Z"},
        {"x_billing_period": "2026-02"},
    ),
    (
        "months as spreadsheets write them",
        {"BillingPeriodStart": "1/1/26", "BillingPeriodEnd": "2/1/26", "ChargePeriodStart": "1/5/26"},
        {"BillingPeriodStart": datetime(2026, 1, 1, tzinfo=UTC), "ChargePeriodStart": datetime(2026, 1, 5, tzinfo=UTC)},
    ),
    (
        "one name for provider and issuer",
        {"ProviderName": "AWS", "InvoiceIssuerName": "Amazon Web Services EMEA SARL"},
        {
            "InvoiceIssuerName": "AWS",
            "x_invoicing_entity": "Amazon Web Services EMEA SARL",
            "BillingAccountType": "Management account",
        },
    ),
    ("another seller stays", {"InvoiceIssuerName": "Shop"}, {"InvoiceIssuerName": "Shop", "ServiceProviderName": "Acme"}),
    ("units", {"PricingUnit": "Lambda-GB-Seconds"}, {"PricingUnit": "Lambda GB-Seconds"}),
    ("units that are sound", {"PricingUnit": "GB/Month"}, {"PricingUnit": "GB/Month"}),
    ("units of signs", {"PricingUnit": "%"}, {"PricingUnit": "Units"}),
    ("tags", {"Tags": '{"team": "a", "n": 1}'}, {"Tags": [("team", "a"), ("n", "1")]}),
    ("tags without braces", {"Tags": '"team": "a"'}, {"Tags": [("team", "a")]}),
    ("tags as a list", {"Tags": '[{"key": "team", "value": "a"}]'}, {"Tags": [("team", "a")]}),
    ("tags that are text", {"Tags": "team a"}, {"Tags": [("tags", "team a")]}),
    (
        "machines",
        {"SkuPriceId": "p", "SkuPriceDetails": '{"InstanceType": "p4d.24xlarge", "OperatingSystem": "Linux"}'},
        {"x_instance_type": "p4d.24xlarge", "x_operating_system": "Linux", "x_ml_workload": True},
    ),
    (
        "machines of an export of 1.0",
        {"x_UsageType": "EUW1-BoxUsage:m5.large"},
        {"x_instance_type": "m5.large", "x_ml_workload": False},
    ),
    (
        "price details of an export that has its own",
        {
            "SkuPriceId": "p",
            "x_SkuDetails": '{"ServiceType": "Standard_D2s_v3", "VCPUs": "2", "ImageType": null, "VMName": "a"}',
        },
        {
            "SkuPriceDetails": '{"InstanceType":"Standard_D2s_v3","CoreCount":2,"x_VMName":"a"}',
            "x_instance_type": "Standard_D2s_v3",
        },
    ),
    (
        "given price details stay",
        {"SkuPriceId": "p", "SkuPriceDetails": '{"x_a": 1}', "x_SkuDetails": '{"b": 2}'},
        {"SkuPriceDetails": '{"x_a": 1}'},
    ),
    ("details with one key twice", {"SkuPriceId": "p", "x_SkuDetails": '{"a": 1, "x_a": 2}'}, {"SkuPriceDetails": None}),
    ("details of no price", {"x_SkuDetails": '{"b": 2}'}, {"SkuPriceDetails": None}),
    (
        "a marketplace line of Azure's export",
        {
            "ProviderName": "Microsoft",
            "InvoiceIssuerName": "Microsoft",
            "PublisherName": "",
            "ServiceName": "",
            "x_SkuMeterCategory": "SaaS",
            "ContractedCost": "0",
            "ContractedUnitPrice": "0",
            "ListCost": "0",
            "ListUnitPrice": "0",
        },
        {
            "ProviderName": "Microsoft Azure",
            "InvoiceIssuerName": "Microsoft Azure",
            "x_invoicing_entity": "Microsoft",
            "PublisherName": "Microsoft Azure",
            "ServiceName": "SaaS",
            "ContractedCost": 2,
            "ContractedUnitPrice": None,
            "ListCost": 2,
            "ListUnitPrice": None,
        },
    ),
    (
        "covered usage of Azure's export",
        {
            "BilledCost": "0",
            "EffectiveCost": "1.5",
            "CommitmentDiscountId": "ri",
            "CommitmentDiscountType": "Reservation",
            "ContractedCost": "0",
            "ContractedUnitPrice": "0",
            "ListCost": "0",
            "ListUnitPrice": "0",
        },
        {"ContractedCost": Decimal("1.5"), "ListCost": Decimal("1.5"), "ContractedUnitPrice": None, "ListUnitPrice": None},
    ),
    (
        "a free price stays",
        {"BilledCost": "0", "EffectiveCost": "0", "ListUnitPrice": "0"},
        {"ListUnitPrice": 0, "ListCost": 0},
    ),
    ("extensions", {"Id": "7", "x_Team": "a"}, {"x_id": "7", "x_team": "a"}),
    ("the type stands in the id", {"ResourceId": "arn:aws:ec2:eu-west-1:1:volume/vol-1"}, {"ResourceType": "volume"}),
    ("a subcategory of the category", {}, {"ServiceSubcategory": "Other (Compute)"}),
)


@pytest.mark.parametrize(("change", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_repairs(tmp_path: Path, change: dict[str, object], expected: dict[str, object]) -> None:
    row = staged(tmp_path, change)
    assert {name: row[name] for name in expected} == expected
    given = {name: Decimal(str({**LINE, **change}[name])) for name in ("BilledCost", "EffectiveCost")}
    assert {name: row[name] for name in given} == given


def test_1_4_names_its_provider_otherwise(tmp_path: Path) -> None:
    row = staged(tmp_path, {"ServiceProviderName": "Acme Cloud"}, without=("ProviderName",))
    assert (row["ProviderName"], row["ServiceProviderName"], row["PublisherName"]) == ("Acme Cloud",) * 3


def test_a_bare_month_first_date_must_hold_for_the_whole_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column `ChargePeriodStart`: `13/1/26` is not a time"):
        staged(tmp_path, {"ChargePeriodStart": "13/1/26"})


def test_a_worked_example_is_no_bill(tmp_path: Path) -> None:
    cells = {name: cell for name, cell in LINE.items() if name not in ("BillingAccountId", "BillingCurrency", "ProviderName")}
    path = write_csv(tmp_path / "a.csv", cells, cells.values())
    message = r"columns `BillingAccountId`, `BillingCurrency`, `ProviderName` missing \(the file is FOCUS Cost and Usage\)"
    with pytest.raises(InputError, match=message):
        detect(look(path, "a.csv", tmp_path), files.FORMATS)


def test_invoice_detail(tmp_path: Path) -> None:
    cells = {
        "BilledCost": "10.5",
        "BillingAccountId": "1",
        "BillingCurrency": "usd",
        "BillingPeriodStart": "2026-01-01T00:00:00Z",
        "ChargeCategory": "Tax",
        "InvoiceDetailId": "d",
        "InvoiceId": "i",
        "InvoiceIssueStatus": "Issued",
        "InvoiceIssuerName": "AWS",
    }
    path = write_csv(tmp_path / "a.csv", cells, cells.values(), {**cells, "InvoiceIssueStatus": "Voided"}.values())
    assert detect(look(path, "a.csv", tmp_path), files.FORMATS) is INVOICE_DETAIL
    (row,) = stage(INVOICE_DETAIL, path)
    assert (row["invoice_id"], row["period"], row["category"], row["amount"], row["currency"]) == (
        "i",
        "2026-01",
        "tax",
        Decimal("10.5"),
        "USD",
    )


def test_contract_commitment(tmp_path: Path) -> None:
    """87.60 over a year of 8,760 hours is 0.01 an hour; half of it upfront leaves 0.005."""
    cells = {
        "ContractCommitmentId": "c",
        "ContractCommitmentType": "Savings Plan",
        "ContractCommitmentCategory": "Spend",
        "ContractCommitmentCost": "87.6",
        "ContractCommitmentPeriodStart": "2025-01-01T00:00:00Z",
        "ContractCommitmentPeriodEnd": "2026-01-01T00:00:00Z",
        "BillingCurrency": "USD",
        "ContractCommitmentPaymentModel": "Partial Upfront",
        "ContractCommitmentPaymentUpfrontPercentage": "0.5",
    }
    old = write_csv(tmp_path / "old.csv", cells, cells.values())
    with pytest.raises(InputError, match="`ContractCommitmentLastUpdated`, `ServiceProviderName` missing"):
        detect(look(old, "old.csv", tmp_path), files.FORMATS)
    cells |= {"ServiceProviderName": "AWS", "ContractCommitmentLastUpdated": "2025-06-01T00:00:00Z"}
    (row,) = stage(CONTRACT_COMMITMENT, write_csv(tmp_path / "new.csv", cells, cells.values()))
    assert (row["instrument"], row["payment"]) == ("savings_plan", "partial")
    assert [row["hourly_commitment"], row["upfront"], row["recurring"]] == [Decimal(x) for x in ("0.01", "43.8", "0.005")]
