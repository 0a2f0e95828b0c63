"""What began within the 30 days is worth a whole month: who is scaled, who is not, and that evidence agrees."""

from __future__ import annotations

from decimal import Decimal

import pytest

from finops.runner import plans
from tests.estate import AS_OF, Estate


def estate(*, days: int = 24, age: int | None = 23, state: str = "READY", **charge: object) -> Estate:
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
        pytest.param(estate(CommitmentDiscountId="c", CommitmentDiscountStatus="Used"), id="covered: paid in any case"),
        pytest.param(Estate().charge("node", 240.0, days=24), id="the bill begins with it"),
        pytest.param(estate(state="stopped"), id="stopped"),
        pytest.param(replaced(), id="it replaces one that ended the day before"),
        pytest.param(paused(), id="not on every day"),
    ],
)
def test_nothing_else_is_scaled(made: Estate) -> None:
    assert run_rate(made) == 0
