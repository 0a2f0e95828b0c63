"""Which days, months or snapshots of a stream are missing, by what coverage says was fetched, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from finops.connect import Stream
from finops.tables import table
from finops.window import Window, midnight, next_month

DAY = timedelta(days=1)
LONGEST_PERIOD_S = 86_400
"""The coarsest measurement that may be asked for (`metric_period_s`)."""


def missing(
    stream: Stream, covered: Mapping[str, datetime], now: datetime, history_days: int | None, begun: Iterable[Window] = ()
) -> list[Window]:
    """The windows to fetch, oldest first. `covered`: unit → when it was fetched; `begun`: windows of a run that was killed.

    A day or month counts as covered once it was fetched `restates_days` after its end; days are asked for up to the last
    complete one, months up to the open one. Adjacent units are one window: an API pages better than a loop over days does.
    """
    reach = history_days or stream.reach_days
    if stream.divided == "export":
        return [Window(now - timedelta(days=reach), now)]
    if stream.divided == "snapshot":
        today = midnight(now.date())
        again = next((window for window in begun if window.start == today), Window(today, now))
        return [] if _fresh(stream, covered, now) else [again]
    wanted = [w for w in _grid(stream, now, reach) if not _final(covered.get(unit_of(stream, w)), w.end, stream)]
    kept: list[Window] = []
    for window in begun:  # as it was asked for, so that its parts that are there already count
        inside = [w for w in wanted if window.start <= w.start and w.end <= window.end]
        if inside and _whole(inside, window):
            kept.append(window)
            wanted = [w for w in wanted if w not in inside]
    return sorted([*kept, *joined(wanted)], key=lambda w: w.start)


def units(stream: Stream, window: Window) -> tuple[str, ...]:
    """The table's units that a window replaces, whether or not it holds a row of them."""
    if stream.divided == "export":
        return ()
    if stream.units:
        return stream.units
    if stream.divided == "snapshot":
        return (f"{window.start:%Y-%m-%d}",)
    return tuple(unit_of(stream, w) for w in _between(stream, window.start.date(), window.end))


def unit_of(stream: Stream, window: Window) -> str:
    """Of a month too the day, where the table's units are days: what is said of a month stands at its first."""
    by_month = stream.divided == "month" and not table(stream.table).by_day
    return f"{window.start:%Y-%m}" if by_month else f"{window.start:%Y-%m-%d}"


def joined(windows: Iterable[Window]) -> list[Window]:
    """Adjacent windows as one."""
    result: list[Window] = []
    for window in windows:
        if result and result[-1].end == window.start:
            result[-1] = Window(result[-1].start, window.end)
        else:
            result.append(window)
    return result


def lost(stream: Stream, window: Window, now: datetime, period_s: int) -> str:
    """What the provider no longer has of a window at this resolution, as a sentence; '' where all is there."""
    for finest, days in stream.kept:
        gone = now - timedelta(days=days)
        if finest == 0 and window.start < gone:
            return f"measurements from before {gone:%Y-%m-%d} are gone: they are kept for {days} days"
        if period_s < finest and window.start < gone:
            finer = f" finer than {finest} s" if finest <= LONGEST_PERIOD_S else ""
            return f"measurements{finer} from before {gone:%Y-%m-%d} are gone: they are kept for {days} days"
    return ""


def _grid(stream: Stream, now: datetime, reach: int) -> list[Window]:
    first = (now - timedelta(days=reach)).date()
    if stream.divided == "day":
        return _between(stream, first, midnight(now.date()))
    # the open month ends with today: none is asked for days that have not begun
    tomorrow = midnight(now.date()) + DAY
    return [Window(w.start, min(w.end, tomorrow)) for w in _between(stream, first, now)]


def _between(stream: Stream, first: date, end: datetime) -> list[Window]:
    day = first.replace(day=1) if stream.divided == "month" else first
    found = []
    while midnight(day) < end:
        following = next_month(day) if stream.divided == "month" else day + DAY
        found.append(Window(midnight(day), midnight(following)))
        day = following
    return found


def _final(fetched: datetime | None, end: datetime, stream: Stream) -> bool:
    return fetched is not None and fetched >= end + timedelta(days=stream.restates_days)


def _fresh(stream: Stream, covered: Mapping[str, datetime], now: datetime) -> bool:
    newest = max(covered.values(), default=None)
    return newest is not None and now - newest < timedelta(days=stream.restates_days)


def _whole(inside: list[Window], window: Window) -> bool:
    return joined(inside) == [window]
