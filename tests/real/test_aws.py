"""AWS bills of real accounts (and public generators): totals, commitment identities, FOCUS rules."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.aws.billing import CUR, legacy_manifest
from tests.staging import stage

AWS = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing" / "aws"
CURS = (
    "Oct2018-WorkshopCUR-00001.snappy.parquet",
    "Nov2018-WorkshopCUR-00001.snappy.parquet",
    "focus_converters-sample-anonymous-aws-cur.csv",
    "nise-cur-2026-09.csv.gz",
    "koku-2023-06-01-nok-currency.csv",
    "aws-cur-anonymize-sample-cur20.csv",
    "koku-local/20180801-20180901/16e57707-f9e3-49be-8be6-b84e684b5194/koku-local-1.csv.gz",
)

RULES = {
    "costs": "EffectiveCost is null or ListCost is null or ContractedCost is null or BilledCost is null",
    "consumed": "(ConsumedQuantity is null) <> (ChargeCategory <> 'Usage' or CommitmentDiscountStatus is not distinct from 'Unused')",
    "consumed unit": "(ConsumedQuantity is null) <> (ConsumedUnit is null)",
    "pricing unit": "(PricingQuantity is null) <> (PricingUnit is null)",
    "quantity": "ChargeCategory in ('Usage', 'Purchase') and ChargeClass is null and PricingQuantity is null",
    "unit prices": "ChargeCategory in ('Usage', 'Purchase') and (ListUnitPrice is null or ContractedUnitPrice is null)",
    "purchase is not committed": "ChargeCategory = 'Purchase' and PricingCategory = 'Committed'",
    "status": "(CommitmentDiscountStatus is not null) <> (CommitmentDiscountId is not null and ChargeCategory = 'Usage')",
    "commitment": "(CommitmentDiscountId is null) <> (CommitmentDiscountType is null)",
    "commitment quantity": "CommitmentDiscountId is not null and CommitmentDiscountQuantity is null",
    "tax": "ChargeCategory = 'Tax' and (SkuId is not null or PricingCategory is not null or ListUnitPrice is not null)",
    "sku": "(SkuId is null) <> (SkuMeter is null)",
    "region": "(RegionId is null) <> (RegionName is null)",
    "period": "ChargePeriodEnd <= ChargePeriodStart or second(ChargePeriodEnd) <> 0",
    "issuer": "BilledCost <> 0 and ProviderName <> InvoiceIssuerName",
    "list cost": "abs(ListUnitPrice::double * PricingQuantity::double - ListCost::double) > 1e-6",
    "contracted cost": "abs(ContractedUnitPrice::double * PricingQuantity::double - ContractedCost::double) > 1e-6",
}


@pytest.mark.parametrize("name", CURS)
def test_total_and_rules(name: str) -> None:
    rules = ", ".join(f'count(*) filter ({rule}) as "{label}"' for label, rule in RULES.items())
    query = f"select sum(BilledCost) as billed, (select sum(line_item_unblended_cost) from raw) as bill, {rules} from staged"
    (row,) = stage(CUR, AWS / name, query=query)
    assert row.pop("billed") == row.pop("bill")
    assert {label: count for label, count in row.items() if count} == {}


@pytest.mark.parametrize(("name", "fees"), [(CURS[0], "281.249"), (CURS[1], "274.617")])
def test_reservations_used_and_unused_are_the_fees(name: str, fees: str) -> None:
    """October: 149.7754 recurring + 131.4740 amortized upfront; November: 147.3840 + 127.2329."""
    (row,) = stage(
        CUR, AWS / name, query="select sum(EffectiveCost) as e from staged where CommitmentDiscountStatus is not null"
    )
    assert round(row["e"], 3) == Decimal(fees)


def test_every_service_has_a_category() -> None:
    query = "select distinct x_service_code from staged where ServiceCategory = 'Other'"
    assert [r for name in CURS for r in stage(CUR, AWS / name, query=query)] == []


def test_real_manifests() -> None:
    for path in [*AWS.glob("koku-local/*/koku-local-Manifest.json"), *AWS.glob("rudderlabs-ice-manifest-*.json")]:
        manifest = legacy_manifest(json.loads(path.read_text()), str(path))
        assert manifest is not None
        assert "bill/PayerAccountId" in manifest.columns
