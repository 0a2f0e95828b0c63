"""What a company's network and accounts ask of a source: proxies, other endpoints, several tenants and billing accounts."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from finops.config import Source, load_config
from finops.errors import ConfigError
from finops.live.check import checked
from finops.warehouse.warehouse import Warehouse
from tests.live import azure_company, clouds, gcp_company
from tests.live.aws_company import fetched, rows
from tests.live.azure_contract import TENANT, Azure
from tests.live.azure_retail import ITEMS, listed
from tests.live.bigquery import bigquery
from tests.live.gcp_company import DETAILED, FOLDER, TABLE, write_credentials
from tests.live.test_azure_totals import COLUMNS

OTHER_TENANT = "5a0b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "grpc_proxy")
UNPROXIED = ("NO_PROXY", "no_proxy", "no_grpc_proxy")


class Proxy:
    """A proxy on loopback: CONNECT and plain requests. `seen`: what was asked of it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65_536)
        verb, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.seen.append(f"{verb} {target}")
        place = target if verb == "CONNECT" else target.split("/")[2]
        host, _, port = place.rpartition(":")
        if host not in ("127.0.0.1", "localhost"):  # the SDK looks for more in the background; there is no more
            client.close()
            return
        server = socket.create_connection((host, int(port)))
        origin = b"" if verb == "CONNECT" else f"http://{place}".encode()
        if verb == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            server.sendall(head.replace(origin, b"", 1))
        threading.Thread(target=_pump, args=(client, server, origin), daemon=True).start()
        threading.Thread(target=_pump, args=(server, client, b""), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, origin: bytes) -> None:
    """Bytes from one to the other; the address before the path of a plain request is for the proxy alone."""
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data.replace(origin, b"", 1) if origin else data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    proxy = Proxy()
    for name in VARIABLES:
        monkeypatch.setenv(name, proxy.url)
    for name in UNPROXIED:
        monkeypatch.delenv(name, raising=False)
    try:
        yield proxy
    finally:
        proxy.listener.close()


STREAMS = {"aws": "totals", "azure": "totals", "gcp": "inventory", "kubernetes": "inventory"}


@pytest.mark.parametrize("name", clouds.NAMES)
def test_a_proxy_of_the_environment_is_used(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with clouds.cloud(name, True, request, tmp_path) as cloud, proxied(monkeypatch) as proxy:
        assert fetched(Warehouse.open(str(tmp_path / "w")), cloud.make(STREAMS[name])).failures == ()
        assert proxy.seen
        if name == "gcp":  # BigQuery over REST, the others over gRPC
            before = len(proxy.seen)
            assert fetched(Warehouse.open(str(tmp_path / "bill")), cloud.make("billing")).failures == ()
            assert len(proxy.seen) > before


def totals(azure: Azure) -> None:
    azure.answer("costmanagement:Query", lambda *_: {"properties": {"columns": COLUMNS, "rows": []}})


def test_each_source_signs_in_to_its_own_tenant(azure: Azure, warehouse: Warehouse) -> None:
    azure.answer("prices:List", listed(ITEMS))
    totals(azure)
    tenants = {"first": TENANT, "second": OTHER_TENANT}
    sources: list[Source] = []
    for name, tenant in tenants.items():
        scope = f"subscriptions/00000000-0000-0000-0000-00000000000{len(sources)}"
        made = azure_company.source(azure, "totals", tenant_id=tenant, scopes=[scope], management_endpoint=azure.url)
        sources.append(made.model_copy(update={"name": name}))
    assert fetched(warehouse, *sources).failures == ()
    signed = {request["path"].split("/")[1] for operation, request in azure.requests if operation == "login:Token"}
    assert signed == set(tenants.values())
    asked = {request["path"].split("/")[2] for operation, request in azure.requests if operation == "costmanagement:Query"}
    assert len(asked) == 2


def test_several_billing_accounts_are_one_source(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = next(FOLDER.glob("*resource_v1_202610*.json.gz"))
    second = TABLE.replace("01A2B3", "0F0F0F")
    with gzip.open(whole, "rt", encoding="utf-8") as lines, bigquery() as server:
        few = [json.loads(each) for each in lines][:20]
        for table, account in ((TABLE, "01A2B3-C4D5E6-F70819"), (second, "0F0F0F-C4D5E6-F70819")):
            file = tmp_path / f"{account}.jsonl"
            file.write_text("".join(json.dumps(each | {"billing_account_id": account}) + "\n" for each in few))
            server.serve(table, DETAILED, [str(file)])
        write_credentials(tmp_path / "key.json", server.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        source = gcp_company.source(server, billing_exports=[TABLE, second])
        assert fetched(warehouse, source).failures == ()
    found = rows(warehouse, "select BillingAccountId as a, count(*)::int as n from charges group by all order by all")
    assert [row["a"] for row in found] == ["01A2B3-C4D5E6-F70819", "0F0F0F-C4D5E6-F70819"]
    assert len({row["n"] for row in found}) == 1


CONFIG = """
warehouse = "{folder}/w"

[[sources]]
name = "azure-government"
connector = "azure"
[sources.settings]
tenant_id = "contoso.onmicrosoft.us"
authority = "https://login.microsoftonline.us"
management_endpoint = "https://management.usgovcloudapi.net"
metrics_endpoint = "https://{{region}}.metrics.monitor.azure.us"
metrics_audience = "https://metrics.monitor.azure.us"
exports = ["https://bills.blob.core.usgovcloudapi.net/exports/finops"]
scopes = ["providers/Microsoft.Billing/billingAccounts/1234567", "subscriptions/00000000-0000-0000-0000-000000000000"]

[[sources]]
name = "azure-europe"
connector = "azure"
[sources.settings]
tenant_id = "contoso.onmicrosoft.com"
managed_identity_client_id = "00000000-0000-0000-0000-000000000000"
{scope}

[[sources]]
name = "google"
connector = "gcp"
[sources.settings]
impersonate = "finops@ops.iam.gserviceaccount.com"
billing_exports = ["ops.billing.gcp_billing_export_resource_v1_A", "ops.billing.gcp_billing_export_resource_v1_B"]
scopes = ["organizations/1", "folders/2", "projects/three"]
endpoint_urls.bigquery = "https://bigquery-restricted.p.googleapis.com"
endpoint_urls.monitoring = "monitoring-restricted.p.googleapis.com"

[[sources]]
name = "cluster"
connector = "kubernetes"
settings = {{ url = "https://prometheus.internal/prod", tenant = "team-a", cluster = "prod", selector = 'cluster="prod"' }}
"""
PROFILE = 'scopes = ["providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31/billingProfiles/P"]'


def test_all_of_it_is_configuration_that_init_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "finops.toml"
    file.write_text(CONFIG.format(folder=tmp_path, scope=PROFILE))
    found: dict[str, str] = {each.setting: each.status for each in checked(load_config(file, environment={}))}
    assert "wrong" not in found.values(), found
    assert {f"sources.{name}" for name in ("azure-government", "azure-europe", "google", "cluster")} <= found.keys()


Change = Callable[[str], str]


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        (lambda text: text.replace("https://login", "http://login"), "sources.azure-government"),
        (lambda text: text.replace("finops@ops", "finops"), "sources.google"),
        (lambda text: text.replace("https://prometheus", "https://user:secret@prometheus"), "sources.cluster"),
    ],
)
def test_what_would_send_a_token_astray_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, setting: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "finops.toml"
    file.write_text(change(CONFIG.format(folder=tmp_path, scope=PROFILE)))
    with pytest.raises(ConfigError) as error:
        checked(load_config(file, environment={}))
    assert setting in str(error.value)
    assert "secret" not in str(error.value)
