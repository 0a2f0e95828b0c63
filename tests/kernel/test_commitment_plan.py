"""The joint plan: the same optimum as the sweep for one instrument, and never worse than simple rules for several."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.commitment.levels import best_level, evaluate
from finops.commitment.plan import Product, Purchase, best_plan, compress, ladder_dates, spent

hours_of = st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=1, max_size=12)
rates_of = st.lists(st.sampled_from([0.1, 0.19, 0.27, 0.4, 0.55]), min_size=3, max_size=3)


@given(hours_of, rates_of)
@settings(max_examples=60, deadline=None)
def test_one_plan_costs_what_the_sweep_says(hours: list[list[int]], discounts: list[float]) -> None:
    demand, off = np.array(hours, float), np.array(discounts)
    plan = best_plan(demand, [Product("plan", 1 - off)], [Purchase(0, 0, len(demand))])
    sweep = evaluate(demand, off, best_level(demand, off)).saving * len(demand)
    assert plan.saving == pytest.approx(sweep, abs=1e-9, rel=1e-9)


@given(hours_of, rates_of)
@settings(max_examples=30, deadline=None)
def test_the_program_and_the_bill_agree(hours: list[list[int]], discounts: list[float]) -> None:
    """A lock per meter that is deeper than the plan: the providers' order is the cheapest one."""
    demand, off = np.array(hours, float), np.array(discounts)
    locks = [Product(f"m{m}", np.where(np.arange(3) == m, 1 - off[m] - 0.1, np.nan)) for m in range(3)]
    products = [*locks, Product("plan", 1 - off)]
    purchases = [Purchase(p, 0, len(demand)) for p in range(4)]
    plan = best_plan(demand, products, purchases)
    assert spent(demand, products, purchases, plan.amounts) == pytest.approx(plan.cost, abs=1e-7)
    assert plan.saving >= best_plan(demand, products[3:], [Purchase(0, 0, len(demand))]).saving - 1e-9


def test_whole_units_and_start_dates() -> None:
    # 10 for ten periods, then 25: at 40 % off, reservations of 6.0 (10 of demand) each. One from the start; of the two
    # more that 25 could use, the second would be half idle: 6.0 paid for 5 of demand
    demand = np.array([[10.0]] * 10 + [[25.0]] * 10)
    products = [Product("reservation", np.array([0.6]))]
    purchases = [Purchase(0, start, start + 10, unit=6.0) for start in (0, 10)]
    plan = best_plan(demand, products, purchases)
    assert plan.amounts.tolist() == pytest.approx([6.0, 12.0])
    assert plan.saving == pytest.approx(10 * 4 + 10 * 8)


def test_terms_and_payments_compete() -> None:
    # the longer term is deeper but outlives the demand; paid upfront the shorter one is 5 % cheaper
    demand = np.array([[8.0]] * 12 + [[0.0]] * 24)
    products = [Product("1y", np.array([0.7])), Product("3y", np.array([0.5]))]
    purchases = [Purchase(0, 0, 12), Purchase(0, 0, 12, cost=0.95), Purchase(1, 0, 36)]
    plan = best_plan(demand, products, purchases)
    assert plan.amounts.tolist() == pytest.approx([0.0, 5.6, 0.0])


def test_compression_weighs_equal_periods_and_keeps_totals() -> None:
    demand = np.repeat(np.array([[1.0, 2.0], [3.0, 0.0]]), 50, axis=0)
    curve = compress(demand, [50], 4)
    assert (curve.weights.tolist(), curve.periods.tolist()) == ([50.0, 50.0], [0, 50])
    varied = np.random.default_rng(0).random((1000, 3))
    few = compress(varied, [400], 10)
    assert few.weights @ few.points == pytest.approx(varied.sum(axis=0))
    assert len(few.weights) == 20


def test_a_compressed_plan_is_within_a_thousandth_of_the_exact_one() -> None:
    rng = np.random.default_rng(1)
    demand = 10 + rng.random((600, 3)) + 3 * np.sin(np.arange(600) / 24 * 2 * np.pi)[:, None]
    products = [Product("lock", np.array([0.6, np.nan, np.nan])), Product("plan", np.full(3, 0.73))]
    purchases = [p for k in (0, 1) for p in ladder_dates(0, 300, 150, 300, k)]
    exact, rough = best_plan(demand, products, purchases), best_plan(demand, products, purchases, bins=24)
    kept = spent(demand, products, purchases, rough.amounts)
    assert exact.cost - 1e-6 <= kept <= exact.cost * 1.001
