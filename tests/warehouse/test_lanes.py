"""Work side by side comes out in its order, and what was landed beside something else fits the table as it is by then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from finops.tables import CHARGES
from finops.warehouse.lanes import in_order
from finops.warehouse.warehouse import Warehouse
from tests.warehouse.bills import charges


def test_outcomes_come_in_the_order_of_the_jobs_whichever_is_done_first() -> None:
    second = threading.Event()

    def slow(_: str) -> int:
        assert second.wait(10)
        return 1

    def quick(_: str) -> int:
        second.set()
        return 2

    assert [outcome.result() for outcome in in_order(["a", "b"], [slow, quick])] == [1, 2]


def test_a_worker_is_not_used_again_before_its_outcome_was_dealt_with() -> None:
    used: dict[str, list[int]] = {"a": [], "b": []}

    def job(number: int, worker: str) -> str:
        used[worker].append(number)
        return worker

    jobs: list[Callable[[str], str]] = [partial(job, number) for number in range(6)]
    for number, outcome in enumerate(in_order(["a", "b"], jobs)):
        assert used[outcome.result()][-1] == number


def test_an_error_is_the_jobs_own() -> None:
    def wrong(_: str) -> int:
        raise ValueError("wrong")

    first, second = in_order(["a"], [wrong, lambda _: 2])
    with pytest.raises(ValueError, match="wrong"):
        first.result()
    assert second.result() == 2


def test_columns_that_two_deliveries_bring_at_once_are_both_kept(tmp_path: Path) -> None:
    months = [("s", "A", "2026-01"), ("s", "A", "2026-02"), ("s", "A", "2026-03")]
    columns = ["x_b", "x_a", "x_b"]
    with Warehouse.open(str(tmp_path)).writer() as writer:
        landed = [
            writer.land(connection, CHARGES, [unit], charges(*unit, 2, extra=f", 'v' as {column}"))
            for connection, unit, column in zip([*writer.beside(), writer.connection], months, columns, strict=True)
        ]
        assert [writer.take(landing) for landing in landed] == [2, 2, 2]
        writer.build()
        writer.publish()
    with Warehouse.open(str(tmp_path)).reader() as reader:
        found = reader.rows("select x_billing_period, count(x_a) as a, count(x_b) as b from charges group by all order by all")
        assert [tuple(row.values()) for row in found] == [("2026-01", 0, 2), ("2026-02", 2, 0), ("2026-03", 0, 2)]
