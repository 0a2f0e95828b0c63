"""Commitments in force: reservations of every kind, and savings plans; and how much of them was used each day.

Both belong to the tenant, not to a subscription: Azure shows those that the credentials have a role on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from connectors.azure import arm
from connectors.azure.resources import of
from connectors.azure.session import Connection
from connectors.azure.totals import scope_of
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

COLUMNS = (
    "observed_at", "commitment_id", "provider", "account_id", "instrument", "scope", "quantity", "hourly_commitment", "unit",
    "term_start", "term_end", "payment", "upfront", "recurring", "currency",
)  # fmt: skip
RESERVATIONS = "Microsoft.Capacity/reservationOrders/reservations/read"
ORDERS = "Microsoft.Capacity/reservationOrders/read"
PLANS = "Microsoft.BillingBenefits/savingsPlanOrders/savingsPlans/read"
USE = "Microsoft.CostManagement/benefitUtilizationSummaries/read"
TENANT_WIDE = (RESERVATIONS, ORDERS, PLANS)
"""No role of a subscription gives these: the built-in readers at `/providers/…` do (`setup.md`)."""

PLANS_PATH = "providers/Microsoft.BillingBenefits/savingsPlans"
PLANS_VERSION = "2022-11-01"
"""Billing Benefits, "Savings Plan - List All" (Microsoft Learn, as of 2026-11)."""

PLAN_KINDS = {"compute_savings_plan": "savings_plan_compute", "database_savings_plan": "savings_plan_database"}
"""A plan's SKU → its instrument. Plans for databases are sold since 2026-03-18, for one year."""

IN_FORCE = ("Succeeded", "Expiring")
PTU = {"global": "GlobalProvisionedManaged", "data": "DataZoneProvisionedManaged"}
"""What the name of an Azure OpenAI reservation's SKU begins with; a regional one has none (as known, 2026-11-26)."""

METRIC_COLUMNS = ("resource_id", "timestamp", "period_s", "metric", "statistic", "value")
USE_STATISTICS = {"avg": "avgUtilizationPercentage", "min": "minUtilizationPercentage", "max": "maxUtilizationPercentage"}
DAY_S = 86_400


def plan(_: Connection, __: Window) -> Sequence[Part]:
    """One list of each holds the whole tenant."""
    return [Part("reservations"), Part("savings plans")]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    found = _reservations(connection) if part.key == "reservations" else _plans(connection)
    yield Rows(COLUMNS, [(window.end, *row) for row in found])


def reservations(connection: Connection) -> Iterator[dict[str, Any]]:
    client = arm.reservations(connection)
    path = "providers/Microsoft.Capacity/reservations"
    yield from arm.paged(connection, "capacity:Reservations", RESERVATIONS, path, client.reservation.list_all)


def savings_plans(connection: Connection) -> Iterator[dict[str, Any]]:
    yield from arm.listed(connection, "billingbenefits:SavingsPlans", PLANS, PLANS_PATH, PLANS_VERSION)


def _reservations(connection: Connection) -> Iterator[tuple[object, ...]]:
    listed = [found for found in reservations(connection) if of(found, "properties", "provisioningState") in IN_FORCE]
    for found, order in zip(listed, connection.map(lambda found: order_of(connection, found), listed), strict=True):
        yield _reservation(connection, found, order)


def order_of(connection: Connection, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """A reservation's order, asked for once: it says what all its reservations together cost."""
    order = str(found["id"]).lower().partition("/reservationorders/")[2].partition("/")[0]
    client = arm.reservations(connection)
    where = f"{connection.settings.management_endpoint}/providers/Microsoft.Capacity/reservationOrders/{order}"

    def ask() -> Mapping[str, Any]:
        answer = client.reservation_order.get(order, expand="schedule")
        return dict(answer.as_dict()["properties"])

    return connection.once(where, lambda: connection.called("capacity:ReservationOrder", ORDERS, where, ask))


def _reservation(connection: Connection, found: Mapping[str, Any], order: Mapping[str, Any]) -> tuple[object, ...]:
    properties = found["properties"]
    start = _moment(properties.get("benefitStartTime") or properties.get("effectiveDateTime") or properties["purchaseDate"])
    end = _moment(properties.get("expiryDateTime") or properties["expiryDate"])
    total = of(order, "planInformation", "pricingCurrencyTotal") or {}
    quantity, bought = int(properties["quantity"]), int(order.get("originalQuantity") or properties["quantity"])
    cost = _exact(total.get("amount")) * quantity / bought if total else None
    monthly = (properties.get("billingPlan") or order.get("billingPlan")) == "Monthly"
    return (
        found["id"],
        "Microsoft Azure",
        _subscription(properties.get("billingScopeId")),
        "reservation",
        compact(_scope(connection, properties) | _what(found)),
        float(quantity),
        None,
        "Hours",
        start,
        end,
        "none" if monthly else "all",
        _money(Decimal(0) if monthly else cost),
        _money(cost and cost / _hours(start, end) if monthly else Decimal(0)),
        total.get("currencyCode"),
    )


def _what(found: Mapping[str, Any]) -> dict[str, object]:
    """What a reservation is of. `size_flexible`: any size of its group, where it is of machines."""
    properties, sku = found["properties"], str(of(found, "sku", "name") or "")
    kind = properties.get("reservedResourceType")
    if kind == "OpenAIPTU":
        named = next((value for word, value in PTU.items() if word in sku.lower()), "ProvisionedManaged")
        return {"region": found.get("location"), "sku": "ptu", "deployment_type": named}
    flexible = properties.get("instanceFlexibility") == "On"
    return {"region": found.get("location"), "sku": sku or None, "size_flexible": flexible, "kind": kind}


def _plans(connection: Connection) -> Iterator[tuple[object, ...]]:
    for found in savings_plans(connection):
        properties = found["properties"]
        if properties.get("provisioningState") not in IN_FORCE:
            continue
        start = _moment(properties.get("benefitStartTime") or properties["effectiveDateTime"])
        end = _moment(properties["expiryDateTime"])
        hourly = _exact(properties["commitment"]["amount"])
        monthly = properties.get("billingPlan") == "P1M"
        yield (
            found["id"],
            "Microsoft Azure",
            _subscription(properties.get("billingScopeId")),
            PLAN_KINDS.get(str(of(found, "sku", "name") or "").lower(), "savings_plan"),
            compact(_scope(connection, properties)),
            None,
            hourly,
            None,
            start,
            end,
            "none" if monthly else "all",
            _money(Decimal(0) if monthly else hourly * _hours(start, end)),
            _money(hourly if monthly else Decimal(0)),
            properties["commitment"].get("currencyCode"),
        )


def _scope(connection: Connection, properties: Mapping[str, Any]) -> dict[str, object]:
    """Whose usage is covered. A management group's subscriptions are those that Resource Graph shows below it."""
    kind, within = properties.get("appliedScopeType"), properties.get("appliedScopeProperties") or {}
    if kind == "Shared":
        return {"shared": True}
    if kind == "ManagementGroup":
        group = str(within.get("managementGroupId") or "").rpartition("/")[2]
        return {"accounts": arm.below(connection, group), "management_group": group, "shared": False}
    applied = [within.get("subscriptionId"), *(properties.get("appliedScopes") or ())]
    accounts = sorted({found for scope in applied if (found := _subscription(scope))})
    return {"accounts": accounts, "resource_group": within.get("resourceGroupId"), "shared": False}


def _subscription(scope: object) -> str | None:
    """`/subscriptions/S/…` → `s`; other scopes have none."""
    parts = str(scope or "").lower().strip("/").split("/")
    return parts[1] if parts[0] == "subscriptions" and len(parts) > 1 else None


def _moment(text: object) -> datetime:
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else datetime.combine(found.date(), time(), UTC)


def _hours(start: datetime, end: datetime) -> Decimal:
    """Of the term, in whole days: benefits start some minutes after their purchase."""
    return Decimal(max(1, round((end - start).total_seconds() / DAY_S))) * 24


def _exact(amount: object) -> Decimal:
    """An amount that the SDK gives as a float, as it was written."""
    return Decimal(repr(amount)) if isinstance(amount, float) else Decimal(str(amount))


def _money(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(Decimal("1e-12"))


COMMITMENTS = Stream(
    name="commitments",
    title="reservations and savings plans",
    table="commitments",
    divided="snapshot",
    permissions=(RESERVATIONS, ORDERS, PLANS, arm.GRAPH),
    plan=plan,
    fetch=fetch,
)


def plan_use(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a bill that has benefits of its own: billing account (EA) or billing profile (MCA)."""
    scopes = [scope for scope in dict.fromkeys(connection.settings.scopes) if scope_of(scope)[0]]
    return [Part(f"{scope} benefits", (("costmanagement:BenefitUtilization", 1),), scope) for scope in scopes]


def fetch_use(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    yield Rows(METRIC_COLUMNS, list(_used(connection, part.handle, window)))


def _used(connection: Connection, scope: str, window: Window) -> Iterator[tuple[object, ...]]:
    for found in summaries(connection, scope, window):
        properties = found["properties"]
        at = _moment(properties["usageDate"])
        if not window.contains(at):
            continue
        for statistic, name in USE_STATISTICS.items():
            if properties.get(name) is not None:
                value = float(properties[name])
                yield _benefit(properties), at, DAY_S, "commitment_utilization", statistic, value


def summaries(connection: Connection, scope: str, window: Window) -> Iterator[dict[str, Any]]:
    """Daily summaries of a bill's benefits."""
    account, profile = scope_of(scope)
    operations = arm.costs(connection).benefit_utilization_summaries
    last = window.end - timedelta(days=1)
    asked = {
        "grain_parameter": "Daily",
        "filter": f"properties/usageDate ge {window.start:%Y-%m-%d} and properties/usageDate le {last:%Y-%m-%d}",
    }

    def ask() -> Any:
        if profile:
            return operations.list_by_billing_profile_id(account, profile, **asked)
        return operations.list_by_billing_account_id(account, **asked)

    yield from arm.paged(connection, "costmanagement:BenefitUtilization", USE, scope, ask)


def _benefit(properties: Mapping[str, Any]) -> str:
    """The id that bills and lists have: the summary names its parts."""
    order, own = str(properties.get("benefitOrderId") or ""), str(properties.get("benefitId") or "")
    if "/" in own:
        return own
    if properties.get("benefitType") == "Reservation":
        return f"/providers/Microsoft.Capacity/reservationOrders/{order}/reservations/{own}"
    return f"/providers/Microsoft.BillingBenefits/savingsPlanOrders/{order}/savingsPlans/{own}"


BENEFITS = Stream(
    name="benefits",
    title="utilization of commitments",
    table="metrics",
    divided="day",
    permissions=(USE,),
    plan=plan_use,
    fetch=fetch_use,
    reach_days=90,
    restates_days=3,  # usage is rated up to 72 hours later (Microsoft Learn, "Understand Cost Management data")
)
