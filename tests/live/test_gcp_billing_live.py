"""The billing export in BigQuery: live is the same as the files, only what changed is read, and nothing half-lands."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.config import connector_settings
from finops.errors import ConfigError
from finops.intake.load import load
from finops.live import run
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import cached, fetched, rows, whole
from tests.live.bigquery import BigQuery, bigquery
from tests.live.faults import Fault
from tests.live.gcp_company import FOLDER, STANDARD, TABLE, serve, source, write_credentials
from tests.live.google_rest import IMPERSONATED, TOKEN

READ = "cost as cost,"
DENIED = [
    ("bigquery.tables.get", "Access Denied: Table x:y.z: Permission bigquery.tables.get denied", "bigquery.tables.get"),
    (
        "bigquery.jobs.insert",
        "Access Denied: Project x: User does not have bigquery.jobs.create permission",
        "bigquery.jobs.create",
    ),
    (
        "bigquery.jobs.insert",
        "Access Denied: Table x:y.z: User does not have permission to query table x:y.z, or perhaps it does not exist.",
        "bigquery.tables.getData",
    ),
    ("bigquery.jobs.getQueryResults", "Access Denied", "bigquery.tables.getData"),
]
"""Method, Google's words, permission."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    with bigquery() as state:
        write_credentials(tmp_path / "key.json", state.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "BIGQUERY_EMULATOR_HOST"):
            monkeypatch.delenv(name, raising=False)
        yield state


@pytest.fixture
def october(server: BigQuery) -> BigQuery:
    serve(server, "202610")
    server.database.execute(f"delete from \"{TABLE}\" where _PARTITIONTIME between '2026-10-05' and '2026-10-28'")
    return server


def lines(server: BigQuery) -> int:
    """Queries that read lines."""
    return sum(READ in sql for sql in server.read())


def test_live_is_the_same_as_files_to_the_row(server: BigQuery, warehouse: Warehouse, tmp_path: Path) -> None:
    serve(server, "2026[01][08]")
    report = fetched(warehouse, source(server))
    assert report.failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, sorted(FOLDER.glob("*_v1_2026[01][08].json.gz")), source="gcp")
    assert rows(files, "select count(*)::int as n from charges")[0]["n"] > 1_000
    for table in ("charges", "tag_sets", "reconciliation", "resource_daily", "spend_monthly"):
        assert whole(warehouse, table).equals(whole(files, table)), table


def test_a_second_load_reads_and_stages_nothing(october: BigQuery, warehouse: Warehouse) -> None:
    first = fetched(warehouse, source(october))
    read = lines(october)
    again = fetched(warehouse, source(october))
    assert (first.changed, again.changed, again.lines) == (True, False, ())
    assert read > 5  # a query a partition
    assert lines(october) == read
    assert [str(amount) for amount in again.api.estimated] in ([], ["0.00 USD"])


def test_only_the_partition_that_changed_is_read(october: BigQuery, warehouse: Warehouse) -> None:
    fetched(warehouse, source(october))
    read = lines(october)
    october.database.execute(
        f'insert into "{TABLE}" select * replace (export_time + interval 1 hour as export_time, 5.0 as cost)'
        f" from \"{TABLE}\" where _PARTITIONTIME = '2026-10-03' and cost_type = 'regular' limit 1"
    )
    before = rows(warehouse, "select count(*)::int as n from charges")[0]["n"]
    report = fetched(warehouse, source(october))
    assert lines(october) == read + 1
    assert [line.period for line in report.lines] == ["2026-10"]
    assert rows(warehouse, "select count(*)::int as n from charges")[0]["n"] >= before + 1


def test_another_mapping_is_staged_without_a_query(
    october: BigQuery, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched(warehouse, source(october))
    read = lines(october)
    monkeypatch.setattr(run, "mapping", lambda fmt: f"another mapping of {fmt.name}")
    assert [line.period for line in fetched(warehouse, source(october)).lines] == ["2026-10"]
    assert lines(october) == read


def test_a_standard_export_has_fewer_columns(server: BigQuery, warehouse: Warehouse) -> None:
    serve(server, "202610", STANDARD)
    assert fetched(warehouse, source(server, billing_exports=[STANDARD])).failures == ()
    files = rows(
        warehouse, "select count(*)::int as n, count(ResourceId)::int as named, sum(BilledCost) > 0 as some from charges"
    )
    assert (files[0]["n"] > 100, files[0]["named"], files[0]["some"]) == (True, 0, True)
    assert not any("resource" in sql for sql in server.read())


def test_a_table_partitioned_by_a_column_of_its_own(server: BigQuery, warehouse: Warehouse) -> None:
    serve(server, "202610", partition="export_time")
    assert fetched(warehouse, source(server)).failures == ()
    assert rows(warehouse, "select count(*)::int as n from charges")[0]["n"] > 100
    assert all("_PARTITIONTIME" not in sql for sql in server.read())


def test_a_query_names_columns_and_partitions(october: BigQuery, warehouse: Warehouse) -> None:
    fetched(warehouse, source(october))
    for sql, _ in october.statements:
        assert "*" not in sql.replace("count(*)", "")
        assert "_PARTITIONTIME >= @since" in sql
    assert not any("ancestors" in sql for sql in october.read())


def test_bytes_are_priced_before_and_after(october: BigQuery, warehouse: Warehouse) -> None:
    report = fetched(warehouse, source(october))
    (spent,), (planned,) = report.api.spent, report.api.estimated
    assert Decimal("0.00") < spent.amount <= planned.amount + Decimal("0.01")
    with pytest.raises(ConfigError, match="more than 0"):
        fetched(Warehouse.open(f"{warehouse.storage.root}-2"), source(october), max_api_cost=Decimal(0))


def test_a_query_over_the_limit_is_not_run(october: BigQuery, warehouse: Warehouse) -> None:
    report = fetched(warehouse, source(october, max_bytes_billed=1_000))
    assert "more than 1,000" in report.failures[0]
    assert "max_bytes_billed" in report.failures[0]
    assert october.read() == []
    october.database.execute("select 1")


@pytest.mark.parametrize(("method", "message", "permission"), DENIED)
def test_a_denial_names_the_permission_and_lands_nothing(
    october: BigQuery,
    warehouse: Warehouse,
    caplog: pytest.LogCaptureFixture,
    method: str,
    message: str,
    permission: str,
) -> None:
    caplog.set_level(logging.DEBUG, "finops")
    october.fail(method, *[Fault(403, "accessDenied", f"{message} with Bearer {TOKEN}")] * 80)
    report = fetched(warehouse, source(october))
    assert f"allow `{permission}`" in report.failures[0]
    assert "finops doctor" in report.failures[0]
    assert warehouse.published().number == 0
    assert "SECRET" not in repr(report) + caplog.text
    assert cached(warehouse, "*.parquet") == []


def test_pages_make_one_file(october: BigQuery, warehouse: Warehouse, tmp_path: Path) -> None:
    fetched(warehouse, source(october))
    october.page_rows = 7
    other = Warehouse.open(str(tmp_path / "small pages"))
    assert fetched(other, source(october)).failures == ()
    assert whole(other, "charges").equals(whole(warehouse, "charges"))
    files, others = ({path.name: path.read_bytes() for path in cached(each, "*.parquet")} for each in (warehouse, other))
    assert files == others != {}


def test_what_is_no_billing_export_is_refused(server: BigQuery, warehouse: Warehouse) -> None:
    server.tables[TABLE] = {"schema": [{"name": "x", "type": "STRING"}], "partition": None}
    assert "it is no billing export" in fetched(warehouse, source(server)).failures[0]
    serve(server, "202610", partition="none")
    assert "not partitioned" in fetched(warehouse, source(server)).failures[0]
    assert "is no table" in fetched(warehouse, source(server, billing_exports=["x` where 1=1 --"])).failures[0]
    assert "Not found" in fetched(warehouse, source(server, billing_exports=["a-b.c.d"])).failures[0]


def test_a_service_account_is_impersonated(october: BigQuery, warehouse: Warehouse) -> None:
    given: dict[str, Any] = {"impersonate": "reader@nordlicht-ops.iam.gserviceaccount.com"}
    urls = {"bigquery": october.url, "iamcredentials": october.url}
    assert fetched(warehouse, source(october, endpoint_urls=urls, **given)).failures == ()
    assert october.asked["generateAccessToken"] == 1
    october.fail("token", Fault(200, "ok"))
    october.faults.clear()
    assert IMPERSONATED not in repr(rows(warehouse, "from coverage"))


def test_credentials_that_are_refused_say_how(
    october: BigQuery, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skew = "Invalid JWT: Token must be a short-lived token. Check your iat and exp values in the JWT claim."
    october.fail("token", *[Fault(400, "invalid_grant", skew)] * 9)
    assert "clock" in fetched(warehouse, source(october)).failures[0]
    october.faults.clear()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    report = fetched(warehouse, source(october))
    assert "no credentials" in report.failures[0]
    assert "gcloud auth application-default login" in report.failures[0]


def test_files_hold_no_secret(october: BigQuery, warehouse: Warehouse) -> None:
    fetched(warehouse, source(october))
    held = [path for path in cached(warehouse, "*") if path.is_file()]
    assert not any(b"SECRET" in path.read_bytes() for path in held)
    (index,) = cached(warehouse, "index.json")
    assert len(json.loads(index.read_text())) == len(cached(warehouse, "*.parquet"))
    assert connector_settings(source(october)).concurrency == 8
