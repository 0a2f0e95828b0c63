"""Commitments charged their full term: demand, discounts, rules, dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from finops.backtest.commitments import (
    TERM_DAYS,
    Bought,
    Demand,
    LevelRule,
    demand_of_rows,
    demands_of_rows,
    discounts,
    purchase_days,
    replay,
)
from finops.backtest.verdicts import LAG_DAYS
from finops.model import Commit
from finops.pricing import Price, PriceBook, PriceKey

FIRST = date(2025, 1, 1)
METER = ("Cloud", "r1", "m.large", "Linux")
RULES = (LevelRule("last", "best", (30,)), LevelRule("floor", "always_on", (30,)), LevelRule("lower", "best", (3, 30)))


def price(amount: str, **key: str) -> Price:
    made = PriceKey("Cloud", "r1", "vm", "m.large", operating_system="Linux", license="", tenancy="", deployment="", **key)
    return Price(made, Decimal(amount), "Hours", "USD", datetime(2024, 1, 1, tzinfo=UTC))


BOOK = PriceBook(
    [
        price("1.00", term="on_demand", payment="", instrument=""),
        price("0.70", term="1y", payment="none", instrument="plan"),
    ]
)


def commit(hourly: str) -> Commit:
    return Commit("plan", "1y", "none", Decimal(hourly), "USD/h", f"plan 1y, {hourly} USD/h")


def demand(hourly: np.ndarray, commitment: str = "", **more: Any) -> Demand:
    return Demand(FIRST, {(METER, commitment): hourly}, more.get("kept", {}), more.get("paid", {}))


def test_a_steady_load_bought_whole_is_the_hindsight_optimum() -> None:
    hours = np.full((30 + LAG_DAYS + TERM_DAYS) * 24, 10.0)
    made = replay(Bought(FIRST + timedelta(days=29), "Cloud", "", commit("7")), demand(hours), BOOK, (), RULES, "USD")
    assert made is not None
    assert made.baseline == TERM_DAYS * 24 * 10
    assert made.recommended == made.hindsight == TERM_DAYS * 24 * 7
    assert set(made.vendors.values()) == {made.hindsight}
    assert made.ends == FIRST + timedelta(days=29 + LAG_DAYS + TERM_DAYS)


def test_a_load_that_ends_is_paid_to_the_end_of_the_term() -> None:
    hours = np.full((30 + LAG_DAYS + TERM_DAYS) * 24, 10.0)
    hours[(30 + LAG_DAYS + 73) * 24 :] = 0.0  # a fifth of the term
    made = replay(Bought(FIRST + timedelta(days=29), "Cloud", "", commit("7")), demand(hours), BOOK, (), RULES, "USD")
    assert made is not None
    assert made.baseline == 73 * 24 * 10
    assert made.recommended == TERM_DAYS * 24 * 7
    assert made.saved < 0
    assert made.hindsight == made.baseline


def test_what_a_later_commitment_covered_was_there_to_cover_and_what_was_held_was_not() -> None:
    hours = np.full((30 + LAG_DAYS + TERM_DAYS) * 24, 10.0)
    at = Bought(FIRST + timedelta(days=29), "Cloud", "", commit("7"))
    later = replay(at, demand(hours, "c1"), BOOK, (), RULES, "USD")
    held = replay(at, demand(hours, "c1"), BOOK, ("c1",), RULES, "USD")
    assert later is not None
    assert held is not None
    assert (later.baseline, held.baseline) == (TERM_DAYS * 240, 0)
    assert held.saved == -TERM_DAYS * 24 * 7


def test_what_goes_on_under_its_id_was_held_though_its_present_term_begins_later() -> None:
    hours = np.full((30 + LAG_DAYS + TERM_DAYS) * 24, 10.0)
    known = {"c1": FIRST + timedelta(days=200), "c2": FIRST + timedelta(days=20), "c3": None, "c4": FIRST + timedelta(days=200)}
    assert demand(hours, "c1").held(FIRST + timedelta(days=29), known) == {"c1", "c2", "c3"}
    hours[: 30 * 24] = 0.0
    assert demand(hours, "c1").held(FIRST + timedelta(days=29), known) == {"c2", "c3"}


def test_a_renewal_under_another_id_leaves_nothing_to_cover_and_growth_does() -> None:
    """Of 10 an hour 7 are covered up to the hundredth day, and from then on 9 by what took its place."""
    hours = (30 + LAG_DAYS + TERM_DAYS) * 24
    old, new, rest = np.full(hours, 7.0), np.zeros(hours), np.full(hours, 3.0)
    old[100 * 24 :], new[100 * 24 :], rest[100 * 24 :] = 0.0, 9.0, 1.0
    made = Demand(FIRST, {(METER, "old"): old, (METER, "new"): new, (METER, ""): rest}, {}, {})
    assert np.unique(made.of([METER], ("old",), 30 * 24)) == [3.0]
    assert made.of([METER], (), 30 * 24)[-1] == 10.0


def test_automatic_discounts_make_a_plan_worth_less() -> None:
    at = datetime(2025, 2, 1, tzinfo=UTC)
    hours = np.ones(24)
    assert discounts(demand(hours), commit("1"), "Cloud", BOOK, at)[METER] == pytest.approx(0.3)
    assert discounts(demand(hours, kept={METER: 0.8}), commit("1"), "Cloud", BOOK, at)[METER] == pytest.approx(0.125)
    assert discounts(demand(hours, kept={METER: 0.7}), commit("1"), "Cloud", BOOK, at) == {}


def test_rules_read_their_own_windows() -> None:
    past = np.concatenate([np.full(27 * 24, 10.0), np.full(3 * 24, 4.0)])[:, None]
    levels = {rule.name: rule.level(past, np.array([0.3])) for rule in RULES}
    assert levels == pytest.approx({"last": 7.0, "floor": 2.8, "lower": 2.8})


ROW = {
    "provider": "Cloud",
    "payer": "A",
    "region": "r1",
    "instance_type": "m.large",
    "operating_system": "Linux",
    "commitment_id": "",
    "listed": 60.0,
    "contracted": 48.0,
    "starts": [480_000, 480_024],
    "hours": [24, 24],
    "costs": [24.0, 12.0],
}


def test_daily_rows_spread_over_their_hours() -> None:
    made = demand_of_rows([ROW])
    assert made.series[METER, ""].tolist() == [1.0] * 24 + [0.5] * 24
    assert made.kept[METER] == pytest.approx(0.75)
    assert made.paid["Cloud"] == pytest.approx(0.8)


def test_a_purchase_is_charged_with_the_usage_of_its_billing_account() -> None:
    rows = [ROW, ROW | {"payer": "B", "costs": [48.0, 48.0]}, ROW | {"payer": "", "costs": [72.0, 72.0]}]
    made = demands_of_rows(rows, ["", "A", "B", "unknown"])
    assert {payer: demand.series[METER, ""][0] for payer, demand in made.items()} == {
        "": 6.0,
        "A": 1.0,
        "B": 2.0,
        "unknown": 3.0,
    }
    one, other = (Bought(FIRST, "Cloud", payer, replace(commit("1"), payer=payer)) for payer in ("A", "B"))
    assert (one.is_beside(one), one.is_beside(other)) == (True, False)


def test_decision_dates_end_their_terms_or_wait() -> None:
    last = FIRST + timedelta(days=547)
    days = purchase_days(FIRST, last)
    ripe = [day for day in days if day + timedelta(days=LAG_DAYS + TERM_DAYS) <= last]
    assert len(ripe) == 6
    assert days[-1] == last
    assert days == sorted(set(days))
    assert all(day >= FIRST + timedelta(days=29) for day in days)
    assert purchase_days(FIRST, FIRST + timedelta(days=10)) == []


LOCKED = PriceBook(
    [
        price("1.00", term="on_demand", payment="", instrument=""),
        price("0.70", term="1y", payment="none", instrument="plan"),
        price("0.50", term="1m", payment="none", instrument="reservation"),
    ]
)
MONTH = 30


def reserve(count: str, *covers: tuple[str, str, str]) -> Commit:
    return Commit("reservation", "1m", "none", Decimal(count), "m.large", f"reservation 1m m.large {count}", covers=covers)


def test_machines_are_charged_whole_and_for_their_own_term() -> None:
    hours = np.full((30 + LAG_DAYS + TERM_DAYS) * 24, 2.5)
    made = replay(
        Bought(FIRST + timedelta(days=29), "Cloud", "", reserve("3", METER[1:])), demand(hours), LOCKED, (), RULES, "USD"
    )
    assert made is not None
    assert made.ends == FIRST + timedelta(days=29 + LAG_DAYS + MONTH)
    assert made.baseline == MONTH * 24 * Decimal("2.5")
    assert made.recommended == MONTH * 24 * Decimal("1.5")  # the third is used to a half and costs a half
    assert made.hindsight == MONTH * 24 * Decimal("1.5")


def test_a_lock_for_another_machine_covers_nothing_of_this_one() -> None:
    hours = np.full((30 + LAG_DAYS + TERM_DAYS) * 24, 2.0)
    at = Bought(FIRST + timedelta(days=29), "Cloud", "", reserve("2", ("r1", "m.xlarge", "Linux")))
    assert replay(at, demand(hours), LOCKED, (), RULES, "USD") is None


def test_a_plan_beside_a_lock_has_what_the_lock_leaves() -> None:
    hours = np.full((30 + LAG_DAYS + TERM_DAYS) * 24, 3.0)
    day = FIRST + timedelta(days=29)
    lock, plan = Bought(day, "Cloud", "", reserve("2", METER[1:])), Bought(day, "Cloud", "", commit("0.7"))
    made = replay(plan, demand(hours), LOCKED, (), RULES, "USD", [lock])
    assert made is not None
    assert made.baseline == TERM_DAYS * 24
    assert made.recommended == made.hindsight == Decimal("0.7") * TERM_DAYS * 24
