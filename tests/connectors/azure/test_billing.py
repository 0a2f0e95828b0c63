"""Azure cost details: pairs, dialects, units, identities and the leaf rules of FOCUS."""

from __future__ import annotations

import json
from decimal import Decimal as D
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.azure import COST_DETAILS, read_manifest
from finops import focus
from finops.errors import InputError
from finops.intake.sniff import look
from tests.staging import stage, write_csv

RESERVATION = "/providers/Microsoft.Capacity/reservationOrders/O-1/reservations/"
PLAN = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/S-1/savingsPlans/P-1"
VM = "/subscriptions/Sub-1/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/Api-1"

HEADERS = """BillingAccountId BillingAccountName BillingPeriodStartDate BillingPeriodEndDate SubscriptionId SubscriptionName
    Date ChargeType PricingModel Frequency PublisherType PublisherName MeterCategory MeterSubCategory MeterName PartNumber
    ResourceId ResourceLocation Quantity UnitOfMeasure UnitPrice PayGPrice CostInBillingCurrency BillingCurrency
    PricingCurrency ExchangeRatePricingToBilling ReservationId ProductOrderId
    EffectivePrice BenefitId BenefitName AdditionalInfo Tags"""
HEADER = HEADERS.split()

COMMON: dict[str, object] = {
    "BillingAccountId": "8611",
    "BillingAccountName": "Acme",
    "BillingPeriodStartDate": "10/01/2026",
    "BillingPeriodEndDate": "10/31/2026",
    "SubscriptionId": "Sub-1",
    "SubscriptionName": "Shop",
    "Date": "10/14/2026",
    "ChargeType": "Usage",
    "PricingModel": "OnDemand",
    "Frequency": "UsageBased",
    "PublisherType": "Azure",
    "MeterCategory": "Virtual Machines",
    "MeterName": "D2s v5",
    "PartNumber": "AAA-1",
    "ResourceId": VM,
    "ResourceLocation": "EU West",
    "Quantity": "24",
    "UnitOfMeasure": "1 Hour",
    "UnitPrice": "0.125",
    "PayGPrice": "0.25",
    "BillingCurrency": "EUR",
    "PricingCurrency": "USD",
    "ExchangeRatePricingToBilling": "0.8",
}

# ordinary lines are in both files of a pair
ORDINARY: tuple[dict[str, object], ...] = (
    {"CostInBillingCurrency": "2.4", "Tags": '"team": "web","env": "prod"'},  # 24 h × 0.125 USD × 0.8
    {"ChargeType": "Tax", "CostInBillingCurrency": "9.50", "Quantity": "", "UnitOfMeasure": "", "ResourceId": ""},
    {"PricingModel": "Spot", "CostInBillingCurrency": "0.6", "UnitPrice": "0.03125"},
    {"PublisherType": "Marketplace", "PublisherName": "Datadog", "MeterCategory": "SaaS", "CostInBillingCurrency": "30",
     "ResourceId": "", "UnitPrice": "0", "PayGPrice": "0", "ChargeType": "Purchase", "Frequency": "Recurring"},
)  # fmt: skip
COVERED: dict[str, object] = {
    "PricingModel": "Reservation",
    "BenefitId": f"{RESERVATION}R-1",
    "AdditionalInfo": '{"RINormalizationRatio": 2.0}',
}
ACTUAL: tuple[dict[str, object], ...] = (
    *ORDINARY,
    {**COVERED, "CostInBillingCurrency": "0"},
    {"PricingModel": "SavingsPlan", "BenefitId": PLAN, "CostInBillingCurrency": "0"},
    {"ChargeType": "Purchase", "PricingModel": "Reservation", "Frequency": "Recurring", "BenefitId": RESERVATION,
     "CostInBillingCurrency": "100", "Quantity": "1", "ResourceId": ""},
    {"ChargeType": "Refund", "PricingModel": "Reservation", "Frequency": "OneTime", "BenefitId": RESERVATION,
     "CostInBillingCurrency": "-40", "Quantity": "-1", "ResourceId": ""},
    {"ChargeType": "Purchase", "PricingModel": "SavingsPlan", "Frequency": "Recurring", "BenefitId": PLAN,
     "CostInBillingCurrency": "24", "Quantity": "1", "ResourceId": ""},
)  # fmt: skip
AMORTIZED: tuple[dict[str, object], ...] = (
    *ORDINARY,
    {**COVERED, "CostInBillingCurrency": "45"},
    {"ChargeType": "UnusedReservation", **COVERED, "CostInBillingCurrency": "15", "ResourceId": ""},
    {"PricingModel": "SavingsPlan", "BenefitId": PLAN, "CostInBillingCurrency": "20"},
    {"ChargeType": "UnusedSavingsPlan", "PricingModel": "SavingsPlan", "BenefitId": PLAN, "CostInBillingCurrency": "4"},
)
ACTUAL_TOTAL = D("126.50")  # 2.4 + 9.5 + 0.6 + 30 + 100 − 40 + 24
AMORTIZED_TOTAL = D("126.50")  # 2.4 + 9.5 + 0.6 + 30 + 45 + 15 + 20 + 4


def _write(path: Path, *lines: dict[str, object]) -> Path:
    return write_csv(path, HEADER, *([{**COMMON, **line}.get(name) for name in HEADER] for line in lines))


@pytest.fixture
def actual(tmp_path: Path) -> Path:
    return _write(tmp_path / "one.csv", *ACTUAL)


@pytest.fixture
def amortized(tmp_path: Path) -> Path:
    return _write(tmp_path / "other.csv", *AMORTIZED)


def _one(path: Path, **line: object) -> dict[str, Any]:
    (row,) = stage(COST_DETAILS, _write(path / "line.csv", {"CostInBillingCurrency": "2.4", **line}))
    return row


def _totals(*paths: Path) -> tuple[D, D, int]:
    (row,) = stage(
        COST_DETAILS, *paths, query="select sum(BilledCost) as b, sum(EffectiveCost) as e, count(*) as n from staged"
    )
    return row["b"], row["e"], row["n"]


def test_a_pair_has_both_totals(actual: Path, amortized: Path) -> None:
    assert _totals(actual, amortized) == (ACTUAL_TOTAL, AMORTIZED_TOTAL, 8 + 3)


def test_one_file_alone_has_its_own_total(actual: Path, amortized: Path) -> None:
    ordinary = D("42.5")  # 2.4 + 9.5 + 0.6 + 30
    assert _totals(actual) == (ACTUAL_TOTAL, ordinary, 9)
    assert _totals(amortized) == (ordinary, AMORTIZED_TOTAL, 8)


def test_a_pair_without_commitments_in_one_file_counts_once(tmp_path: Path, actual: Path) -> None:
    plain = _write(tmp_path / "plain.csv", *ORDINARY)
    assert _totals(actual, plain) == (ACTUAL_TOTAL, D("42.5"), 4 + 3)


def test_months_are_paired_one_by_one(tmp_path: Path, actual: Path, amortized: Path) -> None:
    dates: dict[str, object] = {
        "BillingPeriodStartDate": "11/01/2026",
        "BillingPeriodEndDate": "11/30/2026",
        "Date": "11/02/2026",
    }
    later = _write(tmp_path / "later.csv", *[{**line, **dates} for line in ACTUAL])
    assert _totals(actual, amortized, later)[0] == 2 * ACTUAL_TOTAL


@pytest.mark.parametrize(
    ("lines", "role"),
    [(ACTUAL, "actual"), (AMORTIZED, "amortized"), (ORDINARY, "either")],
    ids=["actual", "amortized", "either"],
)
def test_role_is_told_by_content(tmp_path: Path, lines: tuple[dict[str, object], ...], role: str) -> None:
    assert {r["x_role"] for r in stage(COST_DETAILS, _write(tmp_path / "a.csv", *lines), query="from raw")} == {role}


def test_the_control_total_is_the_actual_total(actual: Path) -> None:
    assert COST_DETAILS.profile
    (row,) = stage(COST_DETAILS, actual, query=f"select sum({COST_DETAILS.profile.billed}) as total from raw")
    assert row["total"] == ACTUAL_TOTAL


LEAVES = {
    "consumed is of used usage": "ConsumedQuantity is not null and (ChargeCategory <> 'Usage'"
    " or CommitmentDiscountStatus is not distinct from 'Unused')",
    "consumed has its unit": "(ConsumedQuantity is null) <> (ConsumedUnit is null)",
    "priced has its unit": "(PricingQuantity is null) <> (PricingUnit is null)",
    "region has its name": "(RegionId is null) <> (RegionName is null)",
    "account has its name": "SubAccountId is null and SubAccountName is not null",
    "costs": "BilledCost is null or EffectiveCost is null or ListCost is null or ContractedCost is null",
    "a purchase is not committed": "ChargeCategory = 'Purchase' and PricingCategory = 'Committed'",
    "tax has no price": "ChargeCategory = 'Tax' and (SkuId is not null or SkuPriceId is not null or ListUnitPrice is not null"
    " or ContractedUnitPrice is not null or PricingQuantity is not null or PricingCategory is not null)",
    "status only of usage": "CommitmentDiscountStatus is not null and ChargeCategory <> 'Usage'",
    "usage of a commitment has a status": "CommitmentDiscountId is not null and ChargeCategory = 'Usage'"
    " and CommitmentDiscountStatus is null",
    "commitment": "(CommitmentDiscountId is null) <> (CommitmentDiscountType is null)"
    " or (CommitmentDiscountId is null) <> (CommitmentDiscountCategory is null)"
    " or (CommitmentDiscountQuantity is null) <> (CommitmentDiscountUnit is null)",
    "commitment fees are no cost of their own": "ChargeCategory = 'Purchase' and CommitmentDiscountId is not null"
    " and EffectiveCost <> 0",
    "covered usage is not billed": "PricingCategory = 'Committed' and BilledCost <> 0",
    "contracted": "abs(ContractedUnitPrice * PricingQuantity - ContractedCost) > 0.000001",
    "list": "abs(ListUnitPrice * PricingQuantity - ListCost) > 0.000001",
    "issuer": "InvoiceIssuerName <> ProviderName and PublisherName = 'Microsoft'",
    "period": "BillingPeriodEnd <> timestamptz '2026-11-01' or ChargePeriodEnd <> ChargePeriodStart + interval 1 day",
}


@pytest.mark.parametrize("rule", LEAVES)
def test_leaf_rules(actual: Path, amortized: Path, rule: str) -> None:
    assert stage(COST_DETAILS, actual, amortized, query=f"from staged where {LEAVES[rule]}") == []


def test_mandatory_columns_are_never_null(actual: Path, amortized: Path) -> None:
    rows = stage(COST_DETAILS, actual, amortized)
    mandatory = [c.name for c in focus.columns_of(focus.CANONICAL) if not c.nullable]
    assert [name for name in mandatory if any(row[name] is None for row in rows)] == []


def test_a_service_has_one_category_that_focus_knows() -> None:
    path = resources.files("connectors.azure").joinpath("data/services.csv")
    rows = [line.split(",") for line in path.read_text("utf-8").splitlines()[1:]]
    known = focus.subcategories()
    by_name: dict[str, set[tuple[str, str]]] = {}
    for _, _, name, category, subcategory, *_ in rows:
        assert known[subcategory] == category, name
        by_name.setdefault(name, set()).add((category, subcategory))
    assert {name for name, pairs in by_name.items() if len(pairs) > 1} == set()


@pytest.mark.parametrize(
    ("measure", "consumed", "priced", "unit", "priced_unit"),
    [
        ("1 Hour", D(24), D(24), "Hours", "Hours"),
        ("100 Hours", D(24), D(24), "Hours", "Hours"),
        ("10K", D(240_000), D(24), "Units", "10000 Units"),
        ("1M", D(24_000_000), D(24), "Units", "1000000 Units"),
        ("1K/Month", D(24_000), D(24), "Units/Month", "1000 Units/Month"),
        ("1 GB/Month", D(24), D(24), "GB-Months", "GB-Months"),
        ("1/Month", D(24), D(24), "Units/Month", "Units/Month"),
        ("1 GB", D(24), D(24), "GB", "GB"),
        ("1 MB/Month", D(24), D(24), "MB/Month", "MB/Month"),
        ("1 Key Use", D(24), D(24), "Key Uses", "Key Uses"),
        ("0 Unassigned", D(24), D(24), "Units", "Units"),
        ("", D(24), D(24), "Units", "Units"),
    ],
)
def test_units(tmp_path: Path, measure: str, consumed: D, priced: D, unit: str, priced_unit: str) -> None:
    row = _one(tmp_path, UnitOfMeasure=measure)
    got = [row[k] for k in ("ConsumedQuantity", "PricingQuantity", "ConsumedUnit", "PricingUnit")]
    assert got == [consumed, priced, unit, priced_unit]


def test_an_ordinary_machine(tmp_path: Path) -> None:
    info = '{"ServiceType":"Standard_NC6s_v3","ImageType":"Canonical","VCPUs":6}'
    row = _one(tmp_path, AdditionalInfo=info, Tags='"team": "web","env": "prod"')
    expected = {
        "ContractedUnitPrice": D("0.1"), "ContractedCost": D("2.4"),  # 0.125 USD × 0.8
        "ListUnitPrice": D("0.2"), "ListCost": D("4.8"), "PricingCurrencyEffectiveCost": D("3"),  # 2.4 EUR ÷ 0.8
        "PricingCurrencyListUnitPrice": D("0.25"), "RegionId": "westeurope", "RegionName": "West Europe",
        "ResourceId": VM.lower(), "ResourceName": "Api-1", "ResourceType": "Virtual machine", "SubAccountId": "sub-1",
        "ServiceName": "Virtual Machines", "x_instance_type": "Standard_NC6s_v3", "x_operating_system": "Linux",
        "x_ml_workload": True, "InvoiceIssuerName": "Microsoft Azure", "x_invoicing_entity": "Microsoft",
        "Tags": [("team", "web"), ("env", "prod")],
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    assert json.loads(row["SkuPriceDetails"]) == {
        "CoreCount": 6, "InstanceType": "Standard_NC6s_v3", "OperatingSystem": "Linux", "x_ImageType": "Canonical"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ('"team": "web","env": "prod"', [("team", "web"), ("env", "prod")]),
        ('{"team": "web"}', [("team", "web")]),
        ("web team", [("tags", "web team")]),
        ("", None),
    ],
)
def test_tags(tmp_path: Path, cell: str, tags: list[tuple[str, str]] | None) -> None:
    assert _one(tmp_path, Tags=cell)["Tags"] == tags


@pytest.mark.parametrize("info", ["", "no JSON", "[1]", '{"a": 1, "a": 2}', '{"a": null}', "null"])
def test_details_that_say_nothing(tmp_path: Path, info: str) -> None:
    row = _one(tmp_path, AdditionalInfo=info)
    assert json.loads(row["SkuPriceDetails"] or "{}") == {}


def test_commitment_quantities(amortized: Path) -> None:
    rows = stage(COST_DETAILS, amortized, query="from staged where CommitmentDiscountId is not null order by EffectiveCost")
    got = [(r["CommitmentDiscountStatus"], r["CommitmentDiscountQuantity"], r["CommitmentDiscountUnit"]) for r in rows]
    # 4 and 20 EUR ÷ 0.8 in USD; 24 h × ratio 2
    assert got == [("Unused", D(5), "USD"), ("Unused", D(48), "Normalized Hours"), ("Used", D(25), "USD"),
                   ("Used", D(48), "Normalized Hours")]  # fmt: skip


BY_COMMITMENT = """
    select CommitmentDiscountId as id, sum(EffectiveCost) filter (ChargeCategory = 'Usage') as spread,
        sum(BilledCost) filter (ChargeCategory = 'Purchase') as fees
    from staged where CommitmentDiscountId is not null group by all order by all
"""


def _old(line: dict[str, object]) -> dict[str, object]:
    """The line as an older file has it: the reservation's id on usage, the order's on fees, no benefit."""
    if line.get("PricingModel") != "Reservation":
        return line
    fee = line["ChargeType"] in ("Purchase", "Refund") if "ChargeType" in line else False
    return {**line, "BenefitId": "", "ReservationId": "O-1" if fee else "R-1", "ProductOrderId": "O-1"}


@pytest.mark.parametrize("old", [False, True], ids=["benefit ids", "reservation ids"])
def test_every_commitment_spreads_its_fees(tmp_path: Path, old: bool) -> None:
    change = _old if old else dict
    one = _write(tmp_path / "one.csv", *[change(line) for line in ACTUAL])
    other = _write(tmp_path / "other.csv", *[change(line) for line in AMORTIZED])
    rows = stage(COST_DETAILS, one, other, query=BY_COMMITMENT)
    plan, reservation = PLAN.lower(), f"{RESERVATION}R-1".lower()
    # 20 used + 4 unused; 45 used + 15 unused = 100 bought − 40 refunded
    assert rows == [{"id": plan, "spread": D(24), "fees": D(24)}, {"id": reservation, "spread": D(60), "fees": D(60)}]


def test_an_order_of_several_reservations_stays_the_order(tmp_path: Path) -> None:
    fee = ACTUAL[6]
    used = [{**COVERED, "BenefitId": f"{RESERVATION}{item}", "CostInBillingCurrency": "1"} for item in ("R-1", "R-2")]
    paths = _write(tmp_path / "one.csv", fee), _write(tmp_path / "other.csv", *used)
    found = [row["id"] for row in stage(COST_DETAILS, *paths, query=BY_COMMITMENT)]
    order = RESERVATION.lower().removesuffix("/reservations/")
    assert found == [order, f"{order}/reservations/r-1", f"{order}/reservations/r-2"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (ACTUAL[6:8], [None, None]),  # bought and refunded in one open month
        (ACTUAL[7:8], ["Correction"]),  # the purchase stands in an earlier bill
        (({**ACTUAL[6], "ProductOrderId": ""}, {**ACTUAL[7], "BenefitId": RESERVATION.replace("O-1", "O-2")}),
         [None, "Correction"]),  # another order's refund
    ],
    ids=["same month", "earlier month", "another order"],
)  # fmt: skip
def test_a_refund_is_a_correction_of_an_earlier_bill_only(
    tmp_path: Path, lines: tuple[dict[str, object], ...], expected: list[str | None]
) -> None:
    rows = stage(COST_DETAILS, _write(tmp_path / "a.csv", *lines), query="from staged order by BilledCost desc")
    assert [row["ChargeClass"] for row in rows] == expected
    assert all((row["CommitmentDiscountQuantity"] is None) == (row["ChargeClass"] is not None) for row in rows)


def test_a_line_keeps_its_id(tmp_path: Path) -> None:
    def ids(name: str, *lines: dict[str, object]) -> list[str]:
        return [row["x_line_id"] for row in stage(COST_DETAILS, _write(tmp_path / name, *lines))]

    lines = (*AMORTIZED, AMORTIZED[0])  # one line twice
    first, again = ids("a.csv", *lines), ids("b.csv", *reversed(lines))
    assert sorted(first) == sorted(again)
    assert len(set(first)) == len(lines)
    assert not any(":" in name for name in first)


@pytest.mark.parametrize(
    ("prices", "contracted", "listed"),
    [
        ({"UnitPrice": "0", "PayGPrice": "0.25"}, D("4.8"), D("4.8")),  # 24 h × 0.25 USD × 0.8
        ({"UnitPrice": "0.125", "PayGPrice": "0.25"}, D("2.4"), D("4.8")),
        ({"UnitPrice": "0", "PayGPrice": "0"}, D("1.5"), D("1.5")),  # nothing but the amortized cost is known
    ],
)
def test_what_covered_usage_would_cost(tmp_path: Path, prices: dict[str, object], contracted: D, listed: D) -> None:
    row = _one(tmp_path, **{**COVERED, **prices, "CostInBillingCurrency": "1.5"})
    assert (row["ContractedCost"], row["ListCost"], row["EffectiveCost"]) == (contracted, listed, D("1.5"))


def test_a_rate_that_gives_the_cost_is_the_price(tmp_path: Path) -> None:
    own = _one(tmp_path, UnitPrice="", PayGPrice="", EffectivePrice="0.1")  # 24 h × 0.1 = 2.4, in billing currency
    other = _one(tmp_path, UnitPrice="", PayGPrice="", EffectivePrice="0.125")  # 3.0: another currency's, no price
    assert [row["ContractedUnitPrice"] for row in (own, other)] == [D("0.1"), None]
    assert [row["ContractedCost"] for row in (own, other)] == [D("2.4"), D("2.4")]


def test_parquet_gives_what_csv_gives(tmp_path: Path, amortized: Path) -> None:
    parquet = tmp_path / "export.parquet"
    duckdb.connect().execute(
        f"copy (select * replace (strptime(Date, '%m/%d/%Y')::date as Date,"
        f" strptime(BillingPeriodStartDate, '%m/%d/%Y') as BillingPeriodStartDate,"
        f" CostInBillingCurrency::double as CostInBillingCurrency, Quantity::double as Quantity)"
        f" from read_csv('{amortized}', all_varchar = true)) to '{parquet}' (format parquet)"
    )
    query = "from staged order by x_line_id"
    from_csv, from_parquet = stage(COST_DETAILS, amortized, query=query), stage(COST_DETAILS, parquet, query=query)
    assert from_parquet == from_csv


def test_a_day_first_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2, column `Date`: `14/10/2026`"):
        _one(tmp_path, Date="14/10/2026")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Date": "10/12/2026"}, ""),  # the period ends on 10/31/2026
        ({"Date": "10/12/2026", "BillingPeriodEndDate": ""}, "; dates such as 10/12/2026 read month first"),
        ({"Date": "10/14/2026"}, ""),
        ({"Date": "2026-10-12"}, ""),
        ({"BillingCurrency": "MC"}, "; currency `MC` is no ISO 4217 code, booked as XXX"),
    ],
)
def test_what_was_read_into_the_file_is_said(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    path = _write(tmp_path / "a.csv", {"CostInBillingCurrency": "1", **changes})
    assert COST_DETAILS.version(look(path, "a.csv", tmp_path).sniff) == f"cost details, MCA{said}"
    assert {row["BillingCurrency"] for row in stage(COST_DETAILS, path)} == {"XXX" if "MC" in said else "EUR"}


@pytest.mark.parametrize(
    ("header", "row", "account", "currency"),
    [
        ("SubscriptionGuid,UsageDateTime,MeterCategory,PreTaxCost,Currency", "S,2026-10-05,Storage,1.5,usd", "s", "USD"),
        ("subscriptionid,billingaccountid,UsageDateTime,MeterCategory,costinbillingcurrency", "S,b,2026-10-05,Storage,1.5",
         "b", "XXX"),
        ("Date,ChargeType,MeterCategory,SubscriptionId,CostInBillingCurrency", "10/05/2026,Usage,Storage,S,1.5", "s", "XXX"),
        ("\ufeffsubscription_id,date,meter category,cost,billingCurrencyCode", "S,2026-10-05,Storage,1.5,EUR", "s", "EUR"),
        ("billingAccountId,billingProfileId,subscriptionId,date,meterCategory,costInBillingCurrency,billingCurrency",
         "a:b_2019-05-31,P-1,S,10/05/2026,Storage,1.5,EUR", "P-1", "EUR"),
        ("Abonnement-GUID (SubscriptionGuid),Datum (UsageDateTime),Kategorie (MeterCategory),Kosten (PreTaxCost),"
         "Währung (Currency)", "S,2026-10-05,Storage,1.5,EUR", "s", "EUR"),
    ],
    ids=["pay-as-you-go", "lower case", "month first", "byte order mark", "MCA", "German portal"],
)  # fmt: skip
def test_dialects(tmp_path: Path, header: str, row: str, account: str, currency: str) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"{header}\n{row}\n", "utf-8")
    (line,) = stage(COST_DETAILS, path)
    found = [line[k] for k in ("BillingAccountId", "BillingCurrency", "BilledCost", "EffectiveCost", "ServiceName")]
    assert found == [account, currency, D("1.5"), D("1.5"), "Storage Accounts"]
    starts = [line[k].isoformat()[:10] for k in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart")]
    assert starts == ["2026-10-01", "2026-11-01", "2026-10-05"]


def test_manifest_of_an_export() -> None:
    blob = "cost/daily/20261001-20261031/202611010400/7f0c/000001.csv"
    document = {
        "manifestVersion": "2024-04-01", "dataRowCount": 3, "blobs": [{"blobName": blob, "byteCount": 90, "dataRowCount": 3}]
    }  # fmt: skip
    manifest = read_manifest(document, "cost/manifest.json")
    assert manifest
    assert (manifest.export, manifest.edition, manifest.rows) == (
        "cost/daily/20261001-20261031",
        "202611010400",
        3,
    )
    assert [(f.uri, f.rows, f.bytes) for f in manifest.files] == [(blob, 3, 90)]
    assert read_manifest({"assemblyId": "x"}, "m.json") is None
