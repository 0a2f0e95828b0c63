"""The sample company, end to end: load its exports, make its plans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import finops
from finops import queries
from finops.config import Config
from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.intake.take import Tell
from finops.ledger.record import record
from finops.plans import PlanView, make_plans

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Warehouse


WEEKS_AGO = 4
"""When the sample company ran its first plan: a month's worth of decisions is then on record."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What was loaded, and what to do."""

    loaded: LoadReport
    plans: tuple[PlanView, ...]


def run_demo(warehouse: Warehouse, config: Config, *, progress: Tell) -> DemoReport:
    """Load the sample company's exports and make its plans."""
    loaded = load(warehouse, [sample_company()], progress=progress)
    progress("making the plan")
    return DemoReport(loaded, tuple(record_twice(warehouse, config)))


def record_twice(warehouse: Warehouse, config: Config) -> list[PlanView]:
    """The plans of now; they and those of four weeks ago are on record, as where the tool runs already."""
    with warehouse.reader() as reader:
        last = queries.as_of(reader)
    if last is not None:
        record(warehouse, config, day=last - timedelta(days=WEEKS_AGO * 7))
    with warehouse.reader() as reader:
        views = make_plans(reader, config)
    record(warehouse, config, views=views)
    return views


def sample_company() -> Path:
    """The folder of the sample company's exports, beside the package in a checkout as in the wheel."""
    return Path(str(finops.__file__)).resolve().parent.parent / "sample_data" / "export"
