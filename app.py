"""The dashboard that `finops dashboard` opens. Wires access and the pages; each is a file of `finops/dashboard/`."""

from __future__ import annotations

import streamlit as st

from finops.dashboard import costs, health, ml, overview, plan, teams

st.set_page_config(page_title="finops", page_icon=":material/savings:", layout="wide")
if st.get_option("server.address") is None:  # Streamlit's own default is every network that the machine is on
    st.error("Nobody has said who may see this bill: `finops dashboard` shows it on this machine alone.")
    st.code("finops dashboard\nstreamlit run app.py --server.address ADDRESS", language="bash")
    st.stop()
# Streamlit gives its default page no path of its own: the second, which no menu shows, is the address that a link names
st.navigation(
    [
        st.Page(overview.page, title="Overview", icon=":material/home:", default=True),
        st.Page(overview.page, title="Overview", url_path="overview", icon=":material/home:", visibility="hidden"),
        st.Page(costs.page, title="Costs", url_path="costs", icon=":material/payments:"),
        st.Page(plan.page, title="Plan", url_path="plan", icon=":material/checklist:"),
        st.Page(teams.page, title="Teams", url_path="teams", icon=":material/groups:"),
        st.Page(ml.page, title="ML", url_path="ml", icon=":material/memory:"),
        st.Page(health.page, title="Data health", url_path="health", icon=":material/verified:"),
    ]
).run()
