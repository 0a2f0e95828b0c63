"""What holds for a source on Google Cloud as a whole; what holds for each of its streams is in `test_contract.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.bigquery import bigquery
from tests.live.faults import Fault
from tests.live.google_contract import Google
from tests.live.google_estate import company, serve_assets, source
from tests.live.google_rest import IMPERSONATED
from tests.live.test_gcp_prices_live import MACHINE, serve_catalog

STREAMS = ("utilization", "inventory", "prices", "advice")
"""Those that speak gRPC alone."""


def of(google: Google, *streams: str, **settings: Any) -> Any:
    return source(google, *streams, **{"history_days": 3, **settings})


@pytest.fixture
def estate(google: Google) -> Google:
    serve_assets(google, company())
    serve_catalog(google, MACHINE)
    return google


def test_an_api_that_is_off_and_credentials_that_expired_are_said(estate: Google, warehouse: Warehouse) -> None:
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
    assert rows(warehouse, "from resources")


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
    assert IMPERSONATED not in repr(rows(warehouse, "from resources"))
    tokens.fail("token", *[Fault(400, "invalid_grant", "Token must be a short-lived token")] * 9)
    report = fetched(Warehouse.open(f"{warehouse.storage.root}-2"), made)
    assert "clock" in report.failures[0]


def test_the_doctor_says_what_is_missing(estate: Google) -> None:
    estate.fail("ListTimeSeries", Fault(403, "denied"))
    status = {check.permission: check.status for check in examine([of(estate, *STREAMS)], lambda _: None)}
    assert status["monitoring.timeSeries.list"] == "missing"
    assert {value for name, value in status.items() if name != "monitoring.timeSeries.list"} == {"ok"}
