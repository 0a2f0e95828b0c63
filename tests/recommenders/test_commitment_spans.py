"""Commitments that began or ended within the 30 days: what today's leave is what there is to cover, and to save."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finops.bill.lines import Line, Span, standing
from finops.model import Recommendation
from finops.portfolio import Plan
from finops.runner import plans
from tests.estate import AS_OF, Estate, _day
from tests.recommenders.test_plan import act_of

HELD: dict[str, Any] = {"CommitmentDiscountStatus": "Used", "PricingCategory": "Committed", "x_instance_type": "u"}


def covered(made: Estate, name: str, first: int, last: int) -> Estate:
    """One of four units, on the days from `first` to `last` days back, at half its price."""
    part = Estate().charge("pool", 12.0, days=first + 1, CommitmentDiscountId=name, **HELD)
    for row in part.charges[last:]:
        made.add("charges", **row | {"ContractedCost": 24.0, "ListCost": 24.0})
    return made


def pool(*spans: tuple[str, int, int]) -> Estate:
    """Four units of 1 an hour for 200 days, one of which the commitments cover on their days."""
    made = Estate()
    for back in range(200):
        held = any(first >= back >= last for _, first, last in spans)
        units = 72.0 if held else 96.0
        day = {"x_billing_period": f"{_day(back):%Y-%m}", "BillingPeriodStart": _day(back).replace(day=1)}
        day |= {"ChargePeriodStart": _day(back), "ChargePeriodEnd": _day(back - 1), "x_instance_type": "u"}
        made.charge("pool", units, days=1, quantity=units, **day)
    for name, first, last in spans:
        covered(made, name, first, last)
    return made.price("unit", "u", 1.0).price("unit", "u", 0.5, term="1m", payment="none", instrument="reservation")


def planned(made: Estate) -> tuple[Plan, list[Recommendation]]:
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    assert not plan.failed
    assert plan.current - sum(step.amount for step in plan.steps[1:-1]) == plan.after
    for r in plan.recommendations:
        assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]
    return plan, list(plan.recommendations)


@pytest.mark.parametrize(
    ("spans", "units", "month"),
    [
        ([("ri", 199, 0)], 3, "0.00"),
        ([("ri", 10, 0)], 3, "231.17"),  # half its price on 19 of 30 days more: 19 × 12 × 730/720
        ([("ri", 0, 0)], 3, "352.83"),
        ([("ri", 199, 11)], 4, "-231.17"),
        ([("old", 199, 11), ("new", 10, 0)], 3, "0.00"),
    ],
    ids=["all the time", "for eleven days", "since today", "ended", "renewed under another id"],
)
def test_what_todays_commitments_leave_is_bought(spans: list[tuple[str, int, int]], units: int, month: str) -> None:
    plan, found = planned(pool(*spans))
    assert [act_of(r.finding).action.target for r in found] == [f"reservation 1m u {units}"]
    assert found[0].alone == Decimal(365) * units
    assert plan.steps[1].amount == Decimal(month)


def line(commitment: str, quantity: int, cost: int, category: str = "Usage") -> Line:
    amount = Decimal(cost)
    usual = Decimal(quantity)
    where = ("x", "P", "a", "r", "vm", "hours", "Hours", "u", "")
    return Line(*where, commitment, category, Decimal(quantity), amount, usual, usual)


def test_a_months_lines_have_todays_commitments() -> None:
    """Ten of thirty days of a new one: it takes the place of what ended first, then of what nothing covers."""
    spans = {"new": Span(Decimal(3)), "old": Span(ended=True)}
    found = standing([line("new", 10, 5), line("old", 15, 9), line("", 25, 25)], spans)
    assert [(one.commitment, one.quantity, one.cost) for one in found] == [("new", 30, 15), ("", 0, 0), ("", 20, 20)]
    found = standing([line("new", 4, 2), line("old", 15, 9), line("", 25, 25)], spans)
    assert [(one.commitment, one.lapsed, one.quantity, one.cost) for one in found] == [
        ("new", "", 12, 6),
        ("", "old", 7, 7),
        ("", "", 25, 25),
    ]


def test_what_is_unused_of_a_new_one_is_unused_all_month_and_of_an_ended_one_no_more() -> None:
    spans = {"new": Span(Decimal(3)), "old": Span(ended=True)}
    found = standing([line("new", 0, 4, "Unused"), line("old", 0, 4, "Unused"), line("other", 0, 4, "Unused")], spans)
    assert [one.cost for one in found] == [12, 0, 4]


@pytest.mark.parametrize(
    ("spans", "saved"),
    [([("ri", 10, 0)], 3 * 730), ([("ri", 199, 11)], 4 * 730), ([("old", 199, 11), ("new", 10, 0)], 3 * 730)],
    ids=["begun", "ended", "renewed"],
)
def test_what_an_action_saves_is_of_a_month_with_todays_commitments(spans: list[tuple[str, int, int]], saved: int) -> None:
    made = pool(*spans).resource("pool", "AWS::SageMaker::Endpoint")
    made.metric("pool", "requests", 0.0, statistic="sum", variant="AllTraffic")
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    (r,) = plan.recommendations
    assert r.alone == saved
    assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]
