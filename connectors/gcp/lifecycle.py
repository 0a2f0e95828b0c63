"""Lifecycle rules of Cloud Storage: read, and patched as a whole if the bucket is still the version that was read.

JSON API v1, buckets.get and buckets.patch (cloud.google.com/storage/docs/json_api, as of 2026-11). Rules bear no name there:
two are the same where all of them is.
"""

from __future__ import annotations

import json
import re
from typing import Any

from connectors.gcp.failures import errors
from connectors.gcp.session import Connection
from finops.connect import Bucket, Lifecycle, RuleSet
from finops.errors import ConfigError, RetriableError

ENDPOINT = "https://storage.googleapis.com"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
CHANGED = 412


def read(connection: Connection, bucket: Bucket) -> RuleSet:
    found = _sent(connection, "GET", bucket, "storage.buckets.get", {"fields": "lifecycle,metageneration"})
    return RuleSet(tuple(found.get("lifecycle", {}).get("rule", ())), tag=str(found["metageneration"]))


def write(connection: Connection, bucket: Bucket, rules: RuleSet) -> None:
    """A patch replaces a list; null takes the whole configuration away."""
    document = {"lifecycle": {"rule": list(rules.rules)} if rules.rules else None}
    parameters = {"ifMetagenerationMatch": rules.tag, "fields": "metageneration"}
    _sent(connection, "PATCH", bucket, "storage.buckets.update", parameters, document)


def _sent(
    connection: Connection, method: str, bucket: Bucket, permission: str, parameters: dict[str, str], document: Any = None
) -> Any:
    """The answer's document. Raises AccessError (names the permission), RetriableError, SourceError."""
    from google.api_core.exceptions import from_http_response

    if not NAME.fullmatch(bucket.name):
        raise ConfigError("is no name of a bucket", where=bucket.resource_id, hint="put its rules by hand: finops apply ID")
    url = f"{connection.settings.endpoint_urls.get('storage', ENDPOINT)}/storage/v1/b/{bucket.name}"
    with errors(permission, bucket.name, connection.secrets), connection.http() as session:
        connection.counts(permission)
        answer = session.request(method, url, params=parameters, json=document, timeout=connection.settings.timeout_s)
        if answer.status_code == CHANGED:
            what = f"{permission}: somebody changed the bucket at the same time"
            raise RetriableError(what, where=bucket.name, hint="run it again")
        if answer.status_code >= 400:
            raise from_http_response(answer)  # type: ignore[no-untyped-call]
        return answer.json()


LIFECYCLE = Lifecycle(
    resource_types=("storage.googleapis.com/Bucket",),
    reads=("storage.buckets.get",),
    writes=("storage.buckets.update",),
    list_of=lambda document: document["lifecycle"]["rule"],
    identity=lambda rule: json.dumps(rule, sort_keys=True),
    read=read,
    write=write,
)
