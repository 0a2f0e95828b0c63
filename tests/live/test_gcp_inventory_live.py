"""Cloud Asset: the company's inventory is the same as its file, and every kind says what recommenders read."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import calls, fetched, rows
from tests.live.conftest import NOW
from tests.live.google_contract import Google
from tests.live.google_estate import UNTOLD, company, file_rows, projects, serve_assets, source
from tests.live.google_series import Monitoring, Series
from tests.live.google_things import MACHINES, ML, THINGS


def resources(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    found = rows(warehouse, "from resources order by resource_id")
    return {row["resource_id"]: row | {"properties": json.loads(row["properties"])} for row in found}


def test_the_company_is_as_in_its_file(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    report = fetched(warehouse, source(google, "inventory"))
    assert report.failures == ()
    live, files = resources(warehouse), {row["resource_id"]: row for row in file_rows()}
    groups = {name for name, row in live.items() if row["resource_type"].endswith("InstanceGroupManager")}
    assert live.keys() - groups == files.keys()
    assert len(files) > 10
    for name, expected in files.items():
        found, pool = live[name], expected["resource_type"].endswith("NodePool")
        for column in ("provider", "account_id", "region", "resource_type", "sku", "state", "attached_to"):
            if not (
                column == "attached_to" and expected["resource_type"].endswith("NodePool")
            ):  # the file leaves its cluster out
                assert (found[column] or "") == expected[column], (name, column)
        wanted = json.loads(expected["properties"])
        assert {key: value for key, value in wanted.items() if key not in UNTOLD}.items() <= found["properties"].items(), name
        tags = json.loads(found["tags"])
        assert {key: value for key, value in tags.items() if not key.startswith("goog-")} == json.loads(expected["tags"])
        if not pool:  # nobody says when a pool was made
            assert found["created_at"] == datetime.fromisoformat(expected["created_at"]), name
    assert calls(report)["cloudasset.assets.listResource"] == 2


def test_what_compute_engine_has(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, [*projects(), *MACHINES])
    google.page = 4
    assert fetched(warehouse, source(google, "inventory")).failures == ()
    found = {name.rpartition("/")[2]: row for name, row in resources(warehouse).items()}
    assert set(found) == {"spot", "odd", "web", "free", "used", "both", "old", "idle", "fr", "nat"}
    spot = found["spot"]
    assert (spot["state"], spot["region"], spot["account_id"]) == ("TERMINATED", "us-central1", "nordlicht-ml-prod")
    assert spot["created_at"].isoformat() == "2026-08-01T08:02:03.004000+00:00"
    expected = {
        "lifecycle": "spot",
        "operating_system": "Windows",
        "gpu_model": "T4",
        "gpu_count": 2,
        "memory_gib": 30,
        "vcpu": 8,
    }
    assert expected.items() <= spot["properties"].items()
    web = found["web"]
    assert spot["attached_to"] == web["resource_id"]
    assert (web["sku"], web["tags"]) == ("n2-custom-4-10240", '{"team":"web"}')
    expected = {"min_nodes": 2, "max_nodes": 9, "desired": 3, "boot_minutes": 1.5, "scaling": "target CPU 60", "memory_gib": 10}
    assert expected.items() <= web["properties"].items()
    assert "vcpu" not in found["odd"]["properties"], "a machine type that nobody knows has no size"
    free, used = found["free"], found["used"]
    assert (free["attached_to"], free["sku"], free["properties"]["size_gib"], free["properties"]["iops"]) == (
        None,
        "pd-ssd",
        200,
        3000,
    )
    assert used["attached_to"].endswith("/zones/us-central1-a/instances/x")
    assert used["properties"]["pvc"] == "ml/data"
    assert (found["both"]["resource_type"], found["both"]["properties"]["zones"]) == ("compute.googleapis.com/Disk", 2)
    assert (found["old"]["properties"]["stored_gib"], found["old"]["attached_to"].rpartition("/")[2]) == (3, "gone")
    assert (found["idle"]["state"], found["idle"]["attached_to"], found["nat"]["sku"]) == ("RESERVED", None, "nat")


def test_what_runs_on_top(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, [*projects(), *THINGS])
    assert fetched(warehouse, source(google, "inventory")).failures == ()
    found = {name.rpartition("/")[2]: row for name, row in resources(warehouse).items()}
    orders = found["orders"]
    assert (orders["sku"], orders["state"], orders["attached_to"]) == ("db-custom-4-15360", "RUNNABLE", "orders-main")
    expected = {"engine": "postgres", "version": "15", "multi_az": True, "deployment": "Regional", "read_replica": True}
    assert (expected | {"vcpu": 4, "memory_gib": 15, "size_gib": 500}).items() <= orders["properties"].items()
    lake = found["lake"]
    assert lake["resource_id"] == "//storage.googleapis.com/projects/_/buckets/lake"
    assert {"autoclass": True, "object_lock": True, "versioning": True}.items() <= lake["properties"].items()
    assert lake["properties"]["lifecycle_rules"] == [
        {"prefix": "raw/", "transitions": [{"days": 30, "storage_class": "NEARLINE"}]},
        {"noncurrent_days": 14, "x_numNewerVersions": 2},
        {"abort_days": 7},
        {"expire_days": 365},
    ]
    expected = {"vcpu": 0.5, "memory_gib": 0.5, "min_replicas": 2, "concurrency": 80, "cpu_always": True}
    assert expected.items() <= found["api"]["properties"].items()
    cluster, pool = found["old"], found["spot"]
    assert cluster["resource_id"] == f"//container.googleapis.com/{ML}/locations/us-central1-a/clusters/old"
    assert pool["attached_to"] == cluster["resource_id"]
    expected = {"min_nodes": 3, "max_nodes": 12, "lifecycle": "spot", "gpu_model": "A100", "gpu_count": 1}
    assert expected.items() <= pool["properties"].items()
    assert (found["nb"]["sku"], found["nb"]["properties"]["gpu_model"]) == ("n1-standard-4", "T4")
    assert found["four"]["resource_id"] == f"//tpu.googleapis.com/{ML}/locations/us-central1-b/nodes/four"
    assert found["four"]["properties"].items() >= {"chips": 4, "tpu_model": "v4-8"}.items()
    assert (found["1"]["state"], found["1"]["account_id"]) == ("UNDEPLOYED", "nordlicht-ml-prod")
    assert found["2"]["properties"].items() >= {"instances": 4, "lifecycle": "spot", "gpu_count": 1, "vcpu": 12}.items()


def test_a_scope_that_is_none_is_said(google: Google, warehouse: Warehouse) -> None:
    report = fetched(warehouse, source(google, "inventory", scopes=["nordlicht"]))
    assert "`nordlicht` is no scope" in report.failures[0]


def test_each_scope_is_a_part(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    scopes = ["projects/nordlicht-ml-prod", "projects/nordlicht-data"]
    assert fetched(warehouse, source(google, "inventory", scopes=scopes)).failures == ()
    assert {row["account_id"] for row in resources(warehouse).values()} == {"nordlicht-ml-prod", "nordlicht-data"}


def test_what_a_bucket_hides_is_measured(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, [*projects(), *THINGS])
    monitoring = Monitoring().serve(google)
    for kind, stored in (("live-object", 500.0), ("soft-deleted-object", 70.4), ("noncurrent-object", 30.0)):
        labels = {"resource.bucket_name": "lake", "metric.type": kind}
        series = Series(labels, {NOW: stored, NOW - timedelta(days=2): 9.0})
        monitoring.put("nordlicht-ml-prod", "storage.googleapis.com/storage/v2/total_bytes", "ALIGN_MEAN:REDUCE_SUM", series)
    assert fetched(warehouse, source(google, "inventory")).failures == ()
    lake = resources(warehouse)["//storage.googleapis.com/projects/_/buckets/lake"]["properties"]
    assert {"soft_deleted_bytes": 70, "noncurrent_bytes": 30, "incomplete_multipart_bytes": 0}.items() <= lake.items()
    assert len(monitoring.asked) == 1
