"""The role that is shipped, what the streams declare, and what they need are one and the same."""

from __future__ import annotations

import json

from connectors.azure.commitments import TENANT_WIDE
from connectors.azure.invoices import BY_BILLING_ROLE
from connectors.azure.live import CONNECTOR
from connectors.azure.prices import PUBLIC
from connectors.azure.reports import GENERATE
from finops.live.doctor import shipped


def test_the_role_names_what_the_streams_need_and_only_reads() -> None:
    role = json.loads(shipped("azure", "permissions"))
    allowed = {*role["Actions"], *role["DataActions"]}
    needed = {permission for stream in CONNECTOR.streams for permission in stream.permissions} - {PUBLIC}
    assert allowed == needed - {*TENANT_WIDE, *BY_BILLING_ROLE}
    assert all(permission.endswith("/read") for permission in needed - {GENERATE})  # which makes a file of Microsoft's own
    assert "finops doctor --policy azure" in shipped("azure", "setup")


def test_what_no_role_of_a_subscription_gives_is_given_by_the_readers_that_setup_names() -> None:
    """A custom role cannot be assigned at `/providers/Microsoft.Capacity`: only subscriptions and management groups take it."""
    providers = {permission.split("/")[0] for permission in TENANT_WIDE}
    setup = shipped("azure", "setup")
    assert all(f"--scope /providers/{provider}" in setup for provider in providers)


def test_what_only_a_role_of_the_bill_gives_setup_says() -> None:
    setup = shipped("azure", "setup")
    assert all(role in setup for role in ("Billing profile reader", "EnrollmentReader"))
