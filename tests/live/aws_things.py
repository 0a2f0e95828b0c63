"""Machines, volumes and snapshots of the sample company as EC2 describes them, measured as CloudWatch has it; and files of
exactly what is served."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from connectors.aws.resources_ec2 import COPIED
from finops.demo import sample_company
from tests.live.aws_contract import Aws, assume_any_role

OPEN = sample_company() / "open"
ACCOUNT = "210987654322"
MEASURED = {
    "CPUUtilization": ("AWS/EC2", "cpu_utilization"),
    "NetworkIn": ("AWS/EC2", "network_in_bytes"),
    "NetworkOut": ("AWS/EC2", "network_out_bytes"),
    "mem_used_percent": ("CWAgent", "memory_utilization"),
    "VolumeReadOps": ("AWS/EBS", "disk_read_ops"),
    "VolumeWriteOps": ("AWS/EBS", "disk_write_ops"),
    "VolumeReadBytes": ("AWS/EBS", "disk_read_bytes"),
    "VolumeWriteBytes": ("AWS/EBS", "disk_write_bytes"),
}
"""CloudWatch's name → its namespace, and ours."""

STATISTICS = {"Average": "avg", "Maximum": "max", "Sum": "sum"}
MACHINES = ("i-0a25b4c3d2e1f1250", "i-0a25b4c3d2e1f5250", "i-0c10d5e6f7a8b1003", "i-0c85ebf6d9f7b1009", "i-0a63c9e4b7d5f3007")
VOLUMES = ("vol-0d13c6b7a8992f131", "vol-0d23c4b5a69781230", "vol-0d24c5b6a7980f240")

RESOURCES = f"""
    select * from read_csv('{OPEN}/resources.csv.gz', all_varchar = true)
    where
        observed_at = '2026-10-31T23:00:00Z'
        and (
            resource_id in {MACHINES + VOLUMES}
            or (resource_type in ('AWS::EC2::Volume', 'AWS::EC2::Snapshot') and account_id = '{ACCOUNT}')
        )
"""
METRICS = f"""
    select resource_id, epoch(timestamp)::bigint as second, period_s, metric, statistic, value from '{OPEN}/metrics.parquet'
    where resource_id in {MACHINES + VOLUMES} and metric in {tuple(ours for _, ours in MEASURED.values())}
        and period_s = 3600 and timestamp >= '2026-09-23' and coalesce(dimensions, '') = ''
"""
KINDS = {"savings_plan_compute": "Compute", "savings_plan_family": "EC2Instance", "savings_plan_sagemaker": "SageMaker"}
PRICES = f"""
    select * from read_csv('{OPEN}/prices.csv', all_varchar = true)
    where provider = 'AWS' and region = 'us-east-1' and (term = 'on_demand' or instrument like 'savings_plan%')
"""
COMMITMENTS = f"""
    select * from read_csv('{OPEN}/commitments.csv', all_varchar = true)
    where provider = 'AWS' and observed_at = '2026-10-31T23:00:00Z'
"""
ROLES = [f"arn:aws:iam::21098765432{n}:role/finops" for n in range(1, 6)]
"""Of the company's accounts, each with what is its own."""


KNOWN_RESOURCES = f"""
    select * replace (
        case
            when resource_type = 'AWS::EC2::Snapshot' then to_json(struct_pack(
                full_size_gib := (properties ->> 'stored_gib')::double, image_id := properties ->> 'image_id',
                image_state := properties ->> 'image_state', size_gib := 8000
            ))::varchar
            when resource_type = 'AWS::EC2::Instance' then json_merge_patch(properties, '{{"lifecycle": "on-demand"}}')
            else json_merge_patch(properties, '{{"used_gib": null}}')
        end as properties
    )
    from ({RESOURCES})
"""
"""EC2 says that a machine is no spot instance. It does not know how full a volume is; of a snapshot it knows what it would take
alone, not what it adds, nor when its image went."""

KNOWN_COMMITMENTS = f"""
    select * replace (
        case
            when commitment_id like '%:rds:%' then json_merge_patch(scope, json_object(
                'sku', (scope ->> 'family') || '.xlarge', 'deployment', 'Single-AZ'
            ))::varchar
            when instrument like 'savings_plan%' then json_merge_patch(scope, '{{"accounts": null}}')::varchar
            else scope
        end as scope
    )
    from ({COMMITMENTS})
"""
"""RDS says more of a reservation than the sample does; whom a savings plan is shared with, no API says."""


def _rows(sql: str) -> list[dict[str, Any]]:
    relation = duckdb.sql(sql)
    assert relation is not None
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def _tags(row: dict[str, Any]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in json.loads(row["tags"] or "{}").items()]


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(row["properties"]))


def serve(cloud: Aws) -> None:
    """Everything that the streams `inventory`, `utilization` and `commitments` ask for, of each account by its role."""
    assume_any_role(cloud)
    cloud.answer("sts:GetCallerIdentity", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/f", "UserId": "f"})
    cloud.answer("s3:ListAllMyBuckets", {"Buckets": []})  # the emulator's one bucket is the bill's
    found, held = _rows(RESOURCES), _rows(COMMITMENTS)
    plans = [_plan(row) for row in held if row["instrument"] in KINDS]
    cloud.answer("savingsplans:DescribeSavingsPlans", {"savingsPlans": plans})
    for account in (role.split(":")[4] for role in ROLES):
        _serve_account(cloud, account, [row for row in found if row["account_id"] == account])
        mine = [row for row in held if row["instrument"] == "reservation" and row["account_id"] == account]
        machines = [_reserved(row) for row in mine if ":ec2:" in row["commitment_id"]]
        databases = [_reserved(row) for row in mine if ":rds:" in row["commitment_id"]]
        cloud.answer(f"{account} ec2:DescribeReservedInstances", {"ReservedInstances": machines})
        cloud.answer(f"{account} rds:DescribeReservedDBInstances", {"ReservedDBInstances": databases})
    rates = [_rate(row) for row in _rows(PRICES) if row["instrument"]]
    cloud.answer("savingsplans:DescribeSavingsPlansOfferingRates", {"searchResults": rates})


def _serve_account(cloud: Aws, account: str, found: list[dict[str, Any]]) -> None:
    of = {
        kind: [row for row in found if row["resource_type"] == f"AWS::EC2::{kind}"]
        for kind in ("Instance", "Volume", "Snapshot")
    }
    instances = {"Reservations": [{"Instances": [_instance(row) for row in of["Instance"]]}]}
    cloud.answer(f"{account} ec2:DescribeInstances", instances)
    cloud.answer(f"{account} ec2:DescribeVolumes", {"Volumes": [_volume(row) for row in of["Volume"]]})
    cloud.answer(f"{account} ec2:DescribeSnapshots", {"Snapshots": [_snapshot(row) for row in of["Snapshot"]]})
    kept = [
        {"ImageId": _said(row)["image_id"], "State": "available", "BlockDeviceMappings": [{"Ebs": {"SnapshotId": _name(row)}}]}
        for row in of["Snapshot"]
        if _said(row)["image_state"] == "available"
    ]
    cloud.answer(f"{account} ec2:DescribeImages", {"Images": kept})
    _serve_metrics(cloud, account, [row["resource_id"] for row in found])


def _reserved(row: dict[str, Any]) -> dict[str, Any]:
    """A reservation of a machine or a database, as EC2 and RDS describe it: prices are for one."""
    scope, count = json.loads(row["scope"]), int(row["quantity"])
    start, end = (datetime.fromisoformat(row[name]) for name in ("term_start", "term_end"))
    paid = {"none": "No Upfront", "partial": "Partial Upfront", "all": "All Upfront"}[row["payment"]]
    hourly = float(row["recurring"]) / count
    said = {"OfferingType": paid, "FixedPrice": float(row["upfront"]) / count, "UsagePrice": 0.0, "State": "active"}
    if ":ec2:" in row["commitment_id"]:
        return said | {
            "ReservedInstancesId": row["commitment_id"].rpartition("/")[2], "InstanceType": scope["sku"],
            "InstanceCount": count, "Start": start, "End": end,
            "ProductDescription": scope["operating_system"], "Scope": "Region", "InstanceTenancy": "default",
            "RecurringCharges": [{"Amount": hourly, "Frequency": "Hourly"}], "CurrencyCode": row["currency"],
        }  # fmt: skip
    return said | {
        "ReservedDBInstanceArn": row["commitment_id"], "DBInstanceClass": f"{scope['family']}.xlarge",
        "DBInstanceCount": count, "ProductDescription": scope["engine"], "MultiAZ": False, "StartTime": start,
        "Duration": int((end - start).total_seconds()), "CurrencyCode": row["currency"],
        "RecurringCharges": [{"RecurringChargeAmount": hourly, "RecurringChargeFrequency": "Hourly"}],
    }  # fmt: skip


def _name(row: dict[str, Any]) -> str:
    return str(row["resource_id"]).rpartition("/")[2]


def _instance(row: dict[str, Any]) -> dict[str, Any]:
    windows = _said(row)["operating_system"] == "Windows"
    return {
        "InstanceId": row["resource_id"],
        "InstanceType": row["sku"],
        "State": {"Code": 16, "Name": row["state"]},
        "LaunchTime": datetime.fromisoformat(row["created_at"]),
        "PlatformDetails": "Windows" if windows else "Linux/UNIX",
        "Tags": _tags(row),
    }


def _volume(row: dict[str, Any]) -> dict[str, Any]:
    said = _said(row)
    attached = [{"InstanceId": row["attached_to"], "State": "attached"}] if row["attached_to"] else []
    return {
        "VolumeId": row["resource_id"],
        "VolumeType": row["sku"],
        "State": row["state"],
        "CreateTime": datetime.fromisoformat(row["created_at"]),
        "Size": said["size_gib"],
        "Attachments": attached,
        "Tags": _tags(row),
        **({"Iops": said["iops"]} if "iops" in said else {}),
        **({"Throughput": said["throughput_mibps"]} if "throughput_mibps" in said else {}),
    }


def _snapshot(row: dict[str, Any]) -> dict[str, Any]:
    said = _said(row)
    return {
        "SnapshotId": _name(row),
        "StorageTier": "standard",
        "State": row["state"],
        "StartTime": datetime.fromisoformat(row["created_at"]),
        "VolumeId": COPIED,
        "VolumeSize": 8000,
        "FullSnapshotSizeInBytes": int(said["stored_gib"] * 2**30),
        "Description": f"Created by CreateImage(i-0c31d0a9e8b7c6030) for {said['image_id']}",
        "Tags": _tags(row),
    }


def _plan(row: dict[str, Any]) -> dict[str, Any]:
    scope = json.loads(row["scope"])
    return {
        "savingsPlanId": row["commitment_id"][-6:],
        "savingsPlanArn": row["commitment_id"],
        "start": row["term_start"],
        "end": row["term_end"],
        "state": "active",
        "savingsPlanType": KINDS[row["instrument"]],
        "paymentOption": {"none": "No Upfront", "partial": "Partial Upfront", "all": "All Upfront"}[row["payment"]],
        "currency": row["currency"],
        "commitment": row["hourly_commitment"],
        "upfrontPaymentAmount": row["upfront"],
        "recurringPaymentAmount": row["recurring"],
        **({"region": scope["region"], "ec2InstanceFamily": scope["family"]} if "family" in scope else {}),
    }


def _rate(row: dict[str, Any]) -> dict[str, Any]:
    of_machines = row["product"] == "vm"
    used = {"vm": "BoxUsage", "endpoint": "USE1-Host", "training": "USE1-Train", "notebook": "USE1-Studio"}[row["product"]]
    system = "Windows" if row["operating_system"] == "Windows" else "Linux/UNIX"
    said = {"region": row["region"], "instanceType": row["sku"], "tenancy": "shared", "productDescription": system}
    return {
        "savingsPlanOffering": {
            "offeringId": "o",
            "paymentOption": {"none": "No Upfront", "partial": "Partial Upfront", "all": "All Upfront"}[row["payment"]],
            "planType": KINDS[row["instrument"]],
            "durationSeconds": {"1y": 31_536_000, "3y": 94_608_000}[row["term"]],
            "currency": "USD",
        },
        "rate": row["price"],
        "unit": "Hrs",
        "productType": "EC2" if of_machines else "SageMaker",
        "serviceCode": "AmazonEC2" if of_machines else "AmazonSageMaker",
        "usageType": f"{used}:{row['sku']}",
        "operation": "RunInstances",
        "properties": [{"name": name, "value": value} for name, value in said.items()],
    }


def _serve_metrics(cloud: Aws, account: str, things: list[str]) -> None:
    series: dict[tuple[str, str, str], list[tuple[int, float]]] = defaultdict(list)
    theirs = {ours: name for name, (_, ours) in MEASURED.items()}
    for row in _rows(f"{METRICS} and list_contains({things}, resource_id) order by second") if things else []:
        name = f"Volume{''.join(part.title() for part in row['metric'].split('_')[1:])}" if row["resource_id"][0] == "v" else ""
        series[row["resource_id"], name or theirs[row["metric"]], row["statistic"]].append((row["second"], row["value"]))
    known = sorted({(thing, name) for thing, name, _ in series})

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        return {"Metrics": [_metric(*each) for each in known if MEASURED[each[1]][0] == asked["Namespace"]]}

    def answered(asked: dict[str, Any]) -> dict[str, Any]:
        results = []
        for query in asked["MetricDataQueries"]:
            stat = query["MetricStat"]
            thing = stat["Metric"]["Dimensions"][0]["Value"]
            values = series[thing, stat["Metric"]["MetricName"], STATISTICS[stat["Stat"]]]
            inside = [(at, value) for at, value in values if asked["StartTime"] <= at < asked["EndTime"]]
            times, numbers = [datetime.fromtimestamp(at, UTC) for at, _ in inside], [value for _, value in inside]
            results.append({"Id": query["Id"], "Label": "x", "Timestamps": times, "Values": numbers, "StatusCode": "Complete"})
        return {"MetricDataResults": results}

    cloud.answer(f"{account} cloudwatch:ListMetrics", listed)
    cloud.answer(f"{account} cloudwatch:GetMetricData", answered)


def _metric(thing: str, name: str) -> dict[str, Any]:
    dimension = "VolumeId" if thing.startswith("vol-") else "InstanceId"
    return {"Namespace": MEASURED[name][0], "MetricName": name, "Dimensions": [{"Name": dimension, "Value": thing}]}


def write_files(folder: Path) -> list[Path]:
    """The same things as open-format files, as far as AWS's API knows them."""
    measured = METRICS.replace("epoch(timestamp)::bigint as second", "timestamp")
    asked = {"resources": KNOWN_RESOURCES, "metrics": measured, "commitments": KNOWN_COMMITMENTS, "prices": PRICES}
    for name, sql in asked.items():
        duckdb.execute(f"copy ({sql}) to '{folder / name}.parquet' (format parquet)")
    return [folder / f"{name}.parquet" for name in asked]
