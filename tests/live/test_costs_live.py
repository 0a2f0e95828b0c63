"""The bill from Cost Explorer: to the cent, by kind of charge, replaced by an export's as soon as there is one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import billing, calls, fetched, put_export, rows, source
from tests.live.aws_contract import Aws
from tests.live.conftest import NOW
from tests.live.faults import Fault

PAYER = "210987654321"
KINDS = {
    "Usage": (Decimal("10.25"), Decimal("10.25"), "Usage"),
    "SavingsPlanCoveredUsage": (Decimal("8"), Decimal("5"), "Usage"),
    "SavingsPlanNegation": (Decimal("-8"), Decimal(0), "Adjustment"),
    "SavingsPlanRecurringFee": (Decimal("6"), Decimal("1"), "Purchase"),
    "Credit": (Decimal("-3.5"), Decimal("-3.5"), "Credit"),
    "Enterprise Discount Program Discount": (Decimal("-0.123456789012"), Decimal("-0.123456789012"), "Credit"),
    "Tax": (Decimal("1.9"), Decimal("1.9"), "Tax"),
}


def page(days: list[date], token: str | None = None) -> dict[str, Any]:
    def group(kind: str, billed: Decimal, effective: Decimal) -> dict[str, Any]:
        service = "Tax" if kind == "Tax" else "Amazon Elastic Compute Cloud - Compute"
        amounts = {"UnblendedCost": billed, "NetAmortizedCost": effective}
        return {"Keys": [service, kind], "Metrics": {n: {"Amount": str(a), "Unit": "USD"} for n, a in amounts.items()}}

    results = [
        {
            "TimePeriod": {"Start": str(day), "End": str(day + timedelta(days=1))},
            "Total": {},
            "Groups": [group(kind, billed, effective) for kind, (billed, effective, _) in KINDS.items()],
            "Estimated": False,
        }
        for day in days
    ]
    return {"ResultsByTime": results} | ({"NextPageToken": token} if token else {})


@pytest.fixture
def payer(cloud: Aws) -> Aws:
    cloud.answer("sts:GetCallerIdentity", {"Account": PAYER, "Arn": f"arn:aws:iam::{PAYER}:role/finops", "UserId": "A"})
    days = [date(2026, 10, 1) + timedelta(days=n) for n in range(31)]
    cloud.answer("ce:GetCostAndUsage", page(days[:15], "more"), page(days[15:]))
    return cloud


def costs(cloud: Aws, **settings: Any) -> Any:
    return source(cloud.url, **{"streams": ["costs"], "history_days": 20, **settings})


def test_every_cent_by_kind_of_charge(payer: Aws, warehouse: Warehouse) -> None:
    report = fetched(warehouse, costs(payer))
    assert report.failures == ()
    assert calls(report)["ce:GetCostAndUsage"] == 2
    found = {
        row["kind"]: (row["billed"], row["effective"], row["category"])
        for row in rows(
            warehouse,
            "select x_charge_type as kind, ChargeCategory as category, sum(BilledCost)::decimal(38, 12) as billed,"
            " sum(EffectiveCost)::decimal(38, 12) as effective from charges group by all",
        )
    }
    assert found == {kind: (31 * b, 31 * e, category) for kind, (b, e, category) in KINDS.items()}
    assert {row["ServiceName"] for row in rows(warehouse, "from charges")} == {"Amazon Elastic Compute Cloud", "Tax"}
    status = rows(warehouse, "select status, residual from reconciliation where level = 'complete'")
    assert [(row["status"], row["residual"]) for row in status] == [("amber", Decimal(0))]
    _, asked = next(each for each in payer.requests if each[0] == "ce:GetCostAndUsage")
    assert [group["Key"] for group in asked["GroupBy"]] == ["SERVICE", "RECORD_TYPE"]
    assert asked["Metrics"] == ["UnblendedCost", "NetAmortizedCost"]


def test_a_month_that_is_final_is_not_asked_for_again(payer: Aws, warehouse: Warehouse) -> None:
    fetched(warehouse, costs(payer), now=NOW + timedelta(days=20))
    payer.answer("ce:GetCostAndUsage", page([date(2026, 11, 1)]))
    payer.requests.clear()
    fetched(warehouse, costs(payer, history_days=50), now=NOW + timedelta(days=21))
    asked = [parameters["TimePeriod"]["Start"] for permission, parameters in payer.requests if permission.startswith("ce:")]
    assert asked == ["2026-11-01"]


def test_an_export_takes_the_place(payer: Aws, warehouse: Warehouse) -> None:
    fetched(warehouse, costs(payer))
    put_export(payer.url, ("2026-10",))
    assert fetched(warehouse, billing(payer.url)).failures == ()
    kinds = rows(warehouse, "select count(*) filter (where ChargeDescription like 'Cost Explorer:%')::int as n from charges")
    assert kinds == [{"n": 0}]


def test_a_second_page_that_fails_lands_nothing(payer: Aws, warehouse: Warehouse) -> None:
    payer.answers["ce:GetCostAndUsage"] = payer.answers["ce:GetCostAndUsage"][:1]
    report = fetched(warehouse, costs(payer))
    assert "one page token twice" in report.failures[0]
    assert warehouse.published().number == 0
    payer.fail("ce:GetCostAndUsage", Fault(400, "AccessDeniedException"))
    assert "`ce:GetCostAndUsage`" in fetched(warehouse, costs(payer)).failures[0]


def test_it_is_the_bill_only_where_there_is_no_export(payer: Aws, warehouse: Warehouse) -> None:
    put_export(payer.url, ("2026-10",))
    both = fetched(warehouse, billing(payer.url, streams=["costs"]))
    assert "nothing that the stream `costs` could read" in both.failures[0]
    assert "nothing that the stream `billing` could read" in fetched(warehouse, costs(payer, streams=["billing"])).failures[0]
