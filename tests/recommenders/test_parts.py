"""Machines that are billed in parts: cores, memory and accelerators are one machine, whether their meters name it or not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finops.portfolio import Plan
from finops.runner import plans
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import only
from tests.recommenders.test_schedule import used

PLACE: dict[str, Any] = {"provider": "Google Cloud", "region": "europe-west4"}
BILLED: dict[str, Any] = {"ProviderName": "Google Cloud", "RegionId": "europe-west4", "ServiceName": "Compute Engine"}
GPU: dict[str, Any] = {"gpu_model": "L4", "gpu_memory_gib": 24}


def plan_of(estate: Estate, *kinds: str) -> Plan:
    (plan,) = plans(estate, AS_OF, kinds=kinds)
    assert plan.failed == ()
    for r in plan.recommendations:
        assert [row["monthly_saving"] for row in estate.rows(r.finding.evidence.sql)] == [r.alone]
    return plan


def month(hourly: float) -> Decimal:
    return Decimal(str(round(730 * hourly, 2)))


def parts(estate: Estate, resource: str, hourly: dict[str, float], machine: str = "", left: float = 1.0) -> Estate:
    """A machine's hours, the accelerator's meter without its name; beside it an address and a disk, which no size changes.

    left  what automatic discounts leave of the price
    """
    for meter, price in hourly.items():
        named: dict[str, Any] = {"x_instance_type": machine} if machine and "GPU" not in meter else {}
        listed: dict[str, Any] = {"ListCost": 24 * price, "ContractedCost": 24 * price}
        unit = "GiB-Hours" if "Ram" in meter else "Hours"
        estate.charge(resource, 24 * price * left, SkuMeter=meter, PricingUnit=unit, **listed, **named, **BILLED)
    if machine:
        estate.charge(resource, 0.12, SkuMeter="External IP Charge on a Standard VM", **BILLED)
    return estate.charge(resource, 4.0, SkuMeter="SSD backed PD Capacity", PricingUnit="GiB-Months", **BILLED)


G2 = (("g2-standard-48", 4.4, 48, 192, 4), ("g2-standard-24", 2.2, 24, 96, 2), ("g2-standard-12", 1.1, 12, 48, 1))


def one_of_four(machine: str) -> Estate:
    """Four accelerators of which one works; the list sells machines with theirs, and cores and accelerators apart."""
    estate = Estate().price("vm", "nvidia-l4", 0.6, gpu_count=1, **GPU, **PLACE).price("vm", "g2-core", 0.03, **PLACE)
    for sku, price, vcpu, memory, count in G2:
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=memory, gpu_count=count, **GPU, **PLACE)
    parts(estate, "vm", {"G2 Instance Core": 1.32, "G2 Instance Ram": 0.62, "Nvidia L4 GPU running": 2.46}, machine)
    sized: dict[str, Any] = {"vcpu": 48, "memory_gib": 192, "gpu_count": 4} | GPU
    estate.resource("vm", "compute.googleapis.com/Instance", sku="g2-standard-48", **PLACE, **sized)
    for device in range(4):
        for metric in ("gpu_sm_active", "gpu_memory_utilization"):
            estate.metric("vm", metric, 0.0 if device else 40.0, device=str(device))
    return estate.metric("vm", "cpu_utilization", 5.0).metric("vm", "memory_utilization", 9.0)


@pytest.mark.parametrize("machine", ["g2-standard-48", "g2"])
def test_a_smaller_machine_has_fewer_accelerators_whose_meter_names_no_machine(machine: str) -> None:
    plan = plan_of(one_of_four(machine), "rightsizing")
    assert only(plan) == ("Resize", "g2-standard-12", month(4.4 - 1.1))


def test_what_is_no_machine_is_no_alternative() -> None:
    (taken,) = plan_of(one_of_four("g2"), "rightsizing").recommendations
    assert [text.split(":")[0] for text in taken.rejected] == ["g2-standard-24"]


def test_a_database_billed_by_processors_and_memory_gets_both_smaller() -> None:
    estate = Estate()
    for sku, price, vcpu, memory in (("db-perf-optimized-N-16", 4.0, 16, 128), ("db-perf-optimized-N-8", 2.0, 8, 64)):
        estate.price("database", sku, price, vcpu=vcpu, memory_gib=memory, deployment="REGIONAL", **PLACE)
    parts(estate, "db", {"Regional - vCPU": 1.7, "Regional - Ram": 2.3})
    estate.resource("db", "sqladmin.googleapis.com/Instance", sku="db-perf-optimized-N-16", deployment="REGIONAL", **PLACE)
    estate.metric("db", "cpu_utilization", 11.0).metric("db", "memory_utilization", 30.0)
    assert only(plan_of(estate, "rightsizing")) == ("Resize", "db-perf-optimized-N-8", month(2.0))


def test_an_accelerator_is_off_while_its_machine_is() -> None:
    estate = parts(Estate(), "wb", {"N1 Core": 0.28, "N1 Ram": 0.14, "Nvidia Tesla T4 GPU running": 0.35}, "n1-standard-8")
    estate.resource("wb", "workbench.googleapis.com/Instance", sku="n1-standard-8", **PLACE)
    used(estate, "wb", "kernels_active", 10, 12, on=1, weekend=True)
    assert only(plan_of(estate, "schedule"))[1:] == ("stopped after idling", month(0.77 * (1 - 1.25 / 12)))
