"""The smallest read-only call that needs a permission, for `finops doctor`.

Some take the name of a thing: one that is not there is asked for, and AWS says so to whoever may ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.aws import hub, optimizer
from connectors.aws.benefits import RESERVED
from connectors.aws.brokers import LIST_CLUSTERS
from connectors.aws.explorer import EXPLORER, MACHINES, PLANS, TERMS
from connectors.aws.exports import first_manifest, location
from connectors.aws.failures import OptInError
from connectors.aws.objects import newest_lists
from connectors.aws.session import Connection
from connectors.aws.spot import SPOT_BANDS, advisor
from finops.errors import AccessError, RetriableError, SourceError

ABSENT = "finops-doctor-absent"
HOUR = {"StartTime": datetime(2026, 1, 1, tzinfo=UTC), "EndTime": datetime(2026, 1, 1, 1, tzinfo=UTC)}
DAY = {"Start": "2026-01-01", "End": "2026-01-02"}
REGIONS = "ec2:DescribeRegions"
METRIC = {"Metric": {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization"}, "Period": 3600, "Stat": "Average"}
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/finops-doctor-absent/0123456789abcdef"

CALLS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "ce:GetCostAndUsage": (
        "ce",
        "GetCostAndUsage",
        {
            "TimePeriod": DAY,
            "Granularity": "MONTHLY",
            "Metrics": ["UnblendedCost"],
        },
    ),
    "ce:GetReservationUtilization": ("ce", "GetReservationUtilization", {"TimePeriod": DAY}),
    "ce:GetSavingsPlansUtilizationDetails": ("ce", "GetSavingsPlansUtilizationDetails", {"TimePeriod": DAY}),
    "cloudwatch:ListMetrics": ("cloudwatch", "ListMetrics", {"Namespace": "AWS/EC2"}),
    "cloudwatch:GetMetricData": (
        "cloudwatch",
        "GetMetricData",
        {"MetricDataQueries": [{"Id": "m0", "MetricStat": METRIC}], **HOUR},
    ),
    LIST_CLUSTERS: ("kafka", "ListClustersV2", {"MaxResults": 1}),
    "ec2:DescribeRegions": ("ec2", "DescribeRegions", {}),
    "ec2:DescribeInstances": ("ec2", "DescribeInstances", {"MaxResults": 5}),
    "ec2:DescribeInstanceTypes": ("ec2", "DescribeInstanceTypes", {"InstanceTypes": ["m5.large"]}),
    "ec2:DescribeVolumes": ("ec2", "DescribeVolumes", {"MaxResults": 5}),
    "ec2:DescribeSnapshots": ("ec2", "DescribeSnapshots", {"OwnerIds": ["self"], "MaxResults": 5}),
    "ec2:DescribeImages": ("ec2", "DescribeImages", {"Owners": ["self"]}),
    "ec2:DescribeAddresses": ("ec2", "DescribeAddresses", {}),
    "ec2:DescribeNatGateways": ("ec2", "DescribeNatGateways", {"MaxResults": 5}),
    "autoscaling:DescribeAutoScalingGroups": ("autoscaling", "DescribeAutoScalingGroups", {"MaxRecords": 1}),
    "autoscaling:DescribePolicies": ("autoscaling", "DescribePolicies", {"MaxRecords": 1}),
    "rds:DescribeDBInstances": ("rds", "DescribeDBInstances", {"MaxRecords": 20}),
    "lambda:ListFunctions": ("lambda", "ListFunctions", {"MaxItems": 1}),
    "elasticloadbalancing:DescribeLoadBalancers": ("elbv2", "DescribeLoadBalancers", {"PageSize": 1}),
    "elasticloadbalancing:DescribeTargetGroups": ("elbv2", "DescribeTargetGroups", {"PageSize": 1}),
    "elasticloadbalancing:DescribeTargetHealth": ("elbv2", "DescribeTargetHealth", {"TargetGroupArn": GROUP}),
    "elasticloadbalancing:DescribeTags": ("elbv2", "DescribeTags", {"ResourceArns": [GROUP]}),
    "sagemaker:ListEndpoints": ("sagemaker", "ListEndpoints", {"MaxResults": 1}),
    "sagemaker:DescribeEndpoint": ("sagemaker", "DescribeEndpoint", {"EndpointName": ABSENT}),
    "sagemaker:DescribeEndpointConfig": ("sagemaker", "DescribeEndpointConfig", {"EndpointConfigName": ABSENT}),
    "sagemaker:ListNotebookInstances": ("sagemaker", "ListNotebookInstances", {"MaxResults": 1}),
    "application-autoscaling:DescribeScalableTargets": (
        "application-autoscaling",
        "DescribeScalableTargets",
        {"ServiceNamespace": "sagemaker"},
    ),
    "eks:ListClusters": ("eks", "ListClusters", {"maxResults": 1}),
    "eks:DescribeCluster": ("eks", "DescribeCluster", {"name": ABSENT}),
    "eks:ListNodegroups": ("eks", "ListNodegroups", {"clusterName": ABSENT}),
    "eks:DescribeNodegroup": ("eks", "DescribeNodegroup", {"clusterName": ABSENT, "nodegroupName": ABSENT}),
    "ecr:DescribeRepositories": ("ecr", "DescribeRepositories", {"maxResults": 1}),
    "elasticache:DescribeCacheClusters": ("elasticache", "DescribeCacheClusters", {"MaxRecords": 20}),
    "dynamodb:ListTables": ("dynamodb", "ListTables", {"Limit": 1}),
    "dynamodb:DescribeTable": ("dynamodb", "DescribeTable", {"TableName": ABSENT}),
    "sagemaker:ListSpaces": ("sagemaker", "ListSpaces", {"MaxResults": 1}),
    "sagemaker:ListApps": ("sagemaker", "ListApps", {"MaxResults": 1}),
    "bedrock:ListProvisionedModelThroughputs": ("bedrock", "ListProvisionedModelThroughputs", {"maxResults": 1}),
    "redshift:DescribeClusters": ("redshift", "DescribeClusters", {"MaxRecords": 20}),
    "savingsplans:DescribeSavingsPlans": ("savingsplans", "DescribeSavingsPlans", {"maxResults": 1}),
    "savingsplans:DescribeSavingsPlansOfferingRates": ("savingsplans", "DescribeSavingsPlansOfferingRates", {"maxResults": 1}),
    "pricing:GetProducts": ("pricing", "GetProducts", {"ServiceCode": "AmazonEC2", "MaxResults": 1}),
    "ec2:DescribeReservedInstances": ("ec2", "DescribeReservedInstances", {}),
    "rds:DescribeReservedDBInstances": ("rds", "DescribeReservedDBInstances", {"MaxRecords": 20}),
    "elasticache:DescribeReservedCacheNodes": ("elasticache", "DescribeReservedCacheNodes", {"MaxRecords": 20}),
    "redshift:DescribeReservedNodes": ("redshift", "DescribeReservedNodes", {"MaxRecords": 20}),
    "memorydb:DescribeReservedNodes": ("memorydb", "DescribeReservedNodes", {"MaxResults": 20}),
    "es:DescribeReservedInstances": ("opensearch", "DescribeReservedInstances", {"MaxResults": 1}),
    "ec2:DescribeSpotPriceHistory": ("ec2", "DescribeSpotPriceHistory", {"MaxResults": 5, **HOUR}),
    "cost-optimization-hub:ListRecommendations": ("cost-optimization-hub", "ListRecommendations", {"maxResults": 1}),
    hub.ENROLLED: ("cost-optimization-hub", "ListEnrollmentStatuses", {}),
    optimizer.STATUS: ("compute-optimizer", "GetEnrollmentStatus", {}),
    **{f"compute-optimizer:{name}": ("compute-optimizer", name, {}) for name in optimizer.OPERATIONS},
    "ce:GetReservationPurchaseRecommendation": (
        "ce",
        "GetReservationPurchaseRecommendation",
        {"Service": RESERVED[0], **TERMS},
    ),
    "ce:GetSavingsPlansPurchaseRecommendation": (
        "ce",
        "GetSavingsPlansPurchaseRecommendation",
        {"SavingsPlansType": PLANS[0], **TERMS},
    ),
    "ce:GetRightsizingRecommendation": ("ce", "GetRightsizingRecommendation", {"Service": MACHINES, "PageSize": 1}),
    "s3:ListAllMyBuckets": ("s3", "ListBuckets", {}),
}
"""Permission → service, operation, parameters."""

OF_A_BUCKET = {
    "s3:GetBucketLocation": "GetBucketLocation",
    "s3:GetLifecycleConfiguration": "GetBucketLifecycleConfiguration",
    "s3:GetBucketObjectLockConfiguration": "GetObjectLockConfiguration",
    "s3:GetBucketVersioning": "GetBucketVersioning",
    "s3:GetBucketTagging": "GetBucketTagging",
}
"""Permission → operation, which is asked of the account's first bucket: S3 names no permission of an absent one."""

PERMISSIONS = frozenset((*CALLS, *OF_A_BUCKET, "s3:ListBucket", "s3:GetObject"))


OF_THE_HUB = frozenset(hub.ADVICE.permissions) - {hub.ENROLLED}
OF_ITS_ADVISORS = (frozenset(optimizer.OPTIMIZER.permissions) | frozenset(EXPLORER.permissions)) - {hub.ENROLLED, REGIONS}
OPT_IN = "aws compute-optimizer update-enrollment-status --status Active"


def probe(connection: Connection, permission: str) -> str | None:
    """Why it was not tried, where no stream needs it here.

    Raises AccessError where the permission is missing, SourceError or RetriableError where it cannot be tried.
    """
    if unneeded := _unneeded(connection, permission):
        return unneeded
    try:
        _tried(connection, permission)
    except OptInError as error:
        return error.what
    return None


def _unneeded(connection: Connection, permission: str) -> str | None:
    """Second opinions come from the hub or from its advisors; and only of accounts that have opted in."""
    if permission not in OF_THE_HUB | OF_ITS_ADVISORS | {hub.ENROLLED}:
        return None
    if permission == hub.ENROLLED:
        return "advice_from says who gives second opinions" if connection.settings.advice_from else None
    try:
        known = hub.standing(connection)
        if known.refused and permission in OF_THE_HUB:
            return None  # it is tried
        if known.is_hub is not (permission in OF_THE_HUB):
            return (
                "Cost Optimization Hub gives these"
                if permission in OF_ITS_ADVISORS
                else "not enrolled in Cost Optimization Hub"
            )
        watched = [optimizer.has_opted_in(connection, account) for account in connection.accounts()]
    except SourceError:
        return None  # what decides it is refused: that is said of its own permission
    if permission.startswith("compute-optimizer:") and permission != optimizer.STATUS and not any(watched):
        return f"no account has opted in to Compute Optimizer: {OPT_IN}"
    return None


def _tried(connection: Connection, permission: str) -> None:
    if permission == "s3:ListBucket":
        for uri in (*connection.settings.exports, *connection.settings.inventories):
            bucket, prefix = location(uri)
            connection.call("s3", "ListObjectsV2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    elif permission == "s3:GetObject":
        settings = connection.settings
        manifests = [export for uri in settings.exports for export in first_manifest(connection, uri)]
        manifests += [export for uri in settings.inventories for export in newest_lists(connection, uri)]
        for export in manifests:
            connection.call("s3", "GetObject", Bucket=export.bucket, Key=export.key, Range="bytes=0-0")["Body"].close()
        if settings.spot_advisor and (not settings.streams or SPOT_BANDS.name in settings.streams):
            advisor(connection, Range="bytes=0-0").close()
    elif permission in OF_A_BUCKET:
        for bucket in connection.call("s3", "ListBuckets")["Buckets"][:1]:
            _reached(connection, "s3", OF_A_BUCKET[permission], {"Bucket": bucket["Name"]})
    else:
        _reached(connection, *CALLS[permission])


def _reached(connection: Connection, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """In each account, where it is read first. That there is no such thing, AWS says to whoever may ask."""
    for account in connection.accounts():
        region = connection.settings.regions[0] if connection.settings.regions else ""
        try:
            connection.call(service, operation, region=region, role=account.role, **parameters)
        except (AccessError, RetriableError):
            raise
        except SourceError as error:
            if not any(word in error.what.lower() for word in ("notfound", "not find", "no such", "nosuch", "not found")):
                raise
