"""What the lifecycle rules that a bucket already has do to its objects: `lifecycle_rules` of the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from finops.pricing import number
from finops.storage.tiering import Band

STEADY = 0.25
"""Bands hold as many objects a day, within this share of their mean, where objects come, and go, all the time."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Rules in the words of the open format: `prefix` (or `prefixes`), `expire_days`, `noncurrent_days`, `abort_days`,
    `transitions` of `days` and `storage_class`. A rule with further conditions (`x_…`) is of an unknown part of the objects."""

    rules: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, properties: Mapping[str, object]) -> Declared:
        listed = properties.get("lifecycle_rules")
        rules = tuple(rule for rule in listed if isinstance(rule, Mapping)) if isinstance(listed, list) else ()
        return cls(tuple(rule for rule in rules if not any(str(name).startswith("x_") for name in rule)))

    def days(self, name: str, prefix: str = "") -> int | None:
        """After how many days a rule of all objects below the prefix does it: the first; None where none does."""
        found = [number(rule.get(name)) for rule in self._covering(prefix)]
        return min((int(days) for days in found if days is not None), default=None)

    def beyond(self, name: str, days: int) -> float:
        """The share of what is kept that is older than `days`: all of it without such a rule, else of its days' worth."""
        kept = self.days(name)
        return 1.0 if kept is None else max(0.0, 1 - days / max(kept, 1))

    def moves(self, prefix: str, steps: Sequence[tuple[int, str]]) -> bool:
        """Whether its rules move the objects below the prefix to these classes already, at these ages or sooner."""
        ages: dict[str, float] = {}
        for rule in self._covering(prefix):
            for step in rule.get("transitions") or ():
                days, name = number(step.get("days")), str(step.get("storage_class") or "").lower()
                ages[name] = min(ages.get(name, float("inf")), float("inf") if days is None else days)
        return bool(steps) and all(ages.get(name.lower(), float("inf")) <= day for day, name in steps)

    def _covering(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        for rule in self.rules:
            named = rule.get("prefixes") or [rule.get("prefix") or ""]
            if any(prefix.startswith(str(own)) for own in named):
                yield rule


def seen_to_end(bands: Sequence[Band]) -> int | None:
    """The age at which objects are gone, where the listing shows that they come and go all the time: from age 0 on as many lie
    in each day, and then none. The oldest object of what does not flow so is merely the oldest."""
    ages = sorted({(band.day_from, band.day_to or 0) for band in bands})
    if len(ages) < 2 or ages[0][0] != 0 or any(one[1] != other[0] for one, other in pairwise(ages)):
        return None
    if ages[-1][1] == 0:
        return None
    held: dict[int, float] = {}
    for band in bands:
        held[band.day_from] = held.get(band.day_from, 0.0) + band.objects
    dense = [held[start] / (end - start) for start, end in ages]
    mean = sum(held.values()) / ages[-1][1]
    return ages[-1][1] if all(abs(one - mean) <= STEADY * mean for one in dense) else None
