"""Second opinions of Azure: Advisor's by what they mean, the same live as from its file, and Cost Management's plans."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.azure.opinions import _action
from finops.intake.load import load
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import GROUP, SUBSCRIPTION
from tests.live.test_azure_totals import SCOPE

MACHINE = "Microsoft.Compute/virtualMachines"
SAID = {
    "size": "Right-size or shutdown underutilized virtual machines",
    "disk": "You have disks which have not been attached to a VM",
    "term": "Consider virtual machine reserved instance to save over your on-demand costs",
    "else": "Use Standard storage to store managed disks snapshots",
}
FACTS = {"annualSavingsAmount": "1200.5", "savingsCurrency": "EUR", "region": "eastus2"}


def advise(azure: Azure, name: str, said: str, resource: str = "", category: str = "Cost", **more: Any) -> None:
    """A recommendation as Resource Graph has it."""
    properties = {
        "category": category,
        "impact": "High",
        "impactedField": MACHINE,
        "impactedValue": resource.rpartition("/")[2],
        "lastUpdated": "2026-10-30T00:00:00.1234567Z",
        "recommendationTypeId": "e10b1381-5f0a-47ff-8c7b-37bd13d7c974",
        "shortDescription": {"problem": said, "solution": said},
        "resourceMetadata": {"resourceId": resource},
        "extendedProperties": more,
    }
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Advisor/recommendations/{name}"
    azure.plane.put({"id": path, "type": "Microsoft.Advisor/recommendations", "properties": properties})


def put_opinions(azure: Azure) -> None:
    advise(azure, "size", SAID["size"], f"{GROUP}/{MACHINE}/m", recommendationType="SkuChange", targetSku="D2s_v5", **FACTS)
    advise(azure, "stop", SAID["size"], f"{GROUP}/{MACHINE}/n", recommendationType="Shutdown", **FACTS)
    advise(azure, "disk", SAID["disk"], f"{GROUP}/Microsoft.Compute/disks/d", **FACTS)
    advise(azure, "term", SAID["term"], f"/subscriptions/{SUBSCRIPTION}", term="P3Y", **FACTS)
    advise(azure, "else", SAID["else"], f"{GROUP}/Microsoft.Compute/snapshots/s")
    advise(azure, "lock", "Enable encryption", f"{GROUP}/{MACHINE}/m", category="Security", **FACTS)
    azure.plane.lists[f"/{SCOPE}/providers/microsoft.costmanagement/benefitrecommendations".lower()] += [
        _plan("P1Y", 1.5, 73.0), _plan("P3Y", 2.25, 146.0), {"id": "none", "kind": "SavingsPlan", "properties": {"term": "P3Y",
        "scope": "Shared"}},
    ]  # fmt: skip


def _plan(term: str, hourly: float, saved: float) -> dict[str, Any]:
    details = {"commitmentAmount": hourly, "savingsAmount": saved, "coveragePercentage": 80.0}
    properties = {
        "scope": "Shared", "term": term, "lookBackPeriod": "Last30Days", "totalHours": 365,
        "armSkuName": "Compute_Savings_Plan",
        "currencyCode": "EUR", "lastConsumptionDate": "2026-10-31T00:00:00Z", "recommendationDetails": details,
    }  # fmt: skip
    return {"id": f"/{SCOPE}/providers/x/{term}", "kind": "SavingsPlan", "properties": properties}


def opinions(azure: Azure, **settings: Any) -> Any:
    return source(azure, "advice", management_endpoint=azure.url, scopes=[SCOPE], **settings)


def test_each_opinion_by_what_it_means(azure: Azure, warehouse: Warehouse) -> None:
    put_opinions(azure)
    assert fetched(warehouse, opinions(azure)).failures == ()
    found = rows(warehouse, "select * from vendor_recommendations order by recommendation_id")
    advisor = {r["recommendation_id"].rpartition("/")[2]: r for r in found if r["vendor"] == "Azure Advisor"}
    assert {name: (row["kind"], row["action"]) for name, row in advisor.items()} == {
        "size": ("rightsizing", "Resize"),
        "stop": ("idle", "Stop"),
        "disk": ("idle", "Delete"),
        "term": ("commitments", "Commit"),
        "else": (None, SAID["else"]),
    }
    assert (advisor["size"]["resource_id"], advisor["size"]["target_setting"]) == (f"{GROUP}/{MACHINE}/m", "D2s_v5")
    assert round(advisor["size"]["saving_monthly"] * 12, 6) == Decimal("1200.5")
    assert advisor["term"]["resource_id"] is None
    assert advisor["else"]["saving_monthly"] is None  # not said: not zero
    plans = [row for row in found if row["vendor"] == "Azure Cost Management"]
    assert sorted((row["target_setting"], row["saving_monthly"]) for row in plans) == [
        ("savings plan 1y 1.5 EUR an hour", Decimal(146)),  # 73 in 365 hours
        ("savings plan 3y 2.25 EUR an hour", Decimal(292)),
    ]


def test_live_is_the_same_as_the_file_of_the_page(azure: Azure, warehouse: Warehouse, tmp_path: Path) -> None:
    for name in ("size", "disk", "term"):
        resource = {"size": f"{GROUP}/{MACHINE}/m", "disk": f"{GROUP}/{MACHINE}/d", "term": ""}[name]
        advise(azure, name, SAID[name], resource, **FACTS)
    fetched(warehouse, opinions(azure))
    header = (
        "Category", "Business Impact", "Recommendation", "Subscription ID", "Resource Group", "Resource Name", "Type",
        "Updated Date", "Potential Annual Cost Savings", "Potential Cost Savings Currency",
    )  # fmt: skip
    with (tmp_path / "advisor.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for name, thing in (("size", "m"), ("disk", "d"), ("term", "")):
            writer.writerow(["Cost", "High", SAID[name], SUBSCRIPTION, "rg-web", thing, MACHINE, "10/30/2026", "1200.5", "EUR"])
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, [tmp_path / "advisor.csv"], source="azure")
    said = (
        "select vendor, provider, account_id, resource_id, kind, action, current_setting, target_setting,"
        " saving_monthly, currency, observed_at::date::varchar as d from vendor_recommendations order by all"
    )
    assert rows(warehouse, said) == rows(files, said)
    raw = rows(warehouse, "select raw from vendor_recommendations limit 1")[0]["raw"]
    assert json.loads(raw)["impact"] == "High"


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ("Shut down the virtual machine", "Stop"),
        ("Resize your virtual machine", "Resize"),
        ("Rightsize underutilized MariaDB servers", "Resize"),
        ("Delete ExpressRoute circuits", "Delete"),
        ("Consider Cosmos DB reserved instance", "Commit"),
        ("Buy a savings plan", "Commit"),
        ("Move to the cool tier", "Move to the cool tier"),
    ],
)
def test_a_sentence_is_read_by_its_words(said: str, action: str) -> None:
    assert _action(said) == action


def test_opinions_come_and_go(azure: Azure, warehouse: Warehouse) -> None:
    put_opinions(azure)
    fetched(warehouse, opinions(azure))
    azure.plane.documents.clear()
    azure.plane.lists.clear()
    fetched(warehouse, opinions(azure))
    assert rows(warehouse, "select * from vendor_recommendations") == []
