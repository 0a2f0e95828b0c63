"""Data health: what is loaded, how far it is tied, what is provisional."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from finops.dashboard import panel, state


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    panel.trust_line(at.ask(state.trusted))
    st.header("Data health")
    st.subheader("Sources")
    panel.table([asdict(row) for row in at.ask(state.sources)], key="sources", command="finops status")
    st.subheader("Reconciliation")
    panel.table([asdict(row) for row in at.ask(state.reconciliation)], key="reconciliation", command="finops status")
