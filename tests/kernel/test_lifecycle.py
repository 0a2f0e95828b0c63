"""Lifecycle schedules: the shortest path equals brute force, object by object, on random small prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.storage.lifecycle import Batches, Cohorts, cheapest_schedule, observed, schedule_cost
from finops.storage.tiering import DAYS_PER_MONTH, ClassRule, Tariff

KIB = 1 / 2**20
HORIZON = 20


def batches(
    born: Sequence[int], dies: Sequence[int], gb: Sequence[float], reads: Sequence[tuple[int, int]] = (), kib: float = 128
) -> Batches:
    """Single objects; `reads` are (object, day)."""
    sizes = np.array(gb, dtype=float)
    pairs = np.array(reads, dtype=np.int64).reshape(-1, 2)
    weights = np.stack([np.ones(len(sizes)), sizes, np.maximum(sizes, kib * KIB)])
    amounts = np.stack([np.ones(len(pairs)), sizes[pairs[:, 0]]])
    return Batches(np.array(born), np.array(dies), weights, pairs[:, 0], pairs[:, 1], amounts)


@st.composite
def prefixes(draw: st.DrawFn) -> Batches:
    number = draw(st.integers(1, 6))
    born = [draw(st.integers(-15, HORIZON - 1)) for _ in range(number)]
    dies = [max(b + draw(st.integers(1, 50)), 1) for b in born]
    gb = [draw(st.sampled_from([50 * KIB, 200 * KIB, 0.5, 3.0])) for _ in range(number)]
    reads = [
        (i, day)
        for i in range(number)
        for day in draw(st.lists(st.integers(max(born[i], 0), HORIZON - 1), max_size=4))
        if born[i] <= day < dies[i]
    ]
    return batches(born, dies, gb, reads)


@st.composite
def tariff_lists(draw: st.DrawFn) -> list[Tariff]:
    price = st.floats(0.0, 1.0, allow_nan=False)
    days, kib = st.integers(0, 12), st.sampled_from([0.0, 128.0])
    storage = sorted((draw(st.floats(0.001, 1.0)) for _ in range(3)), reverse=True)
    tariffs = [Tariff("c0", ClassRule(), storage[0], draw(price), 0.0, 0.0, 0.0)]
    for rank in (1, 2):
        rule = ClassRule(
            draw(days), draw(kib), earliest_days=draw(st.sampled_from([0, 3])), overhead_kib=draw(kib), index_kib=8
        )
        fees = (draw(price), draw(price), draw(st.floats(0, 50)), draw(price))
        tariffs.append(Tariff(f"c{rank}", rule, storage[rank], *fees, index_storage=storage[0]))
    return tariffs


def simulated(objects: Batches, tariffs: list[Tariff], steps: tuple[tuple[int, str], ...]) -> float:
    """The bill of the horizon, object by object and day by day, written without any array."""
    by_name = {t.name: t for t in tariffs}
    ages = [age for age, _ in steps]
    total = 0.0
    for i, (born, dies, gb) in enumerate(zip(objects.born, objects.dies, objects.weights[1], strict=True)):
        holding, since = tariffs[0], None
        for day in range(max(born, 0), min(dies, HORIZON)):
            age = int(day - born)
            wanted = by_name[steps[max(k for k, a in enumerate(ages) if a <= age)][1]]
            if wanted is not holding:
                total += wanted.transition / 1000
                total += _left(holding, since, age, gb)
                holding, since = wanted, age
            total += _charged(holding, gb) * holding.storage / DAYS_PER_MONTH + holding.monitoring / 1000 / DAYS_PER_MONTH
            count = sum(1 for o, d in zip(objects.read_of, objects.read_day, strict=True) if (o, d) == (i, day))
            total += count * (holding.reads / 1000 + gb * holding.retrieval)
        if 0 < dies <= HORIZON:
            total += _left(holding, since, int(dies - born), gb)
    return total


def _left(holding: Tariff, since: int | None, age: int, gb: float) -> float:
    if since is None:
        return 0.0
    return max(0, since + holding.rule.min_days - age) * _charged(holding, gb) * holding.storage / DAYS_PER_MONTH


def _charged(holding: Tariff, gb: float) -> float:
    return max(gb, holding.rule.min_kib * KIB) + holding.overhead_gb


GRID = (0, 2, 3, 5, 9, 14, 21)


def schedules(tariffs: list[Tariff]) -> list[tuple[tuple[int, str], ...]]:
    """Every schedule on the grid: some of the classes in their order, at rising ages."""
    found = []
    for count in (1, 2, 3):
        for classes in combinations(range(3), count):
            for rest in combinations(GRID[1:], count - 1):
                ages = (0, *rest)
                if all(r == 0 or a >= tariffs[r].rule.earliest_days for r, a in zip(classes, ages, strict=True)):
                    found.append(tuple((a, tariffs[r].name) for r, a in zip(classes, ages, strict=True)))
    return found


@settings(max_examples=60, deadline=None)
@given(prefixes(), tariff_lists())
def test_the_shortest_path_is_the_best_of_all_schedules(objects: Batches, tariffs: list[Tariff]) -> None:
    cohorts = observed(objects, 0, HORIZON)
    best = cheapest_schedule(cohorts, tariffs, GRID)
    costs = {steps: simulated(objects, tariffs, steps) for steps in schedules(tariffs)}
    assert best.cost == pytest.approx(min(costs.values()), rel=1e-9, abs=1e-12)
    for steps, cost in costs.items():
        assert schedule_cost(cohorts, tariffs, steps) == pytest.approx(cost, rel=1e-9, abs=1e-12)


def test_early_deletion_is_charged_to_the_minimum() -> None:
    """1 GB, moved on day 2 to a class with a minimum of 10 days, deleted after 5 days there: 5 days are paid for nothing."""
    objects = batches([0], [7], [1.0])
    tariffs = [Tariff("hot", ClassRule(), 0.3, 0, 0, 0, 0), Tariff("cold", ClassRule(10), 0.03, 0, 0, 1000, 0)]
    cohorts: Cohorts = observed(objects, 0, HORIZON)
    cost = schedule_cost(cohorts, tariffs, ((0, "hot"), (2, "cold")))
    assert cost == pytest.approx((2 * 0.3 + 10 * 0.03) / DAYS_PER_MONTH + 1)
