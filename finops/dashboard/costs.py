"""Costs: spend by any dimension, over the days of the month, against the period before."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from finops import queries
from finops.dashboard import figures, panel, state
from finops.dashboard.scope import Scope, scope_bar
from finops.render import amount

NAMELESS = "(none)"
DIMENSIONS = ("service", "account_name", "region", "category", "resource", "charge", "sku", "provider")
BARS = 15
"""Groups that are drawn; the table has all."""


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Costs")
    _by(at, scope)


@st.fragment
def _by(at: state.Snapshot, scope: Scope) -> None:
    """What the two choices decide, drawn anew without the rest of the page."""
    left, right = st.columns(2)
    by = left.selectbox("By", DIMENSIONS, index=_given(DIMENSIONS, "by"), key="costs-by", format_func=_said)
    metric = right.selectbox("Metric", list(queries.METRICS), index=_given(queries.METRICS, "metric"), key="costs-metric")
    st.query_params["by"], st.query_params["metric"] = by, metric
    query = queries.CostQuery((by,), metric=metric, first=scope.first, last=scope.last, where=scope.where)
    command = f"finops costs --by {by} --metric {metric}{scope.flags}"
    found = at.ask(state.costs, query)
    for currency, total in queries.totals(found).items():
        st.subheader(f"{currency} by {_said(by)}")
        st.caption(f"{amount(total)} {currency}, {metric} cost from {scope.first} to {scope.last}")
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
    if query.first and query.last:
        before = queries.previous(query.first, query.last)
        st.caption(f"{before[0]} to {before[1]}, then {query.first} to {query.last}; the parts sum to the change")
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
    """The largest groups of one currency, and their days; all others are one group, so that days add up."""
    by = query.by[0]
    largest = [{"name": str(r.keys[0] or NAMELESS), "cost": float(r.amount)} for r in found[:BARS]]
    panel.chart(figures.bars(largest, x="cost", y="name", unit=currency), f"costs-{currency}")
    named = [row.keys[0] for row in found[: figures.NAMES]]
    days = [row for row in at.ask(state.costs, replace(query, by=("day", by))) if row.currency == currency]
    daily = [
        {"day": str(r.keys[0]), "name": str(r.keys[1] or NAMELESS), "cost": float(r.amount)}
        for r in queries.gathered(days, named)
    ]
    order = [str(name or NAMELESS) for name in named] + ([queries.OTHERS] if len(found) > len(named) else [])
    figure = figures.stacked(daily, x="day", y="cost", colour="name", unit=f"{currency} a day", order=order)
    panel.chart(figure, f"daily-{currency}")


def _said(name: str) -> str:
    return name.replace("_", " ")


def _given(options: object, name: str) -> int:
    listed = list(options)  # type: ignore[call-overload]
    return listed.index(st.query_params[name]) if st.query_params.get(name) in listed else 0
