"""The scope bar: which provider, account and month, kept in the address so that a link shows the same."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

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
    def filters(self) -> str:
        """What it is limited to, as flags of a command."""
        return filters(self.where)

    @property
    def flags(self) -> str:
        """The same scope as flags of a command, with its days."""
        return f" --from {self.first} --to {self.last}{self.filters}"

    @property
    def providers(self) -> tuple[str, ...]:
        """The chosen providers; empty: all."""
        return self._chosen("provider")

    @property
    def accounts(self) -> tuple[str, ...]:
        """The chosen accounts; empty: all."""
        return self._chosen("account")

    @property
    def options(self) -> str:
        """What it is limited to, as options of `finops recommend`."""
        chosen = {"provider": self.providers, "account": self.accounts}
        return "".join(f" --{name} {shlex.quote(value)}" for name, values in chosen.items() for value in values)

    def _chosen(self, column: str) -> tuple[str, ...]:
        return next((c.values for c in self.where if c.column == column), ())

    def holds(self, provider: str, account: str) -> bool:
        """Whether something of that provider and account is in it; what names no account is in all of its provider's."""
        named = {"provider": provider, "account": account}
        return all(not named[c.column] or named[c.column] in c.values for c in self.where)


def filters(where: Sequence[queries.Condition]) -> str:
    """Conditions as flags of a command."""
    return "".join(f" --where {shlex.quote(str(condition))}" for condition in where)


def scope_bar(at: Snapshot, *, dated: bool = True) -> Scope:
    """Draw it in the side bar; the scope that is chosen. Undated pages have no month to choose."""
    where = []
    with st.sidebar:
        for column, label in (("provider", "Provider"), ("account", "Account")):
            rows = at.ask(costs, queries.CostQuery((column,)))
            options = sorted({str(row.keys[0]) for row in rows if row.keys[0]})
            picked = chosen(column, label, options)
            if picked:
                where.append(queries.Condition(column, tuple(picked)))
        months = sorted({str(row.keys[0]) for row in at.ask(costs, queries.CostQuery(("month",)))}, reverse=True)
        month = _month(months) if dated else months[0]
        age(at)
    return Scope(tuple(where), *queries.days_of(month, at.as_of))


def age(at: Snapshot) -> None:
    """How old the numbers of the page are."""
    st.caption(f"{at.age[0].upper()}{at.age[1:]}, {at.published}")


def chosen(name: str, label: str, options: Sequence[str], *, label_of: Callable[[str], str] = printable) -> list[str]:
    """A choice of several, from the address and back to it."""
    given = [value for value in st.query_params.get_all(name) if value in options]
    picked = st.multiselect(label, options, default=given, format_func=label_of, key=f"scope-{name}", placeholder="All")
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
