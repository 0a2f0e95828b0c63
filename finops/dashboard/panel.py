"""Parts that pages share: the trust line, tables, charts, and under each the command that gives the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.resources import files
from typing import Any, Literal, TypeAlias

import altair as alt
import streamlit as st

from finops import render
from finops.intake.reconcile import Trust
from finops.render import printable
from finops.summary.html_table import heading, html_table
from finops.summary.plan import short
from finops.summary.trust import trust_words

LIGHTS: Mapping[str, Literal["green", "orange", "red"]] = {"green": "green", "amber": "orange", "red": "red"}
WIDE = {"resource": 180, "do": 215, "why": 200, "how": 200, "against": 200, "note": 200}
"""Columns of long texts, with their width in pixels: a screen shows their beginning, so that the amounts beside them are on it
too."""
FEW = 6
"""Columns up to which a table has room for its texts."""

Rows: TypeAlias = Sequence[Mapping[str, Any]]

NOTHING = "Nothing to show for this scope."
SHORT = 30
"""Rows up to which a table is drawn whole, texts in full; a longer one scrolls, and is sorted and searched."""

STYLE = f"<style>{files('finops.dashboard').joinpath('panel.css').read_text('utf-8')}</style>"


def trust_line(trust: Trust, currency: str = "") -> None:
    """The first line of every page: how far the numbers below can be trusted."""
    st.badge(trust_words(trust.status, trust.reconciled, currency), color=LIGHTS[trust.status])
    if trust.notes:
        with st.expander(f"{len(trust.notes)} notes"):
            st.text("\n".join(printable(note) for note in trust.notes))


def table(
    rows: Sequence[Mapping[str, object]],
    *,
    key: str,
    command: str,
    empty: str = NOTHING,
    listed: Sequence[Mapping[str, object]] = (),
) -> None:
    """Rows as text and right-aligned numbers, with a download and the command. `listed` is what the download holds, where a
    screen shows less than there is."""
    if not rows:
        st.caption(empty)
        way(command)
    elif len(rows) <= SHORT:
        st.html(html_table(rows))
        source(command, listed or rows, key)
    else:
        st.dataframe(_shown(rows), hide_index=True, column_config=_columns(rows), key=key)
        source(command, listed or rows, key)


def choice(rows: Rows, *, key: str, command: str, opened: int | None, listed: Rows, empty: str) -> int | None:
    """A table of which one row may be chosen, `opened` at first. The chosen row's index, or None."""
    picked: Sequence[int] = []
    if rows:
        event = st.dataframe(
            _shown(rows),
            hide_index=True,
            column_config=_columns(rows),
            key=key,
            on_select="rerun",
            selection_mode="single-row",
            selection_default={"selection": {"rows": [] if opened is None else [opened]}},
        )
        picked = event["selection"]["rows"]
    else:
        st.caption(empty)
    source(command, listed, key)
    return int(picked[0]) if picked and picked[0] < len(rows) else None


def _columns(rows: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """How a scrolling table shows each column: names as the other tables do, amounts to the cent, counts with separators."""
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows if row[name] is not None]
        said = heading(name)
        if values and all(isinstance(value, Decimal) for value in values):
            columns[name] = st.column_config.NumberColumn(said, format="accounting")
        elif values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            columns[name] = st.column_config.NumberColumn(said, format="localized")
        else:
            columns[name] = st.column_config.TextColumn(said, width=WIDE.get(name) if len(rows[0]) > FEW else None)
    return columns


def _shown(rows: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
    return [
        {name: short(printable(str(value))) if name == "resource" else _cell(value) for name, value in row.items()}
        for row in rows
    ]


def _cell(value: object) -> Any:
    """Numbers stay numbers; text loses what steers a terminal or a screen."""
    if isinstance(value, Decimal):
        return float(value)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return render.text(value)


AGE = "finops-age"


def dated(age: str) -> None:
    """How old the numbers of this page are; each panel says so. Drawn before all else, with the style of tables."""
    st.session_state[AGE] = age
    st.html(STYLE)


def source(command: str, rows: Sequence[Mapping[str, object]], key: str) -> None:
    """The end of a panel: the command that gives the same numbers, how old they are, and the rows as a file."""
    if not rows:
        way(command)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        way(command)
        st.download_button(
            "CSV",
            lambda: render.rows(rows, "csv"),
            file_name=f"{key}.csv",
            mime="text/csv",
            key=f"{key}-csv",
            type="tertiary",
            on_click="ignore",
            icon=":material/download:",
        )


def way(command: str) -> None:
    """A command, and how old the numbers are that it is about."""
    mark = "  # " if "  # " not in command else " "
    st.code(f"{command}{mark}{st.session_state.get(AGE, '')}", language="bash", wrap_lines=True)


def chart(figure: alt.Chart | alt.LayerChart, key: str) -> None:
    """A chart in the app's colours, light and dark."""
    st.altair_chart(figure, key=key, width="stretch")
