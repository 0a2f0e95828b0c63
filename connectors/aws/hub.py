"""Second opinions: what Cost Optimization Hub recommends, Compute Optimizer's and Cost Explorer's findings among it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from connectors.aws.session import Connection
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = (
    "observed_at", "vendor", "recommendation_id", "provider", "account_id", "region", "resource_id", "kind", "action",
    "current_setting", "target_setting", "saving_monthly", "currency", "raw",
)  # fmt: skip
SOURCES = ("ComputeOptimizer", "CostExplorer")


@cache
def actions() -> dict[str, tuple[str, str]]:
    """The hub's action → our kind and action."""
    text = resources.files("connectors.aws").joinpath("data", "hub_actions.csv").read_text("utf-8")
    return {row["action_type"]: (row["kind"], row["action"]) for row in csv.DictReader(text.splitlines())}


def plan(_: Connection, __: Window) -> Sequence[Part]:
    """One list holds the whole organisation."""
    return (Part("recommendations"),)


def fetch(connection: Connection, _: Part, window: Window) -> Iterator[Rows]:
    pages = ("nextToken", "nextToken")
    for page in connection.pages("cost-optimization-hub", "ListRecommendations", token=pages, maxResults=1000):
        yield Rows(COLUMNS, [_row(item, window.end) for item in page["items"]])


def _row(item: Mapping[str, Any], at: datetime) -> tuple[object, ...]:
    kind, action = actions().get(item.get("actionType", ""), (None, item.get("actionType")))
    saving = item.get("estimatedMonthlySavings")
    raw = {
        "recommendation_id": item["recommendationId"],
        "action_type": item.get("actionType"),
        "resource_type": item.get("currentResourceType"),
        "source": item.get("source"),
    }
    return (
        item.get("lastRefreshTimestamp") or at,
        f"AWS {item.get('source', SOURCES[0])}",
        item["recommendationId"],
        "AWS",
        item.get("accountId"),
        item.get("region"),
        item.get("resourceArn") or item.get("resourceId") or None,
        kind,
        action,
        item.get("currentResourceSummary"),
        item.get("recommendedResourceSummary"),
        None if saving is None else Decimal(repr(saving)).quantize(Decimal("1e-12")),
        item.get("currencyCode"),
        json.dumps(raw, sort_keys=True, separators=(",", ":")),
    )


ADVICE = Stream(
    name="advice",
    title="Cost Optimization Hub recommendations",
    table="vendor_recommendations",
    divided="snapshot",
    permissions=("cost-optimization-hub:ListRecommendations",),
    plan=plan,
    fetch=fetch,
    units=tuple(f"AWS {source}" for source in SOURCES),
)
