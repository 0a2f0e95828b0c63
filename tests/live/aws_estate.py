"""A small AWS estate in an emulator: something for each stream to fetch."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from tests.intake.test_inventories import s3 as write_list
from tests.intake.test_inventories import s3_rows
from tests.live.aws_company import BUCKET, EXPORT, client, put_export
from tests.live.conftest import NOW

LISTS = "inventories"


def put_lists(url: str) -> None:
    """One list of S3 Inventory as its destination has it, and a newer one that is still being written."""
    s3 = client(url, "s3")
    s3.create_bucket(Bucket=LISTS)
    with TemporaryDirectory() as folder:
        write_list(Path(folder), s3_rows(("a/1.bin", True, False, 4000, 10, "STANDARD")))
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            s3.put_object(Bucket=LISTS, Key=f"listings/{file.relative_to(folder)}", Body=file.read_bytes())
    s3.put_object(Bucket=LISTS, Key="listings/media/all/2026-11-07T01-00Z/manifest.checksum", Body=b"")


def put_export_few(url: str) -> None:
    """October's export with enough of it to be staged: the whole month is loaded elsewhere."""
    put_export(url, ("2026-10",))
    key = "nordlicht-cur2/data/BILLING_PERIOD=2026-10/nordlicht-cur2-00001.parquet"
    few = BytesIO()
    pq.write_table(pq.read_table(EXPORT.parent / key).slice(0, 40), few)
    client(url, "s3").put_object(Bucket=BUCKET, Key=key, Body=few.getvalue())


def put_metrics(url: str) -> None:
    """Three hours of one machine, and a broker of a cluster that is gone."""
    cloudwatch = client(url, "cloudwatch")
    broker = [{"Name": "Cluster Name", "Value": "gone"}, {"Name": "Broker ID", "Value": "1"}]
    cloudwatch.put_metric_data(
        Namespace="AWS/Kafka",
        MetricData=[{"MetricName": "BytesInPerSec", "Dimensions": broker, "Timestamp": NOW, "Value": 1.0}],
    )
    for hours in range(3):
        cloudwatch.put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                    "Timestamp": NOW - timedelta(days=1, hours=hours),
                    "Value": 10.0 + hours,
                }
            ],
        )


def put_estate(url: str) -> None:
    put_export_few(url)
    put_lists(url)
    put_advisor(url, {"m5.xlarge": 0, "m5.2xlarge": 2, "c5.large": 4})
    put_metrics(url)


def put_advisor(url: str, bands: dict[str, int]) -> None:
    """The Spot Instance Advisor's object, as its page reads it: band numbers of Linux machines in us-east-1."""
    labels = ("<5%", "5-10%", "10-15%", "15-20%", ">20%")
    listed = {
        "ranges": [{"index": n, "label": label, "dots": n, "max": 5 * n + 5} for n, label in enumerate(labels)],
        "spot_advisor": {"us-east-1": {"Linux": {sku: {"s": 70, "r": band} for sku, band in bands.items()}, "Windows": {}}},
    }
    s3 = client(url, "s3")
    s3.create_bucket(Bucket="spot-bid-advisor")
    s3.put_object(Bucket="spot-bid-advisor", Key="spot-advisor-data.json", Body=json.dumps(listed).encode())


def put_resources(url: str) -> dict[str, str]:
    """One of each kind of thing that is read; name → id."""
    ec2, autoscaling, rds = client(url, "ec2"), client(url, "autoscaling"), client(url, "rds")
    (reservation,) = [
        ec2.run_instances(
            ImageId="ami-03cf127a",
            InstanceType="m5.xlarge",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "data"}]}],
        )
    ]
    instance = reservation["Instances"][0]["InstanceId"]
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=40, VolumeType="gp3", Iops=4000)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    free = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"])
    autoscaling.create_launch_configuration(LaunchConfigurationName="lc", ImageId="ami-03cf127a", InstanceType="c5.large")
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="web", LaunchConfigurationName="lc", MinSize=1, MaxSize=4, DesiredCapacity=2,
        AvailabilityZones=["us-east-1a", "us-east-1b"],
    )  # fmt: skip
    autoscaling.put_scaling_policy(
        AutoScalingGroupName="web",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": 60.0,
        },
    )
    database = rds.create_db_instance(
        DBInstanceIdentifier="catalog", DBInstanceClass="db.r5.xlarge", Engine="postgres", AllocatedStorage=100, MultiAZ=True,
        MasterUsername="root", MasterUserPassword="not-a-secret-1",
    )["DBInstance"]["DBInstanceArn"]  # fmt: skip
    balancer = client(url, "elbv2").create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    target = client(url, "elbv2").create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    client(url, "elbv2").create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target["TargetGroupArn"]}],
    )  # fmt: skip
    client(url, "elb").create_load_balancer(
        LoadBalancerName="old",
        Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=["us-east-1a"],
        Tags=[{"Key": "team", "Value": "data"}],
    )
    client(url, "elb").register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": instance}])
    return {
        "instance": instance, "volume": volume, "snapshot": snapshot, "address": free, "database": database,
        "gateway": gateway["NatGateway"]["NatGatewayId"], "balancer": balancer, **_services(url, subnets),
    }  # fmt: skip


def _services(url: str, subnets: list[str]) -> dict[str, str]:
    sagemaker, eks, s3 = client(url, "sagemaker"), client(url, "eks"), client(url, "s3")
    role = "arn:aws:iam::123456789012:role/x"
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 2, "InstanceType": "ml.g4dn.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    endpoint = sagemaker.create_endpoint(EndpointName="vision", EndpointConfigName="c")["EndpointArn"]
    sagemaker.create_notebook_instance(NotebookInstanceName="nb", InstanceType="ml.t3.medium", RoleArn=role)
    client(url, "application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId="endpoint/vision/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=2,
        MaxCapacity=6,
    )
    cluster = eks.create_cluster(name="prod", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})["cluster"]["arn"]
    eks.create_nodegroup(
        clusterName="prod", nodegroupName="cpu", subnets=subnets, nodeRole=role, instanceTypes=["m5.xlarge"],
        scalingConfig={"minSize": 1, "maxSize": 5, "desiredSize": 3},
    )  # fmt: skip
    s3.create_bucket(Bucket="lake")
    s3.put_bucket_lifecycle_configuration(
        Bucket="lake",
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "r",
                    "Status": "Enabled",
                    "Filter": {"Prefix": "tmp/"},
                    "Expiration": {"Days": 9},
                    "Transitions": [{"Days": 5, "StorageClass": "GLACIER_IR"}],
                },
                {
                    "ID": "tagged",
                    "Status": "Enabled",
                    "Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "superseded", "Value": "true"}]}},
                    "Expiration": {"Days": 1},
                },
            ]
        },
    )
    client(url, "dynamodb").create_table(
        TableName="sessions", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 40, "WriteCapacityUnits": 5},
    )  # fmt: skip
    client(url, "ecr").create_repository(repositoryName="images")
    client(url, "redshift").create_cluster(
        ClusterIdentifier="dev", NodeType="ra3.4xlarge", MasterUsername="root", MasterUserPassword="Not-a-secret-1",
        NumberOfNodes=2, ClusterType="multi-node",
    )  # fmt: skip
    return {"endpoint": endpoint, "cluster": cluster}
