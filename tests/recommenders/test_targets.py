"""Which machines may take over: burstable ones by what they have for good, other architectures by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from finops.runner import plans
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import endpoint
from tests.recommenders.test_rightsizing import acts, machine, plan_of, why


def listed(estate: Estate, sku: str, **specs: Any) -> Estate:
    """The price list states these of the machine."""
    rows = estate._rows["prices"]
    estate._rows["prices"] = [
        row | {"specs": json.dumps(json.loads(row["specs"]) | specs)} if row["sku"] == sku else row for row in rows
    ]
    return estate


@pytest.mark.parametrize(
    ("cpu", "target"),
    [
        ((12.0,), "t3.2xlarge"),  # 1.92 of 8 × 40 % = 3.2 vCPU
        ((21.0,), "m5.2xlarge"),  # 3.36 vCPU at all hours
        ((12.0, 12.0, 21.0, 12.0), "m5.2xlarge"),  # one day, which credits of a day do not outlast
    ],
)
def test_a_burstable_machine_must_have_the_busiest_day_for_good(cpu: tuple[float, ...], target: str) -> None:
    estate = listed(machine(), "t3.2xlarge", baseline_cpu=40)
    estate._rows["metrics"] = [row for row in estate._rows["metrics"] if row["metric"] != "cpu_utilization"]
    plan = plan_of(estate.metric("i-1", "cpu_utilization", *cpu))
    assert [to for _, _, to, _ in acts(plan)] == [target]
    said = [text for text in plan.recommendations[0].rejected if text.startswith("t3.2xlarge: burstable: its baseline of 3.20")]
    assert len(said) == (target != "t3.2xlarge")


@pytest.mark.parametrize(("statistic", "use"), [("sum", 38.0), ("avg", 9.5)])
def test_gpu_utilization_proves_devices_idle_and_never_small_enough(statistic: str, use: float) -> None:
    """A mean of a tenth of the time is one device at 38 % or four at 9.5 %, which nothing says that one could do."""
    held = endpoint(slo_ms=300).metric("arn:ep", "gpu_memory_utilization", 58.0, statistic="sum")
    plan = plan_of(held.metric("arn:ep", "gpu_utilization", use, statistic=statistic))
    assert why(plan).startswith("no smaller machine holds what it does")
    assert any("without gpu_sm_active all of them stay" in step for step in plan.keeps[0].finding.explanation)
    apart = endpoint(slo_ms=300)
    for device in range(4):
        apart.metric("arn:ep", "gpu_utilization", 38.0 if device == 0 else 0.0, device=str(device))
        apart.metric("arn:ep", "gpu_memory_utilization", 58.0 if device == 0 else 1.0, device=str(device))
    assert [to for _, _, to, _ in acts(plan_of(apart))] == ["ml.g5.2xlarge"]


def ported(system: str = "Linux", **properties: Any) -> tuple[str, ...]:
    """What is said of machines of other processors beside a step down."""
    estate = machine()
    for row in estate.charges:
        row["x_operating_system"] = system
    estate._rows["resources"][0]["properties"] = json.dumps(properties)
    for sku, price, vcpu in (("m7g.2xlarge", 0.3264, 8), ("c7g.2xlarge", 0.29, 8), ("m7g.large", 0.0816, 2)):
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=4 * vcpu, architecture="arm64")
    plan = plan_of(estate)
    assert [to for _, _, to, _ in acts(plan)] == ["m5.2xlarge"]
    return tuple(text for text in plan.recommendations[0].rejected if "7g." in text)


def test_other_architectures_are_ranked_by_what_they_would_save_with_their_risk() -> None:
    """730 × (0.768 − 0.29) and 730 × (0.768 − 0.3264); two cores are too few."""
    first, second, small = ported()
    risk = "its software must run on arm64, and nobody has measured its cores with this load"
    assert first == f"c7g.2xlarge: would save 348.94 (another processor architecture: {risk})"
    assert second.startswith("m7g.2xlarge: would save 322.37 ")
    assert small.startswith("m7g.large: 2 vCPU are fewer than ")


def test_what_is_bound_to_its_processors_is_told_why() -> None:
    bound = "m7g.2xlarge: another processor architecture (arm64): "
    assert f"{bound}Windows does not run on arm64" in ported("Windows")
    assert any(text.startswith(f"{bound}stateful") for text in ported(stateful=True))


def test_who_asks_for_more_than_it_saves_is_told_so() -> None:
    (plan,) = plans(machine(), AS_OF, kinds=("rightsizing",), thresholds={"rightsizing": {"min_saving_share": 0.6}})
    assert why(plan) == "already within 60 % of its best size"


@pytest.mark.parametrize("name", ["vcpu", "memory_gib"])
def test_a_size_of_nothing_is_not_known(name: str) -> None:
    estate = machine()
    estate._rows["resources"][0]["properties"] = json.dumps({name: 0})
    plan = plan_of(listed(estate, "m5.4xlarge", **{name: 0}))
    assert [missing.missing for missing in plan.unknowns] == ["properties vcpu and memory_gib"]


@pytest.mark.parametrize(("ptu", "step", "missing"), [(0, 50, "ptu"), (300, 0, "ptu_step")])
def test_units_or_steps_of_nothing_are_not_known(ptu: int, step: int, missing: str) -> None:
    kind = "Microsoft.CognitiveServices/accounts/deployments"
    estate = Estate().charge("gpt", 480.0).resource("gpt", kind, ptu=ptu, ptu_minimum=0, ptu_step=step)
    plan = plan_of(estate.metric("gpt", "ptu_utilization", 18.0))
    assert [unknown.missing for unknown in plan.unknowns] == [f"properties {missing}"]
