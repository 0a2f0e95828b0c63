"""Activity: what a day shows, how long there was no work, and how long proves that there will be none."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.activity.returns import recurring_of_rows
from finops.activity.streaks import (
    Grade,
    Measured,
    Signal,
    closed_days,
    grades,
    pauses_between,
    proof_days,
    quiet_period,
)

AS_OF = date(2026, 10, 31)  # a Saturday
CPU = Signal("cpu", 5.0, "%", "level", far=30.0, quiet_hours=2, upkeep_hours=3)
NET = Signal("net", 2000.0, "B/s", "rate", upkeep_hours=1, upkeep=Grade.TOUCH)
Q, U, T, W = Grade.QUIET, Grade.UPKEEP, Grade.TOUCH, Grade.WORK


def day(back: int) -> date:
    return AS_OF - timedelta(days=back)


def measured(above: float = 0, far: float = 0, back: int = 0) -> Measured:
    return Measured(day(back), 24, 0, 0, 0, above, far)


@pytest.mark.parametrize(
    ("above", "far", "grade"),
    [(0, 0, Q), (2, 0, Q), (3, 0, U), (1, 1, U), (3, 3, U), (4, 0, W)],
    ids=["nothing", "a backup", "longer than a backup", "a patch", "a virus scan", "work"],
)
def test_upkeep_is_short(above: float, far: float, grade: Grade) -> None:
    assert CPU.grade(measured(above, far)) is grade


def test_a_contact_is_upkeep_where_the_processor_worked_too() -> None:
    touch = {"net": [measured(1)]}
    assert grades(touch, [CPU, NET], "cpu") == {AS_OF: T}
    assert grades(touch | {"cpu": [measured(1)]}, [CPU, NET], "cpu") == {AS_OF: U}
    assert grades({"net": [measured(2)]}, [CPU, NET], "cpu") == {AS_OF: W}


def test_a_monitors_connection_is_no_use() -> None:
    signal = Signal("connections", 3.0, "connections", "steady")
    assert signal.grade(Measured(AS_OF, 24, 48, 2, 2, 0, 0)) is Q
    assert signal.grade(Measured(AS_OF, 24, 6, 1, 0, 0, 0)) is W
    assert signal.grade(Measured(AS_OF, 24, 480, 20, 20, 0, 0)) is W


def history(*newest_first: Grade) -> dict[date, Grade]:
    return {day(back): grade for back, grade in enumerate(newest_first)}


def test_upkeep_once_a_week_breaks_no_run_but_more_does() -> None:
    weekly = history(*([Q] * 6 + [U]) * 8, *[W] * 20)
    quiet = quiet_period(weekly)
    assert quiet is not None
    assert (quiet.days, quiet.before, quiet.worked) == (56, 20, 20)
    often = quiet_period(history(*[Q, T] * 20, *[W] * 20))
    assert often is not None
    assert often.days < 14


def test_a_day_without_data_is_neither() -> None:
    days = history(*[Q] * 20, *[W] * 20)
    for back in (3, 4, 25):
        del days[day(back)]
    quiet = quiet_period(days)
    assert quiet is not None
    assert (quiet.days, quiet.coverage) == (20, 0.9)
    assert quiet.pauses == (1,)
    assert quiet_period({}) is None


def needed(*newest_first: Grade, billed: tuple[date, ...] = ()) -> int:
    quiet = quiet_period(history(*newest_first))
    assert quiet is not None
    return proof_days(quiet, 14, 18, billed)[0]


def weekdays(first: int, last: int) -> list[Grade]:
    return [W if day(back).weekday() < 5 else Q for back in range(first, last)]


def test_how_long_proves() -> None:
    assert needed(*[Q] * 20, *[W] * 40) == 14
    assert needed(*[Q] * 20, *weekdays(20, 80)) == 18  # two weeks off last 16 days
    assert needed(*[Q] * 20, *[W] * 5) == 100  # seen for 5 days: once a quarter?
    assert needed(*[Q] * 40, W, *[Q] * 25, W, W) == 116  # e^(−d/25) ≤ 1 %
    month_end = [Q] * 12 + [W] * 4 + [Q] * 26 + [W] * 4 + [Q] * 26 + [W] * 4 + [Q] * 14
    assert needed(*month_end) > 90
    quarterly = tuple(day(back) for back in (80, 81, 172, 173, 264, 265))
    assert needed(*[Q] * 79, *[W] * 40, billed=quarterly) > 90


def test_the_years_end_proves_nothing() -> None:
    last = date(2027, 1, 5)
    quiet = quiet_period({last - timedelta(days=n): Q if n < 16 else W for n in range(60)})
    assert quiet is not None
    assert proof_days(quiet, 14, 14)[0] == 14 + 13  # 24 December to 5 January


def test_a_vacation_after_a_closing_is_still_a_vacation() -> None:
    quiet = quiet_period(history(*[Q] * 27, *weekdays(27, 80)))
    assert quiet is not None
    assert quiet.days == 29
    shut = [day(back) for back in range(15, 27) if day(back).weekday() < 5]  # 5 to 16 October: two weeks of Monday to Friday
    assert closed_days(quiet, shut) == 2 + 5 + 2 + 5 + 2, "with the weekends that they touch"
    need, why = proof_days(quiet, 14, 18, (), shut)
    assert (need, why.rpartition(";")[2]) == (34, " its account was closed on 16 of these days")
    every_day = quiet_period(history(*[Q] * 26, *[W] * 60))
    assert every_day is not None
    assert proof_days(every_day, 14, 18, (), shut)[0] == 14, "what works on weekends keeps no office hours"


@given(st.lists(st.sampled_from(list(Grade)), min_size=1, max_size=90))
def test_run_and_history_add_up(found: list[Grade]) -> None:
    quiet = quiet_period(history(*found))
    assert quiet is not None
    assert quiet.days + quiet.before == len(found)
    assert sum(quiet.pauses) + quiet.worked == quiet.before
    assert quiet.coverage == 1
    recent = sorted(history(*found).items(), reverse=True)[: quiet.days]
    assert all(grade < W for _, grade in recent)
    assert proof_days(quiet, 14, 18)[0] > max(quiet.pauses, default=0)


def test_what_recurs_is_due_until_its_longest_pause_is_over() -> None:
    bursts = [day(back) for start in (80, 172, 264) for back in range(start, start + 6)]
    (found,) = recurring_of_rows([{"machine": "p4d.24xlarge", "resources": ["I-1"], "days": bursts}])
    assert len(found.bursts) == 3
    assert (found.longest_pause, found.resources) == (86, ("i-1",))
    assert found.due_within(AS_OF)
    assert not found.due_within(AS_OF + timedelta(days=20))
    assert recurring_of_rows([{"machine": "m", "resources": [], "days": bursts[:6]}]) == []
    assert pauses_between(bursts) == [86, 86]
