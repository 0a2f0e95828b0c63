"""AI usage: prompt cache, batch tier, provisioned throughput: verdict, target and saving."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.money import cents
from finops.tokens import _listed_as, cache_writes, meter_of, nightly, usage_of_rows
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of, only, plan_of, why

MONTH = Decimal(730) / 720
MIDNIGHT = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC)
PROFILE = "AWS::Bedrock::InferenceProfile"
SELLER: dict[str, Any] = {
    "ProviderName": "Anthropic, PBC",
    "ServiceName": "Claude (Marketplace)",
    "InvoiceIssuerName": "Marketplace",
}
PRICES = {
    "input": 3.0, "output": 15.0, "cache_read": 0.30, "cache_write": 3.75, "input:batch": 1.5, "output:batch": 7.5,
}  # fmt: skip


def tokens(
    estate: Estate, metric: str, by_hour: dict[int, float], *, days: int = 30, resource: str = "ip", **dims: str
) -> Estate:
    """Millions of tokens at hours of each day; hours that are not named have none."""
    for back in range(days):
        for hour, millions in by_hour.items():
            estate.add(
                "metrics", x_source="s", resource_id=resource, timestamp=MIDNIGHT + timedelta(hours=hour, days=-back),
                period_s=3600, metric=f"tokens_{metric}", statistic="sum", value=millions * 1e6,
                dimensions=None if not dims else str(dims).replace("'", '"'),
            )  # fmt: skip
    return estate


def priced(estate: Estate, *without: str) -> Estate:
    for name, price in PRICES.items():
        if name not in without:
            estate.price("tokens", f"claude-sonnet:{name}", price, "Million Tokens")
    return estate


FLAT = dict.fromkeys(range(24), 10.0)


def assistant(
    by_hour: dict[int, float] = FLAT, *, by_account: bool = False, without: tuple[str, ...] = (), **properties: Any
) -> Estate:
    """Input and a tenth of output at 0.9 of list prices, on the lines of a marketplace seller."""
    estate = priced(Estate(), *without)
    properties = {"repeated_prefix_share": 0.71, "prefix_tokens": 9000} | properties
    estate.resource("ip", PROFILE, sku="us.anthropic.claude-sonnet-4", **{k: v for k, v in properties.items() if v is not None})
    tokens(estate, "input", by_hour, model="claude-sonnet")
    tokens(estate, "output", {hour: millions / 10 for hour, millions in by_hour.items()}, model="claude-sonnet")
    daily = sum(by_hour.values())
    for meter, amount, price in (("InputTokenCount", daily, 2.7), ("OutputTokenCount", daily / 10, 13.5)):
        estate.charge(
            "" if by_account else "ip", amount * price, quantity=amount, PricingUnit="Million Tokens", SkuMeter=meter, **SELLER
        )
    if by_account:
        for row in estate.charges:
            row["ResourceId"] = None
    return estate


def cached(share: float = 0.71, written: float = 0.0) -> Decimal:
    """Of 240 million tokens a day at 2.70: the repeated share at a tenth, what is written at 1.25 times its price."""
    return Decimal(240 * 30) * Decimal("2.7") * MONTH * Decimal(share * 0.9 - written * 1.15)


def test_a_repeated_prefix_is_read_from_a_cache() -> None:
    plan = plan_of(assistant(), "ai_usage")
    kind, target, saving = only(plan)
    assert (kind, target) == ("Reconfigure", "prompt cache")
    requests = 10e6 * 0.71 / 9000
    assert saving == pytest.approx(cached(written=0.71 * math.exp(-requests / 12)), abs=Decimal("0.01"))
    assert saving == pytest.approx(cached(), rel=Decimal("0.0001"))  # 789 requests an hour: the cache never lapses


def test_requests_far_apart_pay_for_writing() -> None:
    rare = dict.fromkeys(range(24), 0.127)  # 10 requests an hour
    plan = plan_of(assistant(rare), "ai_usage")
    written = 0.71 * math.exp(-(127_000 * 0.71 / 9000) / 12)
    truth = Decimal(0.127 * 24 * 30 * 2.7) * MONTH * Decimal(0.71 * 0.9 - written * 1.15)
    assert only(plan)[2] == pytest.approx(truth, abs=Decimal("0.02"))


def test_lines_that_name_no_resource_are_the_account() -> None:
    plan = plan_of(assistant(by_account=True), "ai_usage")
    assert only(plan)[2] == pytest.approx(cached(), rel=Decimal("0.0001"))  # the evidence agrees: plan_of asks


@pytest.mark.parametrize(
    ("estate", "verdict"),
    [
        (assistant(repeated_prefix_share=None), "unknown properties repeated_prefix_share"),
        (assistant(prefix_tokens=None), "unknown properties prefix_tokens"),
        (assistant(repeated_prefix_share=0, prefix_tokens=0), "no prefix of its input repeats"),
        (assistant(without=("cache_read",)), "unknown price of claude-sonnet:cache_read in us-east-1 in USD"),
        (assistant(without=("input",)), "unknown price of claude-sonnet:input in us-east-1 in USD"),
        (tokens(assistant(), "cache_read", dict.fromkeys(range(24), 20.0)), "a cache serves 67% of its input already"),
        (assistant(dict.fromkeys(range(24), 0.05), prefix_tokens=35_000), "requests are so far apart"),
    ],
)
def test_a_cache_that_is_on_or_not_worth_it(estate: Estate, verdict: str) -> None:
    assert why(plan_of(estate, "ai_usage")).startswith(verdict)


def with_job(estate: Estate, millions: float = 100.0, hours: tuple[int, ...] = (1, 2), days: int = 30) -> Estate:
    """A job's tokens beside the others', on the same lines."""
    by_hour = dict.fromkeys(hours, millions)
    tokens(estate, "input", by_hour, days=days, model="claude-sonnet", source="nightly")
    amount = millions * len(hours)
    return estate.charge(
        "ip", amount * 2.7, days=days, quantity=amount, PricingUnit="Million Tokens", SkuMeter="InputTokenCount", **SELLER
    )


def test_a_nightly_job_goes_to_the_batch_tier_apart_from_the_cache() -> None:
    plan = plan_of(with_job(assistant(repeated_prefix_share=None)), "ai_usage")
    kind, target, saving = only(plan)
    assert (kind, target) == ("Reconfigure", "batch")
    # 200 of 440 million input tokens a day, at half the price
    assert saving == cents(Decimal(200 * 30) * Decimal("2.7") * MONTH / 2)


def test_both_together_never_exceed_what_is_paid() -> None:
    plan = plan_of(with_job(assistant()), "ai_usage")
    assert [act_of(r.finding).action.target for r in plan.recommendations] == ["prompt cache", "batch"]
    first, second = (r.saving.effective_monthly.expected for r in plan.recommendations)
    assert second < plan.recommendations[1].alone  # of the price that the cache has left
    assert first + second < plan.current


@pytest.mark.parametrize(
    "estate",
    [
        assistant({hour: 10 + 8 * math.sin(hour / 24 * 2 * math.pi) for hour in range(24)}),  # interactive: it rises and falls
        with_job(assistant(), days=9),  # not every day
        with_job(assistant(), hours=tuple(range(8))),  # a third of the day is no nightly job
    ],
)
def test_what_comes_and_goes_is_no_job(estate: Estate) -> None:
    assert [act_of(r.finding).action.target for r in plan_of(estate, "ai_usage").recommendations] == ["prompt cache"]


def test_a_job_without_a_batch_price_is_unknown() -> None:
    plan = plan_of(with_job(assistant(without=("input:batch",))), "ai_usage")
    assert [m.missing for m in plan.unknowns] == ["price of claude-sonnet:input:batch in us-east-1 in USD"]


def provisioned(utilization: float, **more: Any) -> Estate:
    kind = "Microsoft.CognitiveServices/accounts/deployments"
    place: dict[str, Any] = {"provider": "Microsoft Azure", "region": "eastus2"}
    estate = Estate().charge("gpt", 2400.0, quantity=2400, ProviderName="Microsoft Azure", RegionId="eastus2")
    estate.price("tokens", "gpt:input", 2.5, "Million Tokens", **place).price(
        "tokens", "gpt:output", 10.0, "1K Tokens", **place
    )
    estate._rows["prices"][-1]["price"] = 0.01  # of a thousand
    estate.resource("gpt", kind, sku="gpt", ptu=100, ptu_step=50, ptu_minimum=50, **place, **more)
    estate.metric("gpt", "ptu_utilization", utilization, statistic="p99")
    return tokens(tokens(estate, "input", FLAT, resource="gpt"), "output", dict.fromkeys(range(24), 1.0), resource="gpt")


def test_provisioned_throughput_is_compared_with_tokens_and_left_to_its_owner() -> None:
    # 240 million × 2.50 and 24 million × 10.00 a day: 840 against 2,400
    text = why(plan_of(provisioned(60.0), "ai_usage"))
    assert text.startswith(
        "watch: by token it would cost 25,550.00 a month, less than 73,000.00; they break even at 523,810 tokens"
    )
    assert "spills over" not in text
    assert why(plan_of(provisioned(100.0), "ai_usage")).endswith("what spills over is charged by token")


def test_fewer_units_are_priced_with_what_then_spills_over() -> None:
    estate = provisioned(40.0)
    for row in estate._rows["prices"]:
        row["price"] *= 2
    estate._rows["metrics"] = [row for row in estate._rows["metrics"] if row["metric"] != "ptu_utilization"]
    estate.metric("gpt", "ptu_utilization", *[90.0 if back % 10 == 0 else 40.0 for back in range(90)])
    text = why(plan_of(estate, "ai_usage"))
    # 50 of 100 units: half of 73,000; of (9 × 40 + 90) / 10 = 45 % on average 4 are beyond 50 %, by token at 51,100
    found = re.search(r"50 units with ([\d.]+)% of the work by token would cost ([\d,.]+)$", text)
    assert found, text
    assert float(found[1]) == pytest.approx(100 * 4 / 45, rel=0.05)
    assert float(found[2].replace(",", "")) == pytest.approx(36_500 + 51_100 * 4 / 45, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "by_token"),
    [("GlobalProvisionedManaged", "25,550.00"), ("DataZoneProvisionedManaged", "51,100.00"), ("ProvisionedManaged", "")],
)
def test_tokens_cost_what_they_do_where_they_are_processed(kind: str, by_token: str) -> None:
    estate = provisioned(60.0, deployment_type=kind, model="gpt-x", version="2024-08-06")
    for place, times in (("Global", 1), ("DataZone", 2)):
        of = {"provider": "Microsoft Azure", "region": "eastus2", "deployment": place}
        for meter, price in (("input", 2.5), ("output", 10.0)):
            estate.price("tokens", f"gpt-x-2024-08-06:{meter}", price * times, "Million Tokens", **of)
    plan = plan_of(estate, "ai_usage")
    assert f"by token it would cost {by_token}" in why(plan) if by_token else not plan.keeps


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("gpt-5.2-2025-12-11", ""),
        ("gpt-5-codex-2025-09-15", ""),
        ("gpt-5", "gpt-5"),
    ],
)
def test_a_version_of_a_model_is_that_model_and_another_model_is_not(name: str, listed: str) -> None:
    assert _listed_as(name, ("claude-sonnet", "gpt-4.1", "gpt-4.1-mini", "gpt-5")) == listed


@pytest.mark.parametrize(
    ("name", "meter"),
    [
        ("USE1-ClaudeSonnet-input-tokens", "input"),
        ("MP:USE1_CacheReadInputTokenCount-Units", "cache_read"),
        ("MP:USE1_CacheWriteInputTokenCount-Units", "cache_write"),
        ("gpt-4o-prompt-cached", "cache_read"),
        ("Completion tokens", "output"),
        ("Provisioned", ""),
    ],
)
def test_meters_by_name(name: str, meter: str) -> None:
    assert meter_of(name) == meter


TOKENS = st.integers(0, 10**9).map(float)  # counted, so whole


@given(st.lists(TOKENS, min_size=24, max_size=24), st.floats(0.01, 1), st.floats(100, 50_000))
def test_no_more_is_written_than_is_repeated(by_hour: list[float], share: float, prefix: float) -> None:
    written = cache_writes(by_hour, share, prefix, 5.0)
    assert 0 <= written <= sum(by_hour) * share * (1 + 1e-9)


@given(st.lists(st.floats(0, 1e9), min_size=24, max_size=24))
def test_a_job_is_a_part_of_the_tokens(by_hour: list[float]) -> None:
    rows = [{"metric": "tokens_input", "dimensions": None, "hour": h, "tokens": t, "days": 30} for h, t in enumerate(by_hour)]
    job = nightly(usage_of_rows(rows), 6, 20)
    assert job is None or (0 < job.share("input") <= 1 and 1 <= job.hours <= 6)
