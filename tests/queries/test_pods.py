"""Pods and what none asked for: by the bill's own amounts where it tells them, else by ratios; together the node, always."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from finops.queries.pods import IDLE, pods
from tests.estate import Estate


def shared(*parts: tuple[str, dict[str, Any]], node: float = 10.0) -> dict[str, float]:
    estate = Estate().charge("i-1", node, days=1)
    for part, element in parts:
        details = json.dumps({"Elements": [element]})
        estate.charge("i-1", 0.0, days=1, AllocatedMethodId="split", AllocatedResourceId=part, AllocatedMethodDetails=details)
    rows = pods(estate, date(2026, 10, 31), date(2026, 10, 31))
    assert sum(row.cost for row in rows) == Decimal(str(node))
    return {row.part: float(row.cost) for row in rows}


def cost(split: float, unused: float | None = None, ratio: float = 0.5) -> dict[str, Any]:
    return {"AllocatedRatio": ratio, "x_SplitCost": split, "x_UnusedCost": unused}


def test_what_no_pod_asked_for_is_idle() -> None:
    assert shared(("a", cost(5, 1.25)), ("b", cost(3, 0.75))) == {"a": 5, "b": 3, IDLE: 2}


def test_vcpus_and_memory_weigh_what_the_bill_says() -> None:
    # ratios of vCPUs and of memory each sum to the whole: only amounts can be added
    rows = [("a", cost(2, ratio=0.9)), ("a", cost(1, ratio=0.1)), ("b", cost(1, ratio=0.1)), ("b", cost(2, ratio=0.9))]
    assert shared(*rows) == {"a": 3, "b": 3, IDLE: 4}


def test_hours_without_pods_are_idle() -> None:
    assert shared(("a", cost(4, 1))) == {"a": 4, IDLE: 6}


def test_amounts_before_discounts_shrink_to_the_node() -> None:
    assert shared(("a", cost(8, 8)), node=8.0) == {"a": 4, IDLE: 4}


@pytest.mark.parametrize(("ratio", "shares"), [(0.25, (2.5, 2.5, 5)), (0.8, (5, 5, 0))])
def test_without_amounts_ratios_tell(ratio: float, shares: tuple[float, ...]) -> None:
    element = {"AllocatedRatio": ratio}
    assert tuple(shared(("a", element), ("b", element)).values()) == pytest.approx(shares)
