"""Any instrument that a price list describes: mixes, whole machines, short terms, units of capacity, and what others leave."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from finops.model import Commit, Recommendation
from finops.portfolio import Plan
from finops.runner import plans
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of

LOOSE = {"commitments": {"lock_loss_chance": 0.6}}
"""Locks pass although families are left: what is tested here is the mix, not the abstention."""


def machine(made: Estate, sku: str, count: int, *, days: int = 400, **columns: Any) -> Estate:
    """`count` machines of 1 an hour on every day."""
    return made.charge(f"i-{sku}", 24.0 * count, days=days, quantity=24.0 * count, x_instance_type=sku, **columns)


def half(made: Estate, sku: str) -> Estate:
    """Half of one in every hour: the bill does not count hours."""
    return made.charge("i-half", 12.0, days=400, quantity=12.0, PricingUnit="Units", x_instance_type=sku)


def priced(made: Estate, sku: str, product: str = "vm", **instruments: float) -> Estate:
    """On-demand 1 an hour; the others at their price for a year, nothing upfront."""
    made.price(product, sku, 1.0)
    for instrument, price in instruments.items():
        made.price(product, sku, price, term="1y", payment="none", instrument=instrument)
    return made


def planned(made: Estate, **thresholds: dict[str, float]) -> Plan:
    (plan,) = plans(made, AS_OF, kinds=("commitments",), thresholds=thresholds or LOOSE)
    assert not plan.failed
    for r in plan.recommendations:
        if r.saving.effective_monthly.expected > 0:
            assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]
    return plan


def bought(plan: Plan) -> dict[str, Recommendation]:
    return {act_of(r.finding).action.target: r for r in plan.recommendations}


def order(r: Recommendation) -> Commit:
    action = act_of(r.finding).action
    assert isinstance(action, Commit)
    return action


def test_reservations_and_a_plan_share_the_usage_of_one_machine() -> None:
    # 3 and a half m5 of 1 an hour, and 8 c5. A reservation at 0.5 of a whole m5 three times; the fourth would be used to a
    # half, 0.5 paid for 0.5. The plan at 0.73 covers the half and the c5: 0.73 × 8.5
    made = machine(Estate(), "m5.large", 3)
    half(made, "m5.large")
    machine(made, "c5.large", 8)
    priced(made, "m5.large", savings_plan_compute=0.73, reservation=0.5)
    priced(made, "c5.large", savings_plan_compute=0.73)
    found = bought(planned(made))
    assert set(found) == {"reservation 1y m5.large 3", "savings_plan_compute 1y, 6.205 USD/h"}
    lock, plan = found["reservation 1y m5.large 3"], found["savings_plan_compute 1y, 6.205 USD/h"]
    assert (lock.alone, plan.alone) == (Decimal("1095.00"), Decimal("1675.35"))  # 3 × 0.5 and 8.5 × 0.27, × 730
    assert (order(lock).hourly, order(lock).unit, order(lock).covers) == (
        Decimal(3),
        "m5.large",
        (("us-east-1", "m5.large", ""),),
    )
    assert "beside 1 other purchase" in act_of(plan.finding).why


def test_a_family_plan_stands_beside_a_compute_plan_and_reservations() -> None:
    made = Estate()
    for sku, count in (("m5.large", 2), ("m5.xlarge", 3), ("c5.large", 4)):
        machine(made, sku, count)
    priced(made, "m5.large", savings_plan_compute=0.73, savings_plan_family=0.6, reservation=0.5)
    priced(made, "m5.xlarge", savings_plan_compute=0.73, savings_plan_family=0.6)
    priced(made, "c5.large", savings_plan_compute=0.73)
    plan = planned(made)
    found = bought(plan)
    assert set(found) == {
        "reservation 1y m5.large 2",
        "savings_plan_family 1y, 1.800 USD/h",
        "savings_plan_compute 1y, 2.920 USD/h",
    }
    assert plan.saving == sum(r.alone for r in found.values())


def test_what_a_lock_leaves_is_watched_where_a_fifth_less_use_makes_it_lose() -> None:
    """Bills serve locks first, so that the plan behind them bears the whole decline: of 3.5 m5 and 2 c5 four fifths run,
    three m5 are reserved, and the plan of 0.73 × 2.5 has 1.6 left to cover."""
    made = machine(Estate(), "m5.large", 3)
    half(made, "m5.large")
    machine(made, "c5.large", 2)
    priced(made, "m5.large", savings_plan_compute=0.73, reservation=0.5)
    priced(made, "c5.large", savings_plan_compute=0.73)
    plan = planned(made)
    assert set(bought(plan)) == {"reservation 1y m5.large 3"}
    assert "watch: its saving of 492.75 a month is not proven, it may be -164.25" in [kept.why for kept in plan.keeps]


def test_rejected_alternatives_are_named() -> None:
    made = priced(machine(Estate(), "m5.large", 1), "m5.large", savings_plan_compute=0.73, savings_plan_family=0.63)
    made.price("vm", "m5.large", 0.0, term="1y", payment="all", instrument="savings_plan_compute", upfront=0.72 * 8760)
    (r,) = planned(made, commitments={}).recommendations
    assert r.rejected == (
        "savings_plan_compute/1y/all: 183.38 USD a month by itself",  # 0.72 × 1.04 for the capital: (1 − 0.7488) × 730
        "savings_plan_family/1y/none m5 in us-east-1: its extra discount does not pay for the risk that the family is left",
    )


def held(made: Estate, end: datetime) -> Estate:
    """A family plan of 0.60 an hour that covers one c5 of 1 an hour up to its end."""
    made.charge(
        "i-covered",
        14.4,
        days=400,
        x_instance_type="c5.large",
        CommitmentDiscountId="SP-1",
        CommitmentDiscountStatus="Used",
        PricingCategory="Committed",
        ContractedCost=24.0,
        ListCost=24.0,
    )
    return made.add(
        "commitments",
        observed_at=datetime(2026, 10, 31, tzinfo=UTC),
        commitment_id="sp-1",
        provider="AWS",
        instrument="savings_plan_family",
        scope='{"family": "c5", "region": "us-east-1"}',
        hourly_commitment=0.6,
        term_start=datetime(2026, 3, 1, tzinfo=UTC),
        term_end=end,
    )


def test_what_a_commitment_leaves_when_it_ends_is_a_later_step() -> None:
    made = held(machine(Estate(), "m5.large", 2), datetime(2027, 3, 1, tzinfo=UTC))
    for sku in ("m5.large", "c5.large"):
        priced(made, sku, savings_plan_compute=0.7)
    (r,) = planned(made).recommendations
    assert order(r).target == "savings_plan_compute 1y, 1.400 USD/h"
    (line,) = [line for line in r.finding.explanation if "more on" in line]
    assert line == (
        "buy 0.700 USD/h more on 2027-03-01, when savings_plan_family sp-1 ends: 219.00 USD a month off what that usage would"
        " then cost, if it still runs"
    )


def test_where_there_is_nothing_to_buy_today_the_later_step_is_a_keep() -> None:
    made = held(Estate(), datetime(2027, 3, 1, tzinfo=UTC))
    made.charge("i-some", 1.2, days=5, quantity=1.2, x_instance_type="c5.large")
    priced(made, "c5.large", savings_plan_compute=0.7)
    plan = planned(made)
    assert plan.recommendations == ()
    assert [k.why.split(", when")[0] for k in plan.keeps if "today" in k.why] == [
        "nothing to buy of it today; buy 0.700 USD/h more on 2027-03-01"
    ]


@pytest.mark.parametrize(
    ("sku", "deployment"),
    [("ptu", ""), ("ptu:GlobalProvisionedManaged", "GlobalProvisionedManaged")],
    ids=["one deployment", "the bill tells deployments"],
)
def test_units_of_capacity_are_bought_whole(sku: str, deployment: str) -> None:
    # 150.5 units of 1 an hour; a month's reservation at 0.3: the last half is used to 0.5 > 0.3, so that 151 cost least
    made = Estate().charge("gpt", 24 * 150.5, days=200, quantity=24 * 150.5, x_instance_type=sku)
    for where, usual, month in (("GlobalProvisionedManaged", 1.0, 0.3), ("ProvisionedManaged", 2.0, 0.9)):
        if deployment or where == "GlobalProvisionedManaged":
            made.price("ptu", "ptu", usual, deployment=where)
            made.price("ptu", "ptu", usual, deployment=where)
            made.price("ptu", "ptu", month, deployment=where, term="1m", payment="none", instrument="reservation")
    (r,) = planned(made, commitments={}).recommendations
    assert order(r).target == f"reservation 1m {sku} 151"
    assert (order(r).first, r.alone) == (Decimal(151), Decimal("76796.00"))  # (150.5 − 151 × 0.3) × 730
    assert "it is bought anew every 1 months, as long as the usage is there" in r.saving.assumes


def test_a_year_of_units_asks_for_more_proof_than_a_month() -> None:
    # 100 days of use: enough for months, too little for the deeper year
    made = Estate().charge("gpt", 24 * 100.0, days=100, quantity=2400, x_instance_type="ptu")
    made.price("ptu", "ptu", 1.0)
    for term, price in (("1m", 0.36), ("1y", 0.30)):
        made.price("ptu", "ptu", price, term=term, payment="none", instrument="reservation")
    (r,) = planned(made, commitments={}).recommendations
    assert order(r).target == "reservation 1m ptu 100"
    assert r.rejected == ("reservation/1y/none ptu in us-east-1: it has run for 100 days only, less than a term",)


def test_a_capacity_block_of_two_weeks_is_prepaid_and_whole() -> None:
    # eight p5 of 98 an hour around the clock; a block of 14 days costs 40 an hour, all of it before it begins
    made = Estate().charge("train", 98.0 * 8 * 24, days=120, quantity=8 * 24, x_instance_type="p5.48xlarge")
    made.price("vm", "p5.48xlarge", 98.0)
    made.price("vm", "p5.48xlarge", 0.0, term="14d", payment="all", instrument="capacity_block", upfront=40.0 * 14 * 24)
    (r,) = planned(made, commitments={}).recommendations
    assert order(r).target == "capacity_block 14d p5.48xlarge 8, all upfront"
    # two weeks' capital at 8 % a year on average half outstanding: 40 × (1 + 0.08 × 336 / 8760 / 2) an hour
    hourly = 40 * (1 + 0.08 * 336 / 8760 / 2)
    assert float(r.alone) == pytest.approx((98 - hourly) * 8 * 730, abs=0.01)
    assert "it is bought anew every 14 days, as long as the usage is there" in r.saving.assumes


def test_machine_learning_plans_are_a_pool_of_their_own() -> None:
    made = Estate()
    machine(made, "ml.g5.xlarge", 3, ServiceName="Amazon SageMaker")
    machine(made, "m5.large", 2)
    priced(made, "ml.g5.xlarge", "endpoint", savings_plan_sagemaker=0.76)
    priced(made, "m5.large", savings_plan_compute=0.73)
    assert set(bought(planned(made))) == {"savings_plan_sagemaker 1y, 2.280 USD/h", "savings_plan_compute 1y, 1.460 USD/h"}


def test_a_machine_sold_for_two_uses_is_discounted_by_the_lesser() -> None:
    made = machine(Estate(), "ml.g5.xlarge", 1, ServiceName="Amazon SageMaker")
    priced(made, "ml.g5.xlarge", "endpoint", savings_plan_sagemaker=0.76)
    made.price("training", "ml.g5.xlarge", 1.0)
    made.price("training", "ml.g5.xlarge", 0.64, term="1y", payment="none", instrument="savings_plan_sagemaker")
    assert set(bought(planned(made))) == {"savings_plan_sagemaker 1y, 0.760 USD/h"}


def test_flexible_commitments_cover_several_families() -> None:
    made = Estate()
    for sku in ("n2-standard-8", "c3-standard-4"):
        machine(made, sku, 2)
        priced(made, sku, cud_flexible=0.72)
    assert set(bought(planned(made))) == {"cud_flexible 1y, 2.880 USD/h"}


def test_what_is_sold_by_processors_and_memory_says_how_many_of_each() -> None:
    """Three machines of 8 vCPU and 32 GiB, two of 4 and 32, all of them always: 32 vCPU and 160 GiB, in four slices."""
    made = Estate()
    for sku, count, vcpu, memory in (("n2-standard-8", 3, 8, 32), ("n2-highmem-4", 2, 4, 32)):
        machine(made, sku, count, ProviderName="Google Cloud")
        made.price("vm", sku, 1.0, provider="Google Cloud", vcpu=vcpu, memory_gib=memory)
        sold = {"term": "1y", "payment": "none", "instrument": "cud_resource", "provider": "Google Cloud"}
        made.price("vm", sku, 0.5, vcpu=vcpu, memory_gib=memory, **sold)
    (r,) = planned(made).recommendations
    assert order(r).target == "cud_resource 1y, 32 vCPU and 160 GiB, 2.500 USD/h"
    assert order(r).holds == (("vcpu", 8), ("memory_gib", 40))
    assert "--region us-east-1 --plan 12-month" in r.finding.patch
    assert "--resources vcpu=8,memory=40GB" in r.finding.patch
    assert r.finding.explanation[0] == "buy 8 vCPU and 40 GiB, 0.625 USD/h on 2026-11-01"


def test_of_machines_of_unknown_size_the_money_is_said_and_no_order_written() -> None:
    made = machine(Estate(), "n2-odd", 3, ProviderName="Google Cloud")
    made.price("vm", "n2-odd", 1.0, provider="Google Cloud")
    made.price("vm", "n2-odd", 0.5, term="1y", payment="none", instrument="cud_resource", provider="Google Cloud")
    (r,) = planned(made).recommendations
    assert (order(r).target, order(r).holds, r.finding.patch) == ("cud_resource 1y, 1.500 USD/h", (), "")


def test_the_price_list_says_what_an_unknown_instrument_covers() -> None:
    """An instrument that nobody has heard of, sold by the month in whole machines."""
    made = machine(Estate(), "trn1.32xlarge", 2, days=200)
    made.price("vm", "trn1.32xlarge", 1.0)
    made.price(
        "vm", "trn1.32xlarge", 0.4 * 730, "Months", term="1m", payment="none", instrument="training_plan", covers="machine"
    )
    (r,) = planned(made, commitments={}).recommendations
    assert (order(r).target, r.alone) == ("training_plan 1m trn1.32xlarge 2", Decimal("876.00"))


def test_a_bill_that_names_no_system_is_priced_by_the_machine_without_licence() -> None:
    """A list tells Linux and Windows apart, Azure's lines of Linux machines do not: the plan's discount is the machine's."""
    made = machine(Estate(), "D8s_v5", 4)
    for system, usual, plan in (("Linux", 1.0, 0.7), ("Windows", 1.8, 1.5)):
        made.price("vm", "D8s_v5", usual, operating_system=system)
        made.price("vm", "D8s_v5", plan, operating_system=system, term="1y", payment="none", instrument="savings_plan_compute")
    assert list(bought(planned(made))) == ["savings_plan_compute 1y, 2.800 USD/h"]


def test_a_list_without_a_commitment_for_what_is_used_is_said() -> None:
    made = priced(machine(Estate(), "m5.large", 3), "c7.large", savings_plan_compute=0.7)
    assert [kept.why for kept in planned(made).keeps] == ["none of the price list's commitments is of what is used (m5.large)"]
