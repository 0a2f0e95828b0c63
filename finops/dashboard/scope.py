"""The scope bar: which provider, account and month, kept in the address so that a link shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import streamlit as st

from finops import queries
from finops.dashboard.state import Snapshot, costs
from finops.render import printable


@dataclass(frozen=True, slots=True)
class Scope:
    """What pages limit their questions to."""

    where: tuple[queries.Condition, ...]
    first: date
    last: date

    @property
    def flags(self) -> str:
        """The same scope as flags of a command."""
        named = [f" --where '{c.column}={'|'.join(c.values)}'" for c in self.where]
        return f" --from {self.first} --to {self.last}" + "".join(named)


def scope_bar(at: Snapshot) -> Scope:
    """Draw it in the side bar; the scope that is chosen."""
    where = []
    with st.sidebar:
        for column, label in (("provider", "Provider"), ("account", "Account")):
            rows = at.ask(costs, queries.CostQuery((column,)))
            options = sorted({str(row.keys[0]) for row in rows if row.keys[0]})
            chosen = _chosen(column, label, options)
            if chosen:
                where.append(queries.Condition(column, tuple(chosen)))
        months = sorted({str(row.keys[0]) for row in at.ask(costs, queries.CostQuery(("month",)))}, reverse=True)
        month = _month(months)
        st.caption(f"Data up to {at.as_of}, snapshot {at.number}")
    first = date.fromisoformat(f"{month}-01")
    end = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Scope(tuple(where), first, min(end, at.as_of or end))


def _chosen(name: str, label: str, options: Sequence[str]) -> list[str]:
    """A choice of several, from the address and back to it."""
    given = [value for value in st.query_params.get_all(name) if value in options]
    picked = st.multiselect(label, options, default=given, format_func=printable, key=f"scope-{name}", placeholder="All")
    if picked != st.query_params.get_all(name):
        st.query_params[name] = picked
    return list(picked)


def _month(months: Sequence[str]) -> str:
    given = st.query_params.get("month")
    index = months.index(given) if given in months else 0
    picked = st.selectbox("Month", months, index=index, key="scope-month")
    if picked != given and not (given is None and index == 0 and picked == months[0]):
        st.query_params["month"] = picked
    return picked
