"""Buckets whose stored bytes cost nothing, and listings with bands in which nothing lies: no reason to stop for all others."""

from __future__ import annotations

from tests.recommenders.test_plan import plan_of
from tests.recommenders.test_storage_tiering import TIB, bucket


def test_bytes_that_cost_nothing_save_nothing() -> None:
    """A free allowance: the bill states the bytes at no cost, and charges requests."""
    estate = bucket(("", "STANDARD", 90, 400, 1000, TIB, 0, 0), cost=5.0, noncurrent_bytes=TIB)
    estate.charge("b", 0.0, ServiceCategory="Storage", PricingUnit="GB-Months", SkuMeter="free", quantity=1.0)
    plan = plan_of(estate, "storage_tiering")
    assert (plan.failed, plan.recommendations) == ((), ())
    assert "the bill charges nothing for what it stores" in [kept.why for kept in plan.keeps]


def test_a_band_in_which_nothing_lies_is_no_band() -> None:
    held = ("", "STANDARD", 90, 400, 1000, TIB, 0, 0)
    plan = plan_of(bucket(held, ("empty/", "STANDARD", 90, 400, 0, 0, 0, 0), cost=30.0), "storage_tiering")
    assert plan.failed == ()
    assert [r.finding.scope.resource for r in plan.recommendations] == ["b"]
