"""`python -m benchmarks.traces KIND… --data DIR [--decisions FILE] [--write]`: KIND is a module of this package, or `all`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks import traces
from benchmarks.traces.bar import Bar, Decisions

REPORT = Path(__file__).parents[2] / "docs" / "bars.md"
HEAD = """# Bars on real traces

Made by `make bench` (`python -m benchmarks.traces all --data ../shared/data/traces --write`). What policies of the kernel
reach on traces that are not in this repository, beside policies built like the vendors' own advice. Where a parameter was
chosen while these very traces were at hand, its decision says so: [decisions](decisions/). Kinds named instead of `all` are
measured anew, the others stay.
"""
TABLE = """
| bar | data | value | target | | vendor-style policies |
| --- | --- | ---: | ---: | --- | --- |
"""


def kinds() -> list[str]:
    """The modules of the package that measure: those with a function `bars(folder, decisions)`."""
    names = sorted(module.name for module in pkgutil.iter_modules(traces.__path__) if module.name != "__main__")
    return [name for name in names if hasattr(importlib.import_module(f"{traces.__name__}.{name}"), "bars")]


def main() -> None:
    """Measure and print, one JSON line a bar; `--write` makes the page. Exits 1 where a bar with a target is missed."""
    parser = argparse.ArgumentParser(description=traces.__doc__)
    parser.add_argument("kinds", nargs="+", metavar="KIND", help=f"all, {', '.join(kinds())}")
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out as the shared traces")
    parser.add_argument("--decisions", type=Path, help="write every single decision here, as JSON lines")
    parser.add_argument("--write", action="store_true", help=f"put them into {REPORT.relative_to(REPORT.parents[1])}")
    arguments = parser.parse_args()
    chosen = kinds() if "all" in arguments.kinds else arguments.kinds
    for kind in chosen:
        if kind not in kinds():
            parser.error(f"no measurement `{kind}`: all, {', '.join(kinds())}")
    measured: dict[str, list[Bar]] = {kind: [] for kind in chosen}
    with Decisions(arguments.decisions) as decisions:
        for kind in chosen:
            for bar in importlib.import_module(f"{traces.__name__}.{kind}").bars(arguments.data, decisions):
                print(bar.line(), flush=True)
                measured[kind].append(bar)
    if arguments.write:
        REPORT.write_text(page(REPORT.read_text("utf-8"), measured), "utf-8")
    raise SystemExit(1 if any(bar.passes is False for bars in measured.values() for bar in bars) else 0)


def page(before: str, measured: Mapping[str, Iterable[Bar]]) -> str:
    """The page with the measured kinds' sections anew. Bars without a target (fronts, say) are printed, not kept."""
    parts = (part.partition("\n") for part in before.split("\n## ")[1:])
    sections = {kind: f"{rows.rstrip()}\n" for kind, _, rows in parts}
    for kind, bars in measured.items():
        sections[kind] = TABLE + "".join(_row(bar) for bar in bars if bar.passes is not None)
    return HEAD + "".join(f"\n## {kind}\n{rows}" for kind, rows in sorted(sections.items()))


def _row(bar: Bar) -> str:
    vendors = "; ".join(f"{name} {value:.4g}" for name, value in bar.vendors.items())
    target = "" if bar.target is None else f"{bar.target:.4g}"
    verdict = "holds" if bar.passes else "missed"
    return f"| {bar.bar} | {bar.dataset} | {bar.value:.4g} | {target} | {verdict} | {vendors} |\n"


if __name__ == "__main__":
    main()
