"""Activity: which days show work, how long there has been none, and whether that is longer than any pause before."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from itertools import pairwise
from typing import Any, Literal

QUARTER_DAYS = 100
"""A quarter and a week: whoever has been seen at work less than two weeks may be a quarterly job, and is due by then."""

CHANCE = 0.01
"""The chance to call something unused that only pauses: e^(−days/mean pause) at most."""

YEAR_END = ((12, 24), (1, 6))
"""Between these dates offices are closed in most of Europe and the Americas: their days prove nothing."""


class Grade(IntEnum):
    """What a day shows. Upkeep is what runs on every machine (backups, patches, scanners); a touch is one short contact."""

    QUIET = 0
    UPKEEP = 1
    TOUCH = 2
    WORK = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one resource on one day; hours above the signal's two limits, over its devices the most."""

    day: date
    hours: float
    total: float
    highest: float
    lowest: float
    above: float
    far: float
    rate: float = 0.0  # the highest value per second, for counters


@dataclass(frozen=True, slots=True)
class Signal:
    """A metric that work moves.

    limit         a sample at most this shows nothing: what agents and heartbeats cause stays below
    far           above this it is no upkeep unless it is as short as `upkeep_hours`
    quiet_hours   hours a day between the two that every unused machine may have (a nightly backup)
    upkeep_hours  hours a day that patches and scans take, on few days
    upkeep        what such a day is called
    measure       `level` and `rate` (a counter per second) by the hours above; `total`, `highest`: more than
                  `limit` on a day is work; `steady`: a level up to `limit` that never changes is a monitor's own connection
    """

    metric: str
    limit: float
    unit: str
    measure: Literal["level", "rate", "total", "highest", "steady"] = "total"
    far: float = math.inf
    quiet_hours: float = 0.0
    upkeep_hours: float = 0.0
    upkeep: Grade = Grade.UPKEEP

    def shown(self, day: Measured) -> float:
        """The day's number in the signal's unit."""
        return {"total": day.total, "rate": day.rate}.get(self.measure, day.highest)

    def grade(self, day: Measured) -> Grade:
        if self.measure in ("total", "highest"):
            return Grade.WORK if self.shown(day) > self.limit else Grade.QUIET
        if self.measure == "steady":
            same = day.highest <= self.limit and day.highest - day.lowest <= 0.5
            return Grade.QUIET if same else Grade.WORK
        if day.above <= self.quiet_hours and day.far == 0:
            return Grade.QUIET
        return self.upkeep if day.above <= self.upkeep_hours else Grade.WORK


def grades(measured: Mapping[str, Sequence[Measured]], signals: Sequence[Signal], processor: str = "") -> dict[date, Grade]:
    """Day → the highest grade of the signals that have data on it.

    A touch on a day on which `processor` also worked for a while is upkeep: patches compute, a short visit does not.
    """
    found: dict[date, Grade] = {}
    busy = {day.day for day in measured.get(processor, ()) if day.above > 0}
    for signal in signals:
        for day in measured.get(signal.metric, ()):
            grade = signal.grade(day)
            if grade is Grade.TOUCH and day.day in busy:
                grade = Grade.UPKEEP
            found[day.day] = max(found.get(day.day, Grade.QUIET), grade)
    return found


@dataclass(frozen=True, slots=True)
class Quiet:
    """How long there has been no work, and what came before.

    days      calendar days from the last work, or before the first day with data, to the last day with data
    coverage  the share of those days that have data
    last      the last day with data
    worked    days with work before
    before    calendar days from the first data to the last work, both included
    pauses    earlier runs of days without work that ended in work
    weekdays  whether work kept to Monday–Friday
    """

    days: int
    coverage: float
    last: date
    worked: int
    before: int
    pauses: tuple[int, ...]
    weekdays: bool


def quiet_period(days: Mapping[date, Grade]) -> Quiet | None:
    """The run without work up to the last day with data. None without data.

    Upkeep is allowed on one day of seven in the run, and on two more. A touch counts twice, and so does upkeep without a
    rhythm: what is scheduled keeps to its weekday, people do not. Upkeep that does counts half: patches and scans have days of
    their own.
    """
    if not days:
        return None
    ordered = sorted(days)
    regular = _rhythms([day for day in ordered if days[day] is Grade.UPKEEP])
    last, weight, end = ordered[-1], 0.0, ordered[0] - timedelta(days=1)
    for day in reversed(ordered):
        if days[day] in (Grade.UPKEEP, Grade.TOUCH):
            weight += regular.get(day.weekday(), 2.0) if days[day] is Grade.UPKEEP else 2.0
        if days[day] is Grade.WORK or weight > 2 + ((last - day).days + 1) / 7:
            end = day
            break
    work = [day for day in ordered if day <= end and (days[day] is Grade.WORK or day == end)]
    run = (last - end).days
    seen = sum(1 for day in ordered if day > end)
    pauses = tuple((b - a).days - 1 for a, b in pairwise([ordered[0] - timedelta(days=1), *work]) if (b - a).days > 1)
    weekend = sum(1 for day in work if day.weekday() >= 5)
    return Quiet(
        days=run,
        coverage=seen / run if run else 1.0,
        last=last,
        worked=len(work),
        before=(end - ordered[0]).days + 1,
        pauses=pauses,
        weekdays=len(work) >= 10 and weekend <= 0.1 * len(work),
    )


def _rhythms(upkeep: Sequence[date]) -> dict[int, float]:
    """Weekday → how much upkeep on it counts, where it keeps a rhythm: most of its intervals are the same."""
    found: dict[int, float] = {}
    for weekday in {day.weekday() for day in upkeep}:
        mine = [day for day in upkeep if day.weekday() == weekday]
        steps = Counter((b - a).days for a, b in pairwise(mine))
        same = steps.most_common(1)[0][1] if steps else 0
        if len(mine) >= 3 and same >= 0.7 * steps.total():
            found[weekday] = 0.5
        elif len(mine) <= 2 and len(upkeep) <= 4:
            found[weekday] = 1.0
    return found


def proof_days(
    quiet: Quiet, base: int, vacation: int, billed: Sequence[date] = (), closings: Sequence[date] = ()
) -> tuple[int, str]:
    """(days without work that prove that there will be none, why so many).

    At least `base`, not counting the days on which offices are closed at the year's end; more than every pause before; so many
    that e^(−days/mean pause) ≤ 1 %; `vacation` for what only worked on working days, not counting the account's `closings`; a
    quarter for what was seen at work for less than two weeks. `billed` are days on which the bill shows use, over whatever
    history there is.
    """
    need, why = base + closed_days(quiet), "the least that counts"
    shut = closed_days(quiet, closings)
    if quiet.weekdays and vacation + shut > need:
        need, why = vacation + shut, "it worked on working days, and people go on vacation"
        why += f"; its account was closed on {shut} of these days" if shut else ""
    if quiet.worked and quiet.before < base:
        need, why = max(need, QUARTER_DAYS), f"its work was seen for {quiet.before} days only: it may come once a quarter"
    pauses = [*quiet.pauses, *pauses_between(billed)]
    if pauses:
        longest, mean = max(pauses), sum(pauses) / len(pauses)
        if longest + 1 > need:
            need, why = longest + 1, f"it has come back after {longest} days before"
        if math.ceil(-math.log(CHANCE) * mean) > need:
            need, why = math.ceil(-math.log(CHANCE) * mean), f"it pauses {mean:.0f} days on average"
    return need, why


def pauses_between(days: Sequence[date]) -> list[int]:
    """Days between uses that a bill shows; what follows within a week is one use."""
    ordered = sorted(set(days))
    return [(b - a).days - 1 for a, b in pairwise(ordered) if (b - a).days > 7]


def closed_days(quiet: Quiet, closings: Sequence[date] = ()) -> int:
    """How many days of the run offices were closed: at the year's end, and on the closings with the weekends they touch."""
    (start, end) = YEAR_END
    shut = {day + timedelta(days=n) for day in closings for n in {4: (0, 1, 2), 0: (-2, -1, 0)}.get(day.weekday(), (0,))}
    days = (quiet.last - timedelta(days=n) for n in range(min(quiet.days, 400)))
    return sum(1 for day in days if day in shut or (day.month, day.day) >= start or (day.month, day.day) <= end)


def since_use(days: Mapping[date, Grade], as_of: date) -> int:
    """Days since the last activity; a disk that is detached measures nothing, so that days without data are quiet."""
    active = [day for day, grade in days.items() if grade]
    return (as_of - max(active)).days if active else (as_of - min(days)).days if days else 0


def measured_of_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Measured]]:
    """Metric → days in order, from the structs that a candidates query lists."""
    found: dict[str, list[Measured]] = {}
    for row in rows:
        day = Measured(
            row["day"], row["hours"], row["total"], row["highest"], row["lowest"], row["above"], row["far"], row["rate"]
        )
        found.setdefault(row["metric"], []).append(day)
    return found
