"""Which families may take over: smaller ones, whose cores are known or hardly needed; never another of the same size."""

from __future__ import annotations

import pytest

from finops.portfolio import Plan
from finops.runner import plans
from finops.sizing.machines import generation_of
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of, why


def machine(own: str, cpu: float, *others: tuple[str, float, float, float], size: tuple[float, float] = (16, 64)) -> Estate:
    """A machine for 1.00 an hour whose memory is a quarter used; the others as (name, price, vCPU, GiB)."""
    estate = Estate()
    for sku, price, vcpu, memory in ((own, 1.0, *size), *others):
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=memory, architecture="x86_64")
    estate.charge("vm", 24.0, x_instance_type=own).resource("vm", "compute.googleapis.com/Instance", sku=own)
    return estate.metric("vm", "cpu_utilization", cpu).metric("vm", "memory_utilization", 25.0)


def plan_of(estate: Estate, *kinds: str) -> Plan:
    (plan,) = plans(estate, AS_OF, kinds=kinds or ("rightsizing",))
    assert plan.failed == ()
    return plan


def targets(plan: Plan) -> list[str]:
    return [act_of(r.finding).action.target for r in plan.recommendations]


UNMEASURED = "(another family, whose cores nobody has measured with this load)"


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("n1-standard-16", ("e2-standard-16", 0.6, 16.0, 64.0)),
        ("e2-standard-16", ("c4-standard-16", 0.6, 16.0, 60.0)),  # less memory by how its family is built, not by a step
        ("m5.4xlarge", ("m5a.4xlarge", 0.86, 16.0, 64.0)),
        ("Standard_D16s_v3", ("Standard_D16as_v5", 0.8, 16.0, 64.0)),
    ],
)
def test_another_family_of_the_same_size_is_no_smaller_machine(own: str, other: tuple[str, float, float, float]) -> None:
    plan = plan_of(machine(own, 5.0, other))
    assert why(plan).startswith("no smaller machine holds what it does")
    (kept,) = plan.keeps
    assert kept.finding.rejected == (f"{other[0]}: another family of the same size, which is no smaller machine",)


def test_what_is_less_of_anything_is_smaller() -> None:
    assert targets(plan_of(machine("m5.4xlarge", 5.0, ("c5.4xlarge", 0.8, 16, 32)))) == ["c5.4xlarge"]
    assert targets(plan_of(machine("Standard_D16s_v3", 5.0, ("Standard_E8s_v3", 0.6, 8, 64)))) == ["Standard_E8s_v3"]


SMALLER = (("n2-standard-8", 0.5, 8.0, 32.0), ("e2-standard-8", 0.35, 8.0, 32.0))


def test_cores_that_nobody_has_measured_are_taken_where_few_are_needed() -> None:
    plan = plan_of(machine("n2-standard-16", 14.0, *SMALLER))
    assert targets(plan) == ["e2-standard-8"]
    assert plan.recommendations[0].rejected == ("n2-standard-8: would save 365.00",)
    # 14 % and, at a risk of 0.001, 3 points a tenth of it below 0.02, × 0.93: 17.6 % of 16 with 1/90 of margin are 2.85 of 8
    assumed = "another family: a core of e2-standard-8 does at least 36% of the work of a present one"
    assert assumed in plan.recommendations[0].saving.assumes
    (own,) = plan_of(machine("n2-standard-16", 14.0, SMALLER[0])).recommendations
    assert not any("core" in text for text in own.saving.assumes)


def test_cores_that_nobody_has_measured_are_an_alternative_where_many_are_needed() -> None:
    """40 % of 16 are most of 8: enough of the same cores, perhaps not of others."""
    plan = plan_of(machine("n2-standard-16", 40.0, *SMALLER))
    assert targets(plan) == ["n2-standard-8"]
    assert plan.recommendations[0].rejected == (f"e2-standard-8: would save 474.50 {UNMEASURED}",)
    alone = plan_of(machine("n2-standard-16", 40.0, SMALLER[1]))
    assert why(alone).startswith("no smaller machine holds what it does")
    assert alone.keeps[0].finding.rejected == (f"e2-standard-8: would save 474.50 {UNMEASURED}",)


@pytest.mark.parametrize(
    ("own", "other", "known"),
    [
        ("m5.4xlarge", "c5.2xlarge", True),
        ("m5.4xlarge", "m7i.2xlarge", True),
        ("db.r5.4xlarge", "db.r6g.2xlarge", True),
        ("Standard_D16s_v3", "Standard_E8as_v5", True),
        ("Standard_D16s_v3", "Standard_D8as_v3", False),  # another maker's, of the same generation
        ("m5.4xlarge", "m5a.2xlarge", False),
        ("m7i.4xlarge", "m6i.2xlarge", False),
        ("m5d.4xlarge", "m5.2xlarge", True),  # a local disk is no other core
    ],
)
def test_known_cores(own: str, other: str, known: bool) -> None:
    mine, theirs = generation_of(own), generation_of(other)
    assert mine is not None
    assert theirs is not None
    assert theirs.has_cores_of(mine) is known


def test_the_same_size_in_a_newer_generation_is_modernized_always() -> None:
    """Of equal savings none is tossed for: the same recommender takes every one of six alike machines."""
    estate = Estate()
    for sku, price in (("Standard_D8s_v3", 0.5), ("Standard_D8as_v5", 0.4)):
        estate.price("vm", sku, price, vcpu=8, memory_gib=32, architecture="x86_64")
    for n in range(6):
        estate.charge(f"web-{n}", 12.0, x_instance_type="Standard_D8s_v3")
        estate.resource(f"web-{n}", "Microsoft.Compute/virtualMachines", sku="Standard_D8s_v3")
        estate.metric(f"web-{n}", "cpu_utilization", 12.0).metric(f"web-{n}", "memory_utilization", 60.0)
    plan = plan_of(estate, "rightsizing", "modernize")
    assert [r.finding.kind for r in plan.recommendations] == ["modernize"] * 6
