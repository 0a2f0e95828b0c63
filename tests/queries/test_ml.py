"""ML questions on small estates: every number by hand, and what is missing is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.queries import Allocation, Condition, CostQuery, MlReport, TeamRule, costs, ml
from tests.conftest import Ran
from tests.estate import AS_OF, Estate

D = Decimal
GPU = "g5.12xlarge"
INSTANCE = "AWS::EC2::Instance"
ENDPOINT = "AWS::SageMaker::Endpoint"


def asked(estate: Estate, allocation: Allocation = Allocation()) -> MlReport:  # noqa: B008 — frozen
    return ml(estate, AS_OF, allocation)


def gpu_machine(estate: Estate, name: str = "i-1", daily: float = 96.0, **columns: Any) -> Estate:
    """A machine with four A10G, around the clock, at 4 an hour."""
    known: dict[str, Any] = {"x_ml_workload": True, "x_instance_type": GPU}
    return estate.charge(name, daily, **(known | columns))


def listed(estate: Estate) -> Estate:
    return estate.price("vm", GPU, 5.0, vcpu=48, gpu_model="A10G", gpu_count=4)


def hourly(estate: Estate, name: str, metric: str, *values: float, period_s: int = 3600, days: int = 30, **dims: str) -> Estate:
    """The values one after the other through each day, from midnight."""
    for back in range(days):
        for number in range(86400 // period_s):
            at = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) - timedelta(days=back)
            estate.add(
                "metrics", x_source="s", resource_id=name, timestamp=at + timedelta(seconds=number * period_s),
                period_s=period_s, metric=metric, dimensions=json.dumps(dims) if dims else None,
                statistic="sum" if metric.startswith(("requests", "tokens")) else "avg", value=values[number % len(values)],
            )  # fmt: skip
    return estate


def run(estate: Estate, name: str, status: str | None, hours: float | None, **more: Any) -> Estate:
    start = datetime(2026, 10, 20, tzinfo=UTC)
    given = {"provider": "AWS", "account_id": "a1", "resource_id": "i-1", "sku": GPU, "team": "vision", "model": "yolo"}
    return estate.add(
        "runs", x_source="s", run_id=name, status=status, started_at=start,
        ended_at=None if hours is None else start + timedelta(hours=hours),
        billed_s=None if hours is None else hours * 3600, **({"count": 1} | given | more),
    )  # fmt: skip


def test_spend_by_platform_accelerator_team_and_model() -> None:
    estate = listed(gpu_machine(Estate(), x_tags_id="t"))
    estate.add("tag_sets", x_source="s", x_billing_period="2026-10", x_tags_id="t", Tags='{"team":"vision","model":"yolo"}')
    estate.charge("pt", 10.0, x_ml_workload=True, ServiceName="text models").charge("i-9", 7.0)
    report = asked(estate)
    assert report.totals == {"USD": D(3180)}
    named = {part: {row.name: row.amount for row in getattr(report, part)} for part in
             ("platforms", "accelerators", "teams", "models")}  # fmt: skip
    assert named == {
        "platforms": {"compute": D(2880), "text models": D(300)},
        "accelerators": {"A10G": D(2880), "(no accelerator known)": D(300)},
        "teams": {"vision": D(2880), "(untagged)": D(300)},
        "models": {"yolo": D(2880), "(no model known)": D(300)},
    }
    assert [round(row.share, 3) for row in report.platforms] == [0.906, 0.094]


def test_a_team_rule_goes_before_tags() -> None:
    rules = Allocation((TeamRule("research", (Condition.parse("resource=i-1"),)),))
    assert [row.name for row in asked(gpu_machine(Estate()), rules).teams] == ["research"]


def test_machines_of_one_name_that_differ_tell_no_accelerator() -> None:
    estate = listed(gpu_machine(Estate())).price("vm", GPU, 5.0, region="eu-1", vcpu=48, gpu_model="A10", gpu_count=4)
    assert [row.name for row in asked(estate).accelerators] == ["(no accelerator known)"]


def test_idle_hours_are_counted_by_device_at_the_bill_s_price() -> None:
    estate = listed(gpu_machine(Estate(), x_tags_id="t"))
    estate.add("tag_sets", x_source="s", x_billing_period="2026-10", x_tags_id="t", Tags='{"team":"vision"}')
    for device in "012":
        hourly(estate, "i-1", "gpu_sm_active", 0.5, device=device)
    hourly(estate, "i-1", "gpu_sm_active", 4.0, 80.0, device="3")  # every other hour
    report = asked(estate)
    (row,) = report.gpu_hours
    assert (row.gpu_hours, row.idle_hours, row.unmeasured_hours) == (D(2880), D(30 * (72 + 12)), D(0))
    assert row.idle_cost == D(2520)  # at 1.00 an accelerator-hour
    (owner,) = report.owners
    assert (owner.owner, owner.gpu_hours, owner.idle_hours, owner.idle_cost) == ("vision", D(96), D(84), D(84))
    assert report.idle == ()  # one of its four works
    assert report.gaps == ()


@pytest.mark.parametrize(("mean", "idle"), [(4.9, 1), (5.0, 0)])
def test_idle_right_now_is_the_last_complete_day(mean: float, idle: int) -> None:
    estate = hourly(
        listed(gpu_machine(Estate())).resource("i-1", INSTANCE, tags={"owner": "ana"}), "i-1", "gpu_sm_active", mean
    )
    report = asked(estate)
    assert [(one.owner, one.resource, one.day, one.idle_hours, one.cost) for one in report.idle] == [
        ("ana", "i-1", AS_OF, D(96), D(96))
    ] * idle


def test_only_hourly_gpu_utilization_is_refused_and_minutes_are_a_lower_bound() -> None:
    coarse = asked(hourly(listed(gpu_machine(Estate())), "i-1", "gpu_utilization", 0.0))
    (row,) = coarse.gpu_hours
    assert (row.idle_hours, row.idle_cost, row.unmeasured_hours) == (None, None, D(2880))
    assert coarse.idle == ()
    assert [(gap.missing, gap.key) for gap in coarse.gaps] == [("gpu_sm_active", "i-1")]
    assert coarse.gaps[0].monthly_cost == D(2880) * 730 / 720
    fine = asked(hourly(listed(gpu_machine(Estate())), "i-1", "gpu_utilization", 0.0, period_s=300, days=2))
    assert fine.gpu_hours[0].idle_hours == D(192)
    assert fine.idle[0].seen_by == "gpu_utilization, at least: samples of 5 min"


def test_a_tpu_is_told_by_its_duty_cycle_and_billed_by_the_chip() -> None:
    estate = Estate().charge("tpu", 192.0, quantity=192.0, x_ml_workload=True, SkuMeter="TpuV5e chips")
    estate.resource("tpu", "tpu.googleapis.com/Node", sku="v5e-8", chips=8)
    assert [gap.missing for gap in asked(estate).gaps] == ["tpu_duty_cycle"]
    estate = Estate().charge("tpu", 192.0, quantity=192.0, x_ml_workload=True, SkuMeter="TpuV5e chips")
    estate.resource("tpu", "tpu.googleapis.com/Node", sku="v5e-8", chips=8)
    (row,) = asked(hourly(estate, "tpu", "tpu_duty_cycle", 0.0, 60.0)).gpu_hours
    assert (row.accelerator, row.gpu_hours, row.idle_hours, row.idle_cost) == ("v5e-8", D(5760), D(2880), D(2880))


def test_a_machine_of_parts_is_counted_by_its_accelerator_s_meter() -> None:
    estate = Estate()
    for meter, quantity in (("N1 core", 192.0), ("N1 ram", 720.0), ("Nvidia Tesla T4 GPU", 48.0)):
        estate.charge("vm", 10.0, quantity=quantity, x_ml_workload=True, SkuMeter=meter)
    report = asked(estate.resource("vm", "compute.googleapis.com/Instance", gpu_model="T4", gpu_count=2))
    assert (report.gpu_hours[0].gpu_hours, report.gpu_hours[0].cost) == (D(1440), D(900))


def test_hours_that_nothing_tells_are_unknown() -> None:
    estate = gpu_machine(Estate()).resource("i-1", INSTANCE, gpu_model="A10G")
    report = asked(estate)
    assert report.gpu_hours[0].gpu_hours is None
    assert "properties gpu_count" in {gap.missing for gap in report.gaps}


def test_runs_by_team_and_model_with_failed_share_and_cancelled_apart() -> None:
    estate = listed(gpu_machine(Estate()))
    run(run(run(run(estate, "r1", "completed", 6), "r2", "failed", 2), "r3", "cancelled", 2, count=2), "r4", "running", None)
    run(estate, "r5", "completed", 10, sku="", resource_id="nowhere", team="nlp", model=None)
    priced = {(row.team, row.model): row for row in asked(estate).runs}
    row = priced["vision", "yolo"]
    assert (row.runs, row.completed, row.failed, row.cancelled, row.running, row.unpriced) == (4, 1, 1, 1, 1, 0)
    assert (row.cost, row.cost_per_run, row.failed_cost, row.cancelled_cost) == (D(48), D(16), D(8), D(16))
    assert row.failed_share == pytest.approx(1 / 6)
    other = priced["nlp", "(no model known)"]
    assert (other.currency, other.unpriced, other.cost_per_run) == ("USD", 1, None)
    assert "price of the machine of runs on the bill" in {gap.missing for gap in asked(estate).gaps}


def test_runs_without_status_or_hours_are_no_failures() -> None:
    report = asked(run(run(listed(gpu_machine(Estate())), "r1", "", 6), "r2", "failed", None))
    (row,) = report.runs
    assert (row.failed_share, row.failed_cost, row.cost, row.unpriced) == (None, None, D(24), 1)
    assert {gap.missing for gap in report.gaps} >= {"status of runs", "billed_s of runs"}


def test_spot_runs_cost_what_spot_costs() -> None:
    estate = gpu_machine(gpu_machine(Estate(), "i-1"), "i-2", 24.0, PricingCategory="Dynamic", SkuMeter="spot")
    run(run(estate, "r1", "completed", 10, resource_id=None, spot=True), "r2", "completed", 10, resource_id=None, spot=False)
    assert asked(estate).runs[0].cost == D(50)


def test_runs_beside_one_another_cost_together_what_their_machine_did() -> None:
    estate = listed(gpu_machine(Estate()))  # 30 days of 24 hours at 4 an hour
    for number in range(3):
        run(estate, f"r{number}", "completed", 264)
    (row,) = asked(estate).runs
    assert (row.cost, row.cost_per_run, row.shared) == (D(2880), D(960), 3)
    (alone,) = asked(run(listed(gpu_machine(Estate())), "r1", "completed", 264)).runs
    assert (alone.cost, alone.shared) == (D(1056), 0)


def test_a_run_that_ended_later_still_runs() -> None:
    estate = gpu_machine(Estate())
    run(estate, "r1", "completed", 24 * 20)
    assert (asked(estate).runs[0].running, asked(estate).runs[0].cost_per_run) == (1, None)


def test_endpoints_and_what_a_thousand_requests_cost() -> None:
    estate = Estate()
    for name in ("busy", "quiet", "blind"):
        estate.charge(name, 12.0, x_ml_workload=True).resource(name, ENDPOINT)
    hourly(hourly(estate, "busy", "requests", 300.0, days=10, variant="a"), "busy", "requests", 200.0, days=10, variant="b")
    hourly(estate, "quiet", "requests", 0.0)
    report = asked(estate)
    rows = {row.resource: row for row in report.endpoints}
    assert (rows["busy"].requests, rows["busy"].per_thousand) == (120_000, D(1))  # 120 on the ten days that were counted
    assert (rows["quiet"].requests, rows["quiet"].per_thousand, rows["quiet"].note) == (0, None, "no requests")
    assert (rows["blind"].requests, rows["blind"].per_thousand, rows["blind"].note) == (None, None, "no request metric")
    assert [(gap.missing, gap.key) for gap in report.gaps] == [("requests", "blind")]


def test_requests_in_total_and_by_variant_are_counted_once() -> None:
    estate = Estate().charge("e", 24.0, x_ml_workload=True).resource("e", ENDPOINT)
    hourly(hourly(estate, "e", "requests", 100.0), "e", "requests", 100.0, variant="a")
    assert asked(estate).endpoints[0].requests == 72_000


def test_tokens_by_meter_and_model_at_the_bill_s_price() -> None:
    estate = Estate().resource("ip", "AWS::Bedrock::InferenceProfile", sku="claude-x")
    for meter, millions, cost in (
        ("InputTokenCount", 10.0, 27.0),
        ("OutputTokenCount", 1.0, 13.5),
        ("CacheReadInput", 5.0, 1.5),
    ):
        estate.charge("ip", cost, quantity=millions * 1000, PricingUnit="1K tokens", SkuMeter=meter, x_ml_workload=True)
    for name in ("input", "output"):
        hourly(estate, "ip", f"tokens_{name}", 1e6 if name == "input" else 5e4, model="claude-x")
    rows = {row.meter: row for row in asked(estate).tokens}
    assert {m: (row.model, row.per_million) for m, row in rows.items()} == {
        "input": ("claude-x", D("2.7")), "output": ("claude-x", D("13.5")), "cache_read": ("claude-x", D("0.3")),
    }  # fmt: skip
    assert (rows["input"].tokens, rows["input"].counted_by) == (720_000_000, "metrics")
    assert (rows["cache_read"].tokens, rows["cache_read"].counted_by) == (150_000_000, "bill")


def test_lines_without_a_resource_are_by_account_only() -> None:
    estate = Estate().charge("", 5.0, quantity=2.0, PricingUnit="Million Tokens", SkuMeter="Nova-input", ResourceId=None)
    hourly(estate, "app", "tokens_output", 10.0, model="nova")
    rows = {row.meter: row for row in asked(estate).tokens}
    assert rows["input"].scope.startswith("account a1 (its lines name no resource)")
    assert (rows["input"].model, rows["input"].per_million) == ("Nova-input", D("2.5"))
    assert (rows["output"].scope, rows["output"].cost, rows["output"].per_million) == ("app", None, None)


def test_what_a_promotional_credit_pays_costs_no_less() -> None:
    estate = gpu_machine(Estate(), EffectiveCost=0.0, x_promotional_credit=-96.0).resource("i-1", INSTANCE, gpu_model="A10G")
    report = asked(hourly(listed(estate), "i-1", "gpu_sm_active", 0.0))
    assert (report.totals, report.credits) == ({"USD": D(2880)}, {"USD": D(-2880)})
    assert (report.gpu_hours[0].idle_cost, report.idle[0].cost) == (D(2880), D(96))


def test_nothing_loaded_is_nothing_not_an_error() -> None:
    report = asked(Estate().charge("i-1", 5.0))
    assert (report.totals, report.gpu_hours, report.runs, report.tokens) == ({}, (), (), ())


LINES = st.tuples(st.sampled_from("ab"), st.sampled_from(["USD", "EUR"]), st.decimals(-50, 500, places=4), st.booleans())


@settings(max_examples=12, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=6))
def test_every_split_is_the_ml_spend_of_the_bill(lines: list[tuple[str, str, Decimal, bool]]) -> None:
    estate = listed(Estate())
    for number, (service, currency, daily, accelerated) in enumerate(lines):
        estate.charge(
            f"i-{number}", float(daily), days=3, x_ml_workload=True, ServiceName=service, BillingCurrency=currency,
            x_instance_type=GPU if accelerated else None, x_promotional_credit=-3.25 if accelerated else None,
        )  # fmt: skip
    report = asked(estate)
    bill = {row.currency: row.amount for row in costs(estate, CostQuery((), where=(Condition.parse("ml=true"),)))}
    assert {currency: amount + report.credits[currency] for currency, amount in report.totals.items()} == bill
    for part in (report.platforms, report.accelerators, report.teams, report.models):
        assert {c: sum(row.amount + row.credits for row in part if row.currency == c) for c in bill} == bill


def test_the_sample_company(finops: Callable[..., Ran], company: Path) -> None:
    report = json.loads(finops("ml", "--warehouse", company, "--format", "json").out)
    spent = json.loads(
        finops("costs", "--by", "service", "--where", "ml=true", "--from", report["from"], "--to", report["to"],
               "--warehouse", company, "--format", "json").out
    )["rows"]  # fmt: skip
    assert {(r["service"], r["currency"], D(r["effective_cost"])) for r in spent} == {
        (r["platform"], r["currency"], D(r["cost"]) + D(r["credits"])) for r in report["platforms"]
    }
    (held,) = [row for row in report["idle"] if row["resource"] == "i-0b7e11aa4c2d9f002"]
    assert held["accelerator"] == "A100"  # its memory is held; nothing computes
    assert D(held["idle_hours"]) == D(held["gpu_hours"]) == 192
    sellers = {row["platform"]: D(row["cost"]) for row in report["platforms"]}
    priced = sum((D(row["cost"]) for row in report["tokens"] if row["cost"] is not None), D(0))
    assert sum(cost for name, cost in sellers.items() if "Bedrock Edition" in name) == priced > 0
    stakes = [(row["currency"], -D(row["spend_at_stake"])) for row in report["instrument_first"]]
    assert stakes == sorted(stakes)
    assert stakes
