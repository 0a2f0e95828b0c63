"""Utilization of commitments by Cost Explorer beside the bill's own, and the Spot Instance Advisor's interruption bands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb

from finops import queries
from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.live.aws_company import EXPORT, billing, client, fetched, put_export, rows, source
from tests.live.aws_contract import Aws
from tests.live.aws_estate import put_advisor
from tests.live.faults import Fault

OCTOBER = f"'{EXPORT}/data/BILLING_PERIOD=2026-10/*.parquet'"


def plans() -> dict[str, float]:
    """Savings plan → per cent of its commitment that October's fee lines call used: apart from what staging makes of them."""
    found = duckdb.execute(
        f"""
        select
            savings_plan_savings_plan_a_r_n,
            100 * sum(savings_plan_used_commitment)::double / sum(savings_plan_total_commitment_to_date)::double
        from {OCTOBER} where line_item_line_item_type = 'SavingsPlanRecurringFee' group by 1
        """
    ).fetchall()
    return dict(found)


def reserved() -> dict[str, float]:
    """Reservation → per cent of October's hours that were used, by lines of usage and of the fee for the rest."""
    found = duckdb.execute(
        f"""
        select
            reservation_reservation_a_r_n,
            sum(line_item_usage_amount) filter (where line_item_line_item_type = 'DiscountedUsage')::double as used,
            sum(try_cast(reservation_unused_quantity as double)) filter (where line_item_line_item_type = 'RIFee') as unused
        from {OCTOBER} where reservation_reservation_a_r_n <> '' group by 1
        """
    ).fetchall()
    return {name: 100 * used / (used + (unused or 0)) for name, used, unused in found}


def serve(cloud: Aws, of_plans: dict[str, float], of_reservations: dict[str, float]) -> None:
    october = {"Start": "2026-10-01", "End": "2026-11-01"}

    def answer_plans(asked: dict[str, Any]) -> dict[str, Any]:
        details = [{"SavingsPlanArn": name, "Utilization": {"UtilizationPercentage": str(v)}} for name, v in of_plans.items()]
        found = details if asked["TimePeriod"] == october else []
        return {"SavingsPlansUtilizationDetails": found, "TimePeriod": asked["TimePeriod"]}

    def answer_reservations(asked: dict[str, Any]) -> dict[str, Any]:
        groups = [
            {
                "Key": "SUBSCRIPTION_ID",
                "Value": str(number),
                "Attributes": {"reservationARN": name},
                "Utilization": {"UtilizationPercentage": str(value)},
            }
            for number, (name, value) in enumerate(of_reservations.items())
            if name.split(":")[2] == "ec2"
            and asked.get("Filter", {}).get("Dimensions", {}).get("Values") == ["Amazon Elastic Compute Cloud - Compute"]
        ]
        found = groups if asked["TimePeriod"] == october else []
        return {"UtilizationsByTime": [{"TimePeriod": asked["TimePeriod"], "Groups": found}]}

    cloud.answer("ce:GetSavingsPlansUtilizationDetails", answer_plans)
    cloud.answer("ce:GetReservationUtilization", answer_reservations)


def test_the_bills_utilization_is_held_against_cost_explorers(
    cloud: Aws, warehouse: Warehouse, finops: Callable[..., Ran]
) -> None:
    put_export(cloud.url, ("2026-10",))
    stated = plans()
    wrong = min(stated)
    serve(cloud, {**stated, wrong: stated[wrong] / 2}, reserved())
    report = fetched(warehouse, billing(cloud.url, streams=["billing", "benefits"]))
    assert report.failures == ()
    with warehouse.reader() as reader:
        found = {use.commitment: use for use in queries.utilization(reader)}
    assert found.keys() == stated.keys() | {name for name in reserved() if ":ec2:" in name}
    assert {use.month for use in found.values()} == {date(2026, 10, 1)}
    assert {use.commitment for use in found.values() if use.status != "equal"} == {wrong}
    assert (found[wrong].status, abs((found[wrong].billed or 0) - stated[wrong]) < 1) == ("differs", True)
    out = json.loads(finops("status", "--warehouse", warehouse.storage.root, "--format", "json").out)
    assert {use["commitment"]: use["status"] for use in out["utilization"]}[wrong] == "differs"
    assert "Utilization of commitments" in finops("status", "--warehouse", warehouse.storage.root).out


def test_requests_are_charged_and_said_before(cloud: Aws, warehouse: Warehouse) -> None:
    """A cent a request: a month, each of five services and the plans. The months are final ten days after their end."""
    report = fetched(warehouse, source(cloud.url, streams=["benefits"]))
    charged = sum(cloud.asked[f"ce:{name}"] for name in ("GetReservationUtilization", "GetSavingsPlansUtilizationDetails"))
    assert charged == 3 * 6  # August, September, October: the first of November is not over
    assert str(report.api.estimated[0]) == str(report.api.spent[0]) == "0.18 USD"


def test_a_month_that_loses_all_its_use_loses_its_row(cloud: Aws, warehouse: Warehouse) -> None:
    of_benefits = source(cloud.url, streams=["benefits"])
    serve(cloud, {"arn:aws:savingsplans::1:savingsplan/p": 80.0}, {})
    assert fetched(warehouse, of_benefits).failures == ()
    assert len(rows(warehouse, "from metrics")) == 1
    serve(cloud, {}, {})
    assert fetched(warehouse, of_benefits).failures == ()
    assert rows(warehouse, "from metrics") == []
    covered = rows(warehouse, "select distinct unit from coverage where x_source = 'aws/benefits' order by unit")
    assert [row["unit"] for row in covered] == ["2026-08-01", "2026-09-01", "2026-10-01", "2026-11-01"]


def bands(cloud: Aws) -> Any:
    return source(cloud.url, streams=["bands"])


def test_bands_come_from_the_advisor_for_families_that_run(cloud: Aws, warehouse: Warehouse) -> None:
    client(cloud.url, "ec2").run_instances(ImageId="ami-03cf127a", InstanceType="m5.xlarge", MinCount=1, MaxCount=1)
    put_advisor(cloud.url, {"m5.xlarge": 0, "m5.2xlarge": 2, "c5.large": 4})
    assert fetched(warehouse, bands(cloud)).failures == ()
    found = rows(warehouse, "select region, zone, sku, price, interruption_band as band from spot_market order by sku")
    assert [tuple(row.values()) for row in found] == [
        ("us-east-1", None, "m5.2xlarge", None, "10-15%"),
        ("us-east-1", None, "m5.xlarge", None, "<5%"),
    ]
    s3 = client(cloud.url, "s3")
    s3.put_object(Bucket="spot-bid-advisor", Key="spot-advisor-data.json", Body=b'{"ranges": []}')
    (check,) = [each for each in examine([bands(cloud)], lambda _: None) if each.permission == "s3:GetObject"]
    assert check.status == "ok"
    cloud.fail("s3:GetObject", Fault(403, "AccessDenied"))
    (check,) = [each for each in examine([bands(cloud)], lambda _: None) if each.permission == "s3:GetObject"]
    assert (check.status, check.detail.split(": ")[0]) == ("missing", "s3://spot-bid-advisor/spot-advisor-data.json")
    assert "spot_advisor = ''" in check.detail
    later = fetched(Warehouse.open(f"{warehouse.storage.root}-2"), bands(cloud))
    assert "has another form" in later.failures[0]
    assert "spot_advisor" in later.failures[0]
