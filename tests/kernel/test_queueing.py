"""Requests that wait: Erlang's formula against published values, and the utilization that it allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.scaling.queueing import HIGHEST, Queue, erlang_c


@pytest.mark.parametrize(
    ("servers", "load", "chance"),
    [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (10, 8.0, 0.4092), (5, 5.0, 1.0), (300, 200.0, 0.0)],
    ids=["one server waits as often as it is busy", "two", "Erlang's table", "full", "no overflow"],
)
def test_the_chance_to_wait(servers: int, load: float, chance: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(chance, abs=5e-4)


def test_a_simulated_queue_waits_as_often() -> None:
    rng = np.random.default_rng(7)
    arrivals = np.cumsum(rng.exponential(1 / 3.0, 200_000))  # 3 a second, 1 s each, 4 servers
    free, waited, late = np.zeros(4), 0, 0
    for at, service in zip(arrivals, rng.exponential(1.0, len(arrivals)), strict=True):
        place = int(np.argmin(free))
        wait = max(0.0, free[place] - at)
        waited, late = waited + (wait > 0), late + (wait > 0.5)
        free[place] = at + wait + service
    queue = Queue(4, 1.0, 0.5)
    assert waited / len(arrivals) == pytest.approx(erlang_c(4, 3.0), abs=0.01)
    assert late / len(arrivals) == pytest.approx(queue.late(0.75), abs=0.01)


@given(st.integers(1, 64), st.floats(0.001, 0.5), st.floats(0, 2))
def test_the_utilization_keeps_what_it_promises(servers: int, late: float, slack: float) -> None:
    queue = Queue(servers, 0.2, slack)
    rho = queue.utilization(late)
    assert queue.late(rho) <= late + 1e-9 or rho <= 0.0501
    assert rho >= HIGHEST - 1e-9 or queue.late(min(rho + 0.01, 0.99)) > late


def test_more_places_may_be_busier() -> None:
    allowed = [Queue(servers, 0.2).utilization(0.05) for servers in (1, 4, 16, 64)]
    assert allowed == sorted(allowed)
    assert allowed[0] == pytest.approx(0.05, abs=0.001)
    assert allowed[-1] > 0.75
