"""What holds for every stream of Azure: keys, empty windows, replays, denials, throttles, broken connections, secrets."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.azure.commitments import TENANT_WIDE
from connectors.azure.invoices import BY_BILLING_ROLE
from connectors.azure.live import CONNECTOR
from connectors.azure.prices import PUBLIC
from finops import tables
from finops.live.doctor import examine, shipped
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_benefits import put_commitments, put_use
from tests.live.azure_company import put_exports, source
from tests.live.azure_contract import SECRET, TOKEN, Azure
from tests.live.azure_estate import REGION, put_resources, put_sample
from tests.live.azure_metrics import put_measurements
from tests.live.azure_retail import ITEMS, listed
from tests.live.conftest import NOW
from tests.live.faults import Fault, Reset
from tests.live.test_azure_invoices import put_invoices
from tests.live.test_azure_opinions import put_opinions
from tests.live.test_azure_totals import COLUMNS, SCOPE

STREAMS = {stream.name: stream for stream in CONNECTOR.streams}
SIGN_IN = {"login:Discover", "login:Token"}
"""What a failed sign-in is, `test_azure_billing.py` says."""

PERMISSIONS = {permission for stream in STREAMS.values() for permission in stream.permissions}


def of(azure: Azure, *streams: str, **settings: Any) -> Any:
    given = {
        "management_endpoint": azure.url,
        "prices_endpoint": azure.url,
        "metrics_endpoint": azure.url,
        "regions": [REGION],
        "scopes": [SCOPE],
        "history_days": 45 if streams == ("invoices",) else 5,  # one comes after its month
        "concurrency": 1,
        "retries": 3,
        **settings,
    }
    return source(azure, *streams, **given)


def held(warehouse: Warehouse, stream: str) -> list[dict[str, Any]]:
    return rows(warehouse, f"from {STREAMS[stream].table} order by all")


@pytest.fixture
def tenant(azure: Azure) -> Azure:
    """The sample company, and one of each kind of thing that it lacks."""
    put_exports(azure, ("2026-10",))
    put_sample(azure)
    put_resources(azure)
    put_measurements(azure.plane.measured, 2)
    put_commitments(azure)
    put_use(azure)
    put_opinions(azure)
    put_invoices(azure, "2026-09")
    azure.answer("costmanagement:Query", totals)
    azure.answer("prices:List", listed([each | {"armRegionName": REGION} for each in ITEMS]))
    return azure


def totals(definition: dict[str, Any], _: str) -> dict[str, Any]:
    day = int(definition["timePeriod"]["from"][:10].replace("-", ""))
    return {"properties": {"columns": COLUMNS, "rows": [[1.25, day, "Virtual Machines", "EUR"]], "nextLink": None}}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between two attempts are tested by themselves."""
    from azure.core.pipeline.transport import RequestsTransport

    monkeypatch.setattr(RequestsTransport, "sleep", lambda *_: None)


def asked(azure: Azure, stream: str, folder: Path) -> set[str]:
    """The operations that one load of the stream uses."""
    azure.asked.clear()
    assert fetched(Warehouse.open(str(folder / "first")), of(azure, stream)).failures == ()
    return set(azure.asked) - SIGN_IN


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says_what_it_is(name: str) -> None:
    stream = STREAMS[name]
    assert tables.table(stream.table)
    assert stream.title
    assert stream.permissions
    assert stream.divided == "snapshot" or stream.reach_days > 0


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_there_is_no_error_and_a_replay_changes_nothing(azure: Azure, warehouse: Warehouse, name: str) -> None:
    if name == "billing":
        put_exports(azure, ("2026-10",))
    azure.answer("costmanagement:Query", lambda *_: {"properties": {"columns": COLUMNS, "rows": []}})
    azure.answer("prices:List", listed([]))
    for _ in range(2):
        assert fetched(warehouse, of(azure, name)).failures == ()
    first = held(warehouse, name)
    assert fetched(warehouse, of(azure, name)).failures == ()
    assert held(warehouse, name) == first


@pytest.mark.parametrize("name", STREAMS)
def test_keys_are_unique_required_columns_are_there_and_a_replay_changes_nothing(
    tenant: Azure, warehouse: Warehouse, name: str
) -> None:
    assert fetched(warehouse, of(tenant, name)).failures == ()
    table = tables.table(STREAMS[name].table)
    found = held(warehouse, name)
    assert found
    assert all(row[column] is not None for row in found for column in table.required)
    keys = [tuple(row[column] for column in table.key) for row in found]
    assert not table.key or len(set(keys)) == len(keys)
    assert fetched(warehouse, of(tenant, name)).failures == ()
    assert held(warehouse, name) == found


@pytest.mark.parametrize("name", STREAMS)
def test_a_denial_names_the_permission_and_lands_nothing(
    tenant: Azure, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for number, operation in enumerate(sorted(asked(tenant, name, tmp_path))):
        warehouse = Warehouse.open(str(tmp_path / f"denied {number}"))
        tenant.fail(operation, *[Fault(403, "AuthorizationFailed", f"{TOKEN} with {SECRET} has no authorization")] * 90)
        report = fetched(warehouse, of(tenant, name))
        tenant.faults.clear()
        said = report.failures[0]
        assert any(f"`{permission}`" in said for permission in STREAMS[name].permissions), (operation, said)
        assert "finops doctor" in said
        assert warehouse.published().number == 0
        for secret in (SECRET, *tenant.tokens):
            assert secret not in repr(report) + caplog.text, operation


@pytest.mark.parametrize(
    "fault", [Fault(429, "TooManyRequests", headers=(("Retry-After", "0"),)), Fault(503, "ServerBusy"), Reset()]
)
@pytest.mark.parametrize("name", STREAMS)
def test_a_throttle_or_a_broken_connection_is_survived(tenant: Azure, tmp_path: Path, name: str, fault: Fault | Reset) -> None:
    for operation in sorted(asked(tenant, name, tmp_path)):
        tenant.fail(operation, fault)
    warehouse = Warehouse.open(str(tmp_path / "again"))
    assert fetched(warehouse, of(tenant, name)).failures == ()
    assert not any(tenant.faults.values())
    assert held(warehouse, name) == held(Warehouse.open(str(tmp_path / "first")), name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_wrong_clock_is_said(tenant: Azure, tmp_path: Path, name: str) -> None:
    for operation in sorted(asked(tenant, name, tmp_path) - {"prices:List"}):  # these are asked for without credentials
        tenant.fail(operation, *[Fault(401, "InvalidAuthenticationToken", "The access token is not yet valid.")] * 40)
        report = fetched(Warehouse.open(str(tmp_path / f"clock {operation.replace(':', ' ')}")), of(tenant, name))
        tenant.faults.clear()
        assert "set this machine's clock" in report.failures[0], operation


PAGED: dict[str, Any] = {
    "resourcegraph:Resources": lambda _: {"data": [], "$skipToken": "again", "resultTruncated": "false"},
    **{
        name: lambda url, name=name: {"value": [], "nextLink": f"{url}/{name}?$skiptoken=again"}
        for name in (
            "compute:Skus",
            "machinelearning:Computes",
            "cognitive:Deployments",
            "cognitive:Models",
            "capacity:Reservations",
            "billingbenefits:SavingsPlans",
            "costmanagement:BenefitUtilization",
            "costmanagement:BenefitRecommendations",
            "billing:Invoices",
            "billing:Transactions",
        )
    },
}
"""Operations with pages, and a page that leads to itself. Blob, the totals and the prices: in the tests of their own."""


@pytest.mark.parametrize("name", STREAMS)
def test_a_page_token_that_comes_twice_and_a_page_elsewhere_are_errors(tenant: Azure, tmp_path: Path, name: str) -> None:
    for number, operation in enumerate(sorted(asked(tenant, name, tmp_path) & PAGED.keys())):
        page = PAGED[operation](tenant.url)
        tenant.loop(operation, page)
        report = fetched(Warehouse.open(str(tmp_path / f"twice {number}")), of(tenant, name))
        assert "one page token twice" in report.failures[0], (operation, report.failures)
        if "nextLink" in page:
            tenant.answer(operation, page | {"nextLink": "https://elsewhere.example/steal"})
            report = fetched(Warehouse.open(str(tmp_path / f"elsewhere {number}")), of(tenant, name))
            assert "a page elsewhere" in report.failures[0], operation
        tenant.answers.pop(operation)
        tenant.loops.clear()


def test_one_stream_fails_and_the_others_go_on(tenant: Azure, warehouse: Warehouse) -> None:
    tenant.fail("costmanagement:Query", *[Fault(403, "RBACAccessDenied")] * 9)
    report = fetched(warehouse, of(tenant, "totals", "inventory"))
    tenant.faults.clear()
    assert [failure.split(":")[0] for failure in report.failures] == ["azure totals"]
    assert held(warehouse, "inventory")
    assert fetched(warehouse, of(tenant, "totals")).failures == ()


def test_a_doctor_tries_every_permission_once_and_only_reads(tenant: Azure) -> None:
    tenant.requests.clear()
    checks = examine([of(tenant)], lambda _: None)
    assert {check.permission for check in checks} == PERMISSIONS
    assert [check.detail for check in checks if check.status != "ok"] == []
    role = json.loads(shipped("azure", "permissions"))
    assert {*role["Actions"], *role["DataActions"]} == PERMISSIONS - {PUBLIC} - {*TENANT_WIDE, *BY_BILLING_ROLE}


def test_windows_follow_the_clock_that_is_given(tenant: Azure, warehouse: Warehouse) -> None:
    for stream in (stream for stream in STREAMS.values() if stream.divided == "day"):
        fetched(warehouse, of(tenant, stream.name), now=NOW - timedelta(days=300))
        assert held(warehouse, stream.name) == []
