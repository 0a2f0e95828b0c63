"""Plan: what to do, filtered; one recommendation opens to everything behind it."""

from __future__ import annotations

import shlex

import streamlit as st

from finops.dashboard import panel, state
from finops.document import recommendation_document
from finops.model import Act, Recommendation, action_name
from finops.plans import PlanView
from finops.portfolio import waterfall_bars
from finops.render import amount, printable


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    views = at.ask(state.plans)
    for view in views:
        panel.trust_line(view.trust, view.plan.currency)
    st.header("Plan")
    opened = st.container()
    everything = [(view, r) for view in views for r in view.plan.recommendations]
    kinds = st.multiselect("Kind", sorted({r.finding.kind for _, r in everything}), key="plan-kind", placeholder="All")
    owners = st.multiselect(
        "Owner", sorted({r.owner for _, r in everything}), key="plan-owner", placeholder="All", format_func=_owner
    )
    shown = [
        (view, r) for view, r in everything if (not kinds or r.finding.kind in kinds) and (not owners or r.owner in owners)
    ]
    for view in views:
        plan = view.plan
        st.subheader(f"{plan.currency}: {amount(plan.current)} a month, {amount(plan.after)} after the plan")
        panel.chart(panel.waterfall(waterfall_bars(plan), f"{plan.currency} a month"), f"plan-waterfall-{plan.currency}")
    rows = [_row(view, r) for view, r in shown]
    picked = panel.table(rows, key="plan", command=" ".join(["finops recommend", *map(shlex.quote, kinds)]), selectable=True)
    wanted = st.query_params.get("id")
    chosen = shown[picked] if picked is not None else next((pair for pair in everything if pair[1].finding.id == wanted), None)
    with opened:
        if chosen is None:
            st.caption("Select a row of the table to see its facts, its range, what was rejected, the SQL and the patch.")
        else:
            st.query_params["id"] = chosen[1].finding.id
            _detail(*chosen)
    for view in views:
        _unknowns(view)


def _owner(name: str) -> str:
    return printable(name) or "(nobody)"


def _row(view: PlanView, recommendation: Recommendation) -> dict[str, object]:
    finding, saving = recommendation.finding, recommendation.saving
    action = finding.verdict.action if isinstance(finding.verdict, Act) else None
    return {
        "id": finding.id,
        "kind": finding.kind,
        "do": f"{action_name(action)} → {action.target}" if action else "",
        "saving": saving.effective_monthly.expected,
        "currency": view.plan.currency,
        "owner": recommendation.owner,
        "effort": finding.effort,
        "status": recommendation.status,
        "resource": finding.scope.resource,
    }


def _detail(view: PlanView, recommendation: Recommendation) -> None:
    document = recommendation_document(recommendation)
    saving, currency = document["saving"], view.plan.currency
    st.subheader(f"{document['kind']} {document['id']}")
    st.text(printable(f"{document['resource']}\n{document['why']}"))
    low, expected, high, alone = st.columns(4)
    low.metric(f"Low, {currency} a month", f"{saving['low']}")
    expected.metric("Expected", f"{saving['expected']}")
    high.metric("High", f"{saving['high']}")
    alone.metric("Alone", f"{saving['alone']}")
    facts = [{name: fact[name] for name in ("name", "value", "unit", "source")} for fact in document["evidence"]["facts"]]
    panel.table(
        [{k: str(v) for k, v in fact.items()} for fact in facts], key="facts", command=f"finops explain {document['id']}"
    )
    for title, lines in (("How it was estimated", document["explanation"]), ("Assumes", saving["assumes"]),
                         ("Rejected", document["rejected"])):  # fmt: skip
        if lines:
            st.markdown(f"**{title}**")
            for line in lines:
                st.text(printable(line))
    st.markdown("**SQL that gives the saving alone**")
    st.code(document["evidence"]["sql"], language="sql")
    if document["patch"]:
        st.markdown("**Patch**")
        st.code(document["patch"], language="bash")


def _unknowns(view: PlanView) -> None:
    if view.plan.unknowns:
        st.subheader(f"Unknown, by the spend that waits for it ({view.plan.currency})")
        rows = [
            {"missing": m.missing, "resources": m.resources, "spend_at_stake": m.spend_at_stake, "how": m.how}
            for m in view.plan.unknowns
        ]
        panel.table(rows, key=f"unknown-{view.plan.currency}", command="finops recommend")
