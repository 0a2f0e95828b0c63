"""Azure Monitor: the sample company's measurements come out as its files have them, in as few calls as there can be."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest

from connectors.azure.utilization import AGGREGATIONS, Place, asks, calls, readings
from finops.errors import ConfigError
from finops.warehouse.warehouse import Warehouse
from finops.window import Window
from tests.live.aws_company import calls as counted
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import GROUP, SUBSCRIPTION, put_resources, put_sample
from tests.live.azure_metrics import PUBLISHED, put_measurements
from tests.live.conftest import NOW
from tests.live.faults import Fault

HOUR = datetime(2026, 10, 30, 7, tzinfo=UTC)


def metrics(azure: Azure, **settings: Any) -> Any:
    given = {"management_endpoint": azure.url, "metrics_endpoint": azure.url, "history_days": 5, **settings}
    return source(azure, "utilization", **given)


def loaded(warehouse: Warehouse) -> dict[tuple[Any, ...], float]:
    found = rows(warehouse, "select resource_id, timestamp, metric, dimensions, statistic, value from metrics")
    return {(r["resource_id"], r["timestamp"], r["metric"], r["dimensions"] or "", r["statistic"]): r["value"] for r in found}


def put(
    azure: Azure, resource: str, metric: str, at: datetime = HOUR, *, by: dict[str, str] | None = None, **values: float
) -> None:
    azure.plane.measured[resource.lower(), metric.lower()].append((by or {}, at, values))


def test_the_sample_companys_measurements_come_out_as_its_files_have_them(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    told = put_measurements(azure.plane.measured, 5)
    assert fetched(warehouse, metrics(azure)).failures == ()
    found = loaded(warehouse)
    assert len(found) == len(told) > 7_000
    for resource, at, metric, dimensions, statistic, value in told:
        key = (resource, at, metric, dimensions or "", statistic)
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-9), key


def test_scales_dimensions_and_what_is_left_free(azure: Azure, warehouse: Warehouse) -> None:
    put_resources(azure)
    azure.plane.put({"id": f"{GROUP}/Microsoft.Compute/disks/d", "type": "Microsoft.Compute/disks", "location": "East US 2"})
    put(azure, f"{GROUP}/Microsoft.Compute/disks/d", "Composite Disk Read Operations/sec", average=2.0)
    gateway = f"{GROUP}/Microsoft.Network/natGateways/out"
    put(azure, gateway, "ByteCount", by={"Direction": "In"}, total=7.0)
    put(azure, gateway, "ByteCount", by={"Direction": "Out"}, total=9.0)
    cluster = f"{GROUP}/Microsoft.ContainerService/managedClusters/aks"
    put(azure, cluster, "node_cpu_usage_percentage", by={"nodepool": "gpu"}, average=40.0, maximum=90.0)
    put(azure, f"{GROUP}/Microsoft.Storage/storageAccounts/plain", "UsedCapacity", average=1e12)
    assert fetched(warehouse, metrics(azure)).failures == ()
    assert sorted((key[0].removeprefix(f"{GROUP}/"), *key[2:], value) for key, value in loaded(warehouse).items()) == [
        ("Microsoft.Compute/disks/d", "disk_read_ops", "", "sum", 7200.0),
        ("Microsoft.ContainerService/managedClusters/aks/agentPools/gpu", "cpu_utilization", "", "avg", 40.0),
        ("Microsoft.ContainerService/managedClusters/aks/agentPools/gpu", "cpu_utilization", "", "max", 90.0),
        ("Microsoft.Network/natGateways/out", "network_in_bytes", "", "sum", 7.0),
        ("Microsoft.Network/natGateways/out", "network_out_bytes", "", "sum", 9.0),
        ("Microsoft.Storage/storageAccounts/plain", "stored_bytes", "", "avg", 1e12),
    ]


def test_days_are_asked_for_until_they_are_final(azure: Azure, warehouse: Warehouse) -> None:
    put_resources(azure)
    fetched(warehouse, metrics(azure))
    fetched(warehouse, metrics(azure), now=NOW + timedelta(days=1))
    asked = [parameters["parameters"] for name, parameters in azure.requests if name == "monitor:QueryResources"]
    spans = {(a["starttime"][:10], a["endtime"][:10]) for a in asked}
    assert spans == {("2026-10-27", "2026-11-01"), ("2026-10-30", "2026-11-02")}  # the 29th was final


def test_what_is_already_lost_is_said_once(azure: Azure, warehouse: Warehouse) -> None:
    report = fetched(warehouse, metrics(azure, history_days=120))
    assert report.notes == ("azure: measurements from before 2026-07-31 are gone: they are kept for 93 days",)
    assert fetched(warehouse, metrics(azure, history_days=120)).notes == ()


def test_calls_and_their_price_are_said_before_and_after(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    with pytest.raises(ConfigError, match="more than 0"):
        fetched(warehouse, metrics(azure), max_api_cost=0)
    assert azure.asked["monitor:QueryResources"] == 0
    report = fetched(warehouse, metrics(azure))
    assert report.api.estimated == report.api.spent
    assert counted(report)["monitor:QueryResources"] == azure.asked["monitor:QueryResources"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda ids: [], "was not answered"),
        (lambda ids: [{"resourceid": i, "value": [_metric("Throttled", 0)]} for i in ids], "Throttled for Percentage CPU"),
        (lambda ids: [{"resourceid": i, "value": [_metric("Success", 10_000)]} for i in ids], "10000 series or more"),
    ],
)
def test_half_an_answer_fails_its_window(azure: Azure, warehouse: Warehouse, answer: Any, said: str) -> None:
    put_resources(azure)
    machine = f"{GROUP}/Microsoft.Compute/virtualMachines/m"
    azure.plane.put({"id": machine, "type": "Microsoft.Compute/virtualMachines", "location": "eastus2", "properties": {}})
    azure.answer("monitor:QueryResources", {"values": answer([machine])})
    (failure,) = fetched(warehouse, metrics(azure)).failures
    assert said in failure or "was not answered" in failure
    assert warehouse.published().number == 0


def test_a_batch_that_fails_lands_nothing_and_the_next_load_asks_for_it_alone(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    told = put_measurements(azure.plane.measured, 5)
    given = metrics(azure, concurrency=1, retries=1)
    azure.fail("monitor:QueryResources", Fault(500, "InternalServerError"))
    assert "InternalServerError" in fetched(warehouse, given).failures[0]
    assert warehouse.published().number == 0
    before = azure.asked["monitor:QueryResources"]
    assert fetched(warehouse, given, now=NOW + timedelta(hours=1)).failures == ()
    assert 0 < azure.asked["monitor:QueryResources"] - before < before / 2
    assert len(loaded(warehouse)) == len(told)


def _metric(code: str, series: int) -> dict[str, Any]:
    return {"name": {"value": "Percentage CPU"}, "errorCode": code, "timeseries": [{"data": []}] * series}


@pytest.mark.parametrize(("machines", "days"), [(1000, 14), (10, 90), (120, 3)])
def test_calls_are_the_fewest_that_the_limits_allow(machines: int, days: int) -> None:
    """⌈resources / 50⌉ × groups of metrics that can share a call, × answers of at most 100,000 points."""
    kind = "Microsoft.Compute/virtualMachines"
    place = Place(SUBSCRIPTION, "eastus2", kind, tuple(f"{GROUP}/{kind}/m{n}" for n in range(machines)))
    window = Window(NOW - timedelta(days=days), NOW)
    made = list(calls(place, window, 3600))
    groups = Counter((ask.period_s, ask.aggregations, ask.dimensions) for ask in asks(kind, 3600))
    assert max(groups.values()) == 1
    least = sum(
        ceil(machines / 50) * max(1, ceil(min(machines, 50) * len(ask.names) * days * 24 / 100_000)) for ask in asks(kind, 3600)
    )
    assert len(made) <= 1.2 * least
    assert all(len(call.ids) <= 50 and len(call.ask.names) <= 20 for call in made)
    spans = Counter((call.ids, call.ask.aggregations) for call in made)
    assert sum((call.window.end - call.window.start).days for call in made) == days * len(spans)


def test_readings_are_metrics_that_there_are(azure: Azure) -> None:
    for namespace, several in readings().items():
        for reading in several:
            published = PUBLISHED[namespace.lower()][reading.name]
            assert set(reading.dimensions) <= set(published), reading
            used = {*(v for _, v in reading.labels), *(n for n, _ in reading.where)}
            places = {place.split("}")[0] for place in reading.resource.split("{")[1:]}
            assert set(reading.dimensions) <= used | places, reading  # else two series would have one key
            assert places <= {"id", "parent", *reading.dimensions}, reading
            assert set(reading.statistics) <= set(AGGREGATIONS), reading
            assert reading.scale in ("rate", "minute", "left", "samples") or float(reading.scale) > 0
