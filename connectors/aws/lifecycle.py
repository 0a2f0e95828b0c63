"""S3 lifecycle rules: read, and put as a whole, which is how S3 takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.aws.session import Connection
from finops.connect import Bucket, Lifecycle, RuleSet
from finops.errors import SourceError

ABSENT = "NoSuchLifecycleConfiguration"
SMALLEST = "TransitionDefaultMinimumObjectSize"
"""A setting of the whole configuration, which a put without it sets back (S3 API, PutBucketLifecycleConfiguration)."""


def read(connection: Connection, bucket: Bucket) -> RuleSet:
    try:
        found = connection.call("s3", "GetBucketLifecycleConfiguration", **_where(connection, bucket))
    except SourceError as error:
        if ABSENT in error.what:
            return RuleSet()
        raise
    rest = {SMALLEST: found[SMALLEST]} if found.get(SMALLEST) else {}
    return RuleSet(tuple(_filtered(_plain(rule)) for rule in found.get("Rules", ())), rest)


def write(connection: Connection, bucket: Bucket, rules: RuleSet) -> None:
    where = _where(connection, bucket)
    if not rules.rules:
        connection.call("s3", "DeleteBucketLifecycle", **where)
        return
    document = {"Rules": [dict(rule) for rule in rules.rules]}
    connection.call("s3", "PutBucketLifecycleConfiguration", LifecycleConfiguration=document, **dict(rules.rest), **where)


def _where(connection: Connection, bucket: Bucket) -> dict[str, Any]:
    """The bucket, its owner as the bill has it (S3 refuses where it is another), the role that reads this account."""
    role = next((account.role for account in connection.accounts() if account.id == bucket.account), "")
    owner = {"ExpectedBucketOwner": bucket.account} if re.fullmatch(r"\d{12}", bucket.account) else {}
    return {"Bucket": bucket.name, "region": bucket.region, "role": role, **owner}


def _plain(value: Any) -> Any:
    """As JSON has it: dates are texts, which the SDK takes too."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _filtered(rule: dict[str, Any]) -> dict[str, Any]:
    """The prefix of an old rule as a filter, which says the same: S3 refuses a configuration that has both forms."""
    if "Prefix" not in rule:
        return rule
    return {name: value for name, value in rule.items() if name != "Prefix"} | {"Filter": {"Prefix": rule["Prefix"]}}


LIFECYCLE = Lifecycle(
    resource_types=("AWS::S3::Bucket",),
    reads=("s3:GetLifecycleConfiguration",),
    writes=("s3:PutLifecycleConfiguration",),
    list_of=lambda document: document["Rules"],
    identity=lambda rule: str(rule.get("ID", "")),
    read=read,
    write=write,
)
