"""Kinds: what a resource is, whoever sells it; the one table from the providers' names of types to what judges know."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources


@cache
def _table() -> dict[str, tuple[str, str]]:
    text = resources.files("finops").joinpath("resource_kinds.csv").read_text("utf-8")
    return {row["resource_type"].lower(): (row["resource_type"], row["kind"]) for row in csv.DictReader(text.splitlines())}


def kind_of(resource_type: str) -> str:
    """The kind of a type, which providers write in upper and lower case at will; empty for one that no judge knows."""
    return _table().get(resource_type.lower(), ("", ""))[1]


def kinds() -> tuple[str, ...]:
    """Every kind, in the table's order."""
    return tuple(dict.fromkeys(kind for _, kind in _table().values()))


def types_of(*kinds: str) -> tuple[str, ...]:
    """Every provider's types of these kinds, as their inventories write them."""
    return tuple(name for name, kind in _table().values() if kind in kinds)


def listed(*kinds: str) -> str:
    """The types of these kinds in lower case, for `lower(resource_type) in (…)`."""
    return ", ".join(f"'{name.lower()}'" for name in types_of(*kinds))
