"""Records of unequal width: which file lacks columns, which was cut off, and which line is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops.intake.text import ragged


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n", None),
        ("a,b,c\n1,2\n4,5\n", None),  # the last column is never written
        ("a,b,c\n1,2,3\n4,5\n", "line 3 has 2 fields, the header has 3: the file is cut off"),
        ("a,b,c\n1,2\n", "line 2 has 2 fields, the header has 3: the file is cut off"),
        ("a,b,c\n1,2\n4,5\n7\n", "line 4 has 1 fields, the header has 3, the other lines 2: the file is cut off"),
        ("a,b,c\n1,2,3\n4,5\n7,8,9\n", "line 3 has 2 fields, the header has 3"),
        ("a,b,c\n1,2\n4,5,6\n7,8\n", "line 3 has 3 fields, the header has 3, the other lines 2"),
        ("a,b,c\n1,2,3,4\n4,5,6,7\n", "line 2 has 4 fields, the header has 3"),
        ('a,b,c\n1,"2\n2",3\n4,5,6,7\n', "line 4 has 4 fields, the header has 3"),
    ],
)
def test_ragged(tmp_path: Path, text: str, found: str | None) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(text, "utf-8")
    error = ragged(path, ",", "bill.csv")
    assert (error.what if error else None) == found
