"""The dashboard in a real browser on millions of lines: first paint of each page, and what each interaction takes, warm.

    python -m benchmarks.dashboard --lines 5000000 --write

Measured in Chromium: from the navigation, or from the click, until the page's script has run to its end and nothing is stale.
"""

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
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks import cur
from tests.servers import free_port

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "dashboard-benchmarks.md"
PAGES = {"": "Overview", "costs": "Costs", "plan": "Plan", "teams": "Teams", "ml": "ML", "health": "Data health"}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PAINT_S, INTERACTION_S = 1.5, 0.5


@dataclass(frozen=True, slots=True)
class Figure:
    """Seconds of one thing, warm, and the first time."""

    what: str
    cold: float
    warm: tuple[float, ...]
    target: float

    @property
    def median(self) -> float:
        return statistics.median(self.warm)


def loaded(folder: Path, lines: int) -> Path:
    """A warehouse of that many lines, with its plan on record."""
    file, warehouse = folder / "cur.parquet", folder / "warehouse"
    cur.write(file, lines)
    finops = str(Path(sys.executable).parent / "finops")
    subprocess.run([finops, "load", str(file), "--warehouse", str(warehouse)], check=True, stdout=subprocess.DEVNULL)
    file.unlink()
    return warehouse


@contextmanager
def served(warehouse: Path) -> Iterator[str]:
    """The dashboard as `finops dashboard` starts it."""
    port = free_port()
    finops = str(Path(sys.executable).parent / "finops")
    command = [finops, "dashboard", "--port", str(port), "--warehouse", str(warehouse)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                    break
            except OSError:
                time.sleep(0.25)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


READY = """
(sign) => {
    const app = document.querySelector('[data-testid="stApp"]');
    if (!app || app.getAttribute('data-test-script-state') !== 'notRunning') return false;
    if (document.querySelector('[data-testid="stSkeleton"]')) return false;
    return [...document.querySelectorAll('h2, h3')].some((heading) => heading.innerText.trim().endsWith(sign));
}
"""
"""The script has ended and the heading that the act leads to stands; asked every 10 ms."""


def finished(page: Page, act: Callable[[], object], sign: str) -> float:
    """Seconds from the act until the page that ends with this heading stands still."""
    start = time.perf_counter()
    act()
    page.wait_for_function(READY, arg=sign, timeout=180_000, polling=10)
    return time.perf_counter() - start


def painted(page: Page, address: str, heading: str) -> float:
    """Seconds from the navigation until the page's own first content, its trust line and heading, is on the screen."""
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.get_by_role("heading", name=heading, exact=True).wait_for(timeout=180_000)
    seconds = time.perf_counter() - start
    page.wait_for_function(READY, arg=heading, timeout=180_000, polling=10)
    return seconds


def chosen(page: Page, box: str, option: str) -> Callable[[], None]:
    """Open a select box and take an option."""

    def act() -> None:
        page.get_by_role("combobox", name=box).first.click()
        page.get_by_role("option", name=option, exact=True).first.click()

    return act


def figures(page: Page, address: str, runs: int) -> Iterator[Figure]:
    """Every page painted, then reached by clicking; then the choices on them."""
    for path, title in PAGES.items():
        cold = painted(page, f"{address}/{path}", title)
        yield Figure(
            f"first paint of {title}", cold, tuple(painted(page, f"{address}/{path}", title) for _ in range(runs)), PAINT_S
        )

    def link(title: str) -> Callable[[], None]:
        return lambda: page.get_by_role("link", name=title, exact=True).click()

    for title in PAGES.values():
        other = "Teams" if title != "Teams" else "Costs"
        cold = finished(page, link(title), title)
        warm = []
        for _ in range(runs):
            finished(page, link(other), other)
            warm.append(finished(page, link(title), title))
        yield Figure(f"{title}, by a click", cold, tuple(warm), INTERACTION_S)
    yield from choices(page, link("Costs"), "Costs", "By", ("region", "category", "service"), runs)


def choices(page: Page, go: Callable[[], None], title: str, box: str, options: tuple[str, ...], runs: int) -> Iterator[Figure]:
    finished(page, go, title)
    for option in options:
        cold = finished(page, chosen(page, box, option), f"by {option}")
        warm = []
        for _ in range(runs):
            other = next(o for o in options if o != option)
            finished(page, chosen(page, box, other), f"by {other}")
            warm.append(finished(page, chosen(page, box, option), f"by {option}"))
        yield Figure(f"{title}: {box} {option}", cold, tuple(warm), INTERACTION_S)


def report(found: list[Figure], lines: int, runs: int) -> str:
    """`docs/dashboard-benchmarks.md`."""
    rows = [
        "# The dashboard on millions of lines",
        "",
        "Made by `python -m benchmarks.dashboard --write`: headless Chromium, a shared machine; medians, and the least.",
        "*First paint* is from the navigation until trust line and heading stand; an interaction from the click until the",
        "page's script has ended. *Cold* is the first time after a load, when the question is asked of the warehouse; its",
        "answer is kept for as long as the bill is the same.",
        "",
        f"{lines:,} lines of one month, {runs} runs; {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}.",
        "",
        "| what | warm, s (least) | cold, s | target, s |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows += [f"| {f.what} | {f.median:.2f} ({min(f.warm):.2f}) | {f.cold:.2f} | {f.target} |" for f in found]
    return "\n".join([*rows, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--warehouse", type=Path, help="one that is loaded already")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    browser = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder:
        warehouse = options.warehouse or loaded(Path(folder), options.lines)
        with served(warehouse) as address, sync_playwright() as playwright:
            started = playwright.chromium.launch(executable_path=browser, args=FLAGS)
            page = started.new_page(viewport={"width": 1400, "height": 1600})
            found: list[Figure] = []
            for figure in figures(page, address, options.runs):
                found.append(figure)
                print(
                    json.dumps({"what": figure.what, "cold": round(figure.cold, 2), "warm": round(figure.median, 2)}),
                    flush=True,
                )
            started.close()
    text = report(found, options.lines, options.runs)
    if options.write:
        REPORT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
