"""Overview: is the number right, what will the month end at, what is new or unusual, what changed, what can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import streamlit as st

from finops import queries
from finops.dashboard import figures, panel, state
from finops.dashboard.scope import Scope, scope_bar
from finops.plans import PlanView
from finops.portfolio import waterfall_bars
from finops.render import amount
from finops.summary.blocks import first_of
from finops.summary.costs import anomaly_rows
from finops.summary.plan import short
from finops.summary.savings import stage_rows, waiting_rows
from finops.summary.teams import UNTAXED

MOST = 5
"""Rows of each list and currency; its page, its file and its command have all."""

WHOLE = "Of the whole bill, whatever the scope."


def page() -> None:
    """Draw the page; what is known at once comes before the plan, which may have to be made."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Overview")
    _months(at.ask(state.months, scope.where), scope)
    _unusual(at.ask(state.anomalies, scope.where), scope)
    _changed(at, scope)
    _waterfalls(at.ask_ledger(state.plans), scope)
    _followed(at.ask_ledger(state.savings), scope)


def _waterfalls(views: list[PlanView], scope: Scope) -> None:
    """What can be saved, a currency beside the other."""
    st.subheader("Plan")
    if scope.where:
        st.caption(WHOLE)
    for view, column in zip(views, st.columns(max(1, len(views))), strict=False):
        plan = view.plan
        with column:
            st.metric(f"can be saved a month, {plan.currency}", amount(plan.saving))
            panel.chart(figures.waterfall(waterfall_bars(plan), f"{plan.currency} a month"), f"waterfall-{plan.currency}")
    panel.source("finops recommend")


def _changed(at: state.Snapshot, scope: Scope) -> None:
    st.subheader("What changed")
    query = queries.CostQuery(("service",), first=scope.first, last=scope.last, where=scope.where)
    before = queries.previous(scope.first, scope.last)
    st.caption(f"{before[0]} to {before[1]}, then {scope.first} to {scope.last}; the parts sum to the change")
    changed = [
        {"service": change.keys[0], "currency": change.currency, "before": change.before, "after": change.after}
        | {"change": change.change, "usage": change.usage, "mix": change.mix, "price": change.price}
        | {"exchange": change.exchange}
        for change in at.ask(state.changes, query)
    ]
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
    found = f"The {len(report.plans)} plans on record found nothing to save." if report.plans else "; ".join(report.notes)
    panel.table(stages, key="savings", command="finops savings", empty=found)


def _brief(row: Mapping[str, Any]) -> dict[str, object]:
    """What tells a new finding: how long it waits is nothing yet."""
    told = ("id", "kind", "resource", "do", "owner", "currency", "promised", "first_seen")
    return {name: row[name] for name in told} | {"resource": short(str(row["resource"]))}


def _months(months: list[queries.MonthEnd], scope: Scope) -> None:
    for column, month in zip(st.columns(max(1, len(months))), months, strict=False):
        with column:
            named = month.currency if month.name == "all" else f"{month.name} ({month.currency})"
            st.metric(f"{month.month} to date, {named}", amount(month.actual))
            st.caption(_ends(month))
    st.caption(UNTAXED)
    if all(month.budget is None for month in months):
        st.caption("No budget is set: \\[\\[budgets]] in finops.toml (finops init --print shows how).")
    panel.source(f"finops forecast{scope.filters}; finops budgets")


def _ends(month: queries.MonthEnd) -> str:
    if month.expected is None:
        return "month end: unknown, less than two weeks of history"
    text = f"month end {amount(month.expected)}"
    if month.low is not None and month.high is not None and month.low < month.high:
        text += f" ({amount(month.low)} to {amount(month.high)}, four times in five)"
    text += f"; the month before {amount(month.previous)}" if month.previous else ""
    if month.budget is not None:
        text += f"; budget {amount(month.budget)}"
    if month.exceeds is not None:
        text += f", exceeded with {Decimal(repr(month.exceeds)):.0%}"
    return text
