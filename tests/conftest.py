"""What many tests share: the sample company, loaded once, and the command line, called as a user calls it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from finops.cli import main
from tests.shared import once

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
    """The warehouse that `finops demo` makes; read-only for tests, which share it (`copied` gives one of its own)."""
    os.environ.pop("FINOPS_WAREHOUSE", None)
    return once(tmp_path_factory, "company", _sample_company) / "warehouse"


def _sample_company(folder: Path) -> None:
    from finops.config import Config
    from finops.demo import record_twice, sample_company
    from finops.intake.load import load
    from finops.warehouse.warehouse import Warehouse

    exports = Path(shutil.copytree(sample_company(), folder / "exports"))
    for file in exports.rglob("*"):
        os.utime(file, (FETCHED, FETCHED))
    path = str(folder / "warehouse")
    warehouse = Warehouse.open(path)
    load(warehouse, [exports])
    record_twice(warehouse, Config(warehouse=path))


@pytest.fixture
def copied(company: Path, tmp_path: Path) -> Path:
    """The sample company's warehouse, to write to."""
    return copy_of(company, tmp_path / "warehouse")


def copy_of(warehouse: Path, folder: Path) -> Path:
    """The warehouse once more, without the results that another process is just writing down beside it."""
    return Path(shutil.copytree(warehouse, folder, ignore=shutil.ignore_patterns("tmp*")))


@pytest.fixture(scope="session")
def plans(company: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What `finops recommend --format json` prints on the sample company: one plan a currency; read-only for tests."""
    from typer.testing import CliRunner

    from finops.cli import app

    def make(folder: Path) -> None:
        result = CliRunner().invoke(app, ["recommend", "--warehouse", str(company), "--format", "json"])
        assert result.exit_code == 0, result.output
        (folder / "plans.json").write_text(result.stdout, "utf-8")

    found: list[dict[str, Any]] = json.loads((once(tmp_path_factory, "plans", make) / "plans.json").read_text("utf-8"))
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The scorecard, whoever runs the tests and on however many processes."""
    reports = [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "scorecard"]
    if lines:
        terminalreporter.section("the sample company's answers against the plan")
        for line in lines:
            terminalreporter.line(line)
