"""A region that an organisation's policy denies: said by name, with its permission; the others land, and it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.utilization import UTILIZATION
from finops.live.plan import _job, open_source
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.live.aws_company import client, fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.conftest import KEY_ID, NOW

REGIONS = ["eu-west-1", "us-east-1"]
POLICY = f"User: {KEY_ID} is not authorized to perform this with an explicit deny in a service control policy"


@pytest.fixture
def estate(cloud: Aws) -> Aws:
    """One instance, with a day of metrics, in each region."""
    for region in REGIONS:
        client(cloud.url, "ec2", region).run_instances(ImageId="ami-03cf127a", InstanceType="m5.large", MinCount=1, MaxCount=1)
        measure(cloud, region, 1)
    return cloud


def measure(cloud: Aws, region: str, days: int) -> None:
    client(cloud.url, "cloudwatch", region).put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": f"i-{region}"}],
                "Timestamp": NOW - timedelta(days=days, hours=3),
                "Value": 10.0,
            }
        ],
    )


def of(cloud: Aws, *streams: str) -> Any:
    return source(cloud.url, streams=streams, regions=REGIONS, history_days=4, retries=1)


def held(warehouse: Warehouse, table: str) -> list[tuple[str, int]]:
    found = rows(warehouse, f"select x_source as s, count(*)::int as n from {table} group by all order by all")
    return [(row["s"], row["n"]) for row in found]


@pytest.mark.parametrize("stream", ["utilization", "inventory"])
def test_the_others_land_and_the_denied_one_is_named(estate: Aws, warehouse: Warehouse, stream: str) -> None:
    estate.denied["eu-west-1"] = POLICY
    report = fetched(warehouse, of(estate, stream))
    (failure,) = report.failures
    assert failure.startswith(f"aws {stream} eu-west-1: ")
    assert "service control policy" in failure
    assert "name the `regions` that are used" in failure
    assert KEY_ID not in failure
    permission = {"utilization": "cloudwatch:ListMetrics", "inventory": "ec2:Describe"}[stream]
    assert f"denies `{permission}" in failure
    table = {"utilization": "metrics", "inventory": "resources"}[stream]
    assert [s for s, _ in held(warehouse, table)] == [f"aws/{stream}/us-east-1"]
    estate.denied.clear()
    assert fetched(warehouse, of(estate, stream)).failures == ()
    assert [s for s, _ in held(warehouse, table)] == [f"aws/{stream}/{region}" for region in REGIONS]


def test_what_was_there_stays_where_a_region_is_denied_later(estate: Aws, warehouse: Warehouse) -> None:
    assert fetched(warehouse, of(estate, "utilization")).failures == ()
    before = held(warehouse, "metrics")
    assert [s for s, _ in before] == [f"aws/utilization/{region}" for region in REGIONS]
    estate.denied["eu-west-1"] = POLICY
    measure(estate, "us-east-1", 0)
    assert len(fetched(warehouse, of(estate, "utilization"), now=NOW + timedelta(days=1)).failures) == 1
    assert held(warehouse, "metrics")[0] == before[0]  # the day that is restated too
    estate.denied.clear()
    measure(estate, "eu-west-1", 0)
    fetched(warehouse, of(estate, "utilization"), now=NOW + timedelta(days=1))
    assert held(warehouse, "metrics")[0][1] > before[0][1]


def test_regions_that_hold_nothing_cost_no_load(cloud: Aws, warehouse: Warehouse) -> None:
    fetched(warehouse, of(cloud, "utilization"))
    assert warehouse.published().number == 0


class Coverage:
    """What coverage says of units: (source, unit) → when they were fetched."""

    def __init__(self, known: dict[tuple[str, str], datetime]) -> None:
        self.known = known

    def rows(self, _: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        return [{"unit": unit, "at": at} for (name, unit), at in self.known.items() if name == asked["source"]]


def test_days_that_were_fetched_before_regions_were_told_apart_are_not_fetched_again(cloud: Aws, tmp_path: Path) -> None:
    opened = open_source(of(cloud, "utilization"))
    known = {("aws/utilization", "2026-10-29"): NOW - timedelta(days=2), ("aws/utilization/us-east-1", "2026-10-28"): NOW}
    narrowed = opened.connection.narrowed("us-east-1")
    job = _job(opened, UTILIZATION, narrowed, "us-east-1", Coverage(known), tmp_path, NOW)  # type: ignore[arg-type]
    assert [(f"{window.start:%d}", window.days) for window, _ in job.windows] == [("30", 2)]
    assert job.held
    assert not _job(opened, UTILIZATION, narrowed, "eu-west-1", Coverage(known), tmp_path, NOW).held  # type: ignore[arg-type]


def test_the_exit_code_is_one(estate: Aws, tmp_path: Path, finops: Callable[..., Ran]) -> None:
    estate.denied["eu-west-1"] = POLICY
    file = tmp_path / "finops.toml"
    file.write_text(
        f'warehouse = "{tmp_path / "warehouse"}"\n[[sources]]\nname = "aws"\nconnector = "aws"\n[sources.settings]\n'
        f'endpoint_url = "{estate.url}"\nregions = ["eu-west-1", "us-east-1"]\nstreams = ["inventory"]\nretries = 1\n'
    )
    ran = finops("--config", file, "load")
    assert ran.code == 1
    assert "error: aws inventory eu-west-1: " in ran.err
    assert "resources" in ran.out
