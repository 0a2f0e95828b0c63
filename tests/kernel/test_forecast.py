"""Forecasting daily spend: what is known exactly, what is known in distribution, what is refused."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from finops.commitment.levels import Floats
from finops.forecast import Fee, fees, fees_ahead, forecast, repeated, without_fees, without_spikes

WEEK = np.array([100.0, 110.0, 120.0, 110.0, 100.0, 40.0, 30.0])


def test_two_weeks_are_the_least() -> None:
    assert forecast(np.ones(13), 5) is None
    assert forecast(np.ones(14), 5) is not None
    assert forecast(np.ones(60), 0) is None


def test_a_weekly_pattern_goes_on() -> None:
    found = forecast(np.tile(WEEK, 10), 7)
    assert found is not None
    assert found.daily == pytest.approx(WEEK, rel=1e-3)
    assert found.interval() == pytest.approx((WEEK.sum(), WEEK.sum()), rel=1e-3)


def test_growth_goes_on_and_slows() -> None:
    found = forecast(100 + np.arange(70.0), 14)
    assert found is not None
    assert 170 * 14 < found.total <= (170 + np.arange(14)).sum() + 14


def test_the_interval_holds_what_it_promises() -> None:
    """80 % intervals of the sum over ten days, on noise with a weekly pattern: 74 to 92 % hold on 200 seeded accounts."""
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        series = np.tile(WEEK, 14) * rng.lognormal(0, 0.1, 98)
        found = forecast(series[:88], 10)
        assert found is not None
        low, high = found.interval(0.8) or (0.0, 0.0)
        inside += low <= series[88:].sum() <= high
    assert 148 <= inside <= 184


def test_how_likely_a_budget_is_exceeded() -> None:
    rng = np.random.default_rng(1)
    found = forecast(100 + rng.normal(0, 10, 90), 10)
    assert found is not None
    assert found.exceeds(1500) == 0.0
    assert found.exceeds(500) == 1.0
    assert 0.2 < (found.exceeds(found.total) or 0) < 0.8


def test_little_history_has_no_interval() -> None:
    found = forecast(np.ones(20), 10)
    assert found is not None
    assert (found.interval(), found.exceeds(1.0)) == (None, None)


def test_fees_of_a_day_of_the_month_are_known() -> None:
    first = date(2026, 6, 1)
    history = np.full(100, 10.0)
    for index in (0, 30, 61, 92):  # the first of June to September
        history[index] = 510.0
    found = fees(first, history)
    assert found == (Fee(1, 500.0),)
    assert without_fees(first, history, found) == pytest.approx(np.full(100, 10.0))
    assert fees_ahead(date(2026, 9, 29), 4, found).tolist() == [0.0, 500.0, 0.0, 0.0]


def test_one_spike_is_no_fee() -> None:
    history = np.full(60, 10.0)
    history[20] = 500.0
    assert fees(date(2026, 6, 1), history) == ()


def days_of_fee(first: date, history: Floats, day: int, amount: float) -> Floats:
    """The history with an amount more on that day of each month."""
    due: Floats = np.array([amount if (first + timedelta(days=n)).day == day else 0.0 for n in range(history.size)])
    return history + due


def test_a_fee_on_a_growing_bill_is_known() -> None:
    first = date(2026, 4, 10)
    history = days_of_fee(first, np.linspace(3_000, 7_000, 176), 1, 5_500)
    (fee,) = fees(first, history)
    assert (fee.day, fee.amount) == (1, pytest.approx(5_500, rel=0.02))
    assert without_fees(first, history, (fee,)) == pytest.approx(np.linspace(3_000, 7_000, 176), rel=0.02)


def test_a_new_level_is_no_fee() -> None:
    history = np.concatenate([np.full(100, 600.0), np.full(60, 5_400.0)])
    assert fees(date(2026, 4, 12), history) == ()


def test_a_fee_that_has_ended_is_none() -> None:
    first = date(2026, 5, 1)
    history = days_of_fee(first, np.full(120, 100.0), 1, 900.0)
    assert [fee.day for fee in fees(first, history)] == [1]
    history[92] = 100.0  # the first of August, the last that is known
    assert fees(first, history) == ()


@pytest.mark.parametrize("after", [14, 20, 45])
def test_a_new_level_is_forecast_from_itself(after: int) -> None:
    history = np.concatenate([np.full(140, 600.0), np.full(after, 5_400.0)])
    found = forecast(history, 20)
    assert found is not None
    assert found.total == pytest.approx(20 * 5_400.0, rel=0.02)
    low, high = found.interval() or (0.0, 0.0)
    assert low <= found.total <= high


def test_growth_and_weekends_are_no_new_level() -> None:
    week = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1])
    history = np.tile(week, 20) * np.linspace(100, 190, 140)
    found = forecast(history, 14)
    assert found is not None
    assert found.total == pytest.approx(float(np.tile(week, 2).sum() * 190), rel=0.1)


def spiked(*where: int, by: float = 900.0, days: int = 120) -> Floats:
    history = np.full(days, 100.0)
    history[list(where)] += by
    return history


SPIKES = {
    "one": (spiked(100), 120 * 100.0, 0.0),
    "two days": (spiked(100, 101), 120 * 100.0, 0.0),
    "a day that is missing": (spiked(100, by=-90.0), 120 * 100.0, 0.0),
    "nobody knows yet": (spiked(119), 120 * 100.0, 900.0),
    "a level that lasts": (spiked(117, 118, 119), 120 * 100.0 + 2_700, 0.0),
    "a level": (spiked(*range(110, 120)), 120 * 100.0 + 9_000, 0.0),
    "what comes again": (spiked(70, 100), 120 * 100.0 + 1_800, 0.0),
    "each week": (spiked(*range(1, 120, 7)), spiked(*range(1, 120, 7)).sum(), 0.0),
    "a week ago nobody spent": (np.concatenate([np.zeros(20), np.full(5, 70.0)]), 350.0, 0.0),
}


@pytest.mark.parametrize("case", SPIKES)
def test_a_single_spike_is_no_level(case: str) -> None:
    history, total, newest = SPIKES[case]
    plain, stands_out = without_spikes(history)
    assert (plain.sum(), stands_out) == (pytest.approx(total), pytest.approx(newest))


def test_a_charge_is_due_again_where_it_came_both_of_the_last_times() -> None:
    first, last = date(2026, 7, 10), date(2026, 10, 28)
    charges = {date(2026, 9, 1): 75.0, date(2026, 10, 1): 250_075.0, date(2026, 8, 5): 9.0, date(2026, 10, 5): 9.0}
    assert repeated(charges, first, last) == (Fee(1, 75.0),)
