"""Which format a file is in: its columns decide, never its name."""

from __future__ import annotations

from collections.abc import Sequence

from finops.connect import Format
from finops.errors import InputError
from finops.intake.sniff import Seen

MANIFEST = "manifest_"
NAMED = 6
"""Columns that an error names before it says how many more there are."""


def detect(seen: Seen, formats: Sequence[Format]) -> Format:
    """The format whose identifying columns the file has; of several the highest rank, then the most specific.

    Raises InputError: no format matches (names the nearest one and what it lacks), or a required column is missing.
    """
    matches = [fmt for fmt in formats if set(fmt.identifies) <= _canonical(seen, fmt)]
    if not matches:
        raise _unknown(seen, formats)
    fmt = max(matches, key=lambda f: (f.rank, len(f.identifies), f.name))
    present = _canonical(seen, fmt)
    missing = [c.name for c in fmt.columns if c.required and not present & {c.name, *c.aliases}]
    if any(name.startswith(MANIFEST) for name in missing):
        raise InputError(
            f"has no manifest, which says when it was taken and of what (the file is {fmt.title})",
            where=seen.shown,
            hint="load the whole folder of the report, manifest included",
        )
    if missing and seen.sniff.container != "jsonl":
        raise InputError(
            f"{_columns('column', missing)} missing (the file is {fmt.title})",
            where=seen.shown,
            hint="export all columns, or rename yours to these",
        )
    if fmt.closed and (unknown := _unknown_columns(seen, fmt)):
        raise InputError(
            f"unknown {_columns('column', unknown)} (the file is {fmt.title})",
            where=seen.shown,
            hint=f"remove or rename; known are {', '.join(c.name for c in fmt.columns)}",
        )
    return fmt


def _canonical(seen: Seen, fmt: Format) -> set[str]:
    return {fmt.canonical(header) for header in seen.sniff.columns} | {name for name, _ in seen.facts}


def _unknown_columns(seen: Seen, fmt: Format) -> list[str]:
    known = {name for column in fmt.columns for name in (column.name, *column.aliases)}
    prefixes = tuple(gather.prefix for gather in fmt.gathers)
    return [
        header
        for header in seen.sniff.columns
        if (name := fmt.canonical(header)) not in known and not (prefixes and name.startswith(prefixes))
    ]


def _unknown(seen: Seen, formats: Sequence[Format]) -> InputError:
    def nearness(fmt: Format) -> tuple[bool, int, int]:
        """Half of the identifying columns are there; few of them are missing; few of the file's columns are unknown."""
        shared = len(set(fmt.identifies) & _canonical(seen, fmt))
        return 2 * shared >= len(fmt.identifies), shared - len(fmt.identifies), -len(_unknown_columns(seen, fmt))

    candidates = [fmt for fmt in formats if set(fmt.identifies) & _canonical(seen, fmt)]
    nearest = max(candidates, key=nearness, default=None)
    if nearest is None:
        return InputError(
            f"unknown {_columns('column', list(seen.sniff.columns))}: no known format has any of them",
            where=seen.shown,
            hint="a billing export as the provider delivers it, a listing with its manifest, or one of the open formats",
        )
    missing = sorted(set(nearest.identifies) - _canonical(seen, nearest))
    unknown = _unknown_columns(seen, nearest)
    strange = f"; unknown {_columns('column', unknown)}" if unknown else ""
    return InputError(
        f"is no format that is known; nearest is {nearest.title}, {_columns('column', missing)} missing{strange}",
        where=seen.shown,
        hint="export all columns, or rename yours to these",
    )


def _columns(noun: str, names: list[str]) -> str:
    named = ", ".join(f"`{name[:80]}`" for name in names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{noun}{'s' if len(names) > 1 else ''} {named}{more}"
