"""The role that is shipped, what the streams declare, and what they need are one and the same."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

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


def test_the_exports_that_setup_makes_are_such_as_the_service_knows() -> None:
    """Each property is one of the SDK's own model, of its own version; Terraform's body is the command's."""
    from azure.mgmt.costmanagement import CostManagementClient, models

    setup = shipped("azure", "setup")
    (body,) = re.findall(r"--body '\n(.*?)'\n", setup, re.DOTALL)
    body = re.sub(
        r"\s+",
        " ",
        body.replace("'$TYPE'", "ActualCost").replace("FROM", "2027-01-01T00:00:00Z").replace("TO", "2030-01-01T00:00:00Z"),
    )
    document = json.loads(body)
    assert _known(models.Export(document), document) > 12
    credential: Any = object()
    assert set(re.findall(r"exports(?:@|/\S*api-version=)([\d-]+)", setup)) == {
        CostManagementClient(credential)._config.api_version
    }
    (terraform,) = re.findall(r'"azapi_resource" "bill" \{(.*?)\n   \}\n', setup, re.DOTALL)
    assert set(_keys(document)) <= set(re.findall(r"(\w+)\s+= ", terraform))
    made = models.Export(document).properties
    assert made is not None
    assert made.schedule is not None
    assert made.schedule.recurrence_period is not None
    assert (made.partition_data, made.schedule.recurrence_period.from_property) == (True, datetime(2027, 1, 1, tzinfo=UTC))


def _known(model: Any, document: dict[str, Any]) -> int:
    """How many properties there are. Raises KeyError where the model does not have one."""
    count, names = 0, {field._rest_name: name for name, field in model._attr_to_rest_field.items()}
    for name, value in document.items():
        inner = getattr(model, names[name])
        count += 1 + (_known(inner, value) if isinstance(value, dict) else 0)
    return count


def _keys(document: dict[str, Any]) -> list[str]:
    return [key for name, value in document.items() for key in (name, *(_keys(value) if isinstance(value, dict) else ()))]
