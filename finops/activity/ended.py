"""What no longer runs is no question any more, although its last 30 days have cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from finops.bill.lines import keys_of
from finops.model import Act, Finding, Keep, Reconfigure, UseSpot

ENDED = "select key, last_day, known_by, state, was_standing from resource_end($as_of)"

REASONS = {
    "state": "gone: it is {state}, and nothing of it is billed since {day}",
    "listing": "gone: its kind has been listed since without it, and nothing of it is billed since {day}",
    "bill": "ended: nothing of it is billed since {day}, as never before; while it does not run there is nothing to save",
}
"""By what tells: `resource_end.known_by`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Its last day on the bill, and how that it is over is known; `was_standing`: it had run for two weeks."""

    last_day: date
    reason: str
    was_standing: bool


def ended_of_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, Ended]:
    """By the bill's key."""
    return {
        row["key"]: Ended(
            row["last_day"],
            REASONS[row["known_by"]].format(state=row["state"], day=row["last_day"]),
            bool(row["was_standing"]),
        )
        for row in rows
    }


def unless_ended(finding: Finding, ended: Mapping[str, Ended]) -> Finding:
    """The finding, or that it is over; of a pool, every machine has to be.

    How work is done can be changed after it: advice on that stands where what ended had run for a short time only.
    """
    keys = keys_of(finding.bill_key)
    mine = [ended[key] for key in keys if key in ended]
    if len(mine) < len(keys):
        return finding
    work = isinstance(finding.verdict, Act) and isinstance(finding.verdict.action, UseSpot | Reconfigure)
    if work and not all(each.was_standing for each in mine):
        return finding
    return replace(finding, verdict=Keep(max(mine, key=lambda each: each.last_day).reason))
