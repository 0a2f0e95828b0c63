"""Bars on traces: which files are read, and the page, where what is measured anew replaces its own section alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.traces.__main__ import page
from benchmarks.traces.autoscaling import stretches
from benchmarks.traces.bar import Bar


def test_other_logs_of_requests_are_read_and_what_is_absent_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "llm").mkdir()
    minutes = pd.Series(pd.date_range("2023-11-16", periods=240, freq="15s"))
    pd.DataFrame({"TIMESTAMP": minutes}).to_parquet(tmp_path / "llm" / "azure_llm_2024_code.parquet")
    assert [(stretch.dataset, len(stretch.load)) for stretch in stretches(tmp_path)] == [("azure_llm_2024_code", 59)]
    absent = capsys.readouterr().err
    assert "mooncake_*.parquet is not there" in absent
    assert "azure_llm" not in absent


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
