"""What runs on top: databases, functions, load balancers, model endpoints, clusters, buckets, registries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.aws.price_list import database_licence
from connectors.aws.resources import Kind, Place, Resource, sizes, tags
from finops.errors import SourceError

TAGGED_AT_ONCE = 20
"""Load balancers whose tags one call takes (Elastic Load Balancing API, DescribeTags)."""


def databases(place: Place) -> Iterator[Resource]:
    found = list(place.each("rds", "DescribeDBInstances", "DBInstances", ("Marker", "Marker")))
    known = sizes(place, {database["DBInstanceClass"] for database in found})
    for database in found:
        multi = bool(database.get("MultiAZ"))
        yield Resource(
            id=database["DBInstanceArn"],
            type="AWS::RDS::DBInstance",
            sku=database["DBInstanceClass"],
            state=database.get("DBInstanceStatus"),
            created_at=database.get("InstanceCreateTime"),
            attached_to=database.get("DBClusterIdentifier"),
            tags=tags(database.get("TagList")),
            properties={
                "engine": database.get("Engine"),
                "version": database.get("EngineVersion"),
                "multi_az": multi,
                "deployment": "Multi-AZ" if multi else "Single-AZ",
                "license": database_licence(str(database.get("Engine")), str(database.get("LicenseModel"))),
                "read_replica": bool(database.get("ReadReplicaSourceDBInstanceIdentifier")),
                "size_gib": database.get("AllocatedStorage"),
                "iops": database.get("Iops"),
                "volume_type": database.get("StorageType"),
                **known.get(database["DBInstanceClass"], {}),
            },
        )


def functions(place: Place) -> Iterator[Resource]:
    for function in place.each("lambda", "ListFunctions", "Functions", ("Marker", "NextMarker")):
        architecture = next(iter(function.get("Architectures") or ("x86_64",)))
        yield Resource(
            id=function["FunctionArn"],
            type="AWS::Lambda::Function",
            sku="lambda-arm" if architecture == "arm64" else "lambda-x86",
            state=function.get("State", "Active"),
            properties={
                "memory_mb": function.get("MemorySize"),
                "architecture": architecture,
                "timeout_s": function.get("Timeout"),
                "runtime": function.get("Runtime"),
            },
        )


def balancers(place: Place) -> Iterator[Resource]:
    targets: dict[str, int] = {}
    for group in place.each("elbv2", "DescribeTargetGroups", "TargetGroups", ("Marker", "NextMarker")):
        health = place.call("elbv2", "DescribeTargetHealth", TargetGroupArn=group["TargetGroupArn"])
        for balancer in group.get("LoadBalancerArns", ()):
            targets[balancer] = targets.get(balancer, 0) + len(health.get("TargetHealthDescriptions", ()))
    found = list(place.each("elbv2", "DescribeLoadBalancers", "LoadBalancers", ("Marker", "NextMarker")))
    named: dict[str, dict[str, str]] = {}
    for start in range(0, len(found), TAGGED_AT_ONCE):
        arns = [balancer["LoadBalancerArn"] for balancer in found[start : start + TAGGED_AT_ONCE]]
        for entry in place.call("elbv2", "DescribeTags", ResourceArns=arns)["TagDescriptions"]:
            named[entry["ResourceArn"]] = tags(entry.get("Tags"))
    for balancer in found:
        arn = balancer["LoadBalancerArn"]
        yield Resource(
            id=arn,
            type="AWS::ElasticLoadBalancingV2::LoadBalancer",
            sku={"application": "alb", "network": "nlb", "gateway": "gwlb"}.get(balancer["Type"], balancer["Type"]),
            state=balancer.get("State", {}).get("Code"),
            created_at=balancer.get("CreatedTime"),
            tags=named.get(arn),
            properties={"target_count": targets.get(arn, 0), "scheme": balancer.get("Scheme")},
        )


def classic_balancers(place: Place) -> Iterator[Resource]:
    """Of the first generation: machines are registered with a balancer itself, and it is known by its name."""
    found = list(place.each("elb", "DescribeLoadBalancers", "LoadBalancerDescriptions", ("Marker", "NextMarker")))
    named: dict[str, dict[str, str]] = {}
    for start in range(0, len(found), TAGGED_AT_ONCE):
        names = [balancer["LoadBalancerName"] for balancer in found[start : start + TAGGED_AT_ONCE]]
        for entry in place.call("elb", "DescribeTags", LoadBalancerNames=names)["TagDescriptions"]:
            named[entry["LoadBalancerName"]] = tags(entry.get("Tags"))
    for balancer in found:
        yield Resource(
            id=place.arn("elasticloadbalancing", f"loadbalancer/{balancer['LoadBalancerName']}"),
            type="AWS::ElasticLoadBalancing::LoadBalancer",
            sku="clb",
            created_at=balancer.get("CreatedTime"),
            tags=named.get(balancer["LoadBalancerName"]),
            properties={"target_count": len(balancer.get("Instances", ())), "scheme": balancer.get("Scheme")},
        )


def endpoints(place: Place) -> Iterator[Resource]:
    """A model endpoint with its first variant; the others stand in `variants`."""
    limits = {
        target["ResourceId"]: target
        for target in place.each(
            "application-autoscaling", "DescribeScalableTargets", "ScalableTargets", ServiceNamespace="sagemaker"
        )
    }
    for entry in place.each("sagemaker", "ListEndpoints", "Endpoints"):
        name = entry["EndpointName"]
        endpoint = place.call("sagemaker", "DescribeEndpoint", EndpointName=name)
        config = place.call("sagemaker", "DescribeEndpointConfig", EndpointConfigName=endpoint["EndpointConfigName"])
        variants = config["ProductionVariants"]
        known = sizes(place, {variant.get("InstanceType", "") for variant in variants})
        first = variants[0] if variants else {}
        running = {variant["VariantName"]: variant for variant in endpoint.get("ProductionVariants", ())}
        limit = limits.get(f"endpoint/{name}/variant/{first.get('VariantName')}", {})
        count = running.get(first.get("VariantName"), {}).get("CurrentInstanceCount", first.get("InitialInstanceCount"))
        yield Resource(
            id=endpoint["EndpointArn"],
            type="AWS::SageMaker::Endpoint",
            sku=first.get("InstanceType") or ("serverless" if first.get("ServerlessConfig") else None),
            state=endpoint.get("EndpointStatus"),
            created_at=endpoint.get("CreationTime"),
            properties={
                "variant": first.get("VariantName"),
                "variants": len(variants) if len(variants) > 1 else None,
                "instance_count": count,
                "min_replicas": limit.get("MinCapacity"),
                "max_replicas": limit.get("MaxCapacity"),
                "scaling": None if limit else "none",
                **known.get(first.get("InstanceType", ""), {}),
            },
        )


def notebooks(place: Place) -> Iterator[Resource]:
    found = list(place.each("sagemaker", "ListNotebookInstances", "NotebookInstances"))
    known = sizes(place, {notebook["InstanceType"] for notebook in found})
    for notebook in found:
        yield Resource(
            id=notebook["NotebookInstanceArn"],
            type="AWS::SageMaker::NotebookInstance",
            sku=notebook["InstanceType"],
            state=notebook.get("NotebookInstanceStatus"),
            created_at=notebook.get("CreationTime"),
            properties=known.get(notebook["InstanceType"], {}),
        )


def clusters(place: Place) -> Iterator[Resource]:
    pages = ("nextToken", "nextToken")
    for name in place.each("eks", "ListClusters", "clusters", pages):
        cluster = place.call("eks", "DescribeCluster", name=name)["cluster"]
        yield Resource(
            id=cluster["arn"],
            type="AWS::EKS::Cluster",
            state=cluster.get("status"),
            created_at=cluster.get("createdAt"),
            tags=cluster.get("tags"),
            properties={"version": cluster.get("version")},
        )
        for pool in place.each("eks", "ListNodegroups", "nodegroups", pages, clusterName=name):
            group = place.call("eks", "DescribeNodegroup", clusterName=name, nodegroupName=pool)["nodegroup"]
            yield _pool(place, cluster, group)


def _pool(place: Place, cluster: Mapping[str, Any], group: Mapping[str, Any]) -> Resource:
    scaling = group.get("scalingConfig", {})
    sku = next(iter(group.get("instanceTypes") or ()), None)
    return Resource(
        id=group["nodegroupArn"],
        type="AWS::EKS::Nodegroup",
        sku=sku,
        state=group.get("status"),
        created_at=group.get("createdAt"),
        attached_to=cluster["arn"],
        tags=group.get("tags"),
        properties={
            "min_nodes": scaling.get("minSize"),
            "max_nodes": scaling.get("maxSize"),
            "desired": scaling.get("desiredSize"),
            "lifecycle": str(group.get("capacityType", "")).lower().replace("_", "-") or None,
            **(sizes(place, [sku]).get(sku, {}) if sku else {}),
        },
    )


def buckets(place: Place) -> Iterator[Resource]:
    for bucket in place.each("s3", "ListBuckets", "Buckets", ("ContinuationToken", "ContinuationToken")):
        name = bucket["Name"]
        # asked where the account is: the answer says where the bucket is ('' is the first region there was)
        region = place.call("s3", "GetBucketLocation", Bucket=name).get("LocationConstraint") or "us-east-1"
        home = Place(place.connection, place.account, region)
        rules = _absent_is_none(home, "GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration", name)
        lock = _absent_is_none(home, "GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", name)
        versions = home.call("s3", "GetBucketVersioning", Bucket=name)
        named = _absent_is_none(home, "GetBucketTagging", "NoSuchTagSet", name)
        yield Resource(
            id=name,
            type="AWS::S3::Bucket",
            sku="STANDARD",
            created_at=bucket.get("CreationDate"),
            tags=tags((named or {}).get("TagSet")),
            properties={
                "versioning": versions.get("Status") == "Enabled",
                "object_lock": (lock or {}).get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled",
                "lifecycle_rules": [_rule(rule) for rule in (rules or {}).get("Rules", ()) if rule.get("Status") == "Enabled"],
            },
            region=region,
        )


def _absent_is_none(place: Place, operation: str, code: str, bucket: str) -> dict[str, Any] | None:
    """S3 answers 404 for a configuration that a bucket does not have."""
    try:
        return place.call("s3", operation, Bucket=bucket)
    except SourceError as error:
        if code in error.what:
            return None
        raise


def _rule(rule: Mapping[str, Any]) -> dict[str, object]:
    """In the words of the open format; further conditions (it is a rule of some objects alone) under their own names."""
    scope = rule.get("Filter", {})
    several = scope.get("And", {})
    tags = [*several.get("Tags", ()), *([scope["Tag"]] if "Tag" in scope else ())]
    kept = {
        "prefix": rule.get("Prefix") or scope.get("Prefix") or several.get("Prefix"),
        "expire_days": rule.get("Expiration", {}).get("Days"),
        "noncurrent_days": rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
        "abort_days": rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
        "transitions": [
            {"days": step.get("Days"), "storage_class": step.get("StorageClass")} for step in rule.get("Transitions", ())
        ]
        or None,
        "x_tags": {tag["Key"]: tag["Value"] for tag in tags} or None,
        "x_newer_noncurrent_versions": rule.get("NoncurrentVersionExpiration", {}).get("NewerNoncurrentVersions"),
    }
    for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        kept[f"x_{name}"] = scope.get(name, several.get(name))
    return {name: value for name, value in kept.items() if value is not None}


def registries(place: Place) -> Iterator[Resource]:
    for registry in place.each("ecr", "DescribeRepositories", "repositories", ("nextToken", "nextToken")):
        yield Resource(
            id=registry["repositoryArn"],
            type="AWS::ECR::Repository",
            created_at=registry.get("createdAt"),
            properties={"name": registry["repositoryName"]},
        )


def warehouses(place: Place) -> Iterator[Resource]:
    for cluster in place.each("redshift", "DescribeClusters", "Clusters", ("Marker", "Marker")):
        yield Resource(
            id=place.arn("redshift", f"cluster/{cluster['ClusterIdentifier']}"),
            type="AWS::Redshift::Cluster",
            sku=cluster.get("NodeType"),
            state=cluster.get("ClusterStatus"),
            created_at=cluster.get("ClusterCreateTime"),
            tags=tags(cluster.get("Tags")),
            properties={"desired": cluster.get("NumberOfNodes")},
        )


SERVICES = (
    Kind("databases", ("rds:DescribeDBInstances", "ec2:DescribeInstanceTypes"), databases),
    Kind("functions", ("lambda:ListFunctions",), functions),
    Kind(
        "load balancers",
        tuple(
            f"elasticloadbalancing:{name}"
            for name in ("DescribeLoadBalancers", "DescribeTargetGroups", "DescribeTargetHealth", "DescribeTags")
        ),
        balancers,
    ),
    Kind(
        "classic load balancers",
        ("elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"),
        classic_balancers,
    ),
    Kind(
        "model endpoints",
        (
            "sagemaker:ListEndpoints",
            "sagemaker:DescribeEndpoint",
            "sagemaker:DescribeEndpointConfig",
            "application-autoscaling:DescribeScalableTargets",
            "ec2:DescribeInstanceTypes",
        ),
        endpoints,
    ),
    Kind("notebooks", ("sagemaker:ListNotebookInstances", "ec2:DescribeInstanceTypes"), notebooks),
    Kind("clusters", ("eks:ListClusters", "eks:DescribeCluster", "eks:ListNodegroups", "eks:DescribeNodegroup"), clusters),
    Kind(
        "buckets",
        tuple(
            f"s3:{name}"
            for name in (
                "ListAllMyBuckets",
                "GetBucketLocation",
                "GetLifecycleConfiguration",
                "GetBucketObjectLockConfiguration",
                "GetBucketVersioning",
                "GetBucketTagging",
            )
        ),
        buckets,
        everywhere=True,
    ),
    Kind("registries", ("ecr:DescribeRepositories",), registries),
    Kind("data warehouses", ("redshift:DescribeClusters",), warehouses),
)
