"""Costs: spend by any dimension, over the days of the month, against the period before."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from finops import queries
from finops.dashboard import panel, state
from finops.dashboard.scope import scope_bar

NAMELESS = "(none)"
DIMENSIONS = ("service", "account_name", "region", "category", "resource", "charge", "sku", "provider")


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Costs")
    left, right = st.columns(2)
    by = left.selectbox("By", DIMENSIONS, index=_given(DIMENSIONS, "by"), key="costs-by")
    metric = right.selectbox("Metric", list(queries.METRICS), index=_given(queries.METRICS, "metric"), key="costs-metric")
    st.query_params["by"], st.query_params["metric"] = by, metric
    query = queries.CostQuery((by,), metric=metric, first=scope.first, last=scope.last, where=scope.where)
    command = f"finops costs --by {by} --metric {metric}{scope.flags}"
    found = at.ask(state.costs, query)
    for currency in dict.fromkeys(row.currency for row in found):
        _drawn(at, currency, [row for row in found if row.currency == currency], query)
    rows = [
        {by: row.keys[0] or NAMELESS, "currency": row.currency, f"{metric}_cost": row.amount, "charges": row.charges}
        for row in found
    ]
    panel.table(rows, key="costs", command=command)
    _compared(at, by, query, command)


def _compared(at: state.Snapshot, by: str, query: queries.CostQuery, command: str) -> None:
    """Period over period, by what moved it."""
    st.subheader("Against the period before")
    changed = [
        {by: change.keys[0] or NAMELESS, "currency": change.currency, "before": change.before, "after": change.after}
        | {
            "change": change.change,
            "usage": change.usage,
            "mix": change.mix,
            "price": change.price,
            "exchange": change.exchange,
        }
        for change in at.ask(state.changes, query)
    ]
    panel.table(changed, key="costs-compare", command=f"{command} --compare")


def _drawn(at: state.Snapshot, currency: str, found: list[queries.CostRow], query: queries.CostQuery) -> None:
    """The largest groups of one currency, and the days of the largest of them."""
    by = query.by[0]
    largest = [{"name": str(r.keys[0] or NAMELESS), "cost": float(r.amount)} for r in found][:15]
    st.subheader(f"{currency} by {by}")
    panel.chart(panel.bars(largest, x="cost", y="name", unit=currency), f"costs-{currency}")
    days = at.ask(state.costs, replace(query, by=("day", by)))
    names = {row["name"] for row in largest[:8]}
    daily = [
        {"day": str(r.keys[0]), "name": str(r.keys[1] or NAMELESS), "cost": float(r.amount)}
        for r in days
        if r.currency == currency and str(r.keys[1] or NAMELESS) in names
    ]
    panel.chart(panel.stacked(daily, x="day", y="cost", colour="name", unit=f"{currency} a day"), f"daily-{currency}")


def _given(options: object, name: str) -> int:
    listed = list(options)  # type: ignore[call-overload]
    return listed.index(st.query_params[name]) if st.query_params.get(name) in listed else 0
