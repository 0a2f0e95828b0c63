"""Contract servers for lifecycle rules: Azure's management policies (over TLS), Cloud Storage's buckets.get and buckets.patch.

Method, path, parameters, version, token and body are held against the published descriptions (Microsoft Learn, Management
Policies 2023-01-01; the discovery document `storage:v1`); what breaks them is answered 400 and kept in `violations`.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live import azure_contract
from tests.live.azure_contract import TENANT
from tests.live.faults import Answering, serving

ACCOUNT = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Storage/storageAccounts/([a-z0-9]{3,24})"
    r"/managementPolicies/default"
)
ACTIONS = {"tierToCool", "tierToCold", "tierToArchive", "delete", "enableAutoTierToHotFromCool"}
CONDITIONS = {
    "age", "createdBefore", "customTimeBefore", "daysSinceCustomTime", "daysSinceNoncurrentTime", "isLive", "matchesPrefix",
    "matchesStorageClass", "matchesSuffix", "noncurrentTimeBefore", "numNewerVersions",
}  # fmt: skip
TOKEN = "ya29.RULESTOKENMATERIAL"


@dataclass
class Stores:
    """What lies there: account or bucket → its rules; None: it has none. A bucket's version counts its patches."""

    url: str = ""
    rules: dict[str, list[dict[str, Any]] | None] = field(default_factory=dict)
    version: int = 1
    between: list[Any] = field(default_factory=list)  # called before the next write: somebody else's
    faults: dict[str, list[int]] = field(default_factory=dict)  # method → statuses of the next calls
    asked: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class _Handler(Answering):
    @property
    def stores(self) -> Stores:
        stores: Stores = self.state
        return stores

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        parameters = dict(urllib.parse.parse_qsl(query))
        try:
            status, answer = self.answered(path, parameters, body)
        except (ValueError, KeyError) as error:
            self.stores.violations.append(f"{self.command} {self.path}: {error!r}")
            status, answer = 400, {"error": {"code": "Broken", "message": str(error)}}
        text = b"" if answer is None else json.dumps(answer).encode()
        self.answer(status, text, {"Content-Type": "application/json"})

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def fault(self, words: dict[str, Any]) -> tuple[int, Any] | None:
        self.stores.asked.append(self.command)
        waiting = self.stores.faults.get(self.command)
        if self.command != "GET" and self.stores.between:
            self.stores.between.pop(0)()
        return (waiting.pop(0), words) if waiting else None

    def answered(self, path: str, parameters: dict[str, str], body: bytes) -> tuple[int, Any]:
        raise NotImplementedError


class _Azure(_Handler):
    def answered(self, path: str, parameters: dict[str, str], body: bytes) -> tuple[int, Any]:
        url = self.stores.url
        if path.endswith("/v2.0/.well-known/openid-configuration"):
            return 200, {
                "authorization_endpoint": f"{url}/{TENANT}/oauth2/v2.0/authorize",
                "token_endpoint": f"{url}/{TENANT}/oauth2/v2.0/token",
                "issuer": f"{url}/{TENANT}/v2.0",
            }
        if path == f"/{TENANT}/oauth2/v2.0/token":
            assert urllib.parse.parse_qs(body.decode())["scope"] == [f"{url}/.default"]
            return 200, {"access_token": "arm-token", "token_type": "Bearer", "expires_in": 3600}
        found = ACCOUNT.fullmatch(urllib.parse.unquote(path))
        if not found or parameters != {"api-version": "2023-01-01"} or self.headers.get("Authorization") != "Bearer arm-token":
            raise ValueError("no operation of management policies")
        if refused := self.fault({"error": {"code": "AuthorizationFailed", "message": "does not have authorization"}}):
            return refused
        return self.policy(found[1], body)

    def policy(self, account: str, body: bytes) -> tuple[int, Any]:
        if account not in self.stores.rules:
            return 404, {"error": {"code": "ResourceNotFound", "message": "no such account"}}
        if self.command == "DELETE":
            self.stores.rules[account] = None
            return 200, None
        if self.command == "PUT":
            document = json.loads(body)
            rules = document["properties"]["policy"]["rules"]
            if document.keys() != {"properties"} or not 1 <= len(rules) <= 100:
                raise ValueError("a policy has one to a hundred rules")
            for rule in rules:
                if rule["type"] != "Lifecycle" or not re.fullmatch(r"[A-Za-z0-9-]{1,256}", rule["name"]):
                    raise ValueError(f"a rule is {rule}")
                if not rule["definition"]["actions"].get("baseBlob", {}).keys() <= ACTIONS:
                    raise ValueError(f"no such action: {rule}")
            self.stores.rules[account] = rules
        rules = self.stores.rules[account]
        if rules is None:
            return 404, {"error": {"code": "ManagementPolicyNotFound", "message": "no policy"}}
        return 200, {"name": "DefaultManagementPolicy", "properties": {"policy": {"rules": rules}}}


class _Gcs(_Handler):
    def answered(self, path: str, parameters: dict[str, str], body: bytes) -> tuple[int, Any]:
        if path == "/token":
            return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        found = re.fullmatch(r"/storage/v1/b/([a-z0-9._-]+)", path)
        known = {"fields", "ifMetagenerationMatch", "prettyPrint", "projection"}
        if not found or parameters.keys() - known or self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise ValueError("no method of buckets")
        if refused := self.fault({"error": {"code": 403, "message": "does not have storage.buckets.update access"}}):
            return refused
        bucket = found[1]
        if bucket not in self.stores.rules:
            return 404, {"error": {"code": 404, "message": "The specified bucket does not exist."}}
        if self.command == "PATCH":
            if int(parameters["ifMetagenerationMatch"]) != self.stores.version:
                return 412, {"error": {"code": 412, "message": "conditionNotMet"}}
            self.patch(bucket, json.loads(body))
        rules = self.stores.rules[bucket]
        return 200, {"metageneration": str(self.stores.version)} | ({"lifecycle": {"rule": rules}} if rules else {})

    def patch(self, bucket: str, document: dict[str, Any]) -> None:
        rules = (document["lifecycle"] or {}).get("rule")
        for rule in rules or ():
            if rule["action"]["type"] not in ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"):
                raise ValueError(f"no such action: {rule}")
            if rule["condition"].keys() - CONDITIONS or not rule["condition"]:
                raise ValueError(f"no such condition: {rule}")
        self.stores.rules[bucket] = rules or None
        self.stores.version += 1


@contextmanager
def azure_rules(folder: Path) -> Iterator[Stores]:
    """A resource manager and its sign-in; its certificate is `folder`/certificate.pem."""
    with serving(_Azure, Stores(), azure_contract.certified(folder)) as stores:
        yield stores


@contextmanager
def gcs_rules() -> Iterator[Stores]:
    """Cloud Storage and Google's sign-in."""
    with serving(_Gcs, Stores()) as stores:
        yield stores
