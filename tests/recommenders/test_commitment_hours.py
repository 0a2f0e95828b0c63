"""Commitments on bills of one line a day: when within the day a machine ran is told by its metrics and runs, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.bill.rating import Rule
from finops.bill.replay import TOTALS, UNUSED, USAGE, replays
from finops.portfolio import Plan
from finops.runner import plans
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of

SKU = "m5.large"


def machines(made: Estate, hours: float, *names: str, days: int = 400, **columns: Any) -> Estate:
    """Machines of 1 an hour that run so many hours of each day, of which the bill has one line."""
    for name in names:
        made.charge(name, hours, days=days, quantity=hours, x_instance_type=SKU, **columns)
    return made


def names(count: int, prefix: str = "i") -> tuple[str, ...]:
    return tuple(f"{prefix}-{n}" for n in range(count))


def midnights() -> list[datetime]:
    """Of the days that metrics are kept for."""
    last = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC)
    return [last - timedelta(days=back) for back in range(35)]


def busy(made: Estate, resource: str, begin: int, end: int) -> Estate:
    """Hourly metrics of the hours in which it runs."""
    for midnight in midnights():
        for hour in range(begin, end):
            made.add(
                "metrics",
                x_source="s",
                resource_id=resource,
                timestamp=midnight + timedelta(hours=hour),
                period_s=3600,
                metric="cpu_utilization",
                statistic="avg",
                value=70.0,
            )
    return made


def planned(made: Estate) -> Plan:
    made.price("vm", SKU, 1.0)
    made.price("vm", SKU, 0.7, term="1y", payment="none", instrument="savings_plan_compute")
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    assert not plan.failed
    for r in plan.recommendations:
        assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]
    return plan


def bought(plan: Plan) -> list[tuple[str, Decimal]]:
    return [(act_of(r.finding).action.target, r.alone) for r in plan.recommendations]


def assumed(plan: Plan) -> list[str]:
    return [text for r in plan.recommendations for text in r.saving.assumes if "part of a day" in text]


def test_machines_of_a_quarter_of_the_day_are_not_committed_to() -> None:
    # evenly 2.5 an hour: a plan of 1.75 that would be used to a quarter of its hours
    plan = planned(machines(Estate(), 6.0, *names(10)))
    assert bought(plan) == []
    assert [kept.why for kept in plan.keeps] == ["what is left to cover does not run enough hours to pay for a commitment"]


def test_machines_that_run_all_day_are_and_nothing_is_assumed() -> None:
    plan = planned(machines(Estate(), 24.0, *names(10)))
    assert bought(plan) == [("savings_plan_compute 1y, 7.000 USD/h", Decimal("2190.00"))]
    assert assumed(plan) == []


def test_beside_them_only_those_are_covered_and_it_is_said_why() -> None:
    plan = planned(machines(machines(Estate(), 24.0, *names(10)), 6.0, *names(10, "night")))
    assert bought(plan) == [("savings_plan_compute 1y, 7.000 USD/h", Decimal("2190.00"))]
    assert [text[:21] for text in assumed(plan)] == ["20% of its usage is a"]


@pytest.mark.parametrize(("told", "plan"), [(True, [("savings_plan_compute 1y, 1.400 USD/h", Decimal("438.00"))]), (False, [])])
def test_metrics_say_when_a_machine_ran(told: bool, plan: list[tuple[str, Decimal]]) -> None:
    """Eight machines, two at a time, which follow one another through the day."""
    made = machines(Estate(), 6.0, *names(8))
    for n in range(8 if told else 0):
        busy(made, f"i-{n}", n % 4 * 6, n % 4 * 6 + 6)
    assert bought(planned(made)) == plan


def placed(made: Estate) -> dict[int, float]:
    """Hour of the newest day → machines."""
    rows = made.rows(
        "select hour(charge_hour) as at, sum(consumed_quantity) as used, max(assumed) as assumed"
        " from demand_placed($as_of::date) where charge_hour >= $as_of::date group by all order by all",
        {"as_of": AS_OF},
    )
    return {row["at"]: float(row["used"]) for row in rows}


def test_a_rest_of_the_day_is_in_the_same_hours_as_everyones() -> None:
    made = machines(machines(Estate(), 6.5, "a", days=3), 2.0, "b", days=3)
    assert placed(made) == {0: 2.0, 1: 2.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 0.5}
    assert placed(machines(Estate(), 53.0, "fleet", days=3)) == {hour: 3.0 if hour < 5 else 2.0 for hour in range(24)}


def test_metrics_of_more_hours_than_were_billed_say_nothing() -> None:
    made = busy(busy(machines(Estate(), 6.0, "stopped", "billed", days=3), "stopped", 0, 24), "billed", 12, 19)
    assert placed(made) == dict.fromkeys((*range(6), *range(12, 18)), 1.0)


def test_runs_say_when_and_how_many_machines_of_a_fleet_ran() -> None:
    made = machines(Estate(), 20.0, "fleet", days=3)
    for midnight in midnights():
        begin = midnight + timedelta(hours=1, minutes=30)
        made.add(
            "runs",
            run_id=str(begin),
            resource_id="Fleet",
            count=4,
            status="completed",
            started_at=begin,
            ended_at=begin + timedelta(hours=5),
        )
    assert placed(made) == {1: 2.0, 2: 4.0, 3: 4.0, 4: 4.0, 5: 4.0, 6: 2.0}


def test_every_sum_of_the_bill_stays() -> None:
    made = machines(machines(Estate(), 6.7, *names(3), days=40), 24.0, "all", days=40)
    machines(made, 31.3, "fleet", days=40, EffectiveCost=7.77, ListCost=9.1)
    sums = """
        select x_billing_period, sum(effective_cost) as effective, sum(list_cost) as listed, sum(contracted_cost) as contracted,
            sum(consumed_quantity) as quantity
        from {} group by all order by all
    """
    before, after = (made.rows(sums.format(name)) for name in ("demand_hourly", f"demand_placed(date '{AS_OF}')"))
    charged = made.rows("select sum(EffectiveCost) as effective from charges")
    assert abs(sum(row["effective"] for row in before) - charged[0]["effective"]) < Decimal("1e-6")
    for one, other in zip(before, after, strict=True):
        assert all(abs(one[key] - other[key]) < Decimal("1e-8") for key in one if key != "x_billing_period")


def test_lines_of_an_hour_are_as_they_are() -> None:
    made = Estate()
    for midnight in midnights():
        for hour in range(6):
            start = midnight + timedelta(hours=hour)
            made.charge("i", 1.0, days=1, quantity=0.5, x_instance_type=SKU)
            made.charges[-1] |= {"ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(hours=1)}
    names = "x_billing_period, charge_hour, period_end, resource_id, consumed_quantity, effective_cost"
    rows = [
        made.rows(f"select {names} from {mart} order by all") for mart in ("demand_hourly", f"demand_placed(date '{AS_OF}')")
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 6 * 35
    assert {row["resource_id"] for row in rows[0]} == {None}


def test_a_plan_that_covers_a_part_of_the_night_is_replayed_to_the_cent() -> None:
    """Two machines of 1 an hour run 6 hours; a plan of 0.42 an hour covers 0.6 of them and is unused for the other 18."""
    held = {"CommitmentDiscountId": "plan", "CommitmentDiscountType": "Savings Plan", "PricingCategory": "Committed"}
    made = Estate()
    for name in names(2):
        made.charge(name, 4.2, days=31, quantity=4.2, x_instance_type=SKU)
        covered = {"EffectiveCost": 1.26, "CommitmentDiscountStatus": "Used", **held}
        made.charge(name, 1.8, days=31, quantity=1.8, x_instance_type=SKU, **covered)
    made.charge("plan", 7.56, days=31, quantity=18.0, CommitmentDiscountStatus="Unused", **held)
    asked = {"as_of": AS_OF}
    rules = [Rule("AWS", "savings_plan_compute", "", 4, frozenset({"compute"}), "discount", types=frozenset({"savings plan"}))]
    usage, unused, totals = (made.rows(sql, asked) for sql in (USAGE, UNUSED, TOTALS))
    (found,) = replays(usage, unused, totals, {}, rules)
    assert found.billed == pytest.approx(31 * (2 * (4.2 + 1.26) + 7.56))
    assert found.simulated == pytest.approx(found.billed)
