"""Charts as inline SVG: waterfall, bars and a daily line, drawn from numbers alone, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

WIDTH = 760
ROW = 26
LABEL = 200
AMOUNT = 110
"""Pixels of the drawing: its width, one bar's row, the column of names, the column of amounts."""

LONGEST = 30
"""Characters of a name that fit its column; the rest is in the drawing's title."""

Kind: TypeAlias = Literal["level", "saving", "cost"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from `start` to `end`, with its name and the amount as it is to be printed."""

    name: str
    start: float
    end: float
    kind: Kind
    amount: str


@dataclass(frozen=True, slots=True)
class Point:
    """One day's value; a provisional one is drawn dashed."""

    day: str
    value: float
    provisional: bool = False


def bars(data: Sequence[Bar], title: str) -> str:
    """Horizontal bars on one scale, one a row, in the order given; a waterfall where a bar starts where the last ended."""
    low = min([0.0, *(min(bar.start, bar.end) for bar in data)])
    high = max([0.0, *(max(bar.start, bar.end) for bar in data)])
    scale = (WIDTH - LABEL - AMOUNT) / ((high - low) or 1.0)
    rows = [_row(bar, number, low, scale) for number, bar in enumerate(data)]
    return _svg(title, ROW * len(data) + 4, rows)


def _row(bar: Bar, number: int, low: float, scale: float) -> str:
    top = ROW * number + 4
    left = LABEL + (min(bar.start, bar.end) - low) * scale
    width = max(1.0, abs(bar.end - bar.start) * scale)
    text = top + ROW / 2 + 1
    return (
        f'<g><title>{_text(bar.name)}: {_text(bar.amount)}</title><text class="name" x="{LABEL - 8}" y="{text:.1f}">'
        f'{_text(shortened(bar.name))}</text><rect class="{bar.kind}" x="{left:.1f}" y="{top}" width="{width:.1f}"'
        f' height="{ROW - 8}"></rect><text class="amount" x="{WIDTH - 4}" y="{text:.1f}">{_text(bar.amount)}</text></g>'
    )


def line(points: Sequence[Point], title: str, unit: str) -> str:
    """Values by day, evenly spaced, from zero; the axis names its highest tick and unit. Provisional days are dashed."""
    height, foot, left = 180, 22, 90
    top = ceiling(max([0.0, *(point.value for point in points)]))
    step = (WIDTH - left - 10) / max(1, len(points) - 1)
    places = [(left + n * step, height - foot - (height - foot - 12) * max(0.0, p.value) / top) for n, p in enumerate(points)]
    settled = [place for place, point in zip(places, points, strict=True) if not point.provisional]
    late = places[max(0, len(settled) - 1) :] if len(settled) < len(places) else []
    marks = [
        f'<text class="tick" x="{left - 8}" y="{12 + (height - foot - 12) * (1 - share) + 4:.1f}">{top * share:,.10g}</text>'
        f'<line class="grid" x1="{left}" x2="{WIDTH - 10}" y1="{12 + (height - foot - 12) * (1 - share):.1f}"'
        f' y2="{12 + (height - foot - 12) * (1 - share):.1f}"></line>'
        for share in (0.0, 0.5, 1.0)
    ]
    ends = [(left, "first", points[0].day), (WIDTH - 10, "last", points[-1].day)] if points else []
    marks += [f'<text class="{kind}" x="{x}" y="{height - 8}">{_text(day)}</text>' for x, kind, day in ends]
    marks += [f'<text class="first" x="0" y="{height - 8}">{_text(unit)}</text>']
    drawn = [_polyline(settled, "settled"), _polyline(late, "late")]
    return _svg(title, height, [*marks, *(part for part in drawn if part)])


def _polyline(places: Sequence[tuple[float, float]], kind: str) -> str:
    if not places:
        return ""
    return f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"></polyline>'


def ceiling(value: float) -> float:
    """The next round number, of which half is one too; 1 for less than a cent."""
    if value < 0.01:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 1.6, 2, 3, 4, 5, 6, 8, 10) if value <= factor * power * (1 + 1e-12))


def shortened(name: str) -> str:
    """The end of a long name: what tells two resources apart stands there."""
    return name if len(name) <= LONGEST else "…" + name[-(LONGEST - 1) :]


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    label = _text(title)
    inside = "".join(parts)
    return f'<svg role="img" viewBox="0 0 {WIDTH} {height}" aria-label="{label}"><title>{label}</title>{inside}</svg>'


def _text(value: str) -> str:
    """Text of an element or a quoted attribute, without control characters."""
    return escape("".join(c if c.isprintable() else "�" for c in value), quote=True)
