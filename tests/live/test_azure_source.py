"""What holds for a source on Azure as a whole; what holds for each of its streams is in `test_contract.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.azure.commitments import TENANT_WIDE
from connectors.azure.invoices import BY_BILLING_ROLE
from connectors.azure.live import CONNECTOR
from connectors.azure.prices import PUBLIC
from finops.live.doctor import shipped
from finops.warehouse.warehouse import Warehouse
from tests.live import clouds
from tests.live.aws_company import fetched, rows
from tests.live.azure_contract import Azure
from tests.live.clouds import Cloud
from tests.live.faults import Fault


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with clouds.cloud("azure", True, request, tmp_path) as made:
        yield made


LISTS = {"inventory": "machinelearning:Computes", "commitments": "billingbenefits:SavingsPlans", "invoices": "billing:Invoices"}


@pytest.mark.parametrize(("stream", "operation"), LISTS.items())
def test_a_page_elsewhere_gets_no_token(azure: Azure, cloud: Cloud, tmp_path: Path, stream: str, operation: str) -> None:
    azure.answer(operation, {"value": [], "nextLink": "https://elsewhere.example/steal"})
    (failure,) = fetched(Warehouse.open(str(tmp_path / "elsewhere")), cloud.make(stream)).failures
    assert "a page elsewhere" in failure


def test_one_stream_fails_and_the_others_go_on(cloud: Cloud, warehouse: Warehouse) -> None:
    cloud.fail("costmanagement:Query", *[Fault(403, "RBACAccessDenied")] * 9)
    report = fetched(warehouse, cloud.make("totals", "inventory"))
    cloud.forget()
    assert [failure.split(":")[0] for failure in report.failures] == ["azure totals"]
    assert rows(warehouse, "from resources")
    assert fetched(warehouse, cloud.make("totals")).failures == ()


def test_the_role_names_what_the_doctor_tries() -> None:
    role: dict[str, Any] = json.loads(shipped("azure", "permissions"))
    needed = {permission for stream in CONNECTOR.streams for permission in stream.permissions}
    assert {*role["Actions"], *role["DataActions"]} == needed - {PUBLIC} - {*TENANT_WIDE, *BY_BILLING_ROLE}
