"""Cost Management's own totals: pages, waits, and how far the bill matches them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import put_exports, source
from tests.live.azure_contract import SECRET, TOKEN, Azure
from tests.live.conftest import NOW
from tests.live.faults import Fault

ACCOUNT = "7c1d9ea4-0b5f-5c8e-a7a1-3f6f0a1f8c11:9d0e4c3a-64d2-4c39-8f0c-2f7a5f3f7b01_2019-05-31"
SCOPE = f"providers/Microsoft.Billing/billingAccounts/{ACCOUNT}/billingProfiles/NLRB-PROF-BG7-PGB"
QUERY = "Microsoft.CostManagement/query/read"
COLUMNS = [{"name": name, "type": "String"} for name in ("Cost", "UsageDate", "ServiceName", "Currency")]


def totals(azure: Azure, **settings: Any) -> Any:
    given = {"management_endpoint": azure.url, "scopes": [SCOPE], "history_days": 31, **settings}
    return source(azure, "totals", **given)


def agree(azure: Azure, warehouse: Warehouse, more: Decimal = Decimal(0)) -> None:
    """An Azure that agrees with the loaded bill, but for `more` a service on one day; two pages a query."""
    spent = rows(
        warehouse,
        "select ChargePeriodStart::date as day, ServiceName as service, sum(BilledCost)::decimal(38, 12) as actual,"
        " sum(EffectiveCost)::decimal(38, 12) as amortized from charges group by all order by all",
    )

    def page(definition: dict[str, Any], token: str) -> dict[str, Any]:
        start, end = definition["timePeriod"]["from"][:10], definition["timePeriod"]["to"][:10]
        of = [row for row in spent if start <= str(row["day"]) <= end]
        half = of[len(of) // 2 :] if token else of[: len(of) // 2]
        kind = "actual" if definition["type"] == "ActualCost" else "amortized"
        extra = {row["day"]: more if row["day"].day == 9 else Decimal(0) for row in half}
        values = [[float(row[kind] + extra[row["day"]]), int(f"{row['day']:%Y%m%d}"), row["service"], "EUR"] for row in half]
        path = f"{azure.url}/{SCOPE}/providers/Microsoft.CostManagement/query?api-version=2025-03-01&$skiptoken=more"
        return {"properties": {"columns": COLUMNS, "rows": values, "nextLink": None if token else path}}

    azure.answer("costmanagement:Query", page)


def provider(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    found = rows(warehouse, "select x_billing_period as p, status, residual from reconciliation where level = 'provider'")
    return [(row["p"], row["status"], round(row["residual"], 2)) for row in found]


def test_a_bill_that_matches_says_so_and_one_that_differs_is_red(azure: Azure, warehouse: Warehouse) -> None:
    put_exports(azure, ("2026-10",))
    fetched(warehouse, source(azure, "billing"))
    agree(azure, warehouse)
    report = fetched(warehouse, totals(azure))
    assert report.failures == ()
    assert provider(warehouse) == [("2026-10", "amber", Decimal(0))]
    agree(azure, warehouse, more=Decimal(5))
    fetched(warehouse, totals(azure), now=NOW + timedelta(days=20))  # it is final by now
    assert [status for _, status, _ in provider(warehouse)] == ["red"]
    metrics = rows(warehouse, "select metric, count(*) > 100 as many from provider_totals group by all order by all")
    assert metrics == [{"metric": "billed", "many": True}, {"metric": "effective", "many": True}]


def test_the_waits_of_cost_management_are_kept(azure: Azure, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.pipeline.transport import RequestsTransport

    waits: list[float] = []
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _, seconds: waits.append(seconds))
    azure.answer("costmanagement:Query", lambda *_: {"properties": {"columns": COLUMNS, "rows": []}})
    prefix = "x-ms-ratelimit-microsoft.costmanagement-"
    headers = ((f"{prefix}qpu-retry-after", "11"), (f"{prefix}entity-retry-after", "23"))
    azure.fail("costmanagement:Query", Fault(429, "429", headers=headers))
    assert fetched(warehouse, totals(azure, concurrency=1)).failures == ()
    assert waits == [23]


def test_a_denial_names_the_permission_and_no_secret(azure: Azure, warehouse: Warehouse) -> None:
    azure.answer("costmanagement:Query", lambda *_: {"properties": {"columns": COLUMNS, "rows": []}})
    for status in (401, 403):
        azure.fail("costmanagement:Query", *[Fault(status, "RBACAccessDenied", f"{TOKEN} {SECRET}")] * 9)
        report = fetched(warehouse, totals(azure, concurrency=1))
        (check,) = examine([totals(azure)], lambda _: None)
        azure.faults.clear()
        assert f"`{QUERY}`" in report.failures[0]
        assert check.status == "missing"
        assert not any(secret in repr(report) + repr(check) for secret in (SECRET, *azure.tokens))


@pytest.mark.parametrize("link", ["https://elsewhere.example/steal", "again"])
def test_a_page_elsewhere_gets_no_token_and_one_that_repeats_ends(azure: Azure, warehouse: Warehouse, link: str) -> None:
    path = f"{azure.url}/{SCOPE}/providers/Microsoft.CostManagement/query?api-version=2025-03-01&$skiptoken=a"
    properties = {"columns": COLUMNS, "rows": [], "nextLink": path if link == "again" else link}
    azure.answer("costmanagement:Query", lambda *_: {"properties": properties})
    assert "one page token twice, or with a page elsewhere" in fetched(warehouse, totals(azure)).failures[0]


def test_a_scope_that_is_no_bill_is_refused(azure: Azure, warehouse: Warehouse) -> None:
    scope = f"providers/Microsoft.Billing/billingAccounts/{ACCOUNT}"
    assert "is no scope of a bill" in fetched(warehouse, totals(azure, scopes=[scope])).failures[0]
