"""Allocation: every line goes somewhere, once, and the parts are the bill."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.queries import SHARED, UNTAGGED, Allocation, Condition, TeamRule, allocate
from finops.queries.teams import apportion
from tests.estate import AS_OF, Estate

FIRST = AS_OF - timedelta(days=29)


def bill() -> Estate:
    estate = Estate()
    for number, tags in enumerate(('{"team":"vision"}', '{"team":"nlp"}', "{}")):
        estate.add("tag_sets", x_source="s", x_billing_period="2026-10", x_tags_id=f"t{number}", Tags=tags)
    estate.charge("i-1", 10.0, x_tags_id="t0").charge("i-2", 5.5, x_tags_id="t1").charge("i-3", 2.0, x_tags_id="t2")
    estate.charge("i-4", 1.25)
    estate.charge("", 3.0, ChargeCategory="Tax", ResourceId=None)
    return estate.charge("", 0.75, ResourceId=None, CommitmentDiscountStatus="Unused", CommitmentDiscountId="ri")


def parts(allocation: Allocation, first: date = FIRST) -> dict[str, Decimal]:
    return {row.team: row.total for row in allocate(bill(), allocation, first=first, last=AS_OF)}


def test_tags_shared_and_untagged() -> None:
    assert parts(Allocation()) == {
        "vision": Decimal(300), "nlp": Decimal(165), UNTAGGED: Decimal("97.5"), SHARED: Decimal("112.5"),
    }  # fmt: skip


def test_the_first_rule_that_fits_decides_before_any_tag() -> None:
    rules = (
        TeamRule("platform", (Condition.parse("resource=i-1"), Condition.parse("region=us-east-1"))),
        TeamRule("never", (Condition.parse("resource=i-1"),)),
        TeamRule("finance", (Condition.parse("charge=Tax"),)),
    )
    found = parts(Allocation(rules))
    assert (found["platform"], found["finance"], found.get("vision")) == (Decimal(300), Decimal(90), None)


def test_keys_that_differ_in_case_alone_are_one() -> None:
    whole = parts(Allocation(tags=("TEAM",)))
    assert whole == parts(Allocation(tags=("team",)))
    assert whole["vision"] > 0


def test_a_tag_of_another_name() -> None:
    assert parts(Allocation(tags=("cost_center",)))[UNTAGGED] == Decimal("562.5")


@pytest.mark.parametrize("spread", ["proportional", "even"])
def test_the_shared_line_is_spread_to_the_cent(spread: Any) -> None:
    found = allocate(bill(), Allocation(spread=spread), first=FIRST, last=AS_OF)
    assert SHARED not in {row.team for row in found}
    assert sum((row.shared for row in found), Decimal(0)) == Decimal("112.50")
    assert sum((row.total for row in found), Decimal(0)) == Decimal(675)


def test_days_limit_what_is_allocated() -> None:
    assert parts(Allocation(), first=AS_OF)["vision"] == Decimal(10)


AMOUNTS = st.decimals(-10_000, 10_000, places=4, allow_nan=False)


@given(AMOUNTS, st.lists(st.decimals(0, 100, places=2).filter(lambda weight: weight > 0), min_size=1, max_size=9))
def test_parts_sum_to_whole_cents(amount: Decimal, weights: list[Decimal]) -> None:
    found = apportion(amount, weights)
    assert sum(found, Decimal(0)) == amount.quantize(Decimal("0.01"))
    assert all(part == part.quantize(Decimal("0.01")) for part in found)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.decimals(-50, 500, places=2)), min_size=1, max_size=6), st.booleans()
)
def test_the_allocated_total_is_the_bill(lines: list[tuple[str, Decimal]], evenly: bool) -> None:
    estate = Estate()
    for number, (team, daily) in enumerate(lines):
        tags = f'{{"team":"{team}"}}'
        estate.add("tag_sets", x_source="s", x_billing_period="2026-10", x_tags_id=f"t{number}", Tags=tags)
        estate.charge(f"i-{number}", float(daily), days=2, x_tags_id=f"t{number}")
    estate.charge("", 1.23, days=2, ChargeCategory="Tax", ResourceId=None)
    allocation = Allocation(spread="even" if evenly else "proportional")
    total = sum((row.total for row in allocate(estate, allocation, first=None, last=None)), Decimal(0))
    assert total == 2 * (sum((daily for _, daily in lines), Decimal(0)) + Decimal("1.23"))
