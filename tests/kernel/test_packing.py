"""Packing: measured durations, whole nodes, shared machines."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from finops.pricing import Price, PriceKey
from finops.sizing.packing import Member, Pods, cheapest_memory, nodes_for, shared_machines

MEASURED = {3008.0: 120.0, 1769.0: 120.0, 1024.0: 121.0, 512.0: 262.0}


@pytest.mark.parametrize(("least", "best"), [(400, 1024), (1100, 1769), (2000, 3008)])
def test_the_cheapest_memory_is_no_slower(least: float, best: float) -> None:
    assert cheapest_memory(MEASURED, 3008, least) == best


def test_half_the_memory_at_twice_the_time_is_no_saving() -> None:
    assert cheapest_memory({1024.0: 100.0, 512.0: 109.0}, 1024, 128) == 512
    assert cheapest_memory({1024.0: 100.0, 512.0: 190.0}, 1024, 128) == 1024  # cheaper by 5 %, but nobody said it may wait


def test_pods_never_ask_for_more_than_now() -> None:
    assert [Pods("a", 64, 11).fitted(0.2), Pods("b", 52, 48).fitted(0.2)] == [pytest.approx(13.2), 52]


@pytest.mark.parametrize(("cores", "memory", "nodes"), [(65.2, 4.3, 5), (65.2, 4.6, 6), (72.0, 1.0, 5), (72.1, 1.0, 6)])
def test_nodes_hold_cores_and_memory(cores: float, memory: float, nodes: int) -> None:
    assert nodes_for(cores, 16, memory, 0.9) == nodes


def test_machines_are_shared_by_what_binds_and_never_one_alone() -> None:
    key = PriceKey("P", "r", "endpoint", "m")
    specs = {"vcpu": 8, "memory_gib": 32, "gpu_count": 1, "gpu_memory_gib": 24}
    machine = Price(key, Decimal(1), "Hours", "USD", datetime(2026, 1, 1, tzinfo=UTC), specs=specs)

    def needed(**change: float) -> int | None:
        one = {"gpu_memory": 1.0, "gpus": 0.01, "memory": 1.0, "cores": 0.1, "per_second": 0.1} | change
        return shared_machines([Member(f"m{n}", **one) for n in range(14)], machine)

    assert needed() == 2
    assert needed(gpu_memory=6.0) == 4  # 84 of 24 GiB each
    assert needed(memory=8.0) == 4
    assert needed(gpus=0.2) == 4  # 2.8 devices at 70 %
    unsized = Price(key, Decimal(1), "Hours", "USD", datetime(2026, 1, 1, tzinfo=UTC), specs={"vcpu": 8})
    assert shared_machines([], unsized) is None
