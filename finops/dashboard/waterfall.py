"""The waterfall of each plan, one currency beside the other: a panel of two pages."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from finops.dashboard import figures, panel
from finops.plans import PlanView
from finops.portfolio import waterfall_bars
from finops.render import amount, printable
from finops.summary.plan import step_rows

WHOLE = "Of the whole bill, whatever the scope."


def standing(views: Sequence[PlanView]) -> list[PlanView]:
    """The plans that stand on their bill; of the others it is said why there is none, as `finops recommend` does."""
    red = [view.plan.currency for view in views if view.trust.status == "red"]
    if red:
        st.error(
            f"No recommendation in {', '.join(red)} can stand on this bill: it does not reconcile, or cannot be replayed (the"
            " notes say where). Data health names each residual."
        )
    for view in views:
        if view.left_out:
            st.warning(
                printable(f"Left out of the plan in {view.plan.currency}, their bills are red: {', '.join(view.left_out)}.")
                + " Data health names each residual."
            )
    return [view for view in views if view.trust.status != "red"]


def waterfalls(views: Sequence[PlanView], key: str, *, is_scoped: bool) -> None:
    """What can be saved, and the steps from what is paid to what is paid after the plan. Without a plan: nothing."""
    if not views:
        return
    if is_scoped:
        st.caption(WHOLE)
    for view, column in zip(views, st.columns(len(views)), strict=True):
        plan = view.plan
        with column:
            st.metric(f"can be saved a month, {plan.currency}", amount(plan.saving))
            st.caption(f"{amount(plan.current)} a month, {amount(plan.after)} after the plan")
            if plan.recommendations:
                unit = f"{plan.currency} a month"
                panel.chart(figures.waterfall(waterfall_bars(plan), unit), f"{key}-{plan.currency}")
    panel.source("finops recommend", [row for view in views for row in step_rows(view.plan)], key)
