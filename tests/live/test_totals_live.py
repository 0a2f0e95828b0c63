"""Cost Explorer totals: what AWS says was spent, and how far the bill matches it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.intake.reconcile import trust
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import billing, fetched, put_export, rows, source
from tests.live.aws_contract import Aws
from tests.live.conftest import NOW

PAYER = "210987654321"
GROUP = [{"Type": "DIMENSION", "Key": "SERVICE"}]


def spent(warehouse: Warehouse) -> dict[date, dict[str, tuple[Decimal, Decimal]]]:
    """What a Cost Explorer that agrees with the loaded bill says, by day and service."""
    found: dict[date, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for row in rows(
        warehouse,
        "select ChargePeriodStart::date as day, ServiceName as service, sum(BilledCost)::decimal(38, 12) as billed,"
        " sum(EffectiveCost)::decimal(38, 12) as effective from charges group by all order by all",
    ):
        found[row["day"]][row["service"]] = (row["billed"], row["effective"])
    return found


def page(days: dict[date, dict[str, tuple[Decimal, Decimal]]], token: str | None, *, estimated: bool = False) -> dict[str, Any]:
    results = [
        {
            "TimePeriod": {"Start": str(day), "End": str(day + timedelta(days=1))},
            "Total": {},
            "Groups": [
                {
                    "Keys": [service],
                    "Metrics": {
                        "UnblendedCost": {"Amount": str(billed), "Unit": "USD"},
                        "NetAmortizedCost": {"Amount": str(effective), "Unit": "USD"},
                    },
                }
                for service, (billed, effective) in services.items()
            ],
            "Estimated": estimated,
        }
        for day, services in days.items()
    ]
    return {"GroupDefinitions": GROUP, "ResultsByTime": results} | ({"NextPageToken": token} if token else {})


def totals(cloud: Aws, days: dict[date, dict[str, tuple[Decimal, Decimal]]], *, estimated: bool = False) -> None:
    cloud.answer("sts:GetCallerIdentity", {"Account": PAYER, "Arn": f"arn:aws:iam::{PAYER}:role/finops", "UserId": "A"})
    half = sorted(days)[len(days) // 2]
    first = {day: of for day, of in days.items() if day < half}
    second = {day: of for day, of in days.items() if day >= half}
    cloud.answer("ce:GetCostAndUsage", page(first, "more", estimated=estimated), page(second, None, estimated=estimated))


def provider(warehouse: Warehouse) -> list[dict[str, Any]]:
    return rows(warehouse, "select x_billing_period as p, status, residual, note from reconciliation where level = 'provider'")


def test_a_bill_that_matches_says_so(cloud: Aws, warehouse: Warehouse) -> None:
    put_export(cloud.url, ("2026-10",))
    fetched(warehouse, billing(cloud.url))
    totals(cloud, spent(warehouse))
    report = fetched(warehouse, source(cloud.url, streams=["totals"]))
    assert report.failures == ()
    assert [(r["p"], r["status"], r["residual"]) for r in provider(warehouse)] == [("2026-10", "amber", Decimal(0))]
    with warehouse.reader() as reader:
        assert any("1 match the provider's own total" in note for note in trust(reader).notes)


def test_a_bill_that_differs_is_red_and_names_the_day(cloud: Aws, warehouse: Warehouse) -> None:
    put_export(cloud.url, ("2026-10",))
    fetched(warehouse, billing(cloud.url))
    days = spent(warehouse)
    service, (billed, effective) = next(iter(days[date(2026, 10, 9)].items()))
    days[date(2026, 10, 9)][service] = (billed + 5, effective)
    totals(cloud, days)
    fetched(warehouse, source(cloud.url, streams=["totals"]))
    (row,) = provider(warehouse)
    assert (row["status"], row["residual"]) == ("red", Decimal(5))
    assert "1 days differ, the first 2026-10-09 by 5.00" in row["note"]
    with warehouse.reader() as reader:
        assert trust(reader).status == "red"
    totals(cloud, spent(warehouse))  # AWS corrects itself, and the month is asked for again
    fetched(warehouse, source(cloud.url, streams=["totals"]))
    assert [r["status"] for r in provider(warehouse)] == ["amber"]


def test_of_an_open_month_the_settled_days_are_compared(cloud: Aws, warehouse: Warehouse) -> None:
    put_export(cloud.url, ("2026-10",))
    fetched(warehouse, billing(cloud.url))
    days = spent(warehouse)
    days[date(2026, 10, 31)] = {}
    totals(cloud, days, estimated=True)
    fetched(warehouse, source(cloud.url, streams=["totals"]))
    (row,) = provider(warehouse)
    assert row["status"] == "amber"
    assert row["residual"] == 0
    assert "the month is open: the days before 2026-10-2" in row["note"]


def test_charges_that_come_after_the_totals_are_compared_too(cloud: Aws, warehouse: Warehouse, tmp_path: Any) -> None:
    put_export(cloud.url, ("2026-10",))
    other = Warehouse.open(str(tmp_path / "other"))
    fetched(other, billing(cloud.url))
    totals(cloud, spent(other))
    fetched(warehouse, source(cloud.url, streams=["totals"]))
    assert provider(warehouse) == []
    fetched(warehouse, billing(cloud.url))
    assert [(r["p"], r["residual"]) for r in provider(warehouse)] == [("2026-10", Decimal(0))]


def test_months_that_are_final_are_not_asked_for_again(cloud: Aws, warehouse: Warehouse) -> None:
    totals(cloud, {date(2026, 10, 30): {"Amazon S3": (Decimal(1), Decimal(1))}, date(2026, 10, 31): {}})
    fetched(warehouse, source(cloud.url, streams=["totals"]))
    cloud.answer("ce:GetCostAndUsage", {"ResultsByTime": []})
    fetched(warehouse, source(cloud.url, streams=["totals"]), now=NOW + timedelta(days=30))
    (_, again) = [parameters for permission, parameters in cloud.requests if permission == "ce:GetCostAndUsage"][-2:]
    assert again["TimePeriod"]["Start"] == "2026-10-01"  # fetched before it was final; September and before are


@pytest.mark.parametrize("metric", ["BlendedCost"])
def test_blended_cost_is_never_read(cloud: Aws, warehouse: Warehouse, metric: str) -> None:
    fetched(warehouse, source(cloud.url, streams=["totals"]))
    asked = [parameters for permission, parameters in cloud.requests if permission == "ce:GetCostAndUsage"]
    assert asked
    assert all(metric not in parameters["Metrics"] for parameters in asked)
