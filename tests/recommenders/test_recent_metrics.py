"""Metrics that end while the resource runs on, unseen, say nothing of it today."""

from __future__ import annotations

import pytest

from finops.runner import plans
from tests.estate import AS_OF, Estate, _day
from tests.recommenders.test_modernize import volume
from tests.recommenders.test_plan import machine, priced, why
from tests.recommenders.test_rightsizing import tenants


def blind(estate: Estate, since: int, *metrics: str) -> Estate:
    """Without what was measured in the last `since` days; of these metrics, else of all."""
    estate._rows["metrics"] = [
        row
        for row in estate._rows["metrics"]
        if row["timestamp"] < _day(since - 1) or (metrics and row["metric"] not in metrics)
    ]
    return estate


def small() -> Estate:
    return machine(priced(), "i-1", 12.0).metric("i-1", "memory_utilization", 30.0, statistic="max")


@pytest.mark.parametrize(
    ("kind", "estate"),
    [
        ("rightsizing", blind(small(), 9)),
        ("rightsizing", blind(small(), 22)),
        ("rightsizing", blind(small(), 22, "memory_utilization")),
        ("modernize", blind(volume("io1", 2000, 2400, 90, provisioned=20_000), 22)),
        ("idle", blind(small(), 22)),
    ],
)
def test_what_runs_on_unseen_is_unknown(kind: str, estate: Estate) -> None:
    (plan,) = plans(estate, AS_OF, kinds=(kind,))
    assert plan.failed == ()
    assert why(plan) == "unknown recent metrics"


def test_metrics_may_come_late() -> None:
    (plan,) = plans(blind(small(), 6), AS_OF, kinds=("rightsizing",))
    (found,) = plan.recommendations
    assert found.finding.evidence.coverage == pytest.approx(24 / 30, abs=0.01)


def test_what_was_off_as_long_as_it_was_unseen_is_judged_by_what_it_did() -> None:
    estate = blind(small(), 12)
    estate.charges[:] = [row for row in estate.charges if row["ChargePeriodStart"] < _day(11)]
    estate.charge("other", 1.0, days=90)
    (plan,) = plans(estate, AS_OF, kinds=("rightsizing",))
    assert not plan.unknowns


def test_an_endpoint_that_is_unseen_or_gone_shares_no_machine() -> None:
    estate = tenants()
    names = sorted({row["resource_id"] for row in estate._rows["resources"]})
    estate._rows["metrics"] = [
        row for row in estate._rows["metrics"] if row["resource_id"] != names[0] or row["timestamp"] < _day(22)
    ]
    estate.charges[:] = [row for row in estate.charges if row["ResourceId"] != names[1] or row["ChargePeriodStart"] < _day(8)]
    (plan,) = plans(estate, AS_OF, kinds=("rightsizing",))
    assert {r.finding.scope.resource for r in plan.recommendations} == set(names[2:])
