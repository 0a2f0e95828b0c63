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


COMPARED = {"metrics": "", "metric_daily": "", "resources": ", observed_at", "commitments": ", observed_at"}
"""Table → what differs by the hour at which it was observed."""


UNASKED = {"network", "serverless", "tokens", "model_unit"}
UNASKED_SKUS = {"rds-gp3", "rds-gp3-multi-az", "ra3:storage", "space:gp3", "STANDARD:retrieval", "t3:credits"}
"""Of the sample's list what the live one is not asked for: the bill's own unit prices serve there."""


def said(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    """Rows, with documents as what they say: an order of names or `32` for `32.0` is no difference."""
    found = [
        {k: json.loads(v) if k in ("properties", "scope", "tags") and v else v for k, v in row.items()}
        for row in rows(warehouse, sql)
    ]
    return sorted(found, key=lambda row: str(row.get("resource_id") or row.get("commitment_id") or row))


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
    report = fetched(warehouse, billing(cloud.url, streams=STREAMS, history_days=39, member_roles=aws_things.ROLES))
    assert report.failures == ()
    files = Warehouse.open(str(tmp_path / "files"), memory_limit="1GB")
    bill = EXPORT / "data" / "BILLING_PERIOD=2026-10"
    load(files, [bill, *aws_things.write_files(tmp_path)], source="aws")

    assert whole(warehouse, "charges").equals(whole(files, "charges"))
    for table, but in COMPARED.items():
        same = f"select * exclude (x_source{but}) from {table} order by all"
        assert said(warehouse, same) == said(files, same), table
    key = "product, sku, coalesce(operating_system, '') as system, tier_start, term, coalesce(instrument, '') as instrument"
    listed = f"select {key}, unit, price, upfront, currency from prices where product <> 'database' order by all"
    found, whole_list = ([tuple(row.values()) for row in rows(each, listed)] for each in (warehouse, files))
    assert len(set(found)) == len(found) > 150
    assert set(found) <= set(whole_list)
    assert {row[1] for row in set(whole_list) - set(found) if row[0] not in UNASKED} == UNASKED_SKUS
    live, filed = plan(finops, warehouse), plan(finops, files)
    assert live["trust"]["status"] == "amber"
    assert len(acts(live)) > 10
    assert acts(live) == acts(filed)
