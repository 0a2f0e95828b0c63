"""Unusual days: found where something was added, on the day it began; not in noise, weekends, fees, or jobs now and then."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from finops.anomaly import unusual

START = date(2026, 6, 1)
DAYS = 114
SINCE = START + timedelta(days=DAYS - 30)


def spend(seed: int, *, noise: float = 0.05, weekend: float = 0.4) -> np.ndarray:
    """100 a day with noise, less on weekends."""
    days = np.arange(DAYS)
    level = np.where((days % 7) >= 5, 100 * weekend, 100.0)
    return level * np.random.default_rng(seed).normal(1, noise, DAYS)


def test_noise_and_weekends_are_usual() -> None:
    found = [span for seed in range(200) for span in unusual(START, spend(seed), since=SINCE)]
    # 6,000 days looked at
    assert len(found) <= 6


@pytest.mark.parametrize("began", [DAYS - 1, DAYS - 10, DAYS - 25])
def test_half_more_is_found_on_its_first_day(began: int) -> None:
    for seed in range(20):
        history = spend(seed)
        history[began:] *= 1.5
        span = unusual(START, history, since=SINCE)[-1]
        assert span.first == START + timedelta(days=began)
        assert span.last == START + timedelta(days=DAYS - 1)
        assert abs(span.above - (history[began:].sum() - history[began:].sum() / 1.5)) < 0.1 * history[began:].sum()
        assert span.low < span.expected < span.high < span.actual


def test_one_day_is_one_day() -> None:
    history = spend(1)
    history[-12] += 100
    (span,) = unusual(START, history, since=SINCE)
    assert (span.first, span.last, span.days) == (START + timedelta(days=DAYS - 12),) * 2 + (1,)


def test_what_has_lasted_four_weeks_is_the_new_level() -> None:
    history = spend(2)
    history[DAYS - 60 :] *= 1.5
    assert unusual(START, history, since=START + timedelta(days=DAYS - 20)) == []


def test_a_fee_on_the_first_of_each_month_is_known() -> None:
    history = spend(3)
    for index in range(DAYS):
        if (START + timedelta(days=index)).day == 1:
            history[index] += 900
    assert unusual(START, history, since=SINCE) == []


def test_what_is_charged_on_the_first_alone_is_known() -> None:
    history = np.array([300.0 if (START + timedelta(days=n)).day == 1 else 0.0 for n in range(DAYS)])
    assert unusual(START, history, since=SINCE) == []


def test_a_job_that_runs_now_and_then_is_usual() -> None:
    found = 0
    for seed in range(50):
        random = np.random.default_rng(seed)
        history = np.where(random.random(DAYS) < 0.25, random.normal(40, 4, DAYS), 0.0)
        found += len(unusual(START, history, since=SINCE))
    assert found <= 3


def test_what_begins_is_unusual_and_little_history_is_silent() -> None:
    history = np.concatenate([np.zeros(DAYS - 5), np.full(5, 20.0)])
    (span,) = unusual(START, history, since=SINCE)
    assert (span.days, span.expected, span.above) == (5, 0.0, 100.0)
    assert unusual(START, np.array([1.0] * 10 + [100.0]), since=START) == []
    assert unusual(START, np.zeros(0), since=START) == []
    assert unusual(START, np.zeros(60), since=START) == []


def test_cheaper_is_not_unusual() -> None:
    history = spend(4)
    history[-10:] /= 3
    assert unusual(START, history, since=SINCE) == []
