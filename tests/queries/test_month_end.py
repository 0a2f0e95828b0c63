"""The month's end: days that are final, provisional ones, the rest, and the budget."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from finops.bill.once import BOUGHT_ONCE, once_notes
from finops.queries import Budget, Condition, MonthEnd, budgets, month_ends
from tests.estate import Estate


def month(estate: Estate, as_of: date) -> MonthEnd:
    (found,) = month_ends(estate, as_of)
    return found


def test_even_spend_goes_on() -> None:
    found = month(Estate().charge("i", 10.0, days=120), date(2026, 10, 20))
    assert (found.actual, found.nowcast, found.previous) == (Decimal(200), Decimal(0), Decimal(300))
    assert found.expected == Decimal("310.00")
    assert found.low == found.high == Decimal("310.00")


def test_the_last_day_is_the_month() -> None:
    found = month(Estate().charge("i", 10.0, days=120), date(2026, 10, 31))
    assert (found.expected, found.low, found.high) == (Decimal("310.00"), Decimal("310.00"), Decimal("310.00"))


def test_late_lines_are_nowcast_and_no_drop() -> None:
    estate = Estate().charge("i", 10.0, days=120)
    for charge in estate.charges[11:14]:  # the 18th to the 20th, of which a third has come
        charge |= {"EffectiveCost": 3.0, "PricingQuantity": 7.2}
    found = month(estate, date(2026, 10, 20))
    assert (found.actual, found.nowcast, found.expected) == (Decimal(179), Decimal(21), Decimal("310.00"))


def fleet(ended: int = 0) -> Estate:
    """Six meters of one service as of 31 October, 10 USD each; so many of them have no line of the last three days."""
    estate = Estate()
    for number in range(6):
        estate.charge(f"i-{number}", 10.0, days=120, SkuMeter=f"machine-{number}")
    provisional = {date(2026, 10, day) for day in (29, 30, 31)}
    gone = {f"i-{number}" for number in range(ended)}
    estate.charges[:] = [
        c for c in estate.charges if c["ResourceId"] not in gone or c["ChargePeriodStart"].date() not in provisional
    ]
    return estate


@pytest.mark.parametrize(("ended", "nowcast"), [(0, 0), (1, 0), (2, 0), (3, 90), (6, 180)])
def test_an_end_of_use_is_no_late_line(ended: int, nowcast: int) -> None:
    """Where the other meters of the service are billed whole, one that is not has ended; a service that lacks half is late."""
    assert month(fleet(ended).charge("b", 1.0, days=120, ServiceName="storage"), date(2026, 10, 31)).nowcast == nowcast


def test_the_end_of_a_short_burst_is_no_late_line() -> None:
    """Sixty hours of a gang, whose last day is the last settled one, beside a complete bill."""
    burst = Estate().charge("gang", 1000.0, days=6, SkuMeter="gang").charges[3:]
    estate = fleet()
    for charge in burst:
        estate.add("charges", **charge)
    found = month(estate, date(2026, 10, 31))
    assert (found.actual, found.nowcast, found.expected) == (Decimal(4860), Decimal(0), Decimal("4860.00"))


def test_what_became_cheaper_is_no_late_line() -> None:
    """A commitment or a promotional credit that begins lowers what is billed, and no quantity."""
    estate = fleet()
    for charge in estate.charges:
        if charge["ChargePeriodStart"].date() > date(2026, 10, 28):
            charge["EffectiveCost"] = 4.0
    assert month(estate, date(2026, 10, 31)).nowcast == 0


def test_late_lines_of_office_hours_are_told_from_quiet_days() -> None:
    """31 October 2026 is a Saturday: machines that are off on weekends lack nothing on it, but they do on a Friday."""
    estate = fleet()
    weekend = [charge for charge in estate.charges if charge["ChargePeriodStart"].weekday() >= 5]
    estate.charges[:] = [charge for charge in estate.charges if charge not in weekend]
    assert month(estate, date(2026, 10, 31)).nowcast == 0
    estate = fleet(6)
    estate.charges[:] = [charge for charge in estate.charges if charge["ChargePeriodStart"].weekday() < 5]
    assert month(estate, date(2026, 10, 31)).nowcast == pytest.approx(Decimal(120), abs=Decimal(5))


def test_two_weeks_are_the_least() -> None:
    found = month(Estate().charge("i", 10.0, days=20), date(2026, 10, 20))
    assert (found.expected, found.low, found.exceeds) == (None, None, None)
    assert found.actual == Decimal(90)


def test_a_fee_on_the_first_is_known() -> None:
    estate = Estate().charge("i", 10.0, days=150)
    for charge in estate.charges:
        if charge["ChargePeriodStart"].day == 1:
            charge["EffectiveCost"] = 510.0
    found = month(estate, date(2026, 10, 20))
    assert found.expected == pytest.approx(Decimal(810), abs=Decimal(1))
    assert month(estate, date(2026, 9, 28)).expected == pytest.approx(Decimal(800), abs=Decimal(1))


@pytest.mark.parametrize(("amount", "exceeds"), [(1000, 0.0), (250, 1.0)])
def test_a_budget_of_a_scope(amount: int, exceeds: float) -> None:
    estate = Estate().charge("i", 10.0, days=120).charge("j", 90.0, days=120, RegionId="eu-west-1")
    budget = Budget("east", Decimal(amount), "USD", (Condition.parse("region=us-east-1"),))
    (found,) = budgets(estate, date(2026, 10, 20), [budget])
    assert (found.name, found.expected, found.exceeds) == ("east", Decimal("310.00"), exceeds)
    assert found.remaining == amount - Decimal("310.00")


def test_a_budget_of_a_scope_without_spend() -> None:
    (found,) = budgets(Estate().charge("i", 1.0), date(2026, 10, 20), [Budget("x", Decimal(1), "EUR")])
    assert (found.actual, found.expected, found.exceeds) == (Decimal(0), None, None)


def test_without_past_errors_nobody_knows_how_likely_a_budget_is_exceeded() -> None:
    """Three weeks are a forecast, and no experience of how it errs."""
    (found,) = budgets(Estate().charge("i", 10.0, days=32), date(2026, 10, 20), [Budget("x", Decimal(1_000), "USD")])
    assert found.expected is not None
    assert (found.low, found.high, found.exceeds) == (None, None, None)


def test_a_month_that_is_over_has_exceeded_its_budget_or_not() -> None:
    wanted = [Budget("more", Decimal(309), "USD"), Budget("less", Decimal(311), "USD")]
    found = budgets(Estate().charge("i", 10.0, days=120), date(2026, 10, 31), wanted)
    assert [row.exceeds for row in found] == [1.0, 0.0]


def test_a_month_that_is_not_loaded_is_unknown_and_not_nothing() -> None:
    """Of one source the month before is loaded; of the other it is not."""
    estate = Estate().charge("i", 10.0, days=50).charge("j", 90.0, days=20, x_source="t", RegionId="eu-west-1")
    as_of = date(2026, 10, 31)
    regions = ("us-east-1", "eu-west-1")
    found = [month_ends(estate, as_of, where=(Condition("region", (region,)),)) for region in regions]
    assert [month.previous for months in found for month in months] == [Decimal(190), None]
    assert month(Estate().charge("i", 10.0, days=20), date(2026, 10, 31)).previous is None


def test_a_scope_that_began_this_month_cost_nothing_in_the_one_before() -> None:
    estate = Estate().charge("i", 10.0, days=50).charge("j", 90.0, days=20, RegionId="eu-west-1")
    (found,) = month_ends(estate, date(2026, 10, 31), where=(Condition("region", ("eu-west-1",)),))
    assert found.previous == 0


def bought(estate: Estate, *days: date, amount: float = 5_000.0, **columns: Any) -> Estate:
    """A purchase on each of these days."""
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        line = estate.charges[0] | {"ResourceId": None, "ChargeCategory": "Purchase", "ChargePeriodStart": start}
        estate.add(
            "charges", **line | {"x_billing_period": f"{day:%Y-%m}", "EffectiveCost": amount, "PricingQuantity": 1} | columns
        )
    return estate


OCTOBER: dict[str, tuple[list[date], dict[str, Any], int]] = {
    "once": ([date(2026, 10, 9)], {}, 5_310),
    "a refund": ([date(2026, 10, 9)], {"ChargeCategory": "Usage", "ChargeClass": "Correction", "EffectiveCost": -50.0}, 260),
    "on a day that may be late": ([date(2026, 10, 19)], {}, 5_310),
    "each month": ([date(2026, 8, 25), date(2026, 9, 25)], {}, 5_310),
    "each day": ([date(2026, 10, day) for day in range(1, 21)], {"EffectiveCost": 1.0}, 341),
}


@pytest.mark.parametrize("case", OCTOBER)
def test_what_is_bought_once_is_no_level(case: str) -> None:
    """The thirty-one days come to 310; what was bought stands beside them."""
    days, columns, expected = OCTOBER[case]
    found = month(bought(Estate().charge("i", 10.0, days=120), *days, **columns), date(2026, 10, 20))
    assert found.expected == pytest.approx(Decimal(expected), abs=Decimal(2))
    assert found.nowcast == 0


def test_a_spike_on_the_newest_day_widens_the_range() -> None:
    estate = Estate().charge("i", 10.0, days=120)
    estate.charges[14]["EffectiveCost"] = 110.0  # 17 October, the newest that is settled
    found = month(estate, date(2026, 10, 20))
    assert (found.expected, found.low) == (Decimal("410.00"), Decimal("410.00"))
    assert found.high is not None
    assert found.high >= 410 + 11 * 100


def test_what_of_the_month_was_bought_once_is_said() -> None:
    estate = bought(Estate().charge("i", 10.0, days=120), date(2026, 10, 9))
    bought(estate, *(date(2026, month, 25) for month in (8, 9, 10)), ServiceName="support")
    rows = estate.rows(BOUGHT_ONCE, {"as_of": date(2026, 10, 31)})
    said = "current holds 5,000.00 USD that was bought once, which is no month's spend: compute 5,000.00 on 2026-10-09"
    assert once_notes(rows, "USD", Decimal(10_000)) == (said,)
    assert once_notes(rows, "USD", Decimal(1_000_000)) == once_notes(rows, "EUR", Decimal(1)) == ()
