"""Data health: what is loaded, how far it is tied, what is provisional."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from finops.dashboard import panel, state
from finops.dashboard.scope import age
from finops.summary.status import period_rows, recent, source_row


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    with st.sidebar:
        age(at)
    trusted = at.ask(state.trusted)
    panel.trust_line(trusted)
    st.header("Data health")
    st.subheader("Sources")
    rows = [asdict(row) for row in at.ask(state.sources)]
    panel.table([source_row(row) for row in rows], key="sources", command="finops status", listed=rows)
    st.subheader("Reconciliation")
    periods = at.ask(state.reconciliation)
    shown = recent(periods)
    more = f"The newest billing periods and every red one; the file has all {len(periods)} lines."
    st.caption(more if len(shown) < len(periods) else "Every billing period.")
    panel.table(period_rows(shown), key="reconciliation", command="finops status", listed=period_rows(periods))
