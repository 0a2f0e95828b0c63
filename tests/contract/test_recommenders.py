"""What every recommender keeps to, whoever wrote it: found by name, one suite for all."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

import pytest
import sqlglot
from annotated_types import BaseMetadata
from pydantic.fields import FieldInfo
from sqlglot import exp

from finops import plugins
from finops.errors import ConfigError
from finops.model import KINDS, Finding
from finops.portfolio import Plan
from finops.recommend import Context, PortfolioRecommender, Recommender, Row
from finops.runner import plans, recommenders
from recommenders.idle import Idle
from tests.estate import AS_OF, Estate

FOUND = sorted(plugins.recommenders().items())
EVERY = pytest.mark.parametrize(("kind", "recommender"), FOUND, ids=[kind for kind, _ in FOUND])
READABLE = {
    "resource_daily",
    "resource_profile",
    "demand_hourly",
    "demand_placed",
    "bill_month",
    "commitment_spans",
    "resource_end",
    "metric_daily",
    "metric_samples",
    "spend_monthly",
    "object_listing",
} | {
    "resources",
    "tag_sets",  # by their content: what tags stand for has no day
    "prices",
    "commitments",
    "spot_market",
    "runs",
}
CLOCKS = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.CurrentDatetime)
CLOCK_NAMES = {"now", "today", "get_current_timestamp", "transaction_timestamp", "current_localtimestamp", "random", "uuid"}


def thresholds(recommender: type) -> dict[str, tuple[object, FieldInfo]]:
    hints = typing.get_type_hints(recommender, include_extras=True)
    return {
        field.name: (typing.get_args(hints[field.name])[0], typing.get_args(hints[field.name])[1])
        for field in dataclasses.fields(recommender)
    }


def unused() -> Estate:
    """Something for everyone: an idle endpoint, a large machine, a cold bucket, steady usage."""
    made = Estate().charge("arn:ep", 72.0).resource("arn:ep", "AWS::SageMaker::Endpoint")
    made.metric("arn:ep", "requests", 0.0, statistic="sum")
    for sku, price, size in (("m5.4xlarge", 0.768, 16), ("m5.2xlarge", 0.384, 8)):
        made.price("vm", sku, price, vcpu=size, memory_gib=4 * size, architecture="x86_64")
        made.price("vm", sku, price * 0.7, term="1y", payment="none", instrument="savings_plan_compute")
    made.charge("i-1", 18.4, x_instance_type="m5.4xlarge").resource("i-1", "AWS::EC2::Instance", sku="m5.4xlarge")
    made.metric("i-1", "cpu_utilization", 12.0).metric("i-1", "memory_utilization", 20.0, statistic="max")
    made.charge("b", 100.0, ServiceCategory="Storage", PricingUnit="Requests", SkuMeter="s").resource("b", "AWS::S3::Bucket")
    for name, price in (("STANDARD", 0.023), ("GLACIER_IR", 0.004), ("GLACIER_IR:retrieval", 0.03)):
        made.price("object_storage", name, price, "GB").price("object_storage", f"{name}:transition", 0.02, "1000 Requests")
    made.price("disk", "gp2", 0.10, "GB-Months").price("disk", "gp3", 0.08, "GB-Months")
    made.charge("vol", 0.4, quantity=4, PricingUnit="GB-Months", SkuMeter="gp2")
    made.resource("vol", "AWS::EC2::Volume", sku="gp2", size_gib=120, state="in-use", attached_to="i-1")
    made.charge("nat", 9.0, quantity=200, PricingUnit="GB", SkuMeter="NatGateway-Bytes").resource("nat", "AWS::EC2::NatGateway")
    made.metric("nat", "network_in_bytes", 2e11, statistic="sum", source="s3")
    made.charge("hpo", 48.0, x_instance_type="ml.g5.xlarge")
    made.resource("hpo", "AWS::SageMaker::TuningJob", sku="ml.g5.xlarge", managed_spot=False, trial_minutes=40)
    made.price("training", "ml.g5.xlarge", 1.408).price("training", "ml.g5.xlarge", 0.5632, term="spot")
    made.add(
        "spot_market",
        x_source="m",
        provider="AWS",
        region="us-east-1",
        zone="us-east-1a",
        sku="ml.g5.xlarge",
        timestamp=f"{AS_OF} 12:00:00+00",
        available=True,
        interruption_band="5-10%",
    )
    made.charge("rs", 26.0, x_instance_type="ra3.xlplus").resource("rs", "AWS::Redshift::Cluster", sku="ra3.xlplus")
    made.metric("rs", "queries", 5.0, statistic="sum")
    of_machine_learning(made)
    made.charge("jobs", 48.0).resource("jobs", "AWS::Batch::ComputeEnvironment", min_nodes=1, boot_minutes=5)
    for back in range(14 * 24):
        hour = datetime.combine(AS_OF, time(23), UTC) - timedelta(hours=back)
        job = {"x_source": "s", "resource_id": "jobs", "metric": "jobs_running", "statistic": "max", "period_s": 3600}
        made.add("metrics", timestamp=hour, value=0.0, **job)
    band = {"age_days_from": 120, "age_days_to": None, "object_count": 1000, "bytes": 1e14, "read_bytes_per_month": 0.0}
    return made.add("objects", bucket="b", prefix="", storage_class="STANDARD", **band)


def of_machine_learning(made: Estate) -> None:
    """Failed runs, and tokens without a cache."""
    for number in range(3):
        start = datetime(2026, 10, 5 + number, tzinfo=UTC)
        made.add(
            "runs", run_id=f"r{number}", resource_id="i-1", sku="m5.4xlarge", status="failed", started_at=start, billed_s=32400
        )
    made.charge("ip", 300.0, quantity=100, PricingUnit="Million Tokens", SkuMeter="input-tokens")
    made.resource("ip", "AWS::Bedrock::InferenceProfile", sku="m", repeated_prefix_share=0.7, prefix_tokens=900)
    made.metric("ip", "tokens_input", 1e8, statistic="sum")
    for name, price in (("input", 3.0), ("cache_read", 0.3), ("cache_write", 3.75)):
        made.price("tokens", f"m:{name}", price, "Million Tokens")


def plan_of(estate: Estate, *kinds: str) -> Plan:
    (plan,) = plans(estate, AS_OF, kinds=kinds)
    return plan


def said(plan: Plan) -> list[object]:
    acts = [(r.finding.id, r.saving, r.alone, r.rank, r.finding.evidence.sql) for r in plan.recommendations]
    return [plan.steps, acts, [(k.finding.id, k.why) for k in plan.keeps], plan.unknowns, plan.failed]


@EVERY
def test_it_has_a_title_and_one_of_the_two_protocols(kind: str, recommender: type) -> None:
    assert kind in KINDS
    title = (recommender.__doc__ or "").splitlines()[0]
    assert title.endswith(".")
    assert (importlib.import_module(recommender.__module__).__doc__ or "").splitlines()[0].endswith(".")
    made = recommender()
    assert isinstance(made, Recommender) != isinstance(made, PortfolioRecommender)
    assert vars(recommender)["__dataclass_params__"].frozen


@EVERY
def test_every_threshold_is_described_and_bounded(kind: str, recommender: type) -> None:
    for name, (of, field) in thresholds(recommender).items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert of is bool or any(isinstance(m, BaseMetadata) or hasattr(m, "pattern") for m in field.metadata), name


@EVERY
def test_candidates_read_marts_as_of_a_day_and_no_clock(kind: str, recommender: Any) -> None:
    (statement,) = sqlglot.parse(recommender.candidates, dialect="duckdb")
    assert isinstance(statement, exp.Query)
    own = {cte.alias for cte in statement.find_all(exp.CTE)}
    read = {t.name if t.name else t.this.name for t in statement.find_all(exp.Table)} - own
    assert read
    assert read <= READABLE
    assert "$as_of" in recommender.candidates
    assert not list(statement.find_all(*CLOCKS))
    assert not {f.name.lower() for f in statement.find_all(exp.Anonymous)} & CLOCK_NAMES


@EVERY
def test_nothing_is_said_of_nothing(kind: str, recommender: type) -> None:
    plan = plan_of(Estate().charge("tax", 1.0, ChargeCategory="Tax", ResourceId=None), kind)
    assert said(plan)[1:] == [[], [], (), ()]


@EVERY
def test_the_same_bill_gives_the_same_plan_in_any_order_of_rows(kind: str, recommender: type) -> None:
    estate = unused()
    first = said(plan_of(estate, kind))
    assert first[1]
    assert said(plan_of(estate, kind)) == first
    assert said(plan_of(estate.reversed(), kind)) == first


@EVERY
def test_a_saving_is_at_most_what_is_paid(kind: str, recommender: type) -> None:
    plan = plan_of(unused(), kind)
    for r in plan.recommendations:
        saving = r.saving.effective_monthly
        assert saving.low <= saving.expected <= saving.high
        assert 0 < saving.expected <= r.finding.monthly_cost
        assert r.finding.evidence.sql.startswith(("with", "select"))


@pytest.mark.parametrize("kind", ["rightsizing", "storage_tiering", "commitments", "spot"])
@pytest.mark.parametrize("change", [{}, {"currency": "EUR"}], ids=["no price", "another currency's price"])
def test_a_price_that_is_missing_is_unknown(kind: str, change: dict[str, str]) -> None:
    plan = plan_of(unused().repriced(**change), kind)
    assert plan.recommendations == ()
    assert any(m.missing.startswith("price of") for m in plan.unknowns)
    priced = [m.missing for m in plan.unknowns if change and m.missing.startswith("price of")]
    assert all("EUR" not in missing and "in USD" in missing for missing in priced)


@dataclass(frozen=True, slots=True)
class Crashes:
    """Crashes: half-way through."""

    kind: ClassVar[str] = "network"
    candidates: ClassVar[str] = "select * from resource_profile($as_of) order by resource_id"

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        raise ZeroDivisionError(candidate["resource_id"])
        yield


def test_one_that_crashes_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = dict(FOUND) | {"network": Crashes}
    monkeypatch.setattr(plugins, "recommenders", lambda: found)
    plan = plan_of(unused())
    assert [(f.kind, f.error) for f in plan.failed] == [("network", "ZeroDivisionError: arn:ep")]
    assert {"idle", "rightsizing", "storage_tiering"} <= {r.finding.kind for r in plan.recommendations}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"idle": {"idle_days": "often"}}, "recommenders.idle.idle_days"),
        ({"idle": {"idle_days": 1}}, "recommenders.idle.idle_days"),
        ({"idle": {"idel_days": 14}}, "recommenders.idle.idel_days"),
        ({"commitments": {"term": "2y"}}, "recommenders.commitments.term"),
        ({"idel": {}}, "`idel`"),
    ],
)
def test_a_wrong_threshold_is_refused_by_name(settings: dict[str, dict[str, object]], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        recommenders(settings)


def test_bounds_themselves_are_allowed() -> None:
    made = recommenders({"idle": {"idle_days": 7}})["idle"]
    assert isinstance(made, Idle)
    assert made.idle_days == 7
