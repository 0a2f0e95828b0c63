"""Cash: floors that are paid in any case, credits that pay for a while, and sums that hold to the cent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.agreements import PACE as PACE_SQL
from finops.agreements import Agreements, Floor, Place, Promotion, Yearly, agreements_of
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


PACE = {
    "provider": "P",
    "currency": "USD",
    "billing_account": "b",
    "account": "a",
    "service": "s",
    "month": Decimal(720),
    "credits": Decimal(0),
    "recent": Decimal(100),
}
"""30 days at 720: a month of 730 hours is 730, a year 8,760."""


def saves(provider: str, year: int | Decimal, once: int = 0) -> Yearly:
    return Yearly(Place(provider), Decimal(year), Decimal(once))


def test_above_the_floor_everything_is_cash() -> None:
    assert Agreements((FLOOR,)).cash([saves("P", 90, -5)], "USD", AS_OF) == [Decimal(85)]


def test_below_it_the_rest_is_a_shortfall() -> None:
    savings = [saves("P", 150), saves("P", 30), saves("Q", 70)]
    agreed = Agreements((FLOOR,))
    assert agreed.cash(savings, "USD", AS_OF) == [75, 15, 70]
    (floor,) = agreed.floors_of(savings, "USD", AS_OF)
    assert (floor.saving, floor.headroom, floor.cash, floor.shortfall) == (180, 90, 90, 90)


def test_who_spends_less_than_the_floor_saves_no_cash() -> None:
    low = Floor("edp", "P", "USD", Decimal(1000), Decimal(900))
    assert Agreements((low,)).cash([saves("P", 50)], "USD", AS_OF) == [0]


@pytest.mark.parametrize(("ends", "cash"), [(None, 0), (date(2026, 11, 1), 365), (date(2026, 12, 15), 321), (AS_OF, 365)])
def test_days_that_credits_pay_save_nothing(ends: date | None, cash: int) -> None:
    agreed = Agreements(promotions=(Promotion("start", "b", Place("P"), "USD", Decimal(1), Decimal(1), ends),))
    assert agreed.cash([saves("P", 365)], "USD", AS_OF) == [cash]


@given(st.lists(st.decimals("0", "99999", places=2), max_size=12), st.decimals("0", "99999", places=2))
def test_cash_sums_to_what_the_floor_leaves(amounts: list[Decimal], room: Decimal) -> None:
    agreed = Agreements((Floor("edp", "P", "USD", Decimal(1000), Decimal(1000) + room),))
    savings = [saves("P", amount) for amount in amounts]
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
    ends = date(2028, 12, 31)
    assert halved.promotions == (Promotion("start", "b", Place("P", "a", "s"), "USD", Decimal(100), Decimal(50), ends),)
    # what credits pay is spent towards no floor, and saved towards none
    assert [(f.eligible, f.headroom, f.deficit) for f in halved.floors] == [(4380, 0, 620)]
    (floor,) = halved.floors_of([saves("P", 100)], "USD", AS_OF)
    assert (floor.saving, floor.cash, floor.shortfall) == (50, 0, 50)
    whole = agreements_of([contract(eligible='{"per": "term"}', floor=Decimal(3285))], [paying], AS_OF)
    assert [f.floor for f in whole.floors] == [Decimal("1095.00")]  # 3,285 over 1,095 days: 1,095 a year
    assert whole.promotions[0].ends is None


CREDITED = [
    PACE | {"billing_account": "A", "account": "a", "recent": Decimal(300)},
    PACE | {"billing_account": "B", "account": "b", "credits": Decimal(100)},
    PACE | {"billing_account": "B", "account": "c", "service": "compute", "credits": Decimal(100)},
    PACE | {"billing_account": "B", "account": "c", "service": "storage"},
]


@pytest.mark.parametrize(
    ("place", "share"),
    [
        (Place("P", "a", "s"), "0"),
        (Place("P", "B", "s"), "1"),  # case does not count, as in the bill's own keys
        (Place("P", "c", "compute"), "1"),
        (Place("P", "c", "storage"), "0"),
        (Place("P", "c"), "0.5"),
        (Place("P", "c", "new"), "0.5"),
        (Place("P"), str(Decimal(200) / 600)),
        (Place("Q", "a", "s"), "0"),
    ],
)
def test_credits_pay_where_the_lines_show_them(place: Place, share: str) -> None:
    """One billing account's credits pay nothing of another's, nor of what their lines leave out."""
    agreed = agreements_of([], CREDITED, AS_OF)
    assert agreed.credited(place, "USD", AS_OF) == Decimal(share)
    assert agreed.credited(place, "EUR", AS_OF) == 0


@pytest.mark.parametrize(
    ("eligible", "known"),
    [
        ('{"credits": true}', ["b", "c"]),
        ('{"credits": true, "billing_account": "b"}', ["b", "c"]),
        ('{"credits": true, "billing_account": "A"}', []),
        ('{"credits": true, "accounts": ["C"]}', ["c"]),
        ('{"credits": true, "services": ["s"]}', ["b"]),
    ],
)
def test_a_promotion_ends_where_it_is_granted(eligible: str, known: list[str]) -> None:
    row = contract(contract_id="start", floor=Decimal(0), eligible=eligible, period_end=datetime(2026, 12, 15, tzinfo=UTC))
    agreed = agreements_of([row], CREDITED, AS_OF)
    paid = [p for p in agreed.promotions if p.credits]
    assert [p.place.account for p in paid if p.ends == date(2026, 12, 15)] == known
    assert [p.name for p in paid] == ["start" if p.place.account in known else "B" for p in paid]
    notes = agreed.notes("USD")
    assert len(notes) == (len(known) < len(paid))
    assert all("pay for B," in note for note in notes)


def test_the_later_of_two_promotions_counts() -> None:
    rows = [
        contract(
            contract_id=day, floor=Decimal(0), eligible='{"credits": true}', period_end=datetime.fromisoformat(f"{day}T00Z")
        )
        for day in ("2027-01-01", "2026-12-01")
    ]
    assert {p.ends for p in agreements_of(rows, CREDITED, AS_OF).promotions} == {date(2027, 1, 1)}


def test_each_place_of_the_bill_has_its_own_credits() -> None:
    estate = Estate().charge("i", 10.0).charge("j", 5.0)
    for row in estate.charges:
        if row["ResourceId"] == "j":
            row |= {"BillingAccountId": "free", "SubAccountId": "lab", "EffectiveCost": 0.0, "x_promotional_credit": -5.0}
    rows = estate.rows(PACE_SQL, {"as_of": AS_OF})
    paid = {row["billing_account"]: (row["account"], row["credits"], row["recent"]) for row in rows}
    assert paid["free"] == ("lab", 150, 150)
    assert {credits for _, credits, _ in paid.values()} == {0, 150}
    assert {row["month"] for row in rows} == {450}


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
