"""Lifecycle rules of Cloud Storage: read, and patched as a whole if the bucket is still the version that was read.

Rules bear no name there: two are the same where all of them is.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

from connectors.gcp import storage
from connectors.gcp.failures import errors
from connectors.gcp.session import Connection
from finops.connect import Bucket, Lifecycle, RuleSet
from finops.errors import ConfigError, RetriableError, SourceError

READ = "storage.buckets.get"
WRITE = "storage.buckets.update"
ACCESS = "storage.buckets.getIamPolicy"
"""Needed because the SDK asks a patch to answer with the bucket's whole description, its access list included."""


def read(connection: Connection, bucket: Bucket) -> RuleSet:
    """Raises SourceError where the SDK does not know one of the rules: written back, it would be lost."""
    with errors(READ, bucket.name, connection.secrets):
        found = _bucket(connection, bucket)
        connection.counts(READ)
        found.reload(**storage.patience(connection))
    with warnings.catch_warnings(record=True) as unknown:
        warnings.simplefilter("always")
        rules = tuple(dict(rule) for rule in found.lifecycle_rules)
    if unknown:
        raise SourceError("a rule is of a kind that the SDK does not know", where=bucket.name, hint="put the new one by hand")
    return RuleSet(rules, tag=str(found.metageneration))


def write(connection: Connection, bucket: Bucket, rules: RuleSet) -> None:
    """A patch replaces the list. Raises RetriableError where the bucket is another version by now."""
    from google.api_core.exceptions import PreconditionFailed

    with errors(WRITE, bucket.name, connection.secrets):
        found = _bucket(connection, bucket)
        found.lifecycle_rules = rules.rules
        connection.counts(WRITE)
        try:
            found.patch(if_metageneration_match=int(rules.tag), **storage.patience(connection))
        except PreconditionFailed:
            what = f"{WRITE}: somebody changed the bucket at the same time"
            raise RetriableError(what, where=bucket.name, hint="run it again") from None


def _bucket(connection: Connection, bucket: Bucket) -> Any:
    """Raises ConfigError where no bucket has such a name."""
    if not storage.NAME.fullmatch(bucket.name):
        raise ConfigError("is no name of a bucket", where=bucket.resource_id, hint="put its rules by hand: finops apply ID")
    return storage.client(connection).bucket(bucket.name)


LIFECYCLE = Lifecycle(
    resource_types=("storage.googleapis.com/Bucket",),
    reads=(READ,),
    writes=(WRITE, ACCESS),
    list_of=lambda document: document["lifecycle"]["rule"],
    identity=lambda rule: json.dumps(rule, sort_keys=True),
    read=read,
    write=write,
)
