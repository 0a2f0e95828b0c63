"""EC2's things: instances, volumes, snapshots, addresses, NAT gateways, autoscaling groups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from connectors.aws.resources import Kind, Place, Resource, sizes, tags

COPIED = "vol-ffffffff"
"""Of a snapshot that was copied, "an arbitrary volume ID that you should not use for any purpose" (EC2 API, CopySnapshot)."""


def instances(place: Place) -> Iterator[Resource]:
    found = [i for r in place.each("ec2", "DescribeInstances", "Reservations") for i in r["Instances"]]
    known = sizes(place, {instance["InstanceType"] for instance in found})
    for instance in found:
        own = tags(instance.get("Tags"))
        yield Resource(
            id=instance["InstanceId"],
            type="AWS::EC2::Instance",
            sku=instance["InstanceType"],
            state=instance["State"]["Name"],
            created_at=instance.get("LaunchTime"),
            tags=own,
            properties={
                "operating_system": _system(instance),
                "tenancy": instance.get("Placement", {}).get("Tenancy"),
                "zone": instance.get("Placement", {}).get("AvailabilityZone"),
                "lifecycle": instance.get("InstanceLifecycle", "on-demand"),
                "autoscaling_group": own.get("aws:autoscaling:groupName"),
                "image_id": instance.get("ImageId"),
                **known.get(instance["InstanceType"], {}),
            },
        )


def _system(instance: dict[str, Any]) -> str:
    """`Linux/UNIX` → `Linux`, as price lists have it; licences follow (`Windows with SQL Server Standard`)."""
    details = str(instance.get("PlatformDetails") or ("Windows" if instance.get("Platform") == "windows" else "Linux/UNIX"))
    return "Linux" if details == "Linux/UNIX" else details


def volumes(place: Place) -> Iterator[Resource]:
    for volume in place.each("ec2", "DescribeVolumes", "Volumes"):
        yield Resource(
            id=volume["VolumeId"],
            type="AWS::EC2::Volume",
            sku=volume.get("VolumeType"),
            state=volume["State"],
            created_at=volume.get("CreateTime"),
            attached_to=next((a["InstanceId"] for a in volume.get("Attachments", ()) if a.get("InstanceId")), None),
            tags=tags(volume.get("Tags")),
            properties={
                "size_gib": volume.get("Size"),
                "iops": volume.get("Iops"),
                "throughput_mibps": volume.get("Throughput"),
                "volume_type": volume.get("VolumeType"),
                "zone": volume.get("AvailabilityZone"),
            },
        )


def snapshots(place: Place) -> Iterator[Resource]:
    """A snapshot of an image names it: it cannot go before the image does. Its description names one that is gone."""
    images = {
        mapping["Ebs"]["SnapshotId"]: image
        for image in place.each(
            "ec2", "DescribeImages", "Images", Owners=["self"], IncludeDeprecated=True, IncludeDisabled=True
        )
        for mapping in image.get("BlockDeviceMappings", ())
        if mapping.get("Ebs", {}).get("SnapshotId")
    }
    for snapshot in place.each("ec2", "DescribeSnapshots", "Snapshots", OwnerIds=["self"]):
        image = images.get(snapshot["SnapshotId"]) or _gone(snapshot.get("Description", ""))
        full = snapshot.get("FullSnapshotSizeInBytes")
        yield Resource(
            id=place.arn("ec2", f"snapshot/{snapshot['SnapshotId']}"),
            type="AWS::EC2::Snapshot",
            sku=snapshot.get("StorageTier", "standard"),
            state=snapshot.get("State"),
            created_at=snapshot.get("StartTime"),
            attached_to=None if snapshot.get("VolumeId") == COPIED else snapshot.get("VolumeId"),
            tags=tags(snapshot.get("Tags")),
            properties={
                "size_gib": snapshot.get("VolumeSize"),
                "full_size_gib": full / 2**30 if full else None,  # what it would take alone; what it adds, only the bill says
                "image_id": image.get("ImageId"),
                "image_state": image.get("State"),
            },
        )


def _gone(description: str) -> dict[str, Any]:
    """The image for which EC2 made a snapshot (`Created by CreateImage(i-…) for ami-…`), where it is no image any more."""
    named = re.match(r"(?:Created by CreateImage\(i-\w+\) for|Copied for DestinationAmi) (ami-\w+)", description)
    return {"ImageId": named[1], "State": "deregistered"} if named else {}


def addresses(place: Place) -> Iterator[Resource]:
    for address in place.call("ec2", "DescribeAddresses")["Addresses"]:
        attached = address.get("InstanceId") or address.get("NetworkInterfaceId")
        yield Resource(
            id=place.arn("ec2", f"elastic-ip/{address.get('AllocationId', address['PublicIp'])}"),
            type="AWS::EC2::EIP",
            sku="ipv4",
            state="associated" if address.get("AssociationId") or attached else "unassociated",
            attached_to=attached or None,
            tags=tags(address.get("Tags")),
        )


def gateways(place: Place) -> Iterator[Resource]:
    for gateway in place.each("ec2", "DescribeNatGateways", "NatGateways"):
        yield Resource(
            id=place.arn("ec2", f"natgateway/{gateway['NatGatewayId']}"),
            type="AWS::EC2::NatGateway",
            sku="nat",
            state=gateway.get("State"),
            created_at=gateway.get("CreateTime"),
            attached_to=gateway.get("VpcId"),
            tags=tags(gateway.get("Tags")),
            properties={"subnet": gateway.get("SubnetId")},
        )


def groups(place: Place) -> Iterator[Resource]:
    policies: dict[str, list[str]] = {}
    for policy in place.each("autoscaling", "DescribePolicies", "ScalingPolicies"):
        policies.setdefault(policy["AutoScalingGroupName"], []).append(_policy(policy))
    found = list(place.each("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups"))
    types = {group["AutoScalingGroupARN"]: _types(group) for group in found}
    known = sizes(place, {name for several in types.values() for name in several})
    for group in found:
        several = types[group["AutoScalingGroupARN"]]
        yield Resource(
            id=group["AutoScalingGroupARN"],
            type="AWS::AutoScaling::AutoScalingGroup",
            sku=several[0] if several else None,
            state=group.get("Status") or "active",
            created_at=group.get("CreatedTime"),
            tags=tags(group.get("Tags")),
            properties={
                "min_nodes": group["MinSize"],
                "max_nodes": group["MaxSize"],
                "desired": group["DesiredCapacity"],
                "instances": len(group.get("Instances", ())),
                "zones": len(group.get("AvailabilityZones", ())),
                "scaling": "; ".join(sorted(policies.get(group["AutoScalingGroupName"], ()))) or "none",
                **(known.get(several[0], {}) if several else {}),
            },
        )


def _types(group: dict[str, Any]) -> list[str]:
    """The machine types of a group, as its instances have them, most frequent first."""
    names = [str(instance["InstanceType"]) for instance in group.get("Instances", ()) if instance.get("InstanceType")]
    return sorted(set(names), key=lambda name: (-names.count(name), name))


def _policy(policy: dict[str, Any]) -> str:
    """A scaling policy in words: `target CPU 60`."""
    target = policy.get("TargetTrackingConfiguration") or {}
    if target:
        name = (target.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType", "a metric of its own")
        return f"target {name} {target['TargetValue']:g}"
    return str(policy.get("PolicyType", "a policy"))


EC2 = (
    Kind("instances", ("ec2:DescribeInstances", "ec2:DescribeInstanceTypes"), instances),
    Kind("volumes", ("ec2:DescribeVolumes",), volumes),
    Kind("snapshots", ("ec2:DescribeSnapshots", "ec2:DescribeImages"), snapshots),
    Kind("addresses", ("ec2:DescribeAddresses",), addresses),
    Kind("nat gateways", ("ec2:DescribeNatGateways",), gateways),
    Kind(
        "autoscaling groups",
        ("autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribePolicies", "ec2:DescribeInstanceTypes"),
        groups,
    ),
)
