"""What a source on Azure may set: whose credentials, which exports and bills, which cloud's endpoints."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from finops.connect import ConnectorSettings

HTTPS = r"^https://[^/?#@\s]+$"
"""A token goes to these: TLS, no path, no credentials in the address."""


class AzureSettings(ConnectorSettings):
    """Credentials are the SDK's own chain: environment, workload or managed identity, `az login`; proxies too (HTTPS_PROXY)."""

    tenant_id: Annotated[
        str | None,
        Field(description="Tenant that tokens are for. Default: the credential's own.", examples=["contoso.onmicrosoft.com"]),
    ] = None
    managed_identity_client_id: Annotated[
        str | None,
        Field(
            description="Client id of the user-assigned managed identity. Default: the system's.",
            examples=["00000000-0000-0000-0000-000000000000"],
        ),
    ] = None
    authority: Annotated[
        str, Field(pattern=HTTPS, description="Sign-in of the cloud (`https://login.microsoftonline.us`, …).")
    ] = "https://login.microsoftonline.com"
    private_authority: Annotated[
        bool, Field(description="The authority is of a private cloud: Microsoft is not asked whether it knows it.")
    ] = False
    management_endpoint: Annotated[
        str, Field(pattern=HTTPS, description="Resource manager of the cloud (`https://management.usgovcloudapi.net`, …).")
    ] = "https://management.azure.com"
    exports: Annotated[
        tuple[str, ...],
        Field(
            description="Folders with billing exports: `https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER`.",
            examples=[["https://contosobills.blob.core.windows.net/exports/contoso"]],
        ),
    ] = ()
    inventories: Annotated[
        tuple[str, ...],
        Field(
            description="Folders that rules of Blob inventory write to: `https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER`.",
            examples=[["https://contosodata.blob.core.windows.net/inventory"]],
        ),
    ] = ()
    scopes: Annotated[
        tuple[str, ...],
        Field(
            description="Bills whose totals Azure is asked for: billing account (EA), billing profile (MCA), or subscription.",
            examples=[["providers/Microsoft.Billing/billingAccounts/1234567"]],
        ),
    ] = ()
    subscriptions: Annotated[
        tuple[Annotated[str, Field(pattern="^[0-9A-Fa-f-]{36}$")], ...],
        Field(
            description="Subscriptions that inventory, utilization and advice are of. Default: all that may be read.",
            examples=[["00000000-0000-0000-0000-000000000000"]],
        ),
    ] = ()
    metrics_endpoint: Annotated[
        str,
        Field(
            pattern=HTTPS,
            description="Where Azure Monitor answers, `{region}` standing for the region (`…monitor.azure.us`, …).",
        ),
    ] = "https://{region}.metrics.monitor.azure.com"
    metrics_audience: Annotated[
        str, Field(pattern=HTTPS, description="For whom tokens for Azure Monitor are (`https://metrics.monitor.azure.us`, …).")
    ] = "https://metrics.monitor.azure.com"
    prices_endpoint: Annotated[str, Field(pattern=HTTPS, description="Where the Retail Prices API is.")] = (
        "https://prices.azure.com"
    )
    regions: Annotated[
        tuple[Annotated[str, Field(pattern="^[a-z0-9]+$")], ...],
        Field(description="Regions whose prices are fetched.", examples=[["westeurope"]]),
    ] = ()
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="Currency of the prices.")] = "USD"
    retries: Annotated[int, Field(ge=1, le=20, description="Most attempts of one request, the first included.")] = 8
    timeout_s: Annotated[int, Field(ge=1, description="Seconds without an answer after which a request is repeated.")] = 60
