"""Plan: what to do, filtered; one recommendation opens to everything behind it."""

from __future__ import annotations

import shlex
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias

import streamlit as st

from finops import queries
from finops.dashboard import panel, state
from finops.dashboard.scope import Scope, chosen, scope_bar
from finops.document import recommendation_document
from finops.errors import FinopsError
from finops.model import Act, Recommendation, action_name
from finops.plans import PlanView
from finops.portfolio import waterfall_bars
from finops.render import amount, printable
from finops.summary.savings import applied_rows, decided_rows

EVIDENCE_DAYS = 90
"""What recommenders look back at."""

Planned: TypeAlias = tuple[PlanView, Recommendation]

DISMISS_DAYS = 90
"""Until when a dismissal holds unless another day is chosen: a quarter, after which things have changed."""


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at, dated=False)
    views = at.ask_ledger(state.plans)
    for view in views:
        panel.trust_line(view.trust, view.plan.currency)
    st.header("Plan")
    opened = st.container()
    shown = _filtered([(view, r) for view in views for r in view.plan.recommendations], scope)
    for view in views:
        plan = view.plan
        st.subheader(f"{plan.currency}: {amount(plan.current)} a month, {amount(plan.after)} after the plan")
        panel.chart(panel.waterfall(waterfall_bars(plan), f"{plan.currency} a month"), f"plan-waterfall-{plan.currency}")
    rows = [_row(view, r) for view, r in shown]
    picked = panel.table(rows, key="plan", command=_command(scope), selectable=True)
    wanted = st.query_params.get("id")
    everything = [(view, r) for view in views for r in view.plan.recommendations]
    one = shown[picked] if picked is not None else next((pair for pair in everything if pair[1].finding.id == wanted), None)
    with opened:
        if one is None:
            st.caption("Select a row of the table to see its facts, its range, what was rejected, the SQL and the patch.")
        else:
            st.query_params["id"] = one[1].finding.id
            _detail(at, *one)
            _decide(at, one[1])
    _set_aside(at.ask_ledger(state.savings))
    for view in views:
        _unknowns(view)


def _filtered(everything: list[Planned], scope: Scope) -> list[Planned]:
    """What the choices of kind, owner and status and the scope leave; the choices are kept in the address."""
    kind, owner, status = st.columns(3)
    with kind:
        kinds = chosen("kind", "Kind", sorted({r.finding.kind for _, r in everything}))
    with owner:
        owners = chosen("owner", "Owner", sorted({r.owner for _, r in everything}), label_of=_owner)
    with status:
        statuses = chosen("status", "Status", ["new", "open", "dismissed", "applied"])
    return [
        (view, r)
        for view, r in everything
        if (not kinds or r.finding.kind in kinds)
        and (not owners or r.owner in owners)
        and (not statuses or r.status in statuses)
        and scope.holds(r.finding.scope.provider, r.finding.scope.account)
    ]


def _command(scope: Scope) -> str:
    """The command with every choice that it knows, and in words what the page has left out beyond it."""
    kinds, owners, statuses = (st.query_params.get_all(name) for name in ("kind", "owner", "status"))
    parts = ["finops recommend", *map(shlex.quote, kinds)]
    further = [condition.column for condition in scope.where]
    if len(owners) == 1:
        parts.append(f"--owner {shlex.quote(owners[0])}")
    else:
        further += ["owner"] if owners else []
    if statuses == ["new"]:
        parts.append("--new")
    else:
        further += ["status"] if statuses else []
    return " ".join(parts) + (f"  # then by {', '.join(further)};" if further else "")


def _daily(at: state.Snapshot, recommendation: Recommendation, currency: str) -> None:
    """What the resource has cost each day, by meter: the evidence that a reader looks at first."""
    resource = recommendation.finding.scope.resource
    if not resource or at.as_of is None:
        return
    where = (queries.Condition("resource", (resource,)),)
    first = at.as_of - timedelta(days=EVIDENCE_DAYS - 1)
    found = at.ask(state.costs, queries.CostQuery(("day", "SkuMeter"), first=first, last=at.as_of, where=where))
    rows = [
        {"day": str(r.keys[0]), "name": str(r.keys[1] or "(no meter)"), "cost": float(r.amount)}
        for r in found
        if r.currency == currency
    ]
    if rows:
        panel.chart(panel.stacked(rows, x="day", y="cost", colour="name", unit=f"{currency} a day"), "evidence")
        command = f"finops costs --by day,SkuMeter --from {first} --where {shlex.quote('resource=' + resource)}"
        panel.source(command)


def _decide(at: state.Snapshot, recommendation: Recommendation) -> None:
    """Set it aside, or take that back: the ledger's own words, and the command that does the same."""
    finding_id = recommendation.finding.id
    st.text(f"{recommendation.status}, first seen {recommendation.first_seen} {printable(recommendation.standing)}")
    try:
        if recommendation.status == "dismissed":
            if st.button("Open it again", key=f"reopen-{finding_id}"):
                state.reopen(at, finding_id)
                st.rerun()
            panel.source(f"finops dismiss {finding_id} --reopen")
            return
        with st.expander("Dismiss"), st.form(f"dismiss-{finding_id}", border=False):
            until = st.date_input("Until", value=(at.as_of or date.min) + timedelta(days=DISMISS_DAYS), key="dismiss-until")
            why = st.text_input("Why", key="dismiss-why", placeholder="needed for the audit")
            by = st.text_input("By", key="dismiss-by", placeholder="who decides")
            if st.form_submit_button("Dismiss"):
                state.dismiss(at, finding_id, until=until, why=why, by=by)
                st.rerun()
    except FinopsError as error:
        st.error(str(error))
        return
    panel.source(f"finops dismiss {finding_id} --until DATE --why TEXT")


def _set_aside(report: queries.SavingsReport) -> None:
    """What left the plan: done and measured, or gone and why."""
    st.subheader("Done, and what the bill shows since")
    panel.table(
        applied_rows(report.rows),
        key="applied",
        command="finops savings",
        empty="Nothing is seen on the bill to be done yet; three settled days after it is, it stands here with what it saved.",
    )
    gone = decided_rows(report.of_status("gone"))
    if gone:
        st.subheader("Gone, and why")
        panel.table(gone, key="gone", command="finops savings")


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
        "first_seen": str(recommendation.first_seen),
        "resource": finding.scope.resource,
    }


def _detail(at: state.Snapshot, view: PlanView, recommendation: Recommendation) -> None:
    document = recommendation_document(recommendation)
    saving, currency = document["saving"], view.plan.currency
    st.subheader(f"{document['kind']} {document['id']}")
    for text in (document["resource"], document["why"]):
        st.text(printable(text))
    low, expected, high, alone = st.columns(4)
    low.metric(f"Low, {currency} a month", amount(Decimal(saving["low"])))
    expected.metric("Expected", amount(Decimal(saving["expected"])))
    high.metric("High", amount(Decimal(saving["high"])))
    alone.metric("Alone", amount(Decimal(saving["alone"])))
    _daily(at, recommendation, currency)
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
