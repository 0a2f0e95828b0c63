"""Money: exact, and one currency at a time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.money import MONTH_PER_WINDOW, MixedCurrencies, Money, cents, total

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


@given(st.lists(amounts))
def test_a_sum_is_exact_in_any_order(values: list[Decimal]) -> None:
    forward = total((Money(v, "USD") for v in values), "USD")
    backward = total((Money(v, "USD") for v in reversed(values)), "USD")
    assert forward == backward
    assert forward.amount == sum(values, Decimal(0))


@pytest.mark.parametrize("mix", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a <= b])
def test_currencies_never_mix(mix: Callable[[Money, Money], object]) -> None:
    with pytest.raises(MixedCurrencies, match="USD and EUR"):
        mix(Money(Decimal(1), "USD"), Money(Decimal(1), "EUR"))


@pytest.mark.parametrize(("amount", "rounded"), [("0.005", "0.00"), ("0.015", "0.02"), ("-0.025", "-0.02"), ("2.675", "2.68")])
def test_cents_round_half_to_even(amount: str, rounded: str) -> None:
    assert cents(Decimal(amount)) == Decimal(rounded)


def test_thirty_days_are_720_of_730_hours() -> None:
    assert Decimal(720) * MONTH_PER_WINDOW == pytest.approx(Decimal(730))
