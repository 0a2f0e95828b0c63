"""Assets of every kind, as the services' own REST APIs describe them."""

from __future__ import annotations

import json
from typing import Any

from tests.live.google_estate import COMPUTE, asset

ML = "projects/nordlicht-ml-prod"
PREFIX = f"{COMPUTE}/{ML}"
ZONE = f"{PREFIX}/zones/us-central1-b"


def disk(name: str, **data: Any) -> Any:
    given = {"type": f"{PREFIX}/zones/us-central1-a/diskTypes/pd-ssd", "sizeGb": "200", "status": "READY", **data}
    return asset("compute.googleapis.com/Disk", f"//compute.googleapis.com/{ML}/zones/us-central1-a/disks/{name}", given)


def compute(kind: str, path: str, location: str = "us-central1", **data: Any) -> Any:
    return asset(f"compute.googleapis.com/{kind}", f"//compute.googleapis.com/{ML}/{path}", data, location=location)


GROUP = "projects/481516234201/zones/us-central1-b/instanceGroupManagers/web"
WINDOWS = f"{COMPUTE}/projects/windows-cloud/global/licenses/windows-server-2022-dc"
CLAIM = {"kubernetes.io/created-for/pvc/name": "data", "kubernetes.io/created-for/pvc/namespace": "ml"}
MACHINES = [
    compute(
        "Instance",
        "zones/us-central1-b/instances/spot",
        "us-central1-b",
        machineType=f"{ZONE}/machineTypes/n1-standard-8",
        status="TERMINATED",
        creationTimestamp="2026-08-01T01:02:03.004-07:00",
        zone=f"{PREFIX}/zones/us-central1-b",
        scheduling={"provisioningModel": "SPOT", "preemptible": True},
        guestAccelerators=[{"acceleratorType": f"{ZONE}/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 2}],
        disks=[{"boot": True, "licenses": [WINDOWS]}],
        metadata={"items": [{"key": "created-by", "value": GROUP}]},
    ),
    compute("Instance", "zones/us-central1-b/instances/odd", machineType=f"{ZONE}/machineTypes/z9-odd-7"),
    compute(
        "InstanceGroupManager",
        "zones/us-central1-b/instanceGroupManager/web",
        "us-central1-b",
        targetSize=3,
        instanceTemplate=f"{PREFIX}/global/instanceTemplates/web-1",
        status={"isStable": True},
    ),
    compute(
        "InstanceTemplate",
        "global/instanceTemplates/web-1",
        "global",
        properties={"machineType": "n2-custom-4-10240", "labels": {"team": "web"}},
    ),
    compute(
        "Autoscaler",
        "zones/us-central1-b/autoscalers/web",
        target=f"{PREFIX}/zones/us-central1-b/instanceGroupManagers/web",
        autoscalingPolicy={
            "minNumReplicas": 2,
            "maxNumReplicas": 9,
            "coolDownPeriodSec": 90,
            "mode": "ON",
            "cpuUtilization": {"utilizationTarget": 0.6},
        },
    ),
    disk("free", provisionedIops="3000"),
    disk("used", users=[f"{PREFIX}/zones/us-central1-a/instances/x"], description=json.dumps(CLAIM)),
    compute(
        "RegionDisk",
        "regions/us-central1/disks/both",
        sizeGb="10",
        replicaZones=["a", "b"],
        type=f"{PREFIX}/regions/us-central1/diskTypes/pd-balanced",
    ),
    compute(
        "Snapshot",
        "global/snapshots/old",
        "us",
        diskSizeGb="200",
        storageBytes=str(3 * 2**30),
        status="READY",
        sourceDisk=f"{PREFIX}/zones/us-central1-a/disks/gone",
    ),
    compute("Address", "regions/us-central1/addresses/idle", status="RESERVED", addressType="EXTERNAL"),
    compute(
        "ForwardingRule",
        "regions/us-central1/forwardingRules/fr",
        loadBalancingScheme="EXTERNAL",
        target=f"{PREFIX}/regions/us-central1/targetPools/tp",
    ),
    compute("Router", "regions/us-central1/routers/bare"),
    compute("Router", "regions/us-central1/routers/nat", nats=[{"name": "nat"}], network=f"{PREFIX}/global/networks/default"),
]


RULES = [
    {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 30, "matchesPrefix": ["raw/"]}},
    {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 14, "numNewerVersions": 2}},
    {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
    {"action": {"type": "Delete"}, "condition": {"age": 365}},
]
THINGS = [
    asset(
        "sqladmin.googleapis.com/Instance",
        f"//cloudsql.googleapis.com/{ML}/instances/orders",
        {
            "databaseVersion": "POSTGRES_15",
            "state": "RUNNABLE",
            "instanceType": "READ_REPLICA_INSTANCE",
            "masterInstanceName": "nordlicht-ml-prod:orders-main",
            "createTime": "2026-01-02T03:04:05.678Z",
            "settings": {
                "tier": "db-custom-4-15360",
                "availabilityType": "REGIONAL",
                "dataDiskSizeGb": "500",
                "dataDiskType": "PD_SSD",
                "activationPolicy": "ALWAYS",
                "userLabels": {"team": "shop"},
            },
        },
    ),
    asset(
        "storage.googleapis.com/Bucket",
        "//storage.googleapis.com/lake",
        {
            "storageClass": "STANDARD",
            "lifecycle": {"rule": RULES},
            "autoclass": {"enabled": True},
            "versioning": {"enabled": True},
            "retentionPolicy": {"retentionPeriod": "86400"},
        },
    ),
    asset(
        "run.googleapis.com/Service",
        f"//run.googleapis.com/{ML}/locations/us-central1/services/api",
        {
            "metadata": {"labels": {"team": "web"}},
            "spec": {
                "template": {
                    "metadata": {
                        "annotations": {"autoscaling.knative.dev/minScale": "2", "run.googleapis.com/cpu-throttling": "false"},
                    },
                    "spec": {
                        "containerConcurrency": 80,
                        "containers": [{"resources": {"limits": {"cpu": "500m", "memory": "512Mi"}}}],
                    },
                }
            },
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        },
    ),
    asset(
        "container.googleapis.com/Cluster",
        f"//container.googleapis.com/{ML}/zones/us-central1-a/clusters/old",
        {"currentMasterVersion": "1.28.3", "status": "RUNNING", "resourceLabels": {"team": "ml"}},
        location="us-central1-a",
    ),
    asset(
        "container.googleapis.com/NodePool",
        f"//container.googleapis.com/{ML}/zones/us-central1-a/clusters/old/nodePools/spot",
        {
            "config": {"machineType": "a2-highgpu-1g", "spot": True},
            "locations": ["a", "b", "c"],
            "autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 4},
        },
        location="us-central1-a",
    ),
    asset(
        "notebooks.googleapis.com/Instance",
        f"//notebooks.googleapis.com/{ML}/locations/us-central1-b/instances/nb",
        {
            "state": "ACTIVE",
            "gceSetup": {"machineType": "n1-standard-4", "acceleratorConfigs": [{"type": "NVIDIA_TESLA_T4", "coreCount": "1"}]},
        },
    ),
    asset(
        "tpu.googleapis.com/Node",
        "//tpu.googleapis.com/projects/481516234201/locations/us-central1-b/nodes/four",
        {"acceleratorType": "v4-8", "state": "READY"},
    ),
    asset(
        "aiplatform.googleapis.com/Endpoint",
        "//aiplatform.googleapis.com/projects/481516234201/locations/us-central1/endpoints/1",
        {},
    ),
    asset(
        "aiplatform.googleapis.com/CustomJob",
        "//aiplatform.googleapis.com/projects/481516234201/locations/us-central1/customJobs/2",
        {
            "state": "JOB_STATE_SUCCEEDED",
            "jobSpec": {
                "scheduling": {"strategy": "SPOT"},
                "workerPoolSpecs": [
                    {
                        "machineSpec": {
                            "machineType": "a2-highgpu-1g",
                            "acceleratorType": "NVIDIA_TESLA_A100",
                            "acceleratorCount": 1,
                        },
                        "replicaCount": "4",
                    }
                ],
            },
        },
    ),
    *(
        asset(kind, f"//{kind.partition('/')[0]}/{ML}/locations/us-central1/{name}", data)
        for kind, name, data in (
            ("redis.googleapis.com/Instance", "instances/used", {"tier": "STANDARD_HA", "memorySizeGb": 5, "state": "READY"}),
            ("redis.googleapis.com/Instance", "instances/left", {"tier": "BASIC"}),
            (
                "redis.googleapis.com/Cluster",
                "clusters/shards",
                {"crossClusterReplicationConfig": {"clusterRole": "SECONDARY"}},
            ),
            ("memorystore.googleapis.com/Instance", "instances/valkey", {"nodeType": "STANDARD_SMALL"}),
        )
    ),
]
