"""CloudWatch: what becomes of each metric, which days are asked for, and that half a window never lands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.aws.utilization import LISTS, STATISTICS, UTILIZATION, Series, batches, readings
from finops.errors import ConfigError
from finops.live.windows import lost
from finops.warehouse.warehouse import Warehouse
from finops.window import Window
from tests.live.aws_company import cached, calls, client, fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.conftest import NOW
from tests.live.faults import Fault

HOUR = datetime(2026, 10, 30, 7, tzinfo=UTC)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:resize"


def put(url: str, namespace: str, metric: str, value: float, /, at: datetime = HOUR, **dimensions: Any) -> None:
    client(url, "cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
                "Timestamp": at,
                "Value": value,
            }
        ],
    )


def metrics(url: str, **settings: Any) -> Any:
    return source(url, **{"streams": ["utilization"], "history_days": 5, **settings})


def loaded(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    found = rows(warehouse, "select resource_id, metric, dimensions, statistic, value from metrics order by all")
    return [tuple(row.values()) for row in found]


def test_each_metric_has_the_names_of_the_open_format(cloud: Aws, warehouse: Warehouse) -> None:
    put(cloud.url, "AWS/EC2", "CPUUtilization", 12.5, InstanceId="i-1")
    put(cloud.url, "AWS/EC2", "NetworkOut", 3600, InstanceId="i-1")
    put(cloud.url, "AWS/EC2", "CPUUtilization", 50, AutoScalingGroupName="web")  # of a group: not a resource's own
    put(cloud.url, "AWS/RDS", "ReadIOPS", 2, DBInstanceIdentifier="db")
    put(cloud.url, "AWS/Lambda", "Invocations", 9, FunctionName="resize")
    put(cloud.url, "/aws/sagemaker/Endpoints", "GPUUtilization", 310, EndpointName="x4", VariantName="AllTraffic")
    put(cloud.url, "CWAgent", "mem_used_percent", 41, InstanceId="i-1", ImageId="ami-1", InstanceType="m5.large")
    put(cloud.url, "CWAgent", "mem_used_percent", 43, InstanceId="i-1", ImageId="ami-1", InstanceType="m5.xlarge")
    put(cloud.url, "CWAgent", "nvidia_smi_memory_used", 2048, InstanceId="i-1", index="0", name="A10G", arch="Ampere", host="h")
    put(
        cloud.url, "ContainerInsights", "node_memory_utilization", 44, ClusterName="c", InstanceId="i-1", NodeName="ip-10-0-0-1"
    )
    put(cloud.url, "ContainerInsights", "node_memory_utilization", 60, ClusterName="c")  # of the cluster: not a node's own
    put(cloud.url, "AWS/ECS", "CPUUtilization", 21, ClusterName="c", ServiceName="web")
    put(cloud.url, "Custom", "CPUUtilization", 1, InstanceId="i-9")
    report = fetched(warehouse, metrics(cloud.url))
    assert report.failures == ()
    endpoint = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/x4"
    found = [row for row in loaded(warehouse) if row[3] not in ("max", "p99")]
    assert found == [
        ("arn:aws:ecs:us-east-1:123456789012:service/c/web", "cpu_utilization", None, "avg", 21.0),
        ("arn:aws:lambda:us-east-1:123456789012:function:resize", "requests", None, "sum", 9.0),
        ("arn:aws:rds:us-east-1:123456789012:db:db", "disk_read_ops", None, "sum", 7200.0),
        (endpoint, "gpu_utilization", '{"variant":"AllTraffic"}', "sum", 310.0),
        ("i-1", "cpu_utilization", None, "avg", 12.5),
        ("i-1", "gpu_memory_used_gib", '{"device":"0"}', "avg", 2.0),
        ("i-1", "memory_utilization", '{"source":"container-insights"}', "avg", 44.0),
        ("i-1", "memory_utilization", None, "avg", 41.0),
        ("i-1", "network_out_bytes", None, "sum", 3600.0),
    ]
    assert rows(warehouse, "select distinct x_source as s, period_s as p from metrics") == [
        {"s": "aws/utilization/us-east-1", "p": 3600}
    ]


def test_what_is_idle_of_a_notebook_is_left_over_of_its_use(cloud: Aws, warehouse: Warehouse) -> None:
    """As the agent of AWS' own lifecycle script writes it; of single cores nothing is read."""
    agent: dict[str, Any] = {"host": "ip-1", "notebook_instance_name": "lab"}
    for core, idle in (("cpu-total", 97.5), ("cpu0", 1.0)):
        put(cloud.url, "SageMakerNotebookInstances", "cpu_usage_idle", idle, cpu=core, **agent)
    put(cloud.url, "SageMakerNotebookInstances", "cpu_usage_idle", 60.5, HOUR + timedelta(minutes=9), cpu="cpu-total", **agent)
    assert fetched(warehouse, metrics(cloud.url)).failures == ()
    lab = "arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/lab"
    assert loaded(warehouse) == [(lab, "cpu_utilization", None, "avg", 21.0), (lab, "cpu_utilization", None, "max", 39.5)]


WORDS = {
    "InstanceId": "i-1", "VolumeId": "vol-1", "DBInstanceIdentifier": "db", "FunctionName": "fn", "function_name": "fn",
    "EndpointName": "e", "Host": "job/algo-1", "BucketName": "lake", "LoadBalancerName": "old", "NatGatewayId": "nat-1",
    "TableName": "t", "ClusterIdentifier": "dw", "CacheClusterId": "cache", "ModelId": "m", "ClusterName": "c",
    "ServiceName": "web", "notebook_instance_name": "lab", "DomainName": "logs", "Cluster Name": "orders",
}  # fmt: skip
BALANCERS = {"AWS/ApplicationELB": "app/web/1", "AWS/NetworkELB": "net/web/1", "AWS/GatewayELB": "gwy/web/1"}
CPU_MEMORY = {"cpu_utilization", "memory_utilization"}
GPU = {"gpu_utilization", "gpu_memory_utilization"}
DISK = {"disk_read_ops", "disk_write_ops", "disk_read_bytes", "disk_write_bytes"}
NETWORK = {"network_in_bytes", "network_out_bytes"}
EVERY = {
    "i-1": CPU_MEMORY | GPU | DISK | NETWORK  # the agent's memory and GPUs, and those of Container Insights, among them
    | {"gpu_memory_used_gib", "cpu_credit_balance", "cpu_surplus_credits_charged"},
    "vol-1": DISK,
    "rds:db:db": NETWORK | {"cpu_utilization", "connections", "memory_free_bytes", "storage_free_bytes"}
    | {"disk_read_ops", "disk_write_ops"},
    "lambda:function:fn": {"requests", "latency_ms", "concurrency", "memory_used_mb"},
    "ecs:service/c/web": CPU_MEMORY,
    "sagemaker:endpoint/e": CPU_MEMORY | GPU | {"requests", "latency_ms"},
    "sagemaker:notebook-instance/lab": CPU_MEMORY | {"gpu_utilization", "gpu_memory_used_gib"},
    "sagemaker:training-job/job": CPU_MEMORY | GPU,
    "sagemaker:processing-job/job": CPU_MEMORY | GPU,
    "sagemaker:transform-job/job": CPU_MEMORY | GPU,
    "lake": {"stored_bytes", "object_count", "requests", "get_requests", "network_out_bytes"},
    "elasticloadbalancing:loadbalancer/app/web/1": {"requests", "network_out_bytes", "healthy_targets"},
    "elasticloadbalancing:loadbalancer/net/web/1": {"requests", "connections", "network_out_bytes", "healthy_targets"},
    "elasticloadbalancing:loadbalancer/gwy/web/1": {"requests", "connections", "network_out_bytes", "healthy_targets"},
    "elasticloadbalancing:loadbalancer/old": {"requests", "healthy_targets"},
    "ec2:natgateway/nat-1": NETWORK | {"connections"},
    "dynamodb:table/t": {"consumed_read_units", "consumed_write_units", "provisioned_read_units", "provisioned_write_units"},
    "redshift:cluster/dw": {"cpu_utilization", "connections"},
    "elasticache:cluster:cache": CPU_MEMORY | {"connections", "requests"},
    "memorydb:cluster/c": CPU_MEMORY | {"connections", "requests"},
    "kafka:cluster/orders/a1": NETWORK | {"connections"},
    "kafka:cluster/open/b2": NETWORK,  # of clients that do not say who they are nothing is counted
    "es:domain/logs": {"cpu_utilization", "queries", "requests"},
    "bedrock:foundation-model/m": {"requests", "tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write"},
}  # fmt: skip


BROKERS = [
    {
        "ClusterName": "orders",
        "ClusterArn": "arn:aws:kafka:us-east-1:123456789012:cluster/orders/a1",
        "Provisioned": {"ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}, "Unauthenticated": {"Enabled": False}}},
    },
    {
        "ClusterName": "open",
        "ClusterArn": "arn:aws:kafka:us-east-1:123456789012:cluster/open/b2",
        "Provisioned": {"ClientAuthentication": {"Tls": {"Enabled": True}, "Unauthenticated": {"Enabled": True}}},
    },
]


def _five(query: dict[str, Any]) -> dict[str, Any]:
    """The emulator knows no percentiles."""
    return {"Id": query["Id"], "Timestamps": [HOUR], "Values": [5.0], "StatusCode": "Complete"}


def test_every_service_that_is_promised_is_measured(cloud: Aws, warehouse: Warehouse) -> None:
    """Each line of `data/metrics.csv`, where CloudWatch has it, and what is loaded of each thing."""
    for reading in (each for several in readings().values() for each in several):
        named = [each.partition("=") for each in reading.dimensions if each != "*"]
        words: dict[str, Any] = {name: value or WORDS.get(name, "0") for name, _, value in named}
        if "LoadBalancer" in words:
            words["LoadBalancer"] = BALANCERS[reading.namespace]
        if "*" in reading.dimensions:
            words["ImageId"] = "ami-1"
        put(cloud.url, reading.namespace, reading.name, 5, **words)
        if reading.namespace == "AWS/Kafka":
            for other in ({"Broker ID": "2"}, {"Cluster Name": "open"}, {"Cluster Name": "gone"}):
                put(cloud.url, reading.namespace, reading.name, 5, **words | other)
    cloud.answer("kafka:ListClustersV2", {"ClusterInfoList": BROKERS})
    cloud.answer(
        "cloudwatch:GetMetricData", lambda asked: {"MetricDataResults": [_five(q) for q in asked["MetricDataQueries"]]}
    )
    assert fetched(warehouse, metrics(cloud.url)).failures == ()
    found: dict[str, set[str]] = {}
    assert {row[1:] for row in loaded(warehouse) if row[0].endswith("orders/a1")} == {
        ("connections", None, "avg", 10.0),  # of two brokers
        ("network_in_bytes", None, "sum", 36_000.0),
        ("network_out_bytes", None, "sum", 36_000.0),
    }
    for resource, metric, _, _, value in loaded(warehouse):
        assert value > 0
        parts = resource.split(":", 5)
        found.setdefault(resource if len(parts) == 1 else f"{parts[2]}:{parts[5]}", set()).add(metric)
    assert found == EVERY
    devices = rows(warehouse, "select distinct resource_id as r from metrics where dimensions like '%\"device\"%' order by all")
    assert [row["r"].rpartition("/")[2] for row in devices] == ["e", "lab", "i-1"]  # of jobs there is a sum


def test_days_are_asked_for_until_they_are_final(cloud: Aws, warehouse: Warehouse) -> None:
    put(cloud.url, "AWS/EC2", "CPUUtilization", 12.5, InstanceId="i-1")
    fetched(warehouse, metrics(cloud.url))
    days = rows(warehouse, "select unit, rows from coverage where stream = 'metrics' order by all")
    assert [(row["unit"], row["rows"]) for row in days] == [
        ("2026-10-27", 0), ("2026-10-28", 0), ("2026-10-29", 0), ("2026-10-30", 2), ("2026-10-31", 0),
    ]  # fmt: skip
    fetched(warehouse, metrics(cloud.url), now=NOW + timedelta(days=1))
    (first, second) = [asked for permission, asked in cloud.requests if permission == "cloudwatch:GetMetricData"]
    assert (first["StartTime"], first["EndTime"]) == (_epoch(10, 27), _epoch(11, 1))
    assert (second["StartTime"], second["EndTime"]) == (_epoch(10, 30), _epoch(11, 2))  # the 29th was final
    assert rows(warehouse, "select count(*)::int as n from metrics") == [{"n": 2}]


def _epoch(month: int, day: int) -> float:
    return datetime(2026, month, day, tzinfo=UTC).timestamp()


def test_a_failed_part_lands_nothing_and_the_next_load_fetches_it_alone(cloud: Aws, warehouse: Warehouse) -> None:
    put(cloud.url, "AWS/EC2", "CPUUtilization", 12.5, InstanceId="i-1")
    put(cloud.url, "AWS/Lambda", "Invocations", 9, FunctionName="resize")
    settings = {"concurrency": 1, "retries": 1}
    cloud.fail("cloudwatch:GetMetricData", Fault(500, "InternalFailure"))
    report = fetched(warehouse, metrics(cloud.url, **settings))
    (failure,) = report.failures
    assert "InternalFailure" in failure
    assert rows(warehouse, "select count(*)::int as n from metrics") == [{"n": 0}]
    assert len(cached(warehouse, "*.parquet")) == 1  # the other part is whole
    report = fetched(warehouse, metrics(cloud.url, **settings), now=NOW + timedelta(hours=1))
    assert report.failures == ()
    assert calls(report)["cloudwatch:GetMetricData"] == 1
    assert {row[0] for row in loaded(warehouse)} == {"i-1", FUNCTION}
    assert cached(warehouse, "*.parquet") == []


def test_calls_are_priced_before_and_refused_where_too_dear(cloud: Aws, warehouse: Warehouse) -> None:
    for number in range(60):
        put(cloud.url, "AWS/EC2", "CPUUtilization", 1, InstanceId=f"i-{number}")
    with pytest.raises(ConfigError, match=r"would cost 0\.01 USD at list price, more than 0\.001"):
        fetched(warehouse, metrics(cloud.url), max_api_cost=Decimal("0.001"))
    assert cloud.asked["cloudwatch:GetMetricData"] == 0
    report = fetched(warehouse, metrics(cloud.url), max_api_cost=Decimal("0.01"))
    assert [str(money) for money in report.api.estimated] == ["0.01 USD"]
    assert cloud.asked["cloudwatch:GetMetricData"] == 1
    assert calls(report)["cloudwatch:GetMetricData"] == 1


def test_what_is_already_lost_is_said(cloud: Aws, warehouse: Warehouse) -> None:
    client(cloud.url, "cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                "Timestamp": NOW - timedelta(days=1),
                "Value": 10.0,
            }
        ],
    )
    report = fetched(warehouse, metrics(cloud.url, metric_period_s=300, history_days=90))
    assert report.notes == (
        "aws us-east-1: measurements finer than 3600 s from before 2026-08-30 are gone: they are kept for 63 days",
    )
    assert fetched(warehouse, metrics(cloud.url, metric_period_s=300, history_days=90)).notes == ()


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ([{"Id": "m0", "StatusCode": "PartialData"}], "answered PartialData for CPUUtilization of i-1"),
        ([{"Id": "m0", "StatusCode": "InternalError"}], "answered InternalError"),
        ([{"Id": "m0", "StatusCode": "Forbidden"}], "allow `cloudwatch:GetMetricData`"),
    ],
)
def test_a_series_that_is_not_answered_whole_fails_its_window(
    cloud: Aws, warehouse: Warehouse, pages: list[dict[str, Any]], said: str
) -> None:
    put(cloud.url, "AWS/EC2", "CPUUtilization", 12.5, InstanceId="i-1")
    results = [page | {"Timestamps": [], "Values": []} for page in pages]
    cloud.answer("cloudwatch:GetMetricData", {"MetricDataResults": results})
    (failure,) = fetched(warehouse, metrics(cloud.url)).failures
    assert said in failure
    assert warehouse.published().number == 0


def test_pages_are_followed_and_one_token_twice_is_an_error(cloud: Aws, warehouse: Warehouse) -> None:
    put(cloud.url, "AWS/EC2", "NetworkIn", 1, InstanceId="i-1")

    def page(hour: int, value: float, token: str | None, status: str) -> dict[str, Any]:
        at = datetime(2026, 10, 30, hour, tzinfo=UTC)
        result = {"Id": "m0", "Label": "x", "Timestamps": [at], "Values": [value], "StatusCode": status}
        return {"MetricDataResults": [result]} | ({"NextToken": token} if token else {})

    cloud.answer("cloudwatch:GetMetricData", page(1, 5, "t1", "PartialData"), page(2, 6, "t1", "PartialData"))
    (failure,) = fetched(warehouse, metrics(cloud.url)).failures
    assert "one page token twice" in failure
    cloud.answer("cloudwatch:GetMetricData", page(1, 5, "t1", "PartialData"), page(2, 6, None, "Complete"))
    assert fetched(warehouse, metrics(cloud.url)).failures == ()
    assert [row[4] for row in loaded(warehouse)] == [5.0, 6.0]


def test_percentiles_and_scales(cloud: Aws, warehouse: Warehouse) -> None:
    """The emulator knows no percentiles: the contract server answers."""
    put(cloud.url, "AWS/SageMaker", "ModelLatency", 20_000, EndpointName="x4", VariantName="AllTraffic")
    values = [{"Id": f"m{n}", "Timestamps": [HOUR], "Values": [v], "StatusCode": "Complete"} for n, v in ((0, 2e4), (1, 9e4))]
    cloud.answer("cloudwatch:GetMetricData", {"MetricDataResults": values})
    assert fetched(warehouse, metrics(cloud.url)).failures == ()
    assert [row[1:] for row in loaded(warehouse)] == [
        ("latency_ms", '{"variant":"AllTraffic"}', "avg", 20.0),
        ("latency_ms", '{"variant":"AllTraffic"}', "p99", 90.0),
    ]
    (asked,) = [parameters for permission, parameters in cloud.requests if permission == "cloudwatch:GetMetricData"]
    assert [query["MetricStat"]["Stat"] for query in asked["MetricDataQueries"]] == ["Average", "p99"]


@pytest.mark.parametrize(("days", "series", "least"), [(14, 10_000, 34), (1, 10_000, 20), (90, 100, 3), (4.2, 1_000, 2)])
def test_batches_are_as_few_as_the_quotas_allow(days: float, series: int, least: int) -> None:
    """⌈series × values / 100,800⌉, or ⌈series / 500⌉ where that is more."""
    window = Window(NOW, NOW + timedelta(days=days))
    every = [Series({}, "Average", 3600, 1.0, (f"i-{n}", "cpu_utilization", "", "avg")) for n in range(series)]
    made = list(batches(every, window))
    assert sum(len(batch) for batch in made) == series
    assert len(made) <= 1.2 * least
    assert all(len(batch) <= 500 and len(batch) * days * 24 <= 100_800 for batch in made)


@pytest.mark.parametrize(
    ("period_s", "days", "said"),
    [
        (60, 14, ""),
        (60, 16, "measurements finer than 300 s from before 2026-10-17 are gone: they are kept for 15 days"),
        (300, 62, ""),
        (300, 64, "measurements finer than 3600 s from before 2026-08-30 are gone: they are kept for 63 days"),
        (3600, 400, ""),
    ],
)
def test_what_is_lost_follows_how_fine_it_is(period_s: int, days: int, said: str) -> None:
    assert lost(UTILIZATION, Window(NOW - timedelta(days=days), NOW), NOW, period_s) == said


def test_readings_fill_their_places() -> None:
    assert UTILIZATION.kept
    for reading in (reading for several in readings().values() for reading in several):
        known = {*(each.partition("=")[0] for each in reading.dimensions), "partition", "region", "account"}
        known |= {"kafka", "closed"} if reading.namespace in LISTS else set()
        places = {place.split("}")[0] for place in reading.resource.split("{")[1:]}
        assert places <= known, reading
        assert set(reading.statistics) <= {*STATISTICS, "devices"}, reading
        assert reading.scale in ("rate", "left") or float(reading.scale) > 0
