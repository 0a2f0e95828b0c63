"""What answers while it runs: caches, brokers, search services. A second one that only waits for the first to fail is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.azure import arm
from connectors.azure.resources import Document, Kind, Resource, of
from connectors.azure.resources_compute import reads
from connectors.azure.session import Connection

REDIS = "Microsoft.Cache/Redis"
ENTERPRISE = "Microsoft.Cache/redisEnterprise"
EVENT_HUBS = "Microsoft.EventHub/namespaces"
EVENT_CLUSTERS = "Microsoft.EventHub/clusters"
SERVICE_BUS = "Microsoft.ServiceBus/namespaces"
SEARCH = "Microsoft.Search/searchServices"

PAIRED = {
    ENTERPRISE: ("cache:Databases", "databases", "2024-02-01"),
    EVENT_HUBS: ("eventhub:DisasterRecoveryConfigs", "disasterRecoveryConfigs", "2024-01-01"),
    SERVICE_BUS: ("servicebus:DisasterRecoveryConfigs", "disasterRecoveryConfigs", "2021-11-01"),
}
"""Type → operation, list and version of what says that a thing is one of a pair (Microsoft Learn, REST API, as of 2026-11)."""

UNPAIRED = ("basic",)
"""Tiers of namespaces that take no other one as their second."""


def caches(connection: Connection) -> Iterator[Resource]:
    for cache in arm.of_type(connection, REDIS):
        sku: Document = of(cache, "properties", "sku") or {}
        size = f"{sku.get('family', '')}{sku.get('capacity', '')}"
        linked = bool(of(cache, "properties", "linkedServers"))
        yield _resource(cache, REDIS, f"{sku['name']}_{size}" if sku.get("name") else None, linked)
    for cache in arm.of_type(connection, ENTERPRISE):
        linked = any(
            of(one, "properties", "geoReplication", "linkedDatabases") for one in _paired(connection, cache, ENTERPRISE)
        )
        yield _resource(cache, ENTERPRISE, of(cache, "sku", "name"), linked)


def brokers(connection: Connection) -> Iterator[Resource]:
    for kind in (EVENT_HUBS, SERVICE_BUS):
        for namespace in arm.of_type(connection, kind):
            roles = [of(one, "properties", "role") for one in _paired(connection, namespace, kind)]
            yield _resource(namespace, kind, of(namespace, "sku", "name"), "Secondary" in roles)
    for cluster in arm.of_type(connection, EVENT_CLUSTERS):
        yield _resource(cluster, EVENT_CLUSTERS, of(cluster, "sku", "name"), waits=False)


def searches(connection: Connection) -> Iterator[Resource]:
    for service in arm.of_type(connection, SEARCH):
        yield _resource(service, SEARCH, of(service, "sku", "name"), waits=False)


def _paired(connection: Connection, thing: Document, kind: str) -> list[dict[str, Any]]:
    operation, name, version = PAIRED[kind]
    if str(of(thing, "sku", "name")).lower() in UNPAIRED:
        return []
    return list(arm.listed(connection, operation, f"{kind}/{name}/read", f"{thing['id']}/{name}", version))


def _resource(thing: Document, kind: str, sku: str | None, waits: bool) -> Resource:
    return Resource(
        document=thing,
        type=kind,
        sku=sku,
        state=of(thing, "properties", "status") or of(thing, "properties", "provisioningState"),
        created_at=of(thing, "properties", "createdAt"),
        properties={"read_replica": True if waits else None, "instances": of(thing, "sku", "capacity")},
    )


CACHES = (
    Kind("caches", (*reads(REDIS, ENTERPRISE), f"{ENTERPRISE}/databases/read"), caches),
    Kind(
        "brokers",
        (
            *reads(EVENT_HUBS, EVENT_CLUSTERS, SERVICE_BUS),
            *(f"{kind}/disasterRecoveryConfigs/read" for kind in (EVENT_HUBS, SERVICE_BUS)),
        ),
        brokers,
    ),
    Kind("search services", reads(SEARCH), searches),
)
