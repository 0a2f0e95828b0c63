"""Unexpected spend: which group, since when, and whether by usage, price or a commitment that ended."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.queries import Condition, anomalies
from finops.window import PROVISIONAL_DAYS
from tests.estate import AS_OF, Estate

SETTLED = AS_OF - timedelta(days=PROVISIONAL_DAYS)
DAYS = 110


def usual(estate: Estate | None = None, resource: str = "vm-1", **columns: Any) -> Estate:
    """100 a day for 24 hours, but on the last ten days."""
    return _from(estate or Estate(), resource, range(10, DAYS), 100.0, 24.0, **columns)


def _from(estate: Estate, resource: str, days: range, cost: float, hours: float, **columns: Any) -> Estate:
    one = Estate()
    one.charge(resource, cost, days=days.stop, quantity=hours, **columns)
    for row in one.charges[days.start :]:
        estate.add("charges", **row)
    return estate


def last_ten(estate: Estate, cost: float, hours: float, resource: str = "vm-1", **columns: Any) -> Estate:
    return _from(estate, resource, range(10), cost, hours, **columns)


@pytest.mark.parametrize(
    ("cost", "hours", "reason"), [(200.0, 48.0, "usage: more of the same"), (200.0, 24.0, "price: a unit costs more")]
)
def test_more_hours_are_usage_and_a_dearer_hour_is_price(cost: float, hours: float, reason: str) -> None:
    (one,) = anomalies(last_ten(usual(), cost, hours), AS_OF)
    assert (one.keys, one.currency) == (("compute", "a1"), "USD")
    assert (one.first, one.last, one.ongoing) == (AS_OF - timedelta(days=9), SETTLED, True)
    assert (one.days, one.actual, one.expected, one.above) == (7, Decimal("1400.00"), Decimal("700.00"), Decimal("700.00"))
    assert one.low < one.expected < one.high < one.actual
    assert one.reason == reason
    assert (one.resource, one.resource_above) == ("vm-1", Decimal("700.00"))


def test_a_commitment_that_ended_is_named() -> None:
    estate = usual(CommitmentDiscountId="ri-1", CommitmentDiscountStatus="Used")
    (one,) = anomalies(last_ten(estate, 200.0, 24.0), AS_OF)
    assert one.reason == "price: a commitment covers 0% of it, 100% before"


def test_provisional_days_are_left_out() -> None:
    estate = _from(Estate(), "vm-1", range(PROVISIONAL_DAYS, DAYS), 100.0, 24.0)
    assert anomalies(_from(estate, "vm-1", range(PROVISIONAL_DAYS), 900.0, 24.0), AS_OF) == []


def test_the_day_asked_about_is_the_last_that_is_known() -> None:
    estate = last_ten(usual(), 200.0, 48.0)
    assert anomalies(estate, AS_OF - timedelta(days=10)) == []
    assert len(anomalies(estate, AS_OF - timedelta(days=5))) == 1


def test_the_resource_that_rose_most_is_named() -> None:
    estate = last_ten(usual(), 100.0, 24.0)
    estate = _from(estate, "vm-2", range(10), 80.0, 24.0)
    (one,) = anomalies(estate, AS_OF)
    assert (one.resource, one.above) == ("vm-2", Decimal("560.00"))


def test_what_begins_says_so_and_small_things_are_left_out() -> None:
    estate = last_ten(usual(), 100.0, 24.0)
    estate = _from(estate, "new", range(10), 50.0, 1.0, ServiceName="search")
    estate = _from(estate, "tiny", range(10), 0.1, 1.0, ServiceName="mail")
    (one,) = anomalies(estate, AS_OF)
    assert one.keys == ("search", "a1")
    assert one.reason.startswith("begun")
    assert [row.keys[0] for row in anomalies(estate, AS_OF, least=Decimal(0))] == ["search", "mail"]


def test_groups_scopes_and_currencies_stand_apart() -> None:
    estate = last_ten(usual(), 200.0, 48.0)
    estate = last_ten(usual(estate, "vm-e", BillingCurrency="EUR"), 300.0, 72.0, "vm-e", BillingCurrency="EUR")
    found = anomalies(estate, AS_OF, by=("provider",))
    assert [(row.currency, row.above) for row in found] == [("EUR", Decimal("1400.00")), ("USD", Decimal("700.00"))]
    assert anomalies(estate, AS_OF, where=(Condition("service", ("storage",)),)) == []
