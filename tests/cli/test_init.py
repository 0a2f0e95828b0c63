"""`finops init`: what is written is valid, and what is named is checked without a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finops.config import load_config
from finops.live.check import checked
from tests.conftest import Ran

Call = Callable[..., Ran]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, no settings of the machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "FINOPS_WAREHOUSE", "FINOPS_PROMETHEUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def found(folder: Path, text: str) -> dict[str, tuple[str, str]]:
    file = folder / "finops.toml"
    file.write_text(f'warehouse = "{folder / "w"}"\n{text}')
    return {finding.setting: (finding.status, finding.detail) for finding in checked(load_config(file, environment={}))}


def test_what_init_writes_passes_its_own_check(finops: Call, tmp_path: Path) -> None:
    file = tmp_path / "finops.toml"
    ran = finops("init", file)
    assert ran.code == 0
    assert "--check" in ran.err
    ran = finops("init", file, "--check", "--format", "json")
    assert ran.code == 0
    assert [row["status"] for row in json.loads(ran.out)] == ["ok"]  # the warehouse
    again = finops("init", file)
    assert again.code == 2
    assert "--check" in again.err
    assert finops("init", tmp_path / "absent.toml", "--check").code == 2


def test_everything_that_is_named_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exports").mkdir()
    monkeypatch.setenv("AWS_PROFILE", "billing")
    result = found(
        tmp_path,
        '[[sources]]\nname = "files"\npaths = ["exports"]\n[[sources]]\nname = "aws"\nconnector = "aws"\n'
        '[sources.settings]\nstreams = ["totals"]\n[recommenders.idle]\n[[budgets]]\nname = "b"\namount = 5\ncurrency = "USD"\n'
        'where = ["tag:team=research"]\n',
    )
    assert result["sources.files.paths"][0] == "ok"
    assert result["sources.aws"] == ("ok", "Amazon Web Services: totals")
    assert result["sources.aws.credentials"] == ("unknown", "credentials by AWS_PROFILE: finops doctor tries what they may do")
    assert result["budgets.where"][0] == "ok"


@pytest.mark.parametrize(
    ("text", "setting", "said"),
    [
        ('[[sources]]\nname = "f"\npaths = ["nothing/*.csv"]\n', "sources.f.paths", "there is nothing"),
        ('[[sources]]\nname = "a"\npaths = ["x"]\n[[sources]]\nname = "a"\npaths = ["x"]\n', "sources.a", "two sources"),
        (
            '[[sources]]\nname = "a"\nconnector = "aws"\nsettings = {streams = ["totls"]}\n',
            "sources.a",
            "did you mean `totals`",
        ),
        ('[[sources]]\nname = "a"\nconnector = "aws"\nsettings = {streams = ["billing"]}\n', "sources.a", "could read"),
        (
            '[[sources]]\nname = "k"\nconnector = "kubernetes"\nsettings = {url = "https://x", token_file = "/absent"}\n',
            "sources.k.settings.token_file",
            "cannot be read",
        ),
        ("[recommenders.idel]\n", "recommenders", "there is no recommender `idel`"),
        ('[[allocation.rules]]\nteam = "t"\nwhere = ["nonsense"]\n', "allocation.rules.where", ""),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, setting: str, said: str) -> None:
    status, detail = found(tmp_path, text)[setting]
    assert status == "wrong"
    assert said in detail


def test_a_wrong_setting_is_exit_code_2(finops: Call, tmp_path: Path) -> None:
    file = tmp_path / "finops.toml"
    file.write_text('[[sources]]\nname = "f"\npaths = ["nothing"]\n')
    ran = finops("init", file, "--check")
    assert ran.code == 2
    assert "1 wrong" in ran.err


def test_nothing_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    text = "".join(f'[[sources]]\nname = "{name}"\nconnector = "{name}"\n' for name in ("aws", "azure", "gcp", "kubernetes"))
    assert {status for status, _ in found(tmp_path, text).values()} <= {"ok", "unknown"}
