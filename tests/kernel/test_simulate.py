"""The simulated bill: what an action saves is what the total falls by, and never more than was there."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from finops.bill.simulate import Bill, Line
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
    # 70 of the plan are freed, y's 30 are taken over, 40 go on being paid for nothing
    assert (outcome.gross, outcome.stranded, outcome.net, bill.total) == (70, 40, 30, 70)


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
def test_savings_telescope_and_never_exceed_the_spend(lines: list, actions: list) -> None:
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
