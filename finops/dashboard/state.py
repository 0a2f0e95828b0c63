"""What every page reads: the last snapshot of the warehouse in the settings, and its answers for as long as it is the last."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date
from typing import TypeVar

import streamlit as st

from finops import queries
from finops.config import Config, load_config
from finops.errors import FinopsError
from finops.intake.reconcile import Trust, trust
from finops.plans import Instrument, PlanView, Selection, instrument_first, make_plans
from finops.queries import configured
from finops.warehouse.warehouse import Reader, Warehouse

T = TypeVar("T")
MOST_ANSWERS = 256
"""Answers that a snapshot keeps; past that all are asked anew."""


class Snapshot:
    """One published state, and each question that pages have asked of it with its answer."""

    def __init__(self, config: Config, number: int) -> None:
        self.config = config
        self.number = number
        self.reader: Reader = Warehouse.open(config.warehouse, memory_limit=config.memory_limit).snapshot(number)
        self.as_of: date | None = queries.as_of(self.reader)
        self._answers: dict[Hashable, object] = {}

    def ask(self, question: Callable[..., T], *about: Hashable) -> T:
        """The answer of `question(self, *about)`, kept. What it raises stops the page with its text."""
        key = (question, *about)
        if key not in self._answers:
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            try:
                self._answers[key] = question(self, *about)
            except FinopsError as error:
                st.error(str(error))
                st.stop()
        return self._answers[key]  # type: ignore[return-value]


@st.cache_resource(max_entries=4, show_spinner="Opening the warehouse")
def _snapshot(settings: str, number: int) -> Snapshot:
    return Snapshot(Config.model_validate_json(settings), number)


def snapshot() -> Snapshot:
    """The last published state; the page stops with how to fill an empty warehouse."""
    try:
        config = load_config()
        number = Warehouse.open(config.warehouse).published().number
    except FinopsError as error:
        st.error(str(error))
        st.stop()
    at = _snapshot(config.model_dump_json(), number) if number else None
    if at is None or at.as_of is None:
        st.info("No bill is loaded here. Load one, or try the sample company, then reload this page.")
        st.code(f"finops load PATH… --warehouse {config.warehouse}\nfinops demo {config.warehouse}", language="bash")
        st.stop()
    return at


def plans(at: Snapshot) -> list[PlanView]:
    """One plan a currency; red ones too, which say so."""
    return make_plans(at.reader, at.config, Selection(), force=True)


def costs(at: Snapshot, query: queries.CostQuery) -> list[queries.CostRow]:
    """Spend by group."""
    return queries.costs(at.reader, query)


def changes(at: Snapshot, query: queries.CostQuery) -> list[queries.Change]:
    """Why spend changed."""
    return queries.changes(at.reader, query)


def months(at: Snapshot, where: tuple[queries.Condition, ...]) -> list[queries.MonthEnd]:
    """What the month ends at, a row a currency, then a row a budget."""
    day = at.as_of or date.min
    wanted = configured.budgets(at.config)
    return [*queries.month_ends(at.reader, day, where=where), *queries.budgets(at.reader, day, wanted)]


def teams(at: Snapshot, first: date, last: date) -> list[queries.TeamRow]:
    """Spend by team."""
    return queries.allocate(at.reader, configured.allocation(at.config), first=first, last=last)


def ml(at: Snapshot) -> queries.MlReport:
    """Every ML answer of the last 30 days."""
    return queries.ml(at.reader, at.as_of or date.min, configured.allocation(at.config))


def instruments(at: Snapshot) -> list[Instrument]:
    """What ML answers lack, by the spend at stake."""
    return instrument_first(at.ask(plans), at.ask(ml))


def trusted(at: Snapshot) -> Trust:
    """How far the bills of all sources are tied."""
    return trust(at.reader)
