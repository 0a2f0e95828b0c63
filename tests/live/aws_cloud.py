"""AWS as the contract suite sees it: the emulator, behind the server that holds requests against the services' descriptions.

Operations are permissions, as policies name them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from typing import Any

import botocore.session

from connectors.aws.hub import ENROLLED
from connectors.aws.optimizer import ADVICES, IDLE
from connectors.aws.resources_data import DATA
from connectors.aws.resources_ec2 import EC2
from connectors.aws.resources_services import SERVICES
from connectors.aws.session import action
from finops.config import Source
from finops.connect import Part
from finops.plugins import connectors
from tests.live import test_advisors_live as advisors
from tests.live.aws_company import BUCKET, client, put_export, source
from tests.live.aws_contract import Aws
from tests.live.aws_estate import LISTS, put_advisor, put_export_few, put_lists, put_metrics, put_resources
from tests.live.aws_list import serve
from tests.live.cloud import Cloud, Looping
from tests.live.conftest import KEY_ID, NOW, SECRET
from tests.live.faults import Fault
from tests.live.test_benefits_live import serve as serve_benefits
from tests.live.test_costs_live import page as spent_by_kind
from tests.live.test_prices_live import machine
from tests.live.test_purchases_live import RECOMMENDED, answer_commitments, spot_price

KINDS = {kind.name: kind for kind in (*EC2, *SERVICES, *DATA)}
ADVISORS = (("optimizer",), ("explorer",))
PAGED = (
    "cloudwatch", "ec2", "rds", "sagemaker", "lambda", "elbv2", "autoscaling", "eks", "ecr", "redshift", "elasticache",
    "application-autoscaling", "cost-optimization-hub", "pricing", "dynamodb", "bedrock", "memorydb", "opensearch", "kafka",
)  # fmt: skip
ONE_PAGE = frozenset(
    (
        *(f"ec2:{name}" for name in ("DescribeRegions", "DescribeAddresses", "DescribeReservedInstances")),
        *(f"elasticloadbalancing:{name}" for name in ("DescribeTags", "DescribeTargetHealth")),
        *(f"sagemaker:{name}" for name in ("DescribeEndpoint", "DescribeEndpointConfig")),
        *(f"eks:{name}" for name in ("DescribeCluster", "DescribeNodegroup")),
        *(f"s3:{name}" for name in ("GetBucketLocation", "GetLifecycleConfiguration", "GetBucketObjectLockConfiguration")),
        *(f"s3:{name}" for name in ("GetBucketVersioning", "GetBucketTagging", "GetObject")),
        "dynamodb:DescribeTable",
        "compute-optimizer:GetEnrollmentStatus",
    )
)


@cache
def pagination() -> dict[str, tuple[str, str]]:
    """Permission → (token of the answer, its list), of every operation that botocore pages, and of those that it does not."""
    loader = botocore.session.get_session().get_component("data_loader")
    found = {
        "ce:GetCostAndUsage": ("NextPageToken", "ResultsByTime"),
        "ce:GetReservationUtilization": ("NextPageToken", "UtilizationsByTime"),
        "ce:GetSavingsPlansUtilizationDetails": ("NextToken", "SavingsPlansUtilizationDetails"),
        "ce:GetReservationPurchaseRecommendation": ("NextPageToken", "Recommendations"),
        "ce:GetRightsizingRecommendation": ("NextPageToken", "RightsizingRecommendations"),
        "ce:GetSavingsPlansPurchaseRecommendation": ("NextPageToken", ""),
        "savingsplans:DescribeSavingsPlans": ("nextToken", "savingsPlans"),
        "savingsplans:DescribeSavingsPlansOfferingRates": ("nextToken", "searchResults"),
        "es:DescribeReservedInstances": ("NextToken", "ReservedInstances"),
        "s3:ListBucket": ("NextContinuationToken", ""),
        "s3:ListAllMyBuckets": ("ContinuationToken", "Buckets"),
        **{f"compute-optimizer:{advice.operation}": ("nextToken", advice.field) for advice in ADVICES},
        f"compute-optimizer:{IDLE[0]}": ("nextToken", IDLE[1]),
    }
    for service in PAGED:
        for operation, page in loader.load_service_model(service, "paginators-1")["pagination"].items():
            if isinstance(page["output_token"], str):
                result = page["result_key"] if isinstance(page["result_key"], str) else page["result_key"][0]
                found.setdefault(action(service, operation), (page["output_token"], result))
    return found


def _loops(aws: Aws) -> dict[str, Looping]:
    def begin(permission: str) -> Callable[[], None]:
        kept = list(aws.answers.get(permission, ()))
        field, result = pagination()[permission]
        aws.answer(permission, {field: "again", **({result: []} if result else {})})
        return lambda: aws.answers.__setitem__(permission, kept)

    return dict.fromkeys(pagination(), begin)


def _asks(part: Part, permission: str) -> bool:
    """Of the inventory, a part a kind of thing says which permissions it takes."""
    kind = part.handle[2] if isinstance(part.handle, tuple) and len(part.handle) == 3 else None
    return not isinstance(kind, str) or kind not in KINDS or permission in KINDS[kind].permissions or permission in ASKED_FIRST


ASKED_FIRST = ("ec2:DescribeRegions",)


def _aws(aws: Aws) -> Cloud:
    def make(*streams: str, **settings: Any) -> Source:
        if not any(json.dumps(each).find("again") > 0 for each in aws.answers.get(ENROLLED, ()) if isinstance(each, dict)):
            enrolled = {"accountId": advisors.ACCOUNT, "status": "Inactive" if streams in ADVISORS else "Active"}
            aws.answer(ENROLLED, {"items": [enrolled]})
        exports = [] if streams == ("costs",) else [f"s3://{BUCKET}"]
        given = {"streams": streams, "exports": exports, "inventories": [f"s3://{LISTS}/listings"], "history_days": 40}
        return source(aws.url, **{**given, **settings})

    return Cloud(
        connector=connectors()["aws"],
        make=make,
        servers={"": aws},
        secrets=lambda: (SECRET, KEY_ID),
        denial=Fault(403, "AccessDenied", f"User: arn:aws:iam::1:user/{KEY_ID} with {SECRET} is not authorized"),
        skewed=Fault(403, "RequestTimeTooSkewed", "The difference between the request time and ours is too large"),
        loops=_loops(aws),
        one_page=ONE_PAGE,
        optional=frozenset((ENROLLED,)),
        sign_in=frozenset(("sts:GetCallerIdentity",)),
        about=_asks,
    )


@contextmanager
def aws_whole(aws: Aws, stream: str | None) -> Iterator[Cloud]:
    """What the stream reads; everything where there is none."""
    for name, put in PUT.items():
        if stream in (None, name):
            put(aws)
    aws.forget()
    yield _aws(aws)


@contextmanager
def aws_nothing(aws: Aws, stream: str) -> Iterator[Cloud]:
    """An export of a month that nobody asks for, and a folder of lists without one."""
    if stream == "billing":
        put_export(aws.url, ("2026-08",))
    if stream == "objects":
        s3 = client(aws.url, "s3")
        s3.create_bucket(Bucket=LISTS)
        s3.put_object(Bucket=LISTS, Key="listings/readme", Body=b"")
    aws.answer("ec2:DescribeSnapshots", {"Snapshots": []})  # the emulator has those of its images, whoever owns them
    yield _aws(aws)


def _spent(asked: dict[str, Any]) -> dict[str, Any]:
    """Three days, by the groups that are asked for."""
    found = spent_by_kind([date(2026, 10, day) for day in (29, 30, 31)])
    for day in found["ResultsByTime"]:
        if len(asked.get("GroupBy", ())) == 1:
            day["Groups"] = [{**day["Groups"][0], "Keys": ["Amazon Elastic Compute Cloud - Compute"]}]
    return found


def _machine(aws: Aws) -> None:
    client(aws.url, "ec2").run_instances(ImageId="ami-03cf127a", InstanceType="m5.xlarge", MinCount=1, MaxCount=1)


def _spot(aws: Aws) -> None:
    _machine(aws)
    aws.answer("ec2:DescribeSpotPriceHistory", {"SpotPriceHistory": [spot_price("m5.large", NOW - timedelta(days=2), "0.03")]})


def _things(aws: Aws) -> None:
    put_resources(aws.url)
    pools = {"prod": ["cpu"]}  # the emulator breaks on a cluster that is not there
    aws.answer("eks:ListNodegroups", lambda asked: {"nodegroups": pools.get(asked["name"], [])})


def _bands(aws: Aws) -> None:
    _machine(aws)
    put_advisor(aws.url, {"m5.xlarge": 0, "m5.2xlarge": 2})


PUT: dict[str, Callable[[Aws], Any]] = {
    "billing": lambda aws: put_export_few(aws.url),
    "costs": lambda aws: aws.answer("ce:GetCostAndUsage", _spent),
    "totals": lambda aws: aws.answer("ce:GetCostAndUsage", _spent),
    "utilization": lambda aws: put_metrics(aws.url),
    "inventory": _things,
    "objects": lambda aws: put_lists(aws.url),
    "commitments": answer_commitments,
    "prices": lambda aws: serve(aws, [machine("m5.xlarge", "0.192")]),
    "benefits": lambda aws: serve_benefits(aws, {"arn:aws:savingsplans::1:savingsplan/p": 80.0}, {"arn:aws:ec2:x:1:r/1": 90.0}),
    "bands": _bands,
    "spot": _spot,
    "advice": lambda aws: aws.answer("cost-optimization-hub:ListRecommendations", {"items": [RECOMMENDED]}),
    "optimizer": advisors.put_optimizer,
    "explorer": advisors.put_explorer,
}
