"""Overview: is the number right, what will the month end at, what is new or unusual, what changed, what can be saved."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from finops import queries
from finops.dashboard import panel, state
from finops.dashboard.scope import Scope, scope_bar
from finops.portfolio import waterfall_bars
from finops.render import amount
from finops.summary.costs import anomaly_rows
from finops.summary.savings import stage_rows, waiting_rows

MOST = 10
"""Rows of each list; its page and its command have all."""


def page() -> None:
    """Draw the page; what is known at once comes before the plan, which may have to be made."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Overview")
    _months(at.ask(state.months, scope.where), scope)
    _unusual(at.ask(state.anomalies, scope.where), scope)
    _followed(at.ask_ledger(state.savings))
    for view in at.ask_ledger(state.plans):
        plan = view.plan
        st.subheader(f"Plan in {plan.currency}: {amount(plan.saving)} a month")
        panel.chart(panel.waterfall(waterfall_bars(plan), f"{plan.currency} a month"), f"waterfall-{plan.currency}")
        panel.source("finops recommend")
    st.subheader("What changed")
    query = queries.CostQuery(("service",), first=scope.first, last=scope.last, where=scope.where)
    changed = [
        {"service": change.keys[0], "currency": change.currency, "before": change.before, "after": change.after}
        | {"usage": change.usage, "mix": change.mix, "price": change.price, "exchange": change.exchange}
        for change in at.ask(state.changes, query)[:MOST]
    ]
    panel.table(changed, key="changes", command=f"finops costs --by service --compare{scope.flags}")


def _unusual(found: list[queries.Anomaly], scope: Scope) -> None:
    st.subheader("Unusual spend")
    panel.table(
        anomaly_rows(found[:MOST], ("service", "account")),
        key="anomalies",
        command=f"finops anomalies{scope.filters}",
        empty="Nothing in the last 30 settled days cost more than its past explains.",
    )


def _followed(report: queries.SavingsReport) -> None:
    """What came of the plans on record, and what is new in the last one."""
    st.subheader("New findings")
    panel.table(
        waiting_rows([row for row in report.rows if row.status == "new"])[:MOST],
        key="new-findings",
        command="finops recommend --new",
        empty="The last plan on record holds nothing that an earlier one did not.",
    )
    st.subheader("Savings, from found to cash")
    stages = [{"currency": total.currency} | row for total in report.totals for row in stage_rows(total)]
    found = f"The {len(report.plans)} plans on record found nothing to save." if report.plans else "; ".join(report.notes)
    panel.table(stages, key="savings", command="finops savings", empty=found)


def _months(months: list[queries.MonthEnd], scope: Scope) -> None:
    for column, month in zip(st.columns(max(1, len(months))), months, strict=False):
        with column:
            named = month.currency if month.name == "all" else f"{month.name} ({month.currency})"
            st.metric(f"{month.month} to date, {named}", amount(month.actual))
            st.caption(_ends(month))
    if all(month.budget is None for month in months):
        st.caption("No budget is set: [[budgets]] in finops.toml (finops init --print shows how).")
    panel.source(f"finops forecast{scope.filters}; finops budgets")


def _ends(month: queries.MonthEnd) -> str:
    if month.expected is None:
        return "month end: unknown, less than two weeks of history"
    text = f"month end {amount(month.expected)}"
    if month.low is not None and month.high is not None and month.low < month.high:
        text += f" ({amount(month.low)} to {amount(month.high)}, four times in five)"
    if month.budget is not None:
        text += f"; budget {amount(month.budget)}"
    if month.exceeds is not None:
        text += f", exceeded with {Decimal(repr(month.exceeds)):.0%}"
    return text
