"""Commitments that expire: soon, not yet, and only as last seen."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from finops.queries import expiring
from finops.window import KNOWN_DAYS
from tests.estate import AS_OF, Estate


def held(*terms: tuple[str, date, date]) -> Estate:
    """Commitments by id: the day they were seen, and the day their term ends."""
    estate = Estate()
    for name, seen, end in terms:
        estate.add(
            "commitments",
            observed_at=datetime(seen.year, seen.month, seen.day, 12, tzinfo=UTC),
            commitment_id=name,
            provider="P",
            instrument="reservation",
            term_start=datetime(2024, 1, 1, tzinfo=UTC),
            term_end=datetime(end.year, end.month, end.day, tzinfo=UTC),
        )
    return estate


@pytest.mark.parametrize(("days", "listed"), [(0, False), (1, True), (60, True), (61, False)])
def test_the_next_sixty_days_count(days: int, listed: bool) -> None:
    found = expiring(held(("ri", AS_OF, AS_OF + timedelta(days=days))), AS_OF)
    assert [(row.commitment, row.days) for row in found] == ([("ri", days)] if listed else [])


def test_what_was_seen_last_on_that_day_counts() -> None:
    soon, later = AS_OF + timedelta(days=10), AS_OF + timedelta(days=400)
    earlier = AS_OF - timedelta(days=5)
    assert expiring(held(("renewed", earlier, soon), ("renewed", AS_OF, later)), AS_OF) == []
    unknown = AS_OF + timedelta(days=KNOWN_DAYS)
    assert [row.days for row in expiring(held(("a", earlier, soon), ("a", unknown, later)), AS_OF)] == [10]


def test_the_soonest_comes_first() -> None:
    ends = [("b", 30), ("c", 2), ("a", 30)]
    found = expiring(held(*((name, AS_OF, AS_OF + timedelta(days=n)) for name, n in ends)), AS_OF)
    assert [row.commitment for row in found] == ["c", "a", "b"]
