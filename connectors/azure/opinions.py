"""Second opinions: what Azure Advisor recommends to save cost, and which savings plans Cost Management does.

Advisor says a sentence and, of machines, what kind of change it means; the sentence is read as `stg_advisor.sql` reads it of
the file that Advisor's page downloads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.azure import arm
from connectors.azure.resources import of
from connectors.azure.session import Connection
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

COLUMNS = (
    "observed_at", "vendor", "recommendation_id", "provider", "account_id", "region", "resource_id", "kind", "action",
    "current_setting", "target_setting", "saving_monthly", "currency", "raw",
)  # fmt: skip
ADVISOR = "Azure Advisor"
COST_MANAGEMENT = "Azure Cost Management"
READ = "Microsoft.Advisor/recommendations/read"
BENEFITS = "Microsoft.CostManagement/benefitRecommendations/read"
QUERY = (
    "advisorresources | where type =~ 'microsoft.advisor/recommendations' | where properties.category =~ 'Cost'"
    " | project id, subscriptionId, properties | order by id asc"
)
KINDS = {"Commit": "commitments", "Resize": "rightsizing", "Delete": "idle", "Stop": "idle"}
CHANGES = {"Shutdown": "Stop", "SkuChange": "Resize"}
"""`extendedProperties.recommendationType` of machines (Microsoft Learn, "Advisor cost recommendations", as of 2026-11)."""

TERMS = {"P1Y": "1y", "P3Y": "3y"}
HOURS = 730


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """Advisor's for all subscriptions, and a bill's for each term."""
    scopes = [scope.strip("/") for scope in dict.fromkeys(connection.settings.scopes)]
    bills = [Part(f"{scope} {term}", handle=(scope, term)) for scope in scopes for term in TERMS]
    return [Part("Advisor"), *bills]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    if part.handle is None:
        yield Rows(COLUMNS, [_advised(found, window.end) for found in arm.found(connection, QUERY)])
    else:
        scope, term = part.handle
        found = [row for entry in plans(connection, scope, term) if (row := _plan(entry, scope))]
        yield Rows(COLUMNS, found)


def plans(connection: Connection, scope: str, term: str) -> Iterator[dict[str, Any]]:
    """The savings plans that Cost Management recommends on a bill, by the last 30 days."""
    operations = arm.costs(connection).benefit_recommendations
    chosen = f"properties/lookBackPeriod eq 'Last30Days' and properties/term eq '{term}'"
    operation = "costmanagement:BenefitRecommendations"
    yield from arm.paged(connection, operation, BENEFITS, scope, lambda: operations.list(scope, filter=chosen))


def _advised(found: Mapping[str, Any], at: datetime) -> tuple[object, ...]:
    properties = found["properties"]
    more = properties.get("extendedProperties") or {}
    said = str(of(properties, "shortDescription", "problem") or of(properties, "shortDescription", "solution") or "")
    action = CHANGES.get(str(more.get("recommendationType")), _action(said))
    updated = properties.get("lastUpdated")
    raw = {
        "impact": properties.get("impact"),
        "recommendation": said,
        "type_id": properties.get("recommendationTypeId"),
        "term": more.get("term"),
        "lookback": more.get("lookbackPeriod"),
    }
    return (
        datetime.fromisoformat(updated) if updated else at,
        ADVISOR,
        found["id"],
        "Microsoft Azure",
        str(found["subscriptionId"]).lower(),
        more.get("regionId") or more.get("region") or more.get("location"),
        None if action == "Commit" else of(properties, "resourceMetadata", "resourceId"),
        KINDS.get(action),
        action,
        more.get("currentSku") or properties.get("impactedField"),
        more.get("targetSku") or said,
        _monthly(more),
        more.get("savingsCurrency"),
        compact(raw),
    )


def _action(said: str) -> str:
    """As `stg_advisor.sql` has it; the advisor's own words where none fits."""
    words = said.lower()
    if any(word in words for word in ("reserved", "reservation", "savings plan")):
        return "Commit"
    if any(word in words for word in ("delete", "unattached", "not been attached")):
        return "Delete"
    right = any(word in words.replace("-", "").replace(" ", "") for word in ("rightsize",))
    if "shut" in words and "down" in words and not right:
        return "Stop"
    return "Resize" if right or "resize" in words else said


def _monthly(more: Mapping[str, Any]) -> Decimal | None:
    """Of a year, divided by twelve; None where it is not said, which is not zero."""
    for name, months in (("annualSavingsAmount", 12), ("savingsAmount", 1)):
        try:
            return (Decimal(str(more[name])) / months).quantize(Decimal("1e-12"))
        except (KeyError, InvalidOperation):
            continue
    return None


def _plan(found: Mapping[str, Any], scope: str) -> tuple[object, ...] | None:
    """None where nothing is recommended: an answer without details."""
    properties = found["properties"]
    details = properties.get("recommendationDetails") or {}
    if not details.get("commitmentAmount"):
        return None
    amount, currency = Decimal(str(details["commitmentAmount"])), properties.get("currencyCode")
    hours = int(properties.get("totalHours") or HOURS)
    saved = Decimal(str(details["savingsAmount"])) * HOURS / hours if details.get("savingsAmount") is not None else None
    term = TERMS.get(str(properties.get("term")), str(properties.get("term")))
    subscription = properties.get("subscriptionId") or (scope.split("/")[1] if scope.startswith("subscriptions/") else None)
    raw = {"scope": properties.get("scope"), "lookback": properties.get("lookBackPeriod"), "bill": scope}
    raw |= {"utilization": details.get("averageUtilizationPercentage"), "coverage": details.get("coveragePercentage")}
    last = properties.get("lastConsumptionDate")
    return (
        datetime.fromisoformat(str(last)) if last else None,
        COST_MANAGEMENT,
        found.get("id"),
        "Microsoft Azure",
        subscription,
        None,
        None,
        "commitments",
        "Commit",
        properties.get("armSkuName"),
        f"savings plan {term} {amount.normalize():f} {currency} an hour",
        saved and saved.quantize(Decimal("1e-12")),
        currency,
        compact(raw),
    )


ADVICE = Stream(
    name="advice",
    title="Advisor and savings plan recommendations",
    table="vendor_recommendations",
    divided="snapshot",
    permissions=(READ, BENEFITS, arm.GRAPH),
    plan=plan,
    fetch=fetch,
    units=(ADVISOR, COST_MANAGEMENT),
)
