"""Retail prices: terms, pages, and what is left out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.azure_company import source
from tests.live.azure_contract import Azure, Fault, Reset
from tests.live.company import fetched, rows


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
    given = {"prices_endpoint": azure.url, "regions": ["westeurope"], "currency": "EUR"}
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
    (check,) = examine([source(azure, "prices", **given)], lambda _: None)
    assert check.status == "ok"
    assert azure.tokens == {}  # nobody signed in


def test_a_page_elsewhere_is_not_followed(azure: Azure, warehouse: Warehouse) -> None:
    azure.answer("prices:List", lambda _: {"Items": [], "NextPageLink": "https://elsewhere.example/api/retail/prices?"})
    report = fetched(warehouse, source(azure, "prices", prices_endpoint=azure.url, regions=["westeurope"]))
    assert "a page elsewhere" in report.failures[0]
