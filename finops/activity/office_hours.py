"""Office hours: the weekly switch-on times that cover when something was used, in local time across clock changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from finops.money import HOURS_PER_MONTH

SLOTS = 48
"""Half hours of a day: some zones are half an hour off whole ones."""

DAYS_PER_MONTH = (365.25 / 12 * 5 / 7, 365.25 / 12 * 2 / 7)
"""Working days and weekend days of a month."""

ZONES = ("UTC", "Europe/Berlin", "America/New_York")
"""One zone of each rule by which clocks change where most people work; between the changes they are constants."""

Block = tuple[int, int]
"""First slot and the one after the last."""


@dataclass(frozen=True, slots=True)
class OnHours:
    """When something is on, the same on all working days and the same on both weekend days.

    covered     share of the used half hours that lie within
    start_hours how much earlier than used it is switched on
    """

    zone: str
    working_days: tuple[Block, ...]
    weekend: tuple[Block, ...]
    covered: float
    start_hours: float

    @property
    def per_month(self) -> float:
        """Hours a month of 730, start-up included."""
        return sum(
            days * (sum(end - start for start, end in blocks) / 2 + self.start_hours * _starts(blocks))
            for days, blocks in zip(DAYS_PER_MONTH, (self.working_days, self.weekend), strict=True)
        )

    def __str__(self) -> str:
        """`Mon–Fri 07:45–19:00 Europe/Berlin`."""
        parts = [
            f"{name} {', '.join(f'{_clock(a, self.start_hours)}–{_clock(b)}' for a, b in blocks)}"
            for name, blocks in (("Mon–Fri", self.working_days), ("Sat–Sun", self.weekend))
            if blocks
        ]
        return f"{'; '.join(parts)} {self.zone}"


def on_hours(
    used: Sequence[int], zone: str, *, exceptions: float = 0.02, least_off_hours: float = 2.0, start_hours: float = 0.25
) -> OnHours:
    """The fewest hours that hold all but `exceptions` of the `used` hours, given as hours since 1970.

    What was used on a tenth of the days of its kind is no exception. Gaps shorter than `least_off_hours` stay on.
    Raises ValueError where nothing was used; ZoneInfoNotFoundError.
    """
    if not used:
        raise ValueError("nothing was used")
    counts = _by_slot(used, ZoneInfo(zone))
    total = sum(counts.values())
    ranked = sorted(counts, key=lambda key: (-counts[key] / DAYS_PER_MONTH[key[0]], key))
    weeks = max(1.0, (max(used) - min(used)) / 168)
    chosen: set[tuple[int, int]] = set()
    covered = 0
    for key in ranked:
        if covered >= (1 - exceptions) * total and counts[key] < 0.1 * weeks * (5, 2)[key[0]]:
            break
        chosen.add(key)
        covered += counts[key]
    blocks = [_blocks([slot for kind, slot in chosen if kind == of], int(least_off_hours * 2)) for of in (0, 1)]
    inside = sum(n for (kind, slot), n in counts.items() if any(a <= slot < b for a, b in blocks[kind]))
    return OnHours(zone, blocks[0], blocks[1], inside / total, start_hours)


def tightest(used: Sequence[int], *, exceptions: float = 0.02, start_hours: float = 0.25) -> OnHours:
    """The hours in the zone whose clock explains the use with the fewest; of equals the one with the fewest exceptions."""
    found = [on_hours(used, zone, exceptions=exceptions, start_hours=start_hours) for zone in ZONES]
    return min(found, key=lambda each: (round(each.per_month, 6), -round(each.covered, 9)))


def _by_slot(used: Sequence[int], zone: ZoneInfo) -> dict[tuple[int, int], int]:
    """(0 working day | 1 weekend, half hour of the local day) → how often it was used."""
    counts: dict[tuple[int, int], int] = {}
    for hour in used:
        for half in (0, 1800):
            local = datetime.fromtimestamp(hour * 3600 + half, UTC).astimezone(zone)
            key = (int(local.weekday() >= 5), local.hour * 2 + local.minute // 30)
            counts[key] = counts.get(key, 0) + 1
    return counts


def _blocks(slots: Iterable[int], least_off: int) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for slot in sorted(slots):
        if blocks and slot - blocks[-1][1] < least_off:
            blocks[-1] = (blocks[-1][0], slot + 1)
        else:
            blocks.append((slot, slot + 1))
    return tuple(blocks)


def _starts(blocks: Sequence[Block]) -> int:
    """How often a day it is switched on: what runs past midnight is not switched on there."""
    past_midnight = bool(blocks) and blocks[0][0] == 0 and blocks[-1][1] == SLOTS
    return len(blocks) - past_midnight


def _clock(slot: int, earlier: float = 0.0) -> str:
    minutes = max(0, slot * 30 - round(earlier * 60))
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@dataclass(frozen=True, slots=True)
class Use:
    """The hours, since 1970, in which a resource was used; `always` where one of its metrics hardly ever rests."""

    hours: Sequence[int]
    first: int
    last: int
    days: int
    metrics: tuple[str, ...]
    always: bool

    @property
    def a_day(self) -> float:
        """Hours of use on a day with any."""
        return len(self.hours) / max(1, len({hour // 24 for hour in self.hours}))

    @property
    def lately(self) -> float:
        """The last four weeks' use as a multiple of that of all weeks."""
        recent = sum(1 for hour in self.hours if hour > self.last - 672) / min(672, self.last - self.first + 1)
        return recent / max(len(self.hours) / (self.last - self.first + 1), 1e-9)

    @property
    def per_month(self) -> float:
        """Hours of use a month of 730 hours."""
        return len(self.hours) / (self.last - self.first + 1) * float(HOURS_PER_MONTH)


def use_of_rows(rows: Iterable[Mapping[str, Any]], metrics: Sequence[str]) -> Use | None:
    """The union over the metrics that say whether the type is used. None where none of them has samples."""
    mine = [row for row in rows if row["metric"] in metrics]
    if not mine:
        return None
    return Use(
        sorted({hour for row in mine for hour in row["used"] or ()}),
        min(row["first_hour"] for row in mine),
        max(row["last_hour"] for row in mine),
        max(row["days"] for row in mine),
        tuple(row["metric"] for row in mine),
        any(row["busy"] for row in mine),
    )
