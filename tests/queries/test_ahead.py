"""What ends ahead: commitments at what their usage will then cost, credits by whom they pay for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.money import MONTH_PER_WINDOW, cents
from finops.queries.ahead import CREDITS, Ending, endings
from tests.estate import AS_OF, Estate

COVERED: dict[str, Any] = {
    "CommitmentDiscountId": "ri",
    "CommitmentDiscountStatus": "Used",
    "PricingCategory": "Committed",
    "EffectiveCost": 6.0,
}


def held(estate: Estate, started: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Estate:
    return estate.add(
        "commitments",
        observed_at=datetime(2026, 10, 31, tzinfo=UTC),
        commitment_id="RI",
        provider="AWS",
        instrument="reservation",
        term_start=started,
        term_end=datetime(2026, 12, 1, tzinfo=UTC),
    )


def ended(estate: Estate) -> Ending:
    (found,) = endings(estate, AS_OF)
    return found


@pytest.mark.parametrize(
    ("contracted", "uncovered", "kept"),
    [
        (10.0, 9.4, "3.4"),  # the export states the list price beside the commitment, uncovered lines what is negotiated
        (9.0, 9.4, "3"),  # its own price counts first
        (10.0, None, "4"),  # nothing uncovered shows a discount
        (10.0, 11.0, "4"),  # dearer than list is no discount
    ],
)
def test_what_a_commitment_covers_costs_as_the_uncovered_does(contracted: float, uncovered: float | None, kept: str) -> None:
    estate = held(Estate().charge("i", 10.0, **COVERED, ContractedCost=contracted))
    if uncovered is not None:
        estate.charge("j", uncovered, ListCost=10.0)
    found = ended(estate)
    assert (found.name, str(found.last)) == ("ri", "2026-11-30")
    assert found.monthly == cents(Decimal(kept) * 30 * MONTH_PER_WINDOW)


@pytest.mark.parametrize(
    ("started", "days", "share"),
    [
        (datetime(2026, 10, 22, tzinfo=UTC), 30, 1),  # used before its term: one of the same id went before
        (datetime(2026, 10, 22, tzinfo=UTC), 10, 1),
        (datetime(2026, 10, 12, tzinfo=UTC), 10, 0.5),  # in force for 20 days, and used on ten
        (datetime(2026, 10, 30, tzinfo=UTC), 2, 1),  # of provisional days alone: nothing else is known
    ],
)
def test_it_is_held_from_its_term_or_its_first_use(started: datetime, days: int, share: float) -> None:
    found = ended(held(Estate().charge("i", 10.0, **COVERED, days=days).charge("else", 1.0), started))
    assert found.monthly == cents(4 * 30 * Decimal(str(share)) * MONTH_PER_WINDOW)


def test_late_lines_of_the_last_days_hold_no_less() -> None:
    """The last three days bill a third of everything so far; where quantities are whole, credits have ended."""
    for quantity, credits in ((8.0, Decimal(9)), (24.0, Decimal("8.4"))):
        estate = held(Estate().charge("i", 10.0, days=60, **COVERED)).charge("c", 0.0, days=60, x_promotional_credit=-9.0)
        for charge in estate.charges:
            if charge["ChargePeriodStart"].date() > AS_OF - timedelta(days=3):
                charge |= {name: charge[name] / 3 for name in ("EffectiveCost", "ContractedCost", "ListCost")}
                charge |= {"PricingQuantity": quantity, "x_promotional_credit": (charge.get("x_promotional_credit") or 0) / 3}
        found = {e.what: e.monthly for e in endings(estate, AS_OF)}
        assert found[CREDITS] == cents(credits * 30 * MONTH_PER_WINDOW)
        assert found["reservation"] == cents(credits / 9 * 4 * 30 * MONTH_PER_WINDOW)


def test_credits_end_by_whom_they_were_granted_to() -> None:
    estate = Estate().charge("i", 10.0)
    for account, credit in (("one", -2.0), ("two", -3.0)):
        estate.charge(account, 0.0, BillingAccountId=account, SubAccountId=account, x_promotional_credit=credit)
    estate.add(
        "contracts",
        contract_id="start",
        provider="AWS",
        period_start=datetime(2026, 1, 1, tzinfo=UTC),
        period_end=datetime(2026, 12, 15, tzinfo=UTC),
        floor=Decimal(0),
        eligible='{"credits": true, "billing_account": "one"}',
        currency="USD",
    )
    told = [(e.what, e.name, str(e.last), e.monthly) for e in endings(estate, AS_OF)]
    assert told == [
        (CREDITS, "start", "2026-12-14", cents(60 * MONTH_PER_WINDOW)),
        (CREDITS, "two", "None", cents(90 * MONTH_PER_WINDOW)),
    ]
