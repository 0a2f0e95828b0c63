"""`finops load` of CUR 2.0 Parquet beside DuckDB's own copy of the same file, and beside focus-converter on the same rows."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks import cur

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
FLOOR = (
    "import duckdb, sys; c = duckdb.connect(); c.execute('set preserve_insertion_order = false');"
    " c.execute('set enable_progress_bar = false');"
    " c.execute(f\"copy (select * from '{sys.argv[1]}') to '{sys.argv[2]}' (format parquet, compression zstd)\")"
)
CONVERTER = ("focus-converter==1.0.0", "multimethod<1.12", "click<8.2", "setuptools")
"""The last release and the pins without which it does not start (2026-11)."""

CONVERTER_LINES = 1_000_000
"""It holds all of them: at its defaults 9 GB of memory for these, so that more do not fit an ordinary machine."""

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


def timed(command: list[str]) -> Run:
    """Run a command to its end: wall and processor seconds, peak resident memory of it and its children."""
    start = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Run(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(lines: int, runs: int, memory_limit: str, folder: Path) -> Size:
    """Write the lines once, then floor and load `runs` times."""
    file = folder / "cur.parquet"
    columns = cur.write(file, lines)
    floors, loads = [], []
    for number in range(runs):
        floors.append(timed([sys.executable, "-c", FLOOR, str(file), str(folder / "floor.parquet")]))
        warehouse = folder / f"warehouse-{number}"
        command = [str(Path(sys.executable).parent / "finops"), "load", str(file), "--warehouse", str(warehouse)]
        loads.append(timed([*command, "--memory-limit", memory_limit]))
        shutil.rmtree(warehouse)
    return Size(lines, columns, tuple(floors), tuple(loads))


def converter_runs(folder: Path) -> dict[str, Run]:
    """focus-converter on the same lines in the older layout that it knows (flat columns), by its options."""
    wide, flat = folder / "wide.parquet", folder / "flat.parquet"
    cur.write(wide, CONVERTER_LINES)
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
    home = folder / "converter"
    venv.create(home, with_pip=True)
    subprocess.run([str(home / "bin" / "pip"), "install", "-q", *CONVERTER], check=True)
    command = [str(home / "bin" / "focus-converter"), "convert", "--provider", "aws", "--data-format", "parquet"]
    command += ["--parquet-data-format", "file", "--data-path", str(flat), "--export-format", "parquet", "--export-path"]
    return {
        name: timed([*command, str(folder / f"converted-{number}"), *options])
        for number, (name, options) in enumerate(CONVERTER_OPTIONS.items())
    }


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


def report(sizes: list[Size], converter: dict[str, Run], memory_limit: str, commands: list[str]) -> str:
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
    same = next((size for size in sizes if size.lines == CONVERTER_LINES), None)
    if converter and same:
        own = statistics.median(run.seconds for run in same.loads)
        lines += [
            "",
            f"focus-converter 1.0.0 on {CONVERTER_LINES:,} of the same lines (flat columns). It maps and writes one file: it"
            " reconciles and stores nothing.",
            "",
            "| options | s | lines/s | peak, MiB | its time ÷ `finops load`'s |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for name, run in converter.items():
            rate, times = CONVERTER_LINES / run.seconds, run.seconds / own
            lines.append(f"| {name} | {run.seconds:.1f} | {rate:,.0f} | {run.peak_mib:,.0f} | {times:.1f} |")
    return "\n".join([*lines, "", *commands]) + "\n"


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
    converter = {}
    if not options.no_converter:
        with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
            converter = converter_runs(Path(folder))
    with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
        commands = everyday(Path(folder))
    text = report(sizes, converter, options.memory_limit, commands)
    if options.write:
        REPORT.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
