"""Lifecycle rules put among those of a bucket, and taken out again: what is not ours stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Rule: TypeAlias = Mapping[str, Any]
Identity: TypeAlias = Callable[[Rule], str]


class ChangedSinceError(ValueError):
    """A rule of ours is no longer what was put: somebody made it theirs."""


@dataclass(frozen=True, slots=True)
class Merge:
    """rules: the whole configuration; replaced: those of before that ours took the place of."""

    rules: tuple[Rule, ...]
    replaced: tuple[Rule, ...]


def put_among(present: Sequence[Rule], ours: Sequence[Rule], formerly: Iterable[str], identity: Identity) -> Merge:
    """Ours in the place of themselves, else after the others. `formerly`: identities that an earlier put of this finding left.

    Where all of it is there already, the result is what is present.
    """
    mine = {identity(rule): rule for rule in ours}
    gone = {*mine, *formerly}
    rules: list[Rule] = []
    replaced: list[Rule] = []
    for rule in present:
        name = identity(rule)
        if name not in gone:
            rules.append(rule)
            continue
        new = mine.pop(name, None)
        rules += [new] if new is not None else []
        replaced += [rule] if rule != new else []
    return Merge((*rules, *mine.values()), tuple(replaced))


def taken_out(present: Sequence[Rule], left: Sequence[Rule], replaced: Sequence[Rule], identity: Identity) -> tuple[Rule, ...]:
    """Without ours, with what they had replaced in their place. `left`: ours as they stood after the put.

    Raises ChangedSinceError where one of ours was edited since; one that somebody removed is no error.
    """
    mine = {identity(rule): rule for rule in left}
    back = {identity(rule): rule for rule in replaced}
    rules: list[Rule] = []
    for rule in present:
        name = identity(rule)
        if name not in mine:
            back.pop(name, None)
            rules.append(rule)
        elif rule != mine[name]:
            raise ChangedSinceError(name)
        elif name in back:
            rules.append(back.pop(name))
    return (*rules, *back.values())
