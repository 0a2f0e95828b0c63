"""`finops load` after a kill fetches only what is missing, in each cloud, and what it loads is the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from finops.config import Source
from finops.live.cache import slug
from tests.live import google_series
from tests.live.aws_company import rows, source
from tests.live.aws_contract import Aws
from tests.live.aws_estate import put_estate
from tests.live.azure_contract import Azure
from tests.live.azure_estate import put_sample
from tests.live.azure_metrics import put_measurements
from tests.live.conftest import NOW
from tests.live.google_contract import Google
from tests.live.google_estate import company, serve_assets
from tests.live.killed import configured, killed, loaded
from tests.live.test_azure_utilization import metrics as of_azure
from tests.live.test_gcp_utilization_live import metrics as of_google

HISTORY_DAYS = 40
"""Of the day on which it runs; the company's measurements end in October."""


def goes_on(folder: Path, made: Source, asked: Counter[str], operation: str) -> None:
    """Of what was whole nothing is asked for again. A load that nobody kills says what all of it is."""
    file = configured(folder / "killed", made)
    whole = killed(file)
    asked.clear()
    found = loaded(file)
    again = asked[operation]
    asked.clear()
    expected = loaded(configured(folder / "unharmed", made))
    assert 0 < again <= asked[operation] - len(whole)
    sql = "select * from metrics order by all"
    assert rows(found, sql) == rows(expected, sql) != []


def test_azure(azure: Azure, tmp_path: Path) -> None:
    put_sample(azure)
    put_measurements(azure.plane.measured, 39)
    goes_on(tmp_path, of_azure(azure, history_days=HISTORY_DAYS), azure.asked, "monitor:QueryResources")


def test_google_cloud(google: Google, tmp_path: Path) -> None:
    serve_assets(google, company())
    today = NOW.replace(hour=0)
    google_series.company(today.replace(month=10, day=1), today)[0].serve(google)
    goes_on(tmp_path, of_google(google, history_days=HISTORY_DAYS), google.asked, "ListTimeSeries")


def test_aws(cloud: Aws, tmp_path: Path) -> None:
    """A part a kind of thing: the load is killed when three of them are whole."""
    put_estate(cloud.url)
    file = configured(tmp_path, source(cloud.url, streams=["inventory"]))
    whole = killed(file)
    assert slug("123456789012 us-east-1 instances") in whole
    assert len(whole) < 15
    cloud.asked.clear()
    warehouse = loaded(file)
    assert cloud.asked["ec2:DescribeInstances"] == 0  # it was whole
    assert cloud.asked["redshift:DescribeClusters"] == 1
    assert warehouse.published().number == 2  # the region, and what lies in none
