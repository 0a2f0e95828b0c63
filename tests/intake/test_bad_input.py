"""Every bad input is refused by file, line or column and with a remedy, and leaves the published state as it was."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.errors import Refused
from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import LINE, deliver, text

GOOD = text()
THREE = text({}, {"ResourceId": "vm-2"}, {"ResourceId": "vm-3"})


def _plain(content: str | bytes, name: str = "bill.csv") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def _zip_bomb(folder: Path) -> Path:
    path = folder / "bill.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bill.csv", "w") as member:
        for _ in range(80):  # 80 MiB of zeros pack to about 80 KiB: 1,000 to one
            member.write(b"0" * (1 << 20))
    return path


def _zip_of(*members: tuple[str, bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "bill.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members:
                archive.writestr(name, content)
        return path

    return make


def _nested(folder: Path) -> Path:
    inner = _zip_of(("bill.csv", GOOD.encode()))(folder).read_bytes()
    return _zip_of(("inner.zip", inner))(folder)


def _corrupt_parquet(folder: Path) -> Path:
    path = folder / "bill.parquet"
    rows = 5000
    pq.write_table(pa.table({name: [str(value)] * rows for name, value in LINE.items()}), path, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:600] = bytes(596)  # the first data page
    path.write_bytes(content)
    return path


def _manifest(*keys: str, rows: int | None = None, size: int | None = None) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        root = folder / "export"
        run = root / "202610010000" / "73746dc5-5dcc-4b83-b340-bb1bd2b1ca30"
        run.mkdir(parents=True)
        (run / "000001.csv").write_text(GOOD)
        (folder / "elsewhere.csv").write_text(GOOD)
        blobs = [{"blobName": key, "byteCount": size, "dataRowCount": rows} for key in keys]
        (run / "manifest.json").write_text(json.dumps({"manifestVersion": "2024-04-01", "blobs": blobs}))
        return root

    return make


PART = "cost/export/20260901-20260930/202610010000/73746dc5-5dcc-4b83-b340-bb1bd2b1ca30/000001.csv"

CASES: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "truncated gzip": (
        _plain(gzip.compress(THREE.encode())[:-40], "bill.csv.gz"),
        ("bill.csv.gz", "gzip stream is cut off", "export"),
    ),
    "truncated CSV": (_plain(THREE[:-60]), ("bill.csv", "line 4 has", "the header has 24", "cut off", "download")),
    "ragged CSV": (_plain(THREE.replace("vm-2", "vm-2,extra")), ("bill.csv", "line 3 has 25 fields", "quotes")),
    "corrupt Parquet": (_corrupt_parquet, ("bill.parquet", "download")),
    "truncated Parquet": (
        _plain(b"PAR1" + bytes(400), "bill.parquet"),
        ("bill.parquet", "cut off or damaged", "download it again"),
    ),
    "empty file": (_plain(""), ("bill.csv", "the file is empty", "export it again")),
    "header only": (_plain(GOOD.splitlines()[0] + "\n"), ("bill.csv", "no rows", "a month that has charges")),
    "unknown columns": (_plain("Colour,Shape\nred,round\n"), ("bill.csv", "`Colour`, `Shape`", "billing export")),
    "missing column": (
        _plain(text(without=("EffectiveCost",))),
        ("bill.csv", "nearest is FOCUS Cost and Usage", "`EffectiveCost` missing", "export all columns"),
    ),
    "missing required column": (
        _plain(text(without=("BillingCurrency",))),
        ("bill.csv", "column `BillingCurrency` missing", "FOCUS Cost and Usage"),
    ),
    "misspelt column of a closed table": (
        _plain("resource_id,timestamp,period_s,metric,statistic,value,dimension\nvm-1,2026-09-01T00:00:00Z,60,cpu,avg,1,{}\n"),
        ("unknown column `dimension`", "known are", "dimensions"),
    ),
    "text in a cost column": (
        _plain(text({}, {"BilledCost": "twelve"})),
        ("bill.csv", "line 3, column `BilledCost`: `twelve` is not a number", "correct the value"),
    ),
    "wrong date order": (
        _plain(text({}, {"ChargePeriodStart": "13/09/2026"})),
        ("bill.csv", "line 3, column `ChargePeriodStart`: `13/09/2026` is not a time as ISO 8601"),
    ),
    "NaN metric": (
        _plain("resource_id,timestamp,period_s,metric,statistic,value\nvm-1,2026-09-01T00:00:00Z,60,cpu,avg,nan\n"),
        ("line 2, column `value`: `nan` is not a finite number",),
    ),
    "missing value": (
        _plain(text({}, {"BillingCurrency": ""})),
        ("bill.csv", "line 3", "`BillingCurrency` has no value"),
    ),
    "NUL bytes": (_plain(THREE.replace("vm-2", "vm\0")), ("bill.csv", "line 3 holds a NUL byte", "again")),
    "Latin-1": (_plain(THREE.replace("a machine", "eine Größe").encode("latin-1")), ("line 2 is not UTF-8", "iconv")),
    "UTF-16": (_plain(GOOD.encode("utf-16")), ("line 1 begins with a UTF-16 mark", "iconv -f UTF-16")),
    "UTF-16 without a mark": (_plain(GOOD.encode("utf-16-le")), ("the file is UTF-16", "iconv")),
    "duplicated header": (
        _plain(GOOD.replace("ListCost", "BilledCost", 1)),
        ("bill.csv", "line 1", "`BilledCost` twice (columns 1 and 3)", "rename"),
    ),
    "10 MB in one cell": (_plain(THREE.replace("vm-2", "x" * 10_500_000)), ("bill.csv", "line 3", "more than 10 MB")),
    "an unclosed quote": (_plain(THREE.replace("vm-2", '"vm-2')), ("bill.csv", "line 3 begins a record that is not closed")),
    "a zip that expands without bound": (_zip_bomb, ("bill.zip", "expands without bound", "unpack it yourself")),
    "a zip member outside": (_zip_of(("../bill.csv", GOOD.encode())), ("bill.zip", "../bill.csv", "outside the archive")),
    "a zip in a zip": (_nested, ("inner.zip", "archive inside an archive")),
    "a damaged zip": (_plain(b"PK\x03\x04" + bytes(100), "bill.zip"), ("bill.zip", "damaged", "download")),
    "a manifest that names absent files": (
        _manifest(PART, PART.replace("000001", "000002")),
        ("manifest.json", "000002.csv", "absent", "download the whole export"),
    ),
    "a path outside the folder in a manifest": (
        _manifest("../../../elsewhere.csv"),
        ("manifest.json", "outside its folder: ../../../elsewhere.csv"),
    ),
    "fewer rows than the manifest says": (
        _manifest(PART, rows=2),
        ("manifest.json", "promises 2 rows in 000001.csv, there are 1"),
    ),
    "fewer bytes than the manifest says": (_manifest(PART, size=5), ("manifest.json", "promises 5 bytes in 000001.csv")),
    "no such file": (lambda folder: folder / "nothing.csv", ("nothing.csv", "no such file")),
    "an empty pattern": (lambda folder: folder / "*.none", ("matches no file",)),
    "a JSON document": (_plain('{\n "a": 1\n}\n', "x.json"), ("x.json", "line 1 is no JSON object", "jq -c")),
    "cut JSON lines": (
        _plain("\n".join([json.dumps(LINE)] * 40) + '\n{"BilledCost": ', "bill.jsonl"),
        ("bill.jsonl", "line 41 is no JSON object"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_and_changes_nothing(case: str, loaded: Warehouse, tmp_path: Path) -> None:
    make, words = CASES[case]
    folder = tmp_path / "delivery"
    folder.mkdir()
    before = loaded.published()
    with pytest.raises(Refused) as refused:
        deliver(loaded, make(folder))
    message = str(refused.value)
    assert message.startswith("Nothing was loaded")
    assert [word for word in words if word not in message] == [], message
    assert "\n  try: " in message
    assert loaded.published() == before
    assert loaded.published().number == 1


def test_one_refused_file_refuses_the_delivery_with_every_reason(loaded: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "delivery"
    folder.mkdir()
    (folder / "good.csv").write_text(GOOD)
    (folder / "empty.csv").write_text("")
    (folder / "text.csv").write_text(text({"BilledCost": "n/a"}, BillingAccountId="acc-2"))
    with pytest.raises(Refused) as refused:
        deliver(loaded, folder)
    assert len(refused.value.reasons) == 2
    assert "empty.csv" in str(refused.value)
    assert "text.csv" in str(refused.value)
    assert loaded.published().number == 1
