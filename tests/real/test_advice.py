"""Recommendations as AWS's Cost Explorer has really written them."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

from finops.intake.load import load
from finops.warehouse.warehouse import Warehouse

FILES = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing" / "aws"


def test_both_files_load_as_second_opinions(tmp_path: Path) -> None:
    warehouse = Warehouse.open(str(tmp_path / "warehouse"))
    load(warehouse, [FILES / "7_day_EC2_RI_Rec.csv", FILES / "ENT206-ec2-rightsizing-recommendations.csv"])
    with warehouse.reader() as reader:
        rows = reader.rows("select * from vendor_recommendations order by all")
    by_instance = {row["resource_id"]: row for row in rows if row["resource_id"]}
    ended, smaller = by_instance["i-010005"], by_instance["i-010089"]
    assert (ended["action"], ended["target_setting"], ended["saving_monthly"]) == ("Delete", None, Decimal("0.01"))
    assert (smaller["action"], smaller["current_setting"], smaller["target_setting"]) == ("Resize", "r5.2xlarge", "r5.xlarge")
    assert (smaller["saving_monthly"], smaller["region"]) == (Decimal("113.39"), "eu-west-1")
    assert json.loads(by_instance["i-010119"]["raw"])["third"] == "c4.large"
    reserved = [row for row in rows if row["action"] == "Commit"]
    assert len(reserved) == 44
    first = next(row for row in reserved if row["current_setting"] == "m4.large" and row["region"] == "us-east-1")
    assert first["target_setting"].startswith("2 × m4.large Linux/UNIX Standard 1y All_Upfront")
    assert first["observed_at"].year == 2018
