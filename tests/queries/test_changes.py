"""Why spend changed: the parts sum exactly, and each is what its name says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.queries import NOT_BILLED, Condition, CostQuery, changes, days_of, month_ends, pending, previous
from finops.queries.changes import Change, Item, Kind, explain
from tests.estate import Estate


def item(
    q: tuple[str, str], c: tuple[str, str], p: tuple[str, str] | None = None, unit: str = "Hours", kind: Kind = "used"
) -> Item:
    def pair(values: tuple[str, str]) -> tuple[Decimal, Decimal]:
        return Decimal(values[0]), Decimal(values[1])

    return Item(unit, pair(q), pair(c), pair(p or c), kind)


def parts(*items: Item) -> tuple[Decimal, ...]:
    found = explain((), "EUR", items)
    return found.usage, found.mix, found.price, found.exchange, found.fees, found.tax


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item(("10", "15"), ("20", "30"))], (10, 0, 0, 0, 0, 0)),
        ([item(("10", "10"), ("20", "25"))], (0, 0, 5, 0, 0, 0)),
        ([item(("10", "10"), ("20", "22"), ("20", "20"))], (0, 0, 0, 2, 0, 0)),
        ([item(("10", "0"), ("10", "0")), item(("10", "20"), ("30", "60"))], (0, 20, 0, 0, 0, 0)),
        ([item(("0", "5"), ("0", "10"))], (10, 0, 0, 0, 0, 0)),
        ([item(("5", "0"), ("10", "0"))], (-10, 0, 0, 0, 0, 0)),
        ([item(("0", "0"), ("4", "7"), unit="")], (3, 0, 0, 0, 0, 0)),
        ([item(("1", "1"), ("4", "7"), kind="fees"), item(("10", "15"), ("20", "30"))], (10, 0, 0, 0, 3, 0)),
        ([item(("1", "1"), ("4", "0"), ("5", "0"), kind="tax")], (0, 0, 0, 0, 0, -4)),
    ],
    ids=["more of the same", "dearer", "another rate", "a dearer thing instead", "begun", "ended", "no quantity", "fee", "tax"],
)
def test_one_cause(items: list[Item], expected: tuple[int, ...]) -> None:
    assert parts(*items) == tuple(Decimal(value) for value in expected)


MONEY = st.decimals(0, 10_000, places=6, allow_nan=False)
ITEMS = st.lists(
    st.builds(
        lambda q0, q1, c0, c1, p0, p1, unit, kind: Item(unit, (q0, q1), (c0, c1), (p0, p1), kind),
        MONEY, MONEY, MONEY, MONEY, MONEY, MONEY, st.sampled_from(["Hours", "GB", ""]),
        st.sampled_from(["used", "fees", "tax"]),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@given(ITEMS)
def test_the_parts_sum_to_the_change(items: list[Item]) -> None:
    found = explain((), "USD", items)
    parts = found.usage + found.mix + found.price + found.exchange + found.fees + found.tax
    assert found.before + parts == found.after


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2026, 10, 1), date(2026, 10, 31), (date(2026, 9, 1), date(2026, 9, 30))),
        (date(2026, 1, 1), date(2026, 1, 31), (date(2025, 12, 1), date(2025, 12, 31))),
        (date(2026, 1, 1), date(2026, 3, 31), (date(2025, 10, 1), date(2025, 12, 31))),
        (date(2026, 10, 1), date(2026, 10, 12), (date(2026, 9, 19), date(2026, 9, 30))),
    ],
)
def test_the_period_before(first: date, last: date, expected: tuple[date, date]) -> None:
    assert previous(first, last) == expected


def test_exchange_rates_are_read_off_the_bill() -> None:
    estate = Estate()
    same: dict[str, Any] = {"BillingCurrency": "EUR", "PricingCurrency": "USD", "days": 1}
    estate.charge("i-1", 9.3, **same, PricingCurrencyEffectiveCost=10.0)
    estate._rows["charges"][-1] |= {"PricingCurrencyEffectiveCost": 10.0}
    row = dict(estate.charges[-1])
    earlier = {name: value.replace(month=9, day=30) for name, value in row.items() if name == "ChargePeriodStart"}
    estate.add("charges", **(row | earlier | {"EffectiveCost": 9.0, "BilledCost": 9.0}))
    query = CostQuery(("provider",), first=date(2026, 10, 1), last=date(2026, 10, 31))
    (found,) = changes(estate, query)
    assert found == Change(("AWS",), "EUR", Decimal(9), Decimal("9.3"), Decimal(0), Decimal(0), Decimal(0), Decimal("0.3"))


def week_of(estate: Estate, by: str = "provider") -> Change:
    """8 to 14 October against the week before it."""
    (found,) = changes(estate, CostQuery((by,), first=date(2026, 10, 8), last=date(2026, 10, 14)))
    return found


@pytest.mark.parametrize(
    ("columns", "months", "parts"),
    [
        ({"ChargeCategory": "Tax"}, True, (0, 0, -300)),
        ({"ChargeCategory": "Purchase"}, True, (0, -300, 0)),
        ({"ChargeCategory": "Purchase"}, False, (0, -300, 0)),  # of one day, as many exports date it
        ({"SkuMeter": "hosted zone"}, True, (0, -300, 0)),
        ({"SkuMeter": "hosted zone"}, False, (-300, 0, 0)),
    ],
    ids=["tax", "fee", "fee of one day", "usage of a month", "usage of a day"],
)
@pytest.mark.parametrize("by", ["provider", "ChargeFrequency"])  # from daily spend, and from charges
def test_what_is_charged_for_a_month_is_no_less_usage_a_week_later(
    columns: dict[str, Any], months: bool, parts: tuple[int, ...], by: str
) -> None:
    estate = Estate().charge("i", 10.0, days=60)
    month = dict(estate.charges[30], ChargePeriodStart=datetime(2026, 10, 1, tzinfo=UTC))
    month["ChargePeriodEnd"] = datetime(2026, 11, 1, tzinfo=UTC) if months else datetime(2026, 10, 2, tzinfo=UTC)
    estate.add("charges", **(month | {"EffectiveCost": 300.0, "ResourceId": "m"} | columns))
    found = week_of(estate, by)
    assert (found.before, found.after) == (370, 70)
    assert (found.usage + found.mix + found.price, found.fees, found.tax) == parts


def test_a_months_charge_is_usage_where_months_are_compared() -> None:
    """February against January: 28 days and 31."""
    estate = Estate()
    for start in (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)):
        day = dict(Estate().charge("i", 10.0, days=1).charges[0], ChargePeriodStart=start)
        estate.add("charges", **(day | {"ChargePeriodEnd": (start + timedelta(days=31)).replace(day=1)}))
    for month in (date(2026, 2, 28), date(2026, 3, 31)):
        (found,) = changes(estate, CostQuery(("provider",), first=month.replace(day=1), last=month))
        assert (found.before, found.after, found.fees) == (10, 10, 0)


def late(*, where: tuple[Condition, ...] = (), last: date = date(2026, 10, 20)) -> tuple[list[Change], Estate]:
    """A hundred days of 10 USD, of which the last three have billed a third so far, as of 20 October."""
    estate = Estate().charge("i", 10.0, days=120)
    for charge in estate.charges[11:14]:
        charge |= {"EffectiveCost": 3.0, "PricingQuantity": 7.2}
    query = CostQuery(("service", "region"), first=date(2026, 10, 1), last=last, where=where)
    return pending(estate, date(2026, 10, 20), query), estate


def test_a_month_that_is_not_over_is_compared_with_its_nowcast() -> None:
    (found,), estate = late()
    (month,) = month_ends(estate, date(2026, 10, 20))
    assert found.keys == (NOT_BILLED, None)
    assert (found.before, found.after, found.usage) == (0, month.nowcast, Decimal(21))
    assert found.change == found.usage + found.mix + found.price + found.exchange


@pytest.mark.parametrize(("last", "lacking"), [(date(2026, 10, 18), 7), (date(2026, 10, 17), None), (date(2026, 10, 31), 21)])
def test_only_the_provisional_days_of_the_period_lack_something(last: date, lacking: int | None) -> None:
    found, _ = late(last=last)
    assert [row.after for row in found] == ([] if lacking is None else [Decimal(lacking)])


def test_what_daily_spend_does_not_keep_has_no_nowcast() -> None:
    assert late(where=(Condition("InvoiceId", ("1",)),))[0] == []
    assert len(late(where=(Condition("region", ("us-east-1",)),))[0]) == 1


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2026, 10, 20), (date(2026, 10, 1), date(2026, 10, 20))),
        (date(2026, 12, 1), (date(2026, 10, 1), date(2026, 10, 31))),
        (None, (date(2026, 10, 1), date(2026, 10, 31))),
    ],
)
def test_the_days_of_a_month_end_where_the_bill_does(as_of: date | None, expected: tuple[date, date]) -> None:
    assert days_of("2026-10", as_of) == expected


@pytest.mark.parametrize("values", [("a",), ("a", "b"), ("a|b", "c"), ("",), ("x=y!=z",)])
def test_a_condition_is_read_as_it_is_written(values: tuple[str, ...]) -> None:
    for negated in (False, True):
        condition = Condition("tag:team", values, negated)
        assert Condition.parse(str(condition)) == condition
