"""The page of bars: what is measured anew replaces its own section alone."""

from __future__ import annotations

from benchmarks.traces.__main__ import page
from benchmarks.traces.bar import Bar


def test_a_kind_measured_anew_leaves_the_others() -> None:
    gap, front = Bar("gap", "all", 0.05, 0.095, True, {"greedy": 0.12}), Bar("front", "all", 1.0, None, None)
    both = page("", {"spot": [gap, front], "gpu": [Bar("unserved %", "all", 0.02, 1.0, True)]})
    assert both.count("## ") == 2
    assert "front" not in both
    again = page(both, {"spot": [Bar("gap", "all", 0.2, 0.095, False)]})
    assert "| unserved % | all | 0.02 | 1 | holds |  |" in again
    assert "| gap | all | 0.2 | 0.095 | missed |  |" in again
    assert "0.05" not in again
    assert page(again, {}) == again
