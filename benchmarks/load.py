"""`finops load` of CUR 2.0 Parquet beside DuckDB's own copy of the same file: rows a second, peak memory, their ratio."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cur

FLOOR = (
    'import duckdb, sys; c = duckdb.connect(); c.execute("set preserve_insertion_order = false");'
    " c.execute(\"set memory_limit = '1500MB'\");"
    " c.execute(f\"copy (select * from '{sys.argv[1]}') to '{sys.argv[2]}' (format parquet, compression zstd)\")"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process."""

    seconds: float
    peak_mib: float


def timed(command: list[str]) -> Run:
    """Run a command to its end; wall seconds and the peak resident memory of it and its children."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Run(time.perf_counter() - start, usage.ru_maxrss / 1024)


def measure(millions: float, runs: int, folder: Path) -> dict[str, object]:
    """Floor and load in turn, so that a slow moment of the machine hits both."""
    lines = int(millions * 1_000_000) // 8 * 8
    file = folder / "cur.parquet"
    columns = cur.write(file, lines)
    floors, loads = [], []
    for number in range(runs):
        floors.append(timed([sys.executable, "-c", FLOOR, str(file), str(folder / "floor.parquet")]))
        warehouse = folder / f"warehouse-{number}"
        command = [str(Path(sys.executable).parent / "finops"), "load", str(file), "--warehouse", str(warehouse)]
        loads.append(timed([*command, "--memory-limit", "1200MB"]))
        subprocess.run(["rm", "-rf", str(warehouse)], check=True)
    ratios = [load.seconds / floor.seconds for load, floor in zip(loads, floors, strict=True)]
    seconds = statistics.median(run.seconds for run in loads)
    return {
        "lines": lines,
        "columns": columns,
        "runs": runs,
        "load_s": round(seconds, 1),
        "load_rows_per_s": round(lines / seconds),
        "load_peak_mib": round(max(run.peak_mib for run in loads)),
        "floor_s": round(statistics.median(run.seconds for run in floors), 1),
        "floor_peak_mib": round(max(run.peak_mib for run in floors)),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
    }


def main() -> None:
    """Print one JSON line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 5, 20])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(json.dumps({"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}))
    for millions in options.millions:
        with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
            print(json.dumps(measure(millions, options.runs if millions < 20 else 1, Path(folder))), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
