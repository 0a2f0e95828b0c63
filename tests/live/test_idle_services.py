"""Caches, brokers and search services, from the providers' own metrics to a verdict: who is asked stays, who is not goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from finops.warehouse.warehouse import Warehouse
from tests.estate import Estate
from tests.live import azure_company, google_estate
from tests.live.aws_company import fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.azure_contract import Azure
from tests.live.azure_estate import SUBSCRIPTION, thing
from tests.live.conftest import NOW
from tests.live.google_contract import Google
from tests.live.google_series import Monitoring, Series
from tests.live.google_things import ML, THINGS
from tests.live.test_utilization_live import BROKERS
from tests.recommenders.test_plan import plan_of

DAYS = [NOW.replace(hour=0) - timedelta(days=back) for back in range(1, 41)]
GIVEN: dict[str, Any] = {"history_days": 40, "metric_period_s": 86_400}
WHOSE = ("left", "used")
ARN = "arn:aws:{}:us-east-1:123456789012:{}"


def verdicts(warehouse: Warehouse, **billed: str) -> dict[str, str]:
    """Id → what becomes of it, where each costs the same; `billed`: type → ids that the bill alone has."""
    estate = Estate()
    for row in rows(warehouse, "select * from resources"):
        estate.charge(row["resource_id"], 6.0).add("resources", **row)
    for row in rows(warehouse, "select * from metrics"):
        estate.add("metrics", **row)
    for kind, names in billed.items():
        for name in names.split():
            estate.charge(name, 6.0, ResourceType=kind)
    plan = plan_of(estate, "idle")
    found = {r.finding.scope.resource: "Delete" for r in plan.recommendations}
    found |= {kept.finding.scope.resource: kept.why.partition(":")[0] for kept in plan.keeps}
    return found | {name: f"unknown {gap.missing}" for gap in plan.unknowns for name in gap.ids}


COUNTED: dict[str, dict[str, float]] = {
    # per namespace what each metric counts a day where nobody asks; what hosts, watchers and Kafka itself do is no use
    "AWS/ElastiCache": {
        "CPUUtilization": 40, "EngineCPUUtilization": 0.5, "CurrConnections": 5, "GetTypeCmds": 0, "PubSubBasedCmds": 0,
    },
    "AWS/MemoryDB": {"EngineCPUUtilization": 0.5, "CurrConnections": 5, "SetTypeCmds": 0},
    "AWS/Kafka": {"ClientConnectionCount": 0, "BytesInPerSec": 40},
    "AWS/ES": {"CPUUtilization": 2, "SearchRate": 0, "IndexingRate": 0},
}  # fmt: skip
USED = {"GetTypeCmds": 900, "SetTypeCmds": 20, "ClientConnectionCount": 3, "SearchRate": 60}


def _listed(asked: dict[str, Any]) -> dict[str, Any]:
    """CloudWatch's list of a namespace."""
    namespace = asked["Namespace"]
    named: dict[str, list[dict[str, str]]] = {
        "AWS/ElastiCache": [{"CacheClusterId": name} for name in WHOSE],
        "AWS/MemoryDB": [{"ClusterName": name, "NodeName": node} for name in WHOSE for node in ("0001", "0002")],
        "AWS/Kafka": [{"Cluster Name": name, "Broker ID": "1"} for name in WHOSE],
        "AWS/ES": [{"DomainName": name, "ClientId": "123456789012"} for name in WHOSE],
    }
    metrics = [
        {
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [
                {"Name": name, "Value": value}
                for name, value in (each | ({"Client Authentication": "IAM"} if "Client" in metric else {})).items()
            ],
        }
        for metric in COUNTED.get(namespace, ())
        for each in named[namespace]
    ]
    return {"Metrics": metrics}


def _measured(query: dict[str, Any]) -> dict[str, Any]:
    metric = query["MetricStat"]["Metric"]
    dimensions = [dimension["Value"] for dimension in metric["Dimensions"]]
    value = (USED if "used" in dimensions else {}).get(metric["MetricName"], COUNTED[metric["Namespace"]][metric["MetricName"]])
    if metric["MetricName"] == "CurrConnections" and "0002" in dimensions:
        value = 4
    return {"Id": query["Id"], "Timestamps": DAYS, "Values": [value] * len(DAYS), "StatusCode": "Complete"}


def test_cloudwatch_tells_who_is_asked(cloud: Aws, warehouse: Warehouse) -> None:
    """Connections that stand are of those who watch a cache."""
    cloud.answer("cloudwatch:ListMetrics", _listed)
    clusters = [BROKERS[0] | {"ClusterName": name, "ClusterArn": ARN.format("kafka", f"cluster/{name}/a1")} for name in WHOSE]
    cloud.answer("kafka:ListClustersV2", {"ClusterInfoList": clusters})
    cloud.answer(
        "cloudwatch:GetMetricData", lambda asked: {"MetricDataResults": [_measured(q) for q in asked["MetricDataQueries"]]}
    )
    assert fetched(warehouse, source(cloud.url, streams=["utilization"], **GIVEN)).failures == ()
    services = {
        "AWS::ElastiCache::CacheCluster": ("elasticache", "cluster:{}"),
        "AWS::MemoryDB::Cluster": ("memorydb", "cluster/{}"),
        "AWS::MSK::Cluster": ("kafka", "cluster/{}/a1"),
        "AWS::OpenSearchService::Domain": ("es", "domain/{}"),
    }
    ids = {(kind, name): ARN.format(of[0], of[1].format(name)) for kind, of in services.items() for name in WHOSE}
    billed = {kind: " ".join(ids[kind, name] for name in WHOSE) for kind in services}
    assert verdicts(warehouse, **billed) == {
        name: "Delete" if whose == "left" else "in use" for (_, whose), name in ids.items()
    }


MONITORED: dict[str, dict[str, tuple[float, float, str]]] = {
    # metric → value of what is left, of what is used, by aggregation
    "Microsoft.Cache/Redis": {"allconnectedclients": (0, 4, "average"), "allserverLoad": (1, 1, "average")},
    "Microsoft.EventHub/namespaces": {"ActiveConnections": (0, 2, "average"), "IncomingBytes": (0, 9e6, "total")},
    "Microsoft.ServiceBus/namespaces": {"ActiveConnections": (0, 99, "total"), "IncomingMessages": (0, 50, "total")},
    "Microsoft.Search/searchServices": {
        "SearchQueriesPerSecond": (0, 0.1, "average"),
        "DocumentsProcessedCount": (0, 0, "total"),
    },
}


def test_azure_monitor_tells_who_is_asked(azure: Azure, warehouse: Warehouse) -> None:
    """A connection of a cache may be its own: what nobody else counts is unknown."""
    azure.plane.subscriptions.append(SUBSCRIPTION)
    expected: dict[str, str] = {}
    for kind, metrics in MONITORED.items():
        for name in WHOSE:
            document = thing(kind, name, sku={"name": "Standard"})
            azure.plane.put(document)
            expected[document["id"]] = "Delete" if name == "left" else "in use"
            for metric, (left, used, aggregation) in metrics.items():
                value = {aggregation: used if name == "used" else left}
                azure.plane.measured[document["id"].lower(), metric.lower()] = [({}, day, value) for day in DAYS]
    waits = thing("Microsoft.EventHub/namespaces", "waits", sku={"name": "Standard"})
    azure.plane.put(waits)
    azure.plane.lists[f"{waits['id']}/disasterRecoveryConfigs".lower()] = [{"properties": {"role": "Secondary"}}]
    given = {"management_endpoint": azure.url, "metrics_endpoint": azure.url, **GIVEN}
    assert fetched(warehouse, azure_company.source(azure, "utilization", "inventory", **given)).failures == ()
    cache = next(name for name in expected if name.endswith("Cache/Redis/used"))
    assert verdicts(warehouse) == expected | {
        cache: "unknown requests",
        waits["id"]: "standby (a replica that follows its primary)",
    }


def test_cloud_monitoring_tells_who_is_asked(google: Google, warehouse: Warehouse) -> None:
    """Of calls those of commands that touch data."""
    google_estate.serve_assets(google, [*google_estate.projects(), *THINGS])
    monitoring, places = Monitoring().serve(google), {"used": "get", "left": "info"}

    def serve(metric: str, how: str, labels: dict[str, str], value: float) -> None:
        points = {day + timedelta(days=1): value for day in DAYS}
        monitoring.put("nordlicht-ml-prod", metric, how, Series(labels, points))

    for name, command in places.items():
        of = {"resource.instance_id": f"{ML}/locations/us-central1/instances/{name}"}
        node = of | {"resource.node_id": "node-0"}
        serve("redis.googleapis.com/clients/connected", "ALIGN_MEAN:REDUCE_SUM", node, 2)
        serve("redis.googleapis.com/stats/cpu_utilization_main_thread", "ALIGN_RATE:REDUCE_SUM", node, 0.004)
        serve("redis.googleapis.com/commands/calls", "ALIGN_SUM:REDUCE_SUM", of | {"metric.cmd": "config|get"}, 1440)
        serve("redis.googleapis.com/commands/calls", "ALIGN_SUM:REDUCE_SUM", of | {"metric.cmd": command}, 2880)
    for kind, place, name in (("redis.googleapis.com/cluster", "cluster_id", "shards"), (VALKEY, "instance_id", "valkey")):
        serve(f"{kind}/clients/total_connected_clients", "ALIGN_MEAN:REDUCE_SUM", {f"resource.{place}": name}, 0)
        serve(f"{kind}/cpu/average_utilization", "ALIGN_MEAN:REDUCE_MAX", {f"resource.{place}": name}, 0.01)
    assert fetched(warehouse, google_estate.source(google, "utilization", "inventory", **GIVEN)).failures == ()
    found = {name.partition("/locations/us-central1/")[2]: said for name, said in verdicts(warehouse).items()}
    assert {name: found[name] for name in CACHES} == CACHES


VALKEY = "memorystore.googleapis.com/instance"
CACHES = {
    "instances/left": "Delete",
    "instances/used": "in use",
    "clusters/shards": "standby (a replica that follows its primary)",
    "instances/valkey": "Delete",
}
