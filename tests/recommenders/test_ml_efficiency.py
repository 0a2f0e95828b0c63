"""ML efficiency: failed runs, loops, waiting GPUs, copies: verdict, target and saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.activity.jobs import most_short_runs_a_day, run_of_row
from finops.money import cents
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of, only, plan_of, why

MONTH = Decimal(730) / 720
END = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC)


def run(
    estate: Estate, name: str, hours: float, status: str, *, back: float = 10.0, resource: str = "train", **more: Any
) -> Estate:
    start = END - timedelta(days=back)
    row = {
        "run_id": name, "provider": "AWS", "account_id": "a1", "resource_id": resource, "sku": "p4d.24xlarge", "count": 1,
        "status": status, "started_at": start, "ended_at": start + timedelta(hours=hours), "billed_s": hours * 3600,
        "team": "vision",
    }  # fmt: skip
    return estate.add("runs", x_source="s", **(row | more))


def training(*, hours: float = 310.0, price: float = 20.0, **more: Any) -> Estate:
    """A resource that ran so many hours in 30 days."""
    estate = Estate()
    estate.charge("train", hours * price / 30, quantity=hours / 30, x_instance_type="p4d.24xlarge", SkuMeter="BoxUsage")
    return estate.resource("train", "AWS::EC2::Instance", sku="p4d.24xlarge", gpu_count=8, gpu_model="A100", **more)


def failures(count: int = 6, hours: float = 9.0, status: str = "failed", **more: Any) -> Estate:
    estate = training(**more)
    for number in range(count):
        run(estate, f"f{number}", hours, status, back=5.0 + 12 * number, team="vision" if number % 2 else "speech")
    for number in range(4):
        run(estate, f"c{number}", 20.0, "completed", back=3.0 + 12 * number)
    return run(estate, "user", 30.0, "cancelled", back=4.0)


def test_failed_hours_of_three_months_are_a_third_a_month() -> None:
    plan = plan_of(failures(), "ml_efficiency")
    kind, target, saving = only(plan)
    assert (kind, saving) == ("Reconfigure", Decimal("360.00"))  # 6 × 9 h × 20.00 / 3; what its user cancelled is no failure
    assert target == "checkpoint + preflight"
    (r,) = plan.recommendations
    assert r.finding.explanation == ("speech: 180.00 a month", "vision: 180.00 a month")
    assert r.saving.effective_monthly.low == Decimal("320.00")  # each would lose up to its first hour still


def test_writing_checkpoints_is_paid_for() -> None:
    estate = failures(checkpoint_gib=60).price("object_storage", "STANDARD", 0.023, "GB-Months")
    estate.price("object_storage", "STANDARD:put", 0.005, "1000 Requests")
    # 164 h a quarter are 54.67 a month: × 60 GiB × 16 parts / 1000 × 0.005 + 3 × 60 × 0.023 × 54.67 / 730
    assert only(plan_of(estate, "ml_efficiency"))[2] == Decimal("360.00") - cents(Decimal("0.262400") + Decimal("0.310027"))


@pytest.mark.parametrize(
    ("estate", "verdict"),
    [
        (failures(checkpoint_interval_s=720), "failures lose at most 12 minutes"),
        (failures(status=""), "unknown"),
    ],
)
def test_runs_that_stay(estate: Estate, verdict: str) -> None:
    if verdict == "unknown":
        for row in estate._rows["runs"]:
            row["status"] = ""
        verdict = "unknown status of runs"
    assert why(plan_of(estate, "ml_efficiency")).startswith(verdict)


@pytest.mark.parametrize("estate", [failures(count=2), failures(status="cancelled"), failures(status="completed")])
def test_too_few_failures_or_none_are_no_question(estate: Estate) -> None:
    plan = plan_of(estate, "ml_efficiency")
    assert (plan.recommendations, plan.unknowns) == ((), ())


def test_jobs_that_are_resources_of_their_own_are_their_teams() -> None:
    estate = Estate()
    for number in range(4):
        name = f"arn:job/{number}"
        estate.charge(name, 90.0, days=2, quantity=4.5, x_instance_type="p4d.24xlarge", SkuMeter="Train")
        run(estate, f"r{number}", 9.0, "failed" if number else "completed", back=1.0 + number, resource=name)
    plan = plan_of(estate, "ml_efficiency")
    assert only(plan)[2] == Decimal("180.00")  # 27 h × 20.00 / 3
    assert plan.recommendations[0].finding.scope.resource == "runs of vision"


def test_a_machine_without_a_price_is_unknown() -> None:
    estate = failures()
    for row in estate._rows["runs"]:
        row["sku"] = "trn1.32xlarge"
    assert why(plan_of(estate, "ml_efficiency")) == "unknown price of trn1.32xlarge in us-east-1 in USD"


def test_runs_of_minutes_in_a_loop_are_a_hint() -> None:
    estate = training()
    for number in range(24):
        run(estate, f"l{number}", 0.05, "failed", back=5.0 + number / 24)
    assert why(plan_of(estate, "ml_efficiency")).startswith("watch: 24 runs of less than ten minutes")


def waiting(sm: float | None = 34.0, dram: float | None = 12.0, cpu: float | None = 97.0, *, days: int = 90) -> Estate:
    estate = training()
    for name, value in (("gpu_sm_active", sm), ("gpu_dram_active", dram)):
        if value is None:
            continue
        for device in range(2):
            estate.metric("train", name, value, days=days, device=str(device))
    if cpu is not None:
        estate.metric("train", "cpu_utilization", cpu, days=days)
    return estate.metric("train", "gpu_utilization", 88.0)


def test_training_that_waits_for_data_needs_another_pipeline_and_no_smaller_machine() -> None:
    plan = plan_of(waiting(), "ml_efficiency")
    kind, target, saving = only(plan)
    assert (kind, target) == ("Reconfigure", "input pipeline")
    truth = Decimal(310 * 20) * MONTH * (1 - Decimal(34) / 75)
    assert saving == pytest.approx(truth, rel=Decimal("0.03"))  # the median is that of a histogram 5 % wide
    (r,) = plan.recommendations
    estimate = r.saving.effective_monthly
    assert estimate.low == pytest.approx(Decimal(310 * 20) * MONTH * Decimal("0.2"), abs=Decimal("0.01"))
    assert estimate.high == pytest.approx(Decimal(310 * 20) * MONTH * Decimal("0.55"), abs=Decimal("0.01"))
    assert act_of(r.finding).confidence == 0.3


def test_reading_at_a_flat_ceiling_is_a_limit_too() -> None:
    estate = waiting(cpu=40.0).metric("train", "disk_read_bytes", 1e9 * 3600, statistic="sum")
    assert only(plan_of(estate, "ml_efficiency"))[1] == "input pipeline"


@pytest.mark.parametrize(
    ("estate", "verdict"),
    [
        (waiting(sm=None), "watch: stall, cause unknown: gpu_sm_active is missing"),
        (waiting(cpu=None), "watch: stall, cause unknown: cpu_utilization is missing"),
        (waiting(dram=None), "watch: stall, cause unknown: gpu_dram_active is missing"),
        (run(run(waiting(cpu=40.0), "a", 9, "completed"), "b", 9, "completed"), "watch: stall, cause unknown: neither"),
        (waiting(days=5), "unknown history"),
    ],
)
def test_a_stall_without_a_cause_is_watched(estate: Estate, verdict: str) -> None:
    assert why(plan_of(estate, "ml_efficiency")).startswith(verdict)


@pytest.mark.parametrize("estate", [waiting(sm=70.0), waiting(dram=84.0)])
def test_gpus_that_work_are_no_question(estate: Estate) -> None:
    plan = plan_of(estate, "ml_efficiency")
    assert (plan.recommendations, plan.keeps, plan.unknowns) == ((), (), ())


def test_an_endpoint_is_no_training() -> None:
    estate = waiting()
    estate._rows["resources"][0]["resource_type"] = "AWS::SageMaker::Endpoint"
    assert plan_of(estate, "ml_efficiency").recommendations == ()


def test_hours_inside_runs_without_a_gpu_are_a_hint() -> None:
    estate = training()
    for number in range(10):
        run(estate, f"r{number}", 20.0, "completed", back=number)  # each holds the day's sample at noon
    values = [0.0 if number % 2 else 90.0 for number in range(10)]
    estate.metric("train", "gpu_sm_active", *values, device="0").metric("train", "gpu_sm_active", *([1.0] * 10), device="1")
    plan = plan_of(estate, "ml_efficiency")
    assert why(plan).startswith("watch: in 50% of the hours inside its runs no GPU works")


def test_two_buckets_of_the_same_bytes_are_a_hint_and_no_deletion() -> None:
    estate = Estate()
    for name, count in (("data-a", 1_000_000), ("data-b", 1_004_000), ("data-c", 2_000_000)):
        estate.charge(name, 40.0, PricingUnit="GB-Months", SkuMeter="storage", ServiceCategory="Storage")
        estate.resource(name, "AWS::S3::Bucket")
        estate.add("objects", x_source="s", bucket=name, storage_class="STANDARD", object_count=count, bytes=48e12)
    plan = plan_of(estate, "ml_efficiency")
    assert why(plan).startswith("watch: it holds as many objects and bytes as data-a; storage 1240.00 a month")
    assert [kept.finding.scope.resource for kept in plan.keeps] == ["data-b/copy"]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.001, 2)), max_size=30))
def test_short_runs_a_day_are_counted_in_the_fullest_day(runs: list[tuple[float, float]]) -> None:
    rows = [
        run_of_row({"run_id": str(n), "started_at": END + timedelta(hours=at), "billed_s": hours * 3600})
        for n, (at, hours) in enumerate(runs)
    ]
    starts = [r.started_at for r in rows if (r.clock_hours or 0) < 1 / 6]
    brute = max((sum(1 for other in starts if start <= other < start + timedelta(days=1)) for start in starts), default=0)
    assert most_short_runs_a_day(rows) == brute
