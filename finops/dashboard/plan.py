"""Plan: what to do, filtered; one recommendation opens to everything behind it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias
from zlib import crc32

import streamlit as st

from finops import queries
from finops.dashboard import figures, panel, state
from finops.dashboard.scope import Scope, chosen, scope_bar
from finops.dashboard.waterfall import WHOLE, standing, waterfalls
from finops.document import recommendation_document
from finops.errors import FinopsError
from finops.model import Act, Recommendation, action_name
from finops.plans import PlanView, Selection, narrowed
from finops.render import amount, printable, text
from finops.summary.blocks import first_of
from finops.summary.plan import place, short
from finops.summary.savings import applied_rows, decided_rows

NAMELESS = "(no meter)"
NOTHING = (
    "Nothing to do is found. What the bill does not tell are utilization, inventory and prices: finops load takes files of them"
    " (connectors/files/README.md), or fetches them (finops init)."
)
MOST = 10
"""What is unknown, of each currency; the file has all."""

SHORT = 24
"""Characters of a resource that its column has room for."""

EVIDENCE_DAYS = 90
"""What recommenders look back at."""

DISMISS_DAYS = 90
"""Until when a dismissal holds unless another day is chosen: a quarter, after which things have changed."""

Planned: TypeAlias = tuple[PlanView, Recommendation]


def page() -> None:
    """Draw the page."""
    at = state.snapshot()
    scope = scope_bar(at, dated=False)
    views = at.ask_ledger(state.plans)
    for view in views:
        panel.trust_line(view.trust, view.plan.currency)
    st.header("Plan")
    whole = standing(views)
    if whole:
        _recommendations(at, scope)
        st.subheader("From what is paid today to what is paid after it")
        waterfalls(whole, "plan-waterfall", is_scoped=bool(scope.where))
    else:
        panel.way("finops status")
    _set_aside(at.ask_ledger(state.savings), scope)
    _unknowns(whole, scope)


@st.fragment
def _recommendations(at: state.Snapshot, scope: Scope) -> None:
    """The list, filtered, and the one that is open: drawn anew without the rest of the page."""
    views = [view for view in at.ask_ledger(state.plans) if view.trust.status != "red"]
    selection = _filters([r for view in views for r in view.plan.recommendations], scope)
    shown = narrowed(views, selection)
    for view in shown:
        if view.shown is not None:
            st.caption(f"{view.plan.currency}: {printable(view.shown.words)}")
    listed = [(view, r) for view in shown for r in view.plan.recommendations]
    # one choice of rows has one table: the row that is open in another would be another recommendation's
    key = f"plan-{crc32(' '.join(r.finding.id for _, r in listed).encode()):x}"
    wanted = st.query_params.get("id")
    at_first = next((n for n, (_, r) in enumerate(listed) if r.finding.id == wanted), None)
    rows = [_row(*pair) for pair in listed]
    brief = [_brief(row) for row in rows]
    everything = [(view, r) for view in views for r in view.plan.recommendations]
    empty = "Nothing of the plan is in this choice." if everything else NOTHING
    picked = panel.choice(brief, key=key, command=_command(selection), opened=at_first, listed=rows, empty=empty)
    elsewhere = next((pair for pair in everything if pair[1].finding.id == wanted), None) if at_first is None else None
    one = listed[picked] if picked is not None else elsewhere
    if one is None:
        st.query_params.pop("id", None)
        if rows:
            st.caption("Select a row of the table to see its facts, its range, what was rejected, the SQL and the patch.")
        return
    st.query_params["id"] = one[1].finding.id
    with st.container(border=True):
        _detail(at, *one)
        _decide(at, one[1])


def _filters(everything: Sequence[Recommendation], scope: Scope) -> Selection:
    """The choices of kind, owner and status beside the scope; they are kept in the address."""
    kind, owner, status = st.columns(3)
    with kind:
        kinds = chosen("kind", "Kind", sorted({r.finding.kind for r in everything}))
    with owner:
        owners = chosen("owner", "Owner", sorted({r.owner for r in everything}), label_of=_owner)
    with status:
        statuses = chosen("status", "Status", ["new", "open", "dismissed", "applied"])
    return Selection(tuple(kinds), tuple(owners), tuple(statuses), scope.providers, scope.accounts)


def _command(selection: Selection) -> str:
    """The command that shows the same of the plan."""
    flags = [f"--{name} {shlex.quote(value)}" for name, values in selection.filters().items() for value in values]
    return " ".join(["finops recommend", *flags])


def _daily(at: state.Snapshot, recommendation: Recommendation, currency: str) -> None:
    """What the resource has cost each day, by meter: the evidence that a reader looks at first."""
    resource = recommendation.finding.scope.resource
    if not resource or at.as_of is None:
        return
    where = (queries.Condition("resource", (resource,)),)
    first = queries.first_of_days(at.as_of, EVIDENCE_DAYS)
    query = queries.CostQuery(("SkuMeter",), first=first, last=at.as_of, where=where)
    meters = [row for row in at.ask(state.costs, query) if row.currency == currency]
    named = [row.keys[0] for row in meters[: figures.NAMES]]
    days = [row for row in at.ask(state.costs, replace(query, by=("day", "SkuMeter"))) if row.currency == currency]
    rows = [
        {"day": str(r.keys[0]), "name": str(r.keys[1] or NAMELESS), "cost": float(r.amount)}
        for r in queries.gathered(days, named)
    ]
    if rows:
        order = [str(name or NAMELESS) for name in named] + ([queries.OTHERS] if len(meters) > len(named) else [])
        figure = figures.stacked(rows, x="day", y="cost", colour="name", unit=f"{currency} a day", order=order)
        panel.chart(figure, "evidence")
        command = f"finops costs --by day,SkuMeter --from {first} --to {at.as_of} --where {shlex.quote('resource=' + resource)}"
        listed = [{"day": r.keys[0], "SkuMeter": r.keys[1], "currency": currency, "effective_cost": r.amount} for r in days]
        panel.source(command, listed, "evidence")


def _decide(at: state.Snapshot, recommendation: Recommendation) -> None:
    """Set it aside, or take that back: the ledger's own words, and the command that does the same."""
    finding_id = recommendation.finding.id
    st.text(f"{recommendation.status}, first seen {recommendation.first_seen} {printable(recommendation.standing)}")
    try:
        if recommendation.status == "dismissed":
            if st.button("Open it again", key=f"reopen-{finding_id}"):
                state.reopen(at, finding_id)
                st.rerun()
            panel.way(f"finops dismiss {finding_id} --reopen")
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
    panel.way(f"finops dismiss {finding_id} --until DATE --why TEXT")


def _set_aside(report: queries.SavingsReport, scope: Scope) -> None:
    """What left the plan: done and measured, or gone and why."""
    st.subheader("Done, and what the bill shows since")
    mine = [row for row in report.rows if scope.holds(row.provider, row.account)]
    done = applied_rows(mine)
    panel.table(
        [_ended(row) for row in done],
        key="applied",
        command="finops savings",
        empty="Nothing is seen on the bill to be done yet; three settled days after it is, it stands here with what it saved.",
        listed=done,
    )
    gone = decided_rows([row for row in mine if row.status == "gone"])
    if gone:
        st.subheader("Gone, and why")
        panel.table([_ended(row) for row in gone], key="gone", command="finops savings", listed=gone)


HIDDEN = ("kind", "low", "high", "how", "measured_at")
"""What a line has no room for; the file has it."""


def _ended(row: Mapping[str, object]) -> Mapping[str, object]:
    """A row of the ledger as a screen has room for it."""
    return {name: short(str(value)) if name == "resource" else value for name, value in row.items() if name not in HIDDEN}


def _owner(name: str) -> str:
    return printable(name) or "(nobody)"


def _row(view: PlanView, recommendation: Recommendation) -> dict[str, object]:
    finding, saving = recommendation.finding, recommendation.saving
    at = finding.scope
    action = finding.verdict.action if isinstance(finding.verdict, Act) else None
    return {
        "id": finding.id,
        "kind": finding.kind,
        "resource": place(at.resource, at.provider, at.account, at.region),
        "do": f"{action_name(action)} → {action.target}" if action else "",
        "saving": saving.effective_monthly.expected,
        "currency": view.plan.currency,
        "owner": recommendation.owner,
        "effort": finding.effort,
        "status": recommendation.status,
        "first_seen": str(recommendation.first_seen),
    }


def _brief(row: Mapping[str, object]) -> dict[str, object]:
    """A row as the list has room for it; the file and the open recommendation say since when."""
    told = {name: value for name, value in row.items() if name != "first_seen"}
    return told | {"resource": short(str(row["resource"]), SHORT)}


def _detail(at: state.Snapshot, view: PlanView, recommendation: Recommendation) -> None:
    document = recommendation_document(recommendation)
    saving, currency = document["saving"], view.plan.currency
    st.subheader(f"{document['kind']} {document['id']}")
    st.text("\n".join(printable(said) for said in (str(_row(view, recommendation)["resource"]), document["why"])))
    st.caption(f"What it saves, {currency} a month; alone: if nothing else of the plan is done")
    for column, name in zip(st.columns(4), ("low", "expected", "high", "alone"), strict=True):
        column.metric(name.capitalize(), amount(Decimal(saving[name])))
    _daily(at, recommendation, currency)
    facts = [{name: fact[name] for name in ("name", "value", "unit", "source")} for fact in document["evidence"]["facts"]]
    told = [fact | {"value": text(fact["value"])} for fact in facts]
    panel.table(told, key="facts", command=f"finops explain {document['id']}", listed=facts)
    for title, lines in (("How it was estimated", document["explanation"]), ("Assumes", saving["assumes"]),
                         ("Rejected", document["rejected"])):  # fmt: skip
        if lines:
            st.markdown(f"**{title}**")
            for line in lines:
                st.text(printable(line))
    st.markdown("**SQL that gives the saving alone**")
    st.code(document["evidence"]["sql"], language="sql", wrap_lines=True)
    if document["patch"]:
        st.markdown("**Patch**")
        st.code(document["patch"], language="bash", wrap_lines=True)


def _unknowns(views: Sequence[PlanView], scope: Scope) -> None:
    rows = [
        {"missing": m.missing, "currency": view.plan.currency, "resources": m.resources}
        | {"spend_at_stake": m.spend_at_stake, "how": m.how}
        for view in views
        for m in view.plan.unknowns
    ]
    if rows:
        st.subheader("Unknown, by the spend that waits for it")
        if scope.where:
            st.caption(WHOLE)
        panel.table(first_of(rows, MOST), key="unknown", command="finops recommend", listed=rows)
