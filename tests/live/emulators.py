"""Emulators that others made: Azurite for Blob Storage, gcp-storage-emulator for Cloud Storage, each in a process of its own.

They know no faults and few rules, which is what the contract servers are for; but what they answer is not written by us.
Azurite is a package of npm (`make emulators`); it takes tokens over TLS only, by their issuer, audience and times.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from tests.live.azure_contract import entra_token
from tests.servers import free_port, serving

ACCOUNT = "nordlicht"
HOST = f"{ACCOUNT}.blob.localhost"
"""An account is the first label of its host, as in Azure; tests let this one lead to loopback."""

AUDIENCE = "https://storage.azure.com"
VERSION = "2021-12-02"
AZURITE = Path(__file__).parents[2] / ".venv/azurite/node_modules/.bin/azurite-blob"


def azurite() -> str | None:
    """Where it is installed."""
    return str(AZURITE) if AZURITE.exists() else shutil.which("azurite-blob")


@dataclass(frozen=True)
class Blobs:
    """A storage account in Azurite."""

    url: str
    certificate: Path

    def put(self, container: str, name: str, content: bytes) -> None:
        """A block blob, in a container that is made where there is none."""
        made = self._sent(container, {"restype": "container"}, b"")
        assert made.status_code in (201, 409), made.text
        sent = self._sent(f"{container}/{quote(name)}", {}, content, {"x-ms-blob-type": "BlockBlob"})
        assert sent.status_code == 201, sent.text

    def _sent(self, path: str, asked: dict[str, str], body: bytes, more: dict[str, str] | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {entra_token(AUDIENCE, 'test')}", "x-ms-version": VERSION, **(more or {})}
        headers["x-ms-date"] = format_datetime(datetime.now(UTC), usegmt=True)
        where = f"{self.url}/{path}"
        return requests.put(where, params=asked, data=body, headers=headers, verify=str(self.certificate), timeout=30)


@contextmanager
def blob_storage(certificate: Path, key: Path) -> Iterator[Blobs]:
    """Azurite with one account and nothing in it. The certificate is for `HOST`."""
    program = azurite()
    assert program, "Azurite is not installed: make emulators"
    port = free_port()
    secured = ["--cert", str(certificate), "--key", str(key), "--oauth", "basic"]
    placed = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent", "--disableTelemetry"]
    account = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{base64.b64encode(b'of no account').decode()}"}
    with serving([program, *placed, *secured], port, os.environ | account):
        yield Blobs(f"https://{HOST}:{port}", certificate)


def on_loopback(host: str, *arguments: Any, **named: Any) -> Any:
    """As `socket.getaddrinfo`; the account's host is this machine."""
    return _resolved("127.0.0.1" if host == HOST else host, *arguments, **named)


_resolved = socket.getaddrinfo


@contextmanager
def cloud_storage() -> Iterator[Buckets]:
    """The emulator with nothing in it. It takes any token."""
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory"]
    with serving([*command, "--quiet"], port):
        yield Buckets(f"http://127.0.0.1:{port}")


@dataclass(frozen=True)
class Buckets:
    """Cloud Storage in the emulator."""

    url: str

    def put(self, bucket: str, name: str, content: bytes) -> None:
        """An object, in a bucket that is made where there is none."""
        made = requests.post(f"{self.url}/storage/v1/b", json={"name": bucket}, timeout=30)
        assert made.status_code in (200, 409), made.text
        where = {"uploadType": "media", "name": name}
        sent = requests.post(f"{self.url}/upload/storage/v1/b/{bucket}/o", params=where, data=content, timeout=30)
        assert sent.status_code == 200, sent.text

    def rules(self, bucket: str) -> Any:
        """The lifecycle rules of a bucket."""
        found = requests.get(f"{self.url}/storage/v1/b/{bucket}", timeout=30).json()
        return found.get("lifecycle", {}).get("rule")
