"""Amounts of money: exact decimals that refuse to mix currencies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

HOURS_PER_MONTH = 730
"""The providers' own convention for a month of hourly charges (8,760 / 12)."""

DAYS_PER_WINDOW = 30
"""`current` is the last 30 complete days, scaled by 730/720 to a month of 730 hours."""

MONTH_PER_WINDOW = Decimal(HOURS_PER_MONTH) / Decimal(24 * DAYS_PER_WINDOW)

CENT = Decimal("0.01")


class MixedCurrencies(ValueError):
    """Two currencies met in one sum. Convert with a dated rate first, or keep two totals."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in one currency (ISO 4217 code, or a provider's virtual currency as FOCUS allows)."""

    amount: Decimal
    currency: str

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __str__(self) -> str:
        return f"{cents(self.amount):,} {self.currency}"

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise MixedCurrencies(f"{self.currency} and {other.currency} cannot be added")


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The exact sum; `currency` names the sum of nothing."""
    result = Money(Decimal(0), currency)
    for amount in amounts:
        result = result + amount
    return result


def cents(amount: Decimal) -> Decimal:
    """Rounded half-even to 0.01, as invoices are."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


def hundredths(quantity: Decimal) -> Decimal:
    """Hours and the like, rounded as money is: sums of parts of hours end in digits that nobody measured."""
    return cents(quantity)
