"""Azure's own documents of the sample company's resources, and of one of each other kind of thing."""

from __future__ import annotations

import csv
import gzip
import json
from functools import cache
from typing import Any

from finops.demo import sample_company
from tests.live.azure_contract import Azure

REGION = "eastus2"
SUBSCRIPTION = "6a1f0c52-3a7e-4a57-9d1b-0c7e52d1a001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers"

ONLY_ELSEWHERE = {
    "pvc_phase": "Kubernetes", "statefulset_replicas": "Kubernetes", "slo_ms": "the team", "boot_minutes": "the team",
    "noncurrent_bytes": "Blob inventory",
}  # fmt: skip
"""Properties of the sample company's files that Azure's control plane does not know, and who does."""

SIZES = {
    "Standard_D4s_v5": (4, 16, 0), "Standard_D8s_v5": (8, 32, 0), "Standard_NC4as_T4_v3": (4, 28, 1),
    "Standard_NC24ads_A100_v4": (24, 220, 1), "Standard_NV12ads_A10_v5": (12, 110, 1), "Standard_D2ps_v5": (2, 8, 0),
    "Standard_D2s_v5": (2, 8, 0),
    "Standard_E4ds_v5": (4, 32, 0),
}  # fmt: skip


@cache
def sample_rows() -> list[dict[str, Any]]:
    """The sample company's Azure resources as its files have them at the end."""
    text = gzip.decompress((sample_company() / "open" / "resources.csv.gz").read_bytes()).decode()
    rows = [row for row in csv.DictReader(text.splitlines()) if row["provider"] == "Microsoft Azure"]
    last = max(row["observed_at"] for row in rows)
    kept = [row for row in rows if row["observed_at"] == last]
    return [{**row, "tags": json.loads(row["tags"]), "properties": json.loads(row["properties"])} for row in kept]


def put_sizes(azure: Azure) -> None:
    for subscription in azure.plane.subscriptions:
        azure.plane.lists[f"/subscriptions/{subscription}/providers/microsoft.compute/skus"] = [
            {
                "resourceType": "virtualMachines",
                "name": name,
                "locations": [REGION],
                "capabilities": [
                    {"name": "vCPUs", "value": str(cores)},
                    {"name": "MemoryGB", "value": str(memory)},
                    {"name": "CpuArchitectureType", "value": "Arm64" if "ps_" in name else "x64"},
                    *([{"name": "GPUs", "value": str(gpus)}] if gpus else []),
                ],
            }
            for name, (cores, memory, gpus) in SIZES.items()
        ] + [{"resourceType": "disks", "name": "Premium_LRS", "capabilities": []}]


def put_rate(azure: Azure, region: str, size: str, band: str) -> None:
    """How often spot machines of a size are evicted (Microsoft Learn, "Use Azure Spot Virtual Machines")."""
    kind = "Microsoft.Compute/skuSpotEvictionRate/location"
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skuSpotEvictionRate/{region}/{size}"
    more = {"location": region, "sku": {"name": size}, "properties": {"evictionRate": band}}
    azure.plane.put({"id": path, "type": kind, **more})


def put_sample(azure: Azure) -> None:
    """The sample company's resources as the resource manager would describe them."""
    azure.plane.subscriptions += sorted({row["account_id"] for row in sample_rows()})
    put_sizes(azure)
    for row in sample_rows():
        DOCUMENTS[row["resource_type"]](azure, row, row["properties"])


def _document(row: dict[str, Any], resource_type: str, /, **more: Any) -> dict[str, Any]:
    name = row["resource_id"].rpartition("/")[2]
    common = {"id": row["resource_id"], "name": name, "type": resource_type, "location": row["region"], "tags": row["tags"]}
    return {**common, "subscriptionId": row["account_id"], **more}


def _machine(azure: Azure, row: dict[str, Any], own: dict[str, Any]) -> None:
    member = "/virtualMachineScaleSets/" in row["resource_id"]
    kind = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines" if member else "Microsoft.Compute/virtualMachines"
    word = own["power_state"]
    azure.plane.put(
        _document(
            row,
            kind,
            managedBy=row["attached_to"] if "MachineLearning" in row["attached_to"] else "",
            properties={
                "hardwareProfile": {"vmSize": row["sku"]},
                "storageProfile": {"osDisk": {"osType": own["operating_system"]}},
                "timeCreated": row["created_at"].replace("Z", ".1234567Z"),
                "extended": {"instanceView": {"powerState": {"code": f"PowerState/{word}", "displayStatus": f"VM {word}"}}},
            },
        )
    )


def _disk(azure: Azure, row: dict[str, Any], own: dict[str, Any]) -> None:
    kind, _, tier = row["sku"].rpartition("_")
    properties = {
        "diskSizeGB": own["size_gib"], "tier": tier, "diskState": row["state"], "timeCreated": row["created_at"],
        "diskIOPSReadWrite": 500, "diskMBpsReadWrite": 100,
    }  # fmt: skip
    more = {"sku": {"name": kind, "tier": "Premium"}, "managedBy": row["attached_to"], "properties": properties}
    azure.plane.put(_document(row, "Microsoft.Compute/disks", **more))


def _database(azure: Azure, row: dict[str, Any], own: dict[str, Any]) -> None:
    tier, family, cores = row["sku"].split("_")
    properties = {
        "status": row["state"], "currentServiceObjectiveName": row["sku"], "licenseType": own["license"],
        "creationDate": row["created_at"], "zoneRedundant": False, "maxSizeBytes": 2**30 * 256,
    }  # fmt: skip
    sku = {"name": f"{tier}_{family}", "tier": "GeneralPurpose", "family": family, "capacity": int(cores)}
    azure.plane.put(_document(row, "Microsoft.Sql/servers/databases", sku=sku, properties=properties))
    server = row["resource_id"].rpartition("/")[0]
    azure.plane.put(
        _document(row, "Microsoft.Sql/servers/databases", sku={"name": "System"}, properties={})
        | {"id": f"{server}/master", "name": "master"}
    )


def _account(azure: Azure, row: dict[str, Any], own: dict[str, Any]) -> None:
    properties = {"accessTier": row["sku"].capitalize(), "creationTime": row["created_at"]}
    azure.plane.put(_document(row, "Microsoft.Storage/storageAccounts", kind="StorageV2", properties=properties))
    rules = [
        {
            "enabled": True,
            "name": f"rule-{number}",
            "type": "Lifecycle",
            "definition": {
                "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [rule["prefix"]]},
                "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": float(rule["expire_days"])}}},
            },
        }
        for number, rule in enumerate(own["lifecycle_rules"])
    ]
    path = row["resource_id"].lower()
    azure.plane.things[f"{path}/managementpolicies/default"] = {"properties": {"policy": {"rules": rules}}}
    service = {"isVersioningEnabled": own["versioning"], "deleteRetentionPolicy": {"enabled": False}}
    azure.plane.things[f"{path}/blobservices/default"] = {"properties": service}


def _workspace(azure: Azure, row: dict[str, Any]) -> None:
    """The workspace of a compute or an endpoint, once."""
    path = row["resource_id"].split("/computes/")[0].split("/onlineEndpoints/")[0]
    if not any(d["id"] == path for d in azure.plane.documents["microsoft.machinelearningservices/workspaces"]):
        more = {"id": path, "name": path.rpartition("/")[2], "properties": {}, "tags": {}}
        azure.plane.put(_document(row, "Microsoft.MachineLearningServices/workspaces") | more)


def _compute(azure: Azure, row: dict[str, Any], own: dict[str, Any]) -> None:
    _workspace(azure, row)
    inner: dict[str, Any] = {"vmSize": row["sku"]}
    if own["compute_type"] == "AmlCompute":
        scale = {"minNodeCount": own["min_nodes"], "maxNodeCount": own["max_nodes"], "nodeIdleTimeBeforeScaleDown": "PT2M"}
        inner |= {"scaleSettings": scale, "currentNodeCount": own["desired"], "allocationState": row["state"]}
    else:
        inner |= {"state": row["state"]}
    outer = {"computeType": own["compute_type"], "computeLocation": row["region"], "createdOn": row["created_at"]}
    azure.plane.lists[row["resource_id"].rpartition("/")[0].lower()].append(
        _document(row, "Microsoft.MachineLearningServices/workspaces/computes", properties={**outer, "properties": inner})
    )


def _endpoint(azure: Azure, row: dict[str, Any], own: dict[str, Any]) -> None:
    _workspace(azure, row)
    kind, variant = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints", own["variant"]
    traffic = {"properties": {"provisioningState": row["state"], "traffic": {variant: 100}}}
    azure.plane.put(_document(row, kind, **traffic))
    deployment = {
        "id": f"{row['resource_id']}/deployments/{variant}", "name": variant,
        "sku": {"name": "Default", "capacity": own["instance_count"]},
        "properties": {"instanceType": row["sku"], "provisioningState": "Succeeded", "scaleSettings": {"scaleType": "Default"}},
    }  # fmt: skip
    azure.plane.put(_document(row, f"{kind}/deployments") | deployment)


def _model(azure: Azure, row: dict[str, Any], own: dict[str, Any]) -> None:
    account = row["resource_id"].rpartition("/deployments/")[0]
    name = account.rpartition("/")[2]
    azure.plane.put(
        _document(row, "Microsoft.CognitiveServices/accounts", kind="OpenAI", properties={}) | {"id": account, "name": name}
    )
    model, kind = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}, own["deployment_type"]
    created = {"createdAt": row["created_at"]}
    document = _document(row, row["resource_type"], sku={"name": kind, "capacity": own["ptu"]}, systemData=created)
    document["properties"] = {"model": model, "provisioningState": row["state"]}
    azure.plane.lists[f"{account}/deployments".lower()].append(document)
    units = {"minimum": own["ptu_minimum"], "maximum": 100_000, "step": own["ptu_step"]}
    offers = [{"name": "Standard", "capacity": {"maximum": 500}}, {"name": kind, "capacity": units}]
    azure.plane.lists[f"{account}/models".lower()] = [
        {"format": "OpenAI", "name": "gpt-4o", "version": "2024-05-13", "skus": []},
        {**model, "skus": offers},
    ]


def _databricks(azure: Azure, row: dict[str, Any], _: dict[str, Any]) -> None:
    group = f"/subscriptions/{row['account_id']}/resourceGroups/databricks-rg-nordlicht-dbx"
    properties = {
        "managedResourceGroupId": group,
        "provisioningState": row["state"],
        "createdDateTime": row["created_at"],
    }
    azure.plane.put(_document(row, "Microsoft.Databricks/workspaces", sku={"name": row["sku"]}, properties=properties))


def _vault(azure: Azure, row: dict[str, Any], _: dict[str, Any]) -> None:
    azure.plane.put(_document(row, row["resource_type"], properties={"provisioningState": row["state"]}))


DOCUMENTS = {
    "Microsoft.Compute/virtualMachines": _machine,
    "Microsoft.Compute/disks": _disk,
    "Microsoft.Sql/servers/databases": _database,
    "Microsoft.Storage/storageAccounts": _account,
    "Microsoft.MachineLearningServices/workspaces/computes": _compute,
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints": _endpoint,
    "Microsoft.CognitiveServices/accounts/deployments": _model,
    "Databricks::Workspace": _databricks,
    "Microsoft.KeyVault/vaults": _vault,
}


def thing(resource_type: str, name: str, /, **more: Any) -> dict[str, Any]:
    """A document of a thing that the sample company does not have."""
    common = {"name": name, "type": resource_type, "location": "East US 2", "tags": {"team": "web"}}
    provider, *kinds = resource_type.split("/")
    path = "/".join(f"{kind}/{own}" for kind, own in zip(kinds, name.split("/"), strict=True))
    return {"id": f"{GROUP}/{provider}/{path}", **common, "subscriptionId": SUBSCRIPTION, "properties": {}, **more}


def put_resources(azure: Azure) -> None:
    """One of each kind of thing beside those of the sample company."""
    plane = azure.plane
    plane.subscriptions.append(SUBSCRIPTION)
    put_sizes(azure)
    set_id = f"{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web"
    profile = {"storageProfile": {"osDisk": {"osType": "Linux"}}, "priority": "Spot"}
    scale = {
        "sku": {"name": "Standard_D4s_v5", "capacity": 3},
        "zones": ["1", "2"],
        "properties": {"virtualMachineProfile": profile},
    }
    plane.put(thing("Microsoft.Compute/virtualMachineScaleSets", "web", **scale))
    plane.put(thing("Microsoft.Insights/autoscaleSettings", "off", properties={"enabled": False, "targetResourceUri": set_id}))
    capacity = {"minimum": "2", "maximum": "10", "default": "2"}
    trigger = {"metricName": "Percentage CPU", "operator": "GreaterThan", "threshold": 70.0}
    rule = {"metricTrigger": trigger, "scaleAction": {"direction": "Increase", "type": "ChangeCount", "value": "1"}}
    rules = [{"name": "default", "capacity": capacity, "rules": [rule]}]
    setting = {"enabled": True, "targetResourceUri": set_id.upper(), "profiles": rules}
    plane.put(thing("Microsoft.Insights/autoscaleSettings", "web", properties=setting))
    snapshot = f"{GROUP}/Microsoft.Compute/snapshots/golden"
    created = {"sourceResourceId": f"{GROUP}/Microsoft.Compute/disks/d1"}
    properties = {
        "diskSizeGB": 64, "incremental": True, "timeCreated": "2026-01-02T03:04:05Z", "provisioningState": "Succeeded",
        "creationData": created,
    }  # fmt: skip
    plane.put(thing("Microsoft.Compute/snapshots", "golden", sku={"name": "Standard_LRS"}, properties=properties))
    image = {"storageProfile": {"osDisk": {"snapshot": {"id": snapshot.upper()}}}}
    plane.put(thing("Microsoft.Compute/images", "base", properties=image))
    plane.put(thing("Microsoft.Network/publicIPAddresses", "free", sku={"name": "Standard"}))
    held = {"ipConfiguration": {"id": f"{GROUP}/Microsoft.Network/networkInterfaces/n1/ipConfigurations/c1"}}
    plane.put(thing("Microsoft.Network/publicIPAddresses", "held", sku={"name": "Standard"}, properties=held))
    pool = {"properties": {"backendIPConfigurations": [{"id": "a"}, {"id": "b"}]}}
    balancer = {"backendAddressPools": [pool, {"properties": {}}], "inboundNatRules": [{"properties": {}}]}
    plane.put(thing("Microsoft.Network/loadBalancers", "front", sku={"name": "Standard"}, properties=balancer))
    plane.put(thing("Microsoft.Network/natGateways", "out", sku={"name": "Standard"}, properties={"subnets": [{"id": "s"}]}))
    pools = {"state": "Ready", "creationDate": "2026-01-02T03:04:05Z", "licenseType": "LicenseIncluded"}
    sku = {"name": "GP_Gen5", "tier": "GeneralPurpose", "family": "Gen5", "capacity": 4}
    plane.put(thing("Microsoft.Sql/servers/elasticPools", "sql/pool", sku=sku, properties=pools))
    server = {
        "version": "16", "state": "Ready", "highAvailability": {"mode": "ZoneRedundant"}, "replicationRole": "AsyncReplica",
        "storage": {"storageSizeGB": 128, "iops": 500},
    }  # fmt: skip
    burst = {"name": "Standard_E4ds_v5", "tier": "MemoryOptimized"}
    plane.put(thing("Microsoft.DBforPostgreSQL/flexibleServers", "pg", sku=burst, properties=server))
    plane.put(thing("Microsoft.DBforMySQL/flexibleServers", "my", sku=burst, properties={"state": "Stopped"}))
    agents = [
        {"name": "gpu", "count": 2, "vmSize": "Standard_NC4as_T4_v3", "enableAutoScaling": True, "minCount": 1, "maxCount": 5,
         "osType": "Linux", "scaleSetPriority": "Spot", "powerState": {"code": "Running"}},
        {"name": "fixed", "count": 3, "vmSize": "Standard_D4s_v5", "osType": "Linux", "availabilityZones": ["1", "2", "3"]},
    ]  # fmt: skip
    cluster = {
        "currentKubernetesVersion": "1.31.2", "powerState": {"code": "Running"}, "supportPlan": "AKSLongTermSupport",
        "agentPoolProfiles": agents,
    }  # fmt: skip
    plane.put(thing("Microsoft.ContainerService/managedClusters", "aks", sku={"tier": "Premium"}, properties=cluster))
    plan = {"sku": {"name": "P1v3", "tier": "PremiumV3", "capacity": 2}, "properties": {"status": "Ready", "numberOfSites": 0}}
    plane.put(thing("Microsoft.Web/serverFarms", "plan", kind="linux", **plan))
    plane.put(thing("Microsoft.Storage/storageAccounts", "shares", kind="FileStorage", sku={"name": "Premium_LRS"}))
    plane.put(thing("Microsoft.Storage/storageAccounts", "plain", kind="StorageV2", properties={"accessTier": "Cool"}))
    service = {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 7}}
    path = f"{GROUP}/Microsoft.Storage/storageAccounts/plain/blobServices/default".lower()
    plane.things[path] = {"properties": service}
    plane.put(thing("Microsoft.ContainerRegistry/registries", "images", sku={"name": "Basic"}))
    put_services(azure)


def put_services(azure: Azure) -> None:
    """Caches, brokers and search services, some of them one of a pair."""
    plane = azure.plane
    premium = {"name": "Premium", "family": "P", "capacity": 1}
    linked = {"sku": premium, "provisioningState": "Succeeded", "linkedServers": [{"id": "other"}]}
    plane.put(thing("Microsoft.Cache/Redis", "pair", properties=linked))
    plane.put(thing("Microsoft.Cache/Redis", "plain", properties={"sku": {"name": "Basic", "family": "C", "capacity": 0}}))
    plane.put(thing("Microsoft.Cache/redisEnterprise", "fast", sku={"name": "Balanced_B5"}))
    groups = {"geoReplication": {"groupNickname": "g", "linkedDatabases": [{"id": "other", "state": "Linked"}]}}
    plane.lists[f"{GROUP}/Microsoft.Cache/redisEnterprise/fast/databases".lower()] = [{"properties": groups}]
    hubs = {"sku": {"name": "Standard", "tier": "Standard", "capacity": 4}}
    made = {"createdAt": "2026-01-02T03:04:05Z", "status": "Active"}
    for name, role in (("events", "Primary"), ("second", "Secondary")):
        plane.put(thing("Microsoft.EventHub/namespaces", name, properties=made, **hubs))
        configs = f"{GROUP}/Microsoft.EventHub/namespaces/{name}/disasterRecoveryConfigs".lower()
        plane.lists[configs] = [{"name": "alias", "properties": {"role": role}}]
    plane.put(thing("Microsoft.EventHub/clusters", "dedicated", sku={"name": "Dedicated", "capacity": 1}))
    plane.put(thing("Microsoft.ServiceBus/namespaces", "orders", sku={"name": "Premium", "capacity": 2}))
    plane.put(thing("Microsoft.ServiceBus/namespaces", "small", sku={"name": "Basic"}))
    plane.put(thing("Microsoft.Search/searchServices", "finder", sku={"name": "standard"}))
