"""Office hours: local time across the clock change, half-hour zones, rare exceptions, coverage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.activity.office_hours import on_hours, tightest

END = datetime(2026, 11, 1, tzinfo=UTC)  # Europe's clocks went back on 25 October


def hours(zone: str, first: int, last: int, *, days: int = 90, weekend: bool = False) -> list[int]:
    """The UTC hours of the local working hours first ≤ h < last of the last days."""
    found = []
    for back in range(days * 24):
        moment = END - timedelta(hours=back + 1)
        local = moment.astimezone(ZoneInfo(zone))
        if first <= local.hour < last and (weekend or local.weekday() < 5):
            found.append(int(moment.timestamp()) // 3600)
    return sorted(found)


def test_local_hours_do_not_move_with_the_clock() -> None:
    used = hours("Europe/Berlin", 8, 19)
    found = on_hours(used, "Europe/Berlin", start_hours=0)
    assert str(found) == "Mon–Fri 08:00–19:00 Europe/Berlin"
    assert found.per_month == pytest.approx(11 * 365.25 / 12 * 5 / 7)
    assert found.covered == 1
    exact = on_hours(used, "UTC", start_hours=0, exceptions=0.0)
    assert exact.per_month == pytest.approx(12 * 365.25 / 12 * 5 / 7)  # two offsets need twelve hours
    assert tightest(used).zone == "Europe/Berlin"


def test_of_equals_utc_is_named() -> None:
    assert tightest(hours("UTC", 8, 19)).zone == "UTC"


def test_it_is_on_before_it_is_used() -> None:
    found = on_hours(hours("Europe/Berlin", 8, 19), "Europe/Berlin")
    assert str(found) == "Mon–Fri 07:45–19:00 Europe/Berlin"
    assert found.per_month == pytest.approx(11.25 * 21.7411, abs=0.01)


def test_half_hour_zones() -> None:
    assert str(on_hours(hours("Asia/Kolkata", 9, 18), "Asia/Kolkata", start_hours=0)).endswith("18:30 Asia/Kolkata")


def test_a_night_and_a_weekend_once_are_exceptions_but_every_week_is_not() -> None:
    used = hours("UTC", 8, 18)
    once = [int((END - timedelta(days=14, hours=h)).timestamp()) // 3600 for h in range(4)]
    assert str(on_hours([*used, *once], "UTC", start_hours=0)) == "Mon–Fri 08:00–18:00 UTC"
    saturdays = [int((END - timedelta(days=1 + 7 * w, hours=-h - 9)).timestamp()) // 3600 for w in range(12) for h in range(4)]
    assert "Sat–Sun 09:00–13:00" in str(on_hours([*used, *saturdays], "UTC", start_hours=0))


def test_a_break_stays_on_and_a_night_does_not() -> None:
    used = [*hours("UTC", 8, 12), *hours("UTC", 13, 17), *hours("UTC", 22, 24), *hours("UTC", 0, 1)]
    found = on_hours(used, "UTC")
    assert str(found) == "Mon–Fri 00:00–01:00, 07:45–17:00, 21:45–24:00 UTC"
    assert found.per_month == pytest.approx((1 + 9 + 2 + 2 * 0.25) * 21.7411, abs=0.01)


def test_nothing_used() -> None:
    with pytest.raises(ValueError, match="nothing"):
        on_hours([], "UTC")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(494_000, 496_160), min_size=1, max_size=300, unique=True))
def test_it_covers_all_but_the_exceptions(used: list[int]) -> None:
    found = on_hours(used, "Europe/Berlin")
    assert found.covered >= 0.98 - 1e-9
    assert 0 < found.per_month <= 730.5 + 1
