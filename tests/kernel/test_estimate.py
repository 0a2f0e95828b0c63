"""Estimators: each step and its words; histograms never understate."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.sizing.estimate import (
    Confidence,
    Floor,
    Margin,
    NextStep,
    bucket_of,
    estimate,
    observed,
    quantile,
    range_share,
    upper_edge,
)


def test_the_steps_compose_and_explain_themselves() -> None:
    need = estimate(observed(54, "GiB", "highest use"), (Margin(0.15), Confidence(90), Floor(8), NextStep(32, 64)))
    assert need.amount == 64  # 54 × 1.15 × 91/90 = 62.79
    assert need.explain() == (
        "highest use: 54 GiB; plus 15% margin: 62.1 GiB; × 1.011 for 90 days of history: 62.79 GiB; "
        "sold in steps of 32 from 64: 64 GiB"
    )


@pytest.mark.parametrize(("amount", "expected"), [(0.2, 1.0), (3.0, 3.0)])
def test_a_floor(amount: float, expected: float) -> None:
    assert Floor(1.0).apply(observed(amount, "vCPU", "p99")).amount == expected


@pytest.mark.parametrize(("amount", "expected"), [(1, 50), (50, 50), (50.1, 100), (100, 100)])
def test_the_next_step_that_is_sold(amount: float, expected: float) -> None:
    assert NextStep(50, 50).apply(observed(amount, "units", "p99")).amount == expected


def test_less_history_asks_for_more_and_widens_the_range() -> None:
    assert [Confidence(d).apply(observed(1, "x", "")).amount for d in (1, 10)] == [2.0, 1.1]
    assert range_share(1) > range_share(14) > range_share(90) >= 0.03


@given(st.lists(st.floats(0, 1e12, allow_subnormal=False), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_never_below_the_sample_and_at_most_a_bucket_above(values: list[float], q: float) -> None:
    exact = sorted(values)[max(0, math.ceil(q * len(values) - 1e-9) - 1)]
    found = quantile(Counter(map(bucket_of, values)), q, max(values))
    assert exact * (1 - 1e-9) <= found <= max(exact * 1.0501, 1e-20)


def test_buckets_hold_their_values() -> None:
    for value in (1e-3, 1.0, 1.05, 99.9, 7e9):
        assert upper_edge(bucket_of(value) - 1) <= value * (1 + 1e-9)
        assert value <= upper_edge(bucket_of(value)) * (1 + 1e-9)
    assert upper_edge(bucket_of(0.0)) == 0.0
    with pytest.raises(ValueError, match="nothing"):
        quantile({}, 0.5, 1.0)
