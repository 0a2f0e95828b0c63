"""Cash: floors that are paid in any case, credits that pay for a while, and sums that hold to the cent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.agreements import PACE as PACE_SQL
from finops.agreements import Agreements, Floor, Promotion, agreements_of
from tests.estate import Estate

AS_OF = date(2026, 10, 31)
FLOOR = Floor("edp", "P", "USD", Decimal(1000), Decimal(1090))


def contract(**more: Any) -> dict[str, Any]:
    return {
        "contract_id": "c",
        "provider": "P",
        "currency": "USD",
        "floor": Decimal(1200),
        "eligible": None,
        "period_start": datetime(2026, 1, 1, tzinfo=UTC),
        "period_end": datetime(2028, 12, 31, tzinfo=UTC),
    } | more


PACE = {"provider": "P", "currency": "USD", "month": Decimal(720), "credits": Decimal(0), "recent": Decimal(100)}
"""30 days at 720: a month of 730 hours is 730, a year 8,760."""


def test_above_the_floor_everything_is_cash() -> None:
    assert Agreements((FLOOR,)).cash([("P", Decimal(90), Decimal(-5))], "USD", AS_OF) == [Decimal(85)]


def test_below_it_the_rest_is_a_shortfall() -> None:
    savings = [("P", Decimal(150), Decimal(0)), ("P", Decimal(30), Decimal(0)), ("Q", Decimal(70), Decimal(0))]
    agreed = Agreements((FLOOR,))
    assert agreed.cash(savings, "USD", AS_OF) == [75, 15, 70]
    (floor,) = agreed.floors_of(savings, "USD", AS_OF)
    assert (floor.saving, floor.headroom, floor.cash, floor.shortfall) == (180, 90, 90, 90)


def test_who_spends_less_than_the_floor_saves_no_cash() -> None:
    low = Floor("edp", "P", "USD", Decimal(1000), Decimal(900))
    assert Agreements((low,)).cash([("P", Decimal(50), Decimal(0))], "USD", AS_OF) == [0]


@pytest.mark.parametrize(("ends", "cash"), [(None, 0), (date(2026, 11, 1), 365), (date(2026, 12, 15), 321), (AS_OF, 365)])
def test_days_that_credits_pay_save_nothing(ends: date | None, cash: int) -> None:
    agreed = Agreements(promotions=(Promotion("start", "P", "USD", Decimal(1), ends),))
    assert agreed.cash([("P", Decimal(365), Decimal(0))], "USD", AS_OF) == [cash]


@given(st.lists(st.decimals("0", "99999", places=2), max_size=12), st.decimals("0", "99999", places=2))
def test_cash_sums_to_what_the_floor_leaves(amounts: list[Decimal], room: Decimal) -> None:
    agreed = Agreements((Floor("edp", "P", "USD", Decimal(1000), Decimal(1000) + room),))
    savings = [("P", amount, Decimal(0)) for amount in amounts]
    cash = agreed.cash(savings, "USD", AS_OF)
    assert abs(sum(cash) - min(sum(amounts, Decimal(0)), room)) <= Decimal("0.01")
    assert all(0 <= part <= amount + Decimal("0.01") for part, amount in zip(cash, amounts, strict=True))


def test_rows_become_floors_and_promotions() -> None:
    ended = contract(contract_id="old", period_end=datetime(2026, 3, 1, tzinfo=UTC))
    credits = contract(contract_id="start", floor=Decimal(0), eligible='{"credits": "1"}')
    paying = PACE | {"credits": Decimal(50)}
    agreed = agreements_of([contract(), ended, credits], [PACE], AS_OF)
    assert [(f.contract, f.floor, f.headroom, f.deficit) for f in agreed.floors] == [("c", 1200, 7560, 0)]
    assert agreed.promotions == ()
    halved = agreements_of([contract(floor=Decimal(5000)), credits], [paying], AS_OF)
    assert halved.promotions == (Promotion("start", "P", "USD", Decimal("0.5"), date(2028, 12, 31)),)
    # what credits pay is spent towards no floor, and saved towards none
    assert [(f.eligible, f.headroom, f.deficit) for f in halved.floors] == [(4380, 0, 620)]
    (floor,) = halved.floors_of([("P", Decimal(100), Decimal(0))], "USD", AS_OF)
    assert (floor.saving, floor.cash, floor.shortfall) == (50, 0, 50)
    whole = agreements_of([contract(eligible='{"per": "term"}', floor=Decimal(3285))], [paying], AS_OF)
    assert [f.floor for f in whole.floors] == [Decimal("1095.00")]  # 3,285 over 1,095 days: 1,095 a year
    assert whole.promotions[0].ends is None


@pytest.mark.parametrize(
    ("earlier", "now", "headroom", "deficit"), [(1.0, 20.0, 7000, 0), (90.0, 20.0, 7000, 0), (90.0, 0.6, 0, 81)]
)
def test_a_floor_stands_against_the_year_ahead(earlier: float, now: float, headroom: int, deficit: int) -> None:
    """Who grows has room that last year does not show; who shrinks has none that it shows."""
    estate = Estate().charge("i", earlier, days=300)
    for row in estate.charges[:30]:
        row["EffectiveCost"] = now
    rows = estate.rows(PACE_SQL, {"as_of": AS_OF})
    agreed = agreements_of([contract(provider="AWS", floor=Decimal(300))], rows, AS_OF)
    assert [(f.headroom, f.deficit) for f in agreed.floors] == [(headroom, deficit)]
