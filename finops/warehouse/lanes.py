"""Work that is done side by side, on a connection each, and comes out in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 2
"""Lanes: much of a statement is planned, and one row group written, by one thread."""

W = TypeVar("W")
T = TypeVar("T")


def side_by_side(workers: Sequence[W], jobs: Sequence[Callable[[W], T]]) -> list[T]:
    """What each job makes with a worker, in the order of the jobs. Raises what the first job that fails raises."""
    count = len(workers)

    def of_worker(number: int) -> list[Future[T]]:
        return [_settled(job, workers[number]) for job in jobs[number::count]]

    with ThreadPoolExecutor(max_workers=count) as pool:
        done = list(pool.map(of_worker, range(count)))
    return [done[place % count][place // count].result() for place in range(len(jobs))]


def _settled(job: Callable[[W], T], worker: W) -> Future[T]:
    """The job's outcome, be it an error."""
    outcome: Future[T] = Future()
    try:
        outcome.set_result(job(worker))
    except BaseException as error:
        outcome.set_exception(error)
    return outcome


def in_order(workers: Sequence[W], jobs: Sequence[Callable[[W], T]]) -> Iterator[Future[T]]:
    """The outcome of each job, in the order of the jobs: while the caller deals with one, the next are at work.

    A worker begins another job when the outcome of its last one has been dealt with: until then, what it made stands.
    """
    free, begun = deque(workers), deque[tuple[W, Future[T]]]()
    with ThreadPoolExecutor(max_workers=len(workers)) as pool:
        for job in jobs:
            if not free:
                worker, outcome = begun.popleft()
                yield outcome
                free.append(worker)
            worker = free.popleft()
            begun.append((worker, pool.submit(job, worker)))
        for _, outcome in begun:
            yield outcome
