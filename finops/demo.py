"""The sample company, end to end: load its exports, make its plans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import finops
from finops.config import Config
from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.intake.take import Tell
from finops.plans import PlanView, Selection, make_plans

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What was loaded, and what to do."""

    loaded: LoadReport
    plans: tuple[PlanView, ...]


def run_demo(warehouse: Warehouse, config: Config, *, progress: Tell) -> DemoReport:
    """Load the sample company's exports and make its plans."""
    loaded = load(warehouse, [sample_company()], progress=progress)
    progress("making the plan")
    with warehouse.reader() as reader:
        return DemoReport(loaded, tuple(make_plans(reader, config, Selection())))


def sample_company() -> Path:
    """The folder of the sample company's exports, beside the package in a checkout as in the wheel."""
    return Path(str(finops.__file__)).resolve().parent.parent / "sample_data" / "export"
