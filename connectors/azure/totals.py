"""The Query API of Cost Management: what Azure itself says was spent, by service and day, actual and amortized.

Amounts are read from the answer's own digits: a float would lose some.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.azure import arm
from connectors.azure.session import Connection, text_of
from finops.connect import Part, Rows, Stream
from finops.errors import ConfigError, SourceError
from finops.window import Window, midnight, next_month

QUERY = "Microsoft.CostManagement/query/read"
METRICS = {"ActualCost": "billed", "AmortizedCost": "effective"}
COLUMNS = ("provider", "billing_account_id", "service", "charge_date", "metric", "amount", "currency", "final")
SETTLED = timedelta(days=10)
"""After the end of a month its invoice is made, in the first days of the next."""


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part a scope and month: a query may span a year at most, and is charged to a quota by the month."""
    for scope in connection.settings.scopes:
        account(scope)
    months, day = [], window.start.date()
    while midnight(day) < window.end:
        months.append(day)
        day = next_month(day)
    return [
        Part(f"{scope} {month:%Y-%m}", (("costmanagement:Query", len(METRICS)),), (scope, month))
        for scope in dict.fromkeys(connection.settings.scopes)
        for month in months
    ]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    scope, month = part.handle
    ends = midnight(next_month(month))
    end = min(ends, window.end)
    for kind, metric in METRICS.items():
        for page in queries(connection, scope, definition(kind, midnight(month), end)):
            yield Rows(COLUMNS, list(_rows(page, account(scope), metric, final=window.end >= ends + SETTLED)))


def queries(connection: Connection, scope: str, definition: dict[str, Any]) -> Iterator[str]:
    """Every page of a query of costs, as text. Raises SourceError where a page comes twice or lies elsewhere."""
    from azure.core.rest import HttpRequest

    client, scope = arm.costs(connection), scope.strip("/")
    pages = arm.Pages(connection, f"{connection.settings.management_endpoint}/{scope}", "the Query API")

    def ask() -> str:
        if not pages.following:
            return client.query.usage(scope, definition, cls=text_of)  # type: ignore[no-any-return]
        answer = client.send_request(HttpRequest("POST", pages.following, json=definition))
        answer.raise_for_status()
        return str(answer.text())

    while pages.more:
        text = connection.called("costmanagement:Query", QUERY, pages.where, ask)
        yield text
        pages.turn(json.loads(text)["properties"].get("nextLink"))


def definition(kind: str, start: datetime, end: datetime) -> dict[str, Any]:
    """A query by service and day; Azure's last day is inclusive."""
    return {
        "type": kind,
        "timeframe": "Custom",
        "timePeriod": {"from": f"{start:%Y-%m-%dT00:00:00Z}", "to": f"{end - timedelta(days=1):%Y-%m-%dT23:59:59Z}"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": "ServiceName"}],
        },
    }


def account(scope: str) -> str:
    """The billing account that a bill of this scope names: profile (MCA), account (EA), or subscription. Raises ConfigError."""
    tail = re.fullmatch(r"/?(?:providers/Microsoft\.Billing/billingAccounts/([^/]+)(?:/billingProfiles/([^/]+))?"
                        r"|subscriptions/([^/]+))/?", scope, re.IGNORECASE)  # fmt: skip
    if not tail or (tail[1] and ":" in tail[1] and not tail[2]):
        hint = "providers/Microsoft.Billing/billingAccounts/ID[/billingProfiles/ID] (MCA: with the profile) or subscriptions/ID"
        raise ConfigError(f"`{scope}` is no scope of a bill", where="scopes", hint=hint)
    return tail[2] or tail[1] or tail[3].lower()


def scope_of(scope: str) -> tuple[str, str]:
    """Billing account and billing profile of a scope; '' for what it does not name."""
    named = re.search(r"billingAccounts/([^/]+)(?:/billingProfiles/([^/]+))?", scope, re.IGNORECASE)
    return (named[1], named[2] or "") if named else ("", "")


def _rows(text: str, account_id: str, metric: str, *, final: bool) -> Iterator[tuple[object, ...]]:
    answer = json.loads(text, parse_float=Decimal)["properties"]
    names = [str(column["name"]).lower() for column in answer["columns"]]
    if absent := {"cost", "usagedate", "servicename", "currency"} - set(names):
        raise SourceError(f"the answer of the Query API lacks {', '.join(sorted(absent))}", where=account_id)
    for values in answer["rows"]:
        row = dict(zip(names, values, strict=True))
        day = datetime.strptime(str(row["usagedate"])[:8], "%Y%m%d").replace(tzinfo=UTC).date()
        amount = Decimal(row["cost"]).quantize(Decimal("1e-12"))
        yield "Microsoft Azure", account_id, row["servicename"], day, metric, amount, row["currency"], final


TOTALS = Stream(
    name="totals",
    title="Cost Management totals",
    table="provider_totals",
    divided="month",
    permissions=(QUERY,),
    plan=plan,
    fetch=fetch,
    reach_days=395,  # thirteen months, as the retail agreements keep
    restates_days=10,
)
