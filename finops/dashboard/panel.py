"""Parts that pages share: the trust line, tables, charts, and under each the command that gives the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import altair as alt
import streamlit as st

from finops import render
from finops.intake.reconcile import Trust
from finops.render import amount, printable

# Okabe and Ito's palette (2008): eight colours that colour-blind readers tell apart.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
SAVING, COST, LEVEL = "#009E73", "#D55E00", "#0072B2"
LIGHTS: Mapping[str, Literal["green", "orange", "red"]] = {"green": "green", "amber": "orange", "red": "red"}
WIDE = ("resource", "do", "why", "how")
"""Columns of long texts: a screen shows their beginning, so that the amounts beside them are on it too."""

NOTHING = "Nothing to show for this scope."
WORDS = {"green": "tied to the invoice", "amber": "complete, not yet tied to an invoice", "red": "does not reconcile"}


def trust_line(trust: Trust, currency: str = "") -> None:
    """The first line of every page: how far the numbers below can be trusted."""
    named = f"Trust ({currency}): " if currency else "Trust: "
    st.badge(f"{named}{trust.status} · {WORDS[trust.status]} · residual {amount(trust.reconciled)}", color=LIGHTS[trust.status])
    if trust.notes:
        with st.expander(f"{len(trust.notes)} notes"):
            for note in trust.notes:
                st.text(printable(note))


def table(
    rows: Sequence[Mapping[str, object]], *, key: str, command: str, selectable: bool = False, empty: str = NOTHING
) -> int | None:
    """Rows as text and right-aligned numbers, with a download and the command. The selected row's index, or None."""
    if not rows:
        st.caption(empty)
        source(command)
        return None
    shown = [{name: _cell(value) for name, value in row.items()} for row in rows]
    money = {name for row in rows for name, value in row.items() if isinstance(value, Decimal)}
    columns: dict[str, Any] = {name: st.column_config.NumberColumn(name, format="accounting") for name in sorted(money)}
    columns |= {name: st.column_config.TextColumn(name, width="medium") for name in WIDE if name in shown[0]}
    picked: int | None = None
    if selectable:
        event = st.dataframe(
            shown, hide_index=True, column_config=columns, key=key, on_select="rerun", selection_mode="single-row"
        )
        chosen = event["selection"]["rows"]
        picked = int(chosen[0]) if chosen else None
    else:
        st.dataframe(shown, hide_index=True, column_config=columns, key=key)
    st.download_button(
        "CSV", render.rows(rows, "csv"), file_name=f"{key}.csv", mime="text/csv", key=f"{key}-csv", type="tertiary"
    )
    source(command)
    return picked


AGE = "finops-age"


def dated(age: str) -> None:
    """How old the numbers of this page are; each panel says so."""
    st.session_state[AGE] = age


def source(command: str) -> None:
    """The command that gives the same numbers, and how old they are."""
    mark = "  # " if "  # " not in command else " "
    st.code(f"{command}{mark}{st.session_state.get(AGE, '')}", language="bash", wrap_lines=True)


def _cell(value: object) -> Any:
    """Numbers stay numbers; text loses what steers a terminal or a screen."""
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return printable(str(value))


def chart(figure: alt.Chart | alt.LayerChart, key: str) -> None:
    """A chart in the app's colours, light and dark."""
    st.altair_chart(figure, key=key, width="stretch")


def bars(rows: Sequence[Mapping[str, Any]], *, x: str, y: str, unit: str) -> alt.Chart:
    """Horizontal bars, largest first; `unit` stands on the axis."""
    chart: alt.Chart = alt.Chart(_data(rows)).mark_bar(color=LEVEL)
    figure: alt.Chart = chart.encode(
        x=alt.X(f"{x}:Q", title=unit, axis=_money_axis([row[x] for row in rows])),
        y=alt.Y(f"{y}:N", sort="-x", title=None, axis=alt.Axis(labelLimit=260)),
        tooltip=[alt.Tooltip(f"{y}:N"), alt.Tooltip(f"{x}:Q", format=",.2f", title=unit)],
    )
    return figure


def stacked(rows: Sequence[Mapping[str, Any]], *, x: str, y: str, colour: str, unit: str) -> alt.Chart:
    """Stacked columns over time."""
    figure: alt.Chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X(f"{x}:T", title=None),
            y=alt.Y(f"{y}:Q", title=unit, axis=_money_axis([row[y] for row in rows])),
            color=alt.Color(f"{colour}:N", scale=alt.Scale(range=list(PALETTE)), title=None),
            tooltip=[alt.Tooltip(f"{x}:T"), alt.Tooltip(f"{colour}:N"), alt.Tooltip(f"{y}:Q", format=",.2f", title=unit)],
        )
    )
    return figure


def waterfall(rows: Sequence[Mapping[str, Any]], unit: str) -> alt.Chart:
    """The plan's steps from what is paid today to what is paid after it. Rows: step, start, end, kind, amount."""
    kinds = alt.Scale(domain=["level", "saving", "cost"], range=[LEVEL, SAVING, COST])
    figure: alt.Chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("step:N", sort=None, title=None, axis=alt.Axis(labelAngle=-30, labelOverlap=False)),
            y=alt.Y("start:Q", title=unit, axis=_money_axis([row["end"] for row in rows])),
            y2="end:Q",
            color=alt.Color("kind:N", scale=kinds, title=None),
            tooltip=[alt.Tooltip("step:N"), alt.Tooltip("amount:Q", format=",.2f", title=unit)],
        )
    )
    return figure


def _money_axis(amounts: Sequence[float]) -> alt.Axis:
    """Whole units of the currency, or cents where all that is drawn is small."""
    is_small = max((abs(amount) for amount in amounts), default=0.0) < 20
    return alt.Axis(format=",.2f" if is_small else ",.0f", tickCount=8)


def _data(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    return alt.InlineData([dict(row) for row in rows])
