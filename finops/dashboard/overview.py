"""Overview: is the number right, what will the month end at, what is new or unusual, what changed, what can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import streamlit as st

from finops import queries
from finops.dashboard import panel, state
from finops.dashboard.scope import Scope, scope_bar
from finops.dashboard.waterfall import WHOLE, standing, waterfalls
from finops.render import amount
from finops.summary.blocks import first_of
from finops.summary.costs import anomaly_rows, change_rows
from finops.summary.plan import short
from finops.summary.savings import stage_rows, waiting_rows
from finops.summary.teams import UNTAXED, month_row

MOST = 5
"""Rows of each list and currency; its page, its file and its command have all."""


def page() -> None:
    """Draw the page; what is known at once comes before the plan, which may have to be made."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Overview")
    _months(at.ask(state.months, scope.where), scope)
    _budgets(at.ask(state.budgets), scope)
    _unusual(at.ask(state.anomalies, scope.where), scope)
    _changed(at, scope)
    st.subheader("Plan")
    waterfalls(standing(at.ask_ledger(state.plans)), "waterfall", is_scoped=bool(scope.where))
    _followed(at.ask_ledger(state.savings), scope)
    _ends(at.ask(state.endings, scope.where), scope)


def _ends(found: list[queries.Ending], scope: Scope) -> None:
    """What no forecast of a month shows."""
    st.subheader("Ends within a year")
    st.caption("The bill rises by so much a month after the last day.")
    rows = [asdict(one) for one in found]
    panel.table(
        [{**row, "name": short(str(row["name"]))} for row in first_of(rows, MOST)],
        key="ends",
        command=f"finops forecast{scope.filters}",
        empty="No commitment or credit that is loaded ends within a year.",
        listed=rows,
    )


def _changed(at: state.Snapshot, scope: Scope) -> None:
    st.subheader("What changed")
    query = queries.CostQuery(("service",), first=scope.first, last=scope.last, where=scope.where)
    before = queries.previous(scope.first, scope.last)
    st.caption(f"{before[0]} to {before[1]}, then {scope.first} to {scope.last}, with tax; the parts sum to the change")
    changed = change_rows(at.ask(state.changes, query), query.by)
    command = f"finops costs --by service --compare{scope.flags}"
    panel.table(first_of(changed, MOST), key="changes", command=command, listed=changed)


def _unusual(found: list[queries.Anomaly], scope: Scope) -> None:
    st.subheader("Unusual spend")
    rows = anomaly_rows(found, ("service", "account"))
    panel.table(
        first_of(rows, MOST),
        key="anomalies",
        command=f"finops anomalies{scope.filters}",
        empty="Nothing in the last 30 settled days cost more than its past explains.",
        listed=rows,
    )


def _followed(report: queries.SavingsReport, scope: Scope) -> None:
    """What is new in the last plan on record, and what came of them."""
    st.subheader("New findings")
    new = waiting_rows([row for row in report.rows if row.status == "new" and scope.holds(row.provider, row.account)])
    panel.table(
        [_brief(row) for row in first_of(new, MOST)],
        key="new-findings",
        command=f"finops recommend --new{scope.options}",
        empty="The last plan on record holds nothing that an earlier one did not.",
        listed=new,
    )
    st.subheader("Savings, from found to cash")
    if scope.where:
        st.caption(WHOLE)
    stages = [{"currency": total.currency} | row for total in report.totals for row in stage_rows(total)]
    found = (
        f"What is on record, {len(report.plans)} plans so far, found nothing to save."
        if report.plans
        else "; ".join(report.notes)
    )
    panel.table(stages, key="savings", command="finops savings", empty=found)


def _brief(row: Mapping[str, Any]) -> dict[str, object]:
    """What tells a new finding: how long it waits is nothing yet."""
    told = ("id", "kind", "resource", "do", "owner", "currency", "promised", "first_seen")
    return {name: row[name] for name in told} | {"resource": short(str(row["resource"]))}


def _months(months: list[queries.MonthEnd], scope: Scope) -> None:
    for column, month in zip(st.columns(max(1, len(months))), months, strict=False):
        with column:
            st.metric(f"{month.month} to date, {month.currency}", amount(month.actual))
            st.caption(_ends_at(month))
    st.caption(UNTAXED)
    panel.source(f"finops forecast{scope.filters}", [asdict(month) for month in months], "months")


def _budgets(budgets: list[queries.MonthEnd], scope: Scope) -> None:
    """Each budget with what its month ends at."""
    st.subheader("Budgets")
    if scope.where and budgets:
        st.caption("Each budget has a scope of its own, whatever is chosen here.")
    rows = [month_row(budget) for budget in budgets]
    shown = [{name: value for name, value in row.items() if name not in ("as_of", "nowcast")} for row in rows]
    panel.table(
        shown,
        key="budgets",
        command="finops budgets",
        empty="No budget is set: \\[\\[budgets]] in finops.toml (finops init --print shows how).",
        listed=rows,
    )


def _ends_at(month: queries.MonthEnd) -> str:
    if month.expected is None:
        return "month end: unknown, less than two weeks of history"
    text = f"month end {amount(month.expected)}"
    if month.low is not None and month.high is not None and month.low < month.high:
        text += f" ({amount(month.low)} to {amount(month.high)}, four times in five)"
    if month.nowcast:
        text += f"; of it {amount(month.nowcast)} of days that are not billed whole yet"
    return text + (f"; the month before {amount(month.previous)}" if month.previous else "")
