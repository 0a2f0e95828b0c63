"""Overview: is the number right, what will the month end at, what changed, what can be saved."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from finops import queries
from finops.dashboard import panel, state
from finops.dashboard.scope import scope_bar
from finops.portfolio import waterfall_bars
from finops.render import amount


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Overview")
    _months(at.ask(state.months, scope.where))
    for view in at.ask(state.plans):
        plan = view.plan
        st.subheader(f"Plan in {plan.currency}: {amount(plan.saving)} a month")
        panel.chart(panel.waterfall(waterfall_bars(plan), f"{plan.currency} a month"), f"waterfall-{plan.currency}")
        newest = [
            {
                "id": r.finding.id,
                "kind": r.finding.kind,
                "resource": r.finding.scope.resource,
                "saving": r.saving.effective_monthly.expected,
                "status": r.status,
            }
            for r in plan.recommendations[:5]
        ]
        panel.table(newest, key=f"largest-{plan.currency}", command="finops recommend")
    st.subheader("What changed")
    query = queries.CostQuery(("service",), first=scope.first, last=scope.last, where=scope.where)
    changed = [
        {"service": change.keys[0], "currency": change.currency, "before": change.before, "after": change.after}
        | {"usage": change.usage, "mix": change.mix, "price": change.price, "exchange": change.exchange}
        for change in at.ask(state.changes, query)[:10]
    ]
    panel.table(changed, key="changes", command=f"finops costs --by service --compare{scope.flags}")


def _months(months: list[queries.MonthEnd]) -> None:
    for column, month in zip(st.columns(max(1, len(months))), months, strict=False):
        with column:
            named = month.currency if month.name == "all" else f"{month.name} ({month.currency})"
            st.metric(f"{month.month} to date, {named}", amount(month.actual))
            st.caption(_ends(month))
    panel.source("finops forecast; finops budgets")


def _ends(month: queries.MonthEnd) -> str:
    if month.expected is None:
        return "month end: unknown, less than two weeks of history"
    text = f"month end {amount(month.expected)}"
    if month.low is not None and month.high is not None:
        text += f" ({amount(month.low)} to {amount(month.high)}, four times in five)"
    if month.budget is not None:
        text += f"; budget {amount(month.budget)}"
    if month.exceeds is not None:
        text += f", exceeded with {Decimal(repr(month.exceeds)):.0%}"
    return text
