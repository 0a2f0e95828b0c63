"""A first load of the sample company over HTTP, and the plan that follows from it: the same as from files, cloud by cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from finops.intake.load import load
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.live import aws_list, aws_things, azure_files, google_files
from tests.live.aws_company import EXPORT, billing, fetched, put_export, rows, whole, write_bands
from tests.live.aws_contract import Aws
from tests.live.azure_contract import Azure
from tests.live.google_contract import Google

Finops = Callable[..., Ran]
STREAMS = ["billing", "inventory", "utilization", "commitments", "prices"]


COMPARED = {"metrics": "", "metric_daily": "", "resources": ", observed_at", "commitments": ", observed_at"}
"""Table → what differs by the hour at which it was observed."""


UNASKED = {"network", "serverless", "tokens", "model_unit"}
UNASKED_SKUS = {"rds-gp3", "rds-gp3-multi-az", "ra3:storage", "space:gp3", "STANDARD:retrieval", "t3:credits"}
"""Of the sample's list what the live one is not asked for: the bill's own unit prices serve there."""


def said(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    """Rows, with documents as what they say: an order of names or `32` for `32.0` is no difference, nor is the last bit of a
    number that a provider gives as a fraction of ours."""

    def plain(name: str, value: Any) -> Any:
        if name in ("properties", "scope", "tags") and value:
            return json.loads(value)
        return float(f"{value:.12g}") if isinstance(value, float) else value

    found = [{name: plain(name, value) for name, value in row.items()} for row in rows(warehouse, sql)]
    return sorted(found, key=lambda row: str(row.get("resource_id") or row.get("commitment_id") or row))


def plan(finops: Finops, warehouse: Warehouse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(finops("recommend", "--warehouse", warehouse.storage.root, "--format", "json").out)
    return found


def acts(found: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (each["kind"], each["resource"]): (each["action"]["type"], each["action"]["to"], each["saving"]["expected"])
        for each in found["recommendations"]
    }


def filed(folder: Path, files: Iterable[Path], source: str) -> Warehouse:
    found = Warehouse.open(str(folder / "files"), memory_limit="1GB")
    load(found, list(files), source=source)
    return found


def same(live: Warehouse, files: Warehouse) -> None:
    """The bill and what the provider's interfaces say are the same rows."""
    assert whole(live, "charges").equals(whole(files, "charges"))
    for table, but in COMPARED.items():
        sql = f"select * exclude (x_source{but}) from {table} order by all"
        assert said(live, sql) == said(files, sql), table


def same_plan(finops: Finops, live: Warehouse, files: Warehouse, least: int) -> dict[str, Any]:
    found, expected = plan(finops, live), plan(finops, files)
    assert found["failed"] == expected["failed"] == []
    assert len(acts(found)) >= least
    assert acts(found) == acts(expected)
    for of in ("verdicts", "unknowns", "keeps", "waterfall"):
        assert found[of] == expected[of], of
    return found


def listed(warehouse: Warehouse, names: Sequence[str], but: str = "true") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows(warehouse, f"select {', '.join(names)} from prices where {but} order by all")]


def test_a_first_live_load_of_aws_gives_the_files_plan(
    cloud: Aws, warehouse: Warehouse, tmp_path: Path, finops: Finops
) -> None:
    put_export(cloud.url, ("2026-10",))
    aws_things.serve(cloud)
    aws_list.serve(cloud, aws_list.sample_list())
    report = fetched(warehouse, billing(cloud.url, streams=STREAMS, history_days=39, member_roles=aws_things.ROLES))
    assert report.failures == ()
    bill = EXPORT / "data" / "BILLING_PERIOD=2026-10"
    files = filed(tmp_path, [bill, *aws_things.write_files(tmp_path)], "aws")

    same(warehouse, files)
    key = ("product", "sku", "coalesce(operating_system, '')", "tier_start", "term", "coalesce(instrument, '')")
    names = (*key, "unit", "price", "upfront", "currency")
    found, whole_list = (listed(each, names, "product <> 'database'") for each in (warehouse, files))
    assert len(set(found)) == len(found) > 150
    assert set(found) <= set(whole_list)
    assert {row[1] for row in set(whole_list) - set(found) if row[0] not in UNASKED} == UNASKED_SKUS
    live, expected = plan(finops, warehouse), plan(finops, files)
    assert live["trust"]["status"] == "amber"
    assert len(acts(live)) > 10
    assert acts(live) == acts(expected)


def test_a_first_live_load_of_azure_gives_the_files_plan(
    azure: Azure, warehouse: Warehouse, tmp_path: Path, finops: Finops
) -> None:
    told = azure_files.serve(azure)
    assert fetched(warehouse, azure_files.company(azure)).failures == ()
    files = filed(tmp_path, azure_files.write_files(tmp_path, told), "azure")
    same(warehouse, files)
    names = (
        "product", "sku", "operating_system", "license", "deployment", "tier_start", "term", "payment", "instrument", "unit",
        "price", "upfront", "currency",
    )  # fmt: skip
    found = listed(warehouse, names)
    assert len(set(found)) == len(found) > 40
    assert found == listed(files, names)
    for each in (warehouse, files):  # how its blobs lie, an inventory says, which other tests read
        load(each, [write_bands(tmp_path, "/subscriptions/%")], source="blobs")
    same_plan(finops, warehouse, files, 10)


def test_a_first_live_load_of_google_cloud_gives_the_files_plan(
    google: Google, warehouse: Warehouse, tmp_path: Path, finops: Finops
) -> None:
    with google_files.served(google, tmp_path) as (bills, told):
        assert fetched(warehouse, google_files.whole(google, bills)).failures == ()
    files = filed(tmp_path, google_files.write_files(tmp_path, told, whole(warehouse, "prices")), "gcp")
    same(warehouse, files)
    names = (
        "product",
        "sku",
        "operating_system",
        "term",
        "payment",
        "instrument",
        "unit",
        "price",
        "upfront",
        "effective_from",
    )
    assert listed(warehouse, names) == listed(files, names)
    for each in (warehouse, files):
        load(each, [write_bands(tmp_path, "//storage.googleapis.com/%")], source="objects")
    same_plan(finops, warehouse, files, 2)
