"""Every recommender on small estates: verdict, target, saving; every statement of evidence returns its number."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finops.model import Act, Finding, action_name
from finops.money import cents
from finops.portfolio import Plan
from finops.runner import plans
from tests.estate import AS_OF, Estate

MONTH = Decimal(730) / 720


def plan_of(estate: Estate, *kinds: str) -> Plan:
    (plan,) = plans(estate, AS_OF, kinds=kinds)
    assert plan.failed == ()
    assert plan.current - sum(s.amount for s in plan.steps[1:-1]) == plan.after
    for r in plan.recommendations:
        (row,) = estate.rows(r.finding.evidence.sql)
        assert abs(row["monthly_saving"] - r.alone) <= Decimal("0.01"), r.finding.evidence.sql
    return plan


def act_of(finding: Finding) -> Act:
    assert isinstance(finding.verdict, Act)
    return finding.verdict


def only(plan: Plan) -> tuple[str, str, Decimal]:
    (r,) = plan.recommendations
    action = act_of(r.finding).action
    return action_name(action), action.target, r.saving.effective_monthly.expected


def why(plan: Plan) -> str:
    assert not plan.recommendations
    if plan.unknowns:
        return "unknown " + ", ".join(m.missing for m in plan.unknowns)
    return plan.keeps[0].why


def machine(
    estate: Estate, resource: str, cpu: float, *, kind: str = "AWS::EC2::Instance", sku: str = "m5.4xlarge", **more: Any
) -> Estate:
    charged = {name: more.pop(name) for name in list(more) if name[0].isupper() or name.startswith("x_")}
    estate.charge(resource, 24.0, x_instance_type=sku, **charged)
    estate.metric(resource, "cpu_utilization", cpu)
    return estate.resource(resource, kind, sku=sku, state="running", **more)


def test_an_endpoint_without_requests_is_deleted() -> None:
    estate = Estate().charge("arn:ep", 72.0).resource("arn:ep", "AWS::SageMaker::Endpoint")
    estate.metric("arn:ep", "requests", *[0] * 41, 5, statistic="sum", variant="AllTraffic")
    # 30 × 72 × 730/720
    assert only(plan_of(estate, "idle")) == ("Delete", "deleted", Decimal("2190.00"))


@pytest.mark.parametrize(
    ("requests", "verdict"),
    [
        ([0] * 13 + [1], "in use"),  # one request 13 days ago
        ([0] * 20 + [1] + [0] * 25 + [1], "watch"),  # it has come back after 25 days: 20 prove nothing
    ],
)
def test_an_endpoint_that_is_used_at_times_stays(requests: list[int], verdict: str) -> None:
    estate = Estate().charge("arn:ep", 72.0).resource("arn:ep", "AWS::SageMaker::Endpoint")
    estate.metric("arn:ep", "requests", *requests, statistic="sum")
    assert why(plan_of(estate, "idle")).startswith(verdict)


def gpu_machine(**more: Any) -> Estate:
    estate = (
        Estate()
        .charge("i-gpu", 786.0, x_instance_type="p4d.24xlarge")
        .charge("i-gpu", 2.0, PricingUnit="GB-Months", SkuMeter="root")
    )
    estate.resource("i-gpu", "AWS::EC2::Instance", sku="p4d.24xlarge", gpu_count=8, gpu_model="A100", state="running", **more)
    estate.metric("i-gpu", "gpu_sm_active", *[0.0] * 27, 80.0, device="0").metric("i-gpu", "gpu_memory_utilization", 92.0)
    estate.metric("i-gpu", "cpu_utilization", *[2.0] * 27, 60.0)
    return estate.metric("i-gpu", "network_in_bytes", 800_000.0, statistic="sum")


def test_gpu_memory_that_is_only_held_is_no_work_and_the_disk_stays() -> None:
    # 30 × 786 × 730/720; the root volume's 2.00 a day goes on
    assert only(plan_of(gpu_machine(), "idle")) == ("Stop", "stopped", cents(Decimal(786 * 30) * MONTH))


def test_a_new_machine_has_no_history() -> None:
    estate = Estate().charge("i-new", 10.0).resource("i-new", "AWS::EC2::Instance", age=4, gpu_count=1)
    estate.metric("i-new", "gpu_utilization", 0.0, days=4).metric("i-new", "cpu_utilization", 0.0, days=4)
    assert why(plan_of(estate, "idle")) == "unknown history"


def test_a_standby_is_meant_to_wait() -> None:
    estate = machine(Estate(), "db", 0.5, kind="AWS::RDS::DBInstance", tags={"dr": "warm"})
    assert why(plan_of(estate, "idle", "rightsizing")).startswith("standby")


def volume(**more: Any) -> Estate:
    estate = (
        Estate()
        .charge("vol", 1.2, PricingUnit="GB-Months", SkuMeter="gp3")
        .charge("vol", 0.5, PricingUnit="MiBps-Months", SkuMeter="mbps")
    )
    estate.price("snapshot", "snapshot", 0.05, "GB-Months")
    return estate.resource("vol", "AWS::EC2::Volume", size_gib=500, used_gib=100, **({"state": "available"} | more))


def test_a_detached_volume_goes_with_its_throughput_less_the_snapshot() -> None:
    # October: 31 × 1.70 = 52.70; 100 GiB × 0.05 = 5.00
    assert only(plan_of(volume(), "idle")) == ("Delete", "deleted after a snapshot", Decimal("47.70"))


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({"state": "in-use", "attached_to": "i-1"}, "in use"),
        ({"pvc": "data-kafka-0", "pvc_phase": "Bound"}, "in use"),
        ({"age": 5}, "watch"),
    ],
)
def test_a_volume_that_something_needs_stays(more: dict[str, Any], verdict: str) -> None:
    assert why(plan_of(volume(**more), "idle")).startswith(verdict)


@pytest.mark.parametrize(
    ("resource_type", "more", "acts"),
    [
        ("AWS::EC2::EIP", {"state": "unassociated"}, True),
        ("AWS::EC2::EIP", {"state": "associated", "attached_to": "i-1"}, False),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", {"target_count": 0}, True),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", {"target_count": 2}, False),
        ("AWS::EC2::Snapshot", {"image_id": "ami-1", "image_state": "deregistered"}, True),
        ("AWS::EC2::Snapshot", {"image_id": "ami-1", "image_state": "available"}, False),
    ],
)
def test_orphans(resource_type: str, more: dict[str, Any], acts: bool) -> None:
    estate = Estate().charge("x", 0.12).resource("x", resource_type, **more)
    assert bool(plan_of(estate, "idle").recommendations) is acts


SIZES = (("m5.4xlarge", 0.768, 16, 64), ("m5.2xlarge", 0.384, 8, 32), ("m5.xlarge", 0.192, 4, 16), ("m7g.2xlarge", 0.33, 8, 32))


def priced(product: str = "vm", **more: Any) -> Estate:
    estate = Estate()
    for sku, price, vcpu, memory in SIZES:
        estate.price(
            product, sku, price, vcpu=vcpu, memory_gib=memory, architecture="arm64" if "7g" in sku else "x86_64", **more
        )
    return estate


def test_the_next_machine_that_holds_the_highest_use() -> None:
    # CPU 12 % × 16 × 1.2 × 91/90 = 2.33 of 4 vCPU; memory 30 % × 64 × 1.15 × 91/90 = 22.3 GiB: 32 hold it, 16 do not
    estate = machine(priced(), "i-1", 12.0).metric("i-1", "memory_utilization", 30.0, statistic="max")
    # 30 × 24 × 730/720 × (1 − 0.384/0.768)
    assert only(plan_of(estate, "rightsizing")) == ("Resize", "m5.2xlarge", Decimal("365.00"))


@pytest.mark.parametrize(
    ("memory", "verdict"), [(None, "unknown memory_utilization"), (88.0, "no smaller machine holds what it does")]
)
def test_memory_decides(memory: float | None, verdict: str) -> None:
    estate = machine(priced(), "i-1", 6.0)
    if memory is not None:
        estate.metric("i-1", "memory_utilization", memory, statistic="max")
    assert why(plan_of(estate, "rightsizing")).startswith(verdict)


def test_a_missing_or_ambiguous_price_is_unknown() -> None:
    estate = machine(Estate(), "i-1", 6.0).metric("i-1", "memory_utilization", 10.0)
    assert why(plan_of(estate, "rightsizing")) == "unknown price of m5.4xlarge in us-east-1 in USD"
    twice = machine(priced(operating_system="Linux"), "i-1", 6.0).metric("i-1", "memory_utilization", 10.0)
    twice.price("vm", "m5.4xlarge", 1.5, operating_system="Windows", vcpu=16, memory_gib=64)
    assert why(plan_of(twice, "rightsizing")) == "unknown price of m5.4xlarge in us-east-1 in USD"


def reserved(size_flexible: bool) -> Estate:
    estate = machine(
        priced(), "i-1", 6.0, CommitmentDiscountId="ri-1", CommitmentDiscountStatus="Used", PricingCategory="Committed"
    )
    estate.metric("i-1", "memory_utilization", 30.0)
    scope = '{"sku": "m5.4xlarge", "size_flexible": ' + ("true" if size_flexible else "false") + "}"
    return estate.add(
        "commitments",
        x_source="s",
        observed_at="2026-10-31 00:00:00+00",
        commitment_id="ri-1",
        provider="AWS",
        instrument="reservation",
        scope=scope,
        term_start="2025-01-01 00:00:00+00",
        term_end="2027-12-31 00:00:00+00",
    )


def test_what_a_commitment_covers_saves_nothing_that_it_cannot_move() -> None:
    assert "commitment covers it" in why(plan_of(reserved(size_flexible=False), "rightsizing"))
    assert "commitment covers it" in why(plan_of(reserved(size_flexible=True), "rightsizing"))


@pytest.mark.parametrize(
    ("ends", "expected"), [("2027-12-31", ("m5.2xlarge", Decimal("280.32"))), ("2027-06-30", ("m7g.2xlarge", Decimal("39.42")))]
)
def test_a_reservation_that_lasts_a_year_decides_which_machine_saves_most(ends: str, expected: tuple[str, Decimal]) -> None:
    """Of 24 hours at 0.768 it covers twelve for 5.9904 a day: as many as all 24 of an m5.2xlarge, and none of an m7g."""
    columns: dict[str, Any] = {"x_instance_type": "m5.4xlarge", "ServiceName": "databases"}
    estate = priced("database").charge("db", 9.216, quantity=12, **columns)
    paid: dict[str, Any] = {"CommitmentDiscountId": "ri-1", "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed"}
    estate.charge("db", 5.9904, quantity=12, ListCost=9.216, ContractedCost=9.216, **paid, **columns)
    estate.metric("db", "cpu_utilization", 12.0).metric("db", "memory_utilization", 30.0)
    estate.resource("db", "AWS::RDS::DBInstance", sku="m5.4xlarge", state="available")
    scope = '{"sku": "m5.4xlarge", "size_flexible": true}'
    known = {"commitment_id": "ri-1", "provider": "AWS", "instrument": "reservation", "scope": scope}
    terms = {"term_start": "2025-01-01 00:00:00+00", "term_end": f"{ends} 00:00:00+00"}
    estate.add("commitments", x_source="s", observed_at="2026-10-31 00:00:00+00", **known, **terms)
    assert only(plan_of(estate, "rightsizing"))[1:] == expected


def test_a_flexible_reservation_moves_to_usage_of_its_family() -> None:
    estate = reserved(size_flexible=True).charge("i-2", 5.0, x_instance_type="m5.xlarge")
    # half of 730.00 is freed; 5 × 30 × 730/720 = 152.08 of it moves to i-2, the rest is stranded
    plan = plan_of(estate, "rightsizing")
    assert only(plan) == ("Resize", "m5.2xlarge", Decimal("152.08"))
    assert plan.recommendations[0].stranded == Decimal("212.92")


GPU_SIZES = (
    ("ml.g5.12xlarge", 7.09, 48, 192, 4),
    ("ml.g5.2xlarge", 1.515, 8, 32, 1),
    ("ml.g5.xlarge", 1.408, 4, 16, 1),
    ("ml.g4dn.2xlarge", 0.94, 8, 32, 1),
)


def endpoint(**objective: float) -> Estate:
    estate = Estate()
    for sku, price, vcpu, memory, gpus in GPU_SIZES:
        model, gib = ("T4", 16) if "g4" in sku else ("A10G", 24)
        estate.price("endpoint", sku, price, vcpu=vcpu, memory_gib=memory, gpu_count=gpus, gpu_memory_gib=gib, gpu_model=model)
    machine(estate, "arn:ep", 5.0, kind="AWS::SageMaker::Endpoint", sku="ml.g5.12xlarge", **objective)
    return estate.metric("arn:ep", "memory_utilization", 100 * 20 / 192)  # 20 GiB of 192


def test_a_quarter_of_the_gpus_is_enough_by_device() -> None:
    estate = endpoint(slo_ms=300)
    for device in range(4):
        estate.metric("arn:ep", "gpu_sm_active", 40.0 if device == 0 else 0.0, device=str(device))
        estate.metric("arn:ep", "gpu_memory_utilization", 100 * 14 / 24 if device == 0 else 1.0, device=str(device))
    # 20 × 1.15 GiB of host memory rule out 16 GiB; 730 × (1 − 1.515/7.09)
    assert only(plan_of(estate, "rightsizing")) == ("Resize", "ml.g5.2xlarge", Decimal("574.01"))


def test_without_an_objective_of_latency_a_smaller_endpoint_is_shown_and_not_taken() -> None:
    estate = endpoint().metric("arn:ep", "gpu_sm_active", 38.0, statistic="sum")
    estate.metric("arn:ep", "gpu_memory_utilization", 58.0, statistic="sum")
    assert why(plan_of(estate, "rightsizing")).startswith(
        "watch: ml.g5.2xlarge would hold its highest use and save 574.01 a month"
    )


@pytest.mark.parametrize(("total", "target"), [(38.0, "ml.g5.2xlarge"), (180.0, None)])
def test_a_sum_over_gpus_is_divided(total: float, target: str | None) -> None:
    estate = endpoint(slo_ms=300).metric("arn:ep", "gpu_sm_active", total, statistic="sum")
    estate.metric("arn:ep", "gpu_memory_utilization", 58.0, statistic="sum")
    plan = plan_of(estate, "rightsizing")
    assert (only(plan)[1] if plan.recommendations else None) == target


def test_databases_count_free_memory_and_may_change_architecture() -> None:
    estate = Estate()
    for sku, price, vcpu, memory in (
        ("db.r5.4xlarge", 4.0, 16, 128),
        ("db.r6g.2xlarge", 1.8, 8, 64),
        ("db.r5.xlarge", 1.0, 4, 32),
    ):
        for deployment, times in (("Multi-AZ", 2), ("Single-AZ", 1)):
            estate.price("database", sku, price * times, deployment=deployment, vcpu=vcpu, memory_gib=memory, architecture=sku)
    machine(estate, "db", 11.0, kind="AWS::RDS::DBInstance", sku="db.r5.4xlarge", multi_az=True)
    estate.metric("db", "freeable_memory_bytes", 74 * 1024.0**3, statistic="min")
    # 54 GiB used × 1.15 × 91/90 = 62.8: 64 hold them; 730 × (1 − 1.8/4)
    assert only(plan_of(estate, "rightsizing")) == ("Resize", "db.r6g.2xlarge", Decimal("401.50"))


def test_reserved_throughput_is_no_saving() -> None:
    kind = "Microsoft.CognitiveServices/accounts/deployments"
    estate = (
        Estate()
        .charge("gpt", 4800.0, quantity=4800)
        .charge("gpt", 1600.0, quantity=2400, CommitmentDiscountId="ptu-ri", CommitmentDiscountStatus="Used")
    )
    estate.resource("gpt", kind, ptu=300, ptu_step=50, ptu_minimum=50).metric("gpt", "ptu_utilization", 18.0, statistic="p99")
    # 54 units × 1.2 × 91/90 = 65.5, but 100 of 300 are reserved: all 200 others go, 4800 × 30 × 730/720
    assert only(plan_of(estate, "rightsizing")) == ("Resize", "100", Decimal("146000.00"))


TIB = 1024.0**4
S3_PRICES = {"STANDARD": (0.023, 0.0, 0.0), "STANDARD_IA": (0.0125, 0.01, 0.01), "GLACIER_IR": (0.004, 0.03, 0.02)}


def bucket(*bands: tuple[int, int | None, float, float, float], daily: float = 100.0, **properties: Any) -> Estate:
    """Bands of (from, to, TiB, mean KiB, full reads a month)."""
    estate = Estate().charge("b", daily, ServiceCategory="Storage", PricingUnit="Requests", SkuMeter="storage")
    estate.resource("b", "AWS::S3::Bucket", **properties)
    for name, (storage, retrieval, transition) in S3_PRICES.items():
        estate.price("object_storage", name, storage, "GB-Months").price("object_storage", f"{name}:retrieval", retrieval, "GB")
        estate.price("object_storage", f"{name}:transition", transition, "1000 Requests")
    for start, end, tib, kib, reads in bands:
        estate.add(
            "objects",
            x_source="s",
            bucket="b",
            prefix="",
            storage_class="STANDARD",
            age_days_from=start,
            age_days_to=end,
            object_count=int(tib * TIB / 1024 / kib),
            bytes=tib * TIB,
            reads_per_month=reads * tib * TIB / 1024 / kib,
            read_bytes_per_month=reads * tib * TIB,
        )
    return estate


def test_cold_video_goes_to_the_class_that_is_cheapest_after_fees() -> None:
    plan = plan_of(bucket((120, None, 140, 18 * 1024, 0.02)), "storage_tiering")
    # 143,360 GiB × (0.023 − 0.004 − 0.02 × 0.03) − 8,155,591 objects / 1000 × 0.02 / 12 = 2,637.824 − 13.593
    assert only(plan) == ("Move", "GLACIER_IR", Decimal("2624.23"))
    assert plan.recommendations[0].saving.one_off == Decimal("163.11")


@pytest.mark.parametrize(
    ("band", "reason"),
    [
        ((60, None, 0.4, 38, 0.0), "its objects have 38 KiB"),  # fees and minimum size
        ((0, 9, 30, 4096, 0.0), "no class is cheaper"),  # gone before any minimum time ends
        ((60, None, 90, 65536, 1.4), "no class is cheaper"),  # read more than 1.05 times a month
    ],
)
def test_what_no_class_makes_cheaper_stays(band: tuple[int, int | None, float, float, float], reason: str) -> None:
    assert why(plan_of(bucket(band), "storage_tiering")).startswith(reason)


def test_each_age_gets_its_class() -> None:
    plan = plan_of(bucket((0, 30, 10, 4096, 3.0), (30, 120, 30, 4096, 0.6), (120, None, 90, 4096, 0.0)), "storage_tiering")
    assert only(plan)[1] == "STANDARD_IA 30 d, GLACIER_IR 120 d"


def test_hidden_bytes_and_locks() -> None:
    estate = bucket(noncurrent_bytes=2 * TIB, incomplete_multipart_bytes=TIB)
    plan = plan_of(estate, "storage_tiering")
    # 3,072 GiB × 0.023
    assert only(plan)[::2] == ("Reconfigure", Decimal("70.66"))
    locked = bucket((120, None, 140, 18 * 1024, 0.02), object_lock="COMPLIANCE")
    assert why(plan_of(locked, "storage_tiering")).startswith("locked")


def flat(daily: float = 240.0, **more: Any) -> Estate:
    estate = Estate().charge("i-1", daily, x_instance_type="m5.4xlarge", x_operating_system="Linux", **more)
    estate.price("vm", "m5.4xlarge", 0.768, operating_system="Linux")
    return estate.price(
        "vm", "m5.4xlarge", 0.5607, operating_system="Linux", term="1y", payment="none", instrument="savings_plan_compute"
    )


def test_flat_usage_is_committed_to_the_last_thousandth() -> None:
    plan = plan_of(flat(), "commitments")
    # 10 an hour at d = 1 − 0.5607/0.768 costs 7.30078, to the nearest thousandth 7.301: (10 − 7.301) × 730
    kind, target, saving = only(plan)
    assert (kind, target) == ("Commit", "savings_plan_compute 1y, 7.301 USD/h")
    assert saving == Decimal("1970.27")


def test_commitments_are_bought_for_what_the_others_leave() -> None:
    estate = flat()
    estate.resource("i-1", "AWS::EC2::Instance").metric("i-1", "cpu_utilization", 1.0)
    estate.metric("i-1", "network_in_bytes", 0.0, statistic="sum").metric("i-1", "network_out_bytes", 0.0, statistic="sum")
    plan = plan_of(estate, "idle", "commitments")
    assert [r.finding.kind for r in plan.recommendations] == ["idle"]
    assert plan.after == 0


def test_a_lock_on_one_family_is_not_bought() -> None:
    estate = Estate().charge("i-1", 240.0, x_instance_type="m5.4xlarge").price("vm", "m5.4xlarge", 0.768)
    estate.price("vm", "m5.4xlarge", 0.48, term="1y", payment="none", instrument="savings_plan_family")
    assert why(plan_of(estate, "commitments")).startswith("abstains")


def test_a_bill_alone_names_what_is_missing_by_spend_at_stake() -> None:
    estate = Estate().charge("i-1", 24.0, x_instance_type="m5.4xlarge").charge("b", 1.0, ServiceCategory="Storage")
    plan = plan_of(estate)
    assert [(m.missing, m.resources, m.spend_at_stake) for m in plan.unknowns] == [
        ("inventory of resources", 1, Decimal("730.00")),
        ("price of commitments of AWS in USD", 1, Decimal("730.00")),
        ("objects", 1, Decimal("30.42")),
    ]
    assert all(m.how.startswith("load") for m in plan.unknowns)


def test_a_managed_machine_is_found_through_what_it_runs_on() -> None:
    estate = Estate().charge("/Managed/VM-1", 88.0, ProviderName="Microsoft Azure")
    kind = "Microsoft.MachineLearningServices/workspaces/computes"
    estate.resource("/ws/computes/ci", kind, attached_to="/managed/vm-1", state="Running")
    estate.metric("/ws/computes/ci", "gpu_utilization", *[0.0] * 20, 50.0)
    plan = plan_of(estate, "idle")
    assert only(plan) == ("Stop", "stopped", cents(Decimal(88 * 30) * MONTH))
    assert plan.recommendations[0].finding.scope.resource == "/ws/computes/ci"
