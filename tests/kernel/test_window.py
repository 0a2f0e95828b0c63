"""Windows: half-open, aware, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.window import Window


def test_ends_are_aware() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001 — the point of the test


def test_a_window_does_not_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


def test_times_are_kept_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))
    window = Window(datetime(2026, 7, 1, 2, tzinfo=berlin), datetime(2026, 7, 2, 2, tzinfo=berlin))
    assert window == Window.of_days(date(2026, 7, 1), date(2026, 7, 1))


@pytest.mark.parametrize(("period", "days"), [("2026-02", 28), ("2024-02", 29), ("2026-12", 31)])
def test_a_month_is_the_calendars(period: str, days: int) -> None:
    assert Window.of_month(period).days == days


@given(st.integers(1, 400), st.integers(1, 90))
def test_a_split_covers_the_window_exactly(days: int, step: int) -> None:
    whole = Window.of_days(date(2025, 1, 1), date(2025, 1, 1) + timedelta(days=days - 1))
    parts = list(whole.split(timedelta(days=step)))
    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert all(a.end == b.start for a, b in pairwise(parts))
    assert sum(part.days for part in parts) == whole.days


def test_the_end_is_outside() -> None:
    day = Window.of_days(date(2026, 1, 1), date(2026, 1, 1))
    assert day.contains(day.start)
    assert not day.contains(day.end)
