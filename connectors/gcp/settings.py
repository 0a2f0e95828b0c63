"""What a source on Google Cloud may set: whose credentials, which tables, which endpoints, how many bytes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from finops.connect import ConnectorSettings


class GcpSettings(ConnectorSettings):
    """Credentials are the SDK's own chain: GOOGLE_APPLICATION_CREDENTIALS, gcloud's, workload identity; proxies too."""

    project: Annotated[
        str | None,
        Field(description="Project that runs queries and pays for them. Default: the credentials'.", examples=["ops"]),
    ] = None
    impersonate: Annotated[
        str | None,
        Field(
            pattern="^[^@/ ]+@[^@/ ]+$",
            description="Service account to impersonate for everything.",
            examples=["finops@ops.iam.gserviceaccount.com"],
        ),
    ] = None
    billing_exports: Annotated[
        tuple[str, ...],
        Field(
            description="Tables of billing exports, detailed or standard, one a billing account: `project.dataset.table`.",
            examples=[["ops.billing.gcp_billing_export_resource_v1_01A2B3_C4D5E6_F70819"]],
        ),
    ] = ()
    pricing_exports: Annotated[
        tuple[str, ...],
        Field(
            description="Tables of pricing exports: list and negotiated prices.",
            examples=[["ops.billing.cloud_pricing_export"]],
        ),
    ] = ()
    inventories: Annotated[
        tuple[str, ...],
        Field(
            description="Folders that inventory reports of Storage Insights are written to: `gs://BUCKET/FOLDER`.",
            examples=[["gs://ops-inventories/reports"]],
        ),
    ] = ()
    scopes: Annotated[
        tuple[str, ...],
        Field(
            description="What is read beside the bill: `organizations/…`, `folders/…`, `projects/…`. Default: the project.",
            examples=[["organizations/123456789012"]],
        ),
    ] = ()
    regions: Annotated[
        tuple[str, ...], Field(description="Regions whose list prices are read. Default: all.", examples=[["us-central1"]])
    ] = ()
    currency: Annotated[
        str, Field(pattern="^[A-Z]{3}$", description="Currency of list prices: that of the bill.", examples=["EUR"])
    ] = "USD"
    max_bytes_billed: Annotated[
        int, Field(gt=0, description="Bytes that one query may be billed for. A query that would read more is not run.")
    ] = 1 << 40
    read_api_rows: Annotated[
        int,
        Field(ge=1, description="Rows of a query's result from which on the Storage Read API reads it: fewer come over REST."),
    ] = 1_000
    endpoint_urls: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Endpoints by service: `bigquery`, `bigquerystorage`, `cloudasset`, `cloudbilling`, `iamcredentials`, "
            "`monitoring`, `recommender`, `storage`. With `bigquery` alone, no result is read through the Storage Read API.",
            examples=[{"bigquery": "https://bigquery-restricted.p.googleapis.com"}],
        ),
    ]
    retries: Annotated[int, Field(ge=0, le=20, description="Most repetitions of a request that is throttled.")] = 8
    timeout_s: Annotated[int, Field(ge=1, description="Seconds for which a request that fails is repeated.")] = 120
