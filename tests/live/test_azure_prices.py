"""Retail prices: terms, pages, and what is left out."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.azure.prices import PUBLIC
from finops.demo import sample_company
from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import REGION, put_sample
from tests.live.conftest import NOW
from tests.live.faults import Fault, Reset


def item(price: float, **more: Any) -> dict[str, Any]:
    return {
        "currencyCode": "EUR", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price, "armRegionName": "westeurope",
        "effectiveStartDate": "2026-08-01T00:00:00Z", "productName": "Virtual Machines Dv5 Series", "meterName": "D4 v5",
        "skuName": "D4 v5", "serviceName": "Virtual Machines", "unitOfMeasure": "1 Hour", "type": "Consumption",
        "armSkuName": "Standard_D4_v5", **more,
    }  # fmt: skip


PLANS = [{"unitPrice": 0.15, "retailPrice": 0.15, "term": "1 Year"}, {"unitPrice": 0.1, "retailPrice": 0.1, "term": "3 Years"}]
ITEMS = [
    item(0.2, savingsPlan=PLANS),
    item(0.03, meterName="D4 v5 Spot"),
    item(0.05, meterName="D4 v5 Low Priority"),
    item(0.4, productName="Virtual Machines Dv5 Series Windows"),
    item(1051.2, type="Reservation", reservationTerm="1 Year"),
    item(0.1, type="DevTestConsumption"),
    item(1.0, armSkuName="Standard_X"),
    item(2.0, armSkuName="Standard_X"),
]


def test_every_term_of_a_machine_and_nothing_that_is_ambiguous(azure: Azure, warehouse: Warehouse) -> None:
    def page(parameters: dict[str, str]) -> dict[str, Any]:
        if "$skip" in parameters:
            return {"Items": ITEMS[4:], "NextPageLink": None}
        assert parameters["$filter"] == "serviceName eq 'Virtual Machines' and armRegionName eq 'westeurope'"
        assert parameters["currencyCode"] == "'EUR'"
        link = f"{azure.url}/api/retail/prices?api-version=2023-01-01-preview&$skip=4"
        return {"Items": ITEMS[:4], "NextPageLink": link}

    azure.answer("prices:List", page)
    azure.fail("prices:List", Fault(429, "TooManyRequests"), Reset())
    given = {"prices_endpoint": azure.url, "regions": ["westeurope"], "currency": "EUR", "exports": []}
    assert fetched(warehouse, source(azure, "prices", **given)).failures == ()
    found = rows(warehouse, "select operating_system as s, term, payment, instrument, price, upfront from prices order by all")
    assert [tuple(row.values()) for row in found] == [
        ("Linux", "1y", "all", "reservation", Decimal(0), Decimal("1051.2")),
        ("Linux", "1y", "none", "reservation", Decimal("0.12"), Decimal(0)),
        ("Linux", "1y", "none", "savings_plan_compute", Decimal("0.15"), Decimal(0)),
        ("Linux", "3y", "none", "savings_plan_compute", Decimal("0.1"), Decimal(0)),
        ("Linux", "on_demand", None, None, Decimal("0.2"), Decimal(0)),
        ("Linux", "spot", None, None, Decimal("0.03"), Decimal(0)),
        ("Windows", "on_demand", None, None, Decimal("0.4"), Decimal(0)),
    ]
    assert azure.tokens == {}  # nobody signed in


def test_whoever_wants_prices_alone_needs_no_credentials(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.answer("prices:List", lambda _: {"Items": ITEMS, "NextPageLink": None})
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "another-secret-value")
    given = {"prices_endpoint": azure.url, "management_endpoint": azure.url, "regions": ["westeurope"]}
    assert {check.status for check in examine([source(azure, "prices", exports=[], **given)], lambda _: None)} == {"ok"}
    checks = examine([source(azure, "prices", **given)], lambda _: None)
    assert [check.permission for check in checks if check.status == "ok"] == [PUBLIC]


def test_sizes_say_what_a_machine_holds(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    machine = "Standard_NC24ads_A100_v4"
    found = [
        item(3.2, armSkuName=machine, armRegionName=REGION),
        item(1.0, armSkuName="Standard_Unknown", armRegionName=REGION),
    ]
    azure.answer("prices:List", lambda _: {"Items": found, "NextPageLink": None})
    given = {"prices_endpoint": azure.url, "management_endpoint": azure.url, "regions": [REGION]}
    assert fetched(warehouse, source(azure, "prices", **given)).failures == ()
    known = {row["sku"]: row["specs"] for row in rows(warehouse, "select sku, specs from prices")}
    assert known == {machine: sample_specs(machine), "Standard_Unknown": None}
    azure.fail("compute:Skus", *[Fault(403, "AuthorizationFailed")] * 9)
    (failure,) = fetched(warehouse, source(azure, "prices", **given), now=NOW + timedelta(days=8)).failures
    assert "`Microsoft.Compute/skus/read`" in failure


def sample_specs(size: str) -> str:
    """As the sample company's price list has them."""
    with (sample_company() / "open" / "prices.csv").open() as file:
        return next(row["specs"] for row in csv.DictReader(file) if row["sku"] == size)


def test_a_page_elsewhere_is_not_followed(azure: Azure, warehouse: Warehouse) -> None:
    azure.answer("prices:List", lambda _: {"Items": [], "NextPageLink": "https://elsewhere.example/api/retail/prices?"})
    report = fetched(warehouse, source(azure, "prices", prices_endpoint=azure.url, regions=["westeurope"], exports=[]))
    assert "a page elsewhere" in report.failures[0]
