"""Every query of `data/queries.toml` evaluated by Prometheus itself (Debian's package), on a day of a cluster's counters.

The contract server holds how queries are asked; what they mean only Prometheus can say.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.kubernetes.settings import KubernetesSettings
from connectors.kubernetes.utilization import queries, written
from finops.config import Source
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.servers import free_port, serving

DAY = datetime(2026, 10, 31, tzinfo=UTC)
STEP_S, STEPS = 60, 1440
GIB = 2.0**30
POOL = 'label_pool="cpu"'
N1, N2 = "10.0.0.1:9100", "10.0.0.2:9100"


def program(name: str) -> str | None:
    """Where it is installed."""
    own = Path(__file__).parents[2] / ".venv/prometheus/usr/bin" / name
    return str(own) if own.exists() else shutil.which(name)


CONSTANT = {
    'kube_node_info{node="n1",provider_id="aws:///us-east-1a/i-0a1",internal_ip="10.0.0.1"}': 1,
    'kube_node_info{node="n2",provider_id="",internal_ip="10.0.0.2"}': 1,
    f'kube_node_labels{{node="n1",{POOL}}}': 1,
    f'kube_node_labels{{node="n2",{POOL}}}': 1,
    f'node_memory_MemTotal_bytes{{instance="{N1}"}}': 16 * GIB,
    f'node_memory_MemAvailable_bytes{{instance="{N1}"}}': 4 * GIB,
    'DCGM_FI_DEV_GPU_UTIL{Hostname="n1",gpu="0"}': 71,
    'DCGM_FI_DEV_GPU_UTIL{Hostname="n1",gpu="1"}': 0,
    'DCGM_FI_PROF_SM_ACTIVE{Hostname="n1",gpu="0"}': 0.5,
    'DCGM_FI_PROF_DRAM_ACTIVE{Hostname="n1",gpu="0"}': 0.25,
    'DCGM_FI_DEV_FB_USED{Hostname="n1",gpu="0"}': 6144,
    'DCGM_FI_DEV_FB_FREE{Hostname="n1",gpu="0"}': 18432,
    'kube_pod_container_resource_requests{namespace="web",pod="a",container="c",node="n1",resource="cpu"}': 1.5,
    'kube_pod_container_resource_requests{namespace="web",pod="b",container="c",node="n2",resource="cpu"}': 2,
    'kube_pod_container_resource_requests{namespace="web",pod="done",container="c",node="n2",resource="cpu"}': 8,
    'kube_pod_container_resource_requests{namespace="web",pod="a",container="c",node="n1",resource="memory"}': 3 * GIB,
    'kube_pod_container_resource_requests{namespace="ml",pod="g",container="c",node="n1",resource="nvidia_com_gpu"}': 2,
    'kube_pod_status_phase{namespace="web",pod="a",phase="Running"}': 1,
    'kube_pod_status_phase{namespace="web",pod="a",phase="Pending"}': 0,
    'kube_pod_status_phase{namespace="web",pod="b",phase="Running"}': 1,
    'kube_pod_status_phase{namespace="web",pod="done",phase="Running"}': 0,
    'kube_pod_status_phase{namespace="web",pod="done",phase="Succeeded"}': 1,
    'kube_pod_status_phase{namespace="ml",pod="g",phase="Running"}': 1,
    'kube_pod_info{namespace="web",pod="a",node="n1",created_by_kind="ReplicaSet"}': 1,
    'kube_pod_info{namespace="web",pod="b",node="n2",created_by_kind="ReplicaSet"}': 1,
    'kube_pod_info{namespace="ml",pod="g",node="n1",created_by_kind="DaemonSet"}': 1,
    'container_memory_working_set_bytes{namespace="web",pod="a",container="c",node="n1"}': 2 * GIB,
    'container_memory_working_set_bytes{id="/",node="n2"}': 2 * GIB,
    'machine_memory_bytes{node="n2"}': 8 * GIB,
    'machine_cpu_cores{node="n2"}': 4,
    'k8s_node_cpu_usage{k8s_node_name="n3"}': 1,
    'k8s_node_allocatable_cpu{k8s_node_name="n3"}': 4,
    'system_memory_utilization_ratio{k8s_node_name="n3",state="used"}': 0.5,
}
"""Series → its value all day."""

RISING = {
    f'node_cpu_seconds_total{{instance="{N1}",cpu="0",mode="idle"}}': 0.75,
    f'node_cpu_seconds_total{{instance="{N1}",cpu="0",mode="user"}}': 0.25,
    f'node_cpu_seconds_total{{instance="{N1}",cpu="1",mode="idle"}}': 0.25,
    f'node_network_receive_bytes_total{{instance="{N1}",device="eth0"}}': 100,
    f'node_network_receive_bytes_total{{instance="{N1}",device="lo"}}': 9_000,
    f'node_network_transmit_bytes_total{{instance="{N1}",device="eth0"}}': 10,
    'container_cpu_usage_seconds_total{namespace="web",pod="a",container="c",node="n1"}': 0.5,
    'container_cpu_usage_seconds_total{namespace="web",pod="a",container="POD",node="n1"}': 9,
    'container_cpu_usage_seconds_total{id="/",node="n2"}': 1,
}
"""Counter → what it rises by a second."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server, tool = program("prometheus"), program("promtool")
    if server is None or tool is None:
        pytest.skip("Prometheus is not installed: make emulators")
    folder = tmp_path_factory.mktemp("prometheus")
    text, config = folder / "metrics.txt", folder / "prometheus.yml"
    start = int(DAY.timestamp())
    with text.open("w") as file:
        for series in sorted({**CONSTANT, **RISING}):
            for step in range(STEPS + 1):
                value = CONSTANT[series] if series in CONSTANT else RISING[series] * step * STEP_S
                file.write(f"{series} {value} {start + step * STEP_S}\n")
        file.write("# EOF\n")
    config.write_text("global: {}\n")
    made = [tool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(folder / "data")]
    subprocess.run(made, check=True, capture_output=True)
    port = free_port()
    kept = [f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=10y"]
    with serving([server, f"--config.file={config}", *kept, f"--web.listen-address=127.0.0.1:{port}"], port):
        yield f"http://127.0.0.1:{port}"


def test_each_query_means_what_it_is_read_as(url: str, warehouse: Warehouse) -> None:
    given = {
        "url": url,
        "cluster": "prod",
        "pool_label": "label_pool",
        "streams": ["utilization", "inventory"],
        "history_days": 1,
    }
    report = fetched(warehouse, Source(name="k", connector="kubernetes", settings=given))
    assert report.failures == ()
    noon = "timestamp = timestamptz '2026-10-31 12:00:00+00'"
    columns = "resource_id, metric, coalesce(dimensions, '') as dimensions, statistic, round(value, 6) as value"
    found = {tuple(row.values()) for row in rows(warehouse, f"select {columns} from metrics where {noon}")}
    web, first, second = '{"namespace":"web"}', '{"device":"0"}', '{"device":"1"}'
    assert found == {
        ("i-0a1", "cpu_utilization", "", "avg", 50.0), ("i-0a1", "cpu_utilization", "", "max", 50.0),
        ("prod/n2", "cpu_utilization", "", "avg", 25.0), ("prod/n3", "cpu_utilization", "", "avg", 25.0),
        ("i-0a1", "memory_utilization", "", "avg", 75.0), ("i-0a1", "memory_utilization", "", "max", 75.0),
        ("prod/n2", "memory_utilization", "", "avg", 25.0), ("prod/n3", "memory_utilization", "", "avg", 50.0),
        ("i-0a1", "network_in_bytes", "", "sum", 360_000.0), ("i-0a1", "network_out_bytes", "", "sum", 36_000.0),
        ("i-0a1", "gpu_utilization", first, "avg", 71.0), ("i-0a1", "gpu_utilization", first, "max", 71.0),
        ("i-0a1", "gpu_utilization", second, "avg", 0.0), ("i-0a1", "gpu_utilization", second, "max", 0.0),
        ("i-0a1", "gpu_sm_active", first, "avg", 50.0), ("i-0a1", "gpu_sm_active", first, "max", 50.0),
        ("i-0a1", "gpu_dram_active", first, "avg", 25.0),
        ("i-0a1", "gpu_memory_utilization", first, "max", 25.0), ("i-0a1", "gpu_memory_used_gib", first, "max", 6.0),
        ("prod/cpu", "cpu_requested_cores", web, "avg", 3.5), ("prod/cpu", "cpu_requested_cores", web, "max", 3.5),
        ("prod/cpu", "cpu_used_cores", web, "avg", 0.5), ("prod/cpu", "cpu_used_cores", web, "max", 0.5),
        ("prod/cpu", "memory_requested_gib", web, "avg", 3.0), ("prod/cpu", "memory_used_gib", web, "max", 2.0),
        ("prod/cpu", "gpu_requested", "", "avg", 2.0), ("prod/cpu", "gpu_requested", "", "max", 2.0),
        ("prod/cpu", "pods_running", "", "max", 2.0),
    }  # fmt: skip


def test_each_query_is_taken_with_and_without_pool_and_matchers(url: str, tmp_path: Path) -> None:
    for number, settings in enumerate(({}, {"pool_label": "label_pool"}, {"selector": 'cluster="prod"'})):
        chosen = KubernetesSettings(**{"url": url, **settings})
        texts = [written(query, chosen) for several in queries().values() for query in several]
        rules = "".join(f"  - record: q{n}\n    expr: {text!r}\n" for n, text in enumerate(texts))
        file = tmp_path / f"{number}.yml"
        file.write_text(f"groups:\n- name: all\n  rules:\n{rules}")
        tool = program("promtool")
        assert tool
        ran = subprocess.run([tool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert f"{len(texts)} rules found" in ran.stdout
