"""What holds for every stream of Google Cloud that speaks gRPC: keys, empty windows, replays, denials, throttles, secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp.catalog import PUBLIC
from connectors.gcp.live import CONNECTOR
from connectors.gcp.recommendations import recommenders
from finops import tables
from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live import google_series
from tests.live.aws_company import calls, fetched, rows
from tests.live.bigquery import IMPERSONATED, bigquery
from tests.live.conftest import NOW
from tests.live.faults import Fault, Reset
from tests.live.google_contract import Google
from tests.live.google_estate import company, serve_assets, source
from tests.live.google_things import MACHINES, THINGS
from tests.live.test_gcp_advice_live import SAID, message, serve_advice
from tests.live.test_gcp_commitments_live import HELD
from tests.live.test_gcp_prices_live import MACHINE, serve_catalog

STREAMS = {
    stream.name: stream for stream in CONNECTOR.streams if not all(p.startswith("bigquery.") for p in stream.permissions)
}
"""Those of BigQuery alone are held in test_gcp_billing_live.py and test_gcp_price_table_live.py."""

CALLS = {
    "utilization": ("ListAssets", "ListTimeSeries"),
    "inventory": ("ListAssets", "ListTimeSeries"),
    "commitments": ("ListAssets",),
    "prices": ("ListServices", "ListSkus"),
    "advice": ("ListAssets", "ListRecommendations"),
}
PAIRS = [(name, call) for name, several in CALLS.items() for call in several]
PERMISSIONS = {
    "ListAssets": "cloudasset.assets.listResource",
    "ListTimeSeries": "monitoring.timeSeries.list",
    "ListServices": PUBLIC,
    "ListSkus": PUBLIC,
    "ListRecommendations": "recommender.",
}


def of(google: Google, *streams: str, **settings: Any) -> Any:
    return source(google, *streams, **{"history_days": 3, **settings})


def held(warehouse: Warehouse, stream: str) -> list[dict[str, Any]]:
    return rows(warehouse, f"from {STREAMS[stream].table} order by all")


@pytest.fixture
def estate(google: Google) -> Google:
    serve_assets(google, [*company(), *THINGS, *MACHINES, *HELD])
    today = NOW.replace(hour=0)
    monitoring, _ = google_series.company(today - timedelta(days=3), today)
    monitoring.serve(google)
    serve_catalog(google, MACHINE)
    serve_advice(google, [message(each) for each in SAID])
    return google


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says_what_it_is(name: str) -> None:
    stream = STREAMS[name]
    assert tables.table(stream.table)
    assert stream.title
    assert stream.permissions
    assert stream.divided == "snapshot" or stream.reach_days > 0
    assert STREAMS.keys() == CALLS.keys()


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_there_is_no_error_and_a_replay_changes_nothing(google: Google, warehouse: Warehouse, name: str) -> None:
    assert fetched(warehouse, of(google, name)).failures == ()
    first = held(warehouse, name)
    assert fetched(warehouse, of(google, name)).failures == ()
    assert held(warehouse, name) == first == []


@pytest.mark.parametrize("name", STREAMS)
def test_keys_are_unique_required_columns_are_there_and_a_replay_changes_nothing(
    estate: Google, warehouse: Warehouse, name: str
) -> None:
    report = fetched(warehouse, of(estate, name))
    assert report.failures == ()
    table = tables.table(STREAMS[name].table)
    found = held(warehouse, name)
    assert found
    assert all(row[column] is not None for row in found for column in table.required)
    keys = [tuple(row[column] for column in table.key) for row in found]
    assert not table.key or len(set(keys)) == len(keys)
    needed = {p for p in STREAMS[name].permissions if not p.startswith("bigquery.")}  # none is set here
    assert set(calls(report)) == needed
    assert fetched(warehouse, of(estate, name)).failures == ()
    assert held(warehouse, name) == found


@pytest.mark.parametrize(("name", "call"), PAIRS)
def test_a_denial_names_the_permission_and_lands_nothing(
    estate: Google, warehouse: Warehouse, name: str, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "finops")
    token = "ya29.SECRETACCESSTOKENMATERIAL"
    estate.fail(call, *[Fault(403, "denied", f"The caller with Bearer {token} does not have permission")] * 99)
    report = fetched(warehouse, of(estate, name))
    estate.faults.clear()
    assert PERMISSIONS[call] in report.failures[0]
    assert "finops doctor" in report.failures[0]
    if call == "ListRecommendations":
        assert any(each.permission in report.failures[0] for each in recommenders())
    assert warehouse.published().number == 0
    assert "SECRET" not in repr(report) + caplog.text


FAULTS = [Fault(429, "slow", headers=(("Retry-After", "0.01"),)), Fault(503, "unavailable"), Reset()]


@pytest.mark.parametrize("fault", FAULTS, ids=["429", "503", "reset"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_throttle_or_a_broken_connection_is_survived(estate: Google, tmp_path: Path, name: str, fault: Fault | Reset) -> None:
    whole = Warehouse.open(str(tmp_path / "whole"))
    assert fetched(whole, of(estate, name)).failures == ()
    before = dict(estate.asked)
    for call in CALLS[name]:
        estate.fail(call, fault)
    again = Warehouse.open(str(tmp_path / "again"))
    assert fetched(again, of(estate, name)).failures == ()
    assert not any(estate.faults.values())
    assert held(again, name) == held(whole, name)
    # a reset breaks every call that is on the connection
    again_asked = {call: estate.asked[call] - 2 * before[call] for call in CALLS[name]}
    assert all(more >= 1 if isinstance(fault, Reset) else more == 1 for more in again_asked.values()), again_asked


@pytest.mark.parametrize(("name", "call"), PAIRS)
def test_a_page_token_that_comes_twice_is_an_error(estate: Google, warehouse: Warehouse, name: str, call: str) -> None:
    estate.endless.add(call)
    report = fetched(warehouse, of(estate, name))
    estate.endless.clear()
    assert "one page token twice" in report.failures[0]
    assert warehouse.published().number == 0


def test_small_pages_make_the_same_rows(estate: Google, tmp_path: Path) -> None:
    whole, small = (Warehouse.open(str(tmp_path / name)) for name in ("whole", "small"))
    assert fetched(whole, of(estate, *STREAMS)).failures == ()
    estate.page = 1
    assert fetched(small, of(estate, *STREAMS)).failures == ()
    for name in STREAMS:
        assert held(small, name) == held(whole, name), name


def test_a_clock_that_is_wrong_and_an_api_that_is_off_are_said(estate: Google, warehouse: Warehouse) -> None:
    estate.fail("ListAssets", Fault(401, "skew", "Invalid JWT: Token used too early, 1793500000 < 1793500600"))
    assert "set this machine's clock" in fetched(warehouse, of(estate, "inventory")).failures[0]
    off = "Cloud Asset API has not been used in project 481516234201 before or it is disabled."
    estate.fail("ListAssets", Fault(403, "off", off))
    assert "gcloud services enable cloudasset.googleapis.com" in fetched(warehouse, of(estate, "inventory")).failures[0]
    estate.fail("ListServices", Fault(403, "off", off.replace("Asset", "Billing")))
    assert "gcloud services enable cloudbilling.googleapis.com" in fetched(warehouse, of(estate, "prices")).failures[0]
    estate.fail("ListAssets", Fault(401, "expired"))
    assert "sign in again" in fetched(warehouse, of(estate, "inventory")).failures[0]


def test_one_stream_fails_and_the_others_go_on(estate: Google, warehouse: Warehouse) -> None:
    estate.fail("ListSkus", *[Fault(403, "denied")] * 9)
    report = fetched(warehouse, of(estate, "prices", "inventory"))
    estate.faults.clear()
    assert [failure.split(":")[0] for failure in report.failures] == ["gcp prices"]
    assert held(warehouse, "inventory")


def test_what_is_throttled_for_too_long_is_an_error_that_may_pass(estate: Google, warehouse: Warehouse) -> None:
    estate.fail("ListAssets", *[Fault(429, "slow", headers=(("Retry-After", "0.01"),))] * 9)
    report = fetched(warehouse, of(estate, "inventory", retries=2))
    assert "cloudasset.assets.listResource: 429" in report.failures[0]
    assert estate.asked["ListAssets"] == 3
    estate.faults.clear()


def test_no_credentials_are_an_error_that_says_how(
    google: Google, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    report = fetched(warehouse, of(google, "inventory"))
    assert "no credentials" in report.failures[0]
    assert "gcloud auth application-default login" in report.failures[0]


@pytest.fixture
def tokens(google: Google, tmp_path: Path) -> Iterator[Any]:
    """Where a service account is impersonated."""
    from tests.live.gcp_company import write_credentials
    from tests.live.google_contract import public_key

    with bigquery() as server:
        google.public = public_key(write_credentials(tmp_path / "key.json", server.url))
        yield server


def test_a_service_account_is_impersonated(estate: Google, tokens: Any, warehouse: Warehouse) -> None:
    made = of(estate, "inventory", impersonate="reader@nordlicht-ops.iam.gserviceaccount.com")
    made.settings["endpoint_urls"]["iamcredentials"] = tokens.url
    assert fetched(warehouse, made).failures == ()
    assert tokens.asked["generateAccessToken"] == 1
    assert IMPERSONATED not in repr(held(warehouse, "inventory"))
    tokens.fail("token", *[Fault(400, "invalid_grant", "Token must be a short-lived token")] * 9)
    report = fetched(Warehouse.open(f"{warehouse.storage.root}-2"), made)
    assert "clock" in report.failures[0]


def test_a_doctor_tries_every_permission_once(estate: Google) -> None:
    checks = examine([of(estate, *STREAMS)], lambda _: None)
    assert {check.permission for check in checks} == {p for s in STREAMS.values() for p in s.permissions}
    assert [check.detail for check in checks if check.status != "ok"] == []
    estate.fail("ListTimeSeries", Fault(403, "denied"))
    status = {check.permission: check.status for check in examine([of(estate, *STREAMS)], lambda _: None)}
    assert status["monitoring.timeSeries.list"] == "missing"
    assert {value for name, value in status.items() if name != "monitoring.timeSeries.list"} == {"ok"}
