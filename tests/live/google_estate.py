"""The sample company's Google Cloud as Cloud Asset and Cloud Monitoring would tell it, and sources that read it."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from google.cloud.asset_v1.types import Asset, ListAssetsRequest

from finops.config import Source
from finops.demo import sample_company
from tests.live.google_contract import Google

OPEN = sample_company() / "open"
SCOPE = "organizations/1060401"
NUMBERS = {
    "nordlicht-ml-prod": "481516234201",
    "nordlicht-data": "481516234202",
    "nordlicht-edge": "481516234203",
    "nordlicht-ml-dev": "481516234204",
}
LAST_SEEN = "2026-10-31T23:00:00Z"
COMPUTE = "https://www.googleapis.com/compute/v1"
UNTOLD = {"slo_ms", "batch_size", "ha", "zones", "boot_minutes", "soft_deleted_bytes", "noncurrent_bytes"}
"""Properties that the company's files have and no API of Google tells (or that Cloud Monitoring tells)."""


def asset(
    kind: str, name: str, data: dict[str, Any], *, location: str = "us-central1", project: str = "nordlicht-ml-prod"
) -> Any:
    """One asset, as ListAssets has it."""
    message = Asset(
        name=name,
        asset_type=kind,
        ancestors=[f"projects/{NUMBERS[project]}", "folders/77", SCOPE],
        resource={
            "version": "v1",
            "discovery_name": kind.partition("/")[2],
            "parent": f"//cloudresourcemanager.googleapis.com/projects/{NUMBERS[project]}",
            "location": location,
            "data": data,
        },
    )
    return Asset.pb(message)


def projects() -> list[Any]:
    return [
        asset(
            "cloudresourcemanager.googleapis.com/Project",
            f"//cloudresourcemanager.googleapis.com/projects/{number}",
            {"projectId": name, "projectNumber": number, "lifecycleState": "ACTIVE"},
            location="global",
            project=name,
        )
        for name, number in NUMBERS.items()
    ]


@cache
def file_rows() -> list[dict[str, str]]:
    """The company's inventory of Google Cloud on the last day; read-only."""
    with gzip.open(OPEN / "resources.csv.gz", "rt", encoding="utf-8", newline="") as handle:
        return [row for row in csv.DictReader(handle) if row["provider"] == "Google Cloud" and row["observed_at"] == LAST_SEEN]


@cache
def company() -> list[Any]:
    """Its assets, and what they refer to; read-only."""
    rows = file_rows()
    groups = [_pool_group(row) for row in rows if row["resource_type"].endswith("/NodePool")]
    return [*projects(), *groups, *(_asset_of(row) for row in rows)]


def _asset_of(row: dict[str, str]) -> Any:
    kind, properties, labels = row["resource_type"], json.loads(row["properties"]), json.loads(row["tags"])
    zone = re.search(r"/zones/([^/]+)/", row["resource_id"])
    data = {
        "compute.googleapis.com/Instance": _instance,
        "run.googleapis.com/Service": _service,
        "container.googleapis.com/NodePool": _pool,
        "aiplatform.googleapis.com/Endpoint": _endpoint,
        "storage.googleapis.com/Bucket": _bucket,
        "bigquery.googleapis.com/Dataset": _dataset,
        "tpu.googleapis.com/Node": _node,
    }[kind](row, properties, labels)
    name = row["resource_id"].replace("//storage.googleapis.com/projects/_/buckets/", "//storage.googleapis.com/")
    return asset(kind, name, data, location=zone[1] if zone else row["region"], project=row["account_id"])


def _instance(row: dict[str, str], properties: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    path = row["resource_id"].removeprefix("//compute.googleapis.com/")
    zone = path.split("/")[3]
    system = (
        "windows-cloud/global/licenses/windows-server-2022-dc"
        if properties["operating_system"] == "Windows"
        else "debian-cloud/global/licenses/debian-12-bookworm"
    )
    own = dict(labels)
    if row["attached_to"]:
        parts = row["attached_to"].split("/")
        own |= {
            "goog-k8s-cluster-name": parts[-3],
            "goog-k8s-node-pool-name": parts[-1],
            "goog-k8s-cluster-location": parts[-5],
        }
    prefix = f"{COMPUTE}/projects/{row['account_id']}/zones/{zone}"
    return {
        "id": "5120984417730031616",
        "name": path.rpartition("/")[2],
        "machineType": f"{prefix}/machineTypes/{row['sku']}",
        "zone": prefix,
        "status": row["state"],
        "creationTimestamp": row["created_at"],
        "labels": own,
        "scheduling": {"preemptible": False, "provisioningModel": "STANDARD"},
        "disks": [{"boot": True, "licenses": [f"{COMPUTE}/projects/{system}"], "source": f"{prefix}/disks/boot"}],
        "guestAccelerators": _accelerators(row, properties, prefix),
    }


def _accelerators(row: dict[str, str], properties: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Those that are attached: of a G2 they belong to the machine type."""
    if not row["sku"].startswith("n1") or not properties.get("gpu_count"):
        return []
    kind = f"{prefix}/acceleratorTypes/nvidia-tesla-{properties['gpu_model'].lower()}"
    return [{"acceleratorType": kind, "acceleratorCount": properties["gpu_count"]}]


def _service(row: dict[str, str], _: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "metadata": {
            "name": row["resource_id"].rpartition("/")[2],
            "creationTimestamp": row["created_at"],
            "labels": {**labels, "cloud.googleapis.com/location": row["region"]},
        },
        "spec": {"template": {"spec": {"containers": [{}]}}},
    }


def _pool(row: dict[str, str], properties: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": row["resource_id"].rpartition("/")[2],
        "status": row["state"],
        "version": "1.31.4-gke.1183000",
        "locations": ["us-central1-a"],
        "autoscaling": {
            "enabled": True,
            "minNodeCount": properties["min_nodes"],
            "maxNodeCount": properties["max_nodes"],
        },
        "instanceGroupUrls": [f"{COMPUTE}/{_group_path(row)}"],
        "config": {
            "machineType": row["sku"],
            "resourceLabels": labels,
            "accelerators": [{"acceleratorCount": "1", "acceleratorType": "nvidia-l4"}],
        },
    }


def _group_path(row: dict[str, str]) -> str:
    return f"projects/{row['account_id']}/zones/us-central1-a/instanceGroupManagers/gke-{row['resource_id'].rpartition('/')[2]}"


def _pool_group(row: dict[str, str]) -> Any:
    """The group behind a pool; it is the pool that has the policy."""
    data = {"targetSize": json.loads(row["properties"])["desired"], "status": {"isStable": True}}
    name = f"//compute.googleapis.com/{_group_path(row)}"
    return asset("compute.googleapis.com/InstanceGroupManager", name, data, location="us-central1-a", project=row["account_id"])


def _endpoint(row: dict[str, str], properties: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    attached = properties.get("gpu_model") if row["sku"].startswith("n1") else None
    accelerator = {"acceleratorType": f"NVIDIA_TESLA_{attached}", "acceleratorCount": 1} if attached else {}
    return {
        "name": row["resource_id"].removeprefix("//aiplatform.googleapis.com/"),
        "createTime": row["created_at"],
        "labels": labels,
        "deployedModels": [
            {
                "id": "8811",
                "dedicatedResources": {
                    "machineSpec": {"machineType": row["sku"], **accelerator},
                    "minReplicaCount": properties["min_replicas"],
                    "maxReplicaCount": properties["max_replicas"],
                },
                "status": {"availableReplicaCount": properties["instance_count"]},
            }
        ],
    }


def _bucket(row: dict[str, str], properties: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": row["resource_id"].rpartition("/")[2],
        "storageClass": row["sku"],
        "location": row["region"].upper(),
        "locationType": "region",
        "timeCreated": row["created_at"],
        "labels": labels,
        "softDeletePolicy": {"retentionDurationSeconds": str(properties["soft_delete_days"] * 86_400)},
    }


def _dataset(row: dict[str, str], _: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    from datetime import datetime

    millis = int(datetime.fromisoformat(row["created_at"]).timestamp() * 1000)
    return {"id": "nordlicht-data:events", "creationTime": str(millis), "labels": labels}


def _node(row: dict[str, str], properties: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": row["resource_id"].removeprefix("//tpu.googleapis.com/"),
        "acceleratorType": f"v5litepod-{properties['chips']}",
        "state": row["state"],
        "createTime": row["created_at"],
        "labels": labels,
    }


def _bare(message: Any) -> Any:
    return Asset.pb(Asset(name=message.name, asset_type=message.asset_type, ancestors=list(message.ancestors)))


def serve_assets(server: Google, found: Iterable[Any]) -> None:
    held = list(found)

    def listed(request: ListAssetsRequest) -> list[Any]:
        assert request.asset_types, "all types of all things"
        assert re.fullmatch(r"(organizations|folders|projects)/[\w.:-]+", request.parent)
        number = NUMBERS.get(request.parent.removeprefix("projects/"))
        inside = [each for each in held if number is None or f"projects/{number}" in each.ancestors]
        found = [each for each in inside if each.asset_type in request.asset_types]
        return found if request.content_type == 1 else [_bare(each) for each in found]  # 1: RESOURCE

    server.answer("ListAssets", listed)


def source(server: Google, *streams: str, **settings: Any) -> Source:
    """`bigquery` stands for where tokens are given out: the contract server of BigQuery."""
    services = ("cloudasset", "monitoring", "cloudbilling", "recommender")
    given = {
        "scopes": [SCOPE],
        "endpoint_urls": dict.fromkeys(services, server.target),
        "streams": list(streams),
        "timeout_s": 20,
    }
    return Source(name="gcp", connector="gcp", settings={**given, **settings})
