"""Work in a process of its own, whose time and peak of resident memory are what the kernel says of it."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any


def peak() -> float:
    """MiB that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(work: Callable[..., object], *arguments: object) -> float:
    """Seconds that a process takes for it. Raises SystemExit where it fails."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    start = time.perf_counter()
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} ended with {process.exitcode}")
    return time.perf_counter() - start


def serve(work: Callable[..., object], *arguments: object) -> Any:
    """A process that serves until it is terminated."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments, daemon=True)
    process.start()
    return process
