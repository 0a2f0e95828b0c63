"""Clusters through Prometheus and OpenCost: whose machine a node is, what is alternative, what fails, what stays secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connectors.kubernetes.live import CONNECTOR
from connectors.kubernetes.nodes import node_of
from connectors.kubernetes.prometheus import chunks
from connectors.kubernetes.settings import KubernetesSettings
from connectors.kubernetes.utilization import queries
from finops import queries as reads
from finops.config import Source, connector_settings
from finops.errors import ConfigError
from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.live.doctor import examine, shipped
from finops.warehouse.warehouse import Warehouse
from finops.window import Window
from tests.live.aws_company import fetched, rows
from tests.live.conftest import NOW
from tests.live.faults import Fault, Reset
from tests.live.prometheus import TOKEN, Prometheus, prometheus

STREAMS = {stream.name: stream for stream in CONNECTOR.streams}
OPERATIONS = {"utilization": "prometheus:query_range", "allocation": "opencost:allocation", "inventory": "prometheus:query"}
POOL = "arn:aws:eks:us-east-1:123456789012:nodegroup/prod/cpu/0a1b"


def put_cluster(state: Prometheus) -> None:
    state.put("kube_node_info", 1.0, node="n1", provider_id="aws:///us-east-1a/i-0a1", internal_ip="10.0.0.1")
    state.put("kube_node_info", 1.0, node="n2", provider_id="", internal_ip="10.0.0.2")
    for resource, amount in (("cpu", 4.0), ("memory", 16.0 * 2**30), ("nvidia_com_gpu", 1.0)):
        state.put("kube_node_status_allocatable", amount, node="n1", resource=resource)
    claim = {"namespace": "data", "persistentvolumeclaim": "pg"}
    state.put("claim_info", 1.0, **claim, storageclass="gp3", volumename="pvc-1")
    state.put("claim_status_phase", 1.0, **claim, phase="Bound")
    state.put("claim_status_phase", 0.0, **claim, phase="Lost")
    state.put("claim_resource_requests", 10.0 * 2**30, **claim)
    state.put('mode="idle"', lambda t: (t / 3600) % 24, instance="10.0.0.1:9100")
    state.put("DCGM_FI_DEV_GPU_UTIL", 71.0, Hostname="n1", gpu="0")
    state.put("DCGM_FI_DEV_GPU_UTIL", float("nan"), Hostname="n1", gpu="1")
    state.put('resource="cpu"', 3.5, namespace="web", label_pool="cpu")
    for day in ("2026-10-30", "2026-10-31"):
        state.allocations[day] = allocated()


@pytest.fixture
def server() -> Iterator[Prometheus]:
    with prometheus() as state:
        put_cluster(state)
        yield state


def allocated() -> dict[str, Any]:
    def one(pod: str, cost: float, minutes: float = 1440.0, namespace: str = "web") -> dict[str, Any]:
        return {
            "properties": {"node": "n1", "providerID": "i-0a1", "namespace": namespace, "pod": pod},
            "minutes": minutes, "cpuCost": cost / 2, "ramCost": cost / 2, "gpuCost": 0.0,
            "cpuCoreRequestAverage": 2.0, "cpuCoreUsageAverage": 0.5,
            "ramByteRequestAverage": 2.0**31, "ramByteUsageAverage": 2.0**30,
        }  # fmt: skip

    idle = {**one("", 2.0), "properties": {"node": "n1", "providerID": "i-0a1"}}
    return {"n1/web/a": one("a", 5.0), "n1/web/b": one("b", 3.0, 720.0), "n1/__idle__": idle}


def source(server: Prometheus, *streams: str, **settings: Any) -> Source:
    given = {
        "url": server.url, "opencost_url": server.url, "cluster": "prod", "pool_label": "label_pool", "pools": {"cpu": POOL},
        "streams": streams, "history_days": 2, "retries": 3, "timeout_s": 10,
    }  # fmt: skip
    return Source(name="prod", connector="kubernetes", settings={**given, **settings})


def held(warehouse: Warehouse, stream: str) -> list[dict[str, Any]]:
    return rows(warehouse, f"from {STREAMS[stream].table} where x_source = 'prod/{stream}' order by all")


def loaded(warehouse: Warehouse, server: Prometheus, *streams: str, **settings: Any) -> LoadReport:
    return fetched(warehouse, source(server, *streams, **settings))


def test_nodes_are_their_machines_and_values_stand_at_the_start_of_their_hour(server: Prometheus, warehouse: Warehouse) -> None:
    assert loaded(warehouse, server, "utilization").failures == ()
    found = held(warehouse, "utilization")
    cpu = [row for row in found if row["metric"] == "cpu_utilization" and row["statistic"] == "avg"]
    assert {row["resource_id"] for row in cpu} == {"i-0a1"}
    assert len(cpu) == 48
    assert [row["timestamp"] for row in cpu[:2]] == [datetime(2026, 10, 30, h, tzinfo=UTC) for h in (0, 1)]
    assert cpu[0]["value"] == 1.0  # what was evaluated at one o'clock is the hour before it
    gpu = [row for row in found if row["metric"] == "gpu_utilization"]
    assert {row["dimensions"] for row in gpu} == {'{"device":"0"}'}  # a NaN is no value
    asked = [row for row in found if row["metric"] == "cpu_requested_cores"]
    assert {(row["resource_id"], row["dimensions"], row["value"]) for row in asked} == {(POOL, '{"namespace":"web"}', 3.5)}


def test_an_alternative_counts_where_the_first_knows_nothing(server: Prometheus, warehouse: Warehouse) -> None:
    server.put('container_cpu_usage_seconds_total{id="/"', 99.0, node="n1")
    server.put('container_cpu_usage_seconds_total{id="/"', 44.0, node="n2")
    server.put("k8s_node_cpu_usage", 33.0, k8s_node_name="n3")
    assert loaded(warehouse, server, "utilization").failures == ()
    cpu = {
        row["resource_id"]: row["value"]
        for row in held(warehouse, "utilization")
        if row["metric"] == "cpu_utilization" and row["statistic"] == "avg"
    }
    assert cpu.keys() == {"i-0a1", "prod/n2", "prod/n3"}
    assert (cpu["prod/n2"], cpu["prod/n3"]) == (44.0, 33.0)
    assert cpu["i-0a1"] != 99.0


def test_ranges_have_at_most_eleven_thousand_points(server: Prometheus, warehouse: Warehouse) -> None:
    window = Window(NOW - timedelta(days=15), NOW)
    for step in (60, 3600, 86_400):
        pieces = list(chunks(window, step))
        assert pieces[0].start == window.start
        assert pieces[-1].end == window.end
        assert all(a.end == b.start for a, b in pairwise(pieces))
        assert all((p.end - p.start).total_seconds() / step <= 11_000 for p in pieces)
    assert loaded(warehouse, server, "utilization", metric_period_s=60, history_days=15).failures == ()  # the server checks


def test_matchers_tenant_and_token_go_along(
    server: Prometheus, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token, server.tenant = TOKEN, "platform"
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    report = loaded(
        warehouse, server, "utilization", token_file=str(tmp_path / "token"), tenant="platform", selector='cluster="prod"'
    )
    assert report.failures == ()
    assert all('cluster="prod"' in parameters["query"] for _, parameters in server.requests)
    monkeypatch.setenv("OTHER", TOKEN)
    assert loaded(warehouse, server, "inventory", token_variable="OTHER", tenant="platform").failures == ()


def test_a_token_is_sent_over_tls_alone(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINOPS_PROMETHEUS_TOKEN", TOKEN)
    settings = {"url": "http://prometheus.invalid:9090", "streams": ["inventory"]}
    report = fetched(warehouse, Source(name="prod", connector="kubernetes", settings=settings))
    assert "without TLS" in report.failures[0]
    assert TOKEN not in repr(report)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(422, "execution", "many-to-many matching not allowed"), "many-to-many matching not allowed"),
        (Fault(400, "bad_data", "parse error"), "parse error"),
        (Fault(302, "found"), "points elsewhere"),
        (Fault(503, "timeout", "query timed out in expression evaluation"), "503"),
        (Reset(), "the connection failed"),
    ],
)
@pytest.mark.parametrize("name", STREAMS)
def test_an_error_lands_nothing_and_tells_no_secret(
    server: Prometheus, warehouse: Warehouse, name: str, fault: Fault | Reset, said: str, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, "finops")
    monkeypatch.setenv("FINOPS_PROMETHEUS_TOKEN", TOKEN)
    server.token = TOKEN
    server.fail(OPERATIONS[name], *[fault] * 200)
    report = loaded(warehouse, server, name)
    assert said in report.failures[0]
    assert OPERATIONS[name] in report.failures[0]
    assert warehouse.published().number == 0
    assert TOKEN not in repr(report) + caplog.text
    server.faults.clear()
    assert loaded(warehouse, server, name).failures == ()


def test_a_store_that_did_not_answer_fails_the_window(server: Prometheus, warehouse: Warehouse) -> None:
    server.warnings = ["PromQL info: metric might not be a counter"]
    assert loaded(warehouse, server, "inventory").failures == ()
    server.warnings = ["store 10.0.0.7 did not answer"]
    assert "not whole" in loaded(warehouse, server, "utilization").failures[0]


def test_nodes_and_claims(server: Prometheus, warehouse: Warehouse) -> None:
    loaded(warehouse, server, "inventory")
    found = {row["resource_id"]: row for row in held(warehouse, "inventory")}
    assert found["prod/n1"]["attached_to"] == "i-0a1"
    assert json.loads(found["prod/n1"]["properties"]) == {"gpu_count": 1, "memory_gib": 16.0, "vcpu": 4.0}
    assert json.loads(found["prod/data/pg"]["properties"]) == {"pvc": "data/pg", "pvc_phase": "Bound", "size_gib": 10.0}


@pytest.mark.parametrize(
    ("provider_id", "machine", "shared"),
    [
        ("aws:///us-east-1a/i-0a1", "i-0a1", False),
        ("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v",
         "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v", False),
        ("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/v/virtualMachines/3",
         "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/v", True),
        ("gce://p/us-central1-a/n", "//compute.googleapis.com/projects/p/zones/us-central1-a/instances/n", False),
        ("kind://docker/kind/node", "", False),
        ("", "", False),
    ],
)  # fmt: skip
def test_whose_machine_a_node_is(provider_id: str, machine: str, shared: bool) -> None:
    node = node_of("n", provider_id)
    assert (node.machine, node.shared) == (machine, shared)


def test_a_days_allocation_and_what_pods_cost(server: Prometheus, warehouse: Warehouse, tmp_path: Path) -> None:
    header = (
        "BillingAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BillingCurrency,BilledCost,"
        "EffectiveCost,ListCost,ContractedCost,ChargeCategory,ProviderName,PublisherName,InvoiceIssuerName,ServiceName,"
        "ServiceCategory,ResourceId,ChargeFrequency"
    )
    lines = [
        f"1,2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,2026-10-{day}T00:00:00Z,2026-10-{day + 1}T00:00:00Z,USD,10,10,10,10,"
        "Usage,AWS,AWS,AWS,Amazon EC2,Compute,i-0a1,Usage-Based"
        for day in (29, 30)
    ]
    (tmp_path / "bill.csv").write_text("\n".join([header, *lines, ""]))
    load(warehouse, [tmp_path / "bill.csv"])
    assert loaded(warehouse, server, "allocation").failures == ()
    found = {(row["metric"], row["dimensions"]): row["value"] for row in held(warehouse, "allocation")}
    assert found["cpu_requested_cores", '{"namespace":"web"}'] == 2.0 + 1.0  # the second ran for half of the day
    assert found["node_share", '{"namespace":"web","pod":"a"}'] == 0.5
    with warehouse.reader() as reader:
        parts = reads.pods(reader, datetime(2026, 10, 29).date(), datetime(2026, 10, 31).date())  # noqa: DTZ001
    assert [(row.part, row.cost) for row in parts] == [
        ("web/a", Decimal(5)),
        ("web/b", Decimal(3)),
        ("(idle)", Decimal(2)),  # of the day that was measured: of the other nobody knows
    ]


def test_the_doctor_tries_each_and_the_role_names_them(server: Prometheus) -> None:
    checks = examine([source(server)], lambda _: None)
    assert {check.permission for check in checks} == {p for s in STREAMS.values() for p in s.permissions}
    assert {check.status for check in checks} == {"ok"}
    role = shipped("kubernetes", "permissions")
    assert all(check.permission in role for check in checks)
    assert 'verbs: ["get"]' in role
    server.fail("opencost:allocation", Fault(403, "forbidden"))
    assert [check.status for check in examine([source(server, "allocation")], lambda _: None)] == ["missing"]


def test_streams_without_an_address_are_passed_over(server: Prometheus, warehouse: Warehouse) -> None:
    report = fetched(warehouse, source(server, opencost_url=None))
    assert report.failures == ()
    assert server.asked["opencost:allocation"] == 0
    named = fetched(warehouse, source(server, "allocation", opencost_url=None))
    assert "nothing that the stream `allocation` could read" in named.failures[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x"}, {"url": "https://u:p@x"}, {"url": "https://x?token=1"}, {"selector": 'a="b"} or vector(1'},
        {"pool_label": "a b"}, {"tenant": "a\nb"},
    ],
)  # fmt: skip
def test_settings_that_would_say_more_than_they_should(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        connector_settings(Source(name="x", connector="kubernetes", settings=wrong))


def test_queries_are_told_apart() -> None:
    for (metric, statistic), several in queries().items():
        assert {query.statistic for query in several} == {statistic}
        assert len({query.promql for query in several}) == len(several), metric
        assert {query.of for query in several} <= {"node", "pool"}
    assert KubernetesSettings(pools={}).metric_period_s == 3600
