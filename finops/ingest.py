"""What `finops load` and `finops demo` take in: paths, or the sources of the settings, or the sample company."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

import finops
from finops.config import Config
from finops.errors import ConfigError
from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.plans import PlanView, Selection, make_plans

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Warehouse

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The sample company, loaded and judged."""

    loaded: LoadReport
    plans: tuple[PlanView, ...]


def load_sources(
    warehouse: Warehouse,
    config: Config,
    paths: Sequence[str],
    *,
    source: str | None = None,
    invoice: Path | None = None,
    replace_source: bool = False,
    progress: Tell,
) -> LoadReport:
    """Load the paths as one delivery; without any, each source of the settings as one.

    Raises ConfigError where there is neither; Refused with every reason where a file is refused.
    """
    if paths or invoice:
        return load(warehouse, paths, source=source, invoice=invoice, replace_source=replace_source, progress=progress)
    if not config.sources:
        raise ConfigError("no path is given, and the settings name no source", hint="finops load PATH…, or finops init")
    deliveries = [
        load(warehouse, entry.paths, source=entry.name, replace_source=entry.replace_source, progress=progress)
        for entry in config.sources
    ]
    return reduce(add, deliveries)


def run_demo(warehouse: Warehouse, config: Config, *, progress: Tell) -> DemoReport:
    """Load the sample company's exports and make its plans."""
    loaded = load(warehouse, [str(sample_company())], progress=progress)
    progress("making the plan")
    with warehouse.reader() as reader:
        return DemoReport(loaded, tuple(make_plans(reader, config, Selection())))


def sample_company() -> Path:
    """The folder of the sample company's exports, beside the package in a checkout and in the wheel."""
    return Path(str(finops.__file__)).resolve().parent.parent / "sample_data" / "exports"
