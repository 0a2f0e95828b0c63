"""Write the sample company's files, and compare them with those that are kept."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import shutil
import tempfile
from pathlib import Path

from finops.plugins import CONNECTORS, ours
from finops.sample import truth
from finops.sample.estate import load
from finops.sample.files import write_csv

EXPORT = "export"
"""The folder, under `sample_data`, that `finops load` takes whole."""
KEY = ("answers.csv", "truth.csv", "totals.csv")
"""What stands beside it: what must be found, what finance knows, and the control totals of each bill."""


def folder() -> Path:
    """Where the sample company lives: beside the packages, in the source tree and in an installed wheel."""
    return Path(ours(CONNECTORS).__path__[0]).parent / "sample_data"


def build(target: Path, source: Path | None = None) -> None:
    """Write every file under `target` (replacing an earlier export), from the YAML files in `source`."""
    source = source or folder()
    shutil.rmtree(target / EXPORT, ignore_errors=True)
    estate = load(source)
    truths: list[truth.Truth] = []
    for name in sorted(module.name for module in pkgutil.iter_modules(ours(CONNECTORS).__path__) if module.ispkg):
        if importlib.util.find_spec(f"{CONNECTORS}.{name}.sample"):
            truths += importlib.import_module(f"{CONNECTORS}.{name}.sample").write(estate, target) or []
    finance = importlib.import_module(f"{CONNECTORS}.files.sample_truths")  # it names providers, which this package does not
    write_csv(target / "truth.csv", finance.HEADER, finance.Finance(estate, truths).rows())
    write_csv(target / "totals.csv", truth.HEADER, truth.rows(truths))
    kept = [t for t in truths if t.period >= estate.detailed_from or all(b.in_file for b in t.bridges)]
    write_csv(target / EXPORT / "open" / "invoices.csv", truth.INVOICES, truth.invoices(kept))


def differences() -> list[str]:
    """The kept files that a fresh run would write otherwise, or not at all."""
    kept = folder()
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        build(fresh)
        names = {*_files(kept), *_files(fresh)}
        return sorted(str(name) for name in names if not _same(kept / name, fresh / name))


def _files(base: Path) -> list[Path]:
    exported = [path.relative_to(base) for path in (base / EXPORT).rglob("*") if path.is_file()]
    return [*exported, *(Path(name) for name in KEY)]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
