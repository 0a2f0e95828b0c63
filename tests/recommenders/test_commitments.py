"""Commitments against automatic discounts, and those that lapse."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from finops.runner import plans
from tests.estate import AS_OF, Estate


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
    assert r.finding.verdict.action.target == "cud_flexible 1y, 7.300 USD/h"  # type: ignore[union-attr]
    assert r.alone == Decimal("1452.94")
    assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": Decimal("1452.94")}]


def reserved(*, end: datetime, unused: float = 0.0) -> Estate:
    made = Estate().charge("gpt", 240.0, days=11, CommitmentDiscountId="RI-1", CommitmentDiscountStatus="Used")
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


@pytest.mark.parametrize(
    ("estate", "whys"),
    [
        # 11 days in force, scaled to 30: 240 × 30 × 730/720 = 7,300.00 for what costs 21,900.00 on demand
        (
            reserved(end=NOVEMBER),
            [
                "watch: reservation 30 ptu lapses on 2026-11-21; "
                "renewing it for 7,300.00 USD a month keeps 14,600.00 USD a month"
            ],
        ),
        (reserved(end=DECEMBER), []),
        (reserved(end=NOVEMBER, unused=20.0), []),
    ],
    ids=["lapses and is full", "lapses later", "lapses unused"],
)
def test_what_lapses_and_is_used_to_the_full_is_watched(estate: Estate, whys: list[str]) -> None:
    (plan,) = plans(estate, AS_OF, kinds=("commitments",))
    assert [kept.why for kept in plan.keeps] == whys
    assert plan.saving == 0
