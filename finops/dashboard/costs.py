"""Costs: spend by any dimension, over the days of the month, against the period before; a group opens to what it is made of."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from finops import queries
from finops.dashboard import figures, panel, state
from finops.dashboard.scope import Scope, filters, scope_bar
from finops.errors import ConfigError
from finops.render import amount, printable
from finops.summary.costs import change_rows

NAMELESS = "(none)"
FIRST = ("service", "account_name", "region", "category", "resource", "charge", "sku", "provider")
"""What is asked most stands first among the dimensions."""

WITHIN = ("service", "resource", "SkuMeter")
"""What a group opens to: the first of these that it is not limited to yet."""

BARS = 15
"""Groups that are drawn; the table has all."""

BY, OPEN = "costs-by", "costs-open"


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Costs")
    _by(at, scope)


@st.fragment
def _by(at: state.Snapshot, scope: Scope) -> None:
    """What the choices decide, drawn anew without the rest of the page."""
    path = _path()
    left, right = st.columns(2)
    dimensions = list(dict.fromkeys([*FIRST, *at.ask(state.dimensions)]))
    by = left.selectbox("By", dimensions, index=_given(dimensions, "by"), key=BY, format_func=_said)
    metric = right.selectbox("Metric", list(queries.METRICS), index=_given(queries.METRICS, "metric"), key="costs-metric")
    st.query_params["by"], st.query_params["metric"] = by, metric
    where = (*scope.where, *path)
    query = queries.CostQuery((by,), metric=metric, first=scope.first, last=scope.last, where=where)
    flags = f"--metric {metric}{scope.flags}{filters(path)}"
    command = f"finops costs --by {shlex.quote(by)} {flags}"
    found = at.ask(state.costs, query)
    _opened(path, by, found)
    for currency, total in queries.totals(found).items():
        st.subheader(f"{currency} by {_said(by)}")
        st.caption(f"{amount(total)} {currency}, {metric} cost with tax from {scope.first} to {scope.last}")
        _largest(currency, [row for row in found if row.currency == currency], by)
        _days(at, currency, [row for row in found if row.currency == currency], query, flags)
    st.subheader(f"All, by {_said(by)}")
    rows = [
        {by: row.keys[0] or NAMELESS, "currency": row.currency, f"{metric}_cost": row.amount, "charges": row.charges}
        for row in found
    ]
    panel.table(rows, key="costs", command=command)
    _compared(at, query, command)


def _path() -> tuple[queries.Condition, ...]:
    """The groups that are open, one within the other, from the address; what is no condition there is passed over."""
    path = []
    for text in st.query_params.get_all("in"):
        try:
            path.append(queries.Condition.parse(text))
        except ConfigError:
            continue
    return tuple(path)


def _opened(path: Sequence[queries.Condition], by: str, found: Sequence[queries.CostRow]) -> None:
    """The groups that are open, each to be closed again, and the choice of the next."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for number, one in enumerate(path):
            named = f"{_said(one.column)}: {printable(' or '.join(one.values)) or NAMELESS}"
            closing = partial(_go, path[:number], one.column)
            st.button(named, key=f"costs-close-{number}", icon=":material/close:", on_click=closing)
        groups = list(dict.fromkeys(str(row.keys[0] or "") for row in found))
        st.selectbox(
            f"Open one {_said(by)}",
            groups,
            index=None,
            key=OPEN,
            format_func=lambda name: printable(name) or NAMELESS,
            placeholder="to see what it is made of",
            on_change=partial(_open, path, by),
        )


def _open(path: Sequence[queries.Condition], by: str) -> None:
    name = st.session_state[OPEN]
    if name is not None:
        inside = (*path, queries.Condition(by, (name,)))
        columns = {one.column for one in inside}
        _go(inside, next((word for word in WITHIN if word not in columns), WITHIN[-1]))


def _go(path: Sequence[queries.Condition], by: str) -> None:
    """Show these groups, by that: in the address, so that a link shows the same."""
    st.query_params["in"] = [str(one) for one in path]
    st.session_state[BY], st.session_state[OPEN] = by, None


def _compared(at: state.Snapshot, query: queries.CostQuery, command: str) -> None:
    """Period over period, by what moved it."""
    st.subheader("Against the period before")
    if query.first and query.last:
        before = queries.previous(query.first, query.last)
        st.caption(f"{before[0]} to {before[1]}, then {query.first} to {query.last}; the parts sum to the change")
    rows = [row | {query.by[0]: row[query.by[0]] or NAMELESS} for row in change_rows(at.ask(state.changes, query), query.by)]
    panel.table(rows, key="costs-compare", command=f"{command} --compare")


def _largest(currency: str, found: Sequence[queries.CostRow], by: str) -> None:
    """The largest groups of one currency; the table below the charts has all."""
    if len(found) > BARS:
        st.caption(f"The {BARS} largest of {len(found)}.")
    largest = [{"name": str(r.keys[0] or NAMELESS), "cost": float(r.amount)} for r in found[:BARS]]
    panel.chart(figures.bars(largest, x="cost", y="name", unit=currency), f"costs-{currency}-{by}")


def _days(at: state.Snapshot, currency: str, found: Sequence[queries.CostRow], query: queries.CostQuery, flags: str) -> None:
    """Their days; all others are one group, so that days add up."""
    by = query.by[0]
    named = [row.keys[0] for row in found[: figures.NAMES]]
    days = [row for row in at.ask(state.costs, replace(query, by=("day", by))) if row.currency == currency]
    daily = [
        {"day": str(r.keys[0]), "name": str(r.keys[1] or NAMELESS), "cost": float(r.amount)}
        for r in queries.gathered(days, named)
    ]
    order = [str(name or NAMELESS) for name in named] + ([queries.OTHERS] if len(found) > len(named) else [])
    figure = figures.stacked(daily, x="day", y="cost", colour="name", unit=f"{currency} a day", order=order)
    panel.chart(figure, f"daily-{currency}-{by}")
    listed = [
        {"day": r.keys[0], by: r.keys[1] or NAMELESS, "currency": currency, f"{query.metric}_cost": r.amount} for r in days
    ]
    panel.source(f"finops costs --by {shlex.quote(f'day,{by}')} {flags}", listed, f"daily-{currency}")


def _said(name: str) -> str:
    return name.replace("_", " ")


def _given(options: Sequence[str], name: str) -> int:
    return options.index(st.query_params[name]) if st.query_params.get(name) in options else 0
