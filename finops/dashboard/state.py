"""What every page reads: the last snapshot of the warehouse in the settings, and its answers for as long as it is the last."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import date
from typing import TypeVar

import streamlit as st

from finops import queries
from finops.config import Config, load_config, or_sample
from finops.dashboard import panel
from finops.errors import FinopsError
from finops.intake.reconcile import Trust, trust
from finops.ledger.kept import history
from finops.ledger.record import decide
from finops.plans import Instrument, PlanView, as_known, instrument_first, shown_plans
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
        self._of_bill = _answers(config.model_dump_json(), self.reader.published.content)
        self._answers: dict[Hashable, object] = {}

    @property
    def age(self) -> str:
        """How old the numbers are, as every panel says it."""
        return f"data up to {self.as_of}, snapshot {self.number}"

    @property
    def published(self) -> str:
        """When that was."""
        return f"published {self.reader.published.published_at[:16].replace('T', ' ')} UTC"

    def ask(self, question: Callable[..., T], *about: Hashable) -> T:
        """The answer of `question(self, *about)`, kept. What it raises stops the page with its text."""
        return self._kept(self._of_bill, question, about)

    def ask_ledger(self, question: Callable[..., T], *about: Hashable) -> T:
        """The same for a question to the ledger, whose answer a dismissal changes."""
        return self._kept(self._answers, question, about)

    def _kept(self, answers: dict[Hashable, object], question: Callable[..., T], about: tuple[Hashable, ...]) -> T:
        key = (question, *about)
        if key not in answers:
            if len(answers) >= MOST_ANSWERS:
                answers.clear()
            try:
                answers[key] = question(self, *about)
            except FinopsError as error:
                st.error(str(error))
                st.stop()
        return answers[key]  # type: ignore[return-value]


@st.cache_resource(max_entries=2, show_spinner=False)
def _answers(settings: str, content: int) -> dict[Hashable, object]:  # noqa: ARG001 — the key of the cache
    """Answers about one state of the bill, whatever the ledger says."""
    return {}


@st.cache_resource(max_entries=4, show_spinner="Opening the warehouse")
def _snapshot(settings: str, number: int) -> Snapshot:
    return Snapshot(Config.model_validate_json(settings), number)


def snapshot() -> Snapshot:
    """The last published state; the page stops with how to fill an empty warehouse."""
    try:
        config = or_sample(load_config())
        number = Warehouse.open(config.warehouse).published().number
    except FinopsError as error:
        st.error(str(error))
        st.stop()
    at = _snapshot(config.model_dump_json(), number) if number else None
    if at is None or at.as_of is None:
        st.info("No bill is loaded here. Load one, or try the sample company, then reload this page.")
        st.code(f"finops load PATH… --warehouse {config.warehouse}\nfinops demo {config.warehouse}", language="bash")
        st.stop()
    panel.dated(at.age)
    return at


def _made(at: Snapshot) -> list[PlanView]:
    return shown_plans(at.reader, at.config)


def plans(at: Snapshot) -> list[PlanView]:
    """One plan a currency; red ones too, which say so. Ask the ledger for them: it knows their status."""
    known = history(at.reader, at.as_of or date.min)
    return [as_known(view, known) for view in sorted(at.ask(_made), key=lambda view: view.plan.currency)]


def savings(at: Snapshot) -> queries.SavingsReport:
    """What came of the plans on record."""
    return queries.savings(at.reader, at.as_of)


def anomalies(at: Snapshot, where: tuple[queries.Condition, ...]) -> list[queries.Anomaly]:
    """What cost more than its past explains."""
    return queries.anomalies(at.reader, at.as_of or date.min, where=where)


def dismiss(at: Snapshot, finding_id: str, *, until: date, why: str, by: str) -> None:
    """Set a recommendation aside. Raises FinopsError."""
    warehouse = Warehouse.open(at.config.warehouse, memory_limit=at.config.memory_limit)
    decide(warehouse, at.config, finding_id, "dismissed", until=until, why=why, by=by or None)


def reopen(at: Snapshot, finding_id: str) -> None:
    """Take the last word on it back. Raises FinopsError."""
    decide(Warehouse.open(at.config.warehouse, memory_limit=at.config.memory_limit), at.config, finding_id, "reopened")


def costs(at: Snapshot, query: queries.CostQuery) -> list[queries.CostRow]:
    """Spend by group."""
    return queries.costs(at.reader, query)


def changes(at: Snapshot, query: queries.CostQuery) -> list[queries.Change]:
    """Why spend changed, and what provisional days are expected to gain yet."""
    # by whatever it is grouped, the same is late
    late = at.ask(_pending, replace(query, by=("service",)))
    return [*queries.changes(at.reader, query), *late]


def _pending(at: Snapshot, query: queries.CostQuery) -> list[queries.Change]:
    return queries.pending(at.reader, at.as_of or date.min, query)


def months(at: Snapshot, where: tuple[queries.Condition, ...]) -> list[queries.MonthEnd]:
    """What the month ends at, a row a currency."""
    return queries.month_ends(at.reader, at.as_of or date.min, where=where)


def budgets(at: Snapshot) -> list[queries.MonthEnd]:
    """What the month of each budget ends at."""
    return queries.budgets(at.reader, at.as_of or date.min, configured.budgets(at.config))


def dimensions(at: Snapshot) -> list[str]:
    """What spend can be grouped by."""
    return queries.dimensions(at.reader)


def endings(at: Snapshot, where: tuple[queries.Condition, ...]) -> list[queries.Ending]:
    """What ends within a year and holds money off the bill."""
    return queries.endings(at.reader, at.as_of or date.min, where=where)


def teams(at: Snapshot, first: date, last: date, where: tuple[queries.Condition, ...]) -> list[queries.TeamRow]:
    """Spend by team."""
    return queries.allocate(at.reader, configured.allocation(at.config), first=first, last=last, where=where)


def ml(at: Snapshot, where: tuple[queries.Condition, ...]) -> queries.MlReport:
    """Every ML answer of the last 30 days."""
    return queries.ml(at.reader, at.as_of or date.min, configured.allocation(at.config), where)


def instruments(at: Snapshot, where: tuple[queries.Condition, ...]) -> list[Instrument]:
    """What ML answers lack, by the spend at stake."""
    return instrument_first(at.ask(_made), at.ask(ml, where))


def sources(at: Snapshot) -> list[queries.SourceStatus]:
    """What is loaded."""
    return queries.sources(at.reader)


def reconciliation(at: Snapshot) -> list[queries.Reconciled]:
    """How far each billing period is tied."""
    return queries.reconciliation(at.reader)


def trusted(at: Snapshot) -> Trust:
    """How far the bills of all sources are tied."""
    return trust(at.reader)
