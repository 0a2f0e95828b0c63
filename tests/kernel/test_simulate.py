"""The simulated bill: what an action saves is what the total falls by, and never more than was there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.bill.lines import Line
from finops.bill.rating import Holding, PricedMeter, Rule, rate
from finops.bill.simulate import Bill
from finops.commitment.levels import Commitment
from finops.model import Change, Effect

PLAN = Commitment("sp", "P", "a", "savings_plan_compute")


def line(resource: str, cost: str, commitment: str = "", on_demand: str | None = None, machine: str = "m5.large") -> Line:
    amount = Decimal(cost)
    usual = Decimal(on_demand) if on_demand else amount
    return Line(
        resource, "P", "a", "r", "vm", "hours", "Hours", machine, "Linux", commitment, "Usage", Decimal(730), amount, usual
    )


def test_uncovered_usage_saves_what_it_cost() -> None:
    bill = Bill([line("x", "100"), line("y", "40")])
    outcome = bill.apply("x", Effect((Change(Decimal(0)),)))
    assert (outcome.net, outcome.stranded, bill.total) == (100, 0, 40)


def test_a_freed_commitment_moves_first_and_strands_the_rest() -> None:
    bill = Bill([line("x", "70", "sp", "100"), line("y", "30")], [PLAN])
    outcome = bill.apply("x", Effect((Change(Decimal(0)),)))
    # 70 of the plan are freed, 21 of them take over y's 30, 49 go on being paid for nothing
    assert (outcome.gross, outcome.gained, outcome.stranded, outcome.net, bill.total) == (70, 9, 49, 30, 70)


def test_a_freed_commitment_stays_on_its_billing_account() -> None:
    """Shared or not: of two equal machines on demand it takes the one that the same payer is charged for."""
    covered, own, others = line("x", "70", "sp", "100"), line("y", "30"), line("z", "30")
    lines = [replace(covered, payer="A"), replace(own, payer="A"), replace(others, payer="B")]
    outcome = (bill := Bill(lines, [PLAN])).apply("x", Effect((Change(Decimal(0)),)))
    assert (outcome.gained, outcome.stranded, bill.cost("y"), bill.cost("z")) == (9, 49, 21, 30)
    assert bill.copy().value("y", Effect((Change(Decimal(0)),))).gained == 0
    unknown = Bill([covered, *lines[1:]], [PLAN]).apply("x", Effect((Change(Decimal(0)),)))
    assert (unknown.gained, unknown.stranded) == (18, 28)


def test_what_has_moved_is_freed_again_when_its_new_user_goes() -> None:
    bill = Bill([line("x", "70", "sp"), line("y", "100")], [PLAN])
    assert bill.apply("x", Effect((Change(Decimal(0)),))).net == 70
    # of y, 70 are covered now: only 30 are on demand
    assert bill.apply("y", Effect((Change(Decimal(0)),))).net == 30
    assert bill.total == 70


def test_a_reservation_does_not_follow_to_another_family() -> None:
    reservation = Commitment("ri", "P", "a", "reservation", {"family": "m5", "size_flexible": True})
    bill = Bill([line("x", "60", "ri", "100")], [reservation])
    follows = bill.value("x", Effect((Change(Decimal("0.5"), sku="m5.small"),)))
    leaves = bill.value("x", Effect((Change(Decimal("0.4"), sku="m7.small"),)))
    # within the family: 30 freed and stranded; beyond it: 40 on demand are new, 60 stranded
    assert (follows.net, follows.stranded) == (0, 30)
    assert (leaves.gross, leaves.stranded, leaves.net) == (20, 60, -40)


def test_a_family_that_does_not_stretch_is_covered_in_its_size_alone() -> None:
    """Whatever the table of commitments says of its sizes: neither the action nor what it frees goes to another."""
    held = Commitment("ri", "P", "a", "reservation", {"sku": "g5.large", "size_flexible": True})
    lines = [line("x", "60", "ri", "100", machine="g5.large"), line("y", "50", machine="g5.small")]
    rule = Rule("P", "reservation", "", 1, frozenset(), "smallest", frozenset({"g5"}))
    free, bound = (Bill(lines, [held], rules=rules) for rules in ((), (rule,)))
    smaller, gone = Effect((Change(Decimal("0.5"), sku="g5.small"),)), Effect((Change(Decimal(0)),))
    assert [bill.value("x", smaller).net for bill in (free, bound)] == [50, -50]
    assert [bill.value("x", gone).stranded for bill in (free, bound)] == [30, 60]


def test_valuing_leaves_the_bill_alone() -> None:
    bill = Bill([line("x", "70", "sp"), line("y", "30")], [PLAN])
    before = list(bill.every_line())
    bill.value("x", Effect((Change(Decimal(0)),), adds=Decimal(3)))
    assert list(bill.every_line()) == before


AMOUNT = st.decimals("0", "10000", places=4, allow_nan=False)
LINES = st.lists(
    st.tuples(
        st.sampled_from("abcde"), AMOUNT, st.sampled_from(["", "", "sp", "ri"]), st.sampled_from(["m5.large", "c5.large"])
    ),
    min_size=1,
    max_size=12,
)
FACTOR = st.decimals("0", "1", places=3, allow_nan=False)
ACTIONS = st.lists(
    st.tuples(st.sampled_from("abcde"), FACTOR, st.sampled_from(["", "m5.small", "c6.large"]), st.booleans(), AMOUNT),
    max_size=8,
)


@given(LINES, ACTIONS)
def test_savings_telescope_and_never_exceed_the_spend(
    lines: list[tuple[str, Decimal, str, str]], actions: list[tuple[str, Decimal, str, bool, Decimal]]
) -> None:
    reservation = Commitment("ri", "P", "a", "reservation", {"family": "m5", "size_flexible": True})
    bill = Bill([line(r, str(c), k, str(c * 2) if k else None, m) for r, c, k, m in lines], [PLAN, reservation])
    before, saved = bill.total, Decimal(0)
    for resource, factor, sku, covered, cut in actions:
        cost, total = bill.cost(resource), bill.total
        outcome = bill.apply(resource, Effect((Change(factor, sku=sku, covered=covered),), cut=cut))
        assert outcome.stranded >= 0
        assert outcome.gross <= cost
        assert total - bill.total == outcome.net
        saved += outcome.net
    assert before - bill.total == saved
    assert saved <= before
    assert all(item.cost >= 0 for item in bill.every_line())


def test_a_pool_is_its_machines_together() -> None:
    both = Bill([line("n1", cost="60"), line("n2", cost="40"), line("other", cost="5")])
    half = Effect((Change(Decimal("0.5")),), adds=Decimal(3))
    outcome = both.value("n1\x1en2", half)
    assert outcome.net == Decimal("47")
    assert both.total == Decimal("105")
    both.apply("n1\x1en2", half)
    assert (both.cost("n1"), both.cost("n2"), both.cost("n1\x1en2")) == (Decimal("33"), Decimal("20"), Decimal("53"))
    assert both.total == Decimal("58")


def test_a_freed_plan_is_worth_what_it_takes_over() -> None:
    """70 of a plan at 30 % off cover 100 on demand: with 100 elsewhere to cover, the deleted machine's price is saved whole."""
    bill = Bill([line("x", "70", "sp", "100"), line("y", "120")], [PLAN])
    outcome = bill.apply("x", Effect((Change(Decimal(0)),)))
    assert (outcome.gross, outcome.gained, outcome.stranded, outcome.net) == (70, 30, 0, 100)
    assert bill.total == 90
    assert sorted((each.commitment, each.cost, each.on_demand) for each in bill.lines("y")) == [("", 20, 20), ("sp", 70, 100)]


def test_what_has_moved_here_moves_on_where_only_open_usage_is_changed() -> None:
    """An action leaves covered lines alone; what an earlier action has freed for them is open usage on the bill."""
    newer = Effect((Change(Decimal("0.6"), sku="m7.large", covered=False),))
    bill = Bill([line("x", "70", "sp", "100"), line("y", "40"), line("z", "500")], [PLAN])
    alone = bill.value("y", newer).net
    bill.apply("x", Effect((Change(Decimal(0)),)))
    assert [each.commitment for each in bill.lines("y")] == ["sp"]
    assert (alone, bill.value("y", newer).net) == (16, 16)
    held = Bill([line("y", "28", "sp", "40"), line("z", "500")], [PLAN])
    assert held.value("y", newer).net == 0


def test_the_highest_discount_is_served_first() -> None:
    """The plan is known to give 50 % on c5 and 30 % on m5: what is freed goes to c5 although m5 comes first by name."""
    shown = [line("a", "70", "sp", "100"), line("b", "50", "sp", "100", machine="c5.large")]
    bill = Bill([*shown, line("m", "40"), line("z", "100", machine="c5.large")], [PLAN])
    outcome = bill.apply("a", Effect((Change(Decimal(0)),)))
    # 50 of the 70 cover z's 100, the 20 left cover 28.57 of m's 40
    assert [each.commitment for each in bill.lines("z")] == ["sp"]
    assert outcome.gained == Decimal(50) + Decimal("28.571429") - 20
    assert outcome.stranded == 0


def test_a_family_that_the_bill_does_not_show_is_rated_by_the_price_list() -> None:
    """The plan gives 50 % on c5, which the bill shows, and 20 % on r5, which the list alone says."""
    lines = [line("a", "50", "sp", "100", machine="c5.large"), line("z", "100", machine="r5.large")]
    told = {"r5.large": 0.8}
    bill = Bill(lines, [PLAN], listed=lambda held, meter: told.get(meter.instance_type) if held is PLAN else None)
    outcome = bill.copy().apply("a", Effect((Change(Decimal(0)),)))
    assert outcome.gained == Decimal("62.5") - 50, "50 cover 62.50 of the 100"
    assert Bill(lines, [PLAN]).apply("a", Effect((Change(Decimal(0)),))).gained == 100 - 50, "as c5, where no list says"


RULE = Rule("P", "savings_plan_compute", "", 1, frozenset(), "discount")
OFF = {"m5.large": 0.7, "c5.large": 0.5, "r5.large": 0.9}
MACHINES = st.sampled_from(sorted(OFF))
HOURS = st.integers(0, 40)


def rated_bill(uses: list[tuple[str, int]], hourly: float) -> tuple[Bill, float]:
    """A bill as the rater makes it from one plan and machines of so many hours, price 1 an hour; and its total."""
    meters = [PricedMeter("P", "a", "r", "vm", machine, "Linux", 1.0) for machine, _ in uses]
    rates = {index: OFF[machine] for index, (machine, _) in enumerate(uses)}
    rated = rate(np.array([[float(hours) for _, hours in uses]]), meters, [Holding(PLAN, RULE, hourly, rates)])
    lines: list[Line] = []
    covered = {part.meter: part for part in rated.covered}
    for index, (machine, hours) in enumerate(uses):
        part = covered.get(index)
        taken = part.quantity if part else 0.0
        if part and taken:
            mine = line(f"i-{index}", repr(part.cost), "sp", repr(taken), machine)
            lines.append(replace(mine, quantity=Decimal(repr(taken))))
        if hours - taken > 1e-9:
            lines.append(
                replace(line(f"i-{index}", repr(hours - taken), machine=machine), quantity=Decimal(repr(hours - taken)))
            )
    unused = float(rated.unused.sum())
    if unused > 1e-9:
        lines.append(replace(line("unused", repr(unused), "sp"), category="Unused", quantity=Decimal(0)))
    return Bill(lines, [PLAN], rules=[RULE]), rated.total


@given(st.lists(st.tuples(MACHINES, HOURS), min_size=2, max_size=6), st.integers(1, 60))
def test_what_deleting_saves_is_what_the_rater_says(uses: list[tuple[str, int]], hourly: int) -> None:
    """Bill(before) − Bill(after) of the simulated bill against two rated bills that show every discount."""
    covered = [*uses, *((machine, 1000) for machine in OFF)]  # enough usage of each to show its discount on the bill
    bill, before = rated_bill(covered, float(hourly) + 1000 * sum(OFF.values()))
    if any(each.cost == 0 for each in bill.every_line()):
        return
    assert float(bill.total) == pytest.approx(before, abs=1e-4)
    outcome = bill.apply("i-0", Effect((Change(Decimal(0)),)))
    _, after = rated_bill([("m5.large", 0), *covered[1:]], float(hourly) + 1000 * sum(OFF.values()))
    assert float(outcome.net) <= before - after + 1e-4  # what is covered already stays where it is: never more than the rater's
    assert float(bill.total) == pytest.approx(before - float(outcome.net), abs=1e-4)


@given(st.lists(st.tuples(MACHINES, st.integers(1, 40)), min_size=2, max_size=6), st.integers(1, 60))
def test_with_one_discount_deleting_saves_exactly_what_the_rater_says(uses: list[tuple[str, int]], hourly: int) -> None:
    same = [("m5.large", hours) for _, hours in uses]
    bill, _ = rated_bill(same, float(hourly))
    bill.apply("i-0", Effect((Change(Decimal(0)),)))
    _, after = rated_bill(same[1:], float(hourly))
    assert float(bill.total) == pytest.approx(after, abs=1e-4)
