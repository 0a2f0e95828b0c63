"""Charts: what is drawn is in proportion, and names are only names."""

from __future__ import annotations

from xml.etree import ElementTree as Tree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.charts import Bar, Point, bars, ceiling, line, shortened

amounts = st.floats(0, 1e12)


@given(st.lists(amounts, min_size=1, max_size=8))
def test_bars_are_in_proportion(values: list[float]) -> None:
    drawn = Tree.fromstring(bars([Bar("n", 0.0, value, "level", f"{value:.2f}") for value in values], "t"))
    widths = [float(rect.get("width") or "nan") for rect in drawn.iter("rect")]
    scale = (760 - 200 - 110) / (max(values) or 1.0)
    assert widths == pytest.approx([max(1.0, value * scale) for value in values], abs=0.06)


def test_a_waterfall_hangs_between_its_levels() -> None:
    steps = [Bar("current", 0, 100, "level", "100"), Bar("idle", 100, 70, "saving", "-30"), Bar("after", 0, 70, "level", "70")]
    first, second, third = (
        (float(rect.get("x") or 0), float(rect.get("width") or 0), rect.get("class"))
        for rect in Tree.fromstring(bars(steps, "t")).iter("rect")
    )
    assert second[2] == "saving"
    assert second[0] + second[1] == pytest.approx(first[0] + first[1], abs=0.1)
    assert second[0] == pytest.approx(third[0] + third[1], abs=0.1)


def test_an_amount_below_zero_is_drawn_left_of_zero() -> None:
    credit, cost = Tree.fromstring(bars([Bar("c", 0, -50, "cost", "-50"), Bar("u", 0, 100, "level", "100")], "t")).iter("rect")
    assert float(credit.get("x") or 0) + float(credit.get("width") or 0) == pytest.approx(float(cost.get("x") or 0), abs=0.1)


@given(st.lists(amounts, max_size=40), st.integers(0, 5))
def test_every_day_is_a_point_and_late_ones_are_dashed(values: list[float], late: int) -> None:
    points = [Point(f"d{n}", value, n >= len(values) - late) for n, value in enumerate(values)]
    drawn = Tree.fromstring(line(points, "t", "USD a day"))
    count = {p.get("class"): len((p.get("points") or "").split()) for p in drawn.iter("polyline")}
    settled = max(0, len(values) - late)
    assert count.get("settled", 0) == settled
    assert count.get("late", 0) == ((len(values) - max(0, settled - 1)) if late and values else 0)
    heights = [float(place.split(",")[1]) for p in drawn.iter("polyline") for place in (p.get("points") or "").split()]
    assert all(12 <= height <= 158 for height in heights)


@given(st.floats(0.01, 1e15))
def test_the_axis_ends_just_above_the_highest_value(value: float) -> None:
    top = ceiling(value)
    assert value <= top * (1 + 1e-9) < value * 1.61 * (1 + 1e-9)
    assert f"{top:.1e}".split("e")[0] in {"1.0", "1.6", "2.0", "3.0", "4.0", "5.0", "6.0", "8.0"}


def test_nothing_to_draw_is_still_a_drawing() -> None:
    assert Tree.fromstring(bars([], "t")).get("role") == "img"
    assert Tree.fromstring(line([], "t", "USD")).get("role") == "img"
    assert ceiling(0) == 1.0


@given(st.text())
def test_a_name_is_only_a_name(name: str) -> None:
    drawn = Tree.fromstring(bars([Bar(name, 0, 1, "level", name)], name) + "")
    assert {element.tag for element in drawn.iter()} == {"svg", "title", "g", "text", "rect"}
    assert len(shortened(name)) <= 30
