"""The sample company's Google Cloud behind contract servers, credentials of a service account, and sources that read it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from finops.config import Source
from finops.demo import sample_company
from tests.live.bigquery import BigQuery

FOLDER = sample_company() / "gcp"
TABLE = "nordlicht-ops.billing.gcp_billing_export_resource_v1_01A2B3_C4D5E6_F70819"
STANDARD = "nordlicht-ops.billing.gcp_billing_export_v1_01A2B3_C4D5E6_F70819"
ACCOUNT = "finops@nordlicht-ops.iam.gserviceaccount.com"

Field = dict[str, Any]


def field(name: str, kind: str = "STRING") -> Field:
    return {"name": name, "type": kind, "mode": "NULLABLE"}


def record(name: str, *fields: Field, mode: str = "NULLABLE") -> Field:
    return {"name": name, "type": "RECORD", "mode": mode, "fields": list(fields)}


def pairs(name: str) -> Field:
    return record(name, field("key"), field("value"), mode="REPEATED")


# https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/detailed-usage (as of 2026-11).
DETAILED = [
    field("billing_account_id"),
    record("invoice", field("month"), field("publisher_type")),
    field("cost_type"),
    record("service", field("id"), field("description")),
    record("sku", field("id"), field("description")),
    *(field(name, "TIMESTAMP") for name in ("usage_start_time", "usage_end_time", "export_time")),
    record(
        "project",
        *(field(name) for name in ("id", "number", "name")),
        pairs("labels"),
        field("ancestry_numbers"),
        record("ancestors", field("resource_name"), field("display_name"), mode="REPEATED"),
    ),
    pairs("labels"),
    pairs("system_labels"),
    record("location", *(field(name) for name in ("location", "country", "region", "zone"))),
    record("tags", field("key"), field("value"), field("inherited"), field("namespace"), mode="REPEATED"),
    field("cost", "FLOAT"),
    field("cost_at_list", "FLOAT"),
    field("currency"),
    field("currency_conversion_rate", "FLOAT"),
    record(
        "usage",
        field("amount", "FLOAT"),
        field("unit"),
        field("amount_in_pricing_units", "FLOAT"),
        field("pricing_unit"),
    ),
    record(
        "credits",
        field("name"),
        field("amount", "FLOAT"),
        field("full_name"),
        field("id"),
        field("type"),
        mode="REPEATED",
    ),
    record("adjustment_info", *(field(name) for name in ("id", "description", "mode", "type"))),
    field("transaction_type"),
    field("seller_name"),
    record("subscription", field("instance_id")),
    record("resource", field("name"), field("global_name")),
    record(
        "price",
        *(field(name, "NUMERIC") for name in ("list_price", "effective_price", "effective_price_default", "tier_start_amount")),
        field("unit"),
        field("pricing_unit_quantity", "NUMERIC"),
    ),
    record("consumption_model", field("id"), field("description")),
]
OF_THE_DETAILED = {"resource", "price", "subscription"}


def serve(server: BigQuery, months: str = "*", table: str = TABLE, partition: str | None = None) -> None:
    files = [str(path) for path in sorted(FOLDER.glob(f"*_v1_{months}.json.gz"))]
    schema = DETAILED if table == TABLE else [each for each in DETAILED if each["name"] not in OF_THE_DETAILED]
    server.serve(table, schema, files, partition)


def source(server: BigQuery, **settings: Any) -> Source:
    given = {"billing_exports": [TABLE], "endpoint_urls": {"bigquery": server.url}, "streams": ["billing"], "timeout_s": 20}
    return Source(name="gcp", connector="gcp", settings={**given, **settings})


@cache
def private_key() -> str:
    """One a process: to make it takes longer than most of what is tested with it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def write_credentials(path: Path, url: str) -> str:
    """A service account whose tokens the server gives out; its private key, which no message may hold."""
    pem = private_key()
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "nordlicht-ops",
                "private_key_id": "key-1",
                "private_key": pem,
                "client_email": ACCOUNT,
                "token_uri": f"{url}/token",
            }
        )
    )
    return pem
