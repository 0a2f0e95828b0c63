"""What holds data or models by the hour: cache nodes, tables, spaces of SageMaker Studio, provisioned throughput of Bedrock."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.aws.resources import Kind, Place, Resource, sizes

COMMITTED = {"OneMonth": "1m", "SixMonths": "6m"}


def caches(place: Place) -> Iterator[Resource]:
    found = list(place.each("elasticache", "DescribeCacheClusters", "CacheClusters", ("Marker", "Marker")))
    known = sizes(place, {cache["CacheNodeType"] for cache in found if cache.get("CacheNodeType")})
    for cache in found:
        name = str(cache.get("CacheNodeType") or "")
        yield Resource(
            id=cache.get("ARN") or place.arn("elasticache", f"cluster:{cache['CacheClusterId']}"),
            type="AWS::ElastiCache::CacheCluster",
            sku=name or None,
            state=cache.get("CacheClusterStatus"),
            created_at=cache.get("CacheClusterCreateTime"),
            attached_to=cache.get("ReplicationGroupId"),
            properties={
                "engine": cache.get("Engine"),
                "license": str(cache.get("Engine") or "").title() or None,  # names the engine, as in the key of its price
                "version": cache.get("EngineVersion"),
                "instances": cache.get("NumCacheNodes"),
                # of the machine beneath: a node keeps some of its memory for itself
                **{k: v for k, v in known.get(name, {}).items() if k != "memory_gib"},
            },
        )


def tables(place: Place) -> Iterator[Resource]:
    token = ("ExclusiveStartTableName", "LastEvaluatedTableName")
    for name in place.each("dynamodb", "ListTables", "TableNames", token):
        table = place.call("dynamodb", "DescribeTable", TableName=name)["Table"]
        throughput = table.get("ProvisionedThroughput") or {}
        billing = (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
        stored = table.get("TableSizeBytes")
        yield Resource(
            id=table["TableArn"],
            type="AWS::DynamoDB::Table",
            sku=(table.get("TableClassSummary") or {}).get("TableClass", "STANDARD"),
            state=table.get("TableStatus"),
            created_at=table.get("CreationDateTime"),
            properties={
                "billing_mode": billing,
                "read_units": throughput.get("ReadCapacityUnits") if billing == "PROVISIONED" else None,
                "write_units": throughput.get("WriteCapacityUnits") if billing == "PROVISIONED" else None,
                "size_gib": stored / 2**30 if stored is not None else None,
                "items": table.get("ItemCount"),
            },
        )


def spaces(place: Place) -> Iterator[Resource]:
    """A space with the machine of its running app; a space without one costs its storage alone."""
    running: dict[tuple[str, str], tuple[str, str]] = {}
    for app in place.each("sagemaker", "ListApps", "Apps"):
        machine = (app.get("ResourceSpec") or {}).get("InstanceType")
        if app.get("SpaceName") and machine and machine != "system" and app.get("Status") not in ("Deleted", "Failed"):
            running[app["DomainId"], app["SpaceName"]] = (machine, str(app.get("AppType", "")))
    found = list(place.each("sagemaker", "ListSpaces", "Spaces"))
    known = sizes(place, {machine for machine, _ in running.values()})
    for space in found:
        machine, app = running.get((space["DomainId"], space["SpaceName"]), ("", ""))
        summary = space.get("SpaceSettingsSummary") or {}
        storage = (summary.get("SpaceStorageSettings") or {}).get("EbsStorageSettings") or {}
        yield Resource(
            id=place.arn("sagemaker", f"space/{space['DomainId']}/{space['SpaceName']}"),
            type="AWS::SageMaker::Space",
            sku=machine or None,
            state="InService" if machine else "Stopped",
            created_at=space.get("CreationTime"),
            attached_to=space["DomainId"],
            properties={
                "app": app or summary.get("AppType"),
                "size_gib": storage.get("EbsVolumeSizeInGb"),
                "owner": (space.get("OwnershipSettingsSummary") or {}).get("OwnerUserProfileName"),
                **known.get(machine, {}),
            },
        )


def provisioned_models(place: Place) -> Iterator[Resource]:
    if not place.connection.offers("bedrock", place.region):
        return
    pages = ("nextToken", "nextToken")
    for model in place.each("bedrock", "ListProvisionedModelThroughputs", "provisionedModelSummaries", pages):
        duration = model.get("commitmentDuration")
        yield Resource(
            id=model["provisionedModelArn"],
            type="AWS::Bedrock::ProvisionedModel",
            sku=str(model.get("foundationModelArn") or model["modelArn"]).rsplit("/", 1)[-1],
            state=model.get("status"),
            created_at=model.get("creationTime"),
            properties={
                "model_units": model.get("modelUnits"),
                "commitment": COMMITTED.get(duration, duration) if duration else "none",
                "commitment_ends": model.get("commitmentExpirationTime"),
            },
        )


DATA = (
    Kind("caches", ("elasticache:DescribeCacheClusters", "ec2:DescribeInstanceTypes"), caches),
    Kind("tables", ("dynamodb:ListTables", "dynamodb:DescribeTable"), tables),
    Kind("spaces", ("sagemaker:ListSpaces", "sagemaker:ListApps", "ec2:DescribeInstanceTypes"), spaces),
    Kind("provisioned models", ("bedrock:ListProvisionedModelThroughputs",), provisioned_models),
)
