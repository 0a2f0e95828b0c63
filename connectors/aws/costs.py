"""The bill from Cost Explorer, where there is no export: what each service cost a day, by kind of charge.

Coarse, and exact: `UnblendedCost` is billed, `NetAmortizedCost` effective. Blended cost is never read. Lines become files in a
form of their own, which is staged as any bill is (`stg_cost_explorer_days.sql`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from connectors.aws import cost_explorer
from connectors.aws.session import Connection
from finops.connect import Column, Format, Part, Profile, Rows, Stream
from finops.table import MONEY, Table
from finops.window import Window

GROUPS = ("SERVICE", "RECORD_TYPE")
"""Cost Explorer groups by two dimensions at most (GetCostAndUsage, GroupBy)."""

GROUPS_A_DAY = 60
"""Groups of a day that are reckoned with where the price of the calls is estimated: a page holds about 2,000."""

DAYS = Table(
    name="cost_explorer_days",
    columns=(
        ("account_id", "VARCHAR"),
        ("charge_date", "DATE"),
        ("service", "VARCHAR"),
        ("record_type", "VARCHAR"),
        ("unblended_cost", MONEY),
        ("net_amortized_cost", MONEY),
        ("currency", "VARCHAR"),
        ("estimated", "BOOLEAN"),
    ),
    key=("account_id", "charge_date", "service", "record_type", "currency"),
    unit="strftime(charge_date, '%Y-%m')",
    partition="strftime(charge_date, '%Y-%m')",
    required=("account_id", "charge_date", "service", "record_type", "unblended_cost", "net_amortized_cost", "currency"),
)

COST_EXPLORER_DAYS = Format(
    name="aws-cost-explorer-days",
    title="AWS Cost Explorer by service, day and kind of charge",
    table="charges",
    package="connectors.aws",
    sql="stg_cost_explorer_days.sql",
    columns=(
        Column("account_id", required=True),
        Column("charge_date", "date", required=True),
        Column("service", required=True),
        Column("record_type", required=True),
        Column("unblended_cost", "decimal", required=True),
        Column("net_amortized_cost", "decimal", required=True),
        Column("currency", required=True),
        Column("estimated", "bool"),
    ),
    identifies=("charge_date", "record_type", "unblended_cost", "net_amortized_cost"),
    canonical=lambda header: header.strip().lower(),
    version=lambda _: "GetCostAndUsage",
    profile=Profile(
        account="account_id", period="strftime(charge_date, '%Y-%m')", currency="currency", billed="unblended_cost"
    ),
    note="coarse: one line a service, day and kind of charge; no resource, tag, quantity or commitment",
)


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part: the whole window is one paged query."""
    pages = max(1, round(window.days * GROUPS_A_DAY / 2_000))
    return (Part(f"{connection.own_account} costs", (("ce:GetCostAndUsage", pages),), connection.own_account),)


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    columns = tuple(name for name, _ in DAYS.columns)
    for days in cost_explorer.daily(connection, window, GROUPS):
        yield Rows(columns, [row for day in days for row in _rows(part.handle, day)])


def _rows(account: str, day: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    charge_date = date.fromisoformat(day["TimePeriod"]["Start"][:10])
    for group in day.get("Groups", ()):
        service, kind = group["Keys"]
        unblended, amortized = (group["Metrics"][name] for name in cost_explorer.METRICS)
        amounts = cost_explorer.amount(unblended), cost_explorer.amount(amortized)
        yield account, charge_date, service, kind, *amounts, unblended["Unit"], bool(day.get("Estimated", False))


COSTS = Stream(
    name="costs",
    title="bill from Cost Explorer",
    table="charges",
    divided="month",
    permissions=("ce:GetCostAndUsage",),
    plan=plan,
    fetch=fetch,
    reach_days=cost_explorer.REACH_DAYS,
    restates_days=cost_explorer.RESTATED_DAYS,
    wanted=lambda settings: not settings.exports,
    shape=DAYS,
)
