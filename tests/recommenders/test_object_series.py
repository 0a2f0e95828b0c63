"""Prefixes that are one of a series (dates, steps): listed as one, judged as one, ruled as one."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from finops.warehouse.staging import VARYING
from tests.recommenders.test_plan import act_of, plan_of
from tests.recommenders.test_storage_tiering import TIB, bucket, rules


def test_a_prefix_for_each_step_is_one_of_a_series() -> None:
    steps = [
        (
            f"ckpt/run-{run}/step-{9 - age:04d}/",
            "STANDARD",
            40 + age,
            41 + age,
            300,
            TIB // 16,
            300 * (age < 3),
            TIB * (age < 3),
        )
        for run in range(3)
        for age in range(9)
    ]
    plan = plan_of(bucket(*steps, cost=60.0), "storage_tiering")
    (act,) = plan.recommendations
    # six of nine steps, of 64 GiB, of each run
    assert act.saving.effective_monthly.expected == Decimal(str(round(3 * 6 * 64 * 0.023, 2)))
    assert act_of(act.finding).action.target == "expire (keep last 3)"
    estate = bucket(
        *steps, ("ckpt/run-0/best/", "STANDARD", 40, 41, 300, TIB, 300, TIB), ("dt=1/", "STANDARD", 1, 2, 1, 1, 1, 1)
    )
    listed = {r["prefix"] for r in estate.rows("select prefix from object_listing(date '2026-10-31')")}
    assert listed == {"ckpt/run-0/step-", "ckpt/run-0/best/", "ckpt/run-1/", "ckpt/run-2/", "dt=1/"}


@pytest.mark.parametrize(
    ("other", "prefixes"),
    [
        ("events/lookup/", {"events/dt=", "events/lookup/"}),
        ("events/dt-late/", {"events/dt=", "events/dt-late/"}),
        ("other/", {"events/", "other/"}),
    ],
)
def test_a_series_beside_other_folders_is_one_by_what_its_names_begin_with(other: str, prefixes: set[str]) -> None:
    """Days of two terabytes, unread after a month: one rule moves them, and what lies beside them stays."""
    days = [
        (f"events/dt=2026-{m:02d}-05/", "STANDARD", a, a + 1, 10**5, 2 * TIB, *((10**5, 2 * TIB) if a < 30 else (0, 0)))
        for m, a in ((10, 26), (9, 56), (8, 87), (7, 118), (6, 148), (5, 179))
    ]
    estate = bucket(*days, (other, "STANDARD", 10, 300, 10**5, 2 * TIB, 10**6, 20 * TIB), cost=400.0)
    assert {r["prefix"] for r in estate.rows("select prefix from object_listing(date '2026-10-31')")} == prefixes
    plan = plan_of(estate, "storage_tiering")
    (series,) = prefixes - {other}
    assert [r.finding.scope.resource for r in plan.recommendations] == [f"b/{series}"]
    assert [rule["Filter"] for rule in rules(plan)] == [{"Prefix": series}]


def test_hashes_and_numbers_beside_others_stay_apart() -> None:
    names = ["x/deadbeefdeadbeef/", "x/deadbeefdeadbee0/", "x/2026-01/", "x/2026-02/", "x/best/"]
    rows = [(name, "STANDARD", 1, 2, 1, 1, 1, 1) for name in names]
    assert {r["prefix"] for r in bucket(*rows).rows("select prefix from object_listing(date '2026-10-31')")} == set(names)


@pytest.mark.parametrize("part", ["dt=1", "2026-01", "step-0001", "0123456789abcdef", "run-01", "best", "v2", "a.b"])
def test_a_series_is_the_same_in_a_listing_as_in_listed_objects(part: str) -> None:
    rows = [(f"x/{part}/{n}/", "STANDARD", 1, 2, 1, 1, 1, 1) for n in "ab"]
    listed = {r["prefix"] for r in bucket(*rows).rows("select prefix from object_listing(date '2026-10-31')")}
    assert (listed == {"x/"}) is bool(re.search(VARYING, part))
