"""Idle through noise and rhythm: what is used at times, waits, or comes back once a quarter stays."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.estate import AS_OF, Estate, _day
from tests.recommenders.test_plan import machine, only, plan_of, priced, why

HOUR = timedelta(hours=1)


def hours(
    estate: Estate, resource: str, metric: str, level: float, *, days: int = 45, statistic: str = "avg", **at: Any
) -> None:
    """One sample an hour; `at` maps `h<hour>` to another level, every day; `d<back>h<hour>` to one on that day."""
    for back in range(days):
        for hour in range(24):
            value = at.get(f"d{back}h{hour}", at.get(f"h{hour}", level))
            row = {"metric": metric, "dimensions": None, "statistic": statistic, "value": value, "period_s": 3600}
            estate.add("metrics", x_source="s", resource_id=resource, timestamp=_day(back) + hour * HOUR, **row)


def vm(**at: dict[str, Any]) -> Estate:
    estate = Estate().charge("i-1", 24.0, x_instance_type="m5.large")
    estate.resource("i-1", "AWS::EC2::Instance", sku="m5.large", state="running")
    hours(estate, "i-1", "cpu_utilization", 1.0, **at.get("cpu", {}))
    hours(estate, "i-1", "network_in_bytes", 500 * 3600.0, statistic="sum", **at.get("rx", {}))
    hours(estate, "i-1", "network_out_bytes", 300 * 3600.0, statistic="sum", **at.get("tx", {}))
    return estate


def test_a_backup_a_night_and_a_patch_a_week_are_no_use() -> None:
    patches = {f"d{back}h3": 60.0 for back in range(2, 45, 7)}
    loads = {f"d{back}h3": 4e8 for back in range(2, 45, 7)}
    estate = vm(cpu={"h2": 20.0} | patches, rx=loads, tx={"h2": 9e9})
    assert only(plan_of(estate, "idle"))[0] == "Stop"


@pytest.mark.parametrize(
    "at",
    [
        {"cpu": {"h2": 60.0, "h3": 60.0, "h4": 60.0, "h5": 60.0}},
        {"rx": {f"d{back}h10": 5e7 for back in range(0, 45, 3)}},
        {"rx": {"h1": 9e8}, "tx": {"h1": 9e8}, "cpu": {"h1": 25.0}},
    ],
    ids=["a nightly job", "a bastion", "a nightly transfer"],
)
def test_short_use_that_comes_back_is_use(at: dict[str, dict[str, float]]) -> None:
    assert why(plan_of(vm(**at), "idle")).startswith(("in use", "watch"))


def _office(estate: Estate, name: str, account: str, away: range) -> None:
    """A machine that computes eight hours on working days, but on those of `away`, days back."""
    estate.charge(name, 24.0, x_instance_type="m5.large", SubAccountId=account)
    estate.resource(name, "AWS::EC2::Instance", sku="m5.large", state="running", account_id=account)
    at: dict[str, Any] = {
        f"d{back}h{hour}": 60.0 for back in range(60) if back not in away and _day(back).weekday() < 5 for hour in range(8, 16)
    }
    hours(estate, name, "cpu_utilization", 1.0, days=60, **at)
    hours(estate, name, "network_in_bytes", 500 * 3600.0, days=60, statistic="sum")
    hours(estate, name, "network_out_bytes", 300 * 3600.0, days=60, statistic="sum")


@pytest.mark.parametrize(("shut", "colleagues", "acts"), [(True, 8, False), (False, 8, True), (True, 6, True)])
def test_a_closing_is_told_by_many_machines_that_rest_at_once(shut: bool, colleagues: int, acts: bool) -> None:
    estate = Estate()
    closing = range(10, 22)
    for n in range(colleagues):
        _office(estate, f"i-{n}", "111", closing if shut else range(0))
    _office(estate, "i-away", "111", range(22))
    plan = plan_of(estate, "idle")
    found = {r.finding.scope.resource for r in plan.recommendations}
    assert found == ({"i-away"} if acts else set())
    if not acts:
        (kept,) = [keep.why for keep in plan.keeps if keep.finding.scope.resource == "i-away"]
        assert "its account was closed on" in kept


@pytest.mark.parametrize(
    ("group", "name", "size", "acts"),
    [
        ("azureml-rg-ws1-7d21", "ci-ann", "Standard_NC24ads_A100_v4", True),
        ("azureml-rg-ws12-7d21", "ci-ann", "Standard_NC24ads_A100_v4", False),
        ("azureml-rg-ws1-7d21", "ci-bob", "Standard_NC24ads_A100_v4", False),
        ("azureml-rg-ws1-7d21", "ci-ann", "Standard_D4s_v5", False),
    ],
)
def test_a_workspace_s_compute_is_billed_as_the_machine_of_its_name(group: str, name: str, size: str, acts: bool) -> None:
    """estate.md 5: the bill names a machine in the provider's own group, which no inventory lists."""
    where = "/subscriptions/s1/resourceGroups"
    compute = f"{where}/ml/providers/Microsoft.MachineLearningServices/workspaces/ws1/computes/ci-ann"
    machine = f"{where}/{group}/providers/Microsoft.Compute/virtualMachines/{name}"
    estate = Estate().charge(machine, 80.0, x_instance_type=size, ProviderName="Microsoft Azure")
    estate.resource(
        compute,
        "Microsoft.MachineLearningServices/workspaces/computes",
        sku="Standard_NC24ads_A100_v4",
        provider="Microsoft Azure",
    )
    plan = plan_of(estate.metric(compute, "kernels_active", 0.0), "idle")
    assert [r.finding.scope.resource for r in plan.recommendations] == ([compute] if acts else [])


def test_of_a_managed_machine_its_workspace_s_compute_is_stopped() -> None:
    """Both are listed, and the bill names the machine: its provider starts it anew unless the workspace stops it."""
    where = "/subscriptions/s1/resourceGroups"
    compute = f"{where}/ml/providers/Microsoft.MachineLearningServices/workspaces/ws1/computes/ci-ann"
    machine = f"{where}/managed/providers/Microsoft.Compute/virtualMachines/ci-ann-vm"
    known: dict[str, Any] = {"provider": "Microsoft Azure", "sku": "Standard_NC24ads_A100_v4"}
    estate = Estate().charge(machine, 80.0, x_instance_type="Standard_NC24ads_A100_v4", ProviderName="Microsoft Azure")
    estate.resource(compute, "Microsoft.MachineLearningServices/workspaces/computes", **known)
    estate.resource(machine, "Microsoft.Compute/virtualMachines", attached_to=compute, **known)
    estate.metric(compute, "kernels_active", 0.0).metric(machine, "cpu_utilization", 1.0)
    for metric in ("network_in_bytes", "network_out_bytes"):
        estate.metric(machine, metric, 10.0, statistic="sum")
    (found,) = plan_of(estate, "idle", "schedule").recommendations
    assert found.finding.scope.resource == compute
    assert found.finding.patch == "az ml compute stop --resource-group ml --workspace-name ws1 --name ci-ann"
    assert found.rejected == ("schedule: not used at all of late: nothing to schedule",)


@pytest.mark.parametrize(
    ("moved", "reason"), [(0.0, "attached to i-off, with which it goes or stays"), (50.0, "in use: attached to i-off")]
)
def test_a_disk_stays_with_what_holds_it(moved: float, reason: str) -> None:
    estate = Estate().charge("vol", 2.0).resource("vol", "AWS::EC2::Volume", state="in-use", attached_to="i-off")
    hours(estate, "vol", "disk_read_ops", moved, statistic="sum")
    hours(estate, "vol", "disk_write_ops", 0.0, statistic="sum")
    assert why(plan_of(estate, "idle")).startswith(reason)


def test_metrics_that_end_early_or_have_gaps_prove_nothing() -> None:
    estate = Estate().charge("tpu", 72.0).resource("tpu", "tpu.googleapis.com/Node", state="READY")
    estate.metric("tpu", "tpu_duty_cycle", 0.0)
    late = estate.reversed()
    late._rows["metrics"] = [row for row in late._rows["metrics"] if row["timestamp"] < _day(8)]
    assert why(plan_of(late, "idle")) == "unknown recent metrics"
    gaps = estate.reversed()
    gaps._rows["metrics"] = [row for row in gaps._rows["metrics"] if row["timestamp"].day % 2]
    assert why(plan_of(gaps, "idle")) == "unknown history"
    assert only(plan_of(estate, "idle"))[0] == "Delete"


def test_an_older_resource_must_have_been_seen_at_a_months_end() -> None:
    estate = (
        Estate().charge("tpu", 72.0).resource("tpu", "tpu.googleapis.com/Node").metric("tpu", "tpu_duty_cycle", 0.0, days=20)
    )
    assert why(plan_of(estate, "idle")) == "unknown history"
    young = Estate().charge("tpu", 72.0).resource("tpu", "tpu.googleapis.com/Node", age=20)
    assert only(plan_of(young.metric("tpu", "tpu_duty_cycle", 0.0, days=20), "idle"))[0] == "Delete"


@pytest.mark.parametrize("tags", [{"dr": "warm"}, {"role": "pilot-light"}, {"do-not-delete": "true"}])
def test_what_is_marked_stays(tags: dict[str, str]) -> None:
    estate = Estate().charge("ep", 72.0).resource("ep", "AWS::SageMaker::Endpoint", tags=tags)
    assert why(plan_of(estate.metric("ep", "requests", 0.0, statistic="sum"), "idle")).startswith(("standby", "marked"))


def test_a_replica_receives_what_its_primary_writes() -> None:
    estate = Estate().charge("db", 72.0).resource("db", "AWS::RDS::DBInstance")
    hours(estate, "db", "cpu_utilization", 0.5)
    hours(estate, "db", "connections", 1.0)
    assert only(plan_of(estate, "idle"))[0] == "Delete"
    replica = estate.reversed()
    hours(replica, "db", "network_in_bytes", 80_000 * 3600.0, statistic="sum")
    assert why(plan_of(replica, "idle")).startswith("in use")


def test_the_only_way_out_of_a_network_stays() -> None:
    for egress, acts in ((True, False), (False, True)):
        estate = Estate().charge("nat", 1.0).resource("nat", "AWS::EC2::NatGateway", only_egress_of_vpc=egress)
        estate.metric("nat", "network_in_bytes", 0.0, statistic="sum").metric("nat", "network_out_bytes", 0.0, statistic="sum")
        assert bool(plan_of(estate, "idle").recommendations) is acts


def volumes(**more: Any) -> Estate:
    """A volume that has been left 80 days ago, seen by fourteen inventories."""
    estate = (
        Estate().charge("vol", 1.2, PricingUnit="GB-Months", SkuMeter="gp3").price("snapshot", "standard", 0.05, "GB-Months")
    )
    for back in range(0, 95, 7):
        estate.resource("vol", "AWS::EC2::Volume", size_gib=500, used_gib=100, **more)
        left = back < 80
        estate._rows["resources"][-1] |= {
            "observed_at": _day(back),
            "state": "available" if left else "in-use",
            "attached_to": "" if left else "i-9",
        }
    return estate


def retrained(estate: Estate, first: int = 80) -> Estate:
    """The account runs a p4d for six days each quarter."""
    for start in (first, first + 92, first + 184, first + 276):
        for row in Estate().charge(f"i-{start}", 700.0, days=start + 6, x_instance_type="p4d.24xlarge").charges[start:]:
            estate.add("charges", **row)
    return estate


def test_what_a_quarterly_job_left_is_wanted_again() -> None:
    assert only(plan_of(volumes(), "idle"))[0] == "Delete"
    text = why(plan_of(retrained(volumes()), "idle"))
    assert text.startswith("watch: p4d.24xlarge comes back after up to 86 days")
    assert only(plan_of(retrained(volumes(), first=40), "idle"))[0] == "Delete"  # left at no burst's end, named by none
    named = retrained(volumes(tags={"purpose": "p4d retrain"}), first=40)
    assert why(plan_of(named, "idle")).startswith("watch: p4d.24xlarge")


def ran(estate: Estate, name: str, machine: str, *starts: int, days: int = 4, tags: str = "") -> Estate:
    """`name` runs for so many days, beginning so many days back each time."""
    for start in starts:
        columns: dict[str, Any] = {"x_instance_type": machine} | ({"x_tags_id": tags} if tags else {})
        for row in Estate().charge(name, 100.0, days=start + 1, **columns).charges[start + 1 - days :]:
            estate.add("charges", **row)
    return estate


def test_a_disk_waits_for_the_kind_of_machine_to_which_it_was_attached() -> None:
    other = ran(ran(volumes(), "i-9", "g6.12xlarge", 90, days=10), "i-web", "m5.large", 112, 83, 53, 23)
    assert only(plan_of(other, "idle"))[0] == "Delete"
    same = ran(ran(volumes(), "i-9", "m5.large", 83), "i-web", "m5.large", 170)
    assert why(plan_of(same, "idle")).startswith("watch: m5.large comes back after up to 83 days")


def test_a_disk_without_which_its_job_ran_again_waits_no_more() -> None:
    def quarterly() -> Estate:
        return ran(ran(volumes(), "i-1", "p4d.24xlarge", 172, tags="mine"), "i-9", "p4d.24xlarge", 84, tags="mine")

    assert why(plan_of(quarterly(), "idle")).startswith("watch: p4d.24xlarge")
    another = ran(quarterly(), "i-3", "p4d.24xlarge", 50, tags="theirs", days=9)
    assert why(plan_of(another, "idle")).startswith("watch: p4d.24xlarge")
    again = ran(quarterly(), "i-4", "p4d.24xlarge", 50, tags="mine", days=9)
    assert only(plan_of(again, "idle"))[0] == "Delete"


def test_a_disk_that_lies_longer_than_its_job_ever_paused_waits_no_more() -> None:
    monthly = ran(ran(volumes(), "i-9", "p4d.24xlarge", 114, 84), "i-2", "p4d.24xlarge", 54, 24, days=1)
    assert only(plan_of(monthly, "idle"))[0] == "Delete"


def test_a_disk_that_came_back_before_waits_as_long_as_it_did_then() -> None:
    """The account runs the same machine all the time, so that the bill shows no job: the inventory saw the disk come back."""
    for came_back, acts in ((172, False), (110, True)):
        estate = Estate().charge("vol", 1.2, PricingUnit="GB-Months", SkuMeter="gp3")
        estate.price("snapshot", "standard", 0.05, "GB-Months")
        for back in range(0, 260, 10):
            held = back == 80 or back >= came_back
            estate.resource("vol", "AWS::EC2::Volume", size_gib=500, used_gib=100)
            estate._rows["resources"][-1] |= {
                "observed_at": _day(back), "state": "in-use" if held else "available", "attached_to": "i-9" if held else "",
            }  # fmt: skip
        plan = plan_of(estate, "idle")
        assert bool(plan.recommendations) is acts
        if not acts:
            assert (
                why(plan) == f"watch: it was attached again after up to 100 days (inventory), and last was on {_day(80).date()}"
            )


def tagged(estate: Estate, **sets: dict[str, str]) -> Estate:
    """The sets of tags that charges name."""
    for name, tags in sets.items():
        estate.add("tag_sets", x_source="s", x_billing_period="2026-10", x_tags_id=name, Tags=json.dumps(tags))
    return estate


def loose(where: str = "inventory", **tags: str) -> Estate:
    """A volume that one inventory lists, long attached to nothing; its tags stand there or in the bill."""
    billed = where == "bill"
    estate = Estate().charge("vol", 1.2, PricingUnit="GB-Months", SkuMeter="gp3", x_tags_id="of-vol" if billed else None)
    estate.price("snapshot", "standard", 0.05, "GB-Months")
    estate.resource("vol", "AWS::EC2::Volume", state="available", size_gib=500, used_gib=100, tags={} if billed else tags)
    return tagged(estate, **({"of-vol": tags} if billed else {}))


FORECAST = {"team": "research", "project": "demand-forecast"}


@pytest.mark.parametrize("where", ["inventory", "bill"])
def test_a_disk_with_the_tags_of_a_quarterly_job_is_wanted_again(where: str) -> None:
    """The machine is another one each quarter, and its account runs others of the team all the time."""
    hostile = {"\"]'; drop": "x\"'", "": "y"}
    estate = tagged(loose(where, **FORECAST, **hostile), job=FORECAST, team={"team": "research", **hostile})
    for start in (82, 174, 266, 358):
        ran(estate, f"i-{start}", "p3.16xlarge", start, tags="job", days=5)
    ran(estate, "i-all", "m5.large", 400, tags="team", days=400)
    (kept,) = [keep.why for keep in plan_of(estate, "idle").keeps if keep.finding.scope.resource == "vol"]
    assert kept == (
        f"watch: project=demand-forecast comes back after up to 87 days (billing history), and last ran on {_day(78).date()}"
    )


@pytest.mark.parametrize(
    ("volume", "machine", "starts"),
    [
        ({"team": "research", "project": "sweep"}, FORECAST, (82, 174, 266)),
        ({"team": "research"}, FORECAST, (82, 174, 266)),
        (FORECAST, FORECAST, (82,)),
        (FORECAST, FORECAST, (182, 274)),
    ],
    ids=["another project", "the team's only", "ran once", "overdue"],
)
def test_other_tags_keep_no_disk(volume: dict[str, str], machine: dict[str, str], starts: tuple[int, ...]) -> None:
    estate = tagged(loose(**volume), job=machine, team={"team": "research"})
    for start in starts:
        ran(estate, f"i-{start}", "p3.16xlarge", start, tags="job", days=5)
    ran(estate, "i-all", "m5.large", 400, tags="team", days=400)
    assert only(plan_of(estate, "idle"))[0] == "Delete"


def test_a_job_that_ran_without_a_disk_of_its_tags_does_not_want_it() -> None:
    def quarterly() -> Estate:
        return ran(tagged(loose(**FORECAST), job=FORECAST), "i-1", "p3.16xlarge", 82, 174, 266, tags="job", days=5)

    used = quarterly().metric("vol", "disk_read_ops", *[0.0] * 80, 9000.0, 0.0, statistic="sum")
    assert why(plan_of(used, "idle")).startswith("watch: project=")
    assert only(plan_of(quarterly().metric("vol", "disk_read_ops", 0.0, statistic="sum"), "idle"))[0] == "Delete"
    seen = quarterly().resource("vol", "AWS::EC2::Volume", state="available", size_gib=500, used_gib=100, tags=FORECAST)
    seen._rows["resources"][-1]["observed_at"] = _day(80)
    assert only(plan_of(seen, "idle"))[0] == "Delete"


def test_a_disk_that_was_detached_this_week_waits() -> None:
    estate = volumes()
    for row in estate._rows["resources"]:
        young = row["observed_at"] >= _day(5)
        row |= {"state": "available" if young else "in-use", "attached_to": "" if young else "i-9"}
    assert why(plan_of(estate, "idle")).startswith("watch")


def test_a_claim_of_a_scaled_down_set_is_bound() -> None:
    estate = volumes(pvc="data-0", pvc_phase="Bound", statefulset_replicas=0)
    assert why(plan_of(estate, "idle")).startswith("in use")


def test_billing_history_shows_what_metrics_no_longer_do() -> None:
    estate = Estate().charge("ep", 72.0, days=400).resource("ep", "AWS::SageMaker::Endpoint")
    estate.metric("ep", "requests", 0.0, statistic="sum")
    assert only(plan_of(estate, "idle"))[0] == "Delete"
    for start in (95, 187, 279):
        for row in Estate().charge("ep", 3.0, days=start + 2, PricingUnit="GB", SkuMeter="egress").charges[start:]:
            estate.add("charges", **row)
    assert AS_OF
    fresh = estate.reversed()
    assert why(plan_of(fresh, "idle")).startswith("watch: idle for 90 days of")


def test_what_the_inventory_knows_and_no_rule_names_is_not_called_unknown() -> None:
    """A fleet, a training job: other recommenders judge it, and no inventory that could be loaded says more."""
    bill, known = (Estate().charge("fleet-1", 240.0, x_instance_type="g5.xlarge") for _ in range(2))
    assert [missing.missing for missing in plan_of(bill, "idle").unknowns] == ["inventory of resources"]
    known.resource("fleet-1", "AWS::EC2::EC2Fleet", sku="g5.xlarge")
    assert plan_of(known, "idle").unknowns == ()


def unit(estate: Estate, **more: Any) -> Estate:
    estate.charge("ptu", 1200.0, quantity=1200.0)
    kept = {"ptu": 50, "ptu_minimum": 50, "ptu_step": 50}
    return estate.resource("ptu", "Microsoft.CognitiveServices/accounts/deployments", state="Succeeded", **(kept | more))


@pytest.mark.parametrize(("metric", "busy"), [("requests", 1.0), ("ptu_utilization", 0.2)])
def test_provisioned_throughput_without_requests_is_deleted(metric: str, busy: float) -> None:
    idle = unit(Estate()).metric("ptu", metric, 0.0, statistic="sum" if metric == "requests" else "max")
    assert only(plan_of(idle, "idle", "rightsizing", "commitments"))[0] == "Delete"
    used = unit(Estate()).metric("ptu", metric, busy, statistic="sum" if metric == "requests" else "max")
    assert why(plan_of(used, "idle")).startswith("in use")


def test_no_commitment_is_bought_for_units_that_are_deleted() -> None:
    for requests, kinds in ((0.0, {"idle"}), (5.0, {"commitments"})):
        estate = Estate().metric("ptu", "requests", requests, statistic="sum").metric("ptu", "ptu_utilization", requests)
        unit(estate.price("ptu", "ptu", 1.0), deployment_type="Provisioned")
        estate.price("ptu", "ptu", 0.5, term="1m", payment="none", instrument="reservation")
        estate._rows["charges"].clear()
        estate.charge("ptu", 1200.0, days=120, quantity=1200.0, x_instance_type="ptu")
        assert {r.finding.kind for r in plan_of(estate, "idle", "commitments").recommendations} == kinds


def test_a_deployment_paid_by_tokens_is_no_candidate() -> None:
    estate = Estate().charge("std", 3.0, PricingUnit="1K")
    estate.resource("std", "Microsoft.CognitiveServices/accounts/deployments", sku="GlobalStandard")
    plan = plan_of(estate, "idle")
    assert [*plan.recommendations, *plan.keeps, *plan.unknowns] == []


ADDRESSES = ("AWS::EC2::EIP", "Microsoft.Network/publicIPAddresses", "compute.googleapis.com/Address")


@pytest.mark.parametrize("state", ["Succeeded", "READY", "ACTIVE", "provisioned"])
@pytest.mark.parametrize("resource_type", [*ADDRESSES, "compute.googleapis.com/Disk"])
def test_a_state_of_provisioning_tells_nothing_of_what_holds_it(state: str, resource_type: str) -> None:
    """An empty `attached_to` is an answer only where its inventory answers for others."""
    estate = Estate().charge("x", 0.12).resource("x", resource_type, state=state, size_gib=10, used_gib=0)
    estate.price("snapshot", "standard", 0.05, "GB-Months")
    assert why(plan_of(estate, "idle")) == "unknown attached_to"
    other = estate.reversed().resource("other-type", "AWS::EC2::NetworkInterface", attached_to="i-1")
    assert why(plan_of(other, "idle")) == "unknown attached_to"
    told = estate.reversed().resource("y", resource_type, state=state, attached_to="i-1")
    assert only(plan_of(told, "idle"))[0] == "Delete"


def test_without_a_state_what_others_are_attached_to_decides() -> None:
    estate = Estate().charge("x", 0.12).resource("x", ADDRESSES[1], state="")
    assert why(plan_of(estate, "idle")) == "unknown state"
    told = estate.reversed().resource("y", ADDRESSES[1], state="Associated", attached_to="nic-1")
    assert only(plan_of(told, "idle"))[0] == "Delete"


@pytest.mark.parametrize("state", ["in-use", "IN_USE", "Attached", "associated", "ActiveSAS"])
def test_a_state_that_says_it_is_held_keeps_it(state: str) -> None:
    estate = Estate().charge("x", 0.12).resource("x", ADDRESSES[1], state=state)
    estate.resource("y", ADDRESSES[1], state=state, attached_to="nic-1")
    assert why(plan_of(estate, "idle")).startswith("in use")


BALANCERS = (
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "Microsoft.Network/loadBalancers",
    "Microsoft.Network/applicationGateways",
    "compute.googleapis.com/ForwardingRule",
    "compute.googleapis.com/GlobalForwardingRule",
)


@pytest.mark.parametrize("resource_type", BALANCERS)
def test_a_balancer_without_targets_goes_whoever_sells_it(resource_type: str) -> None:
    for count, acts in ((0, True), (1, False)):
        estate = Estate().charge("lb", 0.6).resource("lb", resource_type, state="ACTIVE", target_count=count)
        assert bool(plan_of(estate, "idle").recommendations) is acts


GATEWAYS = (
    "AWS::EC2::NatGateway",
    "Microsoft.Network/natGateways",
    "microsoft.network/natgateways",
    "compute.googleapis.com/Router",
)


@pytest.mark.parametrize("resource_type", GATEWAYS)
def test_a_gateway_without_a_byte_goes_whoever_sells_it(resource_type: str) -> None:
    for sent, acts in ((0.0, True), (1e8, False)):
        estate = Estate().charge("nat", 1.0).resource("nat", resource_type, only_egress_of_vpc=False)
        estate.metric("nat", "network_in_bytes", 0.0, statistic="sum").metric("nat", "network_out_bytes", sent, statistic="sum")
        assert bool(plan_of(estate, "idle").recommendations) is acts


@pytest.mark.parametrize(
    "resource_type",
    [
        "AWS::RDS::DBInstance",
        "Microsoft.Sql/servers/databases",
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "Microsoft.DBforMySQL/flexibleServers",
        "sqladmin.googleapis.com/Instance",
        "alloydb.googleapis.com/Instance",
    ],
)
def test_a_database_that_nobody_connects_to_goes_whoever_sells_it(resource_type: str) -> None:
    for connections, acts in ((1.0, True), (40.0, False)):
        estate = Estate().charge("db", 72.0).resource("db", resource_type)
        hours(estate, "db", "cpu_utilization", 0.5)
        hours(estate, "db", "connections", connections)
        assert bool(plan_of(estate, "idle").recommendations) is acts


def of_kind(resource_type: str, *, unlike: Any = None, **measured: float) -> Estate:
    """A service `c` for 45 days; `unlike` is (metric, hours that differ)."""
    estate = Estate().charge("c", 6.0).resource("c", resource_type)
    for metric, level in measured.items():
        statistic = "sum" if metric in ("requests", "queries", "network_in_bytes") else "avg"
        hours(estate, "c", metric, level, statistic=statistic, **(unlike[1] if unlike and unlike[0] == metric else {}))
    return estate


@pytest.mark.parametrize(
    ("resource_type", "measured"),
    [
        ("AWS::ElastiCache::CacheCluster", {"connections": 0, "cpu_utilization": 0.6, "network_in_bytes": 900}),
        ("Microsoft.Cache/Redis", {"connections": 5, "cpu_utilization": 0.6, "requests": 0}),
        ("memorystore.googleapis.com/Instance", {"connections": 0, "cpu_utilization": 0.6}),
        ("AWS::MemoryDB::Cluster", {"connections": 0, "cpu_utilization": 0.6}),
        ("AWS::MSK::Cluster", {"connections": 0, "network_in_bytes": 3600 * 50}),
        ("Microsoft.EventHub/namespaces", {"connections": 0, "network_in_bytes": 0}),
        ("Microsoft.ServiceBus/namespaces", {"connections": 0, "requests": 0}),
        ("AWS::OpenSearchService::Domain", {"queries": 0, "cpu_utilization": 2}),
        ("Microsoft.Search/searchServices", {"queries": 0, "requests": 0}),
    ],
)
def test_caches_brokers_and_search_go_by_two_signals(resource_type: str, measured: dict[str, float]) -> None:
    assert only(plan_of(of_kind(resource_type, **measured), "idle"))[0] == "Delete"
    first = next(iter(measured))
    weekly = {f"d{back}h10": 1e9 for back in range(2, 45, 7)}
    assert why(plan_of(of_kind(resource_type, unlike=(first, weekly), **measured), "idle")).startswith(("in use", "watch"))
    assert why(plan_of(of_kind(resource_type, **{first: measured[first]}), "idle")).startswith("unknown")


@pytest.mark.parametrize(
    ("measured", "properties", "reason"),
    [
        ({"connections": 2, "cpu_utilization": 1}, {}, "unknown requests"),  # a client that asks little holds one as well
        ({"connections": 2, "cpu_utilization": 1, "requests": 60}, {}, "in use"),
        ({"connections": 0, "cpu_utilization": 1}, {"tags": {"role": "standby"}}, "standby"),
        ({"connections": 0, "cpu_utilization": 1}, {"read_replica": True}, "standby"),
        ({"connections": 0, "cpu_utilization": 1}, {"attached_to": "group-1"}, "idle for 45 days, but a node of group-1"),
        ({}, {}, "unknown"),
    ],
)
def test_a_cache_stays_where_it_waits_or_use_is_not_known(
    measured: dict[str, float], properties: dict[str, Any], reason: str
) -> None:
    estate = of_kind("AWS::ElastiCache::CacheCluster", **measured)
    estate._rows["resources"] = []
    estate.resource("c", "AWS::ElastiCache::CacheCluster", **properties)
    assert why(plan_of(estate, "idle")).startswith(reason)


@pytest.mark.parametrize("named", [False, True])
def test_what_a_bill_without_resource_ids_pays_is_unknown(named: bool) -> None:
    """Google's standard export: the TPU is listed and measured, and no line says what it costs."""
    place: dict[str, Any] = {"provider": "Google Cloud", "account_id": "p1"}
    estate = Estate().charge("other" if named else "", 40.0, ProviderName="Google Cloud", SubAccountId="p1")
    if not named:
        estate._rows["charges"] = [row | {"ResourceId": None} for row in estate.charges]
    estate.resource("tpu", "tpu.googleapis.com/Node", state="READY", **place)
    estate.resource("off", "tpu.googleapis.com/Node", state="STOPPED", **place)
    plan = plan_of(estate.metric("tpu", "tpu_duty_cycle", 0.0), "idle", "schedule")
    assert not plan.recommendations
    assert [(m.missing, m.ids, m.spend_at_stake) for m in plan.unknowns if "tpu" in m.ids] == (
        [] if named else [("resource ids", ("tpu",), Decimal("0.00"))]
    )


def test_a_snapshot_saves_what_the_bill_counts_of_it_and_says_what_others_share() -> None:
    estate = Estate().charge("snap", 9.0, PricingUnit="GB-Months", SkuMeter="snapshots", quantity=180.0)
    plan = plan_of(estate.resource("snap", "AWS::EC2::Snapshot", image_id="ami-1", image_state="deregistered"), "idle")
    (found,) = plan.recommendations
    assert found.saving.effective_monthly.expected == Decimal("279.00")  # 31 days of 9
    assert any("other snapshots of its disk" in text for text in found.saving.assumes)


@pytest.mark.parametrize("charge_class", [None, "Correction"])
@pytest.mark.parametrize("amount", [-2500.0, 300.0])
def test_what_is_taken_back_is_no_part_of_what_runs(amount: float, charge_class: str | None) -> None:
    said = charge_class if amount < 0 else "Correction"
    estate = vm().charge("i-1", amount, days=1, quantity=amount * 10, x_instance_type="m5.large", ChargeClass=said)
    (action,) = plan_of(estate, "idle").recommendations
    assert action.alone == Decimal("730.00")
    (row,) = estate.rows(action.finding.evidence.sql)
    assert row["monthly_saving"] == action.alone


@pytest.mark.parametrize(("status", "acts"), [("Used", False), (None, True)])
def test_reserved_capacity_is_billed_without_its_machine(status: str | None, acts: bool) -> None:
    estate = vm()
    estate.charges[:] = [
        row | {"CapacityReservationId": status and "cr-1", "CapacityReservationStatus": status} for row in estate.charges
    ]
    plan = plan_of(estate, "idle")
    assert bool(plan.recommendations) == acts
    assert acts or "cancel cr-1 first" in why(plan)


@pytest.mark.parametrize(
    ("kind", "estate"), [("idle", vm()), ("schedule", vm()), ("rightsizing", machine(priced(), "i-1", 0.5))]
)
def test_metrics_in_shares_of_one_prove_nothing(kind: str, estate: Estate) -> None:
    assert why(plan_of(estate.metric("i-1", "memory_utilization", 0.4), kind)) == "unknown memory_utilization in percent"
