"""A load that is killed in the middle, as a process of its own, and the load after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from finops.config import Source
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import cached

ROOT = Path(__file__).parents[2]


def configured(folder: Path, source: Source) -> Path:
    """A `finops.toml` of one source, that reads a part after the other, with its warehouse beside it."""
    folder.mkdir(exist_ok=True)
    lines = [f'warehouse = "{folder / "warehouse"}"', "[[sources]]", f'name = "{source.name}"']
    lines += [f'connector = "{source.connector}"', "[sources.settings]"]
    given = {**source.settings, "concurrency": 1}
    lines += [f"{name} = {json.dumps(value)}" for name, value in given.items() if not isinstance(value, dict)]
    for name, value in given.items():
        if isinstance(value, dict):
            lines += [f"[sources.settings.{name}]", *(f"{key} = {json.dumps(each)}" for key, each in value.items())]
    file = folder / "finops.toml"
    file.write_text("\n".join(lines) + "\n")
    return file


def _process(file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from finops.cli import main; main()", "--config", str(file), "load"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def killed(file: Path, parts: int = 3) -> set[str]:
    """The parts that a load had whole when it was killed, at least so many: the names of their files."""
    warehouse = Warehouse.open(str(file.parent / "warehouse"))
    process = _process(file)
    deadline = time.monotonic() + 120
    while len(cached(warehouse, "*.parquet")) < parts and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert warehouse.published().number == 0
    whole = {path.stem for path in cached(warehouse, "*.parquet")}
    assert len(whole) >= parts
    return whole


def loaded(file: Path) -> Warehouse:
    """The warehouse after a load that ends as it should, and keeps nothing of what it fetched by parts."""
    process = _process(file)
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    warehouse = Warehouse.open(str(file.parent / "warehouse"))
    assert cached(warehouse, "*.parquet") == []
    return warehouse
