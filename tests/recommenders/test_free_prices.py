"""Prices of nothing, which lists have (previews, included capacity): no saving, and no reason to stop for all others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from finops.commitment.levels import Meter
from finops.commitment.offers import offers
from finops.pricing import Price, PriceBook, PriceKey
from tests.estate import Estate
from tests.recommenders.test_ai_usage import FLAT, PRICES, assistant, tokens
from tests.recommenders.test_plan import plan_of


@pytest.mark.parametrize("hours", [FLAT, {2: 100.0}], ids=["all day: cache", "a nightly job: batch"])
def test_input_that_costs_nothing_saves_nothing(hours: dict[int, float]) -> None:
    estate = assistant(hours, without=tuple(PRICES), repeated_prefix_share=0.7, prefix_tokens=9000)
    for name in PRICES:
        estate.price("tokens", f"claude-sonnet:{name}", 0.0, "Million Tokens")
    plan = plan_of(estate, "ai_usage")
    assert (plan.failed, plan.recommendations) == ((), ())


def test_tokens_that_cost_nothing_are_no_other_way_of_paying() -> None:
    estate = Estate().charge("gpt", 100.0).price("tokens", "m:input", 0.0, "Million Tokens")
    estate.resource("gpt", "Microsoft.CognitiveServices/accounts/deployments", ptu=100, model="m")
    plan = plan_of(tokens(estate, "input", FLAT, resource="gpt"), "ai_usage")
    assert (plan.failed, plan.keeps) == ((), ())


def test_what_costs_nothing_on_demand_is_nothing_to_commit_to() -> None:
    usual = Price(PriceKey("AWS", "r1", "vm", "x"), Decimal(0), "Hours", "USD", datetime(2025, 1, 1, tzinfo=UTC))
    sold = replace(usual, key=replace(usual.key, term="1y", payment="none", instrument="reservation"))
    used = Meter("AWS", "1", "r1", "EC2", "x", "")
    book = PriceBook([usual, sold])
    assert offers([sold], {used: 1.0}, book, usual.effective_from, longest=8760, capital=0.0) == []
