"""The level of a commitment: exact against every possible level, and the scopes that commitments have."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.commitment.levels import Commitment, best_level, break_even_month, evaluate, family, ladder


def cost(demand: np.ndarray, discounts: np.ndarray, level: float) -> float:
    """By the hour and by hand: the plan pays for meters in order of discount; the rest is charged on demand."""
    total = 0.0
    for hour in demand:
        left = level
        total += level
        for meter in np.argsort(-discounts, kind="stable"):
            paid = min(left, hour[meter] * (1 - discounts[meter]))
            left -= paid
            total += hour[meter] - paid / (1 - discounts[meter])
    return total


@given(
    st.lists(st.lists(st.integers(0, 20), min_size=2, max_size=2), min_size=1, max_size=8),
    st.lists(st.sampled_from([0.1, 0.2, 0.27, 0.5]), min_size=2, max_size=2),
)
def test_no_level_is_cheaper(hours: list[list[int]], rates: list[float]) -> None:
    demand, discounts = np.array(hours, float), np.array(rates)
    best = best_level(demand, discounts)
    order = np.argsort(-discounts, kind="stable")
    breakpoints = {0.0, *np.cumsum(demand[:, order] * (1 - discounts[order]), axis=1).ravel().tolist()}
    cheapest = min(cost(demand, discounts, level) for level in breakpoints)
    assert cost(demand, discounts, best) == pytest.approx(cheapest, abs=1e-9)
    level = evaluate(demand, discounts, best)
    assert level.saving * len(hours) == pytest.approx(demand.sum() - cost(demand, discounts, best), abs=1e-9)


def test_one_rate_is_the_quantile_of_demand() -> None:
    # at d = 0.3 the next unit pays while more than 70 % of hours use it: 10 hours of 1 … 10 → level 3 of demand
    demand = np.arange(1.0, 11.0).reshape(-1, 1)
    assert best_level(demand, np.array([0.3])) / 0.7 == pytest.approx(3.0)


def test_an_empty_or_undiscounted_demand_is_not_committed_to() -> None:
    assert best_level(np.zeros((0, 0)), np.array([])) == 0
    assert best_level(np.zeros((24, 1)), np.array([0.3])) == 0
    assert best_level(np.ones((24, 1)), np.array([0.0])) == 0


def test_a_ladder_sums_to_its_total() -> None:
    parts = ladder(Decimal("10.003"), 4, Decimal("0.001"))
    assert parts == (Decimal("2.501"), Decimal("2.501"), Decimal("2.501"), Decimal("2.500"))


def test_break_even_is_the_term_times_the_price_ratio() -> None:
    level = evaluate(np.full((24, 1), 10.0), np.array([0.25]), 7.5)
    assert (level.saving, level.used, break_even_month(level, 12)) == (2.5, 1.0, 9.0)


@pytest.mark.parametrize(
    ("sku", "expected"),
    [
        ("m5.xlarge", "m5"),
        ("db.r5.large", "db.r5"),
        ("n2-standard-8", "n2"),
        ("Standard_D4s_v3", "Standard_D*s_v3"),
        ("Standard_NC24ads_A100_v4", "Standard_NC*ads_A100_v4"),
    ],
)
def test_families(sku: str, expected: str) -> None:
    assert family(sku) == expected


@dataclass
class Use:
    provider: str = "P"
    account: str = "a"
    region: str = "r"
    instance_type: str = "m5.large"
    operating_system: str = "Linux"


@pytest.mark.parametrize(
    ("instrument", "scope", "use", "covers"),
    [
        ("savings_plan_compute", {}, Use(), True),
        ("savings_plan_compute", {}, Use(provider="Q"), False),
        ("savings_plan_compute", {"shared": False}, Use(account="b"), False),
        ("savings_plan_family", {"family": "m5", "region": "r"}, Use(), True),
        ("savings_plan_family", {"family": "m5", "region": "r"}, Use(instance_type="m6i.large"), False),
        ("savings_plan_family", {"family": "m5", "region": "q"}, Use(), False),
        ("reservation", {"sku": "m5.large"}, Use(), True),
        ("reservation", {"sku": "m5.xlarge"}, Use(), False),
        ("reservation", {"sku": "m5.xlarge", "size_flexible": True}, Use(), True),
        ("reservation", {"sku": "m5.large", "operating_system": "Windows"}, Use(), False),
        ("reservation", {}, Use(), False),
    ],
)
def test_scopes(instrument: str, scope: dict[str, object], use: Use, covers: bool) -> None:
    assert Commitment("c", "P", "a", instrument, scope).covers(use) is covers
