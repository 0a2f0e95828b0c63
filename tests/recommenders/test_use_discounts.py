"""Automatic discounts for use: what another machine or fewer hours make of them is part of what a change saves."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.model import Act
from finops.runner import plans
from tests.estate import AS_OF, Estate, _day
from tests.recommenders.test_parts import BILLED, PLACE, month, parts, plan_of
from tests.recommenders.test_plan import only, why
from tests.recommenders.test_schedule import used

N2 = 0.25 * (1 + 0.8678 + 0.733 + 0.6)
"""Part of the price that n2 pays in a whole month; of half a month 0.5 × (1 + 0.8678)."""

Machine = tuple[str, float, float, float]


def machine(own: Machine, left: float, *others: Machine, hours: float = 1.0, cpu: float = 14.0) -> Estate:
    """Machines as (name, price, vCPU, GiB); of the first `left` is paid, in this share of a day's hours."""
    estate = Estate()
    for sku, price, vcpu, memory in (own, *others):
        estate.price("vm", sku, price, vcpu=vcpu, memory_gib=memory, architecture="x86_64", **PLACE)
    sku, price, *_ = own
    parts(estate, "vm", {"Instance Core": price * 0.7 * hours, "Instance Ram": price * 0.3 * hours}, sku, left)
    estate.resource("vm", "compute.googleapis.com/Instance", sku=sku, **PLACE)
    return estate.metric("vm", "cpu_utilization", cpu).metric("vm", "memory_utilization", 30.0)


N2_16, N2_8 = ("n2-standard-16", 0.86, 16.0, 64.0), ("n2-standard-8", 0.43, 8.0, 32.0)
E2_16 = ("e2-standard-16", 0.60, 16.0, 64.0)


def e2(price: float) -> Machine:
    return ("e2-standard-8", price, 8.0, 32.0)


@pytest.mark.parametrize(
    ("estate", "target", "saved"),
    [
        (machine(N2_16, 0.8, N2_8), N2_8[0], 0.8 * 0.43),  # the same discount on the target
        (machine(N2_16, 0.8, N2_8, e2(0.30)), "e2-standard-8", 0.8 * 0.86 - 0.30),  # none on the target
        (machine(N2_16, 0.8, N2_8, e2(0.36)), N2_8[0], 0.8 * 0.43),  # cheaper by list, dearer to pay
        (machine(N2_16, 1.0, N2_8, e2(0.30)), "e2-standard-8", 0.86 - 0.30),  # spot capacity has none to lose
        (machine(E2_16, 1.0, ("n2-standard-8", 0.62, 8.0, 32.0)), N2_8[0], 0.6 - 0.62 * N2),  # dearer by list, cheaper to pay
    ],
)
def test_a_smaller_machine_is_compared_after_discounts_for_use(estate: Estate, target: str, saved: float) -> None:
    assert only(plan_of(estate, "rightsizing")) == ("Resize", target, month(saved))


def test_a_discount_for_use_hangs_on_the_share_of_the_month() -> None:
    """Half of each day: what it would pay of n2 is the part for half a month."""
    estate = machine(E2_16, 1.0, N2_8, hours=0.5)
    assert only(plan_of(estate, "rightsizing"))[2] == month(0.5 * (0.6 - 0.43 * 0.5 * (1 + 0.8678)))


def test_what_a_discount_for_use_made_cheap_is_dearer_elsewhere() -> None:
    estate = machine(("n1-standard-16", 0.8, 16.0, 60.0), 0.7, ("e2-standard-8", 0.57, 8.0, 32.0))
    assert why(plan_of(estate, "rightsizing")).startswith("no smaller machine")


def test_covered_usage_has_no_discount_for_use() -> None:
    """A meter that a commitment covers in part: its uncovered part alone loses the discount."""
    covered = {"CommitmentDiscountId": "cud", "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed"} | BILLED
    estate = machine(N2_16, 0.8, e2(0.30))
    estate.charge("vm", 1.0, SkuMeter="Instance Core", x_instance_type="n2-standard-16", **covered)
    (taken,) = plan_of(estate, "rightsizing").recommendations
    assert isinstance(taken.finding.verdict, Act)
    changes = [change for change in taken.finding.verdict.effect.changes if change.meter == "Instance Core"]
    ratio = Decimal("0.30") / Decimal("0.86")
    assert [(round(change.factor, 9), change.covered) for change in changes] == [
        (round(ratio / Decimal("0.8"), 9), False),
        (round(ratio, 9), True),
    ]


def test_a_newer_generation_without_the_discount_is_compared_with_what_is_paid() -> None:
    old: Machine = ("n1-standard-16", 0.8, 16.0, 60.0)
    assert only(plan_of(machine(old, 0.7, ("n4-standard-16", 0.5, 16.0, 64.0)), "modernize"))[2] == month(0.7 * 0.8 - 0.5)
    assert why(plan_of(machine(old, 0.7, ("n4-standard-16", 0.57, 16.0, 64.0)), "modernize")) == "as cheap where it is"


@pytest.mark.parametrize(
    ("name", "left", "on"),
    [("n1-standard-8", 0.7, 1.0), ("e2-standard-8", 0.7, 0.7)],  # what e2 pays less for is no discount for use
)
def test_fewer_hours_lose_a_discount_for_use(name: str, left: float, on: float) -> None:
    """A twelfth of the month and a quarter of that are below the first step of the discount, accelerator and all."""
    hourly: dict[str, Any] = {"Instance Core": 0.28, "Instance Ram": 0.14, "Nvidia Tesla T4 GPU running": 0.35}
    estate = parts(Estate(), "wb", hourly, name, left)
    estate.resource("wb", "workbench.googleapis.com/Instance", sku=name, **PLACE)
    used(estate, "wb", "kernels_active", 10, 12, on=1, weekend=True)
    assert only(plan_of(estate, "schedule"))[2] == month(0.77 * (left - on * 1.25 / 12))


@pytest.mark.parametrize("as_of", [AS_OF, AS_OF - timedelta(days=10), AS_OF - timedelta(days=22)])
def test_a_discount_that_grows_within_the_month_is_that_of_a_whole_one(as_of: date) -> None:
    """A node all day for months, of which each day pays what the month's share by then leaves."""
    steps = ((0.25, 1.0), (0.5, 0.8), (0.75, 0.6), (1.0, 0.4))
    estate = Estate()
    for back in range(120):
        start = _day(back)
        count = monthrange(start.year, start.month)[1]
        first, last = (start.day - 1) / count, start.day / count
        left = sum(max(0.0, min(last, end) - max(first, end - 0.25)) * paid for end, paid in steps) * count
        place: dict[str, Any] = {"x_billing_period": f"{start:%Y-%m}", "ContractedCost": 24.0, "ListCost": 24.0}
        place |= {"ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(days=1)}
        estate.charge("node", 24.0 * left, days=1, **place)
    estate.resource("node", "tpu.googleapis.com/Node", state="READY").metric("node", "tpu_duty_cycle", 0.0, days=120)
    for row in estate._rows["resources"]:
        row["observed_at"] = row["observed_at"] - timedelta(days=30)
    (plan,) = plans(estate, as_of, kinds=("idle",))
    (r,) = plan.recommendations
    assert r.alone == Decimal("511.00")  # 30 % off 730
    assert estate.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]
    assert plan.current - plan.steps[1].amount == r.alone
