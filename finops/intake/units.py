"""Deliveries divided into units: which files are parts of one export, and which exports hold one unit twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import combinations
from pathlib import Path

from finops.connect import Format
from finops.errors import InputError
from finops.intake.sniff import Seen
from finops.warehouse.checks import Control
from finops.warehouse.raw import RawFile

EITHER = "either"
SUFFIXES = re.compile(r"(\.(csv|tsv|parquet|json|jsonl|ndjson|gz|zip|snappy|zstd|c\d+))+$", re.IGNORECASE)
UUID = re.compile(r"[-_.]?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
HASH = re.compile(r"[-_.](?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}$", re.IGNORECASE)
NUMBER = re.compile(r"(^|[-_. ])(part[-_. ]?)?\d+([-_]of[-_]\d+)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file of the delivery, recognised and checked.

    export  files with one value are parts of one export; the others are rivals where they hold the same unit
    """

    seen: Seen
    fmt: Format
    version: str
    raw: RawFile
    rows: int
    checksum: str
    modified: float
    controls: tuple[Control, ...] = ()
    role: str = ""
    export: str = ""
    manifest: str = ""

    @property
    def shown(self) -> str:
        return self.seen.shown

    @property
    def units(self) -> set[tuple[str, str]]:
        return {(c.account, c.period) for c in self.controls}


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are staged together, because they share units: one component of the delivery."""

    fmt: Format
    files: tuple[Delivered, ...]
    controls: tuple[Control, ...] = field(default=())

    @property
    def units(self) -> list[tuple[str, str]]:
        return sorted({unit for file in self.files for unit in file.units})

    @property
    def roles(self) -> set[str]:
        return {file.role for file in self.files}


def stem(path: str) -> str:
    """A file's name without what tells parts apart: suffixes, uuids, hashes, part numbers."""
    name = SUFFIXES.sub("", Path(path).name)
    before = None
    while name != before:
        before = name
        name = NUMBER.sub("", HASH.sub("", UUID.sub("", name)))
    return name


def with_exports(files: Sequence[Delivered]) -> list[Delivered]:
    """Name each file's export. Parts of one export have one role, so two roles under one stem are two exports."""
    named = [
        file
        if file.export
        else replace(
            file,
            export="\x1f".join(
                _layout(file),
            ).strip(),
        )
        for file in files
    ]
    roles: dict[str, set[str]] = defaultdict(set)
    for file in named:
        roles[file.export] |= {file.role} - {EITHER, ""}
    result = []
    for file in named:
        known = roles[file.export]
        role = next(iter(known)) if file.role == EITHER and len(known) == 1 else file.role
        result.append(replace(file, role=role, export=f"{file.export}\x1f{role}" if len(known) > 1 else file.export))
    return result


def _layout(file: Delivered) -> tuple[str, ...]:
    return (file.fmt.name, file.version, str(Path(file.shown).parent), stem(file.shown))


def rivals(files: Sequence[Delivered]) -> list[InputError]:
    """Every pair of exports that hold one unit, each file of the one named with each of the other."""
    holders: dict[tuple[str, str, str], list[Delivered]] = defaultdict(list)
    for file in files:
        for account, period in sorted(file.units):
            holders[(file.fmt.table, account, period)].append(file)
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (_, account, period), several in sorted(holders.items()):
        for one, other in combinations(sorted(several, key=lambda f: f.shown), 2):
            if one.export != other.export and not _complete_each_other(one, other):
                pairs[(one.shown, other.shown)].append(f"{period} of {account or 'one account'}")
    return [
        InputError(
            f"two exports of {_some(units)}: loading both would count it twice",
            where=f"{one} and {other}",
            hint="load one of them; a later load replaces the same months of the same source",
        )
        for (one, other), units in sorted(pairs.items())
    ]


def _complete_each_other(one: Delivered, other: Delivered) -> bool:
    """Two files of one account and month that the format delivers as a pair (what was billed; how it is spread)."""
    if one.fmt is not other.fmt or not one.fmt.roles:
        return False
    return one.role != other.role and {one.role, other.role} <= {*one.fmt.roles, EITHER}


def _some(units: list[str]) -> str:
    return ", ".join(units[:3]) + (f" and {len(units) - 3} more" if len(units) > 3 else "")


def without_twins(files: Sequence[Delivered]) -> tuple[list[Delivered], list[tuple[str, str]]]:
    """Of a pair that an account without commitments delivers, both files hold the same charges: the second is passed over."""
    kept: list[Delivered] = []
    passed_over = []
    for file in files:
        twin = next((k for k in kept if k.role == EITHER == file.role and _alike(k, file)), None)
        if twin:
            passed_over.append((file.shown, f"holds the same charges as {twin.shown}: the account has no commitments"))
        else:
            kept.append(file)
    return kept, passed_over


def _alike(one: Delivered, other: Delivered) -> bool:
    def sums(file: Delivered) -> list[tuple[str, str, str, int, Decimal]]:
        return sorted((c.account, c.period, c.currency, c.rows, c.billed) for c in file.controls)

    return one.fmt is other.fmt and one.export != other.export and sums(one) == sums(other)


def exports(files: Iterable[Delivered]) -> dict[str, list[Delivered]]:
    grouped: dict[str, list[Delivered]] = defaultdict(list)
    for file in files:
        grouped[file.export].append(file)
    return grouped


def groups(files: Sequence[Delivered]) -> list[Group]:
    """Files of one format that share a unit, directly or through others; files without units all together."""
    merged: list[tuple[Format, set[tuple[str, str]], list[Delivered]]] = []
    for file in files:
        units, members = set(file.units), [file]
        rest = []
        for fmt, theirs, others in merged:
            if fmt is file.fmt and (theirs & units or not (theirs or units)):
                units |= theirs
                members = others + members
            else:
                rest.append((fmt, theirs, others))
        merged = [*rest, (file.fmt, units, members)]
    return [Group(fmt, tuple(members), tuple(c for m in members for c in m.controls)) for fmt, _, members in merged]
