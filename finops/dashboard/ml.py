"""ML: what it costs and by what, which accelerators idle, what a run, a thousand requests and a million tokens cost."""

from __future__ import annotations

import streamlit as st

from finops.dashboard import panel, state
from finops.dashboard.scope import scope_bar
from finops.summary.ml import INSTRUMENT, SPENDS, TABLES, ml_tables


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at, dated=False)
    command = f"finops ml{scope.filters}"
    panel.trust_line(at.ask(state.trusted))
    st.header("ML")
    report = at.ask(state.ml, scope.where)
    st.caption(f"{report.first} to {report.as_of}, effective cost before promotional credits")
    tables = ml_tables(report, at.ask(state.instruments, scope.where), exact=False)
    for name, (title, named) in SPENDS.items():
        rows = tables[name]
        st.subheader(title)
        for currency in dict.fromkeys(row["currency"] for row in rows):
            mine = [{"name": row[named], "cost": float(row["cost"])} for row in rows if row["currency"] == currency]
            panel.chart(panel.bars(mine[:12], x="cost", y="name", unit=currency), f"ml-{name}-{currency}")
        panel.table(rows, key=f"ml-{name}", command=command)
    for name, (title, empty) in {**TABLES, "instrument_first": INSTRUMENT}.items():
        st.subheader(title)
        if tables[name]:
            panel.table(tables[name], key=f"ml-{name}", command=command)
        else:
            st.caption(empty)
