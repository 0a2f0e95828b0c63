"""API calls counted by operation, and what they cost at list price."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from functools import cache
from importlib import resources
from threading import Lock

from finops.connect import Connector
from finops.money import CENT, Money


@dataclass(frozen=True, slots=True)
class Tariff:
    """The list price of an operation: `price` for every `per` units (calls, metrics requested, bytes, …)."""

    operation: str
    unit: str
    per: Decimal
    price: Decimal
    currency: str


class Meter:
    """Counts from many threads. It is the `finops.connect.Counts` of one source."""

    def __init__(self) -> None:
        self._units: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._lock = Lock()

    def __call__(self, operation: str, units: int = 1) -> None:
        with self._lock:
            self._units[operation] += units
            self._calls[operation] += 1

    @property
    def units(self) -> dict[str, int]:
        with self._lock:
            return dict(self._units)

    @property
    def calls(self) -> dict[str, int]:
        with self._lock:
            return dict(sorted(self._calls.items()))


@cache
def tariffs(connector: Connector) -> Mapping[str, Tariff]:
    """Operation → list price, from the connector's `data/api_prices.csv`; what it does not list is free of charge."""
    file = resources.files(connector.package).joinpath("data", "api_prices.csv")
    if not file.is_file():
        return {}
    return {
        row["operation"]: Tariff(row["operation"], row["unit"], Decimal(row["per"]), Decimal(row["price"]), row["currency"])
        for row in csv.DictReader(file.read_text("utf-8").splitlines())
    }


def cost(connector: Connector, units: Mapping[str, int]) -> dict[str, Decimal]:
    """Currency → list price of so many units of each operation."""
    sums: dict[str, Decimal] = {}
    for operation, count in units.items():
        tariff = tariffs(connector).get(operation)
        if tariff is not None:
            sums[tariff.currency] = sums.get(tariff.currency, Decimal(0)) + tariff.price * count / tariff.per
    return sums


def added(costs: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """Currency → sum."""
    sums: dict[str, Decimal] = {}
    for each in costs:
        for currency, amount in each.items():
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    return sums


def money(costs: Mapping[str, Decimal]) -> tuple[Money, ...]:
    """Rounded up to the cent: what is said is never less than what is charged."""
    return tuple(Money(amount.quantize(CENT, ROUND_UP), currency) for currency, amount in sorted(costs.items()))
