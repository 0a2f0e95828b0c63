"""`finops load` of CUR 2.0 Parquet beside DuckDB's own copy of the same file, and beside focus-converter on the same rows."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks import cur
from benchmarks.process import run as apart

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
FLOOR = (
    "import duckdb, sys; c = duckdb.connect(); c.execute('set preserve_insertion_order = false');"
    " c.execute('set enable_progress_bar = false');"
    " c.execute(f\"copy (select * from '{sys.argv[1]}') to '{sys.argv[2]}' (format parquet, compression zstd)\")"
)
CONVERTER = ("focus-converter==1.0.0", "multimethod<1.12", "click<8.2", "setuptools")
"""The last release and the pins without which it does not start (2026-11)."""

CONVERTER_LINES = (1_000_000, 2_000_000)
"""It holds all of them: at its defaults 9 GB of memory a million lines, so that more do not fit this machine."""

CONVERTER_OPTIONS = {
    "its defaults (the source's columns, and FOCUS's)": [],
    "FOCUS's columns alone": ["--no-export-include-source-columns"],
}


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Size:
    """The runs of one size, floor and load in turn, so that a slow moment of the machine hits both."""

    lines: int
    columns: int
    floors: tuple[Run, ...]
    loads: tuple[Run, ...]

    @property
    def ratios(self) -> list[float]:
        return [load.seconds / floor.seconds for load, floor in zip(self.loads, self.floors, strict=True)]


ALONE = (
    "import json, os, subprocess, sys, time; start = time.perf_counter();"
    " process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); _, status, used = os.wait4(process.pid, 0);"
    " print(json.dumps([status, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))"
)
"""Runs a command and says what it took. What a process has had at most counts what its parent had when it began: that is little
here, and hundreds of megabytes of the benchmark's own process."""


def timed(command: list[str]) -> Run:
    """Run a command to its end: wall and processor seconds, peak resident memory of it and its children."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    said = subprocess.run([sys.executable, "-c", ALONE, *command], stdout=subprocess.PIPE, env=environment, check=True).stdout
    status, seconds, cpu, peak = json.loads(said)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Run(seconds, cpu, peak)


def measure(lines: int, runs: int, memory_limit: str, folder: Path) -> Size:
    """Write the lines once, then floor and load `runs` times."""
    file = folder / "cur.parquet"
    apart(cur.write, file, lines)
    columns = len(duckdb.read_parquet(str(file)).columns)
    floors, loads = [], []
    for _ in range(runs):
        floors.append(timed([sys.executable, "-c", FLOOR, str(file), str(folder / "floor.parquet")]))
        loads.append(load(file, folder / "warehouse", memory_limit))
    return Size(lines, columns, tuple(floors), tuple(loads))


def load(file: Path, warehouse: Path, memory_limit: str) -> Run:
    """`finops load` of a file into a new warehouse, which is gone afterwards."""
    command = [str(Path(sys.executable).parent / "finops"), "load", str(file), "--warehouse", str(warehouse)]
    run = timed([*command, "--memory-limit", memory_limit])
    shutil.rmtree(warehouse)
    return run


@dataclass(frozen=True, slots=True)
class Rivals:
    """Runs of focus-converter and of a load of the same lines, one after the other."""

    lines: int
    options: str
    pairs: tuple[tuple[Run, Run], ...]


def converter_runs(lines: int, runs: int, memory_limit: str, folder: Path) -> list[Rivals]:
    """focus-converter on lines in the older layout that it knows (flat columns), `finops load` on them as delivered today."""
    wide, flat = folder / "wide.parquet", folder / "flat.parquet"
    apart(lines_for_both, lines, wide, flat)
    home = folder / "converter"
    venv.create(home, with_pip=True)
    subprocess.run([str(home / "bin" / "pip"), "install", "-q", *CONVERTER], check=True)
    command = [str(home / "bin" / "focus-converter"), "convert", "--provider", "aws", "--data-format", "parquet"]
    command += ["--parquet-data-format", "file", "--data-path", str(flat), "--export-format", "parquet", "--export-path"]
    converted = folder / "converted"

    def pair(options: Sequence[str]) -> tuple[Run, Run]:
        theirs = timed([*command, str(converted), *options])
        shutil.rmtree(converted)
        return theirs, load(wide, folder / "warehouse", memory_limit)

    return [Rivals(lines, name, tuple(pair(chosen) for _ in range(runs))) for name, chosen in CONVERTER_OPTIONS.items()]


def lines_for_both(lines: int, wide: Path, flat: Path) -> None:
    """The same lines twice: as delivered today, and in the layout before."""
    cur.write(wide, lines)
    duckdb.sql(f"""
        copy (
            select
                * exclude (product, resource_tags, cost_category, discount),
                product_region_code as product_region,
                'Amazon Elastic Compute Cloud' as product_product_name,
                reservation_reservation_a_r_n as reservation_reservation_arn,
                savings_plan_savings_plan_a_r_n as savings_plan_savings_plan_arn
            from '{wide}'
        ) to '{flat}' (format parquet)
    """)


def everyday(folder: Path) -> list[str]:
    """Start-up, plan and demo on the sample company: a Markdown table."""
    finops = str(Path(sys.executable).parent / "finops")
    demo = timed([finops, "demo", str(folder / "demo")]).seconds
    plans = [timed([finops, "recommend", "--warehouse", str(folder / "demo")]).seconds for _ in range(4)][1:]
    pairs = [
        (timed([finops, "--help"]).seconds, timed([sys.executable, "-c", "import typer, rich"]).seconds) for _ in range(10)
    ][1:]
    return [
        "## Everyday commands",
        "",
        "| what | figure | target |",
        "| --- | ---: | ---: |",
        f"| `finops --help` ÷ `python -c 'import typer, rich'`, median of {len(pairs)} pairs"
        f" | {statistics.median(a / b for a, b in pairs):.2f} | 1.5 |",
        f"| `finops recommend` on the sample company, warm, median of {len(plans)}, s | {statistics.median(plans):.1f} | 3 |",
        f"| `finops demo`, s | {demo:.1f} | 30 |",
    ]


def report(sizes: list[Size], converter: list[Rivals], memory_limit: str, commands: list[str]) -> str:
    """`docs/benchmarks.md`."""
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`. Whole processes on a shared machine: medians, and ratios of pairs that ran one after the other.",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, DuckDB {duckdb.__version__};"
        f" `finops load --memory-limit {memory_limit}`.",
        "",
        "## Loading CUR 2.0",
        "",
        "The floor is DuckDB copying the same Parquet file, all columns, to zstd Parquet. A load also checks, maps to FOCUS,"
        " reconciles, writes Delta tables, builds and audits the marts.",
        "",
        "| lines | columns | runs | load, s | lines/s | load ÷ floor (min–max) | CPU load ÷ floor | peak, MiB | floor, s |",
        "| ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for size in sizes:
        seconds = statistics.median(run.seconds for run in size.loads)
        cpu = statistics.median(a.cpu_seconds / b.cpu_seconds for a, b in zip(size.loads, size.floors, strict=True))
        lines.append(
            f"| {size.lines:,} | {size.columns} | {len(size.loads)} | {seconds:.1f} | {size.lines / seconds:,.0f}"
            f" | {statistics.median(size.ratios):.2f} ({min(size.ratios):.2f}–{max(size.ratios):.2f}) | {cpu:.2f}"
            f" | {max(run.peak_mib for run in size.loads):,.0f} | {statistics.median(run.seconds for run in size.floors):.1f} |"
        )
    if converter:
        lines += [
            "",
            "focus-converter 1.0.0 on the same lines (flat columns), each run followed by a load of them. It maps and writes"
            " one file: it reconciles and stores nothing.",
            "",
            "| lines | options | runs | s | lines/s | peak, MiB | `finops load`, s | its time ÷ `finops load`'s (min–max) |",
            "| ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |",
        ]
        lines += map(_compared, converter)
    return "\n".join([*lines, "", *commands]) + "\n"


def _compared(rivals: Rivals) -> str:
    """A row of the table."""
    theirs, ours = (statistics.median(run.seconds for run in runs) for runs in zip(*rivals.pairs, strict=True))
    times = [a.seconds / b.seconds for a, b in rivals.pairs]
    peak = max(run.peak_mib for run, _ in rivals.pairs)
    return (
        f"| {rivals.lines:,} | {rivals.options} | {len(rivals.pairs)} | {theirs:.1f} | {rivals.lines / theirs:,.0f}"
        f" | {peak:,.0f} | {ours:.1f} | {statistics.median(times):.1f} ({min(times):.1f}–{max(times):.1f}) |"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 5, 20])
    parser.add_argument("--runs", type=int, default=3, help="runs below 20 million lines; one from there on")
    parser.add_argument("--memory-limit", default="1200MB")
    parser.add_argument("--no-converter", action="store_true")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    sizes = []
    for millions in options.millions:
        with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
            lines = int(millions * 1_000_000) // 8 * 8
            sizes.append(measure(lines, options.runs if millions < 20 else 1, options.memory_limit, Path(folder)))
    converter: list[Rivals] = []
    for lines in () if options.no_converter else CONVERTER_LINES:
        with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
            converter += converter_runs(lines, options.runs, options.memory_limit, Path(folder))
    with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
        commands = everyday(Path(folder))
    text = report(sizes, converter, options.memory_limit, commands)
    if options.write:
        REPORT.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
