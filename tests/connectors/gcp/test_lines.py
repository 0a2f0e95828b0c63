"""Lines of the billing export one by one: headers, sellers, credits, prices, late rows, services, reservations, details."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp.billing import BILLING_EXPORT
from finops import focus
from finops.intake.detect import detect
from finops.intake.sniff import look
from tests.connectors.gcp.bills import BASE, bill, charges, credit
from tests.staging import write_csv

D = Decimal


def test_flat_headers_are_the_dotted_ones(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "flat.csv", [name.replace(".", "_") for name in BASE], BASE.values())
    assert detect(look(path, path.name, tmp_path), (BILLING_EXPORT,)) is BILLING_EXPORT
    assert charges(BILLING_EXPORT, path) == bill(tmp_path, {})


SELLERS = [  # transaction type, seller → publisher, issuer
    ("GOOGLE", "Google LLC", "Google Cloud", "Google Cloud"),
    (None, None, "Google Cloud", "Google Cloud"),
    ("THIRD_PARTY_RESELLER", "Databricks Inc.", "Databricks Inc.", "Google Cloud"),
    ("THIRD_PARTY_AGENCY", "MongoDB Inc.", "MongoDB Inc.", "MongoDB Inc."),
]


@pytest.mark.parametrize(("kind", "seller", "publisher", "issuer"), SELLERS)
def test_marketplace(tmp_path: Path, kind: str | None, seller: str | None, publisher: str, issuer: str) -> None:
    (row,) = bill(tmp_path, {"transaction_type": kind, "seller_name": seller})
    assert (row["PublisherName"], row["InvoiceIssuerName"], row["ProviderName"]) == (publisher, issuer, "Google Cloud")


CREDITS = [  # type, promotional part. All lower what is billed; only promotions run out.
    ("SUSTAINED_USAGE_DISCOUNT", "0"),
    ("RESELLER_MARGIN", "0"),
    ("SUBSCRIPTION_BENEFIT", "0"),
    ("DISCOUNT", "0"),
    ("FREE_TIER", "0"),
    ("PROMOTION", "-15"),
]


@pytest.mark.parametrize(("kind", "promotional"), CREDITS)
def test_credits_lower_the_line(tmp_path: Path, kind: str, promotional: str) -> None:
    (row,) = bill(tmp_path, {"cost_at_list": "60", "credits": credit(kind, "-15")})
    assert (row["BilledCost"], row["EffectiveCost"], row["ContractedCost"], row["ListCost"]) == (35, 35, 50, 60)
    assert (row["x_promotional_credit"], row["PricingCategory"]) == (D(promotional), "Standard")
    assert (row["CommitmentDiscountId"], row["x_line_id"]) == (None, None)


def test_negotiated_prices(tmp_path: Path) -> None:
    """100 core-hours: list 0.60, negotiated 0.55; this line at 0.50 by a committed consumption model."""
    prices = {
        "cost_at_list": "60",
        "cost_at_effective_price_default": "55",
        "price.list_price": "0.6",
        "price.effective_price_default": "0.55",
        "price.effective_price": "0.5",
        "consumption_model.id": "1F94",
        "consumption_model.description": "Compute Flexible CUDs 1 Year",
    }
    (row,) = bill(tmp_path, prices)
    assert [row[c] for c in ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")] == [60, 55, 50, 50]
    assert [row[c] for c in ("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity")] == [D("0.6"), D("0.55"), 100]
    assert (row["PricingCategory"], row["CommitmentDiscountStatus"], row["CommitmentDiscountQuantity"]) == (
        "Committed",
        "Used",
        50,
    )


def test_a_price_for_a_million(tmp_path: Path) -> None:
    price = {"price.pricing_unit_quantity": "1000000", "price.effective_price": "0.4", "price.list_price": "0.4"}
    (row,) = bill(
        tmp_path, {"cost": "4", "usage.amount_in_pricing_units": "10000000", "usage.pricing_unit": "requests", **price}
    )
    assert (row["ContractedUnitPrice"], row["PricingQuantity"], row["PricingUnit"]) == (D("0.0000004"), 10_000_000, "Requests")


def test_late_rows_add_up(tmp_path: Path) -> None:
    """The export only appends: a later row of the same hour, SKU and resource is more usage, not a new version."""
    early, late = {"cost": "2", "export_time": "2026-02-03T12:00:00Z"}, {"cost": "3", "export_time": "2026-02-09T12:00:00Z"}
    rows = bill(tmp_path, early, late)
    assert (len(rows), sum(row["BilledCost"] for row in rows)) == (2, 5)


def test_an_unknown_service_is_other(tmp_path: Path) -> None:
    (row,) = bill(tmp_path, {"service.description": "Quantum Bakery"})
    assert (row["ServiceName"], row["ServiceCategory"]) == ("Quantum Bakery", "Other")


def system_labels(**values: str) -> str:
    return json.dumps([{"key": f"compute.googleapis.com/{key}", "value": value} for key, value in values.items()])


RESERVATIONS: list[tuple[dict[str, Any], tuple[str | None, str | None]]] = [
    ({"system_labels": system_labels(reservation_name="r1")}, ("r1", "Used")),
    ({"system_labels": system_labels(reservation_name="r1", is_unused_reservation="true")}, ("r1", "Unused")),
    ({"system_labels": system_labels(is_unused_reservation="true")}, (BASE["resource.global_name"], "Unused")),
    ({"system_labels": system_labels(reservation_name="r1"), "cost_type": "tax"}, (None, None)),
    ({}, (None, None)),
]


@pytest.mark.parametrize(("change", "expected"), RESERVATIONS)
def test_reservation_and_status_stand_together(
    tmp_path: Path, change: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    (row,) = bill(tmp_path, change)
    assert (row["CapacityReservationId"], row["CapacityReservationStatus"]) == expected


DETAILS = [
    ({}, {"InstanceSeries": "N2"}),
    ({"service.description": "Cloud Storage", "sku.description": "Nearline Storage Iowa"}, {"StorageClass": "Nearline"}),
    ({"sku.description": "Balanced PD Capacity"}, {"DiskType": "Balanced PD"}),
    ({"sku.description": "Network Egress", "price.tier_start_amount": "10240"}, {"x_TierStartAmount": "10240.0"}),
]


@pytest.mark.parametrize(("change", "expected"), DETAILS)
def test_price_details(tmp_path: Path, change: dict[str, Any], expected: dict[str, str]) -> None:
    (row,) = bill(tmp_path, change)
    assert json.loads(row["SkuPriceDetails"]) == expected


TYPES = [
    ("//compute.googleapis.com/projects/p/zones/z/instances/7", "compute.googleapis.com/Instance"),
    ("//storage.googleapis.com/projects/_/buckets/b", "storage.googleapis.com/Bucket"),
    ("//container.googleapis.com/projects/p/locations/l/clusters/c/nodePools/n", "container.googleapis.com/NodePool"),
    ("//new.googleapis.com/projects/p/things/t", "new.googleapis.com/things"),
    (None, None),
]


@pytest.mark.parametrize(("name", "expected"), TYPES)
def test_resource_types_are_those_of_cloud_asset(tmp_path: Path, name: str | None, expected: str | None) -> None:
    (row,) = bill(tmp_path, {"resource.global_name": name})
    assert (row["ResourceType"], row["ResourceId"]) == (expected, name)


# As the bill spells them, with and without `Google`, `Cloud` and `API`.
SERVICES = """
Compute Engine|Kubernetes Engine|Artifact Registry|Cloud Run|Cloud Run Functions|Cloud Functions|Vertex AI
Vertex AI Workbench|Notebooks|Cloud TPU|Gemini API|Generative Language API|Cloud Vision API
Cloud Natural Language API|Translate|Cloud Translation API|Cloud Speech API|Cloud Text-to-Speech API
Cloud Storage|Cloud Filestore|Filestore|Backup and DR Service|Cloud SQL|AlloyDB|Cloud Spanner|Cloud Firestore
Cloud Bigtable|Cloud Memorystore for Redis|Memorystore for Valkey|BigQuery|BigQuery Reservation API
BigQuery Storage API|Cloud Dataflow|Cloud Dataproc|Looker|Looker Studio|Cloud Composer|Cloud Pub/Sub
Networking|VPC|Cloud NAT|Cloud Load Balancing|Cloud CDN|Cloud Interconnect|Cloud VPN|Cloud DNS
Cloud Monitoring|Cloud Logging|Cloud Key Management Service (KMS)|Secret Manager|Support
"""


def test_every_service_has_one_category_and_subcategory(tmp_path: Path) -> None:
    services = SERVICES.replace("\n", "|").strip("|").split("|")
    rows = bill(tmp_path, *({"service.description": name, "sku.id": f"S{i}"} for i, name in enumerate(services)))
    found = {row["ServiceName"]: row["ServiceCategory"] for row in rows}
    assert sorted(name for name, category in found.items() if category == "Other") == []
    assert len(found) == len(services)


MACHINE_LEARNING = ["Vertex AI", "Cloud TPU", "Gemini API", "Notebooks", "Cloud Vision API", "Cloud Speech API", "Translate"]


def test_machine_learning_is_marked(tmp_path: Path) -> None:
    gpu = {"sku.description": "Nvidia Tesla T4 GPU running in Americas", "sku.id": "S-GPU"}
    named = [{"service.description": name, "sku.id": name} for name in MACHINE_LEARNING]
    marks = {row["SkuId"]: row["x_ml_workload"] for row in bill(tmp_path, {}, gpu, *named)}
    assert marks == {"S-CORE": False, "S-GPU": True, **dict.fromkeys(MACHINE_LEARNING, True)}


def test_service_names_are_unique_and_their_categories_exist() -> None:
    text = resources.files("connectors.gcp").joinpath("data/services.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({row["service_key"] for row in rows}) == len(rows)
    assert [row for row in rows if focus.subcategories().get(row["subcategory"]) != row["category"]] == []


NUMBERED = [  # the bill's name, its short name → as inventory and metrics name it
    ("projects/4415/zones/europe-west4-a/disk/5731447681477044785", "data", "projects/p1/zones/europe-west4-a/disks/data"),
    ("projects/4415/zones/us-central1-a/instances/98", "web-1", "projects/p1/zones/us-central1-a/instances/web-1"),
    ("projects/p1/regions/us-central1/disks/12", "both", "projects/p1/regions/us-central1/disks/both"),
    ("projects/4415/zones/a-a1-a/instances/98", "projects/p1/instances/web", "projects/p1/zones/a-a1-a/instances/web"),
    ("projects/4415/zones/a-a1-a/instances/98", "projects/p1/instances/98", "projects/4415/zones/a-a1-a/instances/98"),
    ("projects/4415/zones/us-central1-a/instances/98", None, "projects/4415/zones/us-central1-a/instances/98"),
    ("projects/p1/zones/us-central1-a/instances/web", "web", "projects/p1/zones/us-central1-a/instances/web"),
    ("projects/4415/global/snapshots/12", "old", "projects/p1/global/snapshots/old"),
]  # fmt: skip


@pytest.mark.parametrize(("billed", "name", "expected"), NUMBERED)
def test_a_machine_or_disk_bears_the_name_that_inventory_and_metrics_have(
    tmp_path: Path, billed: str, name: str | None, expected: str
) -> None:
    prefix = "//compute.googleapis.com/"
    given = {"resource.global_name": prefix + billed, "resource.name": name, "project.id": "p1"}
    (row,) = bill(tmp_path, given)
    assert row["ResourceId"] == prefix + expected


def test_a_project_is_named_by_its_id_but_for_vertex_ai(tmp_path: Path) -> None:
    def named(name: str) -> str:
        given = {"resource.global_name": name, "resource.name": "x", "project.id": "p1", "project.number": "4415"}
        (row,) = bill(tmp_path, given)
        return str(row["ResourceId"])

    assert (
        named("//tpu.googleapis.com/projects/4415/locations/a/nodes/n")
        == "//tpu.googleapis.com/projects/p1/locations/a/nodes/n"
    )
    endpoint = "//aiplatform.googleapis.com/projects/4415/locations/us-central1/endpoints/1"
    assert named(endpoint) == endpoint
