"""The price book: the whole key, the date, and no guess."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from finops.pricing import Exchange, Price, PriceBook, PriceKey, held_before, json_object, number

AT = datetime(2026, 10, 31, tzinfo=UTC)


def price(amount: str, *, on: int = 1, tier: float = 0, **key: str) -> Price:
    whole = PriceKey("P", "r", "vm", **({"sku": "m", "operating_system": "", "term": "on_demand"} | key))
    return Price(whole, Decimal(amount), "Hours", "USD", datetime(2026, 10, on, tzinfo=UTC), tier)


def ask(**key: Any) -> PriceKey:
    return PriceKey("P", "r", "vm", **({"sku": "m"} | key))


@pytest.mark.parametrize(
    ("rows", "key", "expected"),
    [
        ([], ask(), None),
        ([price("1")], ask(), "1"),
        ([price("1"), price("2", on=9), price("3", on=30)], ask(), "3"),  # the newest in force
        ([price("1", operating_system="Linux"), price("2", operating_system="Windows")], ask(), None),  # ambiguous
        ([price("1", operating_system="Linux"), price("2", operating_system="Windows")], ask(operating_system="Windows"), "2"),
        ([price("1")], ask(operating_system="Linux"), "1"),  # a blank in the list applies to all
        ([price("1", operating_system="Windows")], ask(operating_system="Linux"), None),
        ([price("2", tier=50), price("1")], ask(), "1"),  # the first tier
        ([price("1", term="1y", instrument="reservation")], ask(), None),
        ([price("1"), price("1", license="byol")], ask(), "1"),  # two rows that agree are no ambiguity
    ],
)
def test_price(rows: list[Price], key: PriceKey, expected: str | None) -> None:
    found = PriceBook(rows).price(key, AT)
    assert (found and str(found.amount)) == expected


def test_a_price_of_tomorrow_is_not_known_today() -> None:
    assert PriceBook([price("1", on=30)]).price(ask(), datetime(2026, 10, 29, tzinfo=UTC)) is None


def test_another_basis_is_another_book() -> None:
    assert PriceBook([price("1")]).price(ask(), AT, "effective") is None


def test_choices_are_what_is_sold_under_the_same_conditions() -> None:
    rows = [price("3"), price("1", sku="s", operating_system="Linux"), price("2", sku="t"), price("1", sku="u", term="spot")]
    assert [p.key.sku for p in PriceBook(rows).choices(ask(operating_system="Linux"), AT)] == ["s", "t", "m"]


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3.0), ("2.5", 2.5), ("many", None), (None, None), (True, None), ([], None)]
)
def test_number(value: object, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(("text", "expected"), [('{"a": 1}', {"a": 1}), ("[1]", {}), ("{", {}), (None, {}), ("", {})])
def test_json_object(text: object, expected: dict[str, int]) -> None:
    assert json_object(text) == expected


def test_of_several_dates_the_one_in_force() -> None:
    key = PriceKey("P", "r", "vm", "m")
    rows = [Price(key, Decimal(n), "Hours", c, datetime(2026, m, 1, tzinfo=UTC)) for n, m, c in DATED]
    book = PriceBook(rows).of_currency("USD")
    asked = [book.price(key, datetime(2026, m, 30, tzinfo=UTC)) for m in (4, 6, 10)]
    assert [price and price.amount for price in asked] == [None, 1, 2]


def test_what_is_listed_only_in_the_currency_of_the_price_list_is_converted_as_the_bill_does() -> None:
    key, other = PriceKey("P", "r", "vm", "m"), PriceKey("P", "r", "vm", "n")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        Price(key, Decimal("2"), "Hours", "USD", since, upfront=Decimal(100)),
        Price(other, Decimal("3"), "Hours", "USD", since),
        Price(other, Decimal("7"), "Hours", "EUR", since),
        Price(PriceKey("Q", "r", "vm", "m"), Decimal("5"), "Hours", "USD", since),
    ]
    book = PriceBook(rows, exchanges=[Exchange("P", "EUR", "USD", Decimal("0.9"))]).of_currency("EUR")
    assert [(p.key.sku, p.amount, p.upfront, p.currency) for p in book.every(AT)] == [
        ("m", Decimal("1.8"), Decimal(90), "EUR"),
        ("n", Decimal(7), Decimal(0), "EUR"),
    ]
    assert book.notes == ("1 prices of P are listed in USD: converted at 0.9 EUR, as its bill of the last 30 days does",)
    assert PriceBook(rows).of_currency("EUR").notes == ()


DATED = ((1, 5, "USD"), (2, 10, "USD"), (3, 11, "USD"), (9, 5, "EUR"))
"""Amount, month from which it holds, currency."""


def test_what_a_list_says_first_also_holds_before() -> None:
    """A bill older than every list has no other price; what changed later still changed later."""
    start = datetime(2026, 10, 5, tzinfo=UTC)
    rows = [price("3", on=20), price("2", on=9), price("7", on=2, tier=10), price("8", on=12, operating_system="Windows")]
    moved = held_before(rows, start)
    assert [row.effective_from.day for row in moved] == [20, 5, 2, 5]
    assert moved[0] is rows[0]
    assert moved[2] is rows[2]
