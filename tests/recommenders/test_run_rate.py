"""What began within the 30 days is worth a whole month: who is scaled, who is not, and that evidence agrees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finops.runner import plans
from tests.estate import AS_OF, Estate

COVERED: dict[str, Any] = {"CommitmentDiscountId": "c", "CommitmentDiscountStatus": "Used"}


def estate(*, days: int = 24, age: int | None = 23, state: str = "READY", **charge: Any) -> Estate:
    """A node of 240 a day for `days`, idle throughout, beside one that was there before; 40 days of bill."""
    made = Estate().charge("old", 10.0, days=40, ServiceName="other").charge("node", 240.0, days=days, **charge)
    if age is not None:
        made.resource("node", "tpu.googleapis.com/Node", age=age, state=state)
    return made.metric("node", "tpu_duty_cycle", 0.0, days=days)


def since(resource: str, daily: float, first: int, last: int) -> Estate:
    """The node of 24 days beside another one that was charged between two days back."""
    made, other = estate(), Estate().charge(resource, daily, days=first + 1)
    for row in other.charges[last:]:
        made.add("charges", **row)
    return made


def replaced() -> Estate:
    return since("before", 240.0, 35, 24)


def paused() -> Estate:
    made = Estate().charge("old", 10.0, days=40, ServiceName="other")
    for row in (days := Estate().charge("node", 240.0, days=24).charges)[:10] + days[11:]:
        made.add("charges", **row)
    return made


def run_rate(made: Estate) -> Decimal:
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    assert plan.failed == ()
    assert plan.current - sum(s.amount for s in plan.steps[1:-1]) == plan.after
    for r in plan.recommendations:
        (row,) = made.rows(r.finding.evidence.sql)
        assert row["monthly_saving"] == r.alone
    return -plan.steps[1].amount


def test_a_node_of_24_days_is_worth_730_hours() -> None:
    made = estate()
    # billed 24 × 240 × 730/720 = 5840; a month of 730 hours at 10 an hour = 7300
    assert run_rate(made) == Decimal("1460.00")
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    assert [r.alone for r in plan.recommendations] == [Decimal("7300.00")]
    assert plan.saving == Decimal("7300.00")


def test_only_recurring_usage_is_scaled() -> None:
    made = estate().charge("node", 50.0, days=1, ChargeCategory="Purchase", SkuMeter="setup")
    made.charge("node", 20.0, days=1, ChargeClass="Correction", SkuMeter="fix").charge(
        "node", -5.0, days=1, ChargeCategory="Credit"
    )
    assert run_rate(made) == Decimal("1460.00")


def test_without_an_inventory_the_first_charge_tells() -> None:
    assert run_rate(estate(age=None)) == Decimal("1460.00")


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(estate(days=30, age=400), id="on all days"),
        pytest.param(estate(age=400), id="older than its first charge"),
        pytest.param(estate(days=4, age=3), id="less than a week"),
        pytest.param(
            estate(**COVERED).charge("before", 1.0, days=40, ServiceName="other", **COVERED), id="covered: paid in any case"
        ),
        pytest.param(Estate().charge("node", 240.0, days=24), id="the bill begins with it"),
        pytest.param(estate(state="stopped"), id="stopped"),
        pytest.param(replaced(), id="it replaces one that ended the day before"),
        pytest.param(paused(), id="not on every day"),
    ],
)
def test_nothing_else_is_scaled(made: Estate) -> None:
    assert run_rate(made) == 0


def on(made: Estate, resource: str, daily: dict[int, float], **columns: Any) -> Estate:
    """Charges by days back from AS_OF."""
    for back, cost in daily.items():
        for row in Estate().charge(resource, cost, days=back + 1, quantity=cost, **columns).charges[back:]:
            made.add("charges", **row)
    return made


@pytest.mark.parametrize(
    ("newest", "state", "rate"),
    [
        ({}, "READY", 30 / 27),  # nothing of three days is there yet
        ({2: 240.0, 1: 120.0}, "READY", 30 / 28.5),  # half a day, and a day that is missing
        ({2: 240.0, 1: 240.0, 0: 240.0}, "READY", 1.0),
        ({2: 300.0, 1: 240.0}, "READY", 1.0),  # it varies
        ({}, "STOPPED", 1.0),
    ],
)
def test_what_cost_the_same_on_each_final_day_is_late_not_less(newest: dict[int, float], state: str, rate: float) -> None:
    made = on(Estate().charge("old", 10.0, days=40, ServiceName="other"), "node", dict.fromkeys(range(3, 40), 240.0) | newest)
    made.resource("node", "tpu.googleapis.com/Node", state=state).metric("node", "tpu_duty_cycle", 0.0, days=40)
    billed = sum((dict.fromkeys(range(3, 30), 240.0) | newest).values()) * 730 / 720
    assert run_rate(made) == Decimal(str(round(billed * (rate - 1), 2)))


def test_what_is_not_listed_since_the_last_final_day_may_be_gone() -> None:
    made = on(Estate().charge("old", 10.0, days=40, ServiceName="other"), "node", dict.fromkeys(range(3, 40), 240.0))
    made.metric("node", "tpu_duty_cycle", 0.0, days=40)
    assert run_rate(made) == 0


@pytest.mark.parametrize("credit", [0.0, -10.0], ids=["paid", "paid by a promotion"])
@pytest.mark.parametrize(("unit", "month"), [("GB-Months", "310.00"), ("Units/Month", "310.00"), ("Hours", "304.17")])
def test_a_month_of_a_months_price_is_a_calendar_month(unit: str, month: str, credit: float) -> None:
    """Ten a day in a month of 31 days are 310, whoever pays them; of what counts hours, 730 of them are 30.4 days."""
    made = Estate().charge("old", 10.0, days=40, ServiceName="other")
    paid = {"EffectiveCost": 10.0 + credit, "BilledCost": 10.0 + credit, "x_promotional_credit": credit}
    made.charge("vol", 10.0, days=40, quantity=1.0, PricingUnit=unit, **paid)
    made.resource("vol", "AWS::EC2::Volume", state="available", size_gib=100, used_gib=0)
    made.price("snapshot", "ebs", 0.05, "GB-Months")
    run_rate(made)
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    assert [r.alone for r in plan.recommendations] == [Decimal(month)]


def test_a_fee_that_is_charged_once_a_month_is_a_months_as_it_is() -> None:
    made = Estate().charge("old", 10.0, days=40, ServiceName="other")
    made = on(made, "fee", {12: 99.0}, PricingUnit="Months")
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    assert plan.after == Decimal("99.00") + Decimal("304.17")


def resized(*, then: int = 14, overlap: int = 0, covered: bool = False) -> Estate:
    """A machine of 48 a day until `then` days ago, of 24 a day since, idle throughout."""
    held = COVERED if covered else {}
    made = Estate().charge("old", 10.0, days=40, ServiceName="other")
    for row in (
        Estate().charge("i-1", 48.0, days=40, x_instance_type="m6i.4xlarge", SkuMeter="4xl", **held).charges[then - overlap :]
    ):
        made.add("charges", **row)
    made.charge("i-1", 24.0, days=then, x_instance_type="m6i.2xlarge", SkuMeter="2xl")
    made.resource("i-1", "AWS::EC2::Instance", sku="m6i.2xlarge", state="running")
    for metric in ("cpu_utilization", "network_in_bytes", "network_out_bytes"):
        made.metric("i-1", metric, 0.5)
    return made


@pytest.mark.parametrize("overlap", [0, 1])
def test_a_machine_that_became_another_is_worth_what_it_is_now(overlap: int) -> None:
    made = resized(overlap=overlap)
    run_rate(made)
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    assert [r.alone for r in plan.recommendations] == [Decimal("730.00")]  # 1 an hour
    assert plan.recommendations[0].finding.monthly_cost == Decimal("730.00")


@pytest.mark.parametrize(
    "made", [resized(then=4), resized(overlap=6), resized(covered=True)], ids=["lately", "both", "covered"]
)
def test_otherwise_both_count_as_they_were_billed(made: Estate) -> None:
    assert run_rate(made) == 0
