"""List prices: keys as the price book joins them, reservations and plans beside on demand, ambiguous ones left out."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.conftest import NOW


def product(attributes: dict[str, str], price: str, *, unit: str = "Hrs", reserved: dict[str, Any] | None = None) -> str:
    dimension = {"d": {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": price}}}
    on_demand = {"t": {"effectiveDate": "2026-10-01T00:00:00Z", "priceDimensions": dimension, "termAttributes": {}}}
    terms = {"OnDemand": on_demand} | ({"Reserved": {"r": reserved}} if reserved else {})
    return json.dumps({"product": {"attributes": attributes, "sku": "S"}, "serviceCode": "x", "terms": terms})


RESERVED = {
    "effectiveDate": "2026-09-01T00:00:00Z",
    "termAttributes": {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "Partial Upfront"},
    "priceDimensions": {
        "a": {"unit": "Quantity", "pricePerUnit": {"USD": "501"}},
        "b": {"unit": "Hrs", "pricePerUnit": {"USD": "0.057"}},
    },
}


def rate(machine: str, usage: str, amount: str, plan: str, kind: str = "EC2", system: str = "Linux/UNIX") -> dict[str, Any]:
    said = {"region": "us-east-1", "instanceType": machine, "tenancy": "shared", "productDescription": system}
    return {
        "savingsPlanOffering": {
            "offeringId": "o",
            "paymentOption": "No Upfront",
            "planType": plan,
            "durationSeconds": 31_536_000,
            "currency": "USD",
        },
        "rate": amount,
        "unit": "Hrs",
        "productType": kind,
        "serviceCode": "AmazonEC2" if kind == "EC2" else "AmazonSageMaker",
        "usageType": usage,
        "operation": "RunInstances",
        "properties": [{"name": name, "value": value} for name, value in said.items()],
    }


def test_prices_by_their_keys(cloud: Aws, warehouse: Warehouse) -> None:
    linux, windows = (
        {"instanceType": "m5.xlarge", "operatingSystem": "Linux"},
        {"instanceType": "m5.xlarge", "operatingSystem": "Windows"},
    )
    twice = [product({"instanceType": "m5.large", "operatingSystem": "Linux"}, price) for price in ("0.096", "0.097")]
    cloud.answer(
        "pricing:GetProducts",
        {"PriceList": [product(linux, "0.1920000000", reserved=RESERVED), *twice], "NextToken": "more"},
        {"PriceList": []},
        {"PriceList": [product(windows, "0.376")]},
        {"PriceList": [product({"volumeApiName": "gp3"}, "0.08", unit="GB-Mo")]},
        {"PriceList": [product({"volumeApiName": "gp3"}, "0.005", unit="IOPS-Mo")]},
        {"PriceList": [product({"volumeApiName": "gp3"}, "40.96", unit="GiBps-mo")]},
        {"PriceList": [product({"instanceName": "ml.g5.xlarge", "component": "Hosting"}, "1.408")]},
        {"PriceList": []},
    )
    cloud.answer(
        "savingsplans:DescribeSavingsPlansOfferingRates",
        {
            "searchResults": [
                rate("m5.xlarge", "BoxUsage:m5.xlarge", "0.14", "Compute"),
                rate("m5.xlarge", "BoxUsage:m5.xlarge", "0.121", "EC2Instance"),
                rate("ml.g5.xlarge", "USE1-Host:ml.g5.xlarge", "1.07", "SageMaker", "SageMaker"),
                rate("m5.xlarge", "BoxUsage:m5.xlarge", "9", "Compute", system="SUSE Linux"),
            ]
        },
    )
    assert fetched(warehouse, source(cloud.url, streams=["prices"])).failures == ()
    names = "product, sku, operating_system as os, term, payment as paid, instrument as by, unit, price, upfront"
    found = {tuple(row.values()) for row in rows(warehouse, f"select {names} from prices")}
    assert found == {
        ("vm", "m5.xlarge", "Linux", "on_demand", None, None, "Hours", Decimal("0.192"), Decimal(0)),
        ("vm", "m5.xlarge", "Linux", "1y", "partial", "reservation", "Hours", Decimal("0.057"), Decimal(501)),
        ("vm", "m5.xlarge", "Linux", "1y", "none", "savings_plan_compute", "Hours", Decimal("0.14"), Decimal(0)),
        ("vm", "m5.xlarge", "Linux", "1y", "none", "savings_plan_family", "Hours", Decimal("0.121"), Decimal(0)),
        ("vm", "m5.xlarge", "Windows", "on_demand", None, None, "Hours", Decimal("0.376"), Decimal(0)),
        ("disk", "gp3", None, "on_demand", None, None, "GB-Months", Decimal("0.08"), Decimal(0)),
        ("disk", "gp3:iops", None, "on_demand", None, None, "IOPS-Months", Decimal("0.005"), Decimal(0)),
        ("disk", "gp3:throughput", None, "on_demand", None, None, "MiBps-Months", Decimal("0.04"), Decimal(0)),
        ("endpoint", "ml.g5.xlarge", None, "on_demand", None, None, "Hours", Decimal("1.408"), Decimal(0)),
        ("endpoint", "ml.g5.xlarge", None, "1y", "none", "savings_plan_sagemaker", "Hours", Decimal("1.07"), Decimal(0)),
    }
    (specs,) = rows(warehouse, "select distinct specs from prices where sku = 'm5.xlarge'")
    assert json.loads(specs["specs"])["vcpu"] == 4
    asked = [parameters["Filters"] for permission, parameters in cloud.requests if permission == "pricing:GetProducts"]
    assert all({"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"} in filters for filters in asked)


def test_a_price_list_is_good_for_a_week(cloud: Aws, warehouse: Warehouse) -> None:
    machine = {"instanceType": "m5.xlarge", "operatingSystem": "Linux"}
    cloud.answer("pricing:GetProducts", {"PriceList": [product(machine, "0.192")]}, {"PriceList": []})
    for days, calls in ((0, 6), (6, 6), (7, 12)):
        assert fetched(warehouse, source(cloud.url, streams=["prices"]), now=NOW + timedelta(days=days)).failures == ()
        assert cloud.asked["pricing:GetProducts"] == calls
