"""Autoscaling: pools that wait for work, replicas that wait for requests: verdict, target and saving."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from finops.model import Act, Finding, Scale
from finops.money import cents
from finops.patches import patch_of
from finops.portfolio import Plan
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of, plan_of

END = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) + timedelta(days=1)
CLUSTER = "Microsoft.MachineLearningServices/workspaces/computes"
POOL = "container.googleapis.com/NodePool"
ENDPOINT = "AWS::SageMaker::Endpoint"
GROUP = "AWS::AutoScaling::AutoScalingGroup"
PRICE = 2.0  # an hour of a unit


def hourly(estate: Estate, metric: str, of: Callable[[datetime], float], *, days: int = 90, statistic: str = "avg") -> Estate:
    """One sample an hour of resource `r`."""
    for back in range(days * 24, 0, -1):
        when = END - timedelta(hours=back)
        row = {
            "x_source": "s",
            "resource_id": "r",
            "timestamp": when,
            "period_s": 3600,
            "metric": metric,
            "statistic": statistic,
        }
        estate.add("metrics", value=of(when), dimensions=None, **row)
    return estate


def billed(resource_type: str, units: int, **properties: Any) -> Estate:
    tags = properties.pop("tags", {"environment": "prod"})
    estate = Estate().charge("r", 24 * units * PRICE, quantity=24.0 * units)
    return estate.resource("r", resource_type, tags=tags, sku="m", **properties)


def in_the_first_hours(hours: int) -> Callable[[datetime], float]:
    """So many hours of work every tenth day of the 90, at nine."""
    return lambda when: float((END - when).days % 10 == 5 and 9 <= when.hour < 9 + hours)


def cluster(**changed: Any) -> Estate:
    """One node always, work in 14 of 240 hours, which is 5.8 %."""
    estate = billed(CLUSTER, 1, **{"min_nodes": 1, "max_nodes": 4, "boot_minutes": 8} | changed)
    return hourly(estate, "jobs_running", in_the_first_hours(14))


def pool(of: Callable[[datetime], float], *, metric: str = "gpu_requested", days: int = 90, **changed: Any) -> Estate:
    estate = billed(POOL, 3, **{"min_nodes": 3, "max_nodes": 8, "desired": 3, "boot_minutes": 6} | changed)
    hourly(estate, "cpu_utilization", lambda _: 12.0, days=days)  # daemon sets
    return hourly(estate, metric, of, days=days)


def wave(low: float, high: float) -> Callable[[datetime], float]:
    """Requests an hour: low at 3, high at 15."""
    middle, swing = (high + low) / 2, (high - low) / 2
    return lambda when: 3600 * (middle - swing * math.cos((when.hour - 3) * math.pi / 12))


DAILY = wave(24, 240)


def endpoint(of: Callable[[datetime], float] = DAILY, *, days: int = 28, **changed: Any) -> Estate:
    known = {"instance_count": 8, "min_replicas": 8, "max_replicas": 8, "boot_minutes": 7, "max_rps_per_replica": 40}
    estate = billed(ENDPOINT, 8, **{name: value for name, value in (known | changed).items() if value is not None})
    return hourly(estate, "requests", of, days=days, statistic="sum")


def month(units: float) -> Decimal:
    """Of so many units a month of 730 hours."""
    return cents(Decimal(str(units * PRICE)) * 730)


def near(amount: Decimal, other: Decimal, within: str = "0.02") -> bool:
    return abs(amount - other) <= Decimal(within) * other


def acted(plan: Plan) -> Finding:
    (recommendation,) = plan.recommendations
    assert recommendation.finding.kind == "autoscaling"
    return recommendation.finding


def saved(plan: Plan) -> Decimal:
    return plan.recommendations[0].saving.effective_monthly.expected


def keep(plan: Plan) -> str:
    (kept,) = plan.keeps
    assert plan.recommendations == ()
    return kept.why


def missing(plan: Plan) -> list[str]:
    assert plan.recommendations == ()
    return [m.missing for m in plan.unknowns]


def target(finding: Finding) -> tuple[str, str]:
    assert isinstance(finding.verdict, Act)
    action = finding.verdict.action
    return type(action).__name__, action.target


def test_a_cluster_that_works_in_few_hours_waits_at_no_node() -> None:
    plan = plan_of(cluster(), "autoscaling")
    assert target(acted(plan)) == ("Scale", "0")
    starts = 9 / (90 * 24) * 730  # each of 8 minutes is billed
    assert near(saved(plan), month(1 - 126 / 2160) - cents(Decimal(starts * 8 / 60 * PRICE)), "0.0001")
    assert "3 starts a month of 8 minutes" in act_of(acted(plan)).why


def test_a_pool_without_requested_accelerators_is_not_used_by_its_daemon_sets() -> None:
    stopped = END - timedelta(days=19)
    plan = plan_of(pool(lambda when: 2.0 if when < stopped else 0.0), "autoscaling")
    assert target(acted(plan)) == ("Scale", "0")
    assert saved(plan) == month(3)
    assert "no work for 19 days" in act_of(acted(plan)).why


def test_a_quiet_fortnight_is_the_boundary() -> None:
    def until(hours: int) -> Plan:
        return plan_of(pool(lambda when: 2.0 if when < END - timedelta(hours=hours) else 0.0), "autoscaling")

    assert saved(until(14 * 24)) == month(3)
    assert near(saved(until(14 * 24 - 1)), month(3 * 335 / 2160), "0.001")


def test_a_pause_that_was_seen_before_is_no_end() -> None:
    """Twenty quiet days now, thirty before: work comes back."""
    quiet = lambda when: 0.0 if (END - when).days < 20 or 40 <= (END - when).days < 70 else 1.0  # noqa: E731
    plan = plan_of(pool(quiet), "autoscaling")
    assert near(saved(plan), month(3 * (1 - 40 / 90)), "0.002")


@pytest.mark.parametrize(
    ("estate", "word"),
    [
        (cluster(min_nodes=0), "scales to zero already"),
        (cluster(tags={"dr": "warm"}), "standby"),
        (cluster(ha=True), "floor of 1 nodes for availability"),
        (pool(lambda _: 1.0), "work in 100% of hours"),
        (endpoint(instance_count=2, min_replicas=2, zones=2), "floor of 2 for availability"),
        (endpoint(instance_count=3, min_replicas=3, zones=3), "floor of 3 for availability"),
        (endpoint(wave(225, 240)), "within 5%"),
        (endpoint(tags={"standby": "yes"}), "standby"),
    ],
)
def test_what_stays(estate: Estate, word: str) -> None:
    assert word in keep(plan_of(estate, "autoscaling"))


@pytest.mark.parametrize(
    ("estate", "facts"),
    [
        (billed(CLUSTER, 1, min_nodes=1), ["jobs_running"]),
        (cluster(min_nodes=None), ["properties min_nodes"]),
        (cluster(boot_minutes=None), ["properties boot_minutes"]),
        (hourly(billed(CLUSTER, 1, min_nodes=1, boot_minutes=8), "jobs_running", lambda _: 0.0, days=13), ["history"]),
        (pool(lambda _: 0.0, metric="jobs_running", gpu_count=1), ["gpu_requested"]),
        (endpoint(max_rps_per_replica=None), ["properties max_rps_per_replica"]),
        (endpoint(boot_minutes=None), ["properties boot_minutes"]),
        (endpoint(days=13), ["history"]),
        (billed(ENDPOINT, 8, instance_count=8), ["requests"]),
        (billed(GROUP, 8, instances=8), ["cpu_utilization"]),
    ],
)
def test_what_is_missing_is_named(estate: Estate, facts: list[str]) -> None:
    assert missing(plan_of(estate, "autoscaling")) == facts


@pytest.mark.parametrize(
    "estate",
    [
        pool(lambda _: 0.0, metric="pods_running"),  # no accelerators, none asked for
        endpoint(lambda _: 0.0),  # nobody asks: idle's question
        endpoint(lambda _: 0.0, instance_count=2, min_replicas=2),
        endpoint(instance_count=1, min_replicas=1),
        hourly(billed(CLUSTER, 1), "jobs_running", lambda _: 0.0),  # a machine by itself, no cluster
    ],
)
def test_what_is_no_question_for_scaling(estate: Estate) -> None:
    plan = plan_of(estate, "autoscaling")
    assert (plan.recommendations, plan.keeps, plan.unknowns) == ((), (), ())


def test_fixed_replicas_under_a_daily_wave() -> None:
    """24 to 240 requests a second, 40 a replica: 0.6 to 6 replicas' load."""
    plan = plan_of(endpoint(), "autoscaling")
    finding = acted(plan)
    assert target(finding) == ("Scale", "min 2, max 9, target 75%")
    hours = [wave(24, 240)(END + timedelta(hours=h)) / 3600 / 40 for h in range(24)]
    needed = sum(max(2, math.ceil(load / 0.75)) for load in hours) / 24
    assert near(saved(plan), month(8 - needed), "0.05")
    assert any("scale-in" in line and "8 minutes" in line for line in finding.explanation)
    assert any(line.startswith("peak hours (UTC): 10–22; ") for line in finding.explanation)
    assert "7 minutes to start" in act_of(finding).why


def test_places_and_the_time_of_a_request_say_how_busy_a_replica_may_be() -> None:
    """8 places of 200 ms serve 40 a second; two replicas have 16 places, of which Erlang C lets 61 % be busy."""
    estate = endpoint(max_rps_per_replica=None, max_concurrency=8).metric("r", "latency_ms", 200.0)
    finding = acted(plan_of(estate, "autoscaling"))
    assert target(finding)[1].endswith("target 60%")
    assert any("16 places of 200 ms" in line and "5% of requests wait there" in line for line in finding.explanation)
    patient = endpoint(max_rps_per_replica=None, max_concurrency=8, slo_ms=600).metric("r", "latency_ms", 200.0)
    finding = acted(plan_of(patient, "autoscaling"))
    # of 16 places at 90 % 59 % of requests wait, and e^(−1.6 × 2) of them longer than two requests take: 2.4 %
    assert target(finding)[1].endswith("target 90%")
    assert any("wait beyond 400 ms" in line for line in finding.explanation)
    unknown = endpoint(max_rps_per_replica=None, max_concurrency=8)
    assert missing(plan_of(unknown, "autoscaling")) == ["properties max_rps_per_replica"]


def test_a_slower_start_costs_more() -> None:
    amounts = [saved(plan_of(endpoint(STEEP, boot_minutes=minutes), "autoscaling")) for minutes in (1, 7, 30)]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[-1] < amounts[0]


def test_development_may_go_down_to_one_and_a_declared_floor_holds() -> None:
    night = lambda when: 3600 * (200.0 if 8 <= when.hour < 18 else 2.0)  # noqa: E731
    floors = {"dev": endpoint(night, tags={"environment": "dev"}), "prod": endpoint(night)}
    floors["declared"] = endpoint(night, ha=True, min_replicas=4, zones=2)
    chosen = {name: target(acted(plan_of(estate, "autoscaling")))[1].split(",")[0] for name, estate in floors.items()}
    assert chosen == {"dev": "min 1", "prod": "min 2", "declared": "min 4"}


def test_a_group_of_machines_scales_by_its_cpu() -> None:
    estate = billed(GROUP, 8, instances=8, boot_minutes=3)
    hourly(estate, "cpu_utilization", lambda when: 50.0 if 8 <= when.hour < 18 else 10.0)
    plan = plan_of(estate, "autoscaling")
    assert target(acted(plan))[1].startswith("min 2, max ")
    assert near(saved(plan), month(8 - (10 * 6 + 14 * 2) / 24), "0.10")


def test_the_statement_returns_the_saving_alone() -> None:
    for estate in (cluster(), endpoint(), pool(lambda _: 0.0)):
        plan = plan_of(estate, "autoscaling")
        (recommendation,) = plan.recommendations
        (row,) = estate.rows(recommendation.finding.evidence.sql)
        assert row["monthly_saving"] == recommendation.alone


STEEP = lambda when: 3600 * (240.0 if 8 <= when.hour < 18 else 24.0)  # noqa: E731


def by_cpu(resource_type: str, resource: str = "r", **changed: Any) -> str:
    """The patch of eight machines whose processors are at 50 % by day and 10 % by night."""
    estate = billed(resource_type, 8, **{"instances": 8, "boot_minutes": 3} | changed)
    hourly(estate, "cpu_utilization", lambda when: 50.0 if 8 <= when.hour < 18 else 10.0)
    found = acted(plan_of(estate, "autoscaling"))
    return patch_of(replace(found, scope=replace(found.scope, resource=resource), patch=""))


def test_a_patch_carries_it_out() -> None:
    patch = acted(plan_of(endpoint(), "autoscaling")).patch
    assert "--min-capacity 2 --max-capacity 9" in patch
    assert "put-scaling-policy" in patch
    assert '"TargetValue": 1800,' in patch  # 75 % of 40 a second
    assert '"ScaleInCooldown": 480' in patch
    assert "$PER_MINUTE" not in patch
    assert "--min-instances 0" in acted(plan_of(cluster(), "autoscaling")).patch
    assert "--min-nodes 0" in acted(plan_of(pool(lambda _: 0.0), "autoscaling")).patch


def test_hours_with_a_minimum_are_scheduled() -> None:
    finding = acted(plan_of(endpoint(STEEP, boot_minutes=30), "autoscaling"))
    action = act_of(finding).action
    assert isinstance(action, Scale)
    assert [first for first, _, _ in action.hours] == [0, *(until for _, until, _ in action.hours)][:-1]
    assert action.hours[-1][1] == 24
    morning = next(span for span in action.hours if span[0] <= 9 < span[1])
    assert morning[2] >= 8  # 6 replicas' load at 75 % at most
    assert finding.patch.count("put-scheduled-action") == len(action.hours)
    assert f"cron(0 {morning[0]} * * ? *)' --scalable-target-action MinCapacity={morning[2]}," in finding.patch
    group = replace(finding, resource_type="compute.googleapis.com/InstanceGroupManager", patch="")
    seconds = 3600 * (morning[1] - morning[0])
    assert f"--schedule-duration-sec {seconds} --schedule-min-required-replicas {morning[2]}" in patch_of(group)
    scale_set = patch_of(replace(group, resource_type="Microsoft.Compute/virtualMachineScaleSets"))
    assert f"--start {morning[0]:02d}:00 --end {morning[1]:02d}:00 --timezone UTC" in scale_set
    assert "--end 23:59" in scale_set


def test_a_managed_instance_group_gets_its_autoscaler_where_it_is() -> None:
    manager = "compute.googleapis.com/InstanceGroupManager"
    zonal = by_cpu(manager, "//compute.googleapis.com/projects/p/zones/us-east1-b/instanceGroupManagers/g")
    assert "[ -z us-east1-b ] || WHERE=--zone=us-east1-b" in zonal
    assert "--min-num-replicas 2" in zonal
    assert "--target-cpu-utilization 0.75 --cool-down-period 180" in zonal
    assert "[ -z '' ] || WHERE=--zone=''" in by_cpu(
        manager, "//compute.googleapis.com/projects/p/regions/r/instanceGroupManagers/g"
    )


def test_rules_of_thresholds_are_replayed_as_they_are_written() -> None:
    estate = billed("Microsoft.Compute/virtualMachineScaleSets", 8, instances=8, boot_minutes=3)
    hourly(estate, "cpu_utilization", lambda when: 50.0 if 8 <= when.hour < 18 else 10.0)
    finding = acted(plan_of(estate, "autoscaling"))
    action = act_of(finding).action
    assert isinstance(action, Scale)
    percent = int(action.target.rpartition(" ")[2].rstrip("%"))
    assert action.scale_in in (round(0.6 * percent), round(0.8 * percent))
    assert f"> {percent} avg 5m" in finding.patch
    assert f"--scale in {action.step}" in finding.patch
    assert f'< {action.scale_in} avg 5m" --cooldown {action.cooldown // 60}' in finding.patch
    assert any("after a scale-out and after a scale-in" in line for line in finding.explanation)


def test_a_deployment_gets_a_pod_autoscaler() -> None:
    patch = by_cpu("apps.k8s.io/Deployment", "//cluster/k8s/namespaces/shop/apps/deployments/web")
    body = patch.split("<<'END'\n")[1].split("\nEND")[0]
    scaler = yaml.safe_load(body)
    assert (scaler["apiVersion"], scaler["metadata"], scaler["spec"]["minReplicas"]) == ("autoscaling/v2", {"name": "web"}, 2)
    target = scaler["spec"]["metrics"][0]["resource"]["target"]
    assert target == {"type": "Utilization", "averageUtilization": 75}
    assert scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert "--namespace shop" in patch


def test_variants_are_added_and_a_total_is_not_added_to_them() -> None:
    estate = endpoint()
    for row in list(estate._rows["metrics"]):
        for name in ("a", "b"):
            estate.add("metrics", **row | {"dimensions": json.dumps({"variant": name}), "value": row["value"] / 2})
    assert saved(plan_of(estate, "autoscaling")) == saved(plan_of(endpoint(), "autoscaling"))


def test_samples_of_another_period_are_left_out() -> None:
    """A minute that was sampled beside the hours is no load of the hour before it."""
    spike = {"timestamp": END - timedelta(minutes=1), "period_s": 60, "metric": "requests", "statistic": "sum", "value": 1e9}
    extra = endpoint().add("metrics", x_source="s", resource_id="r", dimensions=None, **spike)
    assert target(acted(plan_of(extra, "autoscaling"))) == target(acted(plan_of(endpoint(), "autoscaling")))
