"""The documents say what the code does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from finops.reference import page
from tests.conftest import Ran

ROOT = Path(__file__).parents[2]


def test_the_reference_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == page(), "run `make docs`"


def test_the_readme_fits_on_two_screens() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_every_module_named_in_the_architecture_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for name in re.findall(r"`((?:finops|connectors|recommenders|tests)/[\w/]+\.(?:py|sql))`", text):
        assert (ROOT / name).exists(), name


def test_every_connector_has_its_notes() -> None:
    for folder in (ROOT / "connectors").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert (folder / "README.md").exists(), folder.name


def transcripts() -> list[tuple[str, list[str]]]:
    """Command and printed lines of each console block of the README."""
    blocks = re.findall(r"```console\n\$ finops (.+?)\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    return [(command, output.splitlines()) for command, output in blocks]


@pytest.mark.parametrize(("command", "shown"), transcripts(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_transcript_is_real_output(
    finops: Callable[..., Ran], company: Path, command: str, shown: list[str], request: pytest.FixtureRequest
) -> None:
    printed = finops(*shlex.split(command), "--warehouse", company).out.splitlines()
    if request.config.getoption("--update"):
        old, new = ("\n".join([f"$ finops {command}", *lines, "```"]) for lines in (shown, printed))
        readme = ROOT / "README.md"
        readme.write_text(readme.read_text("utf-8").replace(old, new), "utf-8")
        return
    assert printed == shown


def test_the_readme_has_transcripts() -> None:
    assert len(transcripts()) >= 2
