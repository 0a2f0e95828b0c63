"""ML: what it costs and by what, which accelerators idle, what a run, a thousand requests and a million tokens cost."""

from __future__ import annotations

import streamlit as st

from finops.dashboard import figures, panel, state
from finops.dashboard.scope import Scope, scope_bar
from finops.summary.ml import INSTRUMENT, SPENDS, TABLES, ml_tables, spent

BARS = 12
"""Names that are drawn; the table has all."""


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at, dated=False)
    panel.trust_line(at.ask(state.trusted))
    st.header("ML")
    report = at.ask(state.ml, scope.where)
    st.caption(f"{report.first} to {report.as_of}, effective cost before promotional credits: {spent(report)}")
    if not report.totals:
        st.info("No line of the bill is machine learning's: no accelerator, no ML service, no endpoint, no tokens.")
        panel.way(_command(scope))
        return
    _spend(at, scope)
    tables, exact = at.ask(_tables, scope), at.ask(_exact, scope)
    for name, (title, empty) in {**TABLES, "instrument_first": INSTRUMENT}.items():
        st.subheader(title)
        panel.table(tables[name], key=f"ml-{name}", command=_command(scope), empty=empty.capitalize(), listed=exact[name])


@st.fragment
def _spend(at: state.Snapshot, scope: Scope) -> None:
    """Spend by one of four dimensions, drawn anew without the rest of the page."""
    named = {word: name for name, (_, word) in SPENDS.items()}
    asked = st.query_params.get("by")
    by = st.segmented_control(
        "Spend by", list(named), default=asked if asked in named else next(iter(named)), required=True, key="ml-by"
    )
    st.query_params["by"] = by
    rows = at.ask(_tables, scope)[named[by]]
    currencies = list(dict.fromkeys(row["currency"] for row in rows))
    for currency, column in zip(currencies, st.columns(max(1, len(currencies))), strict=False):
        mine = [{"name": str(row[by]), "cost": float(row["cost"])} for row in rows if row["currency"] == currency][:BARS]
        with column:
            panel.chart(figures.bars(mine, x="cost", y="name", unit=currency), f"ml-{currency}")
    panel.table(
        rows,
        key=f"ml-{named[by]}",
        command=_command(scope),
        empty="No line of the bill is machine learning's.",
        listed=at.ask(_exact, scope)[named[by]],
    )


def _tables(at: state.Snapshot, scope: Scope) -> dict[str, panel.Rows]:
    """Every table of the report, for people."""
    return ml_tables(at.ask(state.ml, scope.where), at.ask(state.instruments, scope.where), exact=False)


def _exact(at: state.Snapshot, scope: Scope) -> dict[str, panel.Rows]:
    """The same for files."""
    return ml_tables(at.ask(state.ml, scope.where), at.ask(state.instruments, scope.where), exact=True)


def _command(scope: Scope) -> str:
    return f"finops ml{scope.filters}"
