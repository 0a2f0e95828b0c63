"""Cloud Monitoring: the company's measurements are those of its file, and no call is made for what is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp.utilization import UTILIZATION, readings
from finops import ingest
from finops.errors import ConfigError
from finops.warehouse.warehouse import Warehouse
from tests.connectors.gcp.bills import BASE
from tests.live import google_series
from tests.live.aws_company import calls, fetched, rows
from tests.live.conftest import NOW
from tests.live.faults import Fault
from tests.live.google_contract import Google
from tests.live.google_estate import asset, company, serve_assets, source
from tests.live.google_series import KINDS, Monitoring, Series
from tests.live.google_things import THINGS
from tests.staging import write_csv

TODAY = NOW.replace(hour=0)


def metrics(google: Google, **settings: Any) -> Any:
    return source(google, "utilization", **{"history_days": 5, **settings})


def test_the_company_is_as_in_its_file(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    start = TODAY - timedelta(days=5)
    monitoring, told = google_series.company(start, TODAY)
    monitoring.serve(google)
    google.page = 3
    report = fetched(warehouse, metrics(google))
    assert report.failures == ()
    found = {
        (row["resource_id"], row["timestamp"], row["period_s"], row["metric"], row["dimensions"], row["statistic"]): row[
            "value"
        ]
        for row in rows(warehouse, "select * replace (coalesce(dimensions, '') as dimensions) from metrics")
    }
    expected = {(*row[:4], row[4] or "", row[5]): row[6] for row in told}
    assert len(expected) > 2_000
    hourly = {key: value for key, value in expected.items() if key[2] == 3600}
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-12)
    assert len({key[3] for key in hourly}) >= 6


def test_calls_are_as_few_as_projects_metrics_and_statistics(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    monitoring, _ = google_series.company(TODAY - timedelta(days=5), TODAY)
    monitoring.serve(google)
    report = fetched(warehouse, metrics(google))
    held = {(each.ancestors[0], each.asset_type) for each in company()}
    least = sum(len(reading.statistics) for _, kind in held for reading in readings() if reading.asset == kind)
    assert google.asked["ListTimeSeries"] == least
    assert calls(report)["monitoring.timeSeries.list"] == least
    assert google.asked["ListAssets"] == 1
    assert all("compute" not in each.filter for each in monitoring.asked if each.name == "projects/481516234203")


def test_days_are_asked_for_until_they_are_final(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    monitoring = Monitoring().serve(google)
    fetched(warehouse, metrics(google))
    days = rows(warehouse, "select unit from coverage where stream = 'metrics' order by all")
    assert [row["unit"] for row in days] == [f"2026-10-{day}" for day in range(27, 32)] + ["2026-11-01"][:0]
    monitoring.asked.clear()
    fetched(warehouse, metrics(google), now=NOW + timedelta(days=1))
    starts = {each.interval.start_time.seconds for each in monitoring.asked}
    assert starts == {int(datetime(2026, 10, 31, tzinfo=UTC).timestamp())}


def test_every_reading_is_one_that_google_takes(google: Google, warehouse: Warehouse) -> None:
    """The server refuses an aligner that a kind of metric does not have."""
    serve_assets(google, [*company(), *THINGS])
    monitoring = Monitoring().serve(google)
    assert fetched(warehouse, metrics(google)).failures == ()
    asked = {each.filter.split('"')[1] for each in monitoring.asked}
    assert asked == {reading.metric for reading in readings()} == set(KINDS)


def test_a_database_a_cluster_and_a_gpu_have_their_names(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, [*company(), *THINGS])
    monitoring = Monitoring().serve(google)
    at = TODAY - timedelta(hours=3)
    project = "nordlicht-ml-prod"
    monitoring.put(
        project,
        "cloudsql.googleapis.com/database/cpu/utilization",
        "ALIGN_MEAN:REDUCE_MEAN",
        Series({"resource.project_id": project, "resource.database_id": f"{project}:orders"}, {at: 0.25}),
    )
    place = {"resource.project_id": project, "resource.zone": "us-central1-a"}
    for device in "01":
        labels = {**place, "system.name": "train", "metric.gpu_number": device}
        monitoring.put(
            project, "agent.googleapis.com/gpu/memory/bytes_used", "ALIGN_MEAN:REDUCE_MEAN", Series(labels, {at: 2.0**31})
        )
    nameless = Series({**place, "metric.gpu_number": "0"}, {at: 1.0})
    monitoring.put(project, "agent.googleapis.com/gpu/utilization", "ALIGN_MEAN:REDUCE_MEAN", nameless)
    for job, load in (("2", 0.75), ("99", 0.5)):  # of the second nobody knows where it ran
        series = Series({"resource.job_id": job}, {at: load})
        monitoring.put(project, "ml.googleapis.com/training/accelerator/utilization", "ALIGN_MEAN:REDUCE_MEAN", series)
    assert fetched(warehouse, metrics(google)).failures == ()
    found = rows(warehouse, "select resource_id, timestamp, metric, dimensions, statistic, value from metrics order by all")
    job = "//aiplatform.googleapis.com/projects/481516234201/locations/us-central1/customJobs/2"
    hour = at - timedelta(hours=1)
    machine = "//compute.googleapis.com/projects/nordlicht-ml-prod/zones/us-central1-a/instances/train"
    assert [tuple(row.values()) for row in found] == [
        (job, hour, "gpu_utilization", None, "avg", 75.0),
        ("//cloudsql.googleapis.com/projects/nordlicht-ml-prod/instances/orders", hour, "cpu_utilization", None, "avg", 25.0),
        (machine, hour, "gpu_memory_used_gib", '{"device":"0"}', "avg", 2.0),
        (machine, hour, "gpu_memory_used_gib", '{"device":"1"}', "avg", 2.0),
    ]


def test_what_the_bill_numbers_meets_what_is_measured_by_name(google: Google, warehouse: Warehouse, tmp_path: Path) -> None:
    """Machines are numbers to Cloud Monitoring and on the bill; series are grouped by their names, the bill has both."""
    serve_assets(google, [*company(), *THINGS])
    monitoring, at = Monitoring().serve(google), TODAY - timedelta(hours=3)
    place = {"resource.project_id": "nordlicht-ml-prod", "resource.zone": "us-central1-a"}
    cpu = Series({**place, "metric.instance_name": "mlflow"}, {at: 0.25})
    monitoring.put("nordlicht-ml-prod", "compute.googleapis.com/instance/cpu/utilization", "ALIGN_MEAN:REDUCE_MEAN", cpu)
    billed = "//compute.googleapis.com/projects/481516234201/zones/us-central1-a/instances/5731447681477044785"
    line = BASE | {
        "project.id": "nordlicht-ml-prod", "project.number": "481516234201", "resource.name": "mlflow",
        "resource.global_name": billed, "invoice.month": "202610",
        "usage_start_time": "2026-10-31T10:00:00Z", "usage_end_time": "2026-10-31T11:00:00Z",
    }  # fmt: skip
    ingest.load(warehouse, [write_csv(tmp_path / "bill.csv", line.keys(), line.values())], source="bill")
    assert fetched(warehouse, source(google, "utilization", "inventory", history_days=5)).failures == ()
    machine = "//compute.googleapis.com/projects/nordlicht-ml-prod/zones/us-central1-a/instances/mlflow"
    ids = {table: "ResourceId" if table == "charges" else "resource_id" for table in ("charges", "metrics", "resources")}
    for table, name in ids.items():
        assert {"name": machine} in rows(warehouse, f"select distinct {name} as name from {table}"), table
    of = f"from resource_profile(date '2026-10-31') where resource_id = '{machine}'"
    (found,) = rows(warehouse, f"select cost > 0 as is_billed, metrics::varchar as metrics {of}")
    assert (found["is_billed"], "cpu_utilization" in found["metrics"]) == (True, True)


def test_workers_of_a_tpu_are_of_the_one_that_is_there(google: Google, warehouse: Warehouse) -> None:
    """A zone's series are its only node's; of two they would be anybody's. A pool's name stands in its series."""
    node, two = "//tpu.googleapis.com/projects/nordlicht-ml-prod/locations/{}/nodes/{}", "us-east5-b"
    nodes = [node.format(two, name) for name in "ab"] + [node.format("us-central1-b", "four")]
    things = [asset("tpu.googleapis.com/Node", name, {}, project="nordlicht-ml-prod") for name in nodes]
    serve_assets(google, [*company(), *things])
    monitoring, at = Monitoring().serve(google), TODAY - timedelta(hours=3)
    for zone, load in ((two, 3.0), ("us-central1-b", 62.5), ("europe-west4-a", 9.0)):  # in the last zone none is left
        series = Series({"resource.location": zone}, {at: load})
        monitoring.put("nordlicht-ml-prod", "tpu.googleapis.com/accelerator/duty_cycle", "ALIGN_MEAN:REDUCE_MAX", series)
    pool = "//container.googleapis.com/projects/nordlicht-ml-prod/locations/us-central1/clusters/serving/nodePools/l4-burst"
    labels = dict(
        zip(("resource.project_id", "resource.location", "resource.cluster_name"), pool.split("/")[4:9:2], strict=True)
    )
    monitoring.put(
        "nordlicht-ml-prod",
        "kubernetes.io/node/accelerator/memory_used",
        "ALIGN_MAX:REDUCE_MAX",
        Series({**labels, "user.cloud.google.com/gke-nodepool": "l4-burst"}, {at: 2.0**34}),
    )
    assert fetched(warehouse, metrics(google)).failures == ()
    found = rows(warehouse, "select resource_id, metric, statistic, value from metrics order by all")
    assert [tuple(row.values()) for row in found] == [
        (pool, "tpu_memory_used_gib", "max", 16.0),
        (nodes[2], "tpu_duty_cycle", "avg", 62.5),
    ]
    asked = {each.filter for each in monitoring.asked if "accelerator/memory_used" in each.filter}
    assert any('metric.labels.make = "cloud-tpu"' in each for each in asked)


def test_a_failed_part_lands_nothing_and_the_next_load_fetches_it_alone(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    monitoring, _ = google_series.company(TODAY - timedelta(days=5), TODAY)
    monitoring.serve(google)
    settings = {"concurrency": 1, "retries": 0}
    google.fail("ListTimeSeries", Fault(500, "INTERNAL"))
    report = fetched(warehouse, metrics(google, **settings))
    assert "monitoring.timeSeries.list: 500" in report.failures[0]
    assert rows(warehouse, "select count(*)::int as n from metrics") == [{"n": 0}]
    monitoring.asked.clear()
    assert fetched(warehouse, metrics(google, **settings), now=NOW + timedelta(hours=1)).failures == ()
    assert len(monitoring.asked) <= 2
    assert rows(warehouse, "select count(*)::int as n from metrics")[0]["n"] > 2_000


def test_what_is_already_lost_is_said(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    Monitoring().serve(google)
    report = fetched(warehouse, metrics(google, history_days=90))
    assert report.notes == ("gcp: measurements from before 2026-09-20 are gone: they are kept for 42 days",)
    assert UTILIZATION.reach_days == 42


def test_calls_are_priced_before(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    monitoring, _ = google_series.company(TODAY - timedelta(days=5), TODAY)
    monitoring.serve(google)
    with pytest.raises(ConfigError, match="more than 0"):
        fetched(warehouse, metrics(google), max_api_cost=Decimal(0))
    assert google.asked["ListTimeSeries"] == 0
