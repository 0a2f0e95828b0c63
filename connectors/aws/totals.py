"""Cost Explorer: what AWS itself says was spent, by service and day.

`UnblendedCost` is what the report's lines add up to, credits and discounts included; `NetAmortizedCost` the same with upfront
and recurring fees spread over what they cover.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from connectors.aws import cost_explorer
from connectors.aws.session import Connection
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = ("provider", "billing_account_id", "service", "charge_date", "metric", "amount", "currency", "final")


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part: the whole window is one paged query. A page holds about a month of an organisation's services."""
    return (Part(connection.own_account, (("ce:GetCostAndUsage", max(1, round(window.days / 31))),)),)


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    for days in cost_explorer.daily(connection, window, ("SERVICE",)):
        yield Rows(COLUMNS, [row for day in days for row in _rows(part.key, day)])


def _rows(account: str, day: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    charge_date = date.fromisoformat(day["TimePeriod"]["Start"][:10])
    for group in day.get("Groups", ()):
        for name, metric in cost_explorer.METRICS.items():
            said = group["Metrics"].get(name)
            if said is not None:
                exact, currency = cost_explorer.amount(said), said["Unit"]
                yield "AWS", account, group["Keys"][0], charge_date, metric, exact, currency, not day.get("Estimated", False)


TOTALS = Stream(
    name="totals",
    title="Cost Explorer totals",
    table="provider_totals",
    divided="month",
    permissions=("ce:GetCostAndUsage",),
    plan=plan,
    fetch=fetch,
    reach_days=cost_explorer.REACH_DAYS,
    restates_days=cost_explorer.RESTATED_DAYS,
)
