"""What a source on AWS may set: whose credentials, which accounts and regions, which endpoints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from finops.connect import ConnectorSettings


class AwsSettings(ConnectorSettings):
    """Credentials are the SDK's own chain: environment, profile, SSO, container or instance role; proxies too (HTTPS_PROXY)."""

    profile: Annotated[str | None, Field(description="Profile of the SDK's shared configuration.", examples=["billing"])] = None
    role_arn: Annotated[
        str | None,
        Field(
            pattern="^arn:",
            description="Role to assume for everything (of the payer account, say).",
            examples=["arn:aws:iam::123456789012:role/finops"],
        ),
    ] = None
    external_id: Annotated[str | None, Field(description="External id that roles ask for.", examples=["finops"])] = None
    member_roles: Annotated[
        tuple[str, ...],
        Field(
            description="Roles to assume in member accounts, one an account: for utilization, inventory, commitments, spot and"
            " Compute Optimizer. Default: own."
        ),
    ] = ()
    regions: Annotated[
        tuple[str, ...], Field(description="Regions of utilization and inventory. Default: all that the account has enabled.")
    ] = ()
    home_region: Annotated[
        str, Field(description="Region of global services: us-east-1, or cn-north-1, us-gov-west-1, … of other partitions.")
    ] = "us-east-1"
    exports: Annotated[
        tuple[str, ...],
        Field(
            description="Billing exports: `s3://bucket/prefix` of one, or of a folder with several.",
            examples=[["s3://bills/exports"]],
        ),
    ] = ()
    inventories: Annotated[
        tuple[str, ...],
        Field(
            description="Folders that S3 Inventory writes to: `s3://bucket/prefix` of its destination.",
            examples=[["s3://lists/inventory"]],
        ),
    ] = ()
    spot_advisor: Annotated[
        str, Field(description="Where the Spot Instance Advisor's interruption bands lie (public, no API); '' for none.")
    ] = "s3://spot-bid-advisor/spot-advisor-data.json"
    advice_from: Annotated[
        Literal["hub", "advisors"] | None,
        Field(
            description="Who gives second opinions: `hub` (Cost Optimization Hub) or `advisors` (Compute Optimizer and Cost"
            " Explorer). Default: the hub where the account is enrolled in it, else the advisors.",
            examples=["hub"],
        ),
    ] = None
    endpoint_url: Annotated[
        str | None, Field(description="Endpoint of every service (an emulator, say).", examples=["http://127.0.0.1:5000"])
    ] = None
    endpoint_urls: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Endpoints by service (`s3`, `ce`, …), before `endpoint_url`.",
            examples=[{"s3": "https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com"}],
        ),
    ]
    retries: Annotated[int, Field(ge=1, le=20, description="Most attempts of one request, the first included.")] = 8
    timeout_s: Annotated[int, Field(ge=1, description="Seconds without an answer after which a request is repeated.")] = 60
