"""What a commitment in force is paid for a machine, by the price list that it was bought from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from finops.commitment.levels import Commitment, Meter
from finops.commitment.offers import listed_shares
from finops.pricing import Price, PriceBook, PriceKey

SINCE = datetime(2025, 1, 1, tzinfo=UTC)
USUAL = Price(PriceKey("AWS", "r1", "vm", "x"), Decimal("2.00"), "Hours", "USD", SINCE)
PLAN = "savings_plan_compute"


def sold(term: str, payment: str, price: str, upfront: str = "0") -> Price:
    key = replace(USUAL.key, term=term, payment=payment, instrument=PLAN)
    return Price(key, Decimal(price), "Hours", "USD", SINCE, upfront=Decimal(upfront))


BOOK = PriceBook([USUAL, sold("1y", "none", "1.50"), sold("1y", "all", "0", "12264"), sold("3y", "none", "1.00")])


@pytest.mark.parametrize(
    ("held", "share"),
    [
        ({"payment": "none"}, 0.75),
        ({"payment": "all"}, 0.7),
        ({}, 0.75),
        ({"payment": "none", "term_end": date(2028, 6, 1)}, 0.5),
        ({"term_start": None}, 0.75),
        ({"term_end": date(2025, 12, 1)}, None),
        ({"instrument": "savings_plan_sagemaker"}, None),
        ({"instrument": ""}, None),
    ],
    ids=["its payment", "paid at once", "payment unknown", "its term", "term unknown", "no such term", "not sold", "unnamed"],
)
def test_the_row_of_its_term_and_payment_says_what_it_is_paid(held: dict[str, Any], share: float | None) -> None:
    commitment = Commitment("sp", "AWS", "1", PLAN, term_start=date(2025, 6, 1), term_end=date(2026, 6, 1))
    told = listed_shares(BOOK, SINCE)(replace(commitment, **held), Meter("AWS", "", "r1", "EC2", "x", ""))
    assert told == (pytest.approx(share) if share else None)


def test_a_machine_that_no_list_names_is_told_nothing() -> None:
    commitment = Commitment("sp", "AWS", "1", PLAN)
    assert listed_shares(BOOK, SINCE)(commitment, Meter("AWS", "", "r1", "EC2", "y", "")) is None
