"""Lists of stored objects where the clouds write them: the newest of each is read, and gives the rows that its files give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp import storage
from finops.config import Source
from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.intake import test_inventories
from tests.intake.delivery import deliver
from tests.intake.test_inventories import bands
from tests.live import aws_company, azure_company
from tests.live.aws_company import cached, calls, fetched
from tests.live.aws_contract import Aws
from tests.live.aws_estate import LISTS, put_lists
from tests.live.azure_contract import Azure
from tests.live.faults import Fault, Reset, Store
from tests.live.gcp_company import write_credentials
from tests.live.gcs import Gcs, gcs

BLOBS = "inventories"


def put_blobs(store: Store, folder: Path, *, below: str = "lake/") -> None:
    """One run of the rule `all`, as its files are."""
    test_inventories.blobs(folder)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if file.suffix == ".json":
            document = json.loads(content)
            document["files"] = [each | {"blob": below + each["blob"]} for each in document["files"]]
            content = json.dumps(document).encode()
        store.put(BLOBS, below + str(file.relative_to(folder)), content)


def azures(azure: Azure, folder: str = "lake") -> Source:
    return azure_company.source(azure, "objects", exports=[], inventories=[f"{azure.url}/{BLOBS}/{folder}"])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Gcs]:
    with gcs() as server:
        write_credentials(tmp_path / "key.json", server.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        yield server


def put_report(store: Store, folder: Path, *, below: str = "reports/") -> None:
    """The report of the configuration `cfg`, as its files are: the manifest comes last."""
    test_inventories.gcs(folder, header=True)
    for file in sorted(folder.iterdir(), key=lambda path: path.suffix == ".json"):
        store.put(BLOBS, below + file.name, file.read_bytes())


def googles(server: Gcs, folder: str = "reports", **settings: Any) -> Source:
    given = {"streams": ["objects"], "inventories": [f"gs://{BLOBS}/{folder}"], "endpoint_urls": {"storage": server.url}}
    return Source(name="gcp", connector="gcp", settings={**given, **settings})


def test_azures_newest_run_gives_the_rows_of_its_files(azure: Azure, warehouse: Warehouse, tmp_path: Path) -> None:
    azure.put(BLOBS, "lake/2026/10/24/01-00-00/all/all-manifest.json", b"{}")  # an older run is not even looked at
    put_blobs(azure, tmp_path / "run")
    assert fetched(warehouse, azures(azure)).failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    deliver(files, tmp_path / "run")
    assert bands(warehouse) == bands(files) != []
    read = azure.asked["blob:GetBlob"]
    assert fetched(warehouse, azures(azure)).failures == ()
    assert azure.asked["blob:GetBlob"] == read + 1  # the manifest says again what is there


def test_awss_newest_list_gives_the_rows_of_its_files(cloud: Aws, warehouse: Warehouse, tmp_path: Path) -> None:
    put_lists(cloud.url)  # the newer one has no manifest yet
    lists = aws_company.source(cloud.url, streams=["objects"], inventories=[f"s3://{LISTS}/listings"])
    assert fetched(warehouse, lists).failures == ()
    test_inventories.s3(tmp_path / "run", test_inventories.s3_rows(("a/1.bin", True, False, 4000, 10, "STANDARD")))
    files = Warehouse.open(str(tmp_path / "files"))
    deliver(files, tmp_path / "run")
    assert bands(warehouse) == bands(files) != []
    read = cloud.asked["s3:GetObject"]
    assert fetched(warehouse, lists).failures == ()
    assert cloud.asked["s3:GetObject"] == read + 1  # the manifest says again what is there


def test_googles_newest_report_gives_the_rows_of_its_files(store: Gcs, warehouse: Warehouse, tmp_path: Path) -> None:
    store.put(BLOBS, "reports/cfg_2026-10-24T01:00_manifest.json", b"{}")
    put_report(store, tmp_path / "run")
    store.put(BLOBS, "reports/cfg_2026-11-07T01:00_0.csv", b"")  # a report that is still being written
    store.page = 2
    assert fetched(warehouse, googles(store)).failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    deliver(files, tmp_path / "run")
    assert bands(warehouse) == bands(files) != []
    read = store.asked["storage.objects.get"]
    assert fetched(warehouse, googles(store)).failures == ()
    assert store.asked["storage.objects.get"] == read + 1


def test_what_a_manifest_names_and_is_not_there_lands_nothing(azure: Azure, store: Gcs, tmp_path: Path) -> None:
    put_blobs(azure, tmp_path / "blobs")
    azure.containers[BLOBS].pop("lake/2026/10/31/01-00-00/all/all.csv")
    put_report(store, tmp_path / "report")
    store.buckets[BLOBS].pop("reports/cfg_2026-10-31T01:00_0.csv")
    for number, source in enumerate((azures(azure), googles(store))):
        warehouse = Warehouse.open(str(tmp_path / str(number)))
        (failure,) = fetched(warehouse, source).failures
        assert "which does not lie beside it" in failure
        assert warehouse.published().number == 0


def test_another_document_and_another_place_are_refused(azure: Azure, store: Gcs, tmp_path: Path) -> None:
    azure.put(BLOBS, "lake/2026/10/31/01-00-00/all/all-manifest.json", b"{}")
    store.put(BLOBS, "reports/cfg_2026-10-31T01:00_manifest.json", b"[]")
    expected = [
        (azures(azure), "names no file of a Blob inventory"),
        (googles(store), "names no shard of an inventory report"),
        (googles(store, inventories=["https://storage.googleapis.com/b?sig=x"]), "is no folder in Cloud Storage"),
        (googles(store, inventories=["gs://absent-bucket"]), "storage.objects.list: 404"),
    ]
    for number, (source, said) in enumerate(expected):
        (failure,) = fetched(Warehouse.open(str(tmp_path / str(number))), source).failures
        assert said in failure
        assert "sig=x" not in failure


def test_a_broken_download_is_taken_up_where_it_broke(store: Gcs, warehouse: Warehouse, tmp_path: Path) -> None:
    put_report(store, tmp_path / "run")
    store.fail("storage.objects.list", Fault(429, "rateLimitExceeded", headers=(("Retry-After", "0"),)), Reset())
    store.fail("storage.objects.get", Reset(), Fault(503, "backendError"), Reset())
    assert fetched(warehouse, googles(store)).failures == ()
    assert len(bands(warehouse)) == 3
    store.endless = True
    (failure,) = fetched(Warehouse.open(str(tmp_path / "again")), googles(store)).failures
    assert "one page token twice" in failure


def test_objects_come_in_pieces_of_the_generation_that_was_listed(
    store: Gcs, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_report(store, tmp_path / "run")
    whole = fetched(Warehouse.open(str(tmp_path / "whole")), googles(store))
    monkeypatch.setattr(storage, "PIECE", 100)
    asked = store.asked["storage.objects.get"]
    report = fetched(warehouse, googles(store))
    assert report.failures == ()
    pieces = sum(-(-len(content) // 100) for content, *_ in store.buckets[BLOBS].values())
    assert store.asked["storage.objects.get"] - asked == calls(report)["storage.objects.get"] == pieces > 2 * asked
    assert [line.rows for line in report.lines] == [line.rows for line in whole.lines]
    for content, *_ in store.buckets[BLOBS].values():
        assert content in [path.read_bytes() for path in cached(warehouse, "cfg_*")]


def test_nothing_there_yet_is_no_error_and_the_doctor_tries_both(azure: Azure, store: Gcs, tmp_path: Path) -> None:
    azure.put(BLOBS, "lake/readme", b"")
    store.put(BLOBS, "reports/readme", b"")
    for number, source in enumerate((azures(azure), googles(store))):
        assert fetched(Warehouse.open(str(tmp_path / str(number))), source).failures == ()
        assert {check.status for check in examine([source], lambda _: None)} == {"ok"}
    put_report(store, tmp_path / "report")
    store.fail("storage.objects.get", Fault(403, "forbidden", "finops does not have storage.objects.get access."))
    status = {check.permission: check.status for check in examine([googles(store)], lambda _: None)}
    assert status == {"storage.objects.list": "ok", "storage.objects.get": "missing"}
