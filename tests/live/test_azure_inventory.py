"""Inventory of Azure: the sample company's documents give its files' rows, and each kind of thing what is read of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from finops.live.doctor import examine
from finops.storage.declared import Declared
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import GROUP, ONLY_ELSEWHERE, SUBSCRIPTION, put_resources, put_sample, sample_rows
from tests.live.conftest import NOW

UNDATED = ("onlineEndpoints", "KeyVault")
"""Types whose documents do not say when a thing was made."""


def inventory(azure: Azure, **settings: Any) -> Any:
    return source(azure, "inventory", management_endpoint=azure.url, **settings)


def resources(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    found = rows(warehouse, "select * from resources")
    return {row["resource_id"]: row | {"properties": json.loads(row["properties"] or "{}")} for row in found}


def test_the_sample_companys_documents_give_its_files_rows(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    azure.plane.page = 4  # several pages of most lists
    assert fetched(warehouse, inventory(azure)).failures == ()
    found = resources(warehouse)
    assert found.keys() == {row["resource_id"] for row in sample_rows()}
    for row in sample_rows():
        live = found[row["resource_id"]]
        for name in ("provider", "account_id", "region", "resource_type", "sku", "attached_to"):
            assert (live[name] or "") == row[name], (row["resource_id"], name)
        assert (live["state"] or "") == row["state"].removeprefix("VM ")
        assert json.loads(live["tags"]) == row["tags"]
        told = {name: value for name, value in row["properties"].items() if name not in ONLY_ELSEWHERE}
        assert told.items() <= live["properties"].items(), row["resource_id"]
        if not any(word in row["resource_type"] for word in UNDATED):
            assert live["created_at"].replace(microsecond=0) == datetime.fromisoformat(row["created_at"])


def test_every_other_kind_of_thing(azure: Azure, warehouse: Warehouse) -> None:
    put_resources(azure)
    assert fetched(warehouse, inventory(azure)).failures == ()
    found = {name.removeprefix(f"{GROUP}/"): row for name, row in resources(warehouse).items()}
    assert {row["region"] for row in found.values()} == {"eastus2"}
    scale = found["Microsoft.Compute/virtualMachineScaleSets/web"]
    expected = {"min_nodes": 2, "max_nodes": 10, "instances": 3, "zones": 2, "vcpu": 4, "lifecycle": "spot"}
    assert expected.items() <= scale["properties"].items()
    assert scale["properties"]["scaling"] == "Percentage CPU GreaterThan 70: Increase 1"
    snapshot = found["Microsoft.Compute/snapshots/golden"]
    assert snapshot["attached_to"] == f"{GROUP}/Microsoft.Compute/disks/d1"
    assert snapshot["properties"]["image_id"] == f"{GROUP}/Microsoft.Compute/images/base"
    assert found["Microsoft.Network/publicIPAddresses/free"]["state"] == "unassociated"
    assert found["Microsoft.Network/publicIPAddresses/held"]["state"] == "associated"
    assert found["Microsoft.Network/loadBalancers/front"]["properties"]["target_count"] == 2
    assert found["Microsoft.Network/natGateways/out"]["properties"] == {"subnets": 1}
    assert found["Microsoft.Sql/servers/sql/elasticPools/pool"]["sku"] == "GP_Gen5_4"
    server = found["Microsoft.DBforPostgreSQL/flexibleServers/pg"]["properties"]
    expected = {"engine": "postgres", "multi_az": True, "read_replica": "AsyncReplica", "memory_gib": 32, "size_gib": 128}
    assert expected.items() <= server.items()
    assert found["Microsoft.DBforMySQL/flexibleServers/my"]["properties"]["deployment"] == "Single"
    cluster = found["Microsoft.ContainerService/managedClusters/aks"]
    assert cluster["properties"] == {"support": "extended", "version": "1.31.2"}
    pool = found["Microsoft.ContainerService/managedClusters/aks/agentPools/gpu"]
    assert (pool["attached_to"], pool["sku"]) == (cluster["resource_id"], "Standard_NC4as_T4_v3")
    expected = {"min_nodes": 1, "max_nodes": 5, "desired": 2, "gpu_model": "T4", "gpu_memory_gib": 16, "lifecycle": "spot"}
    assert expected.items() <= pool["properties"].items()
    fixed = found["Microsoft.ContainerService/managedClusters/aks/agentPools/fixed"]["properties"]
    assert {"min_nodes": 3, "max_nodes": 3, "zones": 3, "scaling": "none"}.items() <= fixed.items()
    assert found["Microsoft.Web/serverFarms/plan"]["properties"]["instances"] == 2
    assert found["Microsoft.Storage/storageAccounts/shares"]["sku"] == "Premium_LRS"
    plain = found["Microsoft.Storage/storageAccounts/plain"]["properties"]
    assert plain == {"lifecycle_rules": [], "soft_delete_days": 7, "versioning": True}
    waits = {name for name, row in found.items() if row["properties"].get("read_replica") is True}
    assert waits == {
        "Microsoft.Cache/Redis/pair", "Microsoft.Cache/redisEnterprise/fast", "Microsoft.EventHub/namespaces/second",
    }  # fmt: skip
    assert found["Microsoft.Cache/Redis/pair"]["sku"] == "Premium_P1"
    assert found["Microsoft.EventHub/namespaces/events"]["properties"] == {"instances": 4}
    assert {"Microsoft.ServiceBus/namespaces/orders", "Microsoft.Search/searchServices/finder"} < found.keys()


def test_a_rule_of_some_blobs_declares_nothing_of_all(azure: Azure, warehouse: Warehouse) -> None:
    """What is deleted when nobody reads it, or by tag, or of another kind of blob, has no age at which all of it goes."""
    put_resources(azure)
    gone = {"delete": {"daysAfterLastAccessTimeGreaterThan": 90.0}}
    aged = {"delete": {"daysAfterModificationGreaterThan": 30.0}}
    tagged = {"blobTypes": ["blockBlob"], "blobIndexMatch": [{"name": "superseded", "op": "==", "value": "true"}]}
    definitions = [
        {"filters": {"blobTypes": ["blockBlob"]}, "actions": {"baseBlob": gone}},
        {"filters": tagged, "actions": {"baseBlob": aged}},
        {"filters": {"blobTypes": ["appendBlob"]}, "actions": {"baseBlob": aged}},
    ]
    rules = [{"enabled": True, "name": f"r{n}", "type": "Lifecycle", "definition": one} for n, one in enumerate(definitions)]
    plain = f"{GROUP}/Microsoft.Storage/storageAccounts/plain"
    azure.plane.things[f"{plain.lower()}/managementpolicies/default"] = {"properties": {"policy": {"rules": rules}}}
    fetched(warehouse, inventory(azure))
    found = resources(warehouse)[plain]["properties"]
    assert found["lifecycle_rules"] == [
        {"expire_days": 90, "x_last_access": True},
        {"expire_days": 30, "x_tags": {"superseded": "true"}},
        {"expire_days": 30, "x_blob_types": ["appendBlob"]},
    ]
    assert Declared.of(found).days("expire_days") is None


def test_what_is_gone_is_gone_from_the_days_snapshot(azure: Azure, warehouse: Warehouse) -> None:
    put_resources(azure)
    fetched(warehouse, inventory(azure))
    free = f"{GROUP}/Microsoft.Network/publicIPAddresses/free"
    assert free in resources(warehouse)
    kept = azure.plane.documents["microsoft.network/publicipaddresses"]
    kept[:] = [document for document in kept if document["id"] != free]
    fetched(warehouse, inventory(azure), now=NOW + timedelta(hours=2))
    assert free not in resources(warehouse)


def test_one_query_a_type_and_no_call_twice(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    fetched(warehouse, inventory(azure))
    queries = [json.loads(asked["body"])["query"] for name, asked in azure.requests if name == "resourcegraph:Resources"]
    assert len(queries) == len(set(queries))
    assert azure.asked["compute:Skus"] == 1  # one region
    assert azure.asked["cognitive:Models"] == 1


def test_only_the_subscriptions_that_are_set_are_read(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    fetched(warehouse, inventory(azure, subscriptions=[SUBSCRIPTION]))
    assert {row["account_id"] for row in resources(warehouse).values()} == {SUBSCRIPTION}


@pytest.mark.parametrize("more", [{"resultTruncated": "true"}, {"$skipToken": "again"}])
def test_rows_that_are_cut_off_are_an_error(azure: Azure, warehouse: Warehouse, more: dict[str, Any]) -> None:
    """Resource Graph cuts an answer off without an error where it cannot page it."""
    azure.answer("resourcegraph:Resources", {"data": [], "count": 0, "totalRecords": 5000} | more)
    (failure,) = fetched(warehouse, inventory(azure)).failures
    assert "cut its answer off" in failure or "one page token twice" in failure
    assert warehouse.published().number == 0


def test_what_may_not_be_read_is_said_though_resource_graph_says_nothing(azure: Azure) -> None:
    put_sample(azure)
    azure.plane.granted = [
        {"actions": ["*/read"], "notActions": ["Microsoft.Compute/Disks/*"]},
        {"actions": [], "notActions": []},
    ]
    status = {check.permission: check for check in examine([inventory(azure)], lambda _: None)}
    assert status["Microsoft.Compute/disks/read"].status == "missing"
    assert "3 of 3 subscriptions" in status["Microsoft.Compute/disks/read"].detail
    assert {check.status for name, check in status.items() if "disks" not in name.lower()} == {"ok"}
