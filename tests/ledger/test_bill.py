"""What the bill shows after an action, and what of it was saved: never twice, never by a price cut, never provisional."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.ledger.bill import before, seen_on_bill
from finops.ledger.entries import Entry
from finops.ledger.realised import Covered, realised, realised_commitment
from finops.model import Change, Effect
from tests.ledger.entries import DAY, entry, used

SETTLED = DAY + timedelta(days=30)


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def resize(**more: Any) -> Entry:
    """Half the price an hour: 5 of 10 a day."""
    values: dict[str, Any] = {"action": "Resize", "action_to": "m7g.large", "alone": Decimal("152.08"), "kind": "modernize"}
    values |= {"effect": Effect((Change(Decimal("0.5"), "Hours", sku="m7g.large"),))}
    return entry(**(values | more))


def test_a_deletion_shows_once_three_settled_days_cost_nothing() -> None:
    lines = used(range(-29, 11), "10")
    seen = seen_on_bill(lines, entry(), DAY, on(13), is_planned=False)
    assert seen is not None
    assert (seen.since, seen.how) == (on(11), f"not billed since {on(11)}")
    assert seen_on_bill(lines, entry(), DAY, on(12), is_planned=False) is None


def test_a_deletion_that_leaves_something_is_none() -> None:
    lines = [*used(range(-29, 11), "10"), *used(range(11, 31), "1")]
    assert seen_on_bill(lines, entry(), DAY, SETTLED, is_planned=False) is None


def test_what_the_plan_still_holds_is_done_only_where_nothing_is_billed() -> None:
    scaled = entry(action="Scale", action_to="1", alone=Decimal("152.08"), effect=Effect((Change(Decimal("0.5")),)))
    halved = [*used(range(-29, 11), "10"), *used(range(11, 31), "5", quantity="12")]
    assert seen_on_bill(halved, scaled, DAY, SETTLED, is_planned=False) is not None
    assert seen_on_bill(halved, scaled, DAY, SETTLED, is_planned=True) is None
    assert seen_on_bill(used(range(-29, 11), "10"), entry(), DAY, SETTLED, is_planned=True) is not None


def test_a_resize_shows_by_its_machine_and_not_by_a_lower_price() -> None:
    old = used(range(-29, 11), "10")
    cheaper = used(range(11, 31), "5")
    assert seen_on_bill([*old, *cheaper], resize(), DAY, SETTLED, is_planned=False) is None
    other = used(range(11, 31), "5", meter="m7g", instance_type="m7g.large")
    seen = seen_on_bill([*old, *other], resize(), DAY, SETTLED, is_planned=False)
    assert seen is not None
    assert seen.how == f"runs as m7g.large since {on(11)}"


def test_a_resize_is_not_seen_in_fewer_hours() -> None:
    lines = [*used(range(-29, 11), "10"), *used(range(11, 31), "2.5", quantity="6")]
    assert seen_on_bill(lines, resize(), DAY, SETTLED, is_planned=False) is None


def test_a_commitment_bought_since_is_no_resize() -> None:
    covered = used(range(11, 31), "5", commitment="sp-1", on_demand=Decimal(10))
    assert seen_on_bill([*used(range(-29, 11), "10"), *covered], resize(), DAY, SETTLED, is_planned=False) is None


def test_little_less_use_proves_nothing() -> None:
    little = entry(action="Scale", alone=Decimal("15.00"), effect=Effect((Change(Decimal("0.95")),)))
    lines = [*used(range(-29, 11), "10"), *used(range(11, 31), "9.7")]
    assert seen_on_bill(lines, little, DAY, SETTLED, is_planned=False) is None


def test_a_resize_is_measured_at_todays_hours() -> None:
    lines = [*used(range(-19, 11), "10"), *used(range(11, 31), "10", quantity="48", meter="m7g", instance_type="m7g.large")]
    applied = resize(state="applied", applied_on=on(11))
    (row,) = realised([applied], {"vm-1": lines}, {}, SETTLED)
    # twice the hours: 20 a day at the old price, 10 at the new
    assert (row.days, row.expected, row.actual, row.saved) == (20, Decimal("400.00"), Decimal("200.00"), Decimal("200.00"))
    assert row.monthly == Decimal("304.17")
    assert row.measured == "old cost a unit at today's Hours"


def test_a_deletion_is_measured_at_the_usage_before_less_what_it_adds() -> None:
    snapshot = Effect((Change(Decimal(0)),), adds=Decimal("30.42"))
    applied = entry(state="applied", applied_on=on(11), effect=snapshot)
    (row,) = realised([applied], {"vm-1": used(range(-19, 11), "10")}, {}, SETTLED)
    assert row.saved == Decimal("180.00")  # 20 days × (10 − 1)


def test_a_day_of_february_is_a_28th_of_a_months_meter() -> None:
    """100 a month of gigabytes and 1 an hour: 3.57 and 24 a day in February, 3.23 and 24 in January and March."""
    start, applied_on = date(2027, 1, 1), date(2027, 3, 1)
    lines = []
    for n in range(59):
        day = start + timedelta(days=n)
        months = Decimal(100) / monthrange(day.year, day.month)[1]
        lines += used([(day - DAY).days], str(months), unit="GB-Months", meter="disk")
        lines += used([(day - DAY).days], "24", meter="vm")
    applied = entry(state="applied", applied_on=applied_on, alone=Decimal(830))
    (row,) = realised([applied], {"vm-1": lines}, {}, date(2027, 3, 20))
    assert row.monthly == Decimal("830.00")
    assert row.saved == Decimal("544.52")  # 20 × 24 + 20/31 × 100
    deleted = entry(alone=Decimal(830))
    assert seen_on_bill(lines, deleted, date(2027, 2, 28), date(2027, 3, 20), is_planned=False) is not None


def test_a_fee_charged_once_is_a_months_as_it_is() -> None:
    fee = used([-10], "60", unit="Units/Month", meter="fee")
    (row,) = realised([entry(state="applied", applied_on=on(11))], {"vm-1": [*fee, *used(range(-19, 11), "10")]}, {}, SETTLED)
    assert row.monthly == Decimal("364.17")  # 60 and 10 × 365/12


def test_covered_usage_saves_no_cash_and_what_lies_unused_is_stranded() -> None:
    lines = used(range(-19, 11), "6", commitment="sp-1", billed=Decimal(0), on_demand=Decimal(10))
    applied = entry(state="applied", applied_on=on(11))
    idle = {"sp-1": {on(n): Decimal(4) for n in range(11, 31)}}
    (row,) = realised([applied], {"vm-1": lines}, idle, SETTLED)
    assert (row.expected, row.stranded, row.saved, row.cash) == tuple(map(Decimal, ("120.00", "80.00", "40.00", "0.00")))


def test_what_two_deletions_strand_is_counted_once() -> None:
    lines = {key: used(range(-19, 11), "6", key=key, commitment="sp-1") for key in ("vm-1", "vm-2")}
    both = [entry(finding_id=key, billed_as=key, state="applied", applied_on=on(11)) for key in lines]
    rows = realised(both, lines, {"sp-1": {on(n): Decimal(4) for n in range(11, 31)}}, SETTLED)
    assert sum(row.stranded for row in rows) == Decimal("80.00")


def test_a_commitment_bought_since_takes_nothing_from_a_resize() -> None:
    after = used(range(11, 31), "3", meter="m7g", instance_type="m7g.large", commitment="sp-1", on_demand=Decimal(5))
    applied = resize(state="applied", applied_on=on(11))
    (row,) = realised([applied], {"vm-1": [*used(range(-19, 11), "10"), *after]}, {}, SETTLED)
    assert row.saved == Decimal("100.00")  # 20 × (10 − 5 on demand); the rest is the commitment's


@given(
    first=st.integers(2, 20),
    second=st.integers(2, 20),
    promised=st.tuples(st.integers(0, 500), st.integers(0, 500)),
    after=st.decimals("0", "12", places=2),
    by_unit=st.tuples(st.booleans(), st.booleans()),
)
def test_one_resource_saves_once(
    first: int, second: int, promised: tuple[int, int], after: Decimal, by_unit: tuple[bool, bool]
) -> None:
    """Whatever two actions changed it: their shares are together what it costs less, never more than it cost."""
    start = min(first, second)
    lines = [*used(range(start - 30, start), "10"), *used(range(start, 31), str(after))]
    applied = [
        (resize if unit else entry)(finding_id=f"f{n}", alone=Decimal(amount), state="applied", applied_on=on(day))
        for n, (day, amount, unit) in enumerate(zip((first, second), promised, by_unit, strict=True))
    ]
    rows = realised(applied, {"vm-1": lines}, {}, SETTLED)
    days = 31 - start
    assert abs(sum(row.saved for row in rows) - days * (10 - after)) <= Decimal("0.02")
    assert sum(row.saved for row in rows) <= days * 10


def test_lines_of_others_change_nothing() -> None:
    two_meters = [*used(range(-29, 1), "10"), *used(range(-29, 31), "1", meter="root", unit="GB-Months")]
    stop = entry(action="Stop", effect=Effect((Change(Decimal(0), unit="Hours"),)), state="applied", applied_on=on(1))
    (row,) = realised([stop], {"vm-1": two_meters}, {}, SETTLED)
    assert row.saved == Decimal("300.00")


def test_without_a_bill_before_nothing_is_claimed() -> None:
    assert before([], [entry()], DAY) is None
    assert realised([entry(state="applied", applied_on=on(11))], {}, {}, SETTLED) == []


@pytest.mark.parametrize("fee", ["2.00", "7.00"])
def test_a_commitment_saves_what_it_covers_less_all_that_it_costs(fee: str) -> None:
    bought = entry(action="Commit", state="applied", commitment="sp-1", applied_on=on(21), billed_as="")
    rows = [Covered("sp-1", on(n), Decimal(10), Decimal(fee) + 1, Decimal(fee)) for n in range(21, 31)]
    row = realised_commitment(bought, rows, SETTLED)
    assert row is not None
    assert (row.days, row.saved) == (10, 10 * (9 - Decimal(fee)))
    assert row.cash == 10 * (10 - Decimal(fee))
