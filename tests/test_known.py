"""What is known when the bill up to `as_of` is: a listing of the days that the bill trails, none of later days."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from finops.pricing import PriceBook
from finops.recommend import Context
from finops.window import KNOWN_DAYS, midnight
from tests.estate import AS_OF, Estate, _day

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("days_after", "is_listed"), [(0, True), (1, True), (3, True), (4, False)])
def test_a_live_listing_is_newer_than_the_bill(days_after: int, is_listed: bool) -> None:
    made = Estate().charge("vol-1", 10.0, quantity=100, PricingUnit="GB-Months", SkuMeter="gp3")
    made.resource("vol-1", "AWS::EC2::Volume", sku="gp3", state="available", size_gib=100)
    made._rows["resources"][-1]["observed_at"] = _day(-days_after) + timedelta(hours=6)
    (row,) = made.rows("select resource_type, unchanged_days from resource_profile($as_of)", {"as_of": AS_OF})
    assert (row["resource_type"] == "AWS::EC2::Volume") is is_listed
    assert row["unchanged_days"] in (0, None)


def test_prices_are_those_known_with_the_bill() -> None:
    bill = None
    context = Context(AS_OF, PriceBook(()), bill, bill, "USD")  # type: ignore[arg-type]
    assert midnight(AS_OF) < context.at < midnight(AS_OF) + timedelta(days=KNOWN_DAYS)
    assert context.at.date() == AS_OF + timedelta(days=KNOWN_DAYS - 1)


def test_every_statement_knows_as_much() -> None:
    """SQL that other engines read names the number: it is the kernel's."""
    sources = [p for folder in ("finops", "recommenders") for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".sql")]
    found = [
        int(days)
        for path in sources
        for days in re.findall(r"(?:observed_at|effective_from) < \$?as_of(?:::date)? \+ (\d+)", path.read_text("utf-8"))
    ]
    assert len(found) >= 10
    assert set(found) == {KNOWN_DAYS}
