"""What many tests share: the sample company, loaded once, and the command line, called as a user calls it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from finops.cli import main

settings.register_profile("untimed", deadline=None)  # how long an example takes says nothing of the product
settings.load_profile("untimed")

FETCHED = datetime(2026, 11, 1, 6, tzinfo=UTC).timestamp()
"""When the sample's files were fetched, as far as tests are concerned: a checkout has no time of its own."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One call of the command line."""

    code: int
    out: str
    err: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


@pytest.fixture
def finops(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Call `finops` with these arguments, in this process."""

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["finops", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse that `finops demo` makes; read-only for tests."""
    from finops.config import Config
    from finops.demo import record_twice, sample_company
    from finops.intake.load import load
    from finops.warehouse.warehouse import Warehouse

    os.environ.pop("FINOPS_WAREHOUSE", None)
    path = tmp_path_factory.mktemp("company") / "warehouse"
    exports = Path(shutil.copytree(sample_company(), path.parent / "exports"))
    for file in exports.rglob("*"):
        os.utime(file, (FETCHED, FETCHED))
    warehouse = Warehouse.open(str(path))
    load(warehouse, [exports])
    record_twice(warehouse, Config(warehouse=str(path)))
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The scorecard, whoever runs the tests and on however many processes."""
    reports = [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "scorecard"]
    if lines:
        terminalreporter.section("the sample company's answers against the plan")
        for line in lines:
            terminalreporter.line(line)
