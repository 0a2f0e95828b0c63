"""What was paid ahead rolls forward: opening + bought − amortised = closing, every commitment and month."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from finops.queries.prepaid import prepaid
from tests.estate import Estate


def held(estate: Estate, commitment: str, month: str, billed: float, effective: float, **more: Any) -> Estate:
    row: dict[str, Any] = {"x_billing_period": month, "CommitmentDiscountId": commitment} | more
    return estate.charge("i-1", effective, days=1, BilledCost=billed, EffectiveCost=effective, **row)


def bought(estate: Estate, commitment: str, month: str, billed: float, frequency: str = "One-Time") -> Estate:
    return held(estate, commitment, month, billed, 0.0, ChargeCategory="Purchase", ChargeFrequency=frequency)


def rolled(estate: Estate) -> list[tuple[Any, ...]]:
    rows = prepaid(estate, date(2026, 9, 15), date(2026, 10, 31))
    assert all(row.opening is None or row.opening + row.bought - row.amortised == row.closing for row in rows)
    return [(row.period, row.commitment, row.opening, row.bought, row.amortised, row.closing) for row in rows]


def test_a_purchase_is_used_up_month_by_month() -> None:
    estate = bought(Estate(), "ri", "2026-08", 100.0)
    for month, used in (("2026-08", 10.0), ("2026-09", 40.0), ("2026-10", 50.0)):
        held(estate, "RI", month, 0.0, used, CommitmentDiscountStatus="Used")
    assert rolled(estate) == [
        ("2026-09", "RI", Decimal(90), Decimal(0), Decimal(40), Decimal(50)),
        ("2026-10", "RI", Decimal(50), Decimal(0), Decimal(50), Decimal(0)),
    ]


def test_what_is_paid_as_it_goes_is_not_amortised() -> None:
    estate = bought(bought(Estate(), "half", "2026-10", 60.0), "half", "2026-10", 5.0, "Recurring")
    held(estate, "half", "2026-10", 0.0, 10.0)
    held(bought(estate, "none", "2026-10", 8.0, "Recurring"), "none", "2026-10", 0.0, 8.0)
    assert rolled(estate) == [("2026-10", "half", Decimal(0), Decimal(60), Decimal(5), Decimal(55))]


def test_of_a_purchase_before_the_bill_nobody_knows_what_is_left() -> None:
    assert rolled(held(Estate(), "old", "2026-10", 0.0, 7.0)) == [("2026-10", "old", None, Decimal(0), Decimal(7), None)]
