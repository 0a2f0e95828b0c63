"""The weekly report: every answer that it gives, of one published snapshot, as a typed document."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from finops import queries
from finops.config import Config
from finops.errors import ConfigError
from finops.intake.reconcile import Trust, trust
from finops.plans import Instrument, PlanView, gated, instrument_first, replayed_bills, shown_plans
from finops.queries import configured
from finops.window import PROVISIONAL_DAYS

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader

BEFORE_TAX = queries.Condition("charge", ("Tax",), negated=True)
WEEK_DAYS = 7
DAILY_DAYS = 56
"""Days of the daily line: eight weeks, so that each weekday stands beside its own kind."""


@dataclass(frozen=True, slots=True)
class Weekly:
    """What the report says. Budgets, plans, what became of them, commitments and data health are of the whole bill, whatever
    the scope; a red plan shows why it has no saving.

    begins       the first day of the loaded bill, by currency
    first, last  the last seven days that no provider restates any more (inclusive)
    totals, changes, daily  before tax, which falls on one day of its month
    daily        spend a day, the provisional days included
    teams        the month of `as_of` up to that day
    ahead        what ends within a year, with what it holds off the bill
    """

    as_of: date
    first: date
    last: date
    scope: tuple[str, ...]
    trust: Trust
    calculation: queries.Calculation
    begins: Mapping[str, date]
    totals: tuple[queries.Change, ...]
    changes: tuple[queries.Change, ...]
    daily: tuple[queries.CostRow, ...]
    months: tuple[queries.MonthEnd, ...]
    budgets: tuple[queries.MonthEnd, ...]
    plans: tuple[PlanView, ...]
    savings: queries.SavingsReport
    anomalies: tuple[queries.Anomaly, ...]
    ml: queries.MlReport
    instruments: tuple[Instrument, ...]
    teams: tuple[queries.TeamRow, ...]
    expiring: tuple[queries.Expiring, ...]
    ahead: tuple[queries.Ending, ...]
    sources: tuple[queries.SourceStatus, ...]
    reconciliation: tuple[queries.Reconciled, ...]

    @property
    def filters(self) -> str:
        """The scope as flags of a command. A condition is whatever its author typed: quoted, so that the line can be pasted."""
        return "".join(f" --where {shlex.quote(condition)}" for condition in self.scope)

    @property
    def credits(self) -> tuple[queries.Ending, ...]:
        """Promotional credits that end as soon as the commitments that are listed."""
        until = self.as_of + timedelta(days=queries.EXPIRY_DAYS)
        return tuple(e for e in self.ahead if e.what == queries.CREDITS and e.last is not None and e.last <= until)

    @property
    def before(self) -> tuple[date, date]:
        """The seven days that the week is compared with."""
        return queries.previous(self.first, self.last)


def weekly(reader: Reader, config: Config, where: Sequence[str] = ()) -> Weekly:
    """The report as of the last complete loaded day. Raises ConfigError: no bill is loaded, a condition that is none."""
    day = queries.as_of(reader)
    if day is None:
        raise ConfigError("no bill is loaded", where=config.warehouse, hint="finops load PATH… or finops demo")
    conditions = tuple(queries.Condition.parse(text) for text in where)
    last = day - timedelta(days=PROVISIONAL_DAYS)
    plans = tuple(shown_plans(reader, config, day))
    ml = queries.ml(reader, day, configured.allocation(config), conditions)
    untaxed = (*conditions, BEFORE_TAX)
    week = queries.CostQuery((), first=last - timedelta(days=WEEK_DAYS - 1), last=last, where=untaxed)
    return Weekly(
        as_of=day,
        first=last - timedelta(days=WEEK_DAYS - 1),
        last=last,
        scope=tuple(where),
        trust=gated(trust(reader, day), replayed_bills(reader, day)),
        calculation=queries.calculation(reader, reader.published.content),
        begins=queries.first_days(reader),
        totals=tuple(queries.changes(reader, week)),
        changes=tuple(queries.changes(reader, replace(week, by=("service",)))),
        daily=_daily(reader, day, untaxed),
        months=tuple(queries.month_ends(reader, day, where=conditions)),
        budgets=tuple(queries.budgets(reader, day, configured.budgets(config))),
        plans=plans,
        savings=queries.savings(reader, day),
        anomalies=tuple(queries.anomalies(reader, day, where=conditions)),
        ml=ml,
        instruments=tuple(instrument_first(plans, ml)),
        teams=_teams(reader, config, day, conditions),
        expiring=tuple(queries.expiring(reader, day)),
        ahead=tuple(queries.endings(reader, day)),
        sources=tuple(queries.sources(reader)),
        reconciliation=tuple(queries.reconciliation(reader)),
    )


def _teams(reader: Reader, config: Config, day: date, where: tuple[queries.Condition, ...]) -> tuple[queries.TeamRow, ...]:
    rules = configured.allocation(config)
    return tuple(queries.allocate(reader, rules, first=day.replace(day=1), last=day, where=where))


def _daily(reader: Reader, day: date, conditions: tuple[queries.Condition, ...]) -> tuple[queries.CostRow, ...]:
    first = day - timedelta(days=DAILY_DAYS - 1)
    rows = queries.costs(reader, queries.CostQuery(("day",), first=first, last=day, where=conditions))
    return tuple(sorted(rows, key=lambda row: (row.currency, str(row.keys[0]))))
