"""Machines and what hangs on them: scale sets, disks, snapshots, addresses, load balancers, gateways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.azure import arm, sizes
from connectors.azure.resources import Document, Kind, Resource, group_of, of, same, zones
from connectors.azure.session import Connection

VM = "Microsoft.Compute/virtualMachines"
SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets"
DISKS = "Microsoft.Compute/disks"
SNAPSHOTS = "Microsoft.Compute/snapshots"
IMAGES = "Microsoft.Compute/images"
ADDRESSES = "Microsoft.Network/publicIPAddresses"
BALANCERS = "Microsoft.Network/loadBalancers"
GATEWAYS = "Microsoft.Network/natGateways"
SETTINGS = "Microsoft.Insights/autoscaleSettings"
DATABRICKS = "Microsoft.Databricks/workspaces"

CLAIM = "kubernetes.io-created-for-pvc-name"
"""The tag by which AKS' disk driver names the claim that a disk was made for."""


def machines(connection: Connection) -> Iterator[Resource]:
    """Machines by themselves. In a managed group they are a part of the workspace that owns it."""
    owners = {
        str(of(workspace, "properties", "managedResourceGroupId")).lower(): str(workspace["id"])
        for workspace in arm.of_type(connection, DATABRICKS)
    }
    for machine in arm.of_type(connection, VM):
        flexible = of(machine, "properties", "virtualMachineScaleSet", "id")
        owner = machine.get("managedBy") or flexible or owners.get(group_of(str(machine["id"])))
        yield _machine(connection, machine, owner, of(machine, "properties", "hardwareProfile", "vmSize"))


def members(connection: Connection) -> Iterator[Resource]:
    """Machines of uniform scale sets: their id names the set."""
    for machine in arm.of_type(connection, f"{SCALE_SETS}/virtualMachines", table="computeresources"):
        size = of(machine, "properties", "hardwareProfile", "vmSize") or of(machine, "sku", "name")
        yield _machine(connection, machine, None, size)


def _machine(connection: Connection, machine: Document, owner: object, size: object) -> Resource:
    status = of(machine, "properties", "extended", "instanceView", "powerState", "code")
    state = str(status).rpartition("/")[2] if status else None
    licence = of(machine, "properties", "licenseType")
    return Resource(
        document=machine,
        type=VM,
        sku=str(size) if size else None,
        state=state,
        created_at=of(machine, "properties", "timeCreated"),
        attached_to=str(owner) if owner else None,
        properties={
            "operating_system": of(machine, "properties", "storageProfile", "osDisk", "osType"),
            "license": None if licence in (None, "None") else licence,
            "lifecycle": "spot" if same(of(machine, "properties", "priority"), "Spot") else None,
            "zone": next(iter(machine.get("zones") or ()), None),
            "power_state": state,
            **sizes.specs(connection, machine.get("location"), size),
        },
    )


def scale_sets(connection: Connection) -> Iterator[Resource]:
    for group in arm.of_type(connection, SCALE_SETS):
        profile, count = of(group, "properties", "virtualMachineProfile"), of(group, "sku", "capacity")
        limits = autoscale(connection, str(group["id"]))
        yield Resource(
            document=group,
            type=SCALE_SETS,
            sku=of(group, "sku", "name"),
            state=of(group, "properties", "provisioningState"),
            created_at=of(group, "properties", "timeCreated"),
            properties={
                "operating_system": of(profile or {}, "storageProfile", "osDisk", "osType"),
                "lifecycle": "spot" if same(of(profile or {}, "priority"), "Spot") else None,
                "min_nodes": limits.get("min", count),
                "max_nodes": limits.get("max", count),
                "desired": count,
                "instances": count,
                "zones": zones(group),
                "scaling": limits.get("rules", "none"),
                **sizes.specs(connection, group.get("location"), of(group, "sku", "name")),
            },
        )


def autoscale(connection: Connection, target: str) -> dict[str, Any]:
    """`min`, `max` and the `rules` in words of the autoscale setting for a resource; empty where there is none."""
    for setting in arm.of_type(connection, SETTINGS):
        properties = setting["properties"]
        profiles = properties.get("profiles") or ()
        if properties.get("enabled") is False or not profiles or not same(properties.get("targetResourceUri"), target):
            continue
        capacities = [profile["capacity"] for profile in profiles]
        rules = sorted({_rule(rule) for profile in profiles for rule in profile.get("rules") or ()})
        return {
            "min": min(int(capacity["minimum"]) for capacity in capacities),
            "max": max(int(capacity["maximum"]) for capacity in capacities),
            "rules": "; ".join(rules) or "by schedule",
        }
    return {}


def _rule(rule: Document) -> str:
    """`Percentage CPU GreaterThan 70: Increase 1`."""
    trigger, action = rule["metricTrigger"], rule["scaleAction"]
    name, limit = trigger.get("metricName"), f"{float(trigger['threshold']):g}"
    return f"{name} {trigger.get('operator')} {limit}: {action.get('direction')} {action.get('value')}"


def disks(connection: Connection) -> Iterator[Resource]:
    for disk in arm.of_type(connection, DISKS):
        properties, kind = disk["properties"], of(disk, "sku", "name")
        tier = properties.get("tier")
        yield Resource(
            document=disk,
            type=DISKS,
            sku=f"{kind}_{tier}" if kind and tier else kind,
            state=properties.get("diskState"),
            created_at=properties.get("timeCreated"),
            attached_to=disk.get("managedBy"),
            properties={
                "size_gib": properties.get("diskSizeGB"),
                "volume_type": kind,
                "iops": properties.get("diskIOPSReadWrite"),
                "throughput_mibps": properties.get("diskMBpsReadWrite"),
                "zone": next(iter(disk.get("zones") or ()), None),
                "multi_attach": True if (properties.get("maxShares") or 1) > 1 else None,
                "system_disk": True if properties.get("osType") else None,
                "pvc": (disk.get("tags") or {}).get(CLAIM),
            },
        )


def snapshots(connection: Connection) -> Iterator[Resource]:
    """A snapshot that an image was made of names it: it cannot go before the image does."""
    images = {snapshot: image for image in arm.of_type(connection, IMAGES) for snapshot in _sources(image)}
    for snapshot in arm.of_type(connection, SNAPSHOTS):
        properties = snapshot["properties"]
        image = images.get(str(snapshot["id"]).lower())
        yield Resource(
            document=snapshot,
            type=SNAPSHOTS,
            sku=of(snapshot, "sku", "name"),
            state=properties.get("provisioningState"),
            created_at=properties.get("timeCreated"),
            attached_to=of(properties, "creationData", "sourceResourceId"),
            properties={
                "size_gib": properties.get("diskSizeGB"),
                "incremental": properties.get("incremental"),
                "image_id": image["id"] if image else None,
                "image_state": "available" if image else None,
            },
        )


def _sources(image: Document) -> Iterator[str]:
    storage = of(image, "properties", "storageProfile") or {}
    for disk in (storage.get("osDisk") or {}, *(storage.get("dataDisks") or ())):
        if snapshot := of(disk, "snapshot", "id"):
            yield str(snapshot).lower()


def addresses(connection: Connection) -> Iterator[Resource]:
    for address in arm.of_type(connection, ADDRESSES):
        holder = of(address, "properties", "ipConfiguration", "id") or of(address, "properties", "natGateway", "id")
        yield Resource(
            document=address,
            type=ADDRESSES,
            sku=of(address, "sku", "name"),
            state="associated" if holder else "unassociated",
            attached_to=holder,
            properties={
                "allocation": of(address, "properties", "publicIPAllocationMethod"),
                "version": of(address, "properties", "publicIPAddressVersion"),
            },
        )


def balancers(connection: Connection) -> Iterator[Resource]:
    for balancer in arm.of_type(connection, BALANCERS):
        pools = of(balancer, "properties", "backendAddressPools") or ()
        targets = {
            str(entry.get("id") or entry.get("name")).lower()
            for pool in pools
            for name in ("backendIPConfigurations", "loadBalancerBackendAddresses")
            for entry in (of(pool, "properties", name) or ())
        }
        inbound = [
            r for r in of(balancer, "properties", "inboundNatRules") or () if of(r, "properties", "backendIPConfiguration")
        ]
        yield Resource(
            document=balancer,
            type=BALANCERS,
            sku=of(balancer, "sku", "name"),
            state=of(balancer, "properties", "provisioningState"),
            properties={"target_count": len(targets) + len(inbound)},
        )


def gateways(connection: Connection) -> Iterator[Resource]:
    for gateway in arm.of_type(connection, GATEWAYS):
        yield Resource(
            document=gateway,
            type=GATEWAYS,
            sku=of(gateway, "sku", "name"),
            state=of(gateway, "properties", "provisioningState"),
            properties={"subnets": len(of(gateway, "properties", "subnets") or ())},
        )


def reads(*types: str) -> tuple[str, ...]:
    return tuple(f"{name}/read" for name in types)


COMPUTE = (
    Kind("machines", (*reads(VM, DATABRICKS), sizes.SKUS), machines),
    Kind("machines of scale sets", (*reads(f"{SCALE_SETS}/virtualMachines"), sizes.SKUS), members),
    Kind("scale sets", (*reads(SCALE_SETS, SETTINGS), sizes.SKUS), scale_sets),
    Kind("disks", reads(DISKS), disks),
    Kind("snapshots", reads(SNAPSHOTS, IMAGES), snapshots),
    Kind("addresses", reads(ADDRESSES), addresses),
    Kind("load balancers", reads(BALANCERS), balancers),
    Kind("NAT gateways", reads(GATEWAYS), gateways),
)
