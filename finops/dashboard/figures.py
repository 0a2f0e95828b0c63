"""Charts in one palette, with the unit on the axis: bars, stacked columns, the waterfall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

# Okabe and Ito's palette (2008): eight colours that colour-blind readers tell apart.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
GREY = "#999999"
"""What is gathered from many small groups."""
SAVING, COST, LEVEL = "#009E73", "#D55E00", "#0072B2"
NAMES = len(PALETTE)
"""Groups with a colour of their own."""

_END = "length(datum.label) > {0} ? '…' + slice(datum.label, 1 - {0}) : datum.label"
ENDS, ENDS_SHORT = _END.format(40), _END.format(22)
"""Vega's words for the end of a long name: what tells two resources apart stands there."""

BAR_PX = 22
"""Height of a bar with its gap."""
AXIS_PX = 80
"""Height of the axis below it, with its title."""


def bars(rows: Sequence[Mapping[str, Any]], *, x: str, y: str, unit: str) -> alt.Chart:
    """Horizontal bars in the order given; `unit` stands on the axis."""
    chart: alt.Chart = alt.Chart(_data(rows)).mark_bar(color=LEVEL)
    figure: alt.Chart = chart.encode(
        x=alt.X(f"{x}:Q", title=unit, axis=_money_axis([row[x] for row in rows])),
        y=alt.Y(f"{y}:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False, labelExpr=ENDS)),
        tooltip=[alt.Tooltip(f"{y}:N"), alt.Tooltip(f"{x}:Q", format=",.2f", title=unit)],
    ).properties(height=BAR_PX * len(rows) + AXIS_PX)
    return figure


def stacked(rows: Sequence[Mapping[str, Any]], *, x: str, y: str, colour: str, unit: str, order: Sequence[str]) -> alt.Chart:
    """Stacked columns, one a day. `order` names the groups, largest first; one beyond the palette is grey."""
    colours = [*PALETTE[: len(order)], *[GREY] * (len(order) - len(PALETTE))]
    figure: alt.Chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X(f"{x}:O", timeUnit="utcyearmonthdate", title=None, axis=_day_axis()),
            y=alt.Y(f"{y}:Q", title=unit, axis=_money_axis([row[y] for row in rows])),
            color=alt.Color(
                f"{colour}:N",
                scale=alt.Scale(domain=list(order), range=colours),
                title=None,
                legend=alt.Legend(labelLimit=170, orient="bottom", columns=2, labelExpr=ENDS_SHORT),
            ),
            tooltip=[
                alt.Tooltip(f"{x}:O", timeUnit="utcyearmonthdate", title="day"),
                alt.Tooltip(f"{colour}:N"),
                alt.Tooltip(f"{y}:Q", format=",.2f", title=unit),
            ],
        )
    )
    return figure


def waterfall(rows: Sequence[Mapping[str, Any]], unit: str) -> alt.Chart:
    """The plan's steps from what is paid today to what is paid after it. Rows: step, start, end, kind, amount."""
    kinds = alt.Scale(domain=["level", "saving", "cost"], range=[LEVEL, SAVING, COST])
    named = [dict(row) | {"step": str(row["step"]).replace("_", " ")} for row in rows]
    figure: alt.Chart = (
        alt.Chart(_data(named))
        .mark_bar()
        .encode(
            x=alt.X("step:N", sort=None, title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=False)),
            y=alt.Y("start:Q", title=unit, axis=_money_axis([row["end"] for row in rows])),
            y2="end:Q",
            color=alt.Color("kind:N", scale=kinds, title=None, legend=alt.Legend(orient="top")),
            tooltip=[alt.Tooltip("step:N"), alt.Tooltip("amount:Q", format=",.2f", title=unit)],
        )
    )
    return figure


def _day_axis() -> alt.Axis:
    return alt.Axis(format="%-d %b", labelAngle=0, labelOverlap="parity", ticks=False)


def _money_axis(amounts: Sequence[float]) -> alt.Axis:
    """Whole units of the currency, or cents where all that is drawn is small."""
    is_small = max((abs(amount) for amount in amounts), default=0.0) < 20
    return alt.Axis(format=",.2f" if is_small else ",.0f", tickCount=6)


def _data(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    return alt.InlineData([dict(row) for row in rows])
