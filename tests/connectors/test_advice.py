"""The providers' own recommendations, as they export them: rows in, rows out."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors import aws, azure, gcp
from finops.intake.detect import detect
from finops.intake.sniff import look
from finops.model import KINDS
from finops.plugins import formats
from finops.tables import VENDOR_RECOMMENDATIONS
from tests.staging import stage, write_csv


def taken(path: Path, name: str, scratch: Path) -> list[dict[str, Any]]:
    fmt = detect(look(path, path.name, scratch), formats())
    assert fmt.name == name
    rows = stage(fmt, path)
    assert all(row["kind"] in {*KINDS, None} for row in rows)
    assert set(rows[0]) <= {column for column, _ in VENDOR_RECOMMENDATIONS.columns}
    return rows


def test_the_hub_says_what_and_how_much(tmp_path: Path) -> None:
    header = (
        "account_id", "account_name", "action_type", "currency_code", "current_resource_details", "current_resource_summary",
        "current_resource_type", "estimated_monthly_cost_after_discount", "estimated_monthly_savings_after_discount",
        "estimated_monthly_savings_before_discount", "last_refresh_timestamp", "recommendation_id", "recommendation_source",
        "recommended_resource_summary", "recommended_resource_type", "region", "resource_arn",
    )  # fmt: skip
    arn = "arn:aws:ec2:us-east-1:111122223333:instance/i-1"
    path = write_csv(
        tmp_path / "cor.csv",
        header,
        ["111122223333", "dev", "Rightsize", "USD", "{}", "m5.4xlarge", "Ec2Instance", 500, 250.5, 300, "2026-10-30T01:02:03Z",
         "rec-1", "ComputeOptimizer", "m5.2xlarge", "Ec2Instance", "us-east-1", arn],
        ["111122223333", "dev", "PurchaseSavingsPlans", "USD", "{}", "", "ComputeSavingsPlans", 900, None, 240,
         "2026-10-30T01:02:03Z", "rec-2", "CostExplorer", "1.2/h", "ComputeSavingsPlans", "", ""],
    )  # fmt: skip
    first, second = taken(path, "aws-cost-optimization-hub", tmp_path)
    assert (first["vendor"], first["kind"], first["action"]) == ("AWS ComputeOptimizer", "rightsizing", "Resize")
    assert (first["resource_id"], first["current_setting"], first["target_setting"]) == (arn, "m5.4xlarge", "m5.2xlarge")
    assert (first["saving_monthly"], first["currency"]) == (Decimal("250.5"), "USD")
    assert (second["kind"], second["action"], second["resource_id"]) == ("commitments", "Commit", None)
    assert second["saving_monthly"] == 240


def test_cost_explorer_s_rightsizing_file(tmp_path: Path) -> None:
    header = (
        "Account ID", "Account Name", "Instance ID", "Instance Type", "OS", "Region", "Running Hours", " CPU Utilization ",
        "Recommended Action", "Recommended Instance Type 1", " Recommended Instance Type 1 Estimated Savings ",
        "Recommended Instance Type 2",
    )  # fmt: skip
    path = write_csv(
        tmp_path / "rightsizing.csv",
        header,
        ["1111", "dev", "i-1", "t1.micro", "Linux/UNIX", "US East (N. Virginia)", 2, " 0.85 ", "Terminate", "", " $0.01 ", ""],
        [
            "1111",
            "dev",
            "i-2",
            "r5.2xlarge",
            "Windows",
            "US East (Ohio)",
            9,
            " 35 ",
            "Modify",
            "r5.xlarge",
            " $1,113.39 ",
            "r5.l",
        ],
    )
    ended, smaller = taken(path, "aws-rightsizing", tmp_path)
    assert (ended["action"], ended["target_setting"], ended["saving_monthly"]) == ("Delete", None, Decimal("0.01"))
    assert (smaller["action"], smaller["current_setting"], smaller["target_setting"]) == ("Resize", "r5.2xlarge", "r5.xlarge")
    assert (smaller["saving_monthly"], smaller["region"]) == (Decimal("1113.39"), "us-east-2")
    assert json.loads(smaller["raw"])["second"] == "r5.l"


def test_advisor_s_file_is_read_for_cost_alone(tmp_path: Path) -> None:
    header = (
        "Category", "Business Impact", "Recommendation", "Subscription ID", "Subscription Name", "Resource Group",
        "Resource Name", "Type", "Updated Date", "Potential Annual Cost Savings", "Potential Cost Savings Currency",
    )  # fmt: skip
    machine = "Microsoft.Compute/virtualMachines"
    path = write_csv(
        tmp_path / "advisor.csv",
        header,
        ["Cost", "High", "Right-size or shutdown underutilized virtual machines", "sub-1", "Dev", "rg", "vm-1", machine,
         "10/30/2026", "1,200.00", "EUR"],
        ["Cost", "Low", "You have disks which have not been attached to a VM", "sub-1", "Dev", "rg", "d-1",
         "Microsoft.Compute/disks", "10/30/2026", "60", "EUR"],
        ["Cost", "High", "Consider VM reserved instance", "sub-1", "Dev", "", "", machine, "10/30/2026", "8", "EUR"],
        ["Security", "High", "Enable encryption", "sub-1", "Dev", "rg", "vm-1", machine, "10/30/2026", "", ""],
    )  # fmt: skip
    size, disk, reserved = taken(path, "azure-advisor", tmp_path)
    assert size["resource_id"] == f"/subscriptions/sub-1/resourceGroups/rg/providers/{machine}/vm-1"
    assert (size["action"], size["saving_monthly"], size["currency"]) == ("Resize", 100, "EUR")
    assert (disk["kind"], disk["saving_monthly"]) == ("idle", 5)
    assert (reserved["action"], reserved["resource_id"]) == ("Commit", None)


def test_google_s_export_counts_the_last_refresh(tmp_path: Path) -> None:
    def line(name: str, when: str, units: int, **more: object) -> str:
        target = "//compute.googleapis.com/projects/p1/zones/us-central1-a/instances/vm-1"
        row = {
            "cloud_entity_type": "PROJECT_NUMBER", "cloud_entity_id": "123", "name": name, "location": "us-central1-a",
            "recommender": "google.compute.instance.MachineTypeRecommender", "recommender_subtype": "CHANGE_MACHINE_TYPE",
            "description": "Save cost by changing machine type from n2-standard-8 to n2-standard-4.",
            "last_refresh_time": when, "state": "ACTIVE", "target_resources": [target],
            "primary_impact": {
                "category": "COST",
                "cost_projection": {"cost": {"currency_code": "USD", "units": units, "nanos": -500000000}},
            },
        }  # fmt: skip
        return json.dumps(row | more)

    path = tmp_path / "recommendations.json"
    idle = {"recommender": "google.compute.instance.IdleResourceRecommender", "recommender_subtype": "STOP_VM"}
    path.write_text(
        "\n".join([
            line("r1", "2026-10-01T00:00:00Z", -10),
            line("r1", "2026-10-30T00:00:00Z", -30),
            line("r2", "2026-10-30T00:00:00Z", -7, **idle),
            line("r3", "2026-10-30T00:00:00Z", -7, state="DISMISSED"),
        ])
    )  # fmt: skip
    rows = {row["recommendation_id"]: row for row in taken(path, "gcp-recommender", tmp_path)}
    assert set(rows) == {"r1", "r2"}
    assert (rows["r1"]["action"], rows["r1"]["target_setting"]) == ("Resize", "n2-standard-4")
    assert (rows["r1"]["saving_monthly"], rows["r1"]["account_id"]) == (Decimal("30.5"), "p1")
    assert (rows["r2"]["action"], rows["r2"]["kind"]) == ("Stop", "idle")


def test_every_cloud_has_an_advisor() -> None:
    for connector in (aws, azure, gcp):
        assert any(fmt.table == "vendor_recommendations" for fmt in connector.FORMATS)
