"""Lifecycle rules of Cloud Storage: read, and patched as a whole if the bucket is still the version that was read.

Rules bear no name there: two are the same where all of them is.
"""

from __future__ import annotations

import json
from typing import Any

from connectors.gcp import storage
from connectors.gcp.session import Connection
from finops.connect import Bucket, Lifecycle, RuleSet
from finops.errors import ConfigError


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
    """The answer's document. Raises ConfigError where no bucket has such a name, else as `storage.call` does."""
    if not storage.NAME.fullmatch(bucket.name):
        raise ConfigError("is no name of a bucket", where=bucket.resource_id, hint="put its rules by hand: finops apply ID")
    return storage.call(connection, method, bucket.name, "", permission, parameters, document)


LIFECYCLE = Lifecycle(
    resource_types=("storage.googleapis.com/Bucket",),
    reads=("storage.buckets.get",),
    writes=("storage.buckets.update",),
    list_of=lambda document: document["lifecycle"]["rule"],
    identity=lambda rule: json.dumps(rule, sort_keys=True),
    read=read,
    write=write,
)
