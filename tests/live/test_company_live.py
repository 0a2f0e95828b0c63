"""A first load of the sample company's AWS over HTTP, and the plan that follows from it: the same as from files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from finops.intake.load import load
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.live import aws_list, aws_things
from tests.live.aws_company import EXPORT, billing, fetched, put_export, rows, whole
from tests.live.aws_contract import Aws

STREAMS = ["billing", "inventory", "utilization", "commitments", "prices"]


def plan(finops: Callable[..., Ran], warehouse: Warehouse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(finops("recommend", "--warehouse", warehouse.storage.root, "--format", "json").out)
    return found


def acts(found: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (each["kind"], each["resource"]): (each["action"]["type"], each["action"]["to"], each["saving"]["expected"])
        for each in found["recommendations"]
    }


def test_a_first_live_load_gives_the_files_plan(
    cloud: Aws, warehouse: Warehouse, tmp_path: Path, finops: Callable[..., Ran]
) -> None:
    put_export(cloud.url, ("2026-10",))
    aws_things.serve(cloud)
    aws_list.serve(cloud, aws_list.sample_list())
    report = fetched(warehouse, billing(cloud.url, streams=STREAMS, history_days=39))
    assert report.failures == ()
    files = Warehouse.open(str(tmp_path / "files"), memory_limit="1GB")
    bill = EXPORT / "data" / "BILLING_PERIOD=2026-10"
    load(files, [bill, *aws_things.write_files(tmp_path)], source="aws")

    assert whole(warehouse, "charges").equals(whole(files, "charges"))
    same = "select * exclude (x_source) from {} order by all"
    for table in ("metrics", "metric_daily"):
        assert rows(warehouse, same.format(table)) == rows(files, same.format(table)), table
    live, filed = plan(finops, warehouse), plan(finops, files)
    assert live["trust"]["status"] == "amber"
    assert len(acts(live)) > 10
    assert acts(live) == acts(filed)
