"""Second opinions where Cost Optimization Hub does not hold the account: Compute Optimizer's and Cost Explorer's own."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.aws.hub import ENROLLED
from finops.config import Source
from finops.live.doctor import Check, examine
from finops.opinions import in_force
from finops.plans import advice_read_at
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.conftest import NOW, SECRET
from tests.live.faults import Fault

ACCOUNT = "123456789012"
ADVISORS = ("optimizer", "explorer")
AT = NOW - timedelta(hours=9)


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{name}"


def saves(value: float | None, after: float | None = None) -> dict[str, Any]:
    """The two estimates of an option, at list price and after discounts."""
    said = {"savingsOpportunity": value, "savingsOpportunityAfterDiscounts": after}
    return {
        name: {"savingsOpportunityPercentage": 10.0, "estimatedMonthlySavings": {"currency": "USD", "value": amount}}
        for name, amount in said.items()
        if amount is not None
    }


def enrol(cloud: Aws, hub: str, optimizer: str = "Active") -> None:
    cloud.answer("cost-optimization-hub:ListEnrollmentStatuses", {"items": [{"accountId": ACCOUNT, "status": hub}]})
    cloud.answer("compute-optimizer:GetEnrollmentStatus", {"status": optimizer, "memberAccountsEnrolled": False})


def machine(name: str, finding: str, *options: dict[str, Any], now: str = "m5.xlarge") -> dict[str, Any]:
    return {
        "instanceArn": arn("ec2", f"instance/{name}"), "accountId": ACCOUNT, "currentInstanceType": now, "finding": finding,
        "recommendationOptions": list(options), "lastRefreshTimestamp": AT,
    }  # fmt: skip


def to(name: str, rank: int, value: float | None, *differences: str) -> dict[str, Any]:
    return {"instanceType": name, "rank": rank, "platformDifferences": list(differences), **saves(value)}


def put_optimizer(cloud: Aws) -> None:
    """Each kind of finding, two pages of machines, and what saves nothing."""
    pages = (
        [
            machine("i-1", "Overprovisioned", to("m5.2xlarge", 2, 1.0), to("m5.large", 1, 70.08)),
            machine("i-2", "Underprovisioned", to("m5.4xlarge", 1, None)),
            machine("i-3", "Optimized", to("m6i.xlarge", 1, 0.0)),
        ],
        [
            machine("i-4", "Optimized", to("m7i.xlarge", 1, 4.5)),
            machine("i-5", "Overprovisioned", to("m7g.large", 1, 80.0, "Architecture", "Hypervisor")),
            machine("i-6", "Overprovisioned", to("t3.nano", 1, 60.0)),
        ],
    )
    cloud.answer(
        "compute-optimizer:GetEC2InstanceRecommendations",
        lambda asked: (
            {"instanceRecommendations": pages[1]}
            if "nextToken" in asked
            else {"instanceRecommendations": pages[0], "nextToken": "more"}
        ),
    )
    idle = {"accountId": ACCOUNT, "lastRefreshTimestamp": AT, "finding": "Idle", "findingDescription": "no traffic"}
    cloud.answer(
        "compute-optimizer:GetIdleRecommendations",
        {
            "idleRecommendations": [
                idle | {"resourceArn": arn("ec2", "instance/i-6"), "resourceType": "EC2Instance", **saves(140.16, 120.0)},
                idle | {"resourceArn": arn("ec2", "volume/vol-1"), "resourceType": "EBSVolume", "finding": "Unattached",
                        **saves(8.0)},
            ]
        },
    )  # fmt: skip
    volume = {"volumeType": "gp2", "volumeSize": 100, "volumeBaselineIOPS": 300}
    better = {"volumeType": "gp3", "volumeSize": 100, "volumeBaselineIOPS": 3000, "volumeBaselineThroughput": 125}
    cloud.answer(
        "compute-optimizer:GetEBSVolumeRecommendations",
        {
            "volumeRecommendations": [
                {
                    "volumeArn": arn("ec2", f"volume/{name}"), "accountId": ACCOUNT, "finding": "NotOptimized",
                    "currentConfiguration": volume, "lastRefreshTimestamp": AT,
                    "volumeRecommendationOptions": [{"configuration": better, "rank": 1, **saves(2.0)}],
                }
                for name in ("vol-1", "vol-2")
            ]
        },
    )  # fmt: skip
    function = {"rank": 1, "memorySize": 512, **saves(3.25)}
    cloud.answer(
        "compute-optimizer:GetLambdaFunctionRecommendations",
        {
            "lambdaFunctionRecommendations": [
                {
                    "functionArn": arn("lambda", "function:resize:$LATEST"), "accountId": ACCOUNT, "currentMemorySize": 1024,
                    "finding": "NotOptimized", "memorySizeRecommendationOptions": [function], "lastRefreshTimestamp": AT,
                }
            ]
        },
    )  # fmt: skip
    sizes = {"desiredCapacity": 2, "minSize": 2, "maxSize": 2}
    cloud.answer(
        "compute-optimizer:GetAutoScalingGroupRecommendations",
        {
            "autoScalingGroupRecommendations": [
                {
                    "autoScalingGroupArn": arn("autoscaling", "autoScalingGroup:u:autoScalingGroupName/web"),
                    "accountId": ACCOUNT, "finding": "NotOptimized", "lastRefreshTimestamp": AT,
                    "currentConfiguration": {"instanceType": "c5.2xlarge", **sizes},
                    "recommendationOptions": [
                        {"configuration": {"instanceType": "c5.large", **sizes}, "rank": 1, **saves(99.0)}
                    ],
                }
            ]
        },
    )  # fmt: skip
    cloud.answer(
        "compute-optimizer:GetECSServiceRecommendations",
        {
            "ecsServiceRecommendations": [
                {
                    "serviceArn": arn("ecs", "service/prod/api"), "accountId": ACCOUNT, "finding": "Overprovisioned",
                    "currentServiceConfiguration": {"cpu": 1024, "memory": 4096}, "launchType": "Fargate",
                    "serviceRecommendationOptions": [{"cpu": 512, "memory": 1024, **saves(20.0)}], "lastRefreshTimestamp": AT,
                }
            ]
        },
    )  # fmt: skip
    cloud.answer(
        "compute-optimizer:GetRDSDatabaseRecommendations",
        {
            "rdsDBRecommendations": [
                {
                    "resourceArn": arn("rds", "db:catalog"), "accountId": ACCOUNT, "engine": "postgres",
                    "currentDBInstanceClass": "db.r5.xlarge", "instanceFinding": "Overprovisioned",
                    "currentStorageConfiguration": {"storageType": "gp2", "allocatedStorage": 100},
                    "instanceRecommendationOptions": [{"dbInstanceClass": "db.r5.large", "rank": 1, **saves(182.5)}],
                    "storageFinding": "NotOptimized", "lastRefreshTimestamp": AT,
                    "storageRecommendationOptions": [
                        {"storageConfiguration": {"storageType": "gp3", "allocatedStorage": 100}, "rank": 1, **saves(1.5)}
                    ],
                }
            ]
        },
    )  # fmt: skip


def put_explorer(cloud: Aws) -> None:
    """Reservations of machines and searches, a plan on two pages, and machines that are too large."""
    generated = {"Metadata": {"GenerationTimestamp": "2026-10-31T15:20:57Z", "RecommendationId": "r"}}
    cloud.answer(
        "ce:GetReservationPurchaseRecommendation",
        lambda asked: {**generated, "Recommendations": [{"RecommendationDetails": RESERVATIONS.get(asked["Service"], [])}]},
    )
    cloud.answer("ce:GetSavingsPlansPurchaseRecommendation", lambda asked: {**generated, **_plans(asked)})
    cloud.answer(
        "ce:GetRightsizingRecommendation",
        {**generated, "RightsizingRecommendations": [_sized(ACCOUNT, "i-1"), _sized("210987654321", "i-7")]},
    )


def _plans(asked: dict[str, Any]) -> dict[str, Any]:
    if asked["SavingsPlansType"] != "COMPUTE_SP":
        return {"SavingsPlansPurchaseRecommendation": {}}
    second = "NextPageToken" in asked
    detail = {
        "AccountId": ACCOUNT, "CurrencyCode": "USD", "HourlyCommitmentToPurchase": "0.250" if second else "1.5",
        "EstimatedMonthlySavingsAmount": "40.25" if second else "210.5", "EstimatedAverageUtilization": "99.1",
    }  # fmt: skip
    found = {"SavingsPlansPurchaseRecommendationDetails": [detail], "SavingsPlansType": "COMPUTE_SP"}
    return {"SavingsPlansPurchaseRecommendation": found} | ({} if second else {"NextPageToken": "more"})


RESERVATIONS: dict[str, list[dict[str, Any]]] = {
    "Amazon Elastic Compute Cloud - Compute": [
        {
            "AccountId": ACCOUNT, "CurrencyCode": "USD", "EstimatedMonthlySavingsAmount": "55.5",
            "RecommendedNumberOfInstancesToPurchase": "2.0",
            "InstanceDetails": {
                "EC2InstanceDetails": {"InstanceType": "m5.large", "Region": "us-east-1", "Platform": "Linux/UNIX"}
            },
        }
    ],
    "Amazon Elasticsearch Service": [
        {
            "AccountId": ACCOUNT, "CurrencyCode": "USD", "EstimatedMonthlySavingsAmount": "12",
            "RecommendedNumberOfInstancesToPurchase": "1",
            "InstanceDetails": {"ESInstanceDetails": {"InstanceClass": "r5", "InstanceSize": "large", "Region": "eu-west-1"}},
        }
    ],
}  # fmt: skip


def _sized(account: str, name: str) -> dict[str, Any]:
    now = {"EC2ResourceDetails": {"InstanceType": "m5.xlarge", "Region": "US East (N. Virginia)"}}

    def target(size: str, saved: str, *, first: bool) -> dict[str, Any]:
        details = {"EC2ResourceDetails": {"InstanceType": size}}
        return {
            "EstimatedMonthlySavings": saved, "CurrencyCode": "USD", "DefaultTargetInstance": first, "ResourceDetails": details
        }  # fmt: skip

    return {
        "AccountId": account,
        "CurrentInstance": {"ResourceId": name, "ResourceDetails": now, "MonthlyCost": "140.16"},
        "RightsizingType": "MODIFY",
        "ModifyRecommendationDetail": {
            "TargetInstances": [target("m5.2xlarge", "1.0", first=False), target("m5.large", "65.0", first=True)]
        },
    }


def held(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    found = rows(warehouse, "select * from vendor_recommendations")
    return {
        f"{row['resource_id'] or row['target_setting']} {row['kind']}": (
            row["action"], row["current_setting"], row["target_setting"], row["saving_monthly"],
        )
        for row in found
    }  # fmt: skip


def test_compute_optimizer_is_read_where_the_hub_does_not_hold_the_account(cloud: Aws, warehouse: Warehouse) -> None:
    enrol(cloud, "Inactive")
    put_optimizer(cloud)
    assert fetched(warehouse, source(cloud.url, streams=["advice", "optimizer"])).failures == ()
    assert cloud.asked["cost-optimization-hub:ListRecommendations"] == 0
    assert cloud.asked["cost-optimization-hub:ListEnrollmentStatuses"] == 1  # three streams ask one question
    assert cloud.asked["compute-optimizer:GetRDSDatabaseRecommendations"] == 1  # its two kinds of advice are one list
    gp3 = "gp3 100 GiB 3000 IOPS 125 MiB/s"
    assert held(warehouse) == {
        f"{arn('ec2', 'instance/i-1')} rightsizing": ("Resize", "m5.xlarge", "m5.large", Decimal("70.08")),
        f"{arn('ec2', 'instance/i-4')} modernize": ("Resize", "m5.xlarge", "m7i.xlarge", Decimal("4.5")),
        f"{arn('ec2', 'instance/i-5')} modernize": ("Resize", "m5.xlarge", "m7g.large", Decimal(80)),
        f"{arn('ec2', 'instance/i-6')} idle": ("Stop", "Idle", "no traffic", Decimal(120)),  # after discounts, and once
        f"{arn('ec2', 'volume/vol-1')} idle": ("Delete", "Unattached", "no traffic", Decimal(8)),
        f"{arn('ec2', 'volume/vol-2')} modernize": ("Resize", "gp2 100 GiB 300 IOPS", gp3, Decimal(2)),
        f"{arn('lambda', 'function:resize:$LATEST')} rightsizing": ("Resize", "1024 MB", "512 MB", Decimal("3.25")),
        f"{arn('autoscaling', 'autoScalingGroup:u:autoScalingGroupName/web')} rightsizing": (
            "Resize", "c5.2xlarge", "c5.large", Decimal(99),
        ),
        f"{arn('ecs', 'service/prod/api')} rightsizing": (
            "Resize", "1024 CPU units, 4096 MiB", "512 CPU units, 1024 MiB", Decimal(20),
        ),
        f"{arn('rds', 'db:catalog')} rightsizing": ("Resize", "db.r5.xlarge", "db.r5.large", Decimal("182.5")),
        f"{arn('rds', 'db:catalog')} modernize": ("Resize", "gp2 100 GiB", "gp3 100 GiB", Decimal("1.5")),
    }  # fmt: skip
    said = rows(warehouse, "select distinct vendor, account_id, region, currency, observed_at from vendor_recommendations")
    assert [tuple(row.values()) for row in said] == [("AWS ComputeOptimizer", ACCOUNT, "us-east-1", "USD", AT)]


def test_cost_explorer_is_read_and_its_requests_are_charged(cloud: Aws, warehouse: Warehouse) -> None:
    enrol(cloud, "Inactive")
    put_explorer(cloud)
    report = fetched(warehouse, source(cloud.url, streams=["explorer"]))
    assert report.failures == ()
    sized = ("Resize", "m5.xlarge", "m5.large", Decimal(65))
    assert held(warehouse) == {
        "2 × m5.large Linux/UNIX 1y no upfront commitments": (
            "Commit", "m5.large", "2 × m5.large Linux/UNIX 1y no upfront", Decimal("55.5"),
        ),
        "1 × r5.large 1y no upfront commitments": ("Commit", "r5.large", "1 × r5.large 1y no upfront", Decimal(12)),
        "savings plan 1.5 USD an hour 1y no upfront commitments": (
            "Commit", "COMPUTE_SP", "savings plan 1.5 USD an hour 1y no upfront", Decimal("210.5"),
        ),
        "savings plan 0.25 USD an hour 1y no upfront commitments": (
            "Commit", "COMPUTE_SP", "savings plan 0.25 USD an hour 1y no upfront", Decimal("40.25"),
        ),
        "i-7 rightsizing": sized,  # i-1 is of an account that Compute Optimizer itself is asked about
    }  # fmt: skip
    assert str(report.api.estimated[0]) == "0.10 USD"  # five services, four types of plan, machines
    assert str(report.api.spent[0]) == "0.11 USD"  # and a second page
    (region,) = rows(warehouse, "select region from vendor_recommendations where resource_id = 'i-7'")
    assert region["region"] == "us-east-1"
    enrol(cloud, "Inactive", optimizer="Inactive")
    assert fetched(warehouse, source(cloud.url, streams=["explorer"])).failures == ()
    assert held(warehouse)["i-1 rightsizing"] == sized


def test_once_the_hub_holds_the_account_it_is_the_one_source(cloud: Aws, warehouse: Warehouse) -> None:
    put_optimizer(cloud)
    put_explorer(cloud)
    item = {
        "recommendationId": "r-1", "resourceArn": arn("ec2", "instance/i-1"), "actionType": "Rightsize",
        "source": "ComputeOptimizer", "accountId": ACCOUNT, "currentResourceSummary": "m5.xlarge",
        "recommendedResourceSummary": "m5.large", "estimatedMonthlySavings": 70.08, "currencyCode": "USD",
    }  # fmt: skip
    cloud.answer("cost-optimization-hub:ListRecommendations", {"items": [item]})
    every = source(cloud.url, streams=["advice", *ADVISORS])
    enrol(cloud, "Inactive")
    assert fetched(warehouse, every).failures == ()
    assert len(held(warehouse)) == 16
    enrol(cloud, "Active")
    cloud.asked.clear()
    report = fetched(warehouse, every)
    assert report.failures == ()
    assert [name for name in cloud.asked if name.startswith(("compute-optimizer:", "ce:"))] == []
    assert held(warehouse) == {
        f"{arn('ec2', 'instance/i-1')} rightsizing": ("Resize", "m5.xlarge", "m5.large", Decimal("70.08"))
    }
    # said in finops.toml: nobody is asked whether the account is enrolled
    cloud.asked.clear()
    by_choice = source(cloud.url, streams=["advice", *ADVISORS], advice_from="advisors")
    assert fetched(warehouse, by_choice).failures == ()
    assert len(held(warehouse)) == 16
    assert (
        cloud.asked["cost-optimization-hub:ListEnrollmentStatuses"]
        == cloud.asked["cost-optimization-hub:ListRecommendations"]
        == 0
    )
    by_choice.settings["advice_from"] = "hub"
    assert fetched(warehouse, by_choice).failures == ()
    assert len(held(warehouse)) == 1


def test_who_has_not_opted_in_has_no_opinions_and_a_doctor_says_how(cloud: Aws, warehouse: Warehouse) -> None:
    enrol(cloud, "Inactive", optimizer="Inactive")
    refusal = "Rightsizing EC2 recommendation is an opt-in only feature. You can enable this feature from the PAYER account"
    cloud.fail("ce:GetRightsizingRecommendation", *[Fault(400, "AccessDeniedException", refusal)] * 2)
    advisors = source(cloud.url, streams=ADVISORS)
    assert fetched(warehouse, advisors).failures == ()
    assert held(warehouse) == {}
    assert cloud.asked["compute-optimizer:GetEC2InstanceRecommendations"] == 0
    checks = {check.permission: check for check in examine([advisors], lambda _: None)}
    assert checks["compute-optimizer:GetEnrollmentStatus"].status == "ok"
    assert "update-enrollment-status" in checks["compute-optimizer:GetEC2InstanceRecommendations"].detail
    assert (checks["ce:GetRightsizingRecommendation"].status, refusal in checks["ce:GetRightsizingRecommendation"].detail) == (
        "untried", True,
    )  # fmt: skip
    assert {check.status for check in checks.values()} == {"ok", "untried"}
    enrol(cloud, "Active")
    unneeded = examine([advisors], lambda _: None)
    assert {check.detail for check in unneeded if check.status == "untried"} == {"Cost Optimization Hub gives these"}


def test_an_advisor_that_is_denied_or_no_longer_opted_in_is_said(cloud: Aws, warehouse: Warehouse) -> None:
    enrol(cloud, "Inactive")
    put_optimizer(cloud)
    advisors = source(cloud.url, streams=ADVISORS)
    assert fetched(warehouse, advisors).failures == ()
    before = held(warehouse)
    permissions = ("compute-optimizer:GetEBSVolumeRecommendations", "ce:GetSavingsPlansPurchaseRecommendation")
    for permission in permissions:
        cloud.fail(permission, *[Fault(400, "AccessDeniedException", f"with {SECRET} you may not")] * 9)
    report = fetched(warehouse, advisors)
    for permission, said in zip(permissions, report.failures, strict=True):
        assert f"allow `{permission}`" in said
    assert SECRET not in repr(report)
    assert held(warehouse) == before
    cloud.faults.clear()
    cloud.fail(permissions[0], *[Fault(400, "OptInRequiredException", "Account is not enrolled in the service")] * 9)
    (check,) = [check for check in examine([advisors], lambda _: None) if check.permission == permissions[0]]
    cloud.faults.clear()
    assert (check.status, "Account is not enrolled" in check.detail) == ("untried", True)


def test_the_policy_lets_compute_optimizer_show_what_it_speaks_of() -> None:
    """ "To view recommendations for EC2 instances, an IAM user requires `ec2:DescribeInstances`" and so on for each kind
    (Compute Optimizer User Guide, security-iam, read 2026-11-27). We call none of them for it."""
    from finops.live.doctor import shipped

    (views,) = [s for s in json.loads(shipped("aws", "permissions"))["Statement"] if s["Sid"] == "optimizerViews"]
    assert views["Action"] == [
        "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "ec2:DescribeInstances",
        "ec2:DescribeVolumes", "ecs:ListClusters", "ecs:ListServices", "lambda:ListFunctions",
        "lambda:ListProvisionedConcurrencyConfigs", "rds:DescribeDBClusters", "rds:DescribeDBInstances",
    ]  # fmt: skip


def test_a_denied_question_stops_only_who_cannot_be_read(cloud: Aws, warehouse: Warehouse) -> None:
    put_optimizer(cloud)
    put_explorer(cloud)
    enrol(cloud, "Active")
    asks, reads = ENROLLED, "cost-optimization-hub:ListRecommendations"
    every = source(cloud.url, streams=["advice", *ADVISORS])
    denied = Fault(403, "AccessDeniedException")
    for operation in (asks, reads):
        cloud.fail(operation, *[denied] * 2)
    (failure,) = fetched(warehouse, every).failures
    assert f"aws advice: us-east-1: {asks} is denied" in failure
    assert cloud.asked[asks] == 1
    assert len(held(warehouse)) == 16
    checks = {check.permission: check.status for check in _examined(cloud, every, denied, asks, reads)}
    assert (checks[asks], checks[reads], checks["ce:GetReservationPurchaseRecommendation"]) == ("missing", "missing", "ok")

    item = {"recommendationId": "r-1", "actionType": "Stop", "source": "ComputeOptimizer", "resourceId": "i-9"}
    for items, findings in (([item], 1), ([], 16)):  # a hub that gives something is the source of all
        cloud.answer(reads, {"items": items})
        cloud.fail(asks, denied)
        assert fetched(warehouse, every).failures == ()
        assert len(held(warehouse)) == findings

    cloud.answer(reads, {"items": [item]})
    assert fetched(warehouse, every).failures == ()
    for operation in (asks, reads):  # both are withdrawn: what the hub gave is there still, and no opinion
        cloud.fail(operation, *[denied] * 2)
    assert len(fetched(warehouse, every).failures) == 1
    with warehouse.reader() as reader:
        kept, _ = in_force(reader.rows("select * from vendor_recommendations"), advice_read_at(reader), NOW.date())
    assert (len(held(warehouse)), len(kept), {row["x_source"].split("/")[1] for row in kept}) == (17, 16, set(ADVISORS))


def _examined(cloud: Aws, every: Source, denied: Fault, *operations: str) -> list[Check]:
    for operation in operations:
        cloud.faults[operation] = [denied] * 9
    found = list(examine([every], lambda _: None))
    cloud.faults.clear()
    return found
