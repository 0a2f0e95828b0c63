"""Reservations, savings plans and their utilization: the sample company's come out as its files have them."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_benefits import put_commitments, put_use, sample_commitments
from tests.live.azure_company import source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import put_sample
from tests.live.test_azure_totals import ACCOUNT, SCOPE


def of(azure: Azure, *streams: str, **settings: Any) -> Any:
    return source(azure, *streams, management_endpoint=azure.url, **settings)


def test_the_sample_companys_commitments_come_out_as_its_files_have_them(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)  # its subscriptions, two of which a management group holds
    put_commitments(azure)
    azure.plane.page = 2
    assert fetched(warehouse, of(azure, "commitments")).failures == ()
    found = {row["commitment_id"]: row for row in rows(warehouse, "select * from commitments")}
    assert found.keys() == {row["commitment_id"] for row in sample_commitments()}  # what has expired is left out
    assert len(found) == 4
    for row in sample_commitments():
        live = found[row["commitment_id"]]
        for name in ("account_id", "instrument", "unit", "payment", "currency"):
            assert (live[name] or "") == row[name], name
        for name in ("term_start", "term_end"):
            assert live[name] == datetime.fromisoformat(row[name])
        for name in ("quantity", "hourly_commitment", "upfront", "recurring"):
            told = None if row[name] == "" else Decimal(row[name])
            assert live[name] == told, (row["commitment_id"], name)
        assert row["scope"].items() <= json.loads(live["scope"]).items()


def test_a_plan_is_of_machines_of_databases_or_of_what_nobody_knows(azure: Azure, warehouse: Warehouse) -> None:
    put_commitments(azure)
    plans = azure.plane.lists["/providers/microsoft.billingbenefits/savingsplans"]
    for name in ("Database_Savings_Plan", "Another_Savings_Plan"):
        plans.append(plans[0] | {"id": f"{plans[0]['id']}-{name}", "sku": {"name": name}})
    assert fetched(warehouse, of(azure, "commitments")).failures == ()
    found = rows(warehouse, "select distinct instrument as i from commitments where hourly_commitment is not null order by all")
    assert [row["i"] for row in found] == ["savings_plan", "savings_plan_compute", "savings_plan_database"]


def test_an_order_is_asked_for_once(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    put_commitments(azure)
    fetched(warehouse, of(azure, "commitments"))
    asked = [request["path"] for name, request in azure.requests if name == "capacity:ReservationOrder"]
    assert len(asked) == len(set(asked)) == 3


def test_utilization_by_day_bears_the_commitments_own_id(azure: Azure, warehouse: Warehouse) -> None:
    put_use(azure)
    assert fetched(warehouse, of(azure, "benefits", scopes=[SCOPE], history_days=5)).failures == ()
    found = rows(
        warehouse, "select resource_id, timestamp::date::varchar as d, metric, statistic, value, period_s from metrics"
    )
    assert len(found) == 2 * 2 * 3
    assert {row["d"] for row in found} == {"2026-10-29", "2026-10-30"}
    plan = next(row["commitment_id"] for row in sample_commitments() if row["instrument"] != "reservation")
    own = {row["statistic"]: row["value"] for row in found if row["resource_id"] == plan and row["d"].endswith("30")}
    assert own == {"avg": 91.5, "min": 80.0, "max": 100.0}
    assert any("/reservations/" in row["resource_id"] for row in found)
    (asked,) = [request for name, request in azure.requests if name == "costmanagement:BenefitUtilization"]
    assert "properties/usageDate ge 2026-10-27 and properties/usageDate le 2026-10-31" in asked["parameters"].values()


def test_a_subscription_has_no_benefits_of_its_own_and_an_account_is_asked_by_its_number(
    azure: Azure, warehouse: Warehouse
) -> None:
    subscription = "subscriptions/6a1f0c52-3a7e-4a57-9d1b-0c7e52d1a001"
    account = f"providers/Microsoft.Billing/billingAccounts/{ACCOUNT.partition(':')[0]}"
    assert fetched(warehouse, of(azure, "benefits", scopes=[subscription, account], history_days=5)).failures == ()
    assert azure.asked["costmanagement:BenefitUtilization"] == 1
