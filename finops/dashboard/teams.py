"""Teams: whose spend it is, what is shared, and what nobody has tagged."""

from __future__ import annotations

import streamlit as st

from finops.dashboard import panel, state
from finops.dashboard.scope import scope_bar


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Teams")
    rows = at.ask(state.teams, scope.first, scope.last)
    for currency in dict.fromkeys(row.currency for row in rows):
        mine = [{"team": row.team, "cost": float(row.total)} for row in rows if row.currency == currency]
        st.subheader(currency)
        panel.chart(panel.bars(mine, x="cost", y="team", unit=currency), f"teams-{currency}")
    listed = [
        {"team": row.team, "currency": row.currency, "direct": row.direct, "shared": row.shared, "total": row.total}
        for row in rows
    ]
    panel.table(listed, key="teams", command=f"finops allocate --from {scope.first} --to {scope.last}")
