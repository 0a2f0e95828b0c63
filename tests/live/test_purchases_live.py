"""Savings plans, reservations, spot prices and second opinions, as their open formats have them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import client, fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.conftest import NOW

START, END = datetime(2026, 3, 10, tzinfo=UTC), datetime(2027, 3, 10, tzinfo=UTC)
YEAR_S = 365 * 86_400


def answer_commitments(cloud: Aws) -> None:
    plan = {
        "savingsPlanId": "p1",
        "savingsPlanArn": "arn:aws:savingsplans::210987654321:savingsplan/p1",
        "start": "2026-06-08T00:00:00.000Z",
        "end": "2027-06-08T00:00:00.000Z",
        "state": "active",
        "region": "us-east-1",
        "ec2InstanceFamily": "m5",
        "savingsPlanType": "EC2Instance",
        "paymentOption": "No Upfront",
        "currency": "USD",
        "commitment": "0.96768",
        "upfrontPaymentAmount": "0.0",
        "recurringPaymentAmount": "0.96768",
        "termDurationInSeconds": YEAR_S,
    }
    compute = plan | {
        "savingsPlanId": "p2",
        "savingsPlanArn": "arn:aws:savingsplans::1:savingsplan/p2",
        "savingsPlanType": "Compute",
    }
    cloud.answer(
        "savingsplans:DescribeSavingsPlans",
        lambda asked: {"savingsPlans": [compute]} if "nextToken" in asked else {"savingsPlans": [plan], "nextToken": "more"},
    )
    machine = {
        "ReservedInstancesId": "r1",
        "InstanceType": "m5.4xlarge",
        "InstanceCount": 2,
        "ProductDescription": "Linux/UNIX (Amazon VPC)",
        "Scope": "Region",
        "InstanceTenancy": "default",
        "OfferingType": "Partial Upfront",
        "FixedPrice": 1000.5,
        "UsagePrice": 0.0,
        "RecurringCharges": [{"Amount": 0.1, "Frequency": "Hourly"}],
        "CurrencyCode": "USD",
        "Duration": YEAR_S,
        "Start": START,
        "End": END,
        "State": "active",
    }
    cloud.answer("ec2:DescribeReservedInstances", {"ReservedInstances": [machine]})
    database = {
        "ReservedDBInstanceArn": "arn:aws:rds:us-east-1:1:ri:d1",
        "DBInstanceClass": "db.r5.large",
        "DBInstanceCount": 1,
        "ProductDescription": "postgresql",
        "OfferingType": "All Upfront",
        "FixedPrice": 5080.8,
        "MultiAZ": False,
        "CurrencyCode": "USD",
        "Duration": YEAR_S,
        "StartTime": START,
        "State": "active",
        "RecurringCharges": [],
    }
    expired = database | {"ReservedDBInstanceArn": "arn:aws:rds:us-east-1:1:ri:d0", "State": "retired"}
    cloud.answer("rds:DescribeReservedDBInstances", {"ReservedDBInstances": [database, expired]})
    node = {
        "ReservedCacheNodeId": "c1",
        "ReservationARN": "arn:aws:elasticache:us-east-1:1:reserved-instance:c1",
        "CacheNodeCount": 3,
        "CacheNodeType": "cache.r5.large",
        "OfferingType": "No Upfront",
        "FixedPrice": 0.0,
        "Duration": YEAR_S,
        "StartTime": START,
        "ProductDescription": "redis",
        "State": "active",
        "RecurringCharges": [{"RecurringChargeAmount": 0.15, "RecurringChargeFrequency": "Hourly"}],
    }
    cloud.answer("elasticache:DescribeReservedCacheNodes", {"ReservedCacheNodes": [node]})
    ends = {"Duration": YEAR_S, "StartTime": START, "FixedPrice": 100.0, "State": "active"}
    memory = {"ARN": "arn:aws:memorydb:us-east-1:1:reservednode/m1", "NodeType": "db.r6g.large", "NodeCount": 2}
    cloud.answer("memorydb:DescribeReservedNodes", {"ReservedNodes": [memory | ends | {"OfferingType": "All Upfront"}]})
    search = {"ReservedInstanceId": "s1", "InstanceType": "r5.large.search", "InstanceCount": 3, "PaymentOption": "ALL_UPFRONT"}
    retired = search | ends | {"ReservedInstanceId": "s2", "State": "retired"}
    first = {"ReservedInstances": [search | ends], "NextToken": "more"}
    cloud.answer(
        "es:DescribeReservedInstances", lambda asked: {"ReservedInstances": [retired]} if "nextToken" in asked else first
    )


def test_commitments_by_the_names_of_the_bill(cloud: Aws, warehouse: Warehouse) -> None:
    answer_commitments(cloud)
    assert fetched(warehouse, source(cloud.url, streams=["commitments"])).failures == ()
    found = {row["commitment_id"]: row for row in rows(warehouse, "select * from commitments")}
    family = found["arn:aws:savingsplans::210987654321:savingsplan/p1"]
    assert (family["instrument"], family["payment"], family["account_id"]) == ("savings_plan_family", "none", "210987654321")
    assert (family["hourly_commitment"], family["upfront"]) == (Decimal("0.96768"), Decimal(0))
    assert json.loads(family["scope"]) == {"family": "m5", "region": "us-east-1", "shared": True}
    assert found["arn:aws:savingsplans::1:savingsplan/p2"]["instrument"] == "savings_plan_compute"
    machine = found["arn:aws:ec2:us-east-1:123456789012:reserved-instances/r1"]
    assert (machine["quantity"], machine["unit"], machine["payment"]) == (2, "Hours", "partial")
    assert (machine["upfront"], machine["recurring"]) == (Decimal("2001"), Decimal("0.2"))  # of both, exactly
    assert json.loads(machine["scope"])["size_flexible"] is True
    assert json.loads(machine["scope"])["family"] == "m5"
    database = found["arn:aws:rds:us-east-1:1:ri:d1"]
    assert (database["payment"], database["upfront"]) == ("all", Decimal("5080.8"))
    assert database["term_end"] == START + timedelta(seconds=YEAR_S)
    assert found["arn:aws:elasticache:us-east-1:1:reserved-instance:c1"]["recurring"] == Decimal("0.45")
    memory = found["arn:aws:memorydb:us-east-1:1:reservednode/m1"]
    assert (memory["payment"], memory["upfront"], memory["quantity"]) == ("all", Decimal(200), 2)
    assert json.loads(memory["scope"])["family"] == "db.r6g"
    search = found["arn:aws:es:us-east-1:123456789012:reserved-instance/s1"]
    assert (search["payment"], search["upfront"], json.loads(search["scope"])["sku"]) == (
        "all",
        Decimal(300),
        "r5.large.search",
    )
    assert len(found) == 7  # what is no longer active is left out


def spot_price(machine: str, when: datetime, amount: str) -> dict[str, Any]:
    zone = {"AvailabilityZone": "us-east-1a", "ProductDescription": "Linux/UNIX"}
    return {"InstanceType": machine, "Timestamp": when, "SpotPrice": amount, **zone}


def test_spot_prices_of_the_families_that_run(cloud: Aws, warehouse: Warehouse) -> None:
    at = NOW - timedelta(days=2)
    prices = [
        spot_price("m5.xlarge", at, "0.0712"),
        spot_price("m5.large", at, "0.0311"),
        spot_price("m5.large", NOW - timedelta(days=99), "9"),
    ]
    cloud.answer("ec2:DescribeSpotPriceHistory", {"SpotPriceHistory": prices})
    assert fetched(warehouse, source(cloud.url, streams=["spot"])).failures == ()
    assert cloud.asked["ec2:DescribeSpotPriceHistory"] == 0  # nothing runs
    later = Warehouse.open(str(warehouse.storage.root / "other"))
    client(cloud.url, "ec2").run_instances(ImageId="ami-03cf127a", InstanceType="m5.xlarge", MinCount=1, MaxCount=1)
    assert fetched(later, source(cloud.url, streams=["spot"])).failures == ()
    (asked,) = [parameters for permission, parameters in cloud.requests if permission == "ec2:DescribeSpotPriceHistory"]
    assert asked["Filter.1.Value.1"] == "m5.*"
    found = rows(later, "select sku, zone, timestamp, price from spot_market order by sku")
    assert [(row["sku"], row["price"]) for row in found] == [("m5.large", Decimal("0.0311")), ("m5.xlarge", Decimal("0.0712"))]
    assert {row["timestamp"] for row in found} == {at}


RECOMMENDED: dict[str, Any] = {
    "recommendationId": "r-1",
    "accountId": "123456789012",
    "region": "us-east-1",
    "resourceArn": "arn:aws:ec2:us-east-1:123456789012:instance/i-1",
    "resourceId": "i-1",
    "currentResourceType": "Ec2Instance",
    "estimatedMonthlySavings": 12.345,
    "currencyCode": "USD",
    "actionType": "Rightsize",
    "currentResourceSummary": "m5.xlarge",
    "recommendedResourceSummary": "m5.large",
    "lastRefreshTimestamp": NOW - timedelta(hours=9),
    "source": "ComputeOptimizer",
}


def test_second_opinions_come_and_go(cloud: Aws, warehouse: Warehouse) -> None:
    advice = source(cloud.url, streams=["advice"])
    cloud.answer("cost-optimization-hub:ListRecommendations", {"items": [RECOMMENDED]})
    assert fetched(warehouse, advice).failures == ()
    (row,) = rows(warehouse, "select * from vendor_recommendations")
    assert (row["vendor"], row["kind"], row["action"]) == ("AWS ComputeOptimizer", "rightsizing", "Resize")
    assert (row["target_setting"], row["saving_monthly"]) == ("m5.large", Decimal("12.345"))
    cloud.answer("cost-optimization-hub:ListRecommendations", {"items": []})
    assert fetched(warehouse, advice).failures == ()
    assert rows(warehouse, "select * from vendor_recommendations") == []
