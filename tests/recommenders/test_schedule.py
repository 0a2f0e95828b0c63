"""Schedule: on in local office hours, compute alone, nothing that is used at night, nothing that is unknown."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from finops.model import Act, Schedule
from tests.estate import AS_OF, Estate, _day
from tests.recommenders.test_plan import only, plan_of, why

assert AS_OF
MONTH = 730 / 720
WORKING_DAYS = 365.25 / 12 * 5 / 7


def used(
    estate: Estate,
    resource: str,
    metric: str,
    first: int,
    last: int,
    *,
    zone: str = "UTC",
    on: float = 5.0,
    off: float = 0.0,
    days: int = 60,
    statistic: str = "avg",
    weekend: bool = False,
    only_on: bool = False,
) -> Estate:
    """One sample an hour: `on` in the local working hours first ≤ h < last, else `off`."""
    rows = []
    for back in range(days * 24):
        moment = _day(-1) - timedelta(hours=back + 1)
        local = moment.astimezone(ZoneInfo(zone))
        busy = first <= local.hour < last and (weekend or local.weekday() < 5)
        if busy or not only_on:
            rows.append((resource, moment, 3600, metric, None, statistic, on if busy else off, "s"))
    columns = ("resource_id", "timestamp", "period_s", "metric", "dimensions", "statistic", "value", "x_source")
    for row in rows:
        estate.add("metrics", **dict(zip(columns, row, strict=True)))
    return estate


def warehouse(**more: Any) -> Estate:
    estate = Estate().charge("rs", 26.064, x_instance_type="ra3.xlplus").resource("rs", "AWS::Redshift::Cluster", **more)
    return estate.charge("rs", 3.0, PricingUnit="GB-Months", SkuMeter="managed storage")


def saving(daily: float, hours_on: float) -> Decimal:
    return Decimal(str(round(daily * 30 * MONTH * (1 - hours_on / 730), 2)))


def test_a_warehouse_is_paused_and_its_storage_is_paid() -> None:
    plan = plan_of(used(warehouse(), "rs", "queries", 8, 19, on=40, statistic="sum"), "schedule")
    action, target, amount = only(plan)
    assert (action, target) == ("Schedule", "Mon–Fri 07:45–19:00 UTC")
    assert amount == saving(26.064, 11.25 * WORKING_DAYS)


def test_local_time_across_the_clock_change() -> None:
    estate = Estate().charge("ng", 48.0, x_instance_type="m5.xlarge", quantity=48)
    estate.charge("ng", 2.4, SkuMeter="control plane")
    estate.resource("ng", "AWS::EKS::Nodegroup", timezone="Europe/Berlin", min_nodes=2, max_nodes=4)
    used(estate, "ng", "pods_running", 7, 19, zone="Europe/Berlin", on=30)
    assert only(plan_of(estate, "schedule"))[1:] == ("Mon–Fri 06:45–19:00 Europe/Berlin", saving(48.0, 12.25 * WORKING_DAYS))


def test_a_notebook_stops_itself() -> None:
    estate = (
        Estate().charge("sp", 17.664, x_instance_type="ml.g4dn.xlarge").charge("sp", 0.3, PricingUnit="GB-Months", SkuMeter="d")
    )
    estate.resource("sp", "AWS::SageMaker::Space")
    rows = used(Estate(), "sp", "kernels_active", 10, 12, on=1, weekend=True).charges
    assert rows == []
    used(estate, "sp", "kernels_active", 10, 12, on=1, weekend=True)
    # two of 24 hours are 60.83 a month, and a quarter
    assert only(plan_of(estate, "schedule"))[1:] == ("stopped after idling", saving(17.664, 730 / 12 * 1.25))


def test_a_notebook_whose_kernels_nobody_counts_is_judged_by_its_processors() -> None:
    estate = Estate().charge("sp", 17.664, x_instance_type="ml.g4dn.xlarge").resource("sp", "AWS::SageMaker::Space")
    used(estate, "sp", "cpu_utilization", 10, 12, on=35, off=1, weekend=True)
    assert only(plan_of(estate, "schedule"))[1:] == ("stopped after idling", saving(17.664, 730 / 12 * 1.25))
    quiet = used(estate.reversed(), "sp", "gpu_utilization", 20, 22, on=30, weekend=True)
    assert only(plan_of(quiet, "schedule"))[2] == saving(17.664, 730 / 6 * 1.25)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_what_is_stopped_but_not_deallocated_is_billed(environment: str) -> None:
    estate = Estate().charge("vm", 60.0, x_instance_type="NV12s_v3", ProviderName="Microsoft Azure")
    tags = {"environment": environment}
    estate.resource("vm", "Microsoft.Compute/virtualMachines", tags=tags, power_state="stopped", timezone="Europe/Berlin")
    used(estate, "vm", "cpu_utilization", 9, 15, zone="Europe/Berlin", on=40, only_on=True)
    action, target, amount = only(plan_of(estate, "schedule"))
    assert (action, target) == ("Schedule", "Mon–Fri 08:45–15:00 Europe/Berlin")
    assert amount == saving(60.0, 6.25 * WORKING_DAYS)
    assert why(plan_of(estate, "idle")) != ""


def machine(tags: dict[str, str] | None = None, **metrics: tuple[float, float]) -> Estate:
    """On and off levels by metric, used from 8 to 18."""
    estate = Estate().charge("i-1", 24.0, x_instance_type="m5.xlarge")
    estate.resource("i-1", "AWS::EC2::Instance", tags={"environment": "dev"} if tags is None else tags)
    for metric, (on, off) in metrics.items():
        used(estate, "i-1", metric, 8, 18, on=on, off=off, statistic="sum" if "bytes" in metric else "avg")
    return estate


BUSY: dict[str, Any] = {"cpu_utilization": (40.0, 2.0), "network_in_bytes": (9e8, 3e6), "network_out_bytes": (9e8, 2e6)}


def test_agents_at_night_are_no_use() -> None:
    assert only(plan_of(machine(**BUSY), "schedule"))[1] == "Mon–Fri 07:45–18:00 UTC"


@pytest.mark.parametrize(
    ("estate", "said"),
    [
        (machine(**BUSY | {"network_in_bytes": (9e8, 9e7)}), "used around the clock"),
        (machine({"Environment": "Production"}, **BUSY), "production"),
        (machine({"dr": "warm"}, **BUSY), "standby"),
        (machine({}, cpu_utilization=(40.0, 2.0)), "unknown network_in_bytes"),
        (machine(network_in_bytes=(9e8, 3e6)), "unknown cpu_utilization"),
        (used(warehouse(), "rs", "queries", 8, 19, days=10), "unknown history"),
        (used(warehouse(), "rs", "queries", 2, 22, weekend=True), "used in too many hours"),
        (used(warehouse(), "rs", "queries", 0, 0), "not used at all"),
        (warehouse().metric("rs", "requests", 1.0), "unknown queries"),
    ],
    ids=[
        "night traffic",
        "production",
        "standby",
        "processor alone",
        "no processor",
        "ten days",
        "20 hours",
        "idle",
        "no metric",
    ],
)
def test_what_stays_on_and_why(estate: Estate, said: str) -> None:
    assert why(plan_of(estate, "schedule")).startswith(said)


def test_what_is_off_at_night_already_saves_nothing() -> None:
    estate = Estate().charge("i-1", 10.0, x_instance_type="m5.xlarge", quantity=9.0)
    estate.resource("i-1", "AWS::EC2::Instance", tags={"environment": "dev"})
    used(estate, "i-1", "cpu_utilization", 8, 18, on=40, only_on=True)
    assert why(plan_of(estate, "schedule")).startswith("watch: it is off already")


def test_a_cluster_with_bounds_is_no_notebook() -> None:
    estate = (
        Estate()
        .charge("c", 88.0, x_instance_type="NC24ads")
        .resource("c", "Microsoft.MachineLearningServices/workspaces/computes", min_nodes=1)
    )
    assert why(plan_of(used(estate, "c", "jobs_running", 9, 11), "schedule")).startswith("a cluster that scales")


def test_an_unknown_zone_is_inferred_from_the_clock_change() -> None:
    estate = used(warehouse(timezone="Mars/Olympus"), "rs", "queries", 8, 19, zone="Europe/Berlin", days=60)
    (r,) = plan_of(estate, "schedule").recommendations
    assert isinstance(r.finding.verdict, Act)
    assert isinstance(r.finding.verdict.action, Schedule)
    assert r.finding.verdict.action.target == "Mon–Fri 07:45–19:00 Europe/Berlin"
    assert json.loads(estate._rows["resources"][0]["properties"])["timezone"] == "Mars/Olympus"
