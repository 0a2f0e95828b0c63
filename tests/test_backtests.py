"""The recommenders at past dates on small estates: what came after is charged."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

from finops.backtest.run import backtests
from finops.backtest.summary import Summary
from finops.backtest.verdicts import HORIZON_DAYS, LAG_DAYS, Rule, decision_days
from finops.config import Config
from finops.profile import profile_of_row
from finops.summary.backtest import backtest_text, summary_document
from tests.estate import AS_OF, Estate, _day

MONTH = Decimal(730) / 720


def endpoint(requests: list[float], *, inventories: int = 2, estate: Estate | None = None, name: str = "arn:ep") -> Estate:
    """An endpoint of 72 a day over four months; requests by day, newest first."""
    estate = (estate or Estate()).charge(name, 72.0, days=120)
    for number in range(inventories):
        estate.add(
            "resources",
            x_source="s",
            observed_at=_day(119 - number),
            resource_id=name,
            resource_type="AWS::SageMaker::Endpoint",
            created_at=_day(400),
            tags="{}",
            properties=json.dumps({}),
            provider="AWS",
            account_id="a1",
            region="us-east-1",
        )
    return estate.metric(name, "requests", *requests, statistic="sum", variant="AllTraffic", days=120)


def idle(estate: Estate) -> Summary:
    (summary,) = backtests(estate, Config(), ["idle"])
    return summary


def test_what_was_deleted_and_stayed_unused_saved_all_of_it() -> None:
    summary = idle(endpoint([0.0]))
    assert summary.decisions == 3
    assert summary.worst is not None
    assert summary.baseline_cost == 3 * summary.worst.baseline
    assert abs(summary.worst.baseline - 30 * 72 * MONTH) < Decimal("0.01")
    assert summary.recommended.cost == summary.hindsight_cost == 0
    assert (summary.recommended.captured, summary.win_rate) == (1.0, 1.0)
    assert summary.unmatured == 3
    # a decision is carried out after the lag, and charged with the 30 days after that
    assert summary.last == AS_OF - timedelta(days=HORIZON_DAYS)
    assert summary.horizon_days == 30


def test_use_that_comes_back_is_charged_to_who_deleted() -> None:
    """Silent for two months up to 15 days ago, then used every day."""
    summary = idle(endpoint([50.0] * 15 + [0.0] * 60 + [50.0]))
    assert summary.decisions >= 1
    worst = summary.worst
    assert worst is not None
    assert worst.saved == -worst.baseline
    assert worst.hindsight == worst.baseline
    assert summary.win_rate is not None
    assert summary.win_rate < 1
    assert summary_document(summary)["worst_decision"].startswith("-")


def test_a_machine_in_use_is_no_decision() -> None:
    summary = idle(endpoint([50.0]))
    assert (summary.decisions, summary.unmatured, summary.baseline_cost) == (0, 0, 0)
    assert summary.interval is None
    assert "nothing was advised on any date whose horizon has passed" in summary.notes


def test_what_cannot_be_replayed_is_said() -> None:
    assert any("once only" in note for note in idle(endpoint([0.0], inventories=1)).notes)
    bare = Estate().charge("i-1", 24.0, days=40)
    notes = idle(bare).notes
    assert any("no metrics" in note for note in notes)
    assert any("history is shorter" in note for note in notes)


def test_text_says_the_interval_in_words() -> None:
    summary = idle(endpoint([0.0]))
    text = backtest_text([summary], "table")
    assert "worst case in 20: " in text
    assert "no proof either way: fewer than 5 decisions" in text
    assert json.loads(backtest_text([summary], "json"))["recommended_cost"] == "0.00"


def test_decision_days_end_today_and_never_begin_before_the_history() -> None:
    days = decision_days(AS_OF - timedelta(days=40), AS_OF, 6)
    assert days == [AS_OF - timedelta(days=n) for n in (33, 22, 11, 0)]
    assert decision_days(AS_OF + timedelta(days=1), AS_OF, 6) == []
    assert (LAG_DAYS + HORIZON_DAYS) % 11 == 0


def test_a_rule_acts_below_its_limit_and_on_enough_days() -> None:
    rule = Rule("r", "idle", 0.95, 5.0, 1.0, 14, Decimal(0))
    estate = Estate()
    for name, cpu, network in (("i-quiet", 2.0, 1e5), ("i-busy", 30.0, 1e5), ("i-talks", 2.0, 1e7)):
        estate.charge(name, 24.0).resource(name, "AWS::EC2::Instance").metric(name, "cpu_utilization", cpu)
        estate.metric(name, "network_in_bytes", network, statistic="sum")
    profiles = {
        row["resource_id"]: profile_of_row(row)
        for row in estate.rows("select * from resource_profile($as_of)", {"as_of": AS_OF})
    }
    assert {name for name, profile in profiles.items() if rule.effect(profile) is not None} == {"i-quiet"}


def bucket(*, requests: tuple[float, float]) -> Estate:
    """50 TB of which a tenth is read a month, listed once; a day's billed requests of the last 33 days, and before."""
    made = Estate()
    for back in range(120):
        day = {"ChargePeriodStart": _day(back), "ChargePeriodEnd": _day(back - 1), "ServiceCategory": "Storage"}
        day |= {"x_billing_period": f"{_day(back):%Y-%m}", "BillingPeriodStart": _day(back).replace(day=1)}
        made.charge("b", 38.4, days=1, quantity=1_666.0, **day, PricingUnit="GB-Months", SkuMeter="TimedStorage-ByteHrs")
        count = requests[0] if back < 33 else requests[1]
        made.charge("b", count * 4e-7, days=1, quantity=count, **day, PricingUnit="Requests", SkuMeter="Requests-Tier2")
    for number in range(2):
        made.add(
            "resources",
            x_source="s",
            observed_at=_day(119 - number),
            resource_id="b",
            resource_type="AWS::S3::Bucket",
            created_at=_day(400),
            tags="{}",
            properties="{}",
            provider="AWS",
            account_id="a1",
            region="us-east-1",
        )
    for name, price in (("STANDARD", 0.023), ("GLACIER_IR", 0.004)):
        made.price("object_storage", name, price, "GB-Months")
    for part, price in (("retrieval", 0.03), ("transition", 0.02), ("get", 0.01)):
        made.price("object_storage", f"GLACIER_IR:{part}", price, "GB" if part == "retrieval" else "1000 Requests")
    made.price("object_storage", "STANDARD:get", 0.0004, "1000 Requests")
    return made.add(
        "objects",
        x_source="o",
        bucket="b",
        prefix="",
        storage_class="STANDARD",
        age_days_from=0,
        age_days_to=400,
        object_count=500_000,
        bytes=50_000 * 2**30,
        reads_per_month=50_000,
        read_bytes_per_month=50_000 * 100 * 2**20,
    )


def tiering(estate: Estate) -> Summary:
    (summary,) = backtests(estate, Config(), ["storage_tiering"])
    assert not any(note.startswith("failed") for note in summary.notes), summary.notes
    return summary


def test_a_move_is_charged_with_the_requests_that_came_not_with_the_listing_that_it_stood_on() -> None:
    steady, busy = tiering(bucket(requests=(2000, 2000))), tiering(bucket(requests=(20_000, 2000)))
    assert steady.decisions == busy.decisions == 3
    assert steady.saved > 0
    assert busy.worst is not None
    assert busy.worst.saved < 0  # ten times the reads, in a class that charges for each
    assert busy.hindsight_cost <= busy.baseline_cost
    assert any("objects were listed once" in note for note in steady.notes)


def test_a_move_of_a_bucket_whose_requests_nobody_bills_is_set_aside() -> None:
    summary = tiering(bucket(requests=(0, 0)))
    assert summary.decisions == 0
    assert any("set aside" in note for note in summary.notes)


def test_a_list_in_another_currency_is_converted_as_the_bill_of_each_decision_was() -> None:
    """Four units at 1 USD on a bill in EUR that converts at 0.8 up to forty days ago, and at 1.0 since; one is reserved by the
    month, and the inventory knows its present month only."""
    made = Estate()
    for back in range(200):
        rate = 1.0 if back < 40 else 0.8
        day = {
            "ChargePeriodStart": _day(back),
            "ChargePeriodEnd": _day(back - 1),
            "BillingCurrency": "EUR",
            "PricingCurrency": "USD",
        }
        day |= {
            "x_billing_period": f"{_day(back):%Y-%m}",
            "BillingPeriodStart": _day(back).replace(day=1),
            "x_instance_type": "u",
        }
        day |= {"x_operating_system": "", "PricingCurrencyEffectiveCost": 72.0}
        made.charge("pool", 72.0 * rate, days=1, quantity=72.0, **day)
        held = {"CommitmentDiscountId": "ri", "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed"}
        day |= held | {"PricingCurrencyEffectiveCost": 12.0, "ContractedCost": 24.0 * rate, "ListCost": 24.0 * rate}
        made.charge("pool", 12.0 * rate, days=1, quantity=24.0, **day)
    made.price("unit", "u", 1.0).price("unit", "u", 0.5, term="1m", payment="none", instrument="reservation")
    made.add(
        "commitments",
        observed_at=_day(0),
        commitment_id="ri",
        provider="AWS",
        account_id="a1",
        instrument="reservation",
        scope=json.dumps({"sku": "u"}),
        quantity=1,
        term_start=_day(10),
        term_end=_day(-20),
        currency="EUR",
    )
    (summary,) = backtests(made, Config(), ["commitments"])
    assert summary.decisions >= 1
    assert summary.recommended.cost == summary.hindsight_cost == summary.baseline_cost / 2
