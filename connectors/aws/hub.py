"""Second opinions: what Cost Optimization Hub recommends, Compute Optimizer's and Cost Explorer's findings among it.

Where the account is not enrolled in it, those two are asked themselves (`optimizer.py`, `explorer.py`). One finding has one
source: the three streams ask the same question before they plan, and those whose turn it is not have no parts, which
empties what they held. Where the question is denied, the findings decide: a hub that gives some is the source, and one that
may not be read keeps nobody else from giving theirs (docs/decisions/0171), which then stand in the place of its earlier ones.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from connectors.aws.failures import DeniedError
from connectors.aws.session import Connection
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = (
    "observed_at", "vendor", "recommendation_id", "provider", "account_id", "region", "resource_id", "kind", "action",
    "current_setting", "target_setting", "saving_monthly", "currency", "raw",
)  # fmt: skip
SOURCES = ("ComputeOptimizer", "CostExplorer")
TOKENS = ("nextToken", "nextToken")
ENROLLED = "cost-optimization-hub:ListEnrollmentStatuses"


@cache
def actions() -> dict[str, tuple[str, str]]:
    """The hub's action → our kind and action."""
    text = resources.files("connectors.aws").joinpath("data", "hub_actions.csv").read_text("utf-8")
    return {row["action_type"]: (row["kind"], row["action"]) for row in csv.DictReader(text.splitlines())}


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the hub is the one source. `refused`: what is denied, where nothing says so (then it is taken not to be)."""

    is_hub: bool
    refused: DeniedError | None = None


def standing(connection: Connection) -> Standing:
    """As `advice_from` says, else where the hub calls the account enrolled; where it does not tell, where it has findings."""
    if connection.settings.advice_from:
        return Standing(connection.settings.advice_from == "hub")
    known: Standing = connection.once("hub", lambda: _standing(connection))
    return known


def is_hub(connection: Connection) -> bool:
    """Whether the hub is the one source."""
    return standing(connection).is_hub


def _standing(connection: Connection) -> Standing:
    """The account's own enrolment: of an organisation the hub names the members only where it is asked for them."""
    try:
        pages = connection.pages("cost-optimization-hub", "ListEnrollmentStatuses", token=TOKENS)
        return Standing(any(item.get("status") == "Active" for page in pages for item in page["items"]))
    except DeniedError as denied:
        refused = denied
    try:
        found = next(connection.pages("cost-optimization-hub", "ListRecommendations", token=TOKENS, maxResults=1))
    except DeniedError:
        return Standing(False, refused)
    return Standing(bool(found["items"]))


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One list holds the whole organisation. Raises DeniedError: nobody may say whether there is one."""
    known = standing(connection)
    if known.refused:
        raise known.refused
    return (Part("recommendations"),) if known.is_hub else ()


def fetch(connection: Connection, _: Part, window: Window) -> Iterator[Rows]:
    for page in connection.pages("cost-optimization-hub", "ListRecommendations", token=TOKENS, maxResults=1000):
        yield Rows(COLUMNS, [_row(item, window.end) for item in page["items"]])


def _row(item: Mapping[str, Any], at: datetime) -> tuple[object, ...]:
    kind, action = actions().get(item.get("actionType", ""), (None, item.get("actionType")))
    raw = {
        "recommendation_id": item["recommendationId"],
        "action_type": item.get("actionType"),
        "resource_type": item.get("currentResourceType"),
        "source": item.get("source"),
    }
    return (
        item.get("lastRefreshTimestamp") or at,
        vendor(item.get("source", SOURCES[0])),
        item["recommendationId"],
        "AWS",
        item.get("accountId"),
        item.get("region"),
        item.get("resourceArn") or item.get("resourceId") or None,
        kind,
        action,
        item.get("currentResourceSummary"),
        item.get("recommendedResourceSummary"),
        saving(item.get("estimatedMonthlySavings")),
        item.get("currencyCode"),
        raw_of(raw),
    )


def vendor(source: str) -> str:
    """The advisor's name in the table: the same whoever was asked for its finding."""
    return f"AWS {source}"


def saving(amount: float | str | None) -> Decimal | None:
    """A monthly saving as it was written, in the warehouse's scale; None is unknown."""
    return None if amount in (None, "") else Decimal(str(amount)).quantize(Decimal("1e-12"))


def raw_of(said: Mapping[str, object]) -> str:
    """What the advisor says beside, as JSON."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


ADVICE = Stream(
    name="advice",
    title="Cost Optimization Hub recommendations",
    table="vendor_recommendations",
    divided="snapshot",
    permissions=(ENROLLED, "cost-optimization-hub:ListRecommendations"),
    plan=plan,
    fetch=fetch,
    units=tuple(vendor(source) for source in SOURCES),
)
