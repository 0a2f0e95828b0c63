"""The dependency rule where import-linter cannot see: sizes, names, SDKs, start-up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("finops", "connectors", "recommenders")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PROVIDERS = re.compile(r"(?i)\b(aws|azure|gcp|google|amazon|microsoft|ec2|s3|sagemaker|vertex)\b")
OBJECT_STORE_SCHEME = re.compile(r"s3a?://|['\"]s3['\"]|S3Store|store\.S3")
SDKS = ("boto3", "azure", "google", "streamlit", "pandas", "pyspark")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= 400
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions if (f.end_lineno or 0) - f.lineno + 1 > 40}
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_modules_open_with_one_sentence(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring, "a module says in one sentence what it is"
    assert docstring.splitlines()[0].rstrip().endswith((".", ":")) or len(docstring.splitlines()) > 1


def test_no_provider_is_named_in_finops() -> None:
    named = [
        f"{name(path)}:{number}"
        for path in sorted((ROOT / "finops").rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if PROVIDERS.search(OBJECT_STORE_SCHEME.sub("", line))
    ]
    assert not named, "what differs between clouds is data, or lives in connectors/"


def test_only_the_warehouse_imports_the_engine() -> None:
    outside = [
        name(path)
        for path in SOURCES
        if "warehouse" not in path.parts and re.search(r"^\s*(import|from) (duckdb|deltalake)", path.read_text(), re.MULTILINE)
    ]
    assert not outside


PAGES = [ROOT / "app.py", *sorted((ROOT / "finops" / "dashboard").glob("*.py"))]
ARITHMETIC = (ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
"""Not `+`: lists, texts and days are joined with it. Pixels of a chart are computed where it is drawn (`figures.py`)."""
SUMS = ("sum", "round", "quantize", "cents", "mean", "median", "fsum")
STATEMENT = re.compile(r"(?is)\bselect\b.+\bfrom\b|\b(rows|sql)\s*\(")


def computed(path: Path) -> list[str]:
    """What a page computes or asks in SQL: operators on amounts, sums, statements, reads past `finops.queries`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ARITHMETIC) and path.name != "figures.py":
            found.append(f"{name(path)}:{node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in (*SUMS, "rows") and ast.unparse(node.func) != "render.rows":
                found.append(f"{name(path)}:{node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.search(node.value):
            found.append(f"{name(path)}:{node.lineno}: {node.value}")
    return found


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_pages_compute_nothing_and_hold_no_sql(path: Path) -> None:
    assert computed(path) == []


@pytest.mark.parametrize(
    "line",
    ["x = a.cost - b.cost", "x = sum(r.amount for r in rows)", "x *= 2", "at.reader.rows('x')", "q = 'select a from b'"],
)
def test_a_page_that_computes_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "page.py").write_text(line)
    assert computed(tmp_path / "page.py")


def test_help_imports_no_sdk_and_no_engine() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-c",
            "import sys; sys.argv = ['finops', '--help']; from finops.cli import main; main()",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in run.stderr.splitlines() if "|" in line}
    assert not imported & {*SDKS, "duckdb", "deltalake", "pyarrow", "numpy", "scipy", "pydantic", "sqlglot", "rich"}
    assert "Usage: finops" in run.stdout


def test_only_the_dashboard_imports_streamlit() -> None:
    outside = [
        name(path)
        for path in SOURCES
        if "dashboard" not in path.parts and re.search(r"^\s*(import|from) (streamlit|altair)", path.read_text(), re.MULTILINE)
    ]
    assert not outside


def test_cloud_sdks_are_imported_where_they_are_used() -> None:
    at_module_level = [
        f"{name(path)}: {ast.unparse(node)}"
        for path in SOURCES
        if "dashboard" not in path.parts  # only the app imports it, and the app is streamlit's
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(module.split(".")[0] in SDKS for module in [getattr(node, "module", None) or "", *(a.name for a in node.names)])
    ]
    assert not at_module_level


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "base", "common", "misc"])
def test_no_file_that_nobody_could_place(word: str) -> None:
    assert not [name(path) for path in SOURCES if word in path.stem.split("_")]
