"""The sample company, end to end: load its exports, make its plans."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import finops
from finops import queries
from finops.config import Config
from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.intake.take import Tell
from finops.ledger import kept
from finops.ledger.record import record
from finops.plans import PlanView, as_known, make_plans

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
    """The plans of now; they and those of four weeks ago are on record, as where the tool runs already.

    Raises ConfigError where no bill is loaded.
    """
    with warehouse.reader() as reader:
        last = queries.as_of(reader)
    days = [None] if last is None else [last - timedelta(days=WEEKS_AGO * 7), last]
    with ThreadPoolExecutor(max_workers=len(days)) as pool:  # one judges while the engine reads for the other
        *before, now = pool.map(partial(_plans_of, warehouse, config), days)
    for views in before:
        record(warehouse, config, views=views)
    with warehouse.reader() as reader:
        known = kept.history(reader, now[0].plan.as_of)
    views = [as_known(view, known) for view in now]
    record(warehouse, config, views=views)
    return views


def _plans_of(warehouse: Warehouse, config: Config, day: date | None) -> list[PlanView]:
    with warehouse.reader() as reader:
        return make_plans(reader, config, as_of=day)


def sample_company() -> Path:
    """The folder of the sample company's exports, beside the package in a checkout as in the wheel."""
    return Path(str(finops.__file__)).resolve().parent.parent / "sample_data" / "export"
