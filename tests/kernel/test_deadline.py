"""The deadline policy against plain enumeration, against adversaries, and against what it cannot know."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.spot.availability import Planner, run_ages, zone_chain, zones_of
from finops.spot.deadline import IDLE, Market, Mode, Terms, advance, solve

TERMS = Terms(5, 6, (1 / 3,), 1.0)


def enumerated(terms: Terms, steps: int, work: int, market: Market) -> dict[int, float]:
    """The least expected cost by the first step's state, by plain recursion over every choice and outcome."""
    states, zones = market.available.shape

    @cache
    def cost(to_go: int, state: int, mode: Mode, work: int) -> float:
        if work <= 0:
            return 0.0
        if to_go == 0:
            return float("inf")
        if 1 <= mode.action <= zones and not market.available[state, mode.action - 1]:
            mode = Mode()
        best = float("inf")
        for action in range(zones + 2):
            if 1 <= action <= zones and not market.available[state, action - 1]:
                continue
            after, left, paid = advance(terms, mode, action, work)
            later = [cost(to_go - 1, nxt, after, left) for nxt in range(states)]
            chances = market.transition[state]
            best = min(best, paid + sum(p * c for p, c in zip(chances, later, strict=True) if p > 0))
        return best

    return {state: cost(steps, state, Mode(), work) for state in range(states)}


@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(2, 6),
    changeover=st.integers(0, 5),
    chances=st.lists(st.floats(0.05, 0.95), min_size=4, max_size=4),
    price=st.floats(0.1, 1.5),
    zones=st.integers(1, 2),
    data=st.data(),
)
def test_the_value_is_that_of_every_choice_tried(
    steps: int, changeover: int, chances: list[float], price: float, zones: int, data: st.DataObject
) -> None:
    terms = Terms(2, changeover, (price, price * 0.8)[:zones], 1.0)
    work = data.draw(st.integers(1, max(1, steps * 2 - changeover)))
    one = np.array([[1 - chances[0], chances[0]], [chances[1], 1 - chances[1]]])
    two = np.array([[1 - chances[2], chances[2]], [chances[3], 1 - chances[3]]])
    transition = one if zones == 1 else np.kron(one, two)
    market = Market(transition, np.array(list(itertools.product([False, True], repeat=zones))))
    if steps * 2 - work < changeover:
        with pytest.raises(ValueError, match="do not fit"):
            solve(terms, steps, work, [market])
        return
    for state, least in enumerated(terms, steps, work, market).items():
        assert solve(terms, steps, work, [market], state).value == pytest.approx(least, rel=1e-9)


def play(planner: Planner, available: np.ndarray, start: int, steps: int, work: int) -> tuple[float, int]:
    mode, cost = Mode(), 0.0
    for i in range(steps):
        if work <= 0:
            break
        now = tuple(bool(flag) for flag in available[start + i])
        if 1 <= mode.action <= len(now) and not now[mode.action - 1]:
            mode = Mode()
        action = planner.decide(available[: start + i], steps - i, mode, work)[now]
        mode, work, paid = advance(planner.terms, mode, action, work)
        cost += paid
    return cost, work


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=60, max_size=60), st.integers(6, 90), st.integers(1, 2), st.integers(1, 12))
def test_no_deadline_is_ever_missed_whatever_the_market_does(flags: list[bool], slack: int, zones: int, refresh: int) -> None:
    available = np.array(flags * zones).reshape(zones, 60).T
    terms = Terms(5, 6, (1 / 3,) * zones, 1.0)
    steps, start = 40, 20
    cost, unfinished = play(Planner(terms, refresh=refresh), available, start, steps, steps * 5 - slack)
    known = [Market(np.eye(1), row[None, :]) for row in available[start : start + steps]]
    assert unfinished == 0
    assert cost >= solve(terms, steps, steps * 5 - slack, known).value - 1e-9


def test_spot_that_costs_more_than_on_demand_is_never_taken() -> None:
    available = np.ones((300, 1), dtype=bool)
    cost, unfinished = play(Planner(Terms(5, 6, (1.2,), 1.0)), available, 100, 60, 200)
    assert (cost, unfinished) == (pytest.approx((200 + 6) / 5), 0)


def test_spot_that_is_always_there_does_all_the_work() -> None:
    available = np.ones((400, 1), dtype=bool)
    cost, unfinished = play(Planner(TERMS), available, 288, 60, 200)
    assert (cost, unfinished) == (pytest.approx((200 + 6) / 5 / 3), 0)


def test_a_market_without_spot_is_left_at_the_last_moment() -> None:
    available = np.zeros((400, 1), dtype=bool)
    cost, unfinished = play(Planner(TERMS), available, 288, 60, 200)
    assert (cost, unfinished) == (pytest.approx((200 + 6) / 5), 0)


def test_a_decision_is_the_same_whatever_comes_after() -> None:
    rng = np.random.default_rng(1)
    past = rng.random((200, 1)) < 0.6
    first = Planner(TERMS).decide(past, 60, Mode(), 200)
    assert Planner(TERMS).decide(past.copy(), 60, Mode(), 200) == first
    assert set(first) == {(False,), (True,)}
    assert first[(False,)] in (IDLE, 2)


def test_a_chain_is_a_posterior_of_what_was_seen() -> None:
    seen = np.array([True] * 50 + [False] * 50 + [True] * 50)
    chain = zone_chain(seen, (1,))
    # 1 loss in 99 steps of availability that have a next one, and half a change in ten steps before
    assert chain.transition[1, 0] == pytest.approx(1.5 / 109)
    assert chain.transition[0, 1] == pytest.approx(1.5 / 60)
    assert zone_chain(np.zeros(0, dtype=bool), (1,)).transition[0, 1] == pytest.approx(0.05)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), max_size=80), st.sampled_from([(1,), (1, 3), (1, 3, 9), (1, 2, 4, 10)]))
def test_every_row_of_a_chain_is_a_distribution_without_certainty(flags: list[bool], ages: tuple[int, ...]) -> None:
    chain = zone_chain(np.array(flags, dtype=bool), ages)
    assert chain.transition.sum(axis=1) == pytest.approx(1.0)
    lost = chain.transition[len(ages) :, : len(ages)].sum(axis=1)
    assert ((lost > 0) & (lost < 1)).all()


def test_the_state_knows_how_long_it_has_been_so() -> None:
    seen = np.array([[True], [False], [False]])
    assert run_ages(seen[:, 0]).tolist() == [1, 1, 2]
    zones = zones_of(seen, (1, 3))
    assert zones.state(seen, (False,)) == 1  # the third step of absence
    assert zones.state(seen, (True,)) == 2  # the first of availability
