"""Azure's own documents of the sample company's reservations and savings plan, and how much of them was used."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from finops.demo import sample_company
from tests.live.azure_contract import Azure

PROFILE = "NLRB-PROF-BG7-PGB"


def sample_commitments() -> list[dict[str, Any]]:
    """The commitments of Azure as the sample company's files have them at the end."""
    with (sample_company() / "open" / "commitments.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["provider"] == "Microsoft Azure"]
    last = max(row["observed_at"] for row in rows)
    return [{**row, "scope": json.loads(row["scope"])} for row in rows if row["observed_at"] == last]


def put_commitments(azure: Azure) -> None:
    for row in sample_commitments():
        properties = {
            "provisioningState": "Succeeded",
            "benefitStartTime": row["term_start"],
            "expiryDateTime": row["term_end"],
            "billingScopeId": f"/subscriptions/{row['account_id']}",
            **_applied(azure, row["scope"]),
        }
        hours = (datetime.fromisoformat(row["term_end"]) - datetime.fromisoformat(row["term_start"])).days * 24
        if row["instrument"] == "reservation":
            _reservation(azure, row, properties, hours)
        else:
            commitment = {"grain": "Hourly", "currencyCode": row["currency"], "amount": float(row["hourly_commitment"])}
            more = {"commitment": commitment, "term": "P1Y", "billingPlan": "P1M"}
            azure.plane.lists["/providers/microsoft.billingbenefits/savingsplans"].append(
                {"id": row["commitment_id"], "sku": {"name": "Compute_Savings_Plan"}, "properties": properties | more}
            )
    old = {"provisioningState": "Expired", "quantity": 1}
    gone = {"id": "/providers/microsoft.capacity/reservationOrders/o/reservations/r", "properties": old}
    azure.plane.lists["/providers/microsoft.capacity/reservations"].append(gone)


def _applied(azure: Azure, scope: dict[str, Any]) -> dict[str, Any]:
    if "accounts" not in scope:
        return {"appliedScopeType": "Shared"}
    if len(scope["accounts"]) == 1:
        applied = [f"/subscriptions/{scope['accounts'][0]}"]
        return {
            "appliedScopeType": "Single",
            "appliedScopes": applied,
            "appliedScopeProperties": {"subscriptionId": applied[0]},
        }
    azure.plane.platform.update(scope["accounts"])
    group = "/providers/Microsoft.Management/managementGroups/platform"
    return {"appliedScopeType": "ManagementGroup", "appliedScopeProperties": {"managementGroupId": group}}


def _reservation(azure: Azure, row: dict[str, Any], properties: dict[str, Any], hours: int) -> None:
    scope, monthly = row["scope"], row["payment"] == "none"
    ptu = scope["sku"] == "ptu"
    total = Decimal(row["recurring"]) * hours if monthly else Decimal(row["upfront"])
    used = [{"grain": 1, "grainUnit": "days", "value": 99.0, "valueUnit": "percentage"}]
    bought = int(float(row["quantity"])) * 2
    own = {
        "quantity": int(float(row["quantity"])),
        "billingPlan": "Monthly" if monthly else "Upfront",
        "reservedResourceType": "OpenAIPTU" if ptu else "VirtualMachines",
        "instanceFlexibility": "Off",
        "utilization": {"trend": "UP", "aggregates": used},
    }
    azure.plane.lists["/providers/microsoft.capacity/reservations"].append(
        {
            "id": row["commitment_id"],
            "location": scope["region"],
            "sku": {"name": "Global_PTU" if ptu else scope["sku"]},
            "properties": properties | own,
        }
    )
    # the order was for twice as many: one reservation was split off and returned
    information = {"pricingCurrencyTotal": {"currencyCode": row["currency"], "amount": float(total * 2)}}
    order = row["commitment_id"].partition("/reservations/")[0].lower()
    document = {"originalQuantity": bought, "billingPlan": own["billingPlan"], "planInformation": information}
    azure.plane.things[order] = {"id": order, "properties": document}


def put_use(azure: Azure) -> None:
    """Two days of a savings plan and of a reservation."""
    plan = next(row for row in sample_commitments() if row["instrument"] != "reservation")["commitment_id"]
    order, own = plan.split("/savingsPlanOrders/")[1].split("/savingsPlans/")
    path = f"/providers/microsoft.billing/billingaccounts/{ACCOUNT}/billingprofiles/{PROFILE}".lower()
    azure.plane.lists[f"{path}/providers/microsoft.costmanagement/benefitutilizationsummaries"] = [
        {
            "kind": kind,
            "properties": {
                "benefitType": kind,
                "benefitOrderId": order,
                "benefitId": own,
                "usageDate": f"2026-10-{day}T00:00:00Z",
                "avgUtilizationPercentage": 91.5,
                "minUtilizationPercentage": 80.0,
                "maxUtilizationPercentage": 100.0,
            },
        }
        for kind in ("SavingsPlan", "Reservation")
        for day in (29, 30)
    ]


ACCOUNT = "7c1d9ea4-0b5f-5c8e-a7a1-3f6f0a1f8c11:9d0e4c3a-64d2-4c39-8f0c-2f7a5f3f7b01_2019-05-31"
