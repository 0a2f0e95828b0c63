"""Spot on small estates: who may be interrupted, what interruptions cost, what is missing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.money import cents
from finops.portfolio import Plan
from finops.runner import plans
from finops.spot.interruptions import Checkpoints, overhead, rate_of_share, without_checkpoints, young
from tests.estate import AS_OF, REGION, Estate
from tests.recommenders.test_plan import act_of

MONTH = Decimal(730) / 720
SKU, ON_DEMAND, SPOT_PRICE = "g5.12xlarge", 5.672, 2.2688
LAST = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC)


def plan_of(estate: Estate, *kinds: str) -> Plan:
    (plan,) = plans(estate, AS_OF, kinds=kinds or ("spot",))
    assert plan.failed == ()
    assert plan.current - sum(s.amount for s in plan.steps[1:-1]) == plan.after
    for r in plan.recommendations:
        (row,) = estate.rows(r.finding.evidence.sql)
        assert abs(row["monthly_saving"] - r.alone) <= Decimal("0.01"), r.finding.evidence.sql
    return plan


def said(plan: Plan) -> str:
    if plan.recommendations:
        return "act"
    if plan.unknowns:
        return "unknown " + ", ".join(m.missing for m in plan.unknowns)
    return plan.keeps[0].why if plan.keeps else "nothing"


def market(estate: Estate, band: str | None = "5-10%", *, sku: str = SKU, hours: int = 100, **more: Any) -> Estate:
    """Three zones, an hour a row; `there` says which hours have capacity."""
    there = more.pop("there", lambda hour: True)
    for back in range(hours):
        for zone in more.get("zones", "abc"):
            values = {"provider": "AWS", "region": REGION, "zone": REGION + zone, "sku": sku, "available": there(back)}
            estate.add(
                "spot_market",
                x_source="m",
                timestamp=LAST + timedelta(hours=23 - back),
                interruption_band=band,
                price=more.get("price"),
                **values,
            )
    return estate


def priced(estate: Estate, *, product: str = "vm", sku: str = SKU, spot: float | None = SPOT_PRICE) -> Estate:
    estate.price(product, sku, ON_DEMAND, vcpu=48, memory_gib=192, gpu_count=4)
    return estate if spot is None else estate.price(product, sku, spot, term="spot")


def nightly(hours: float = 5, count: int = 8, nights: int = 30, resource: str = "fleet", **more: Any) -> Estate:
    """A run each night, billed by the hour, that nothing else is known of."""
    charged = more.pop("charged", {})
    estate = Estate().charge(resource, ON_DEMAND * hours * count, quantity=hours * count, x_instance_type=SKU, **charged)
    for back in range(nights):
        start = LAST - timedelta(days=back) + timedelta(hours=1)
        run = {"status": "completed", "spot": False, "billed_s": hours * 3600, "provider": "AWS"} | more.get("run", {})
        if "within_h" in run:
            run["deadline"] = start + timedelta(hours=run.pop("within_h"))
        estate.add(
            "runs", x_source="r", run_id=f"r{back}", resource_id=resource, sku=SKU, count=count,
            started_at=start, ended_at=start + timedelta(hours=hours), **run,
        )  # fmt: skip
    return estate


def fleet(resource: str = "fleet", **properties: Any) -> dict[str, Any]:
    return {"resource": resource, "resource_type": "AWS::EC2::EC2Fleet", "sku": SKU} | properties


SAVED: dict[str, Any] = {"checkpoint_interval_s": 720, "checkpoint_s": 45, "gang": 8}


def expected(share: float, write_s: float, nodes: int, restart_h: float = 0.2) -> float:
    rate = nodes * rate_of_share(share).mean
    checkpoints = Checkpoints(write_s / 3600, restart_h)
    return overhead(min(5.0, young(write_s / 3600, rate)), checkpoints, rate)


def test_a_gang_that_saves_its_state_goes_to_spot() -> None:
    plan = plan_of(market(priced(nightly().resource(**fleet(**SAVED)))))
    (r,) = plan.recommendations
    assert (act_of(r.finding).action.target, r.finding.effort, r.finding.reversible) == ("spot", "medium", True)
    left = SPOT_PRICE / ON_DEMAND * (1 + expected(0.075, 45, 8))
    whole = ON_DEMAND * 40 * 30 * 730 / 720
    assert float(r.saving.effective_monthly.expected) == pytest.approx(whole * (1 - left), rel=1e-6)
    assert r.saving.effective_monthly.low < r.saving.effective_monthly.expected < r.saving.effective_monthly.high
    # τ* = √(2 · 45 s / (8 · λ)): 5.4 h, more than a run of 5 h
    assert "write a checkpoint every 300 minutes" in act_of(r.finding).why
    assert "run-instances" in r.finding.patch or "create-fleet" in r.finding.patch


def test_a_band_of_an_hour_is_of_an_hour() -> None:
    plan = plan_of(market(priced(nightly(hours=20, nights=10).resource(**fleet(**SAVED))), band="0-5%/h"))
    (r,) = plan.recommendations
    best = young(45 / 3600, 8 * rate_of_share(0.025, 1.0).mean) * 60
    assert 5 < best < 30
    assert f"every {best:.0f} minutes" in act_of(r.finding).why
    assert any("an hour" in fact.unit for fact in r.finding.evidence.facts if fact.name == "interruption_band")


def test_the_interval_is_youngs_where_it_is_shorter_than_a_run() -> None:
    plan = plan_of(market(priced(nightly(hours=20, nights=10).resource(**fleet(**SAVED))), band=">20%"))
    (r,) = plan.recommendations
    best = young(45 / 3600, 8 * rate_of_share(0.25).mean) * 60
    assert f"every {best:.0f} minutes" in act_of(r.finding).why
    assert any("τ*" in line for line in r.finding.explanation)


def bursting(every: int, long: int) -> Estate:
    estate = market(priced(nightly().resource(**fleet(gang=8))))
    for minute in range(600):
        value = 4e9 if minute % every < long else 1e5
        estate.add(
            "metrics", x_source="s", resource_id="fleet", timestamp=LAST + timedelta(minutes=minute), period_s=60,
            metric="network_out_bytes", statistic="sum", value=value,
        )  # fmt: skip
    return estate


def test_checkpoints_are_seen_in_periodic_bursts() -> None:
    (r,) = plan_of(bursting(12, 1)).recommendations
    left = SPOT_PRICE / ON_DEMAND * (1 + expected(0.075, 60, 8))
    whole = ON_DEMAND * 40 * 30 * 730 / 720
    assert float(r.saving.effective_monthly.expected) == pytest.approx(whole * (1 - left), rel=1e-6)
    assert "work: bursts of network_out_bytes every 12 minutes" in r.finding.explanation


def test_a_steady_stream_is_no_checkpoint() -> None:
    assert said(plan_of(bursting(1, 1))) == "unknown checkpoint"


@pytest.mark.parametrize(
    ("hours", "nodes", "band", "verdict"),
    [
        (60, 16, "15-20%", "spot costs more: no checkpoint observed, so that all 16 nodes begin anew"),
        (60, 1, "<5%", "unknown checkpoint"),  # it may pay, but nobody has seen that its state is saved
        (1.0, 1, "15-20%", "act"),  # short: it may begin anew
        (1.01, 1, "15-20%", "unknown checkpoint"),
    ],
)
def test_work_without_checkpoints(hours: float, nodes: int, band: str, verdict: str) -> None:
    estate = market(priced(nightly(hours, nodes, nights=3).resource(**fleet(gang=nodes)), spot=0.45 * ON_DEMAND), band)
    assert said(plan_of(estate)).startswith(verdict)


def tuning(**properties: Any) -> Estate:
    estate = Estate().charge("hpo", 2.0, quantity=1.5, x_instance_type="ml.g5.xlarge")
    estate.resource("hpo", "AWS::SageMaker::TuningJob", sku="ml.g5.xlarge", **properties)
    estate.price("training", "ml.g5.xlarge", 1.408).price("training", "ml.g5.xlarge", 0.5632, term="spot")
    return market(estate, sku="g5.xlarge")


def test_trials_lose_at_most_one_trial() -> None:
    (r,) = plan_of(tuning(managed_spot=False, trial_minutes=40)).recommendations
    h = without_checkpoints(40 / 60, rate_of_share(0.075).mean, 0.2) - 1
    assert float(r.saving.effective_monthly.expected) == pytest.approx(60 * 730 / 720 * (1 - 0.4 * (1 + h)), abs=0.01)
    assert r.finding.effort == "low"
    assert "EnableManagedSpotTraining" in r.finding.patch


def test_a_platforms_spot_is_the_same_share_of_its_own_price() -> None:
    """The market asks 0.40 for a machine of 1.00 by the hour, for which the platform takes 1.25."""
    estate = Estate().charge("hpo", 2.0, quantity=1.6, x_instance_type="ml.g5.xlarge")
    estate.resource("hpo", "AWS::SageMaker::TuningJob", sku="ml.g5.xlarge", managed_spot=False, trial_minutes=40)
    estate.price("training", "ml.g5.xlarge", 1.25).price("vm", "g5.xlarge", 1.0, operating_system="Linux")
    estate.price("vm", "g5.xlarge", 1.2, operating_system="Windows")
    (r,) = plan_of(market(estate, sku="g5.xlarge", price=0.4)).recommendations
    h = without_checkpoints(40 / 60, rate_of_share(0.075).mean, 0.2) - 1
    assert float(r.saving.effective_monthly.expected) == pytest.approx(60 * 730 / 720 * (1 - 0.4 * (1 + h)), abs=0.01)


def test_what_runs_on_spot_already_stays() -> None:
    assert said(plan_of(tuning(managed_spot=True, trial_minutes=40))) == "it already runs on spot"


@pytest.mark.parametrize(
    ("properties", "tags", "verdict"),
    [
        ({"stateful": True}, {}, "not for spot: stateful"),
        ({"stateful": True, "quorum": True}, {}, "not for spot: part of a quorum"),
        ({"stateful": False, **SAVED}, {}, "act"),
        ({"license": "byol", **SAVED}, {}, "not for spot: its licence"),
        (SAVED, {"dr": "warm"}, "standby"),
        (SAVED, {}, "act"),
    ],
)
def test_what_may_be_interrupted(properties: dict[str, Any], tags: dict[str, str], verdict: str) -> None:
    estate = market(priced(nightly().resource(**fleet(**properties), tags=tags)))
    assert said(plan_of(estate)).startswith(verdict)


def test_of_a_machine_of_which_nothing_is_known_nothing_is_said() -> None:
    estate = market(priced(nightly(nights=0).resource("fleet", "AWS::EC2::Instance", sku=SKU)))
    assert said(plan_of(estate)) == "nothing"
    estate = market(priced(nightly(nights=0).resource("fleet", "AWS::EC2::Instance", sku=SKU, tags={"workload": "batch"})))
    assert said(plan_of(estate)) == "unknown checkpoint"  # it may be a queue of short items, or one long run


@pytest.mark.parametrize(
    ("spot", "band", "verdict"),
    [
        (None, "5-10%", f"unknown price of spot {SKU} in us-east-1 in USD"),
        (SPOT_PRICE, None, f"unknown interruption_band of {SKU} in us-east-1"),
        (SPOT_PRICE, "often", f"unknown interruption_band of {SKU} in us-east-1"),
    ],
)
def test_what_is_missing_is_unknown(spot: float | None, band: str | None, verdict: str) -> None:
    assert said(plan_of(market(priced(nightly().resource(**fleet(**SAVED)), spot=spot), band))) == verdict


def test_a_market_that_states_its_prices_needs_no_list() -> None:
    estate = market(priced(nightly().resource(**fleet(**SAVED)), spot=None), price=SPOT_PRICE)
    assert said(plan_of(estate)) == "act"


@pytest.mark.parametrize(("one_in", "verdict"), [(4, "spot costs more: it is there in only 25 %"), (3, "act"), (1, "act")])
def test_spot_must_be_there(one_in: int, verdict: str) -> None:
    estate = market(priced(nightly().resource(**fleet(**SAVED))), there=lambda hour: hour % one_in == 0)
    assert said(plan_of(estate)).replace("25%", "25 %").startswith(verdict)


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.9, "act"), (0.95, "spot saves too little"), (1.0, "spot costs more"), (1.3, "spot costs")]
)
def test_spot_must_be_cheaper_after_its_overhead(share: float, verdict: str) -> None:
    estate = market(priced(nightly().resource(**fleet(**SAVED)), spot=share * ON_DEMAND))
    assert said(plan_of(estate)).startswith(verdict)


@pytest.mark.parametrize(("deadline", "verdict"), [(5.3, "its deadline leaves no time"), (12.0, "act")])
def test_a_deadline_needs_slack(deadline: float, verdict: str) -> None:
    estate = market(priced(nightly(run={"within_h": deadline, "work_s": 18_000.0}).resource(**fleet(**SAVED))))
    assert said(plan_of(estate)).startswith(verdict)


def test_work_that_is_stated_as_a_sum_over_nodes_takes_as_long_as_it_took() -> None:
    estate = market(priced(nightly(run={"within_h": 12.0, "work_s": 8 * 18_000.0}).resource(**fleet(**SAVED))))
    assert said(plan_of(estate)) == "act"


def test_of_two_markets_of_a_managed_machine_its_own_counts() -> None:
    estate = market(tuning(managed_spot=False, trial_minutes=40), band=">20%", sku="ml.g5.xlarge")
    (r,) = plan_of(estate).recommendations
    assert "(>20%)" in act_of(r.finding).why


def test_what_a_deadline_forces_on_demand_is_no_saving() -> None:
    def saving(deadline: float) -> Decimal:
        run = {"within_h": deadline, "work_s": 18_000.0}
        estate = market(priced(nightly(run=run).resource(**fleet(**SAVED))), there=lambda hour: hour % 24 < 12)
        (r,) = plan_of(estate).recommendations
        return r.saving.effective_monthly.expected

    assert saving(6.0) < saving(12.0) < saving(40.0)


def test_failures_on_spot_raise_the_rate() -> None:
    def rate(failed: int) -> float:
        estate = market(priced(nightly().resource(**fleet(**SAVED))))
        for i in range(20):
            start = LAST - timedelta(days=i)
            estate.add(
                "runs", x_source="r", run_id=f"s{i}", resource_id="other", sku=SKU, provider="AWS", count=1, spot=True,
                status="failed" if i < failed else "completed", started_at=start, ended_at=start + timedelta(hours=10),
            )  # fmt: skip
        (r,) = plan_of(estate).recommendations
        (value,) = (f.value for f in r.finding.evidence.facts if f.name == "interruptions")
        assert isinstance(value, float)
        return value

    prior = rate_of_share(0.075)
    assert rate(0) == pytest.approx(prior.seen(0, 200).mean, abs=1e-6)
    assert rate(10) == pytest.approx(prior.seen(10, 200).mean, abs=1e-6)


def test_what_a_commitment_covers_strands() -> None:
    covered = {"CommitmentDiscountId": "sp-1", "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed"}
    estate = market(priced(nightly(charged=covered).resource(**fleet(**SAVED))))
    estate.add(
        "commitments", x_source="s", observed_at="2026-10-31 00:00:00+00", commitment_id="sp-1", provider="AWS",
        instrument="savings_plan_compute", scope="{}", term_start="2025-01-01 00:00:00+00", term_end="2027-12-31 00:00:00+00",
    )  # fmt: skip
    assert said(plan_of(estate)).startswith("a commitment covers it")


def test_a_saving_never_exceeds_what_is_paid_and_spot_is_left_to_no_plan() -> None:
    estate = market(priced(nightly(hours=24, count=4).resource(**fleet(**SAVED))))
    estate.price("vm", SKU, ON_DEMAND * 0.6, term="1y", payment="none", instrument="savings_plan_compute")
    plan = plan_of(estate, "spot", "commitments")
    assert [r.finding.kind for r in plan.recommendations] == ["spot"]
    assert all(r.saving.effective_monthly.high <= r.finding.monthly_cost for r in plan.recommendations)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.floats(0.05, 1.5), st.sampled_from(["<5%", "10-15%", ">20%", "90%"]), st.integers(1, 64), st.floats(1, 3600))
def test_nothing_is_recommended_that_saves_nothing(share: float, band: str, nodes: int, write: float) -> None:
    machines = fleet(checkpoint_interval_s=720, checkpoint_s=write, gang=nodes)
    estate = market(priced(nightly(nights=1).resource(**machines), spot=share * ON_DEMAND), band, hours=1)
    plan = plan_of(estate)
    h = expected((0.025, 0.125, 0.25, 0.9)[["<5%", "10-15%", ">20%", "90%"].index(band)], write, nodes)
    if plan.recommendations:
        saving = plan.recommendations[0].saving.effective_monthly
        assert cents(Decimal(0)) <= saving.low <= saving.expected
        assert saving.expected > 0
        assert share < 1
    if share * (1 + h) >= 1 and math.isfinite(h):
        assert not plan.recommendations
