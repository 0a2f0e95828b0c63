"""What the plan leaves to cover: hours that are taken away, machines that become others, and what was there before."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from finops.commitment.estate import Estate, Term, Touched, after_plan, history_of, terms_of
from finops.commitment.levels import Meter
from finops.pricing import PriceBook
from finops.recommend import Context

AS_OF = date(2026, 10, 31)
TODAY = (AS_OF - date(1970, 1, 1)).days
M5, M7 = (Meter("P", "a", "r", "vm", name, "") for name in ("m5.large", "m7g.large"))
HOURS = np.arange(720)
ALWAYS, NIGHTLY = np.full(720, 4.0), np.where(HOURS % 24 < 6, 8.0, 0.0)


def left(today: np.ndarray, *touched: Touched) -> dict[Meter, np.ndarray]:
    return after_plan({M5: today}, terms_of({M5: today}, touched))


def test_what_is_untouched_stays() -> None:
    assert np.array_equal(left(ALWAYS)[M5], ALWAYS)


def test_what_goes_out_of_every_hour_leaves_the_others_hours() -> None:
    """One of the four machines is deleted; the nightly ones are not."""
    found = left(ALWAYS + NIGHTLY, Touched("i-1", M5, 1.0, 1.0, ()))
    assert np.allclose(found[M5], 3.0 + NIGHTLY)


def test_what_runs_at_night_is_taken_from_the_night() -> None:
    """The nightly machines (2 an hour on average) become half as dear: the floor is what it was."""
    found = left(ALWAYS + NIGHTLY, Touched("i-1", M5, 2.0, 0.0, ((M5, 0.5),)))
    assert np.allclose(found[M5], 4.0 + NIGHTLY / 2)


def test_machines_for_a_part_of_the_hours_are_no_floor_however_many() -> None:
    """Eight machines of six hours are two on average: nothing of them is there in every hour."""
    found = left(NIGHTLY, Touched("fleet", M5, 2.0, 1.0, ()))
    assert M5 not in found


def test_a_resize_moves_the_demand_to_the_other_machine() -> None:
    found = left(ALWAYS, Touched("i-1", M5, 1.0, 1.0, ((M7, 0.8),)))
    assert np.allclose(found[M5], 3.0)
    assert np.allclose(found[M7], 0.8)


def test_a_term_is_never_below_zero() -> None:
    assert Term(M5, M5, constant=-9.0).of(ALWAYS).max() == 0


def past(meter: Meter, level: float, first: int, last: int = 0) -> list[dict[str, Any]]:
    """The row of the days from `first` to `last` before AS_OF, at `level` an hour."""
    names = ("provider", "account_id", "region", "service", "instance_type", "operating_system")
    key = dict(zip(names, (*vars_of(meter),), strict=True))
    starts = [24 * (TODAY - n) for n in range(last, first)][::-1]
    return [key | {"starts": starts, "hours": [24] * len(starts), "listed": [level * 24] * len(starts)}]


def vars_of(meter: Meter) -> tuple[str, ...]:
    return (meter.provider, meter.account, meter.region, meter.service, meter.instance_type, meter.operating_system)


def estate(rows: list[dict[str, Any]], today: dict[Meter, np.ndarray], *touched: Touched, begun: dict[str, int]) -> Estate:
    terms = terms_of(today, touched)
    now = [row | {"listed": row["listed"][-30:]} for row in rows if row["starts"][-1] == 24 * TODAY]
    history = history_of(rows, now, today, touched, begun, AS_OF)
    context = Context(AS_OF, PriceBook(()), None, None, "USD")  # type: ignore[arg-type]
    return Estate(context, terms, after_plan(today, terms), history, {"P": 1.0}, {})


@pytest.mark.parametrize(
    ("age", "before"),
    [(60, 4.0), (600, 3.0)],
    ids=["the deleted machine is the younger", "the deleted machine was always there"],
)
def test_of_what_is_deleted_the_history_goes_too(age: int, before: float) -> None:
    rows = past(M5, 4.0, 365) if age == 600 else past(M5, 4.0, 365, 61) + past(M5, 5.0, 61)
    level = 4.0 if age == 600 else 5.0
    made = estate(rows, {M5: np.full(720, level)}, Touched("i-9", M5, 1.0, 1.0, ()), begun={"i-9": TODAY - age})
    days, _ = made.term([M5], np.array([0.27]), 365, moving=True)
    assert np.allclose(days[:, 0], before)


def test_a_part_of_the_hours_counts_nothing_over_a_term() -> None:
    rows = past(M5, 6.0, 365)
    made = estate(rows, {M5: ALWAYS + NIGHTLY}, begun={})
    days, rates = made.term([M5], np.array([0.27]), 365, moving=True)
    assert np.allclose(days[:, 0], 4.0)
    assert rates.tolist() == [0.27]
