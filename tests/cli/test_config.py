"""Settings: precedence, bounds, and errors that say what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops.config import Config, commented, load_config
from finops.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "finops.toml"
    path.write_text(text)
    return path


def test_flag_before_environment_before_file_before_default(tmp_path: Path) -> None:
    path = written(tmp_path, 'warehouse = "from-file"\n')
    environment = {"FINOPS_WAREHOUSE": "from-environment"}
    assert load_config(path, flags={"warehouse": "flag"}, environment=environment).warehouse == "flag"
    assert load_config(path, flags={"warehouse": None}, environment=environment).warehouse == "from-environment"
    assert load_config(path, environment={}).warehouse == "from-file"
    assert Config().warehouse == "./warehouse"


def test_an_unknown_key_suggests_the_one_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting `warehose`.*`warehouse`") as caught:
        load_config(written(tmp_path, 'warehose = "x"\n'), environment={})
    assert caught.value.exit_code == 2
    assert "finops.toml" in caught.value.where


@pytest.mark.parametrize(
    ("text", "what"),
    [("warehouse = ", "is not TOML"), ("warehouse = 3\n", "warehouse"), ("[[sources]]\nname = 'a'\n", r"sources\.0\.paths")],
)
def test_a_wrong_value_names_its_setting(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        load_config(written(tmp_path, text), environment={})


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "absent.toml", environment={})


def test_paths_of_sources_are_relative_to_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[[sources]]\nname = 'a'\npaths = ['exports/*.csv']\n")
    assert load_config(path, environment={}).sources[0].paths == [str(tmp_path / "exports/*.csv")]


def test_the_commented_file_is_valid_once_uncommented(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") if "=" in line or line.startswith("# [") else line for line in commented().splitlines()]
    config = load_config(written(tmp_path, "\n".join(lines)), environment={})
    assert config.sources[0].name == "main-cloud"
