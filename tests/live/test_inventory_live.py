"""What there is in an account, as resources: ids as the bill has them, properties by the open format's names."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import client, fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.aws_estate import put_resources
from tests.live.conftest import NOW
from tests.live.faults import Fault

HERE = "arn:aws:ec2:us-east-1:123456789012"


def inventory(url: str, **settings: Any) -> Any:
    return source(url, streams=["inventory"], **settings)


def resources(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    found = rows(warehouse, "select * from resources")
    return {row["resource_id"]: row | {"properties": json.loads(row["properties"])} for row in found}


def test_every_kind_of_thing(cloud: Aws, warehouse: Warehouse) -> None:
    ids = put_resources(cloud.url)
    report = fetched(warehouse, inventory(cloud.url))
    assert report.failures == ()
    found = resources(warehouse)
    machine = found[ids["instance"]]
    assert (machine["resource_type"], machine["sku"], machine["state"]) == ("AWS::EC2::Instance", "m5.xlarge", "running")
    assert json.loads(machine["tags"]) == {"team": "data"}
    assert {"vcpu": 4, "memory_gib": 16, "operating_system": "Windows"}.items() <= machine["properties"].items()
    volume = found[ids["volume"]]
    assert (volume["state"], volume["attached_to"]) == ("available", None)
    assert {"size_gib": 40, "iops": 4000, "volume_type": "gp3"}.items() <= volume["properties"].items()
    assert found[f"{HERE}:snapshot/{ids['snapshot']}"]["attached_to"] == ids["volume"]
    assert found[f"{HERE}:elastic-ip/{ids['address']}"]["state"] == "unassociated"
    assert found[f"{HERE}:natgateway/{ids['gateway']}"]["sku"] == "nat"
    database = found[ids["database"]]["properties"]
    assert {"vcpu": 4, "memory_gib": 32, "deployment": "Multi-AZ", "engine": "postgres"}.items() <= database.items()
    assert found[ids["balancer"]]["sku"] == "alb"
    assert found[ids["balancer"]]["properties"]["target_count"] == 0
    classic = found["arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/old"]
    assert (classic["resource_type"], json.loads(classic["tags"])) == (
        "AWS::ElasticLoadBalancing::LoadBalancer",
        {"team": "data"},
    )
    assert classic["properties"]["target_count"] == 1
    endpoint = found[ids["endpoint"]]
    assert endpoint["sku"] == "ml.g4dn.xlarge"
    expected = {"variant": "AllTraffic", "instance_count": 2, "min_replicas": 2, "max_replicas": 6, "gpu_count": 1, "vcpu": 4}
    assert expected.items() <= endpoint["properties"].items()
    assert found[ids["cluster"]]["resource_type"] == "AWS::EKS::Cluster"
    (pool,) = [row for row in found.values() if row["resource_type"] == "AWS::EKS::Nodegroup"]
    assert (pool["attached_to"], pool["sku"]) == (ids["cluster"], "m5.xlarge")
    assert {"min_nodes": 1, "max_nodes": 5, "desired": 3, "vcpu": 4}.items() <= pool["properties"].items()
    (group,) = [row for row in found.values() if row["resource_type"] == "AWS::AutoScaling::AutoScalingGroup"]
    assert {"min_nodes": 1, "max_nodes": 4, "instances": 2, "vcpu": 2}.items() <= group["properties"].items()
    assert group["properties"]["scaling"] == "target ASGAverageCPUUtilization 60"
    assert found["lake"]["properties"]["lifecycle_rules"] == [
        {"expire_days": 9, "prefix": "tmp/", "transitions": [{"days": 5, "storage_class": "GLACIER_IR"}]},
        {"expire_days": 1, "prefix": "tmp/", "x_tags": {"superseded": "true"}},
    ]
    kinds = {row["resource_type"] for row in found.values()}
    assert kinds >= {"AWS::SageMaker::NotebookInstance", "AWS::ECR::Repository", "AWS::Redshift::Cluster"}
    assert {row["account_id"] for row in found.values()} == {"123456789012"}


def test_what_is_gone_is_gone_from_the_days_snapshot(cloud: Aws, warehouse: Warehouse) -> None:
    ec2 = client(cloud.url, "ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=8)["VolumeId"]
    fetched(warehouse, inventory(cloud.url))
    assert volume in resources(warehouse)
    ec2.delete_volume(VolumeId=volume)
    fetched(warehouse, inventory(cloud.url), now=NOW + timedelta(hours=2))
    assert volume not in resources(warehouse)
    fetched(warehouse, inventory(cloud.url), now=NOW + timedelta(days=1))
    assert len(rows(warehouse, "select distinct unit from coverage where stream = 'resources'")) == 2


def test_a_member_account_is_read_through_its_role(cloud: Aws, warehouse: Warehouse) -> None:
    role = "arn:aws:iam::111122223333:role/finops"
    report = fetched(warehouse, inventory(cloud.url, member_roles=[role], external_id="given-by-us"))
    assert report.failures == ()
    (assumed,) = [asked for permission, asked in cloud.requests if permission == "sts:AssumeRole"]
    assert (assumed["RoleArn"], assumed["ExternalId"]) == (role, "given-by-us")
    cloud.fail("sts:AssumeRole", *[Fault(403, "AccessDenied")] * 9)
    report = fetched(warehouse, inventory(cloud.url, member_roles=[role.replace("1111", "4444")]))
    cloud.faults.clear()
    assert "denied" in report.failures[0]


def test_all_enabled_regions_are_read_unless_some_are_named(cloud: Aws, warehouse: Warehouse) -> None:
    cloud.answer("ec2:DescribeRegions", {"Regions": [{"RegionName": "us-east-1"}, {"RegionName": "eu-west-1"}]})
    volume = client(cloud.url, "ec2", "eu-west-1").create_volume(AvailabilityZone="eu-west-1a", Size=8)["VolumeId"]
    fetched(warehouse, inventory(cloud.url, regions=[]))
    assert resources(warehouse)[volume]["region"] == "eu-west-1"


def test_what_holds_data_or_models_by_the_hour(cloud: Aws, warehouse: Warehouse) -> None:
    put_resources(cloud.url)
    arn = "arn:aws:{}:us-east-1:123456789012:{}".format
    node: dict[str, object] = {
        "CacheClusterId": "c-001",
        "ARN": arn("elasticache", "cluster:c-001"),
        "Engine": "redis",
        "EngineVersion": "7.1",
    }
    node |= {"CacheNodeType": "cache.r6g.large", "NumCacheNodes": 1, "CacheClusterStatus": "available"}
    cloud.answer("elasticache:DescribeCacheClusters", {"CacheClusters": [node]})
    stored = {"EbsStorageSettings": {"EbsVolumeSizeInGb": 50}}
    ada = {"DomainId": "d-1", "SpaceName": "ada", "SpaceSettingsSummary": {"SpaceStorageSettings": stored}}
    cloud.answer("sagemaker:ListSpaces", {"Spaces": [ada, {"DomainId": "d-1", "SpaceName": "bob"}]})
    app = {"DomainId": "d-1", "SpaceName": "ada", "AppType": "JupyterLab", "Status": "InService"}
    gone = {**app, "SpaceName": "bob", "Status": "Deleted", "ResourceSpec": {"InstanceType": "ml.m5.large"}}
    cloud.answer("sagemaker:ListApps", {"Apps": [{**app, "ResourceSpec": {"InstanceType": "ml.g5.xlarge"}}, gone]})
    base = "arn:aws:bedrock:us-east-1::foundation-model/claude"
    model = {
        "provisionedModelName": "m", "provisionedModelArn": arn("bedrock", "provisioned-model/abc"), "modelArn": base,
        "desiredModelArn": base, "foundationModelArn": base, "modelUnits": 2, "desiredModelUnits": 2, "status": "InService",
        "commitmentDuration": "OneMonth", "creationTime": NOW, "lastModifiedTime": NOW,
    }  # fmt: skip
    cloud.answer("bedrock:ListProvisionedModelThroughputs", {"provisionedModelSummaries": [model]})
    function = {
        "FunctionName": "fn",
        "FunctionArn": arn("lambda", "function:fn"),
        "MemorySize": 512,
        "Architectures": ["arm64"],
    }
    cloud.answer("lambda:ListFunctions", {"Functions": [function], "NextMarker": "more"}, {"Functions": []})
    assert fetched(warehouse, inventory(cloud.url)).failures == ()
    every = resources(warehouse).values()
    found = {row["resource_type"]: row for row in every}
    cache = found["AWS::ElastiCache::CacheCluster"]
    assert (cache["sku"], cache["properties"]["vcpu"], cache["properties"]["engine"]) == ("cache.r6g.large", 2, "redis")
    assert "memory_gib" not in cache["properties"]
    arm = found["AWS::Lambda::Function"]
    assert (arm["sku"], arm["properties"]["memory_mb"]) == ("lambda-arm", 512)
    table = found["AWS::DynamoDB::Table"]["properties"]
    assert {"read_units": 40, "write_units": 5, "billing_mode": "PROVISIONED"}.items() <= table.items()
    units = found["AWS::Bedrock::ProvisionedModel"]
    assert (units["sku"], units["properties"]["model_units"], units["properties"]["commitment"]) == ("claude", 2, "1m")
    of = {row["resource_id"].rsplit("/", 1)[-1]: row for row in every if row["resource_type"] == "AWS::SageMaker::Space"}
    assert (of["ada"]["sku"], of["ada"]["state"], of["ada"]["properties"]["size_gib"]) == ("ml.g5.xlarge", "InService", 50)
    assert (of["bob"]["sku"], of["bob"]["state"]) == (None, "Stopped")
