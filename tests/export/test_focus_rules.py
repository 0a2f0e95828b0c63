"""Each FOCUS rule lets a sound row pass and names a wrong one."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pytest

from finops import focus
from finops.warehouse.focus_rules import ONE_VALUE, rules, violations

SOUND: Mapping[str, str] = {
    "BilledCost": "0",
    "BillingAccountId": "'111'",
    "BillingAccountName": "'Payer'",
    "BillingAccountType": "'Management account'",
    "BillingCurrency": "'USD'",
    "BillingPeriodEnd": "'2026-02-01T00:00:00Z'",
    "BillingPeriodStart": "'2026-01-01T00:00:00Z'",
    "ChargeCategory": "'Usage'",
    "ChargeDescription": "'An hour'",
    "ChargeFrequency": "'Usage-Based'",
    "ChargePeriodEnd": "'2026-01-01T01:00:00Z'",
    "ChargePeriodStart": "'2026-01-01T00:00:00Z'",
    "CommitmentDiscountCategory": "'Spend'",
    "CommitmentDiscountId": "'plan-1'",
    "CommitmentDiscountQuantity": "0.75",
    "CommitmentDiscountStatus": "'Used'",
    "CommitmentDiscountType": "'Savings Plan'",
    "CommitmentDiscountUnit": "'USD'",
    "ConsumedQuantity": "1",
    "ConsumedUnit": "'Hours'",
    "ContractedCost": "2",
    "ContractedUnitPrice": "2",
    "EffectiveCost": "0.75",
    "InvoiceIssuerName": "'Cloud'",
    "ListCost": "3",
    "ListUnitPrice": "3",
    "PricingCategory": "'Committed'",
    "PricingCurrency": "'USD'",
    "PricingCurrencyEffectiveCost": "0.75",
    "PricingQuantity": "1",
    "PricingUnit": "'1000 Requests'",
    "ProviderName": "'Cloud'",
    "PublisherName": "'Cloud'",
    "RegionId": "'r-1'",
    "RegionName": "'Region'",
    "ResourceId": "'i-1'",
    "ResourceType": "'Machine'",
    "ServiceCategory": "'Compute'",
    "ServiceName": "'Machines'",
    "ServiceSubcategory": "'Virtual Machines'",
    "SkuId": "'sku'",
    "SkuMeter": "'meter'",
    "SkuPriceDetails": """'{"InstanceType": "m5.large"}'""",
    "SkuPriceId": "'price'",
    "SubAccountId": "'222'",
    "SubAccountName": "'Team'",
    "SubAccountType": "'Account'",
    "Tags": "'{}'",
}

TAX = {"ChargeCategory": "'Tax'", "ConsumedQuantity": "null", "ConsumedUnit": "null"}
PURCHASE = {
    "ChargeCategory": "'Purchase'",
    "ChargeFrequency": "'One-Time'",
    "EffectiveCost": "0",
    "PricingCategory": "'Standard'",
}
PURCHASE |= {"CommitmentDiscountStatus": "null", "ConsumedQuantity": "null", "ConsumedUnit": "null"}
FREE = {name: "null" for name in SOUND if name.startswith("CommitmentDiscount")}

WRONG: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("BilledCost-not-null", {"BilledCost": "null"}),
    ("ServiceName-not-null", {"ServiceName": "null"}),
    ("ChargeCategory-allowed-value", {"ChargeCategory": "'usage'"}),
    ("ServiceSubcategory-C-004-M", {"ServiceSubcategory": "'Block Storage'"}),
    ("PricingUnit-unit-format", {"PricingUnit": "'1 GB/Month'"}),
    ("ConsumedUnit-unit-format", {"ConsumedUnit": "'GB-Mo'"}),
    ("Tags-json-object", {"Tags": "'{team: a}'"}),
    ("SkuPriceDetails-json-object", {"SkuPriceDetails": "'[1]'"}),
    ("BillingAccountName-C-003-C", {"BillingAccountName": "null"}),
    ("BillingAccountType-C-005-C", {"BillingAccountType": "null"}),
    ("CapacityReservationId-C-005-C", {"CapacityReservationStatus": "'Unused'"}),
    ("CapacityReservationStatus-C-003-C", {"CapacityReservationStatus": "'Used'"}),
    ("CapacityReservationStatus-C-004-C", {"CapacityReservationId": "'cr-1'"}),
    ("ChargeDescription-C-003-O", {"ChargeDescription": "null"}),
    ("ChargeFrequency-C-004-C", {**PURCHASE, "ChargeFrequency": "'Usage-Based'"}),
    ("ChargePeriodEnd-order", {"ChargePeriodEnd": "'2026-01-01T00:00:00Z'"}),
    ("BillingPeriodEnd-order", {"BillingPeriodEnd": "'2025-12-01T00:00:00Z'"}),
    ("BilledCost-C-005-C", {"InvoiceIssuerName": "'Cloud, Inc.'", "BilledCost": "1"}),
    ("BillingCurrency-C-003-M", {"BillingCurrency": "'usd'"}),
    ("CommitmentDiscountCategory-C-003-C", {**FREE, "CommitmentDiscountCategory": "'Spend'"}),
    ("CommitmentDiscountCategory-C-004-C", {"CommitmentDiscountCategory": "null"}),
    ("CommitmentDiscountName-C-004-C", {**FREE, "CommitmentDiscountName": "'plan'"}),
    ("CommitmentDiscountQuantity-C-005-C", {"CommitmentDiscountQuantity": "null", "CommitmentDiscountUnit": "null"}),
    ("CommitmentDiscountQuantity-C-007-C", {"ChargeClass": "'Correction'"}),
    ("CommitmentDiscountStatus-C-003-C", {**FREE, "CommitmentDiscountStatus": "'Used'"}),
    ("CommitmentDiscountStatus-C-004-C", {"CommitmentDiscountStatus": "null"}),
    ("CommitmentDiscountStatus-purchase", {**PURCHASE, "CommitmentDiscountStatus": "'Used'"}),
    ("CommitmentDiscountType-C-004-C", {**FREE, "CommitmentDiscountType": "'Savings Plan'"}),
    ("CommitmentDiscountType-C-005-C", {"CommitmentDiscountType": "null"}),
    ("CommitmentDiscountUnit-C-005-C", {"CommitmentDiscountQuantity": "null"}),
    ("CommitmentDiscountUnit-C-006-C", {"CommitmentDiscountUnit": "null"}),
    ("ConsumedQuantity-C-004-C", {"CommitmentDiscountStatus": "'Unused'"}),
    ("ConsumedQuantity-C-006-C", {"ChargeClass": "'Correction'", "ConsumedQuantity": "null", "ConsumedUnit": "null"}),
    ("ConsumedUnit-C-005-C", {"ConsumedQuantity": "null"}),
    ("ConsumedUnit-C-006-C", {"ConsumedUnit": "null"}),
    ("ContractedUnitPrice-C-005-C", TAX),
    ("ContractedUnitPrice-C-006-C", {"ContractedUnitPrice": "null"}),
    ("ContractedUnitPrice-C-009-C", {"ContractedUnitPrice": "-2", "ContractedCost": "-2"}),
    ("ContractedUnitPrice-C-011-C", {"ContractedCost": "2.01"}),
    ("EffectiveCost-C-005-C", {**PURCHASE, "EffectiveCost": "1"}),
    ("ListCost-C-009-C", {"ListCost": "3.01"}),
    ("ListUnitPrice-C-004-C", TAX),
    ("ListUnitPrice-C-005-C", {"ListUnitPrice": "null"}),
    ("ListUnitPrice-C-008-M", {"ListUnitPrice": "-3", "ListCost": "-3"}),
    ("PricingCategory-C-003-C", TAX),
    ("PricingCategory-C-004-C", {"PricingCategory": "null"}),
    ("PricingCategory-purchase", {**PURCHASE, "PricingCategory": "'Committed'"}),
    ("PricingCurrency-C-003-M", {"PricingCurrency": "'Tokens'"}),
    ("PricingCurrency-C-004-M", {"PricingCurrency": "null"}),
    ("PricingCurrencyEffectiveCost-C-003-M", {"PricingCurrencyEffectiveCost": "null"}),
    ("PricingCurrencyListUnitPrice-C-004-C", {**TAX, "PricingCurrencyListUnitPrice": "1"}),
    ("PricingCurrencyListUnitPrice-C-008-M", {"PricingCurrencyListUnitPrice": "-1"}),
    ("PricingQuantity-C-004-C", TAX),
    ("PricingQuantity-C-005-C", {"PricingQuantity": "null", "PricingUnit": "null"}),
    ("PricingUnit-C-005-C", {"PricingQuantity": "null"}),
    ("PricingUnit-C-006-C", {"PricingUnit": "null"}),
    ("RegionName-C-004-C", {"RegionId": "null"}),
    ("RegionName-C-005-C", {"RegionName": "null"}),
    ("ResourceName-resource", {"ResourceId": "null", "ResourceType": "null", "ResourceName": "'a'"}),
    ("ResourceType-C-004-C", {"ResourceId": "null"}),
    ("ResourceType-C-005-C", {"ResourceType": "null"}),
    ("SkuId-C-004-C", TAX),
    ("SkuId-C-005-C", {"SkuId": "null", "SkuMeter": "null"}),
    ("SkuMeter-C-004-C", {"SkuId": "null"}),
    ("SkuMeter-C-005-C", {"SkuMeter": "null"}),
    ("SkuPriceDetails-C-004-C", {"SkuPriceId": "null"}),
    ("SkuPriceId-C-004-C", TAX),
    ("SkuPriceId-C-005-C", {"SkuPriceId": "null", "SkuPriceDetails": "null"}),
    ("SubAccountName-C-004-C", {"SubAccountId": "null"}),
    ("SubAccountName-C-005-C", {"SubAccountName": "null"}),
    ("SubAccountType-C-004-C", {"SubAccountId": "null"}),
    ("SubAccountType-C-005-C", {"SubAccountType": "null"}),
)


def broken(*rows: Mapping[str, str], exported: bool = True) -> list[str]:
    connection = duckdb.connect()
    selects = [
        ", ".join(f'cast({row.get(c.name, "null")} as {c.sql_type}) as "{c.name}"' for c in focus.columns_of("1.2"))
        for row in ({**SOUND, **change} for change in rows)
    ]
    connection.execute("create table bill as " + " union all ".join(f"select {s}" for s in selects))
    return [text.split(":")[0] for text in violations(connection, "bill", strict=True, exported=exported)]


def test_a_sound_row_breaks_no_rule() -> None:
    assert broken({}) == []
    assert broken({**PURCHASE}) == []
    assert broken({**FREE, "PricingCategory": "'Standard'"}) == []


@pytest.mark.parametrize(("rule", "change"), WRONG, ids=[rule for rule, _ in WRONG])
def test_a_wrong_row_is_named(rule: str, change: Mapping[str, str]) -> None:
    assert rule in broken(change)


def test_every_conditional_rule_has_a_wrong_row() -> None:
    generated = ("-not-null", "-allowed-value", "-unit-format", "-json-object")
    assert {r.name for r in rules() if not r.name.endswith(generated)} == {r for r, _ in WRONG if not r.endswith(generated)}


@pytest.mark.parametrize(("rule", "one", "other"), ONE_VALUE)
def test_one_value_a_key(rule: str, one: str, other: str) -> None:
    values = {"ServiceCategory": "'Storage'", "ServiceSubcategory": "'Block Storage'", "SkuId": "'other'"}
    assert rule in broken({}, {other: values[other]})


def test_what_the_export_fills_may_be_null_in_charges() -> None:
    assert broken({"BillingAccountName": "null", "PricingCurrency": "null"}, exported=False) == []
