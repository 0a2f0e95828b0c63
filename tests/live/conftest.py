"""An emulator of AWS, emptied before each test, and credentials that no message may repeat."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finops.warehouse.warehouse import Warehouse
from tests.live import azure_contract, google_contract
from tests.live.aws_contract import Aws, contract
from tests.live.azure_contract import Azure
from tests.live.gcp_company import write_credentials
from tests.live.google_contract import Google
from tests.servers import running

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
"""When the sample company's exports were fetched."""

SECRET = "wJalrXUtnFEMIbPxRfiCYSECRETKEYMATERIAL00"
KEY_ID = "AKIAFAKEFAKEFAKEFAKE"


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    with running("moto.server") as url:
        yield url


@pytest.fixture
def aws(emulator: str, credentials: None) -> str:
    """The URL of an AWS without anything in it."""
    request = urllib.request.Request(f"{emulator}/moto-api/reset", method="POST")
    urllib.request.urlopen(request).close()
    return emulator


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse.open(str(tmp_path / "warehouse"), memory_limit="1GB")


@pytest.fixture
def cloud_of_aws(aws: str) -> Iterator[Aws]:
    """The same AWS behind a server that holds every request against the services' own description."""
    with contract(aws) as server:
        yield server


@pytest.fixture
def cloud(cloud_of_aws: Aws) -> Aws:
    return cloud_of_aws


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """An Azure without anything in it, and an application's credentials that no message may repeat."""
    folder = tmp_path / "tls"
    folder.mkdir()
    with azure_contract.contract(folder) as server:
        monkeypatch.setenv("AZURE_TENANT_ID", azure_contract.TENANT)
        monkeypatch.setenv("AZURE_CLIENT_ID", azure_contract.CLIENT)
        monkeypatch.setenv("AZURE_CLIENT_SECRET", azure_contract.SECRET)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
        yield server


@pytest.fixture(scope="session")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where gRPC finds the contract server's certificate: it looks once a process."""
    path = tmp_path_factory.mktemp("tls") / "roots.pem"
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(path)
    return path


@pytest.fixture
def google(roots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """A Google Cloud without anything in it, and a service account whose key no message may repeat."""
    with google_contract.google(roots) as server:
        key = write_credentials(tmp_path / "key.json", "http://127.0.0.1:1")
        server.public = google_contract.public_key(key)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "BIGQUERY_EMULATOR_HOST"):
            monkeypatch.delenv(name, raising=False)
        yield server
