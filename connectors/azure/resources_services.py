"""What runs on top: databases, storage accounts, clusters, plans, workspaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.azure import arm, sizes
from connectors.azure.resources import Document, Kind, Resource, of, same
from connectors.azure.resources_compute import DATABRICKS, reads
from connectors.azure.session import Connection
from finops.errors import SourceError

DATABASES = "Microsoft.Sql/servers/databases"
POOLS = "Microsoft.Sql/servers/elasticPools"
POSTGRESQL = "Microsoft.DBforPostgreSQL/flexibleServers"
MYSQL = "Microsoft.DBforMySQL/flexibleServers"
ACCOUNTS = "Microsoft.Storage/storageAccounts"
POLICIES = f"{ACCOUNTS}/managementPolicies/read"
SERVICES = f"{ACCOUNTS}/blobServices/read"
CLUSTERS = "Microsoft.ContainerService/managedClusters"
PLANS = "Microsoft.Web/serverFarms"
VAULTS = "Microsoft.KeyVault/vaults"
REGISTRIES = "Microsoft.ContainerRegistry/registries"

GIB_PER_VCORE = {"Gen5": 5.1}
"""Memory of provisioned SQL databases (Microsoft Learn, "vCore purchasing model", standard-series; as known, 2026-11-26)."""

STORAGE_VERSION = "2023-01-01"
LAST_ACCESS = "daysAfterLastAccessTimeGreaterThan"
WITH_BLOBS = ("StorageV2", "BlobStorage", "BlockBlobStorage", "Storage")
"""Kinds of account that hold blobs; `FileStorage` does not."""


def databases(connection: Connection) -> Iterator[Resource]:
    """`master` is the server's own. A database of a pool costs nothing by itself: the pool does."""
    for database in arm.of_type(connection, DATABASES):
        if database["name"].rpartition("/")[2] == "master":
            continue
        pool = of(database, "properties", "elasticPoolId")
        yield _sql(database, DATABASES, of(database, "properties", "currentServiceObjectiveName"), pool)
    for pool in arm.of_type(connection, POOLS):
        name, cores = of(pool, "sku", "name"), of(pool, "sku", "capacity")
        yield _sql(pool, POOLS, f"{name}_{cores}" if name and cores else name, None)


def _sql(database: Document, kind: str, sku: str | None, pool: str | None) -> Resource:
    properties, family = database["properties"], str(of(database, "sku", "family") or "")
    by_core = family in GIB_PER_VCORE
    cores = of(database, "sku", "capacity") if family else None  # without a family, capacity counts DTUs
    licence = properties.get("licenseType")
    return Resource(
        document=database,
        type=kind,
        sku=sku,
        state=properties.get("status") or properties.get("state"),
        created_at=properties.get("creationDate"),
        attached_to=pool,
        properties={
            "engine": "sqlserver",
            "license": licence,
            "vcores": cores,
            "vcpu": cores,
            "memory_gib": round(cores * GIB_PER_VCORE[family], 1) if cores and by_core else None,
            "architecture": "x86_64" if by_core else None,
            "hybrid_benefit_cores": cores if licence == "BasePrice" else None,
            "multi_az": bool(properties.get("zoneRedundant")),
            "read_replica": properties.get("secondaryType"),
            "size_gib": _gib(properties.get("maxSizeBytes")),
        },
    )


def servers(connection: Connection) -> Iterator[Resource]:
    for kind, engine in ((POSTGRESQL, "postgres"), (MYSQL, "mysql")):
        for server in arm.of_type(connection, kind):
            properties = server["properties"]
            available = of(properties, "highAvailability", "mode")
            redundant = available not in (None, "Disabled")
            replica = str(properties.get("replicationRole") or "")
            yield Resource(
                document=server,
                type=kind,
                sku=of(server, "sku", "name"),
                state=properties.get("state"),
                properties={
                    "engine": engine,
                    "version": properties.get("version"),
                    "multi_az": True if redundant else None,
                    "deployment": available if redundant else "Single",
                    "read_replica": replica if "replica" in replica.lower() else None,
                    "size_gib": of(properties, "storage", "storageSizeGB"),
                    "iops": of(properties, "storage", "iops"),
                    **sizes.specs(connection, server.get("location"), of(server, "sku", "name")),
                },
            )


def accounts(connection: Connection) -> Iterator[Resource]:
    """Storage accounts with their lifecycle rules, which Resource Graph does not have."""
    found = arm.of_type(connection, ACCOUNTS)
    details = connection.map(lambda account: _details(connection, account), found)
    for account, properties in zip(found, details, strict=True):
        tier = of(account, "properties", "accessTier")
        yield Resource(
            document=account,
            type=ACCOUNTS,
            sku=str(tier).lower() if tier else of(account, "sku", "name"),
            created_at=of(account, "properties", "creationTime"),
            properties=properties,
        )


def _details(connection: Connection, account: Document) -> dict[str, object]:
    redundancy = str(of(account, "sku", "name") or "").partition("_")[2] or None
    if account.get("kind") not in WITH_BLOBS:
        return {"redundancy": redundancy}
    path, version = str(account["id"]), {"api-version": STORAGE_VERSION}
    rules = _absent_is_none(
        lambda: arm.one(connection, "storage:ManagementPolicy", POLICIES, f"{path}/managementPolicies/default", **version)
    )
    service = arm.one(connection, "storage:BlobService", SERVICES, f"{path}/blobServices/default", **version)
    kept = of(service, "properties", "deleteRetentionPolicy") or {}
    return {
        "redundancy": redundancy,
        "versioning": bool(of(service, "properties", "isVersioningEnabled")),
        "soft_delete_days": kept.get("days") if kept.get("enabled") else None,
        "object_lock": True if of(account, "properties", "immutableStorageWithVersioning", "enabled") else None,
        "lifecycle_rules": [
            _rule(rule, prefix)
            for rule in of(rules or {}, "properties", "policy", "rules") or ()
            if rule.get("enabled", True)
            for prefix in of(rule, "definition", "filters", "prefixMatch") or (None,)
        ],
    }


def _absent_is_none(ask: Any) -> Mapping[str, Any] | None:
    """404 for a policy that an account does not have."""
    try:
        found: Mapping[str, Any] = ask()
    except SourceError as error:
        if "ManagementPolicyNotFound" in error.what:
            return None
        raise
    return found


def _rule(rule: Document, prefix: str | None) -> dict[str, object]:
    """In the words of the open format; further conditions (it is a rule of some blobs alone) under their own names."""
    actions, filters = of(rule, "definition", "actions") or {}, of(rule, "definition", "filters") or {}
    current = actions.get("baseBlob") or {}
    steps = [(_days(current.get(f"tierTo{tier}")), tier.lower()) for tier in ("Cool", "Cold", "Archive")]
    kinds = filters.get("blobTypes") or ["blockBlob"]
    kept = {
        "prefix": prefix,
        "expire_days": _days(current.get("delete")),
        "noncurrent_days": _days(of(actions, "version", "delete")),
        "transitions": [{"days": days, "storage_class": tier} for days, tier in steps if days is not None] or None,
        "x_tags": {tag["name"]: tag["value"] for tag in filters.get("blobIndexMatch") or ()} or None,
        "x_blob_types": None if "blockBlob" in kinds else kinds,
        # what is read stays: no age at which it goes
        "x_last_access": any(isinstance(given, Mapping) and LAST_ACCESS in given for given in current.values()) or None,
    }
    return {name: value for name, value in kept.items() if value is not None}


def _days(condition: Mapping[str, Any] | None) -> int | float | None:
    """Days of a condition; of several, the first that there is."""
    names = ("daysAfterModificationGreaterThan", "daysAfterCreationGreaterThan", LAST_ACCESS)
    days = next((condition[name] for name in names if condition and condition.get(name) is not None), None)
    return int(days) if isinstance(days, float) and days.is_integer() else days


def clusters(connection: Connection) -> Iterator[Resource]:
    for cluster in arm.of_type(connection, CLUSTERS):
        properties = cluster["properties"]
        yield Resource(
            document=cluster,
            type=CLUSTERS,
            sku=of(cluster, "sku", "tier"),
            state=of(properties, "powerState", "code") or properties.get("provisioningState"),
            properties={
                "version": properties.get("currentKubernetesVersion") or properties.get("kubernetesVersion"),
                "support": "extended" if properties.get("supportPlan") == "AKSLongTermSupport" else "standard",
            },
        )
        for pool in properties.get("agentPoolProfiles") or ():
            yield _pool(connection, cluster, pool)


def _pool(connection: Connection, cluster: Document, pool: Document) -> Resource:
    scaled, count = bool(pool.get("enableAutoScaling")), pool.get("count")
    return Resource(
        document=cluster,
        id=f"{cluster['id']}/agentPools/{pool['name']}",
        type=f"{CLUSTERS}/agentPools",
        sku=pool.get("vmSize"),
        state=of(pool, "powerState", "code") or pool.get("provisioningState"),
        attached_to=str(cluster["id"]),
        tags=pool.get("tags") or cluster.get("tags") or {},
        properties={
            "operating_system": pool.get("osType"),
            "min_nodes": pool.get("minCount") if scaled else count,
            "max_nodes": pool.get("maxCount") if scaled else count,
            "desired": count,
            "zones": len(pool.get("availabilityZones") or ()) or None,
            "lifecycle": "spot" if same(pool.get("scaleSetPriority"), "Spot") else None,
            "scaling": "cluster autoscaler" if scaled else "none",
            **sizes.specs(connection, cluster.get("location"), pool.get("vmSize")),
        },
    )


def plans(connection: Connection) -> Iterator[Resource]:
    for plan in arm.of_type(connection, PLANS):
        yield Resource(
            document=plan,
            type=PLANS,
            sku=of(plan, "sku", "name"),
            state=of(plan, "properties", "status"),
            properties={
                "instances": of(plan, "sku", "capacity"),
                "applications": of(plan, "properties", "numberOfSites"),
                "tier": of(plan, "sku", "tier"),
            },
        )


def workspaces(connection: Connection) -> Iterator[Resource]:
    """Databricks: its clusters' machines lie in the managed group."""
    for workspace in arm.of_type(connection, DATABRICKS):
        yield Resource(
            document=workspace,
            type="Databricks::Workspace",
            sku=of(workspace, "sku", "name"),
            state=of(workspace, "properties", "provisioningState"),
            created_at=of(workspace, "properties", "createdDateTime"),
        )


def others(connection: Connection) -> Iterable[Resource]:
    """Things of which bills have lines and nothing is read but that they are there."""
    for kind in (VAULTS, REGISTRIES):
        for thing in arm.of_type(connection, kind):
            state = of(thing, "properties", "provisioningState")
            yield Resource(document=thing, type=kind, sku=of(thing, "sku", "name"), state=state)


def _gib(size: int | None) -> float | int | None:
    if not size:
        return None
    gib = size / 2**30
    return int(gib) if gib.is_integer() else gib


HOSTED = (
    Kind("databases", reads(DATABASES, POOLS), databases),
    Kind("database servers", (*reads(POSTGRESQL, MYSQL), sizes.SKUS), servers),
    Kind("storage accounts", (*reads(ACCOUNTS), POLICIES, SERVICES), accounts),
    Kind("clusters", (*reads(CLUSTERS), sizes.SKUS), clusters),
    Kind("plans", reads(PLANS), plans),
    Kind("Databricks workspaces", reads(DATABRICKS), workspaces),
    Kind("vaults and registries", reads(VAULTS, REGISTRIES), others),
)
