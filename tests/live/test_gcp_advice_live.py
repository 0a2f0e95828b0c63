"""Google's Recommender: asked where there is something, and its rows are those of its export to BigQuery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.cloud.recommender_v1.types import Recommendation

from connectors.gcp.recommendations import recommenders
from finops.intake.load import load
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows, whole
from tests.live.google_contract import Google, Violation
from tests.live.google_estate import company, serve_assets, source

ZONE = "projects/nordlicht-ml-prod/locations/us-central1-a/recommenders/google.compute.instance"
SAID: list[dict[str, Any]] = [
    {
        "name": f"{ZONE}.MachineTypeRecommender/recommendations/1",
        "recommender_subtype": "CHANGE_MACHINE_TYPE",
        "description": "Save cost by changing machine type from n1-standard-16 to n1-standard-8.",
        "target": "//compute.googleapis.com/projects/nordlicht-ml-prod/zones/us-central1-a/instances/ocr-day",
        "cost": ("-250", -750_000_000),
    },
    {
        "name": f"{ZONE}.IdleResourceRecommender/recommendations/2",
        "recommender_subtype": "STOP_VM",
        "description": "Save cost by stopping Idle VM 'mlflow'.",
        "target": "//compute.googleapis.com/projects/nordlicht-ml-prod/zones/us-central1-a/instances/mlflow",
        "cost": ("-97", -5_000_000),
    },
    {
        "name": "projects/nordlicht-ml-prod/locations/us-central1/recommenders/"
        "google.compute.commitment.UsageCommitmentRecommender/recommendations/3",
        "recommender_subtype": "PURCHASE_COMMITMENT",
        "description": "Purchase a 1 year committed use discount",
        "target": "//cloudresourcemanager.googleapis.com/projects/nordlicht-ml-prod",
        "cost": ("-40", 0),
    },
]
REFRESHED = "2026-10-30T05:00:00Z"


def message(said: dict[str, Any], category: int = 1, number: bool = True) -> Any:
    target = said["target"].replace("/projects/nordlicht-ml-prod", "/projects/481516234201") if number else said["target"]
    made = Recommendation(
        name=said["name"],
        description=said["description"],
        recommender_subtype=said["recommender_subtype"],
        last_refresh_time=REFRESHED,
        primary_impact={
            "category": category,
            "cost_projection": {
                "cost": {"currency_code": "USD", "units": int(said["cost"][0]), "nanos": said["cost"][1]},
                "duration": {"seconds": 2_592_000},
            },
        },
        state_info={"state": 1},
        target_resources=[target],
    )
    return Recommendation.pb(made)


def exported(said: dict[str, Any]) -> dict[str, Any]:
    parts = said["name"].split("/")
    return {
        "name": said["name"], "cloud_entity_type": "PROJECT_NUMBER", "cloud_entity_id": "481516234201", "location": parts[3],
        "recommender": parts[5], "recommender_subtype": said["recommender_subtype"], "description": said["description"],
        "last_refresh_time": REFRESHED, "state": "ACTIVE", "target_resources": [said["target"]],
        "primary_impact": {
            "category": "COST",
            "cost_projection": {"cost": {"units": said["cost"][0], "nanos": said["cost"][1], "currency_code": "USD"}},
        },
    }  # fmt: skip


def serve_advice(server: Google, found: list[Any]) -> list[str]:
    """What was asked."""
    asked: list[str] = []
    known = {each.name for each in recommenders()}

    def listed(request: Any) -> list[Any]:
        parts = request.parent.split("/")
        if parts[0] != "projects" or parts[2] != "locations" or parts[5] not in known:
            raise Violation(request.parent)
        asked.append(request.parent)
        return [each for each in found if each.name.startswith(request.parent + "/")]

    server.answer("ListRecommendations", listed)
    return asked


def test_live_is_the_same_as_the_export(google: Google, warehouse: Warehouse, tmp_path: Path) -> None:
    serve_assets(google, company())
    asked = serve_advice(google, [message(each) for each in SAID] + [message({**SAID[0], "name": SAID[0]["name"] + "9"}, 2)])
    assert fetched(warehouse, source(google, "advice")).failures == ()
    path = tmp_path / "recommendations.jsonl"
    path.write_text("".join(json.dumps(exported(each)) + "\n" for each in SAID))
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, [path], source="gcp/advice")
    assert whole(warehouse, "vendor_recommendations").equals(whole(files, "vendor_recommendations"))
    found = rows(warehouse, "select kind, saving_monthly::varchar as saved from vendor_recommendations order by all")
    assert [tuple(row.values()) for row in found] == [
        ("commitments", "40.000000000000"), ("idle", "97.005000000000"), ("rightsizing", "250.750000000000"),
    ]  # fmt: skip
    assert len(set(asked)) == len(asked)


def test_a_recommender_is_asked_where_there_is_something(google: Google, warehouse: Warehouse) -> None:
    serve_assets(google, company())
    asked = serve_advice(google, [])
    fetched(warehouse, source(google, "advice"))
    assert not any("cloudsql" in each or "Disk" in each or "address" in each for each in asked)
    assert "projects/nordlicht-edge/locations/us-central1/recommenders/google.run.service.CostRecommender" in asked
    commitments = [each for each in asked if "UsageCommitment" in each]
    assert sorted(commitments) == [
        f"projects/{name}/locations/us-central1/recommenders/google.compute.commitment.UsageCommitmentRecommender"
        for name in ("nordlicht-data", "nordlicht-ml-prod")
    ]
