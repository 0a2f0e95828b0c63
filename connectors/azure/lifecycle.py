"""Lifecycle rules of a storage account: its management policy, read and put as a whole, which is how Azure takes it.

Storage resource provider, Management Policies, version 2023-01-01 (Microsoft Learn, as of 2026-11). It knows no condition on
the version that is replaced; what was put is read back.
"""

from __future__ import annotations

import re
from typing import Any

from connectors.azure.failures import errors
from connectors.azure.session import Connection
from finops.connect import Bucket, Lifecycle, RuleSet
from finops.errors import ConfigError

VERSION = "2023-01-01"
POLICIES = "Microsoft.Storage/storageAccounts/managementPolicies"
ID = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Storage/storageAccounts/[a-z0-9]{3,24}", re.IGNORECASE
)


def read(connection: Connection, bucket: Bucket) -> RuleSet:
    answer = _sent(connection, "GET", bucket, f"{POLICIES}/read", (200, 404))
    if answer.status_code == 404:
        return RuleSet()
    return RuleSet(tuple(answer.json()["properties"]["policy"]["rules"]))


def write(connection: Connection, bucket: Bucket, rules: RuleSet) -> None:
    if rules.rules:
        document = {"properties": {"policy": {"rules": list(rules.rules)}}}
        _sent(connection, "PUT", bucket, f"{POLICIES}/write", (200,), document)
    else:
        _sent(connection, "DELETE", bucket, f"{POLICIES}/delete", (200, 204))


def _sent(
    connection: Connection, method: str, bucket: Bucket, permission: str, good: tuple[int, ...], document: Any = None
) -> Any:
    """The answer. Raises AccessError (names the permission), RetriableError, SourceError (also of an absent account)."""
    from azure.core import PipelineClient
    from azure.core.pipeline import policies
    from azure.core.rest import HttpRequest

    if not ID.fullmatch(bucket.resource_id):
        raise ConfigError(
            "is no id of a storage account", where=bucket.resource_id, hint="put its rules by hand: finops apply ID"
        )
    endpoint, seconds = connection.settings.management_endpoint, connection.settings.timeout_s
    signed = policies.BearerTokenCredentialPolicy(connection.credential, f"{endpoint}/.default")
    chain: list[Any] = [policies.UserAgentPolicy("finops"), policies.ProxyPolicy(), connection.retry(), signed]
    url = f"{endpoint}{bucket.resource_id}/managementPolicies/default"
    request = HttpRequest(method, url, params={"api-version": VERSION}, json=document)
    made: Any = PipelineClient("", policies=chain, connection_timeout=seconds, read_timeout=seconds)
    with errors(permission, bucket.name, connection.secrets), made as client:
        connection.counts(permission, 1)
        answer = client.send_request(request)
        if answer.status_code not in good or (answer.status_code == 404 and "ResourceNotFound" in answer.text()):
            answer.raise_for_status()
        return answer


LIFECYCLE = Lifecycle(
    resource_types=("Microsoft.Storage/storageAccounts",),
    reads=(f"{POLICIES}/read",),
    writes=(f"{POLICIES}/write", f"{POLICIES}/delete"),
    list_of=lambda document: document["rules"],
    identity=lambda rule: str(rule.get("name", "")),
    read=read,
    write=write,
)
