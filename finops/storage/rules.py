"""Lifecycle rules as the text that an object store takes: three shapes of JSON for one schedule."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Shape: TypeAlias = Literal["transitions", "tiers", "conditions"]
"""Rules with `Transitions`, with a base blob's `tierTo…`, or with one `action` and `condition` a step."""

SUPERSEDED = "superseded"
"""The tag that marks objects which later ones replace: a rule alone cannot count what is newest."""


LONGEST = 100
"""Characters of a prefix in a rule's name: names have 255 at most, prefixes 1,024."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to the objects of a prefix: steps are (age in days, class); None: never."""

    prefix: str = ""
    steps: tuple[tuple[int, str], ...] = ()
    delete_days: int | None = None
    noncurrent_days: int | None = None
    abort_days: int | None = None
    superseded_days: int | None = None


def document(shape: Shape, rules: list[Rule]) -> str:
    """The whole JSON document."""
    write = {"transitions": _transitions, "tiers": _tiers, "conditions": _conditions}[shape]
    return json.dumps(write(rules), indent=2)


def _transitions(rules: list[Rule]) -> dict[str, Any]:
    found = []
    for rule in rules:
        one: dict[str, Any] = {"ID": _name(rule), "Status": "Enabled", "Filter": {"Prefix": rule.prefix}}
        if rule.steps:
            one["Transitions"] = [{"Days": days, "StorageClass": name} for days, name in rule.steps]
        if rule.delete_days is not None:
            one["Expiration"] = {"Days": rule.delete_days}
        if rule.superseded_days is not None:
            one["Filter"] = {"And": {"Prefix": rule.prefix, "Tags": [{"Key": SUPERSEDED, "Value": "true"}]}}
            one["Expiration"] = {"Days": rule.superseded_days}
        if rule.noncurrent_days is not None:
            one["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.noncurrent_days}
        if rule.abort_days is not None:
            one["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_days}
        found.append(one)
    return {"Rules": found}


def _tiers(rules: list[Rule]) -> dict[str, Any]:
    found = []
    for rule in rules:
        base: dict[str, Any] = {
            f"tierTo{name.capitalize()}": {"daysAfterModificationGreaterThan": days} for days, name in rule.steps
        }
        filters: dict[str, Any] = {"blobTypes": ["blockBlob"]}
        if rule.prefix:
            filters["prefixMatch"] = [rule.prefix]
        expires = rule.delete_days if rule.superseded_days is None else rule.superseded_days
        if expires is not None:
            base["delete"] = {"daysAfterModificationGreaterThan": expires}
        if rule.superseded_days is not None:
            filters["blobIndexMatch"] = [{"name": SUPERSEDED, "op": "==", "value": "true"}]
        actions: dict[str, Any] = {"baseBlob": base} if base else {}
        if rule.noncurrent_days is not None:
            actions["version"] = {"delete": {"daysAfterCreationGreaterThan": rule.noncurrent_days}}
        definition = {"filters": filters, "actions": actions}
        found.append({"enabled": True, "name": _name(rule), "type": "Lifecycle", "definition": definition})
    return {"rules": found}


def _conditions(rules: list[Rule]) -> dict[str, Any]:
    found = []
    for rule in rules:
        match: dict[str, Any] = {"matchesPrefix": [rule.prefix]} if rule.prefix else {}
        found += [
            {"action": {"type": "SetStorageClass", "storageClass": name}, "condition": {"age": days} | match}
            for days, name in rule.steps
        ]
        conditions = {
            "Delete": [
                {"age": rule.delete_days} if rule.delete_days is not None else None,
                {"daysSinceNoncurrentTime": rule.noncurrent_days} if rule.noncurrent_days is not None else None,
                {"daysSinceCustomTime": rule.superseded_days} if rule.superseded_days is not None else None,
            ],
            "AbortIncompleteMultipartUpload": [{"age": rule.abort_days} if rule.abort_days is not None else None],
        }
        found += [
            {"action": {"type": action}, "condition": condition | match}
            for action, several in conditions.items()
            for condition in several
            if condition is not None
        ]
    return {"lifecycle": {"rule": found}}


def _name(rule: Rule) -> str:
    """A rule's name: letters, digits and hyphens of its prefix, and what it is about. No two rules of a bucket share one."""
    kept = re.sub(r"[^A-Za-z0-9]+", "-", rule.prefix).strip("-")[:LONGEST]
    plain = rule.prefix in ("", f"{kept}/")
    about = (
        "-superseded" if rule.superseded_days is not None else "" if rule.steps or rule.delete_days is not None else "-hidden"
    )
    return f"finops-{kept or 'all'}{'' if plain else '-' + hashlib.sha256(rule.prefix.encode()).hexdigest()[:6]}{about}"
