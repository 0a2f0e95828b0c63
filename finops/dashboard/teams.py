"""Teams: whose spend it is, what is shared, and what nobody has tagged."""

from __future__ import annotations

import streamlit as st

from finops import queries
from finops.dashboard import figures, panel, state
from finops.dashboard.scope import scope_bar
from finops.summary.teams import unowned_words

BARS = 15
"""Teams that are drawn; the table has all."""


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at)
    panel.trust_line(at.ask(state.trusted))
    st.header("Teams")
    rows = at.ask(state.teams, scope.first, scope.last, scope.where)
    nobody = "; ".join(unowned_words(one) for one in queries.unowned(rows))
    st.caption(
        f"{scope.first} to {scope.last}, effective cost with tax; the lines sum to the bill. Without an owner: {nobody}."
    )
    if all(row.team in (queries.UNTAGGED, queries.SHARED) for row in rows):
        st.info("No line names a team: tag resources with `owner` or `team`, or write [[allocation.rules]] in finops.toml.")
    currencies = list(dict.fromkeys(row.currency for row in rows))
    for currency, column in zip(currencies, st.columns(max(1, len(currencies))), strict=False):
        mine = [{"team": row.team, "cost": float(row.total)} for row in rows if row.currency == currency][:BARS]
        with column:
            st.subheader(currency)
            panel.chart(figures.bars(mine, x="cost", y="team", unit=currency), f"teams-{currency}")
    listed = [
        {"team": row.team, "currency": row.currency, "direct": row.direct, "shared": row.shared, "total": row.total}
        for row in rows
    ]
    panel.table(listed, key="teams", command=f"finops allocate{scope.flags}")
