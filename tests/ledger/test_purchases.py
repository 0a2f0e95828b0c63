"""What was bought, for which recommendation, and what it saved: a renewal is measured against what it renews."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.ledger import kept
from finops.ledger.purchases import Bought, matched
from finops.ledger.realised import Covered, Renewed, realised_commitment
from tests.estate import AS_OF, Estate
from tests.ledger.entries import entry

SEEN = date(2026, 9, 5)


def wish(finding_id: str, instrument: str = "reservation", **more: Any) -> Any:
    return entry(finding_id=finding_id, action="Commit", instrument=instrument, provider="AWS", **more)


def began(
    commitment: str, instrument: str = "reservation", *, since: date = date(2026, 9, 21), provider: str = "AWS"
) -> Bought:
    return Bought(commitment, provider, instrument, since)


@pytest.mark.parametrize(
    ("bought", "fits"),
    [
        (began("c"), True),
        (began("c", ""), True),  # no inventory tells: the bill alone has to do
        (began("c", "savings_plan_compute"), False),
        (began("c", provider="Cloud"), False),
        (began("c", since=SEEN), False),
    ],
)
def test_a_purchase_is_what_was_recommended(bought: Bought, fits: bool) -> None:
    assert (matched([(wish("a"), SEEN)], [bought], {}) == {"a": bought}) is fits


def test_a_purchase_is_on_its_own_billing_account() -> None:
    """Of two organisations with the same recommendation, the one that has bought has done it."""
    wanted = [(wish(payer, account_id=payer, alone=Decimal(9)), SEEN) for payer in ("A", "B")]
    of_b = replace(began("c"), payers=frozenset({"B"}))
    assert matched(wanted, [of_b], {}) == {"B": of_b}
    assert matched(wanted[:1], [began("c")], {}) == {"A": began("c")}
    renewal = wish("a", account_id="member", expected=Decimal(0))
    assert matched([(renewal, SEEN)], [of_b], {}) == {"a": of_b}


def test_one_commitment_is_one_purchase() -> None:
    wanted = [(wish("a", alone=Decimal(5)), SEEN), (wish("b", alone=Decimal(9)), SEEN)]
    assert matched(wanted, [began("c")], {}) == {"b": began("c")}
    assert matched(wanted, [began("c"), began("d")], {}) == {"b": began("c"), "a": began("d")}
    assert matched(wanted, [began("c")], {"z": "c"}) == {}
    assert matched(wanted, [began("c")], {"a": "c"}) == {"a": began("c")}


def held(estate: Estate, commitment: str, instrument: str, *, started: int) -> Estate:
    term = {"term_start": AS_OF - timedelta(days=started), "term_end": AS_OF + timedelta(days=365)}
    return estate.add(
        "commitments", x_source="s", observed_at=AS_OF, commitment_id=commitment, provider="AWS", instrument=instrument, **term
    )


def covering(estate: Estate, commitment: str, days: range, cost: float, on_demand: float = 10.0) -> Estate:
    """One machine that the commitment covers on these days back."""
    for back in days:
        day = AS_OF - timedelta(days=back)
        estate.charge("i-1", cost, days=1, CommitmentDiscountId=commitment, CommitmentDiscountStatus="Used")
        estate.charges[-1].update(
            ChargePeriodStart=day, ChargePeriodEnd=day + timedelta(days=1), BilledCost=0.0, ContractedCost=on_demand
        )
        estate.charges[-1]["x_billing_period"] = f"{day:%Y-%m}"
    return estate


def test_what_an_inventory_does_not_list_yet_was_bought_by_nobody_yet() -> None:
    estate = covering(covering(Estate(), "ri-new", range(0, 9), 3.0), "ri-old", range(9, 40), 4.0)
    assert [row.commitment for row in kept.bought(estate, AS_OF - timedelta(days=20), AS_OF)] == ["ri-new"]
    with_inventory = held(covering(Estate(), "ri-new", range(0, 9), 3.0), "ri-old", "reservation", started=300)
    assert kept.bought(with_inventory, AS_OF - timedelta(days=20), AS_OF) == []
    listed = held(with_inventory_of_all(), "ri-new", "reservation", started=8)
    (row,) = kept.bought(listed, AS_OF - timedelta(days=20), AS_OF)
    assert (row.commitment, row.instrument, row.since) == ("ri-new", "reservation", AS_OF - timedelta(days=8))
    assert row.payers == {"payer"}


def with_inventory_of_all() -> Estate:
    return held(covering(Estate(), "ri-new", range(0, 9), 3.0), "ri-old", "reservation", started=300)


NEW, OLD, OTHER = ("ri-new", range(9), 3.0), ("ri-old", range(9, 40), 4.0), ("sp", range(40), 4.0)


@pytest.mark.parametrize(
    ("lines", "renewed"),
    [
        ([NEW, OLD], Renewed(Decimal(10), Decimal(4))),
        ([NEW, OTHER], None),  # what covers it still is no predecessor
        ([NEW, ("ri-old", range(9, 29), 4.0), OTHER], Renewed(Decimal(20) / 3, Decimal(8) / 3)),
        ([NEW], None),
    ],
    ids=["renewal", "beside another", "for two days of three", "anew"],
)
def test_what_a_purchase_took_over(lines: list[tuple[str, range, float]], renewed: Renewed | None) -> None:
    estate = Estate()
    for commitment, days, cost in lines:
        covering(estate, commitment, days, cost)
    bought = wish("a", state="applied", commitment="ri-new", applied_on=AS_OF - timedelta(days=8))
    found = kept.renewals(estate, [bought]).get("ri-new")
    assert (found is None) is (renewed is None)
    if found is not None and renewed is not None:
        assert abs(found.on_demand - renewed.on_demand) < Decimal("1e-9")
        assert abs(found.cost - renewed.cost) < Decimal("1e-9")


def covered(days: int, **more: Decimal) -> list[Covered]:
    return [Covered("c", AS_OF - timedelta(days=n), Decimal(10), Decimal(4), Decimal(0), **more) for n in range(days)]


def purchase(days: int) -> Any:
    return wish("a", state="applied", commitment="c", applied_on=AS_OF - timedelta(days=days - 1))


def test_renewing_the_same_saves_nothing() -> None:
    row = realised_commitment(purchase(20), covered(20), AS_OF, Renewed(Decimal(10), Decimal(4)))
    assert row is not None
    assert (row.saved, row.monthly) == (0, 0)
    half = realised_commitment(purchase(20), covered(20), AS_OF, Renewed(Decimal(5), Decimal(2)))
    assert half is not None
    assert half.saved == 20 * Decimal(3)  # half of it was on demand, at 10 where it now costs 4
    more = realised_commitment(purchase(20), covered(20), AS_OF, Renewed(Decimal(50), Decimal(20)))
    assert more is not None
    assert more.saved == 0  # what ended and was not bought again is nobody's saving


def test_a_fee_of_a_month_is_not_brought_to_a_month() -> None:
    fee = Decimal(120)
    rows = covered(8)
    rows[-1] = Covered("c", rows[-1].day, Decimal(10), Decimal(4), fee, fee)
    row = realised_commitment(purchase(8), rows, AS_OF)
    assert row is not None
    assert row.cash == 80 - fee
    assert row.monthly_cash == (Decimal(10) * 365 / 12 - fee).quantize(Decimal("0.01"))
    daily = [Covered("c", one.day, Decimal(10), Decimal(4), Decimal(4), Decimal(4)) for one in covered(8)]
    paid = realised_commitment(purchase(8), daily, AS_OF)
    assert paid is not None
    assert paid.monthly_cash == (Decimal(6) * 365 / 12).quantize(Decimal("0.01"))
