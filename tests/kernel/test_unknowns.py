"""Unknowns: what is missing, by the spend that waits for it, and which resources wait."""

from __future__ import annotations

from decimal import Decimal

from finops.unknowns import NAMED
from tests.estate import Estate
from tests.recommenders.test_plan import plan_of


def unmeasured(count: int) -> Estate:
    estate = Estate()
    for n in range(count):
        estate.charge(f"ep-{n:03}", 1.0 + n).resource(f"ep-{n:03}", "AWS::SageMaker::Endpoint")
    return estate


def test_what_waits_for_a_fact_is_named_dearest_first() -> None:
    (missing,) = [m for m in plan_of(unmeasured(3), "idle").unknowns if m.missing == "requests"]
    assert missing.ids == ("ep-002", "ep-001", "ep-000")
    assert missing.resources == 3
    assert missing.spend_at_stake == Decimal("182.50")  # 30 × 6 × 730/720
    assert "ids" not in missing.row


def test_names_are_bounded_and_the_count_is_not() -> None:
    (missing,) = [m for m in plan_of(unmeasured(NAMED + 5), "idle").unknowns if m.missing == "requests"]
    assert len(missing.ids) == NAMED
    assert missing.resources == NAMED + 5
    assert "ep-000" not in missing.ids
