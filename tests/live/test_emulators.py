"""Streams of files against emulators that others made: Azurite for Blob Storage, gcp-storage-emulator for Cloud Storage.

What is served is what the contract servers serve, so the rows have to be the same.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finops.config import Source
from finops.intake.load import load
from finops.live.doctor import examine
from finops.live.lifecycle import put, standing, target, undo
from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import deliver
from tests.intake.test_inventories import bands
from tests.live import azure_company, azure_contract
from tests.live.aws_company import calls, fetched, whole
from tests.live.azure_company import CONTAINER, EXPORT, FOLDER, put_exports, put_run
from tests.live.azure_contract import Azure
from tests.live.conftest import NOW
from tests.live.emulators import HOST, Blobs, Buckets, azurite, blob_storage, cloud_storage, on_loopback
from tests.live.gcp_company import write_credentials
from tests.live.gcs import gcs
from tests.live.test_lifecycle import FOREIGN_GCS, of_gcs
from tests.live.test_listings_live import BLOBS, put_blobs, put_report


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blobs]:
    if azurite() is None:
        pytest.skip("Azurite is not installed: make emulators")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", on_loopback)
        with blob_storage(*azure_contract.certified(tmp_path_factory.mktemp("tls"), HOST)) as blobs:
            yield blobs


@pytest.fixture
def signed(azure: Azure, account: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Azure:
    """The server that gives out tokens; the SDK trusts it and the account."""
    both = tmp_path / "both.pem"
    both.write_bytes(azure.certificate.read_bytes() + account.certificate.read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(both))
    return azure


def billing(azure: Azure, account: Blobs, **settings: Any) -> Source:
    given = {"exports": [f"{account.url}/{CONTAINER}/{FOLDER}"], "retries": 2, **settings}
    return azure_company.source(azure, "billing", **given)


def test_exports_in_azurite_are_the_rows_of_their_files(
    signed: Azure, account: Blobs, warehouse: Warehouse, tmp_path: Path
) -> None:
    put_exports(account, ("2026-09", "2026-10"))
    first = fetched(warehouse, billing(signed, account))
    assert first.failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, [*sorted(EXPORT.glob("*-2026-09.csv.gz")), *sorted(EXPORT.glob("*-2026-10.csv.gz"))], source="azure")
    for table in ("charges", "tag_sets", "resource_daily"):
        assert whole(warehouse, table).equals(whole(files, table)), table
    again = fetched(warehouse, billing(signed, account))
    assert (again.changed, calls(first)["blob:GetBlob"], calls(again)["blob:GetBlob"]) == (False, 12, 4)
    put_run(account, "actual", "2026-10", run="202611020400", parts=3)
    newer = fetched(warehouse, billing(signed, account))
    assert ([line.period for line in newer.lines], calls(newer)["blob:GetBlob"]) == (["2026-10"], 4 + 3)


def test_azurite_refuses_in_its_own_words(signed: Azure, account: Blobs, warehouse: Warehouse) -> None:
    (failure,) = fetched(warehouse, billing(signed, account, exports=[f"{account.url}/absent/x"])).failures
    assert "ContainerNotFound" in failure
    (failure,) = fetched(warehouse, billing(signed, account, exports=[f"{account.url.replace('https', 'http')}/c/x"])).failures
    assert "is no folder in Blob Storage" in failure


def test_an_inventory_in_azurite_gives_the_rows_of_its_files(
    signed: Azure, account: Blobs, warehouse: Warehouse, tmp_path: Path
) -> None:
    put_blobs(account, tmp_path / "run")
    lists = azure_company.source(signed, "objects", exports=[], retries=2, inventories=[f"{account.url}/{BLOBS}/lake"])
    assert fetched(warehouse, lists).failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    deliver(files, tmp_path / "run")
    assert bands(warehouse) == bands(files) != []
    assert {check.status for check in examine([lists], lambda _: None)} == {"ok"}


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    """The contract server gives out the tokens."""
    with cloud_storage() as emulator, gcs() as signs:
        write_credentials(tmp_path / "key.json", signs.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        yield emulator


def google(buckets: Buckets, **settings: Any) -> Source:
    return Source(name="gcp", connector="gcp", settings={"endpoint_urls": {"storage": buckets.url}, **settings})


def test_a_report_in_the_emulator_of_cloud_storage_gives_the_rows_of_its_files(
    buckets: Buckets, warehouse: Warehouse, tmp_path: Path
) -> None:
    put_report(buckets, tmp_path / "run")
    reports = google(buckets, streams=["objects"], inventories=[f"gs://{BLOBS}/reports"])
    first = fetched(warehouse, reports)
    assert first.failures == ()
    files = Warehouse.open(str(tmp_path / "files"))
    deliver(files, tmp_path / "run")
    assert bands(warehouse) == bands(files) != []
    assert calls(fetched(warehouse, reports))["storage.objects.get"] == 1  # the manifest alone
    assert {check.status for check in examine([reports], lambda _: None)} == {"ok"}
    (failure,) = fetched(warehouse, google(buckets, streams=["objects"], inventories=["gs://absent-bucket"])).failures
    assert "storage.objects.list: 404" in failure


def test_rules_in_the_emulator_of_cloud_storage_stand_beside_those_of_others(buckets: Buckets, warehouse: Warehouse) -> None:
    buckets.put("corpus", "a.bin", b"a")
    sources = [google(buckets, project="ml")]
    one = target(of_gcs(), sources)
    one.write(replace(one.read(), rules=(FOREIGN_GCS,)))
    put(of_gcs(), one, warehouse.storage, NOW)
    assert [rule["condition"]["age"] for rule in buckets.rules("corpus")] == [9, 30]
    record = standing(warehouse.storage, of_gcs().id)
    assert record is not None
    undo(record, sources, warehouse.storage)
    assert buckets.rules("corpus") == [FOREIGN_GCS]
