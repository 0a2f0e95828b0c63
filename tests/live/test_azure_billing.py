"""Billing exports in Blob Storage: live is the same as the files, only what changed is fetched, and nothing half-lands."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from connectors.azure import blob
from connectors.azure.reports import GENERATE
from connectors.azure.session import Connection
from connectors.azure.settings import AzureSettings
from finops.errors import RetriableError
from finops.intake.load import load
from finops.live import run
from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import cached, calls, fetched, rows, whole
from tests.live.azure_company import CONTAINER, EXPORT, FOLDER, put_exports, put_manifest, put_run, run_of, source
from tests.live.azure_contract import SECRET, TENANT, TOKEN, Azure, listing
from tests.live.faults import Fault, Reset

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


def test_live_is_the_same_as_files_to_the_row(azure: Azure, warehouse: Warehouse, tmp_path: Path) -> None:
    put_exports(azure)
    azure.page = 4  # twelve parts and six manifests: five pages
    report = fetched(warehouse, source(azure, "billing"))
    assert report.failures == ()
    assert azure.asked["blob:ListBlobs"] == 5
    files = Warehouse.open(str(tmp_path / "files"))
    load(files, sorted(EXPORT.glob("*-2026-*.csv.gz")), source="azure")
    assert rows(files, "select count(*)::int as n from charges")[0]["n"] > 1_000
    for table in ("charges", "tag_sets", "resource_daily", "spend_monthly"):
        assert whole(warehouse, table).equals(whole(files, table)), table
    balance = "select * exclude (against, note) from reconciliation order by all"  # these name files
    assert rows(warehouse, balance) == rows(files, balance)


def test_a_second_load_downloads_and_stages_nothing(azure: Azure, warehouse: Warehouse) -> None:
    put_exports(azure, ("2026-09", "2026-10"))
    first = fetched(warehouse, source(azure, "billing"))
    again = fetched(warehouse, source(azure, "billing"))
    assert (first.changed, again.changed, again.lines) == (True, False, ())
    assert (calls(first)["blob:GetBlob"], calls(again)["blob:GetBlob"]) == (12, 4)  # the manifests alone
    assert warehouse.published().number == 1


def test_another_mapping_is_staged_without_a_download(
    azure: Azure, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_exports(azure, ("2026-10",))
    fetched(warehouse, source(azure, "billing"))
    charges = whole(warehouse, "charges")
    monkeypatch.setattr(run, "mapping", lambda fmt: f"another mapping of {fmt.name}")
    report = fetched(warehouse, source(azure, "billing"))
    assert [line.period for line in report.lines] == ["2026-10"]
    assert calls(report)["blob:GetBlob"] == 2  # the manifests alone
    assert whole(warehouse, "charges").equals(charges)


def test_what_a_failed_load_has_downloaded_is_not_downloaded_again(azure: Azure, warehouse: Warehouse) -> None:
    put_exports(azure, ("2026-10",))
    given = source(azure, "billing", concurrency=1, retries=1)
    azure.faults["blob:GetBlob"] = [*[None] * 5, Fault(404, "BlobNotFound")]
    assert fetched(warehouse, given).failures
    assert (warehouse.published().number, azure.asked["blob:GetBlob"]) == (0, 6)
    report = fetched(warehouse, given)
    assert report.failures == ()
    assert calls(report)["blob:GetBlob"] == 2 + 1  # the manifests, and the part that is missing


def test_a_newer_run_replaces_its_month_and_both_costs_stay_together(azure: Azure, warehouse: Warehouse) -> None:
    """Actual cost alone would lose what the commitments cover: the month is loaded with both, though one is new."""
    put_exports(azure, ("2026-09", "2026-10"))
    fetched(warehouse, source(azure, "billing"))
    before = rows(warehouse, "select x_billing_period as p, sum(EffectiveCost) as c from charges group by p order by p")
    put_run(azure, "actual", "2026-10", run="202611020400", parts=3)
    report = fetched(warehouse, source(azure, "billing"))
    assert report.failures == ()
    assert calls(report)["blob:GetBlob"] == 4 + 3
    assert [line.period for line in report.lines] == ["2026-10"]
    assert rows(warehouse, "select x_billing_period as p, sum(EffectiveCost) as c from charges group by p order by p") == before
    folders = {path.parent.name for path in cached(warehouse, "part_0_*.csv") if "nordlicht-actual/20261001" in str(path)}
    assert folders == {"5f0c9a1e-7b1d-4f0e-9d43-202611020400"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{run_of('actual', '2026-10', '202611010400')}/absent.csv", "does not lie beside it"),
        ("other/secret.csv", "does not lie beside it"),
        (f"{FOLDER}/../../etc/passwd", "does not lie beside it"),
    ],
)
def test_a_manifest_that_cannot_be_followed_fails_loudly(azure: Azure, warehouse: Warehouse, name: str, said: str) -> None:
    put_exports(azure, ("2026-09", "2026-10"))
    azure.put(CONTAINER, "other/secret.csv", b"a,b\n1,2\n")
    blobs = [{"blobName": name, "byteCount": 8, "dataRowCount": 1}]
    put_manifest(azure, run_of("actual", "2026-10", "202611010400"), "actual", "2026-10", blobs)
    (failure,) = fetched(warehouse, source(azure, "billing")).failures
    assert re.search(said, failure)
    assert failure.startswith("azure billing: ")
    assert warehouse.published().number == 0


@pytest.mark.parametrize("content", [b"{", json.dumps({"blobs": [], "manifestVersion": "1"}).encode(), b"[]"])
def test_a_manifest_that_says_nothing_fails_loudly(azure: Azure, warehouse: Warehouse, content: bytes) -> None:
    put_exports(azure, ("2026-10",))
    azure.put(CONTAINER, f"{run_of('actual', '2026-10', '202611010400')}/manifest.json", content)
    (failure,) = fetched(warehouse, source(azure, "billing")).failures
    assert "the manifest" in failure
    assert warehouse.published().number == 0


def test_no_export_and_no_container_are_errors_that_say_where(azure: Azure, warehouse: Warehouse) -> None:
    azure.put(CONTAINER, "readme.txt", b"")
    (failure,) = fetched(warehouse, source(azure, "billing")).failures
    assert "there is no manifest" in failure
    assert f"/{CONTAINER}/{FOLDER}" in failure
    (failure,) = fetched(warehouse, source(azure, "billing", exports=[f"{azure.url}/absent/x"])).failures
    assert "ContainerNotFound" in failure


@pytest.mark.parametrize("uri", ["https://a.blob.core.windows.net/c/f?sv=1&sig=SIGNATURE", "http://a/c", "s3://a/b"])
def test_what_is_no_folder_of_blobs_is_refused_without_its_signature(azure: Azure, warehouse: Warehouse, uri: str) -> None:
    (failure,) = fetched(warehouse, source(azure, "billing", exports=[uri])).failures
    assert "is no folder in Blob Storage" in failure
    assert "SIGNATURE" not in failure


@pytest.mark.parametrize("operation", ["blob:ListBlobs", "blob:GetBlob"])
def test_a_denial_names_the_permission_and_no_secret(
    azure: Azure, warehouse: Warehouse, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put_exports(azure, ("2026-10",))
    azure.fail(operation, *[Fault(403, "AuthorizationPermissionMismatch", f"refused to {TOKEN} and {SECRET}")] * 20)
    report = fetched(warehouse, source(azure, "billing"))
    assert f"`{READ}`" in report.failures[0]
    assert "finops doctor" in report.failures[0]
    assert warehouse.published().number == 0
    for secret in (SECRET, *azure.tokens):
        assert secret not in repr(report) + caplog.text


@pytest.mark.parametrize(
    "fault", [Fault(429, "TooManyRequests", headers=(("Retry-After", "1"),)), Fault(503, "ServerBusy"), Reset()]
)
@pytest.mark.parametrize("operation", ["blob:ListBlobs", "blob:GetBlob"])
def test_a_throttle_or_a_broken_connection_is_survived(
    azure: Azure, warehouse: Warehouse, operation: str, fault: Fault | Reset
) -> None:
    put_exports(azure, ("2026-10",))
    azure.fail(operation, fault)
    report = fetched(warehouse, source(azure, "billing"))
    assert report.failures == ()
    assert not any(azure.faults.values())
    assert len(cached(warehouse, "part_0_*.csv")) == 4


def test_a_wait_that_is_asked_for_is_kept(azure: Azure, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.pipeline.transport import RequestsTransport

    waits: list[float] = []
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _, seconds: waits.append(seconds))
    put_exports(azure, ("2026-10",))
    azure.fail("blob:ListBlobs", Fault(429, "TooManyRequests", headers=(("Retry-After", "17"),)))
    fetched(warehouse, source(azure, "billing"))
    assert waits == [17]


def test_a_file_that_is_replaced_while_it_is_read_is_no_mixture(azure: Azure, warehouse: Warehouse) -> None:
    put_exports(azure, ("2026-10",))
    azure.fail("blob:GetBlob", *[Fault(412, "ConditionNotMet")] * 40)
    (failure,) = fetched(warehouse, source(azure, "billing")).failures
    azure.faults.clear()
    assert "run the load again" in failure
    assert fetched(warehouse, source(azure, "billing")).failures == ()


def test_blobs_come_in_pieces_a_call_each(azure: Azure, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 10_000
    monkeypatch.setattr(blob, "PIECE", size)
    monkeypatch.setattr(blob, "OPTIONS", {**blob.OPTIONS, "max_single_get_size": size, "max_chunk_get_size": size})
    put_exports(azure, ("2026-10",))
    report = fetched(warehouse, source(azure, "billing"))
    stored = {name.rpartition("/")[2]: each.content for name, each in azure.containers[CONTAINER].items() if "actual" in name}
    assert max(map(len, stored.values())) > 3 * size
    held = [path.read_bytes() for path in cached(warehouse, "part_0_*.csv")]
    assert all(content in held for name, content in stored.items() if name.startswith("part"))
    pieces = sum(-(-len(each.content) // size) for each in azure.containers[CONTAINER].values())
    assert azure.asked["blob:GetBlob"] == calls(report)["blob:GetBlob"] == pieces


def test_pieces_are_of_one_version(azure: Azure) -> None:
    size = blob.PIECE
    azure.put(CONTAINER, "large", b"a" * (2 * size + 5))
    given = AzureSettings(tenant_id=TENANT, authority=azure.url, private_authority=True)
    connection, container = Connection(given, lambda *_: None), blob.Container(azure.url, CONTAINER)
    (entry,) = blob.listing(connection, container, "")
    assert [len(piece) for piece in blob.content(connection, container, entry, size - 7)] == [size, 12]
    assert list(blob.content(connection, container, entry, entry.size)) == []
    pieces = blob.content(connection, container, entry, 0)
    assert next(pieces) == b"a" * size
    azure.put(CONTAINER, "large", b"b" * (2 * size + 5))
    with pytest.raises(RetriableError, match="ConditionNotMet"):
        next(pieces)


def test_a_page_marker_that_comes_twice_is_an_error(azure: Azure, warehouse: Warehouse) -> None:
    put_exports(azure, ("2026-10",))
    azure.answer("blob:ListBlobs", listing("", "again"))
    (failure,) = fetched(warehouse, source(azure, "billing")).failures
    assert "one page token twice" in failure


def test_credentials_that_are_wrong_or_absent_are_an_error_that_says_how(
    azure: Azure, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_exports(azure, ("2026-10",))
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "another-secret-value")
    (failure,) = fetched(warehouse, source(azure, "billing")).failures
    assert "no credentials" in failure
    assert "az login" in failure
    assert "another-secret-value" not in failure


def test_a_doctor_tries_the_permission(azure: Azure) -> None:
    put_exports(azure, ("2026-10",))
    checks = examine([source(azure, "billing")], lambda _: None)
    assert [(check.permission, check.status) for check in checks] == [(READ, "ok"), (GENERATE, "ok")]
    azure.fail("blob:GetBlob", Fault(403, "AuthorizationPermissionMismatch"))
    read, generated = examine([source(azure, "billing")], lambda _: None)
    assert (read.status, generated.status) == ("missing", "ok")
