"""What a measurement prints: bars, and every single decision behind them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO


@dataclass(frozen=True, slots=True)
class Bar:
    """One measured number beside its target and what vendor-style policies reach on the same data.

    value    in the bar's own unit, which stands in its name
    passes   None where the number is reported without a target
    """

    bar: str
    dataset: str
    value: float
    target: float | None
    passes: bool | None
    vendors: Mapping[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """`{"bar", "dataset", "value", "target", "vendors", "pass"}`."""
        numbers = {"value": _short(self.value), "target": None if self.target is None else _short(self.target)}
        vendors = {name: _short(value) for name, value in self.vendors.items()}
        return json.dumps({"bar": self.bar, "dataset": self.dataset, **numbers, "vendors": vendors, "pass": self.passes})


class Decisions:
    """The log of single decisions, so that others can score them: JSON lines of series, time, inputs' last time, choice."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("w", encoding="utf-8") if path else None

    def __enter__(self) -> Decisions:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()

    def log(self, kind: str, dataset: str, series: str, time: object, last_input: object, choice: object, **more: Any) -> None:
        """One decision. `time` and `last_input` are the trace's own positions or stamps: last_input < time."""
        if self._file:
            row = {"kind": kind, "dataset": dataset, "series": series, "time": time, "last_input": last_input, "choice": choice}
            self._file.write(json.dumps(row | more, default=str) + "\n")


def present(folder: Path, *patterns: str) -> Iterable[Path]:
    """The files of these names or glob patterns that are there; a pattern that finds none is named on stderr."""
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        yield from found
        if not found:
            print(f"left out: {folder / pattern} is not there", file=sys.stderr)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
