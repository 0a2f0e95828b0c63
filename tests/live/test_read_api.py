"""Results through the BigQuery Storage Read API: the same rows as over REST, from where it broke; REST where it is denied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp.exports import BILLING
from finops.config import Source
from finops.live.doctor import examine, shipped
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import calls, fetched, rows, whole
from tests.live.bigquery import BigQuery, bigquery
from tests.live.faults import Fault, Reset
from tests.live.gcp_company import TABLE, serve, source, write_credentials
from tests.live.google_contract import Google, public_key
from tests.live.google_rest import TOKEN
from tests.live.read_sessions import Sessions

OFF = "BigQuery Storage API has not been used in project nordlicht-ops before or it is disabled."
DENIED = "request failed: the user does not have 'bigquery.readsessions.create' permission for 'projects/nordlicht-ops'"
READ = "bigquery.jobs.getQueryResults"


@pytest.fixture
def bills(google: Google, tmp_path: Path) -> Iterator[BigQuery]:
    """Five days of October's partitions."""
    with bigquery() as state:
        google.public = public_key(write_credentials(tmp_path / "key.json", state.url))
        serve(state, "202610")
        state.database.execute(f"delete from \"{TABLE}\" where _PARTITIONTIME >= '2026-10-05'")
        yield state


@pytest.fixture
def sessions(google: Google, bills: BigQuery) -> Sessions:
    made = Sessions(google, bills)
    google.beside.append(made)
    return made


def reading(sessions: Sessions, rows: int = 1, **settings: Any) -> Source:
    urls = {"bigquery": sessions.bills.url, "bigquerystorage": sessions.google.target}
    return source(sessions.bills, endpoint_urls=urls, read_api_rows=rows, concurrency=1, **settings)


def brought(folder: Path, given: Source) -> Any:
    warehouse = Warehouse.open(str(folder))
    report = fetched(warehouse, given)
    assert report.failures == ()
    return whole(warehouse, "charges"), calls(report)


def test_the_rows_are_those_of_rest(sessions: Sessions, tmp_path: Path) -> None:
    streamed, made = brought(tmp_path / "streamed", reading(sessions))
    assert made["bigquery.readsessions.create"] == made["bigquery.readsessions.getData"] > 2
    paged, made = brought(tmp_path / "paged", reading(sessions, rows=10_000_000))
    assert "bigquery.readsessions.create" not in made
    assert paged.equals(streamed)
    assert len(paged) > 50


def test_few_rows_come_over_rest(sessions: Sessions, tmp_path: Path) -> None:
    sql = f"select count(*) from \"{TABLE}\" where invoice.month = '202610' group by _PARTITIONTIME order by 1 desc"
    counts = [count for (count,) in sessions.bills.database.execute(sql).fetchall()]
    _, made = brought(tmp_path / "one", reading(sessions, rows=counts[0]))
    assert made["bigquery.readsessions.create"] == counts.count(counts[0]) < len(counts)


def test_a_private_address_of_bigquery_alone_is_not_left(sessions: Sessions, tmp_path: Path) -> None:
    given = source(sessions.bills, read_api_rows=1, concurrency=1)
    _, made = brought(tmp_path / "private", given)
    assert "bigquery.readsessions.create" not in made
    assert {each.status for each in examine([given], lambda _: None)} == {"ok"}
    assert sessions.google.asked == {}


def test_a_stream_that_breaks_is_taken_up_where_it_broke(sessions: Sessions, tmp_path: Path) -> None:
    streamed, _ = brought(tmp_path / "whole", reading(sessions))
    sessions.offsets.clear()
    sessions.message_rows = 3
    sessions.drops += [2, 3]
    sessions.google.fail("ReadRows", Fault(429, "slow", headers=(("Retry-After", "0.01"),)), Reset())
    again, _ = brought(tmp_path / "broken", reading(sessions))
    assert again.equals(streamed)
    assert {6, 15} <= set(sessions.offsets)  # after two messages, and after three more
    assert not any(sessions.google.faults.values())


def test_a_stream_that_stays_broken_lands_nothing_and_a_second_run_reads_what_is_missing(
    sessions: Sessions, tmp_path: Path
) -> None:
    warehouse = Warehouse.open(str(tmp_path / "down"))
    given = reading(sessions, retries=1)
    sessions.google.fail("ReadRows", *[Fault(503, "down", f"with Bearer {TOKEN}")] * 99)
    report = fetched(warehouse, given)
    assert "bigquery.readsessions.getData: 503" in report.failures[0]
    assert TOKEN not in repr(report)
    assert warehouse.published().number == 0
    sessions.google.faults.clear()
    assert fetched(warehouse, given).failures == ()
    assert rows(warehouse, "select count(*)::int as n from charges")[0]["n"] > 50


@pytest.mark.parametrize(("call", "said"), [("CreateReadSession", OFF), ("ReadRows", DENIED)])
def test_where_it_is_denied_rows_come_over_rest(sessions: Sessions, tmp_path: Path, call: str, said: str) -> None:
    sessions.google.fail(call, *[Fault(403, "denied", said)] * 99)
    _, made = brought(tmp_path / "denied", reading(sessions))
    assert made[READ.replace("jobs.getQueryResults", "tables.getData")] > 2
    assert sessions.google.asked["CreateReadSession"] == 1  # asked once, not for every partition
    checks = {each.permission: each for each in examine([reading(sessions)], lambda _: None)}
    assert checks["bigquery.readsessions.getData"].status == "missing"
    assert ("bigquerystorage.googleapis.com" in checks["bigquery.readsessions.getData"].detail) == (said == OFF)
    assert checks["bigquery.tables.getData"].status == "ok"


def test_credentials_that_are_refused_are_no_denial(sessions: Sessions, tmp_path: Path) -> None:
    sessions.google.fail("CreateReadSession", *[Fault(401, "expired", "the token is expired")] * 99)
    report = fetched(Warehouse.open(str(tmp_path / "expired")), reading(sessions))
    assert "bigquery.readsessions.create: the credentials are expired" in report.failures[0]


def test_a_doctor_tries_every_permission(sessions: Sessions) -> None:
    checks = examine([reading(sessions)], lambda _: None)
    assert {check.permission for check in checks} == set(BILLING.permissions)
    assert [check.detail for check in checks if check.status != "ok"] == []
    assert "Billing export" in shipped("gcp", "setup")
    message = "Access Denied: Table x:y.z: User does not have permission to query table x:y.z, or perhaps it does not exist."
    sessions.bills.fail("bigquery.jobs.insert", Fault(403, "accessDenied", message))
    status = [check.status for check in examine([reading(sessions)], lambda _: None)]
    assert sorted(status) == ["missing", "ok", "ok", "ok", "ok"]
