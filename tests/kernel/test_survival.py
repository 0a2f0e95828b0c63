"""From a history to the cohorts to expect, and to a schedule that does not lose where reads are doubtful."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from finops.storage.lifecycle import GB, OBJECTS, Batches, observed, schedule_cost
from finops.storage.survival import Doubt, History, choose, doubtful, expected
from finops.storage.tiering import ClassRule, Tariff

MONTHS = (-90, -60, -30, 0)


def steady(life: int, reads: dict[int, float], *, noisy: bool = False) -> History:
    """100 objects of 1 GB a day for 300 days; they live `life` days; `reads` of an object at an age."""
    born = np.arange(-300, 0)
    dies = born + life
    weights = np.full((3, 300), 100.0)
    of, day, amount = [], [], []
    for index, birth in enumerate(born):
        for age, count in reads.items():
            if age < life and birth + age < 0:
                of.append(index)
                day.append(birth + age)
                amount.append(100 * count * ((4 if (birth + age) // 30 == -1 else 0) if noisy else 1))
    pairs = np.array([amount, amount], dtype=float).reshape(2, -1)
    dies = np.where(dies <= 0, dies, 10**6)
    batches = Batches(born, dies, weights, np.array(of, dtype=np.int64), np.array(day, dtype=np.int64), pairs)
    months = tuple(observed(batches, a, b - a) for a, b in pairwise(MONTHS))
    stock = np.zeros((3, min(life, 300) + 1))
    stock[:, 1 : min(life, 300)] = 100.0
    return History(months, (30, 30, 30), stock)


TARIFFS = [Tariff("hot", ClassRule(), 0.02, 0.0, 0.0, 0.0, 0.0), Tariff("cold", ClassRule(30), 0.004, 0.0, 0.05, 0.01, 0.0)]


def test_a_steady_prefix_goes_on_as_it_was() -> None:
    cohorts = expected(steady(50, {3: 1.0}), 60)
    alive = cohorts.alive[OBJECTS].sum(axis=0)
    assert alive[:45].sum() / 60 == pytest.approx(100 * 45, rel=0.02)
    assert alive[51:].sum() == pytest.approx(0, abs=1e-3)
    assert cohorts.reads[0].sum() == pytest.approx(60 * 100, rel=0.05)
    assert cohorts.ends[GB].sum() == pytest.approx(60 * 100, rel=0.03)


def test_doubt_is_what_the_months_scatter() -> None:
    steady_reads, lumpy = steady(80, {40: 1.0}), steady(80, {40: 1.0}, noisy=True)
    for history, much in ((steady_reads, False), (lumpy, True)):
        likely = expected(history, 60)
        more = doubtful(history, likely, Doubt(), 1.0).reads[1].sum() - likely.reads[1].sum()
        assert bool(more > 0.5 * likely.reads[1].sum()) is much


def test_cold_objects_move_and_what_is_read_often_stays() -> None:
    assert choose(steady(250, {1: 2.0}), TARIFFS, (0, 7, 30, 60), 180, Doubt()).steps[-1][1] == "cold"
    often = dict.fromkeys(range(5, 250, 7), 1.0)
    assert choose(steady(250, often), TARIFFS, (0, 7, 30, 60), 180, Doubt()).steps == ((0, "hot"),)


def test_the_choice_never_loses_at_the_reads_to_be_feared() -> None:
    for life, reads in ((40, {1: 1.0}), (250, {90: 0.5}), (250, {30: 1.0, 60: 1.0, 90: 1.0})):
        history = steady(life, reads, noisy=True)
        chosen = choose(history, TARIFFS, (0, 7, 30, 60, 90), 180, Doubt())
        worst = doubtful(history, expected(history, 180), Doubt(), 1.0)
        nothing = schedule_cost(worst, TARIFFS, ((0, "hot"),))
        assert schedule_cost(worst, TARIFFS, chosen.steps) <= nothing * (1 + 1e-12)
