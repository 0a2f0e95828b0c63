"""The words of the open formats: what the code reads is documented, and what is documented is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from finops.reference import vocabulary

ROOT = Path(__file__).parents[2]
SOURCE = "\n".join(
    path.read_text("utf-8")
    for folder in ("finops", "recommenders")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".sql") and not {"sample", "dashboard"} & set(path.parts)
)
READS = {
    "resources.properties": (
        r"""(?<!\w)properties(?:\.get\(|\[)\s*"(\w+)\"""",
        r"""\.property\(\s*"(\w+)\"""",
        r"""json_extract(?:_string)?\((?:\w+\.)?properties, '\$\.(\w+)'""",
    ),
    "prices.specs": (r"""specs\.get\(\s*"(\w+)\"""", r"""(?<![a-z_])spec\(\s*"(\w+)\""""),
    "metrics.dimensions": (
        r"""dimensions(?:\.get\(|\[)\s*"(\w+)\"""",
        r"""json_extract(?:_string)?\((?:\w+\.)?dimensions, '\$\.(\w+)'""",
    ),
}


def named(column: str) -> set[str]:
    return {name for row in vocabulary() if row["column"] == column for name in row["name"].split(" · ")}


@pytest.mark.parametrize("column", READS)
def test_what_is_read_is_documented(column: str) -> None:
    read = {found for pattern in READS[column] for found in re.findall(pattern, SOURCE)}
    assert read
    assert read <= named(column)


@pytest.mark.parametrize("column", READS)
def test_what_is_documented_is_read(column: str) -> None:
    assert [name for name in sorted(named(column)) if not re.search(rf"\b{name}\b", SOURCE)] == []


def test_a_word_is_told_once() -> None:
    words = [(row["column"], name) for row in vocabulary() for name in row["name"].split(" · ")]
    assert len(words) == len(set(words))
    assert all(row["meaning"].strip() for row in vocabulary())
