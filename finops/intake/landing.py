"""One text or Parquet file → one checked `RawFile`, with the line of everything that is wrong in it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

from finops.connect import Format
from finops.errors import InputError
from finops.intake.sniff import Seen
from finops.intake.text import line_of, ragged, records
from finops.warehouse.checks import NULLS, BadValue, Connection, Unreadable, land_csv, land_json, reading, settle
from finops.warehouse.raw import RawFile

SHOWN_VALUE = 60
"""Characters of a wrong value that an error repeats."""


def landed(connection: Connection, fmt: Format, seen: Seen, scratch: Path) -> RawFile:
    """One sound file. Raises InputError where it cannot be parsed, or a value is not of its column's type."""
    file, wrong = examined(connection, fmt, seen, scratch)
    if wrong:
        raise wrong
    return file


def examined(connection: Connection, fmt: Format, seen: Seen, scratch: Path) -> tuple[RawFile, InputError | None]:
    """The landed file, and what is wrong with its values. Raises InputError where it cannot be parsed."""
    target = scratch / f"{len(list(scratch.iterdir())):06d}.parquet"
    if seen.sniff.container == "csv":
        _land_csv(connection, seen, target)
    elif seen.sniff.container == "jsonl":
        _land_json(connection, fmt, seen, target)
    else:
        target.symlink_to(seen.path.resolve())  # under a name of ours: DuckDB takes `*` and `[` for patterns
    with reading(seen.shown):
        file, wrong = settle(connection, fmt, seen.sniff, str(target))
    return replace(file, facts=seen.facts), _explained(seen, wrong) if wrong else None


def _land_csv(connection: Connection, seen: Seen, target: Path) -> None:
    width = len(seen.sniff.columns)
    try:
        land_csv(connection, seen.path, seen.delimiter, width, target, header=seen.headed)
    except Unreadable:
        if (error := ragged(seen.path, seen.delimiter, seen.shown, () if seen.headed else seen.sniff.columns)) is not None:
            raise error from None
        # Sound for the exact reader: mixed line ends, or last columns that no record has. One dialect suits both.
        plain = target.with_suffix(".csv")
        with plain.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, delimiter=seen.delimiter, lineterminator="\n")
            for _, record in records(seen.path, seen.delimiter, seen.shown):
                writer.writerow(record + [""] * (width - len(record)))
        with reading(seen.shown):
            land_csv(connection, plain, seen.delimiter, width, target, header=seen.headed)


def _land_json(connection: Connection, fmt: Format, seen: Seen, target: Path) -> None:
    try:
        land_json(connection, seen.path, fmt, seen.sniff, target)
    except Unreadable as error:
        with seen.path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                try:
                    json.loads(line or "{}")
                except json.JSONDecodeError as wrong:
                    raise InputError(
                        f"line {number} is no JSON object ({wrong.msg})",
                        where=seen.shown,
                        hint="the file is cut off or damaged; export it again",
                    ) from None
        raise InputError(f"the content cannot be read ({error})", where=seen.shown) from None


def _explained(seen: Seen, wrong: list[BadValue]) -> InputError:
    """The first wrong column with its line, the others by name."""
    bad, *others = wrong
    also = f"; wrong too: {', '.join(f'`{other.header}`' for other in others)}" if others else ""
    line = place(seen, bad.header, {bad.value})
    value = bad.value if len(bad.value) <= SHOWN_VALUE else bad.value[:SHOWN_VALUE] + "…"
    return InputError(
        f"{line}column `{bad.header}`: `{value}` is not {bad.expected}{also}",
        where=seen.shown,
        hint="correct the value, or export the file again in the provider's own notation",
    )


def missing_value(seen: Seen, header: str, column: str) -> InputError:
    line = place(seen, header, set(NULLS)) if header else ""
    return InputError(
        f"{line}column `{header or column}` has no value, and every row needs one",
        where=seen.shown,
        hint="export the column, or remove the row if it is a remark",
    )


def place(seen: Seen, header: str, values: set[str]) -> str:
    """`line 17, ` where the file has lines and the value is found."""
    if seen.sniff.container == "csv" and header in seen.sniff.columns:
        line = line_of(seen.path, seen.delimiter, seen.sniff.columns.index(header), values, seen.shown, headed=seen.headed)
        return f"line {line}, " if line else ""
    if seen.sniff.container == "jsonl":
        with seen.path.open(encoding="utf-8-sig") as file:
            for number, text in enumerate(file, start=1):
                if any(json.dumps(value)[1:-1] in text for value in values if value):
                    return f"line {number}, "
    return ""
