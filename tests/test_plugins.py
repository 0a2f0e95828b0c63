"""Connectors by name: ours, those of entry points, and a stranger's package of the same name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import finops
from finops.config import Source
from finops.errors import ConfigError
from finops.live.plan import open_source

HOME = Path(finops.__file__).parents[1]


def _python(code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """Run in an interpreter of its own: what is discovered is kept for the life of a process."""
    paths = os.pathsep.join(map(str, path))
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths}
    )


def _installed(folder: Path, value: str) -> Path:
    """A distribution that offers a connector."""
    info = folder / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[finops.connectors]\nother = {value}\n")
    (folder / "other_cloud.py").write_text(
        "from dataclasses import replace\nfrom connectors.files import FORMATS as OURS\n"
        "FORMATS = (replace(OURS[0], name='other-bill'),)\nNUMBER = 1\n"
    )
    return folder


NAMES = "from finops import plugins; print(*(fmt.name for fmt in plugins.formats()))"


def test_a_connector_of_an_entry_point_is_found(tmp_path: Path) -> None:
    ran = _python(NAMES, HOME, _installed(tmp_path, "other_cloud"))
    assert ran.stdout.split()[-1:] == ["other-bill"], ran.stderr
    assert "focus" in ran.stdout.split()


def test_an_entry_point_that_is_no_module_is_refused(tmp_path: Path) -> None:
    ran = _python(NAMES, HOME, _installed(tmp_path, "other_cloud:NUMBER"))
    assert "the entry point `other` names no module" in ran.stderr


def test_a_strangers_package_of_our_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "__init__.py").write_text("")
    ran = _python(NAMES, tmp_path, HOME)
    assert "`connectors` is not the package of finops but" in ran.stderr


@pytest.mark.parametrize(
    ("connector", "package"),
    [
        ("aws", "boto3"),
        ("azure", "azure.identity"),
        ("azure", "azure.storage.blob"),
        ("gcp", "google.auth"),
        ("gcp", "google.cloud.storage"),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, connector: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"needs the package {package}") as caught:
        open_source(Source(name="bill", connector=connector))
    assert caught.value.hint == f"pip install 'finops[{connector}]'"
