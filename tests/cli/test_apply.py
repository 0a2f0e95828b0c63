"""`finops apply`: the patch as `finops explain` shows it, on paper or in a file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Ran


def test_the_patch_is_printed_or_written(
    finops: Callable[..., Ran], company: Path, tmp_path: Path, plans: list[dict[str, Any]]
) -> None:
    every = [r for plan in plans for r in plan["recommendations"]]
    with_patch = next(r for r in every if r["patch"])
    ran = finops("apply", with_patch["id"], "--warehouse", company)
    assert ran.code == 0
    assert ran.out.strip() == with_patch["patch"]
    ran = finops("apply", with_patch["id"], "--warehouse", company, "--out", tmp_path / "patches")
    (file,) = (tmp_path / "patches").iterdir()
    assert ran.code == 0
    assert ran.out == ""
    assert with_patch["patch"] in file.read_text()
    assert subprocess.run(["sh", "-n", str(file)], check=False).returncode == 0
    assert finops("apply", with_patch["id"], "--warehouse", company, "--out", tmp_path / "patches").code == 2
    for without in [r for r in every if not r["patch"]][:1]:
        ran = finops("apply", without["id"], "--warehouse", company)
        assert ran.code == 2
        assert "no patch is written" in ran.err
    assert finops("apply", "no-such-id", "--warehouse", company).code == 2


def test_rules_and_sizes_are_also_files_for_a_pull_request(
    finops: Callable[..., Ran], company: Path, tmp_path: Path, plans: list[dict[str, Any]]
) -> None:
    kinds = ("storage_tiering", "rightsizing")
    patched = [r for plan in plans for r in plan["recommendations"] if r["kind"] in kinds and r["patch"]]
    every = list({(r["kind"], r["service"]): r for r in patched}.values())
    endings: set[str] = set()
    for found in every:
        ran = finops("apply", found["id"], "--warehouse", company, "--out", tmp_path / found["id"])
        assert ran.code == 0
        files = {path.suffix: path for path in (tmp_path / found["id"]).iterdir()}
        if ".tf" in files and ".tf" not in endings:
            printed = finops("apply", found["id"], "--warehouse", company, "--form", "tf")
            assert printed.out.strip() == files[".tf"].read_text().strip()
        if ".json" in files:
            assert json.loads(files[".json"].read_text())
        endings |= files.keys()
    assert endings == {".sh", ".tf", ".json"}
    ran = finops("apply", every[0]["id"], "--warehouse", company, "--form", "hcl")
    assert ran.code == 2
    assert "has no form `hcl`" in ran.err
