"""The dashboard in a real headless Chromium: clicked through, its numbers are the command line's; screenshots in `build/`."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from finops.render import amount
from tests.conftest import Ran
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000
"""A page may have to wait for the first plan on a busy machine."""

expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str:
    """Debian's browser; `make test` installs it where it has the rights."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    assert found, "no Chromium: install Debian's package `chromium`, then run the tests again"
    return found


@pytest.fixture(scope="module")
def address(company: Path) -> Iterator[str]:
    """The dashboard as `finops dashboard` starts it."""
    port = free_port()
    code = "import sys; sys.argv[0] = 'finops'; from finops.cli import main; main()"
    command = [sys.executable, "-c", code, "dashboard", "--port", str(port), "--warehouse", str(company)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1400, "height": 2600})
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


def settled(page: Page, name: str) -> None:
    """The script has run to its end and nothing is red; a picture of it is kept."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_every_page_is_reached_by_clicking(page: Page, address: str, finops: Callable[..., Ran], company: Path) -> None:
    months = json.loads(finops("forecast", "--warehouse", company, "--format", "json").out)["rows"]
    page.goto(address)
    for month in months:
        expect(page.get_by_text(amount(Decimal(month["actual"])), exact=True).first).to_be_visible()
    expect(page.get_by_role("heading", name="What changed")).to_be_visible()
    settled(page, "overview")
    for title in ("Costs", "Plan", "Teams", "ML", "Data health"):
        page.get_by_role("link", name=title, exact=True).click()
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        expect(page.get_by_text("Trust", exact=False).first).to_be_visible()
        settled(page, title.lower().replace(" ", "-"))


@pytest.mark.parametrize("path", ["", "overview"])
def test_the_overview_has_an_address_of_its_own(page: Page, address: str, path: str) -> None:
    page.goto(f"{address}/{path}?provider=AWS")
    expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    settled(page, f"overview-from-{path or 'root'}")
    expect(page.get_by_text("Page not found")).to_have_count(0)
    assert page.url == f"{address}/{path}?provider=AWS"
    expect(page.get_by_test_id("stSidebar").get_by_text("AWS", exact=True)).to_be_visible()


def test_dark_pages_are_dark(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 2600}, color_scheme="dark")
    page.set_default_timeout(PATIENCE_MS)
    for path, title in (("", "Overview"), ("plan", "Plan"), ("ml", "ML")):
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        settled(page, f"dark-{title.lower()}")
    ground = page.evaluate("getComputedStyle(document.querySelector('[data-testid=\"stApp\"]')).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", ground)[:3])
    assert max(red, green, blue) < 60, ground
    page.close()


def test_it_listens_on_loopback_alone(address: str) -> None:
    port = f":{int(address.rpartition(':')[2]):04X}"
    tables = [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]
    listening = [line.split()[1] for table in tables for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert [local for local in listening if local.endswith(port)] == [f"0100007F{port}"]


def test_pages_fit_a_phone(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 420, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    for path, title in (("", "Overview"), ("costs", "Costs"), ("plan", "Plan"), ("ml", "ML")):
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        settled(page, f"phone-{title.lower()}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 420, title
    page.close()


def test_a_group_opens_and_closes(page: Page, address: str) -> None:
    page.goto(f"{address}/costs?provider=AWS")
    page.get_by_label("Open one service").click()
    page.get_by_role("option", name="Amazon SageMaker", exact=True).click()
    expect(page.get_by_role("heading", name="USD by resource")).to_be_visible()
    expect(page.get_by_text("--where 'service=Amazon SageMaker'").first).to_be_visible()
    settled(page, "costs-opened")
    assert "in=service%3DAmazon+SageMaker" in page.url
    page.get_by_role("button", name="service: Amazon SageMaker").click()
    expect(page.get_by_role("heading", name="USD by service")).to_be_visible()
    settled(page, "costs-closed")
    assert "in=" not in page.url


def test_a_link_shows_what_is_new_of_one_provider(page: Page, address: str, finops: Callable[..., Ran], company: Path) -> None:
    page.goto(f"{address}/plan?status=new&provider=AWS")
    expect(page.get_by_role("heading", name="Plan", exact=True)).to_be_visible()
    settled(page, "plan-new")
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").first.get_by_role("button").click()
    with Path(download.value.path()).open() as file:
        listed = {row["id"] for row in csv.DictReader(file)}
    documents = json.loads(finops("recommend", "--new", "--warehouse", company, "--format", "json").out)
    assert listed == {r["id"] for d in documents for r in d["recommendations"] if r["provider"] == "AWS"}


def test_a_link_opens_a_recommendation(page: Page, address: str, plans: list[dict[str, Any]]) -> None:
    wanted = plans[0]["recommendations"][0]
    page.goto(f"{address}/plan?id={wanted['id']}")
    expect(page.get_by_role("heading", name=f"{wanted['kind']} {wanted['id']}")).to_be_visible()
    expect(page.get_by_text(amount(Decimal(wanted["saving"]["expected"])), exact=True).first).to_be_visible()
    expect(page.get_by_text("Dismiss", exact=True).first).to_be_visible()
    settled(page, "recommendation")


def test_the_scope_of_a_link_filters_and_downloads(page: Page, address: str, finops: Callable[..., Ran], company: Path) -> None:
    page.goto(f"{address}/costs?provider=Google+Cloud&by=region")
    heading = page.get_by_role("heading", name="USD by region")
    expect(heading).to_be_visible()
    expect(page.get_by_role("heading", name="EUR by region")).to_have_count(0)
    settled(page, "costs-google-cloud")
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").nth(1).get_by_role("button").click()
    rows = Path(download.value.path()).read_text().splitlines()
    month = ("--from", "2026-10-01", "--to", "2026-10-31")
    where = ("--by", "region", "--where", "provider=Google Cloud", *month)
    spoken = json.loads(finops("costs", *where, "--warehouse", company, "--format", "json").out)["rows"]
    assert [row.split(",")[2] for row in rows[1:]] == [row["effective_cost"] for row in spoken]
