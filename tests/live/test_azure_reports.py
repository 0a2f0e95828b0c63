"""Generated cost details: the bill of an account without exports is that of its files, made once a day and month."""

from __future__ import annotations

import gzip
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.azure.reports import GENERATE
from finops.intake.load import load
from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import cached, fetched, rows, whole
from tests.live.azure_arm import SIGNATURE
from tests.live.azure_company import EXPORT, KINDS, source
from tests.live.azure_contract import Azure
from tests.live.conftest import NOW
from tests.live.faults import Fault, Reset
from tests.live.test_azure_totals import SCOPE


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    from azure.core.pipeline.transport import RequestsTransport

    waited: list[float] = []
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _, seconds: waited.append(seconds))
    return waited


def put_report(azure: Azure, month: str, *, parts: int = 2) -> None:
    """Both reports of a month as Azure makes them: files that each begin with a byte order mark and the header."""
    for kind, named in KINDS.items():
        header, *lines = gzip.decompress((EXPORT / f"nordlicht-{kind}-{month}.csv.gz").read_bytes()).splitlines(keepends=True)
        size = -(-len(lines) // parts)
        for number in range(parts):
            content = header + b"".join(lines[number * size : (number + 1) * size])
            azure.put("costdetails", f"{named}/{month}/part{number}.csv", content)
            azure.plane.reports[f"{named}/{month}/part{number}.csv"] = len(content)


def billing(azure: Azure, **settings: Any) -> Any:
    given = {"exports": [], "scopes": [SCOPE], "management_endpoint": azure.url, "history_days": 31, **settings}
    return source(azure, "billing", **given)


def test_live_is_the_same_as_files_and_waits_as_long_as_azure_says(
    azure: Azure, warehouse: Warehouse, tmp_path: Path, waits: list[float]
) -> None:
    put_report(azure, "2026-10")
    report = fetched(warehouse, billing(azure))  # November has begun: Azure has no data of it yet
    assert report.failures == ()
    assert azure.asked["costmanagement:GenerateCostDetailsReport"] == 4
    assert sorted(waits) == [20, 20, 20, 20, 30, 30, 30, 30]
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, sorted(EXPORT.glob("*-2026-10.csv.gz")), source="azure")
    for table in ("charges", "tag_sets", "resource_daily"):
        assert whole(warehouse, table).equals(whole(files, table)), table


def test_a_report_is_made_once_a_day_and_a_settled_month_once(azure: Azure, warehouse: Warehouse, waits: list[float]) -> None:
    put_report(azure, "2026-10")

    def asked(**passed: int) -> list[str]:
        azure.requests.clear()
        assert fetched(warehouse, billing(azure), now=NOW + timedelta(**passed)).failures == ()
        bodies = [r["body"].decode() for name, r in azure.requests if name == "costmanagement:GenerateCostDetailsReport"]
        return sorted(body.partition('"start": "')[2][:7] for body in bodies)

    assert asked() == ["2026-10", "2026-10", "2026-11", "2026-11"]
    assert asked(hours=2) == []
    assert asked(days=1) == ["2026-10", "2026-10", "2026-11", "2026-11"]
    assert asked(days=12) == ["2026-10", "2026-10", "2026-11", "2026-11"]  # settled by now: once more, for good
    assert asked(days=13) == ["2026-11", "2026-11"]
    assert rows(warehouse, "select count(*) > 100 as many from charges") == [{"many": True}]


def test_the_signature_of_an_address_is_in_no_message(
    azure: Azure, warehouse: Warehouse, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put_report(azure, "2026-10")
    azure.fail("blob:GetReport", *[Fault(403, "AuthenticationFailed", f"sig={SIGNATURE}&se=x is not right")] * 90)
    (failure,) = fetched(warehouse, billing(azure)).failures
    assert f"`{GENERATE}`" in failure
    assert SIGNATURE not in failure + caplog.text
    assert warehouse.published().number == 0


@pytest.mark.parametrize("fault", [Reset(), Fault(503, "ServerBusy")])
@pytest.mark.parametrize(
    "operation", ["costmanagement:GenerateCostDetailsReport", "costmanagement:ReportStatus", "blob:GetReport"]
)
def test_a_broken_connection_is_survived(
    azure: Azure, warehouse: Warehouse, waits: list[float], operation: str, fault: Fault | Reset
) -> None:
    put_report(azure, "2026-10")
    azure.fail(operation, fault)
    assert fetched(warehouse, billing(azure, concurrency=1)).failures == ()
    assert not any(azure.faults.values())
    (actual,) = [path for path in cached(warehouse, "ActualCost.csv") if "2026-10" in str(path)]
    expected = gzip.decompress((EXPORT / "nordlicht-actual-2026-10.csv.gz").read_bytes())
    assert actual.read_bytes() == expected


def test_a_denial_names_the_permission_and_the_doctor_tries_it(azure: Azure, warehouse: Warehouse) -> None:
    put_report(azure, "2026-10")
    azure.fail("costmanagement:GenerateCostDetailsReport", *[Fault(403, "RBACAccessDenied")] * 40)
    (failure,) = fetched(warehouse, billing(azure, concurrency=1)).failures
    status = {check.permission: check.status for check in examine([billing(azure)], lambda _: None)}
    azure.faults.clear()
    assert f"`{GENERATE}`" in failure
    assert status[GENERATE] == "missing"
    assert {check.status for check in examine([billing(azure)], lambda _: None)} == {"ok"}


@pytest.mark.parametrize(("status", "said"), [("Failed", "the report failed"), ("", "bytes, ")])
def test_a_report_that_fails_or_is_cut_off_lands_nothing(
    azure: Azure, warehouse: Warehouse, waits: list[float], status: str, said: str
) -> None:
    put_report(azure, "2026-10")
    azure.plane.report_status = status
    azure.plane.reports["ActualCost/2026-10/part1.csv"] += 1
    (failure,) = fetched(warehouse, billing(azure)).failures
    assert said in failure
    assert warehouse.published().number == 0


def test_no_more_than_thirteen_months_are_asked_for(azure: Azure, warehouse: Warehouse, waits: list[float]) -> None:
    assert fetched(warehouse, billing(azure, history_days=900)).failures == ()
    assert azure.asked["costmanagement:GenerateCostDetailsReport"] == 26
