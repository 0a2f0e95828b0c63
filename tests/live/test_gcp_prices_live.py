"""The Cloud Billing Catalog: the company's list prices are those of its file, in every term, and nothing that is ambiguous."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.cloud.billing_v1.types import Service, Sku

from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.google_contract import Google, Violation
from tests.live.google_estate import OPEN, source

NAMES = {
    "Compute Engine": "services/6F81-5844-456A",
    "Cloud Storage": "services/95FF-2EF5-5EA1",
    "Cloud SQL": "services/9662-B51E-5089",
    "Cloud Run": "services/152E-C115-5142",
    "Cloud TPU": "services/E000-3F24-B8AA",
    "BigQuery": "services/24E6-581D-38E5",
    "Vertex AI": "services/C7E2-9256-1C43",
    "Cloud Pub/Sub": "services/A1E8-BE35-7EBC",
}
SINCE = datetime(2026, 8, 1, tzinfo=UTC)


def sku(service: str, description: str, price: str, usage: str = "OnDemand", **more: Any) -> tuple[str, Any]:
    amount = Decimal(price)
    rates = more.get("rates") or [(0.0, amount)]
    message = Sku(
        name=f"{NAMES[service]}/skus/0000",
        sku_id="0000",
        description=description,
        category={"service_display_name": service, "resource_family": "x", "resource_group": "x", "usage_type": usage},
        service_regions=more.get("regions", ["us-central1"]),
        pricing_info=[
            {
                "effective_time": SINCE,
                "pricing_expression": {
                    "usage_unit": "h",
                    "tiered_rates": [
                        {
                            "start_usage_amount": start,
                            "unit_price": {
                                "currency_code": "USD",
                                "units": int(rate),
                                "nanos": int((rate - int(rate)) * 10**9),
                            },
                        }
                        for start, rate in rates
                    ],
                },
            }
        ],
    )
    return service, Sku.pb(message)


def serve_catalog(server: Google, found: list[tuple[str, Any]]) -> None:
    services = [Service.pb(Service(name=name, service_id=name[9:], display_name=title)) for title, name in NAMES.items()]

    def listed(request: Any) -> list[Any]:
        if request.parent not in NAMES.values() or request.currency_code != "USD":
            raise Violation(f"{request.parent} in {request.currency_code}")
        return [each for service, each in found if NAMES[service] == request.parent]

    server.answer("ListServices", lambda _: services)
    server.answer("ListSkus", listed)


GPUS = {"nvidia-l4": "Nvidia L4 GPU", "nvidia-tesla-t4": "Nvidia Tesla T4 GPU"}
STORAGE = {
    "": "{} Storage US Regional", ":put": "Regional {} Class A Operations", ":get": "Regional {} Class B Operations",
    ":retrieval": "{} Data Retrieval", ":transition": "Regional {} Class A Operations",
}  # fmt: skip


VERTEX = {
    "N1 Predefined Instance Core": "0.03625", "N1 Predefined Instance Ram": "0.0049", "Nvidia Tesla T4 GPU": "0.4025",
    "G2 Instance Core": "0.02858", "G2 Instance Ram": "0.0034", "Nvidia L4 GPU": "0.64409",
}  # fmt: skip
"""Parts that make up the company's prices of endpoints."""


def company() -> list[tuple[str, Any]]:
    """The parts of the company's price list, as the catalog words them, and the factor of flexible commitments."""
    found = [sku("Compute Engine", "Commitment - dollar based v1: GCE for 1 year", "0.0072")]
    for part, price in VERTEX.items():
        found.append(sku("Vertex AI", f"Vertex AI: Online/Batch Prediction {part} running in Americas", price))
    for row in file_rows():
        price, name = row["price"], row["sku"]
        if row["term"] != "on_demand":
            continue
        if row["product"] == "vm" and name.endswith(("-core", "-ram")):
            family, part = name.upper().split("-")
            kind = f"{family} Predefined" if family == "N1" else family
            found.append(sku("Compute Engine", f"{kind} Instance {part.title()} running in Americas", price))
        elif row["product"] == "vm" and name in GPUS:
            found.append(sku("Compute Engine", f"{GPUS[name]} running in Americas", price))
        elif row["product"] == "object_storage" and (name, price) != ("STANDARD:retrieval", "0"):
            kind, _, part = name.partition(":")
            amount = Decimal(price) / 1000 if part in ("put", "get", "transition") else Decimal(price)
            found.append(sku("Cloud Storage", STORAGE[f":{part}" if part else ""].format(kind.title()), str(amount)))
        elif name == "v5e-chip":
            found.append(sku("Cloud TPU", "TpuV5e for us-central1", price))
        elif name == "cloud-run:cpu":
            found.append(sku("Cloud Run", "Services CPU (Request-based billing) in us-central1", price))
        elif name == "bigquery:analysis":
            found.append(sku("BigQuery", "Analysis (us-central1)", price))
    return found


def file_rows() -> list[dict[str, str]]:
    with (OPEN / "prices.csv").open(encoding="utf-8", newline="") as handle:
        return [row for row in csv.DictReader(handle) if row["provider"] == "Google Cloud"]


def prices(warehouse: Warehouse) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    found = rows(warehouse, "from prices")
    return {(row["product"], row["sku"], row["term"], row["instrument"] or ""): row for row in found}


def test_the_company_is_as_in_its_file(google: Google, warehouse: Warehouse) -> None:
    serve_catalog(google, company())
    assert fetched(warehouse, source(google, "prices")).failures == ()
    found = prices(warehouse)
    compared = 0
    for row in file_rows():
        key = (row["product"], row["sku"], row["term"], row["instrument"])
        if key[1] == "STANDARD:retrieval":
            continue  # it is free and not listed
        live = found[key]
        assert live["price"] == Decimal(row["price"]), key
        assert (live["operating_system"] or "", live["payment"] or "") == (row["operating_system"], row["payment"]), key
        assert live["unit"].replace("GiB", "GB") == row["unit"], key
        if row["specs"] and row["product"] == "vm" and "standard" in row["sku"]:
            assert json.loads(live["specs"]) == json.loads(row["specs"]), key
        compared += 1
    assert compared > 40


MACHINE = [
    sku("Compute Engine", "N2 Instance Core running in Americas", "0.03"),
    sku("Compute Engine", "N2 Instance Ram running in Americas", "0.004"),
    sku("Compute Engine", "Spot Preemptible N2 Instance Core running in Americas", "0.007", "Preemptible"),
    sku("Compute Engine", "Spot Preemptible N2 Instance Ram running in Americas", "0.001", "Preemptible"),
    sku("Compute Engine", "Commitment v1: N2 Cpu in Americas for 1 Year", "0.02", "Commit1Yr"),
    sku("Compute Engine", "Commitment v1: N2 Ram in Americas for 1 Year", "0.0025", "Commit1Yr"),
    sku("Compute Engine", "Commitment v1: N2 Cpu in Americas for 3 Year", "0.015", "Commit3Yr"),
    sku("Compute Engine", "N2 Custom Instance Core running in Americas", "0.9"),
    sku("Compute Engine", "N2 Sole Tenancy Instance Core running in Americas", "0.8"),
    sku("Compute Engine", "E2 Instance Core running in Americas", "0.02181159"),
    sku("Compute Engine", "E2 Instance Ram running in Americas", "0.00292353"),
    sku("Compute Engine", "SSD backed PD Capacity", "0.17", regions=["us-central1", "us-east1"]),
    sku("Compute Engine", "Regional SSD backed PD Capacity in Iowa", "0.34"),
    sku("Compute Engine", "Balanced PD Capacity in Iowa", "0.1"),
    sku("Compute Engine", "Balanced PD Capacity in Iowa", "0.11"),
    sku("Compute Engine", "Nvidia Tesla T4 GPU attached to Spot Preemptible VMs running in Americas", "0.1", "Preemptible"),
    sku("Cloud SQL", "Cloud SQL for PostgreSQL: Regional - vCPU in Iowa", "0.0826"),
    sku("Cloud Storage", "Nearline Data Retrieval", "0", rates=[(0.0, Decimal(0)), (5.0, Decimal("0.01"))]),
]


def test_every_term_of_a_machine_and_nothing_that_is_ambiguous(google: Google, warehouse: Warehouse) -> None:
    serve_catalog(google, MACHINE)
    google.page = 4
    assert fetched(warehouse, source(google, "prices", regions=["us-central1"])).failures == ()
    found = {key: row["price"] for key, row in prices(warehouse).items() if key[2] != "on_demand" or key[0] != "object_storage"}
    assert found["vm", "n2-standard-4", "on_demand", ""] == Decimal("0.184")  # 4 × 0.03 + 16 × 0.004
    assert found["vm", "n2-standard-4", "spot", ""] == Decimal("0.044")
    assert found["vm", "n2-standard-4", "1y", "cud_resource"] == Decimal("0.12")
    assert ("vm", "n2-standard-4", "3y", "cud_resource") not in found, "its memory is not listed"
    assert found["vm", "e2-medium", "on_demand", ""] == Decimal("0.03350571")  # as Google's page has it
    assert found["vm", "nvidia-tesla-t4", "spot", ""] == Decimal("0.1")
    assert found["disk", "pd-ssd", "on_demand", ""] == Decimal("0.17")
    assert not any(key[1] == "pd-balanced" for key in found), "one key, two prices"
    database = prices(warehouse)["database", "postgres:vcpu", "on_demand", ""]
    assert (database["deployment"], database["price"]) == ("Regional", Decimal("0.0826"))
    tiers = rows(warehouse, "select tier_start, price from prices where sku = 'NEARLINE:retrieval' order by 1")
    assert [tuple(row.values()) for row in tiers] == [(0.0, Decimal(0)), (5.0, Decimal("0.01"))]
    assert {row["region"] for row in rows(warehouse, "from prices")} == {"us-central1"}
    assert {row["effective_from"] for row in rows(warehouse, "from prices")} == {SINCE}


def test_a_list_of_this_week_is_good_enough(google: Google, warehouse: Warehouse) -> None:
    serve_catalog(google, MACHINE)
    fetched(warehouse, source(google, "prices"))
    before = google.asked["ListSkus"]
    fetched(warehouse, source(google, "prices"))
    assert google.asked["ListSkus"] == before


def test_a_doctor_asks_for_a_page(google: Google) -> None:
    serve_catalog(google, [])
    (check,) = examine([source(google, "prices")], lambda _: None)
    assert check.status == "ok"
