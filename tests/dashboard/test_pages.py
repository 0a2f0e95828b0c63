"""Every page on the sample company and on an empty warehouse: it runs, and shows what the command line says."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finops.render import amount
from tests.conftest import Ran

PAGES = ("overview", "costs", "plan", "teams", "ml", "health")


def shown(page: str, warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page as Streamlit's own runner sees it."""
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(warehouse))
    script = f"from finops.dashboard import {page}\n{page}.page()\n"
    return AppTest.from_string(script, default_timeout=120).run()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_and_says_how_far_to_trust_it(company: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    app = shown(page, company, monkeypatch)
    assert not app.exception
    assert not app.error
    assert app.header
    assert "Trust" in app.markdown[0].value
    assert any(code.value.startswith("finops ") for code in app.code)


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_warehouse_says_how_to_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    app = shown(page, tmp_path / "empty", monkeypatch)
    assert not app.exception
    assert "No bill is loaded" in app.info[0].value
    assert "finops demo" in app.code[0].value


def test_the_month_to_date_is_the_command_s(company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]) -> None:
    rows = json.loads(finops("forecast", "--warehouse", company, "--format", "json").out)["rows"]
    app = shown("overview", company, monkeypatch)
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics == {f"{r['month']} to date, {r['currency']}": amount(Decimal(r["actual"])) for r in rows}


def test_a_recommendation_opens_from_its_address(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]
) -> None:
    documents = json.loads(finops("recommend", "--warehouse", company, "--format", "json").out)
    wanted = next(d["recommendations"][0] for d in documents if d["currency"] == "USD")
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(company))
    app = AppTest.from_string("from finops.dashboard import plan\nplan.page()\n", default_timeout=120)
    app.query_params["id"] = wanted["id"]
    app.run()
    assert not app.exception
    assert f"{wanted['kind']} {wanted['id']}" in [header.value for header in app.subheader]
    assert {metric.label: metric.value for metric in app.metric}["Expected"] == wanted["saving"]["expected"]
    assert wanted["evidence"]["sql"] in [code.value for code in app.code]


def test_the_scope_is_kept_in_the_address(company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]) -> None:
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(company))
    app = AppTest.from_string("from finops.dashboard import costs\ncosts.page()\n", default_timeout=120)
    app.query_params["provider"] = "Google Cloud"
    app.query_params["by"] = "region"
    app.run()
    assert not app.exception
    assert app.sidebar.multiselect[0].value == ["Google Cloud"]
    rows = json.loads(
        finops("costs", "--by", "region", "--where", "provider=Google Cloud", "--from", "2026-10-01", "--to", "2026-10-31",
               "--warehouse", company, "--format", "json").out
    )["rows"]  # fmt: skip
    assert [float(r["effective_cost"]) for r in rows] == list(app.dataframe[0].value["effective_cost"])
