"""Rightsizing beyond machines: functions, pools, shared endpoints, limits and what forbids a smaller size."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finops.model import action_name
from finops.portfolio import Plan
from finops.runner import plans
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of


def plan_of(estate: Estate) -> Plan:
    (plan,) = plans(estate, AS_OF, kinds=("rightsizing",))
    assert plan.failed == ()
    return plan


def acts(plan: Plan) -> list[tuple[str, str, str, Decimal]]:
    return [
        (r.finding.scope.resource, action_name(a.action), a.action.target, r.saving.effective_monthly.expected)
        for r in sorted(plan.recommendations, key=lambda r: r.finding.scope.resource)
        for a in [act_of(r.finding)]
    ]


def proven(estate: Estate, plan: Plan) -> None:
    """Each statement of evidence returns the saving alone."""
    for r in plan.recommendations:
        assert [row["monthly_saving"] for row in estate.rows(r.finding.evidence.sql)] == [r.alone]


def why(plan: Plan) -> str:
    assert plan.recommendations == ()
    return plan.keeps[0].why if plan.keeps else "unknown " + ", ".join(m.missing for m in plan.unknowns)


def function(*durations: tuple[int, float], used: int = 410) -> Estate:
    estate = Estate().charge("fn", 10.0, PricingUnit="GB-Seconds", SkuMeter="gbs")
    estate.charge("fn", 1.0, PricingUnit="Requests", SkuMeter="requests")
    estate.resource("fn", "AWS::Lambda::Function", memory_mb=3008, max_memory_used_mb=used)
    for memory, milliseconds in durations:
        estate.metric("fn", "latency_ms", milliseconds, memory_mb=str(memory))
    return estate


def test_a_function_gets_the_memory_that_is_cheapest_by_measured_time() -> None:
    estate = function((3008, 120.0), (1769, 120.0), (1024, 120.0), (512, 262.0))
    plan = plan_of(estate)
    # GB-seconds alone: 10 × 30 × 730/720 × (1 − 1024/3008)
    assert acts(plan) == [("fn", "Resize", "1024", Decimal("200.62"))]
    proven(estate, plan)


def test_the_statement_holds_large_amounts_times_long_shares() -> None:
    """15 million yen a month, of which 150 of 350 units stay."""
    estate = Estate().charge("gpt", 500_000.0, PricingUnit="Hours", ConsumedQuantity=24.0 * 350)
    kind = "Microsoft.CognitiveServices/accounts/deployments"
    estate.resource("gpt", kind, ptu=350, ptu_minimum=50, ptu_step=50).metric("gpt", "ptu_utilization", 30.0)
    plan = plan_of(estate)
    assert [target for _, _, target, _ in acts(plan)] == ["150"]
    proven(estate, plan)


def test_a_duration_that_names_no_size_is_of_the_present_one_or_a_mean_over_all() -> None:
    estate = function((3008, 120.0), (1024, 120.0)).metric("fn", "latency_ms", 60.0)
    assert acts(plan_of(estate)) == [("fn", "Resize", "1024", Decimal("200.62"))]
    assert acts(plan_of(function((1024, 120.0)).metric("fn", "latency_ms", 120.0))) == acts(plan_of(estate))


@pytest.mark.parametrize(
    ("durations", "used", "verdict"),
    [
        (((3008, 120.0),), 410, "unknown latency_ms by memory_mb"),
        (((3008, 120.0), (1024, 400.0)), 410, "no smaller memory is as fast and cheaper"),
        (((3008, 120.0), (1024, 240.0)), 410, "no smaller memory is as fast and cheaper"),  # cheaper, twice as slow
        (((3008, 120.0), (1024, 120.0)), 1000, "no smaller memory is as fast and cheaper"),  # 1,000 MB with margin
    ],
)
def test_a_function_stays_where_less_memory_is_slower_or_too_little(
    durations: tuple[tuple[int, float], ...], used: int, verdict: str
) -> None:
    assert why(plan_of(function(*durations, used=used))) == verdict


def pool(*, memory: float = 46.0, asked: float = 64.0, used: float = 11.0, **properties: Any) -> Estate:
    estate = Estate().price("vm", "m6i.4xlarge", 0.768, vcpu=16, memory_gib=64)
    estate.resource("pool", "AWS::EKS::Nodegroup", sku="m6i.4xlarge", **({"desired": 9, "min_nodes": 3} | properties))
    for n in range(9):
        estate.charge(f"i-{n}", 18.432, x_instance_type="m6i.4xlarge")
        estate.resource(f"i-{n}", "AWS::EC2::Instance", sku="m6i.4xlarge", attached_to="pool")
    for namespace, requests, use in (("inference", asked, used), ("platform", 52.0, 48.0)):
        estate.metric("pool", "cpu_requested_cores", requests, namespace=namespace)
        estate.metric("pool", "cpu_used_cores", use, namespace=namespace)
    return estate.metric("pool", "memory_utilization", memory)


def test_a_pool_saves_by_whole_nodes_once_pods_request_what_they_use() -> None:
    estate = pool()
    plan = plan_of(estate)
    # 11 × 1.2 + 52 = 65.2 cores of 16 × 0.9 a node; 4 nodes of 9 × 18.432 × 30 × 730/720
    assert acts(plan) == [("pool", "Scale", "5", Decimal("2242.56"))]
    proven(estate, plan)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"memory": 88.0}, "only whole nodes save"),
        ({"used": 64.0, "asked": 78.0}, "only whole nodes save"),
        ({"min_nodes": 9, "ha": True}, "only whole nodes save, and its least number of nodes is 9"),
        ({"zones": 9}, "only whole nodes save, and its least number of nodes is 9"),
    ],
)
def test_a_pool_stays_where_its_nodes_are_needed(change: dict[str, Any], verdict: str) -> None:
    assert any(keep.why.startswith(verdict) for keep in plan_of(pool(**change)).keeps)
    assert plan_of(pool(**change)).recommendations == ()


@pytest.mark.parametrize(("least", "to"), [(9, "5"), (6, "6")])
def test_a_least_number_that_holds_every_node_is_what_changes(least: int, to: str) -> None:
    """A pool of fixed size says nothing of what it must keep; a least number below what it has does."""
    plan = plan_of(pool(min_nodes=least))
    assert [target for _, _, target, _ in acts(plan)] == [to]
    words = plan.recommendations[0].finding.verdict.why  # type: ignore[union-attr]
    assert words.endswith("requests first, then nodes" + " and their least number" * (least == 9))


@pytest.mark.parametrize("member", [{"attached_to": "pool"}, {"tags": {"aws:autoscaling:groupName": "pool"}}, {}])
def test_a_member_of_a_group_is_not_resized_by_itself(member: dict[str, Any]) -> None:
    estate = Estate().price("vm", "m6i.4xlarge", 0.768, vcpu=16, memory_gib=64)
    estate.price("vm", "m6i.2xlarge", 0.384, vcpu=8, memory_gib=32)
    estate.charge("i-1", 18.432, x_instance_type="m6i.4xlarge")
    estate.resource("i-1", "AWS::EC2::Instance", sku="m6i.4xlarge", **member)
    estate.metric("i-1", "cpu_utilization", 10.0).metric("i-1", "memory_utilization", 20.0)
    plan = plan_of(estate)
    if member:
        assert why(plan) == "its group decides its size, which is that of all in pool"
    else:
        assert [to for _, _, to, _ in acts(plan)] == ["m6i.2xlarge"]


def scaled(*loads: float, **more: Any) -> Estate:
    """A group of machines with these highest loads of CPU."""
    estate = Estate().resource("asg", "AWS::AutoScaling::AutoScalingGroup", sku="m6i.4xlarge", min_nodes=len(loads))
    for sku, price, vcpu, memory in (
        ("m6i.4xlarge", 0.768, 16, 64),
        ("m6i.2xlarge", 0.384, 8, 32),
        ("m6i.xlarge", 0.192, 4, 16),
    ):
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=memory)
    for n, load in enumerate(loads):
        estate.charge(f"i-{n}", 18.432, **({"x_instance_type": "m6i.4xlarge"} | (more if n == 0 else {})))
        estate.resource(f"i-{n}", "AWS::EC2::Instance", sku="m6i.4xlarge", attached_to="asg")
        estate.metric(f"i-{n}", "cpu_utilization", load).metric(f"i-{n}", "memory_utilization", 12.0)
    return estate


@pytest.mark.parametrize(
    ("loads", "found"),
    [
        ((8.0, 9.0, 10.0), [("asg", "Resize", "m6i.xlarge", Decimal("1261.44"))]),  # 3 × 0.576 × 730
        ((8.0, 30.0, 10.0), [("asg", "Resize", "m6i.2xlarge", Decimal("840.96"))]),  # the busiest decides
        ((8.0, 80.0, 10.0), []),
    ],
)
def test_a_group_gets_the_machine_that_holds_its_busiest(loads: tuple[float, ...], found: list[Any]) -> None:
    estate = scaled(*loads)
    plan = plan_of(estate)
    assert acts(plan) == found
    proven(estate, plan)


def test_a_group_of_several_machine_types_has_no_size() -> None:
    assert plan_of(scaled(8.0, 9.0, x_instance_type="m5.4xlarge")).recommendations == ()


def test_where_a_group_gets_fewer_machines_their_size_is_not_changed_in_the_same_plan() -> None:
    estate = pool().price("vm", "m8i.4xlarge", 0.6, vcpu=16, memory_gib=64)
    (plan,) = plans(estate, AS_OF, kinds=("rightsizing", "modernize"))
    assert [r.finding.scope.resource for r in plan.recommendations] == ["pool"]
    assert sum("modernize: Resize → m8i.4xlarge" in text for text in plan.recommendations[0].rejected) == 9
    (alone,) = plans(estate, AS_OF, kinds=("modernize",))
    assert len(alone.recommendations) == 9


@pytest.mark.parametrize(("statistic", "busiest"), [("max", 20.0), ("sum", 640.0)])
def test_cpu_that_is_summed_over_cores_is_divided_by_them(statistic: str, busiest: float) -> None:
    """SageMaker adds up its cores: 640 % of 32 are 20 % of the machine."""
    estate = (
        Estate()
        .price("vm", "m6i.8xlarge", 1.536, vcpu=32, memory_gib=128)
        .price("vm", "m6i.2xlarge", 0.384, vcpu=8, memory_gib=32)
    )
    estate.charge("i-1", 36.864, x_instance_type="m6i.8xlarge").resource("i-1", "AWS::EC2::Instance", sku="m6i.8xlarge")
    estate.metric("i-1", "cpu_utilization", busiest, statistic=statistic).metric("i-1", "memory_utilization", 15.0)
    assert [to for _, _, to, _ in acts(plan_of(estate))] == ["m6i.2xlarge"]


def test_cpu_of_which_only_the_least_is_known_is_not_known() -> None:
    estate = Estate().price("vm", "m6i.8xlarge", 1.536, vcpu=32, memory_gib=128)
    estate.charge("i-1", 36.864, x_instance_type="m6i.8xlarge").resource("i-1", "AWS::EC2::Instance", sku="m6i.8xlarge")
    estate.metric("i-1", "cpu_utilization", 2.0, statistic="min").metric("i-1", "memory_utilization", 15.0)
    assert why(plan_of(estate)) == "unknown cpu_utilization"


def test_a_price_list_in_the_currency_that_a_bill_converts_from_serves_it() -> None:
    """The bill is in EUR and says what its dollars cost; the list is in USD, as the provider publishes it."""
    estate = Estate().price("vm", "m6i.4xlarge", 0.768, vcpu=16, memory_gib=64)
    estate.price("vm", "m6i.2xlarge", 0.384, vcpu=8, memory_gib=32)
    money: dict[str, Any] = {"BillingCurrency": "EUR", "PricingCurrency": "USD", "PricingCurrencyEffectiveCost": 18.432}
    estate.charge("i-1", 16.5888, x_instance_type="m6i.4xlarge", **money)
    estate.resource("i-1", "AWS::EC2::Instance", sku="m6i.4xlarge")
    estate.metric("i-1", "cpu_utilization", 10.0).metric("i-1", "memory_utilization", 20.0)
    plan = plan_of(estate)
    assert plan.currency == "EUR"
    assert acts(plan) == [("i-1", "Resize", "m6i.2xlarge", Decimal("252.29"))]  # half of 16.5888 × 30 × 730/720
    assert plan.notes[0] == "2 prices of AWS are listed in USD: converted at 0.9 EUR, as its bill of the last 30 days does"
    proven(estate, plan)


def test_of_equally_cheap_machines_its_own_family_comes_first_and_no_older_one_ever() -> None:
    estate = Estate().price("vm", "m6i.8xlarge", 1.536, vcpu=32, memory_gib=128)
    for sku, price in (("m5.2xlarge", 0.384), ("m6i.2xlarge", 0.384), ("m7i.2xlarge", 0.384), ("c5.4xlarge", 0.2)):
        estate.price("vm", sku, price, vcpu=8, memory_gib=32)
    estate.charge("i-1", 36.864, x_instance_type="m6i.8xlarge").resource("i-1", "AWS::EC2::Instance", sku="m6i.8xlarge")
    estate.metric("i-1", "cpu_utilization", 8.0).metric("i-1", "memory_utilization", 15.0)
    plan = plan_of(estate)
    assert [to for _, _, to, _ in acts(plan)] == ["m6i.2xlarge"]
    rejected = plan.recommendations[0].rejected
    assert "c5.4xlarge: an older generation, which would be left again" in rejected
    assert any(text.startswith("m7i.2xlarge: would save") for text in rejected)


ENDPOINTS = (("ml.g5.xlarge", 1.408, 4, 16), ("ml.g5.2xlarge", 1.515, 8, 32), ("ml.g5.4xlarge", 2.03, 16, 64))


def tenants(count: int = 14, *, rate: float = 0.2, sm: float = 4.0, dram: float = 3.0, vpc: str = "v") -> Estate:
    estate = Estate()
    for sku, price, vcpu, memory in ENDPOINTS:
        estate.price("endpoint", sku, price, vcpu=vcpu, memory_gib=memory, gpu_count=1, gpu_memory_gib=24, gpu_model="A10G")
    for n in range(count):
        name = f"arn:t-{n:02}"
        estate.charge(name, 24 * 1.408, x_instance_type="ml.g5.xlarge")
        network = vpc if n else "v"
        estate.resource(
            name, "AWS::SageMaker::Endpoint", sku="ml.g5.xlarge", framework="pytorch", vpc=network, instance_count=1
        )
        estate.metric(name, "requests", rate * 3600, statistic="sum").metric(name, "cpu_utilization", 9.0)
        estate.metric(name, "memory_utilization", 22.0).metric(name, "gpu_sm_active", sm)
        estate.metric(name, "gpu_memory_used_gib", 2.2).metric(name, "gpu_dram_active", dram)
    return estate


def test_small_endpoints_of_one_framework_share_two_machines() -> None:
    estate = tenants()
    plan = plan_of(estate)
    # 14 × 2.2 GiB on 2 × 24, 14 × 3.52 GiB of host memory on 2 × 32; each saves 730 × (1.408 − 2 × 1.515 / 14)
    assert len(plan.recommendations) == 14
    assert {(kind, to) for _, kind, to, _ in acts(plan)} == {("Reconfigure", "multi-model, 2 × ml.g5.2xlarge")}
    assert {r.alone for r in plan.recommendations} == {Decimal("869.85")}
    proven(estate, plan)


@pytest.mark.parametrize("change", [{"count": 2}, {"rate": 0.5}, {"sm": 90.0}, {"dram": 69.0}])
def test_endpoints_that_would_queue_or_are_few_stay(change: dict[str, Any]) -> None:
    assert [resource for resource, kind, *_ in acts(plan_of(tenants(**change))) if kind == "Reconfigure"] == []


def test_another_network_is_not_shared() -> None:
    assert "arn:t-00" not in [resource for resource, *_ in acts(plan_of(tenants(vpc="other")))]


MACHINES = (("m5.4xlarge", 0.768, 16, 64), ("m5.2xlarge", 0.384, 8, 32), ("t3.2xlarge", 0.3328, 8, 32))


def machine(cpu: float = 12.0, **limits: Any) -> Estate:
    estate = Estate()
    for sku, price, vcpu, memory in MACHINES:
        more = limits if sku == "m5.2xlarge" else {}
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=memory, architecture="x86_64", **more)
    estate.charge("i-1", 18.432, x_instance_type="m5.4xlarge")
    estate.resource("i-1", "AWS::EC2::Instance", sku="m5.4xlarge").metric("i-1", "cpu_utilization", cpu)
    return estate.metric("i-1", "memory_utilization", 30.0)


def test_a_burstable_machine_is_no_target_where_its_baseline_is_unknown() -> None:
    plan = plan_of(machine())
    assert acts(plan) == [("i-1", "Resize", "m5.2xlarge", Decimal("280.32"))]
    assert any(text.startswith("t3.2xlarge: burstable") for text in plan.recommendations[0].rejected)


@pytest.mark.parametrize(("gbps", "target"), [(10.0, "m5.2xlarge"), (2.5, None)])
def test_a_target_must_carry_the_network(gbps: float, target: str | None) -> None:
    estate = machine(network_gbps=gbps).metric("i-1", "network_out_bytes", 3600 * 500e6, statistic="sum")  # 4 Gbit/s
    assert [to for _, _, to, _ in acts(plan_of(estate))] == ([target] if target else [])


def test_a_rising_load_is_let_rise_for_a_month() -> None:
    estate = machine()
    estate._rows["metrics"] = [row for row in estate._rows["metrics"] if row["metric"] != "cpu_utilization"]
    estate.metric("i-1", "cpu_utilization", *[40 - 0.4 * day for day in range(90)])
    assert why(plan_of(estate)).startswith("no smaller machine holds what it does")


@pytest.mark.parametrize("metric", ["cpu_surplus_credits_charged", "cpu_credit_balance"])
def test_a_burstable_machine_that_lives_on_credits_stays(metric: str) -> None:
    estate = machine().metric("i-1", metric, 0.0 if metric.endswith("balance") else 5.0)
    assert why(plan_of(estate)).startswith("burstable")


WORKSPACES = (
    ("AWS::SageMaker::Space", "notebook"),
    ("AWS::SageMaker::NotebookInstance", "notebook"),
    ("Microsoft.MachineLearningServices/workspaces/computes", "vm"),
    ("workbench.googleapis.com/Instance", "vm"),
)


def test_memory_in_gib_is_held_against_the_machine_as_its_share_is() -> None:
    """Vertex AI counts bytes: 19.2 GiB are 15 % of 128."""
    estate = Estate()
    for sku, price, vcpu, memory in (("m6i.8xlarge", 1.536, 32, 128), ("m6i.2xlarge", 0.384, 8, 32)):
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=memory)
    estate.charge("i-1", 36.864, x_instance_type="m6i.8xlarge").resource("i-1", "AWS::EC2::Instance", sku="m6i.8xlarge")
    estate.metric("i-1", "cpu_utilization", 10.0).metric("i-1", "memory_used_gib", 19.2)
    assert [to for _, _, to, _ in acts(plan_of(estate))] == ["m6i.2xlarge"]


@pytest.mark.parametrize(("kind", "product"), WORKSPACES)
def test_a_workspaces_machine_has_a_size_too(kind: str, product: str) -> None:
    estate = Estate().charge("w", 22.12, x_instance_type="big")
    for sku, price, vcpu, memory in (("small", 0.23, 4, 16), ("middle", 0.461, 8, 32), ("big", 0.922, 16, 64)):
        estate.price(product, sku, price, vcpu=vcpu, memory_gib=memory, architecture="x86_64")
    estate.resource("w", kind, sku="big").metric("w", "cpu_utilization", 8.0).metric("w", "memory_utilization", 30.0)
    plan = plan_of(estate)
    assert acts(plan) == [("w", "Resize", "middle", Decimal("336.41"))]
    proven(estate, plan)
    bounded = Estate().charge("w", 22.12).resource("w", kind, sku="big", min_nodes=0, max_nodes=4)
    assert plan_of(bounded).undecided == () == plan_of(bounded).unknowns, "a cluster has bounds, not a size"


def test_an_accelerator_that_is_sold_apart_stays_with_its_host_and_is_named() -> None:
    """Its successor is a question of `modernize`; of a smaller host nobody says that the accelerator can be attached to it."""
    place: dict[str, Any] = {"provider": "Google Cloud", "region": "us-central1"}
    estate = Estate()
    for sku, vcpu, gib, price in (("n1-standard-16", 16, 60, 0.76), ("n1-standard-4", 4, 15, 0.19)):
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=gib, architecture="x86_64", **place)
    billed: dict[str, Any] = {"ProviderName": "Google Cloud", "x_instance_type": "n1-standard-16", "RegionId": "us-central1"}
    for meter, cost in (("N1 core", 0.5), ("N1 memory", 0.26), ("T4 GPU", 0.35)):
        estate.charge("g", 24 * cost, SkuMeter=meter, **billed)
    gpu: dict[str, Any] = {"gpu_model": "T4", "gpu_count": 1, "gpu_memory_gib": 16, "vcpu": 16, "memory_gib": 60}
    estate.resource("g", "compute.googleapis.com/Instance", sku="n1-standard-16", **place, **gpu)
    for metric, value in (("cpu_utilization", 8.0), ("memory_utilization", 12.0), ("gpu_utilization", 70.0)):
        estate.metric("g", metric, value)
    assert why(plan_of(estate.metric("g", "gpu_memory_used_gib", 12.0))).endswith("accelerators 1 of 1, 87% of their memory")


@pytest.mark.parametrize(
    ("model", "sm", "held", "alternative"),
    [
        ("A100", 12.0, 20.0, "slice 2g.20gb of its A100"),
        ("A100", 30.0, 20.0, "slice 3g.40gb of its A100"),
        ("A100", 70.0, 20.0, None),
        ("T4", 12.0, 20.0, None),
    ],
)
def test_a_slice_that_would_hold_it_is_named_and_saves_nothing_alone(
    model: str, sm: float, held: float, alternative: str | None
) -> None:
    gpu: dict[str, Any] = {"gpu_model": model, "gpu_count": 1, "gpu_memory_gib": 80}
    estate = Estate().charge("g", 88.0, x_instance_type="one")
    estate.price("vm", "one", 3.67, vcpu=24, memory_gib=220, architecture="x86_64", **gpu)
    estate.resource("g", "AWS::EC2::Instance", sku="one")
    for metric, value in (("cpu_utilization", 20.0), ("memory_utilization", 20.0), ("gpu_sm_active", sm)):
        estate.metric("g", metric, value)
    estate.metric("g", "gpu_memory_utilization", held * 0.98)
    plan = plan_of(estate)
    assert why(plan).startswith("no smaller machine holds what it does")
    named = [text for text in plan.keeps[0].finding.rejected if text.startswith("slice")]
    assert [text.partition(":")[0] for text in named] == ([alternative] if alternative else [])
    by_use = estate.reversed()
    by_use._rows["metrics"] = [r | {"metric": r["metric"].replace("sm_active", "utilization")} for r in by_use._rows["metrics"]]
    assert not [text for text in plan_of(by_use).keeps[0].finding.rejected if text.startswith("slice")]


@pytest.mark.parametrize(
    ("resource_type", "sku", "billed", "product"),
    [
        ("Microsoft.MachineLearningServices/workspaces/onlineEndpoints", "Standard_D64s_v5", "Standard_D64s_v5", "vm"),
        ("AWS::SageMaker::Endpoint", "ml.m5.64xlarge", "ml.m5.64xlarge", "endpoint"),
        ("aiplatform.googleapis.com/Endpoint", "n2-standard-64", None, "endpoint"),  # meters of cores name no machine
    ],
)
def test_an_endpoint_is_priced_as_its_bill_names_it(resource_type: str, sku: str, billed: str | None, product: str) -> None:
    small = sku.replace("64", "8")
    estate = Estate().charge("ep", 96.0, x_instance_type=billed)
    estate.resource("ep", resource_type, sku=sku, slo_ms=900, gpu_count=0)
    estate.metric("ep", "cpu_utilization", 4.0).metric("ep", "memory_utilization", 4.0)
    estate.metric("ep", "requests", 5e5, statistic="sum").metric("ep", "latency_ms", 90.0, statistic="p99")
    for name, price, vcpu in ((sku, 4.0, 64), (small, 0.5, 8)):
        estate.price(product, name, price, vcpu=vcpu, memory_gib=4 * vcpu, architecture="x86_64")
    if product == "endpoint" and billed is None:  # a list of plain machines of the same names is not what it pays
        estate.price("vm", sku, 3.5, vcpu=64, memory_gib=256).price("vm", small, 0.4, vcpu=8, memory_gib=32)
    (found,) = acts(plan_of(estate))
    assert found[1:3] == ("Resize", small)
    assert found[3] == Decimal("2555.00")  # 730 × (4.0 − 0.5)
