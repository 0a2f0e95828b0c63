"""Commitments against automatic discounts, and those that lapse."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from finops.model import WATCH, Commit, Recommendation
from finops.runner import plans
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of


def automatic(late: float) -> Estate:
    """240 a day at list; from the 10th of each month on only `late` of it is charged. The plan gives 27 %."""
    made = Estate().charge("i-1", 240.0, days=31, x_instance_type="n1-standard-16")
    for row in made.charges:
        row["EffectiveCost"] = 240.0 * (1.0 if row["ChargePeriodStart"].day < 10 else late)
    made.price("vm", "n1-standard-16", 1.0)
    return made.price("vm", "n1-standard-16", 0.73, term="1y", payment="none", instrument="cud_flexible")


def test_an_automatic_discount_that_is_larger_leaves_nothing_to_commit() -> None:
    # 9 days at 1 and 22 at 0.56: 31 % off over the month, though the first days look like list price
    (plan,) = plans(automatic(0.56), AS_OF, kinds=("commitments",))
    assert [(k.why.split(" of ")[0]) for k in plan.keeps] == ["the automatic discounts"]
    assert plan.recommendations == ()


def test_a_smaller_automatic_discount_is_taken_off_the_plan() -> None:
    # 22 of 31 days at 0.9: an hour costs 10 × (9 + 22 × 0.9)/31 = 9.29032; the plan 7.30; (9.29032 − 7.30) × 730 = 1,452.94
    made = automatic(0.9)
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    (r,) = plan.recommendations
    assert act_of(r.finding).action.target == "cud_flexible 1y, 7.300 USD/h"
    assert r.alone == Decimal("1452.94")
    assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": Decimal("1452.94")}]


def reserved(*, end: datetime, unused: float = 0.0, days: int = 11) -> Estate:
    made = Estate().charge("gpt", 240.0, days=days, CommitmentDiscountId="RI-1", CommitmentDiscountStatus="Used")
    for row in made.charges:
        row["ContractedCost"] = 720.0
    if unused:
        made.charge("ri-1", unused, days=11, CommitmentDiscountId="RI-1", CommitmentDiscountStatus="Unused")
    return made.add(
        "commitments",
        observed_at=datetime(2026, 10, 31, tzinfo=UTC),
        commitment_id="ri-1",
        provider="AWS",
        instrument="reservation",
        scope='{"sku": "ptu"}',
        quantity=30,
        term_start=datetime(2026, 10, 21, tzinfo=UTC),
        term_end=end,
    )


NOVEMBER, DECEMBER = datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 12, 21, tzinfo=UTC)


RENEWED = (
    "it lapses on 2026-11-21 and is used to the full: renewing it for 7,300.00 USD a month"
    " keeps 14,600.00 USD a month off the bill"
)


@pytest.mark.parametrize(
    ("estate", "whys"),
    [
        # 11 days in force, scaled to 30: 240 × 30 × 730/720 = 7,300.00 for what costs 21,900.00 on demand
        (reserved(end=NOVEMBER), [RENEWED]),
        (reserved(end=NOVEMBER, days=30), [RENEWED]),  # the term before has the same id
        (reserved(end=DECEMBER), []),
        (reserved(end=NOVEMBER, unused=20.0), []),
    ],
    ids=["lapses and is full", "used before its term", "lapses later", "lapses unused"],
)
def test_what_lapses_and_is_used_to_the_full_is_renewed_and_saves_nothing(estate: Estate, whys: list[str]) -> None:
    (plan,) = plans(estate, AS_OF, kinds=("commitments",))
    assert [act_of(r.finding).why for r in plan.recommendations] == whys
    assert plan.saving == 0
    for r in plan.recommendations:
        assert act_of(r.finding).action.target == "reservation 1m ptu 30"
        assert (r.saving.effective_monthly.expected, r.saving.cash_12m) == (0, 0)
        assert estate.rows(r.finding.evidence.sql) == [{"monthly_saving": Decimal("0.00")}]


def machine(sku: str, daily: float, *, days: int = 400, start: int = 0, **columns: Any) -> Estate:
    """`daily` on each of the last `days` days."""
    return Estate().charge(f"i-{sku}", daily, days=days, x_instance_type=sku, **columns)


def order(recommendation: Recommendation) -> Commit:
    action = act_of(recommendation.finding).action
    assert isinstance(action, Commit)
    return action


def offered(made: Estate, sku: str, **instruments: float) -> Estate:
    """On-demand 1 an hour; the others at their price for a year, nothing upfront."""
    made.price("vm", sku, 1.0)
    for instrument, price in instruments.items():
        made.price("vm", sku, price, term="1y", payment="none", instrument=instrument)
    return made


def test_a_flat_year_is_covered_whole_and_says_what_it_risks() -> None:
    made = offered(machine("m5.xlarge", 24.0), "m5.xlarge", savings_plan_compute=0.73)
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    (r,) = plan.recommendations
    assert act_of(r.finding).action.target == "savings_plan_compute 1y, 0.730 USD/h"
    assert r.alone == Decimal("197.10")
    facts = {fact.name: float(fact.value) for fact in r.finding.evidence.facts if isinstance(fact.value, Decimal | float)}
    assert facts["least use that pays"] == 0.73
    assert 0 < facts["chance of a loss over the term"] < 0.05
    assert facts["mean saving of the worst 20th of cases"] < 0
    assert 0 < facts["saving in the worst case in 20"] < 40
    assert r.saving.effective_monthly.low == Decimal("49.28"), "the first quarter pays in full even then"
    lines = r.finding.explanation
    assert lines[:2] == ("buy 0.183 USD/h on 2026-11-01", "buy 0.183 USD/h on 2027-01-31")
    sizes = ["0.182 USD/h (25%", "0.365 USD/h (50%", "0.547 USD/h (75%", "0.730 USD/h (100%", "0.912 USD/h (125%"]
    assert [line.split(" of ")[0] for line in lines[4:]] == sizes
    assert all("expected over the term" in line and "a loss in 3." in line for line in lines[4:8])


@pytest.mark.parametrize("price", [0.80, 0.85])
def test_a_flat_year_is_covered_at_a_small_discount_too(price: float) -> None:
    """With a fifth less use all of it would save nothing; the first quarter, which alone is bought at once, does."""
    made = offered(machine("m5.xlarge", 24.0), "m5.xlarge", savings_plan_compute=price)
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    (r,) = plan.recommendations
    assert r.alone == Decimal(repr(round((1 - price) * 730, 2)))
    assert float(r.saving.effective_monthly.low) == pytest.approx((1 - price) * 730 / 4, rel=0.01)
    assert {f.name: f.value for f in r.finding.evidence.facts}["saving at 20% less use"] <= 0  # type: ignore[operator]


def falling(days_to_double: int) -> Estate:
    """1 an hour today, and so much more the further back."""
    made = machine("m5.xlarge", 24.0)
    for back, row in enumerate(made.charges):
        for name in ("EffectiveCost", "ListCost", "ContractedCost", "BilledCost", "ConsumedQuantity"):
            row[name] = 24.0 * (1 + back / days_to_double)
    return offered(made, "m5.xlarge", savings_plan_compute=0.73)


def test_what_has_been_falling_for_a_year_is_covered_in_part() -> None:
    made = falling(300)
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    (r,) = plan.recommendations
    assert order(r).hourly < Decimal("0.7")
    assert "% of what 365 days have used" in act_of(r.finding).why
    assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]


def test_what_will_be_gone_in_months_is_watched() -> None:
    (plan,) = plans(falling(60), AS_OF, kinds=("commitments",))
    assert plan.recommendations == ()
    assert [kept.why for kept in plan.keeps] == ["watch: the chance that its term costs more than it saves is above 50%"]


def test_prepaying_competes_and_costs_capital() -> None:
    # 0.70 an hour prepaid, with 4 % for half a year of capital on average: 0.728, dearer than 0.72 without
    made = offered(machine("m5.xlarge", 24.0), "m5.xlarge", savings_plan_compute=0.72)
    for upfront, wanted in ((0.70, "none"), (0.60, "all")):
        whole = upfront * 8760
        other = made.reversed()
        other.price("vm", "m5.xlarge", 0.0, term="1y", payment="all", instrument="savings_plan_compute", upfront=whole)
        (plan,) = plans(other, AS_OF, kinds=("commitments",))
        (r,) = plan.recommendations
        assert order(r).payment == wanted
        assert len(r.rejected) == 1


def test_a_lock_needs_a_year_of_its_family_and_no_successor() -> None:
    whys = []
    for days, sibling in ((80, ""), (400, ""), (400, "p5.48xlarge"), (400, "c7i.large")):
        made = machine("p4d.24xlarge", 240.0, days=days)
        if sibling:
            made.charge("i-young", 60.0, days=60, x_instance_type=sibling)
            for back, row in enumerate(made.charges[-60:]):
                row["ListCost"] = 60.0 * 1.12 ** (-back / 7)
        offered(made, "p4d.24xlarge", savings_plan_compute=0.73, savings_plan_family=0.63)
        for sku in ("p4d.24xlarge", "p5.48xlarge"):
            made.price("accelerators", sku, 1.0, gpu_count=8)
        (plan,) = plans(made, AS_OF, kinds=("commitments",))
        assert [order(r).instrument for r in plan.recommendations] == ["savings_plan_compute"]
        whys += [kept.why for kept in plan.keeps]
    abstains = "abstains from a lock on one family: p4d: "
    assert whys == [
        abstains + "it has run for 80 days only, less than a term",
        abstains + "its extra discount does not pay for the risk that the family is left",
        abstains + "p5 is younger and grows beside p4d",
        abstains
        + "its extra discount does not pay for the risk that the family is left",  # no work of accelerators moves to c7i
    ]


def test_a_lock_that_is_deep_enough_is_bought_before_the_plan() -> None:
    made = offered(machine("m5.xlarge", 240.0), "m5.xlarge", savings_plan_compute=0.9, savings_plan_family=0.1)
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    (r,) = plan.recommendations
    assert order(r).instrument == "savings_plan_family"
    assert r.finding.scope.resource == "m5 in us-east-1"
    assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]


def test_spot_and_covered_usage_are_never_committed_to() -> None:
    made = machine("m5.xlarge", 24.0, PricingCategory="Dynamic")
    made.charge("i-2", 24.0, days=400, x_instance_type="m5.xlarge", PricingCategory="Committed", CommitmentDiscountId="SP-1")
    (plan,) = plans(offered(made, "m5.xlarge", savings_plan_compute=0.73), AS_OF, kinds=("commitments",))
    assert plan.recommendations == ()


def bought(made: Estate) -> dict[str, Decimal]:
    """What is bought today and later, by target."""
    (plan,) = plans(made, AS_OF)
    acts = [r for r in plan.recommendations if r.finding.kind == "commitments"]
    for r in acts:
        assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]
    return {order(r).instrument: order(r).hourly for r in acts}


def test_a_term_is_bought_on_what_has_been_there_for_a_term() -> None:
    made = offered(machine("m5.xlarge", 24.0), "m5.xlarge", savings_plan_compute=0.73)
    young = machine("p5.48xlarge", 240.0, days=80)
    for row in young.charges:
        made.add("charges", **row)
    offered(made, "p5.48xlarge", savings_plan_compute=0.73)
    assert bought(made) == {"savings_plan_compute": Decimal("0.730")}


def test_a_machine_that_took_anothers_place_is_no_younger_than_that_one() -> None:
    made = offered(machine("m5.xlarge", 24.0), "m5.xlarge", savings_plan_compute=0.73)
    for back, row in enumerate(made.charges):
        row["x_instance_type"] = "m5.xlarge" if back < 90 else "m4.xlarge"
    assert bought(made) == {"savings_plan_compute": Decimal("0.730")}


def test_a_bill_that_begins_lately_says_so() -> None:
    made = offered(machine("m5.xlarge", 24.0, days=100), "m5.xlarge", savings_plan_compute=0.73)
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    (r,) = plan.recommendations
    assert "the bill goes back 100 days, less than the term of 365" in r.saving.assumes


def idle_beside_busy() -> Estate:
    """Two machines of a year: one is at work, the other has done nothing for 90 days, and half of it would do."""
    made = offered(machine("m5.xlarge", 24.0), "m5.xlarge", savings_plan_compute=0.73)
    made.price("vm", "m5.xlarge", 1.0, vcpu=4, memory_gib=16)
    made.price("vm", "m5.large", 0.5, vcpu=2, memory_gib=8)
    made.price("vm", "m5.large", 0.365, term="1y", payment="none", instrument="savings_plan_compute")
    made.charge("i-idle", 24.0, days=400, x_instance_type="m5.xlarge")
    made.resource("i-idle", "AWS::EC2::Instance", sku="m5.xlarge", state="running", vcpu=4, memory_gib=16)
    for metric, value in (("cpu_utilization", 1.0), ("memory_utilization", 5.0)):
        made.metric("i-idle", metric, value, statistic="max")
    made.metric("i-idle", "network_in_bytes", 1000.0, statistic="sum")
    return made.metric("i-idle", "network_out_bytes", 1000.0, statistic="sum")


@pytest.mark.parametrize(
    ("watched", "acts"),
    [
        ((), ["idle", "commitments"]),
        (("idle",), ["rightsizing", "commitments"]),  # a smaller size binds nobody, and saves until it is stopped
        (("idle", "rightsizing"), ["commitments"]),
    ],
)
def test_nothing_is_bought_for_what_is_watched(watched: tuple[str, ...], acts: list[str]) -> None:
    made, unproven = idle_beside_busy(), {"USD": dict.fromkeys(watched, f"{WATCH}: not proven")}
    (plan,) = plans(made, AS_OF, kinds=("idle", "rightsizing", "commitments"), unproven=unproven)
    assert [r.finding.kind for r in plan.recommendations] == acts
    assert order(plan.recommendations[-1]).hourly == Decimal("0.730")
    for r in plan.recommendations:
        assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]


@pytest.mark.parametrize("watched", [(), ("rightsizing",)])
def test_what_a_watched_size_leaves_may_be_committed_to(watched: tuple[str, ...]) -> None:
    unproven = {"USD": dict.fromkeys(watched, f"{WATCH}: not proven")}
    (plan,) = plans(idle_beside_busy(), AS_OF, kinds=("rightsizing", "commitments"), unproven=unproven)
    assert order(plan.recommendations[-1]).hourly == Decimal("1.095")
